"""Small tools for painting with numpy: colours, soft steps, noise, lighting.

Everything works on float32 arrays with values in 0..1; colour fields are planar, (3, height, width), which numpy
processes several times faster than interleaved ones. Lengths are in units of the painted thing, so that the
same random draw gives the same picture at any size.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.floating]
Colour = tuple[float, float, float]

TAU = 2.0 * np.pi


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """An RGB colour in 0..1; the hue may be any number and wraps around."""
    return colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0))


def flat(shape: tuple[int, int], colour: Colour) -> Array:
    """A field of a single colour."""
    field = np.empty((3, *shape), np.float32)
    field[:] = planes(colour)
    return field


def planes(colour: Colour) -> Array:
    """A colour in a shape that broadcasts over a field."""
    return np.asarray(colour, np.float32)[:, None, None]


def ramp(x: Array, start: float, stop: float) -> Array:
    """0 where `x` is below `start`, 1 above `stop`, linear between (also for `start` > `stop`)."""
    return np.clip((x - np.float32(start)) * np.float32(1.0 / (stop - start)), 0.0, 1.0)


def line(distance: Array, width: float, pixel: float) -> Array:
    """Coverage of a line of half-width `width` around distance 0, with an edge one pixel wide."""
    return np.clip((np.float32(width) - np.abs(distance)) * np.float32(1.0 / pixel) + np.float32(0.5), 0.0, 1.0)


def blend(field: Array, colour: Colour | Array, amount: Array) -> None:
    """Paint `colour` over `field` in place, with the opacity `amount`."""
    field += ((planes(colour) if isinstance(colour, tuple) else colour) - field) * amount


def segment(u: Array, v: Array, a: Sequence[float], b: Sequence[float]) -> tuple[Array, Array]:
    """Distance to the segment from `a` to `b`, and how far along it (0..1) the nearest point lies."""
    along = np.asarray(b, np.float32) - np.asarray(a, np.float32)
    du, dv = u - np.float32(a[0]), v - np.float32(a[1])
    t = np.clip((du * along[0] + dv * along[1]) / np.float32(along @ along), 0.0, 1.0)
    return np.hypot(du - t * along[0], dv - t * along[1]), t


def ellipse(u: Array, v: Array, centre: Sequence[float], radii: Sequence[float], turn: float = 0.0) -> Array:
    """Approximate signed distance to an ellipse: exact on the outline, good near it."""
    du, dv = u - np.float32(centre[0]), v - np.float32(centre[1])
    if turn:
        c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        du, dv = c * du + s * dv, c * dv - s * du
    return (np.hypot(du / np.float32(radii[0]), dv / np.float32(radii[1])) - 1.0) * np.float32(min(radii))


def polygon(u: Array, v: Array, corners: Sequence[Sequence[float]]) -> Array:
    """Signed distance to a convex polygon (corners clockwise as seen with v pointing down)."""
    distance: Array | None = None
    points = np.asarray(corners, np.float32)
    for a, b in zip(points, np.roll(points, -1, axis=0), strict=True):
        edge = b - a
        normal = np.array((edge[1], -edge[0]), np.float32) / np.float32(np.hypot(*edge))
        side = (u - a[0]) * normal[0] + (v - a[1]) * normal[1]
        distance = side if distance is None else np.maximum(distance, side)
    assert distance is not None
    return distance


def stretch(grid: Array, shape: tuple[int, int]) -> Array:
    """A small grid enlarged to `shape` with smooth (bicubic) interpolation."""
    height, width = shape
    picture = Image.fromarray(np.ascontiguousarray(grid, np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


def noise(rng: np.random.Generator, shape: tuple[int, int], cells: float, octaves: int = 1) -> Array:
    """Smooth noise of roughly -1..1 with about `cells` blobs along the shorter side."""
    height, width = shape
    short = min(height, width)
    total: Array | None = None
    for octave in range(octaves):
        count = cells * 2.0**octave
        rows, columns = (max(2, round(count * side / short)) for side in (height, width))
        field = stretch(rng.uniform(-1.0, 1.0, (rows, columns)).astype(np.float32), shape)
        total = field if total is None else total + field * np.float32(0.5**octave)
    assert total is not None
    return total


def slopes(field: Array) -> tuple[Array, Array]:
    """Differences per pixel along v (rows) and u (columns); central inside, one-sided at the border."""
    dv, du = np.empty_like(field), np.empty_like(field)
    dv[1:-1] = (field[2:] - field[:-2]) * np.float32(0.5)
    dv[0], dv[-1] = field[1] - field[0], field[-1] - field[-2]
    du[:, 1:-1] = (field[:, 2:] - field[:, :-2]) * np.float32(0.5)
    du[:, 0], du[:, -1] = field[:, 1] - field[:, 0], field[:, -1] - field[:, -2]
    return dv, du


def coverage(distance: Array) -> Array:
    """The fraction of each pixel inside the outline `distance` = 0.

    The field is divided by its own slope, so that any smooth implicit function gives an edge one pixel wide.
    """
    dv, du = slopes(distance)
    slope = np.hypot(dv, du)
    return np.clip(np.float32(0.5) - distance / np.maximum(slope, np.float32(1e-6)), 0.0, 1.0)


def light(colour: Array, height: Array, pixel: float, direction: float, gloss: float) -> Array:
    """Shade a relief with a lamp: diffuse light everywhere, and a highlight where the surface faces the lamp.

    Screen directions: `direction` is the angle towards the lamp with v pointing down.
    """
    dv, du = slopes(height)
    scale = np.float32(1.0 / pixel)
    nu, nv = -du * scale, -dv * scale
    length = 1.0 / np.sqrt(nu * nu + nv * nv + 1.0)
    lu, lv, lz = 0.62 * np.cos(direction), 0.62 * np.sin(direction), 0.785
    facing = (nu * np.float32(lu) + nv * np.float32(lv) + np.float32(lz)) * length
    shaded = colour * (np.float32(0.42) + np.float32(0.74) * np.maximum(facing, 0.0))
    if gloss > 0:
        shaded += np.float32(gloss) * np.maximum(facing, 0.0) ** 14
    return shaded
