"""Backgrounds of the bundled world: two or three quiet colours in one of seven textures, lit from one side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .paint import TAU, Array, Colour, blend, flat, hsv, noise, planes, ramp, stretch

Amount = Callable[[Array, Array, np.random.Generator], Array]


def _plain(x: Array, y: Array, rng: np.random.Generator) -> Array:
    angle = rng.uniform(0, TAU)
    return ramp(x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)), -1.0, 1.0)


def _clouds(x: Array, y: Array, rng: np.random.Generator) -> Array:
    return np.clip(noise(rng, x.shape, rng.uniform(3, 6), 3) * np.float32(0.6) + np.float32(0.5), 0, 1)


def _blotches(x: Array, y: Array, rng: np.random.Generator) -> Array:
    edge = rng.uniform(0.1, 0.5)
    return ramp(noise(rng, x.shape, rng.uniform(5, 13), 2), -edge, edge)


def _stripes(x: Array, y: Array, rng: np.random.Generator) -> Array:
    angle, rate = rng.uniform(0, TAU), rng.uniform(9, 30)
    phase = (x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) * np.float32(rate)
    phase = phase + noise(rng, x.shape, 3) * np.float32(rng.uniform(0, 2.2))
    edge = rng.uniform(0.2, 1.0)
    return ramp(np.sin(phase), -edge, edge)


def _weave(x: Array, y: Array, rng: np.random.Generator) -> Array:
    angle, rate = rng.uniform(0, TAU), rng.uniform(12, 32)
    c, s = np.float32(np.cos(angle) * rate), np.float32(np.sin(angle) * rate)
    wave = np.sin(x * c + y * s) * np.sin(y * c - x * s)
    return ramp(wave, -0.5, 0.5)


def _speckle(x: Array, y: Array, rng: np.random.Generator) -> Array:
    return ramp(noise(rng, x.shape, rng.uniform(24, 48)), rng.uniform(-0.1, 0.3), 0.6)


def _rings(x: Array, y: Array, rng: np.random.Generator) -> Array:
    """Growth rings around a point beside the picture, as in a plank."""
    angle = rng.uniform(0, TAU)
    far = np.hypot(x - np.float32(1.7 * np.cos(angle)), y - np.float32(1.7 * np.sin(angle)))
    return np.sin((far + noise(rng, x.shape, 3) * np.float32(0.06)) * np.float32(rng.uniform(25, 45))) * 0.5 + 0.5


TEXTURES: tuple[Amount, ...] = (_plain, _clouds, _blotches, _stripes, _weave, _speckle, _rings)


def _palette(rng: np.random.Generator) -> tuple[Colour, Colour, Colour]:
    hue = rng.uniform()
    value = rng.uniform(0.30, 0.85)
    spread = rng.uniform(0.06, 0.22) * rng.choice((-1.0, 1.0))
    return (
        hsv(hue, rng.uniform(0.05, 0.55), value),
        hsv(hue + rng.uniform(-0.12, 0.12), rng.uniform(0.05, 0.55), value + spread),
        hsv(hue + rng.uniform(-0.3, 0.3), rng.uniform(0.05, 0.5), value + rng.uniform(-0.15, 0.15)),
    )


def background(rng: np.random.Generator, shape: tuple[int, int], direction: float) -> Array:
    """A textured background, brighter on the side of the lamp."""
    height, width = shape
    short = np.float32(min(shape))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x = (x * 2 + 1 - width) / short
    y = (y * 2 + 1 - height) / short
    first, second, third = _palette(rng)
    texture = TEXTURES[rng.integers(len(TEXTURES))]
    amount = texture(x, y, rng).astype(np.float32)
    # Two of the colours alternate with the texture; the third is mixed in with low-frequency noise.
    clouds = stretch(rng.uniform(-0.5, 1.0, (4, 4)).astype(np.float32), shape).clip(0, 1) * np.float32(0.6)
    field = flat(shape, first)
    field += (planes(second) - planes(first)) * amount
    blend(field, third, clouds)
    tilt = x * np.float32(np.cos(direction)) + y * np.float32(np.sin(direction))
    lamp = np.float32(1.0) + np.float32(rng.uniform(0.05, 0.22)) * tilt
    lamp += noise(rng, shape, 40) * np.float32(rng.uniform(0.0, 0.06))
    field *= lamp
    return field
