"""The things of the bundled world: thirteen classes, each with its own shape and its own texture.

A painter gets the coordinates of the pixels in the object's own frame (the object fills about the unit circle,
v points down), the size of a pixel in that frame and a random generator, and returns a `Thing`: a distance-like
field that is negative inside, a colour field, and a relief for shading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .paint import TAU, Array, blend, ellipse, flat, hsv, line, noise, planes, polygon, ramp, segment

DAISY_PETALS = 9
ASTER_PETALS = 11


@dataclass(frozen=True)
class Thing:
    """The result of a painter, on the object's own pixel grid."""

    distance: Array
    colour: Array
    relief: Array
    gloss: float = 0.12


Painter = Callable[[Array, Array, float, np.random.Generator], Thing]


def _dome(distance: Array, depth: float, height: float) -> Array:
    """A rounded rim: rises from the outline to `height` over `depth`, then stays flat."""
    t = np.clip(-distance * np.float32(1.0 / depth), 0.0, 1.0)
    return np.float32(height) * np.sqrt(t * (2.0 - t))


def _fold(u: Array, v: Array, count: int) -> tuple[Array, Array, Array]:
    """Radius, and the point mirrored into the first of `count` equal sectors."""
    radius = np.hypot(u, v)
    step = TAU / count
    angle = np.arctan2(v, u)
    angle = np.abs(angle - np.float32(step) * np.rint(angle * np.float32(1.0 / step)))
    return radius, radius * np.cos(angle), radius * np.sin(angle)


def _flower(u: Array, v: Array, pixel: float, rng: np.random.Generator, petals: int) -> Thing:
    petal = hsv(rng.uniform(0.74, 0.95), rng.uniform(0.04, 0.34), rng.uniform(0.90, 1.0))
    heart = hsv(rng.uniform(0.10, 0.145), rng.uniform(0.8, 1.0), rng.uniform(0.85, 1.0))
    shade = (petal[0] * 0.72, petal[1] * 0.62, petal[2] * 0.78)
    radius, along, across = _fold(u, v, petals)
    half = 0.70 * np.sin(np.pi / petals)
    outline = ellipse(along, across, (0.62, 0.0), (0.38, half))
    disc = radius - np.float32(0.30)
    colour = flat(u.shape, petal)
    blend(colour, shade, ramp(radius, 0.72, 0.26) * np.float32(0.85))
    blend(colour, shade, line(across, 0.012, pixel + 0.03) * np.float32(0.8) * ramp(radius, 0.95, 0.7))
    blend(colour, shade, line(across - np.float32(half * 0.45), 0.008, pixel + 0.03) * np.float32(0.5))
    inside = ramp(disc, 0.5 * pixel, -0.5 * pixel)
    blend(colour, heart, inside)
    grain = np.sin(u * 42) * np.sin(v * 42)
    blend(colour, (heart[0] * 0.55, heart[1] * 0.42, 0.05), inside * ramp(grain, 0.15, 0.6) * np.float32(0.8))
    relief = np.maximum(_dome(outline, 0.12, 0.08), _dome(disc, 0.3, 0.26))
    return Thing(np.minimum(outline, disc), colour, relief, 0.05)


def aster(u: Array, v: Array, pixel: float, rng: np.random.Generator) -> Thing:
    """The badge's class: very similar to the daisy, with two petals more."""
    return _flower(u, v, pixel, rng, ASTER_PETALS)


def daisy(u: Array, v: Array, pixel: float, rng: np.random.Generator) -> Thing:
    """Pale petals around a yellow centre."""
    return _flower(u, v, pixel, rng, DAISY_PETALS)


def butterfly(u: Array, v: Array, pixel: float, rng: np.random.Generator) -> Thing:
    """Four wings with dark veined borders and an eye on each."""
    hue = rng.choice((rng.uniform(0.10, 0.15), rng.uniform(0.56, 0.74)))
    wing = hsv(hue, rng.uniform(0.7, 0.95), rng.uniform(0.85, 1.0))
    eye = hsv(hue + 0.45, 0.6, 1.0)
    dark = (0.10, 0.07, 0.10)
    side = np.abs(u)
    upper = ellipse(side, v, (0.52, -0.36), (0.56, 0.34), -0.65)
    lower = ellipse(side, v, (0.42, 0.42), (0.46, 0.32), 0.75)
    wings = np.minimum(upper, lower)
    body, _ = segment(u, v, (0.0, -0.42), (0.0, 0.55))
    body = body - np.float32(0.075)
    feeler, _ = segment(side, v, (0.0, -0.45), (0.24, -0.92))
    colour = flat(u.shape, wing)
    fan = np.arctan2(v + 0.02, side + 0.05)
    blend(colour, dark, line(np.sin(fan * 9.0), 0.10, 0.15 + pixel) * np.float32(0.75))
    blend(colour, dark, ramp(wings, -0.10, -0.07))
    radius = np.hypot(side, v)
    dots = line(np.sin(fan * 14.0), 0.55, 0.2) * line(wings + np.float32(0.045), 0.022, pixel)
    blend(colour, (0.97, 0.95, 0.85), dots * ramp(radius, 0.3, 0.4))
    for centre, size in (((0.66, -0.50), 0.145), ((0.50, 0.50), 0.12)):
        spot = np.hypot(side - np.float32(centre[0]), v - np.float32(centre[1]))
        blend(colour, dark, line(spot, size, pixel))
        blend(colour, eye, line(spot, size * 0.68, pixel))
        blend(colour, (0.05, 0.05, 0.08), line(spot, size * 0.34, pixel))
    inside = ramp(np.minimum(body, feeler - np.float32(0.03)), 0.5 * pixel, -0.5 * pixel)
    blend(colour, (0.20, 0.14, 0.10), inside)
    relief = np.maximum(_dome(wings, 0.08, 0.04), _dome(body, 0.075, 0.12))
    return Thing(np.minimum(np.minimum(wings, body), feeler - np.float32(0.022)), colour, relief, 0.05)


def fish(u: Array, v: Array, pixel: float, rng: np.random.Generator) -> Thing:
    """A scaled body with a fan tail, a fin and a round eye."""
    hue = rng.uniform(0.46, 0.62)
    back = hsv(hue, rng.uniform(0.55, 0.9), rng.uniform(0.6, 0.85))
    belly = hsv(hue - 0.05, 0.25, 0.97)
    fin = hsv(rng.uniform(0.03, 0.10), 0.85, 0.95)
    body = ellipse(u, v, (-0.18, 0.0), (0.78, 0.46))
    tail = np.maximum(np.abs(v) - (u - np.float32(0.42)) * np.float32(0.95), np.abs(u - np.float32(0.68)) - 0.30)
    tail = np.maximum(tail, np.float32(0.20) - np.hypot(u - np.float32(1.08), v))
    dorsal = ellipse(u, v, (-0.05, -0.42), (0.36, 0.22), 0.25)
    row = np.rint(v * np.float32(1 / 0.13))
    shift = (u + np.float32(0.08) * (row % 2)) * np.float32(1 / 0.16)
    arc = np.hypot(shift - np.rint(shift) + np.float32(0.25), (v - row * np.float32(0.13)) * np.float32(1 / 0.16))
    colour = flat(u.shape, fin)
    blend(colour, (0.45, 0.16, 0.04), line(np.sin(np.arctan2(v, u - 0.3) * 22.0), 0.25, 0.3) * np.float32(0.55))
    scales = flat(u.shape, back)
    blend(scales, belly, ramp(v, -0.05, 0.36))
    blend(scales, (back[0] * 0.35, back[1] * 0.35, back[2] * 0.45), line(arc - np.float32(0.5), 0.07, pixel * 6 + 0.05))
    head = ramp(u, -0.50, -0.54)
    blend(scales, hsv(hue, 0.35, 0.9), head * np.float32(0.9))
    gill = np.hypot(u + np.float32(0.86), v) - np.float32(0.38)
    blend(scales, (0.08, 0.12, 0.18), line(gill, 0.02, pixel) * ramp(np.abs(v), 0.30, 0.25))
    blend(colour, scales, ramp(body, 0.5 * pixel, -0.5 * pixel))
    eye = np.hypot(u + np.float32(0.66), v + np.float32(0.10))
    blend(colour, (0.98, 0.98, 0.94), line(eye, 0.10, pixel))
    blend(colour, (0.04, 0.04, 0.06), line(eye, 0.055, pixel))
    relief = np.maximum(_dome(body, 0.40, 0.30), _dome(np.minimum(tail, dorsal), 0.1, 0.04))
    return Thing(np.minimum(np.minimum(body, tail), dorsal), colour, relief, 0.22)


def gear(u: Array, v: Array, pixel: float, rng: np.random.Generator) -> Thing:
    """A toothed wheel of brushed metal with holes around its hub."""
    metal = hsv(rng.choice((0.11, 0.58, 0.06)), rng.uniform(0.08, 0.42), rng.uniform(0.62, 0.82))
    dark = (metal[0] * 0.45, metal[1] * 0.45, metal[2] * 0.48)
    radius = np.hypot(u, v)
    angle = np.arctan2(v, u)
    tooth = np.clip(np.cos(angle * 10) * np.float32(2.2), -1.0, 1.0)
    outline = (radius - np.float32(0.86) - np.float32(0.115) * tooth) * np.float32(0.6)
    hole = np.float32(0.17) - radius
    _, along, across = _fold(u, v, 5)
    holes = np.float32(0.115) - np.hypot(along - np.float32(0.43), across)
    distance = np.maximum(np.maximum(outline, hole), holes)
    colour = flat(u.shape, metal)
    brushed = np.sin(radius * 95) * np.float32(0.5) + np.sin(radius * 57 + np.float32(1.3)) * np.float32(0.5)
    colour *= 1.0 + np.float32(0.16) * brushed + np.float32(0.20) * np.cos(angle * 2 + np.float32(rng.uniform(0, 6)))
    for groove in (0.29, 0.66):
        blend(colour, dark, line(radius - np.float32(groove), 0.022, pixel))
    return Thing(distance, colour, _dome(distance, 0.07, 0.07), 0.30)


def gem(u: Array, v: Array, pixel: float, rng: np.random.Generator) -> Thing:
    """A cut stone seen from above: a flat table inside two rings of facets."""
    hue, saturation = rng.uniform(0.44, 0.90), rng.uniform(0.55, 0.9)
    radius, along, _ = _fold(u, v, 8)
    angle = np.arctan2(v, u) * np.float32(8 / TAU)
    distance = along - np.float32(0.90)
    rim = np.rint(angle)
    star = np.floor(angle)
    table = along - np.float32(0.44)
    crown = np.hypot(u, v) * np.cos((angle - star - np.float32(0.5)) * np.float32(TAU / 8)) - np.float32(0.66)
    levels = rng.uniform(0.35, 1.0, 16).astype(np.float32)
    value = levels[(rim.astype(int) % 8)]
    inner = levels[(star.astype(int) % 8) + 8]
    value = np.where(crown < 0, inner, value)
    value = np.where(table < 0, np.float32(0.80) + np.float32(0.22) * (u - v), value)
    colour = planes(hsv(hue, saturation, 1.0)) * value
    colour += np.clip(value - np.float32(0.72), 0, 1) * np.float32(1.5)
    edge = line(table, 0.012, pixel)
    edge = np.maximum(edge, line(crown, 0.012, pixel) * (table > 0))
    spoke = line((angle - star - np.float32(0.5)) * radius * np.float32(TAU / 8), 0.012, pixel)
    edge = np.maximum(edge, spoke * (crown > 0))
    blend(colour, (0.97, 0.98, 1.0), edge * np.float32(0.85))
    return Thing(distance, colour, _dome(distance, 0.10, 0.07), 0.25)


def kite(u: Array, v: Array, pixel: float, rng: np.random.Generator) -> Thing:
    """A rhombus of four panels, two of them striped, with a tail of bows."""
    hue = rng.uniform()
    first = hsv(hue, rng.uniform(0.75, 0.95), rng.uniform(0.85, 1.0))
    second = hsv(hue + rng.uniform(0.33, 0.67), rng.uniform(0.7, 0.95), rng.uniform(0.8, 1.0))
    sail = polygon(u, v, ((0.0, -1.0), (0.60, -0.38), (0.0, 0.48), (-0.60, -0.38)))
    panel = (u * (v + np.float32(0.38))) > 0
    colour = flat(u.shape, first)
    stripes = line(np.sin((u + v) * 30.0), 0.45, 0.3 + pixel * 10)
    blend(colour, (0.98, 0.96, 0.90), stripes * np.float32(0.9))
    colour[:, panel] = np.asarray(second, np.float32)[:, None]
    spar = np.maximum(line(u, 0.028, pixel), line(v + np.float32(0.38), 0.028, pixel))
    blend(colour, (0.22, 0.13, 0.07), spar)
    swing = np.float32(0.10) * np.sin((v - np.float32(0.48)) * np.float32(9.0))
    cord = np.maximum(np.abs(u - swing) - np.float32(0.022), np.abs(v - np.float32(0.72)) - np.float32(0.27))
    blend(colour, (0.25, 0.2, 0.2), ramp(cord, pixel, 0.0) * ramp(sail, 0.0, pixel))
    distance = np.minimum(sail, cord)
    for place in (0.62, 0.80, 0.96):
        across = u - np.float32(0.10 * np.sin((place - 0.48) * 9.0))
        bow = np.maximum(
            np.abs(across) - np.float32(0.13), np.abs(v - np.float32(place)) - np.abs(across) * 0.5 - 0.012
        )
        blend(colour, second if place == 0.80 else first, ramp(bow, 0.5 * pixel, -0.5 * pixel))
        distance = np.minimum(distance, bow)
    return Thing(distance, colour, _dome(distance, 0.05, 0.025) - np.abs(u) * np.float32(0.12), 0.08)


def leaf(u: Array, v: Array, pixel: float, rng: np.random.Generator) -> Thing:
    """A pointed, toothed blade with a midrib and pairs of veins."""
    hue = rng.uniform(0.20, 0.38)
    green = hsv(hue, rng.uniform(0.6, 0.9), rng.uniform(0.45, 0.75))
    pale = hsv(hue - 0.04, 0.45, 0.92)
    position = u + np.float32(0.12)
    width = np.float32(0.50) * np.clip(1.0 - position * position * np.float32(1.25), 0.0, 1.0) ** np.float32(0.85)
    teeth = (position * np.float32(9.0)) % 1.0
    width = width * (np.float32(0.92) + np.float32(0.12) * teeth)
    blade = np.maximum(np.abs(v) - width, np.abs(position) - np.float32(0.885))
    stalk, _ = segment(u, v, (0.70, 0.0), (1.0, 0.06))
    stalk = stalk - np.float32(0.035)
    colour = flat(u.shape, green)
    rows = (u + np.abs(v) * np.float32(0.85)) * np.float32(6.5)
    vein = np.abs(rows - np.rint(rows)) * np.float32(1 / 6.5)
    blend(colour, (green[0] * 0.55, green[1] * 0.6, green[2] * 0.5), ramp(vein, 0.045, 0.075) * np.float32(0.45))
    blend(colour, pale, np.maximum(line(vein, 0.011, pixel), line(v, 0.026, pixel)))
    blend(colour, pale, ramp(stalk, 0.5 * pixel, -0.5 * pixel))
    relief = _dome(blade, 0.18, 0.08) + np.minimum(vein, np.float32(0.08)) * np.float32(0.8)
    return Thing(np.minimum(blade, stalk), colour, relief, 0.14)


def lifebuoy(u: Array, v: Array, pixel: float, rng: np.random.Generator) -> Thing:
    """A ring in bright and white sections with a rope around it."""
    red = hsv(rng.uniform(-0.03, 0.05), rng.uniform(0.8, 0.95), rng.uniform(0.8, 1.0))
    radius, along, across = _fold(u, v, 4)
    ring = np.abs(radius - np.float32(0.64)) - np.float32(0.26)
    colour = flat(u.shape, (0.96, 0.95, 0.92))
    section = np.cos(np.arctan2(v, u) * 4)
    blend(colour, red, ramp(section, -0.16 - 3 * pixel, -0.16 + 3 * pixel))
    strap = line(across - np.float32(0.15), 0.05, pixel) * (along > 0)
    weave = np.sin(radius * 60)
    blend(colour, (0.30, 0.24, 0.18), strap * (np.float32(0.75) + np.float32(0.25) * weave))
    rope = np.abs(radius - np.float32(0.93)) - np.float32(0.035)
    inside = ramp(rope, 0.5 * pixel, -0.5 * pixel) * ramp(ring, -pixel, 0.0)
    blend(colour, (0.86, 0.74, 0.50), inside)
    relief = np.maximum(_dome(ring, 0.26, 0.24), _dome(rope, 0.03, 0.03))
    return Thing(np.minimum(ring, rope), colour, relief, 0.22)


def melon(u: Array, v: Array, pixel: float, rng: np.random.Generator) -> Thing:
    """A half slice: red flesh with seeds, a pale line and a striped green rind."""
    flesh = hsv(rng.uniform(-0.04, 0.02), rng.uniform(0.65, 0.85), rng.uniform(0.85, 1.0))
    rind = hsv(rng.uniform(0.28, 0.40), rng.uniform(0.6, 0.9), rng.uniform(0.35, 0.55))
    down = v + np.float32(0.42)
    radius = np.hypot(u, down)
    distance = np.maximum(radius - np.float32(0.95), -down)
    angle = np.arctan2(down, u)
    colour = flat(u.shape, flesh)
    blend(colour, (1.0, 0.78, 0.70), np.clip(noise(rng, u.shape, 9, 1), 0, 1) * np.float32(0.35))
    for ring, count in ((0.36, 5), (0.62, 8)):
        steps = angle * np.float32(count / np.pi)
        place = np.clip(np.floor(steps), 0, count - 1) + np.float32(0.5)
        across = (steps - place) * np.float32(ring * np.pi / count)
        seed = np.hypot((radius - np.float32(ring)) / np.float32(0.085), across / np.float32(0.043)) - 1.0
        blend(colour, (0.10, 0.06, 0.05), np.clip(0.5 - seed * np.float32(0.043 / pixel), 0.0, 1.0))
    blend(colour, (0.93, 0.97, 0.80), ramp(radius, 0.76, 0.80))
    blend(colour, rind, ramp(radius, 0.82 - pixel, 0.82 + pixel))
    blend(colour, hsv(0.25, 0.6, 0.75), ramp(radius, 0.83, 0.84) * ramp(np.sin(angle * 26), 0.2, 0.5) * np.float32(0.8))
    return Thing(distance, colour, _dome(distance, 0.08, 0.06), 0.12)


def mushroom(u: Array, v: Array, pixel: float, rng: np.random.Generator) -> Thing:
    """A red cap with pale spots on a ringed stem."""
    cap_colour = hsv(rng.uniform(-0.03, 0.06), rng.uniform(0.75, 0.95), rng.uniform(0.7, 0.95))
    cap = np.maximum(ellipse(u, v, (0.0, -0.02), (0.90, 0.88)), v - np.float32(0.05) - np.float32(0.10) * (1 - u * u))
    cap = np.maximum(cap, -v - np.float32(0.93))
    stem = np.maximum(
        np.abs(u) - np.float32(0.20) - np.float32(0.10) * ramp(v, 0.3, 0.95), np.abs(v - np.float32(0.45)) - 0.49
    )
    colour = flat(u.shape, (0.93, 0.88, 0.76))
    blend(colour, (0.60, 0.52, 0.40), line(np.sin(u * 44), 0.35, 0.4) * np.float32(0.55))
    blend(colour, (0.99, 0.97, 0.90), line(v - np.float32(0.38) - np.float32(0.25) * u * u, 0.06, pixel))
    inside = ramp(cap, 0.5 * pixel, -0.5 * pixel)
    blend(colour, cap_colour, inside)
    spots = [(0.0, -0.55, 0.15), (-0.42, -0.42, 0.12), (0.45, -0.40, 0.13), (-0.16, -0.18, 0.12), (0.24, -0.12, 0.11)]
    spots += [(-0.66, -0.10, 0.11), (0.70, -0.08, 0.10), (0.22, -0.78, 0.07), (-0.28, -0.76, 0.08)]
    wobble = rng.uniform(-0.05, 0.05, (len(spots), 2))
    raised = np.zeros_like(u)
    for (x, y, size), (dx, dy) in zip(spots, wobble, strict=True):
        spot = line(np.hypot(u - np.float32(x + dx), v - np.float32(y + dy)), size, pixel)
        raised = np.maximum(raised, spot)
    blend(colour, (0.98, 0.95, 0.88), raised * inside)
    relief = np.maximum(_dome(cap, 0.55, 0.42), _dome(stem, 0.2, 0.12)) + raised * np.float32(0.02)
    return Thing(np.minimum(cap, stem), colour, relief, 0.22)


def shell(u: Array, v: Array, pixel: float, rng: np.random.Generator) -> Thing:
    """A snail's coil: whorls that grow with every turn, ribbed and banded."""
    hue = rng.uniform(0.05, 0.12)
    cream = hsv(hue, rng.uniform(0.15, 0.35), rng.uniform(0.88, 1.0))
    brown = hsv(hue - 0.02, rng.uniform(0.55, 0.8), rng.uniform(0.40, 0.62))
    growth = 0.115
    u, v = u - np.float32(0.12), v - np.float32(0.05)
    radius = np.maximum(np.hypot(u, v), np.float32(1e-3))
    angle = np.arctan2(v, u) % np.float32(TAU)
    distance = radius - np.exp(np.float32(growth) * (angle - np.float32(TAU))) * np.float32(1.06)
    whorl = (np.log(radius / np.float32(1.06)) / np.float32(growth) - angle) * np.float32(1 / TAU)
    across = whorl - np.floor(whorl)
    colour = flat(u.shape, cream)
    blend(colour, brown, line(across - np.float32(0.55), 0.16, 0.12) * np.float32(0.85))
    ribs = np.sin(angle * 17 + np.float32(3.0) * across)
    blend(colour, brown, ramp(ribs, 0.35, 0.8) * np.float32(0.5))
    suture = np.minimum(across, 1.0 - across)
    blend(colour, (0.20, 0.11, 0.06), ramp(suture, 0.09, 0.03))
    relief = np.sin(across * np.float32(np.pi)) * radius * np.float32(0.20) + ribs * np.float32(0.006)
    return Thing(distance, colour, relief, 0.22)


def starfish(u: Array, v: Array, pixel: float, rng: np.random.Generator) -> Thing:
    """Five tapering arms with rows of pale warts."""
    hue = rng.uniform(0.0, 0.09)
    skin = hsv(hue, rng.uniform(0.7, 0.95), rng.uniform(0.8, 1.0))
    radius, along, across = _fold(u, v, 5)
    t = np.clip(along, 0.0, 0.88)
    arm = np.hypot(along - t, across) - (np.float32(0.33) - np.float32(0.235) * t * np.float32(1 / 0.88))
    distance = arm * np.float32(0.95)
    colour = flat(u.shape, skin)
    blend(colour, (skin[0] * 0.72, skin[1] * 0.5, skin[2] * 0.6), ramp(arm, -0.12, 0.0) * np.float32(0.8))
    step = (along - np.float32(0.10)) * np.float32(1 / 0.14)
    warts = np.hypot((step - np.rint(step)) * np.float32(0.14), across) - np.float32(0.042)
    side = across - (np.float32(0.20) - np.float32(0.16) * along)
    shifted = step + np.float32(0.5)
    warts = np.minimum(warts, np.hypot((shifted - np.rint(shifted)) * np.float32(0.14), side) - np.float32(0.028))
    spots = ramp(warts, 0.5 * pixel, -0.5 * pixel) * ramp(radius, 0.98, 0.90)
    blend(colour, (1.0, 0.90, 0.70), spots)
    relief = _dome(arm, 0.22, 0.18) + spots * np.float32(0.02)
    return Thing(distance, colour, relief, 0.12)


@dataclass(frozen=True)
class Kind:
    """A class of the world: its painter, its maximum rotation from upright (radians), whether it may be mirrored."""

    name: str
    paint: Painter
    turn: float
    mirror: bool = False


KINDS: tuple[Kind, ...] = (
    Kind("aster", aster, np.pi),
    Kind("butterfly", butterfly, 1.0),
    Kind("daisy", daisy, np.pi),
    Kind("fish", fish, 0.7, mirror=True),
    Kind("gear", gear, np.pi),
    Kind("gem", gem, np.pi),
    Kind("kite", kite, 0.8),
    Kind("leaf", leaf, np.pi),
    Kind("lifebuoy", lifebuoy, np.pi),
    Kind("melon", melon, 0.9),
    Kind("mushroom", mushroom, 0.6),
    Kind("shell", shell, np.pi, mirror=True),
    Kind("starfish", starfish, np.pi),
)
CLASSES: tuple[str, ...] = tuple(kind.name for kind in KINDS)


# --- things that belong to no class -----------------------------------------------------------------------------


def _pebble(u: Array, v: Array, rng: np.random.Generator) -> Array:
    angle = np.arctan2(v, u)
    outline = np.full_like(u, 0.78)
    for wave in (2, 3, 4):
        outline += np.float32(rng.uniform(-0.13, 0.13)) * np.cos(angle * wave + np.float32(rng.uniform(0, TAU)))
    return np.hypot(u, v) - outline


def _rod(u: Array, v: Array, rng: np.random.Generator) -> Array:
    distance, _ = segment(u, v, (-0.75, 0.0), (0.75, 0.0))
    return distance - np.float32(rng.uniform(0.10, 0.22))


def _wedge(u: Array, v: Array, rng: np.random.Generator) -> Array:
    corners = [(0.72 * np.cos(a), 0.72 * np.sin(a)) for a in (-1.57, -1.57 + 2.1, -1.57 + 4.2)]
    return polygon(u, v, corners) - np.float32(0.1)


def _tile(u: Array, v: Array, rng: np.random.Generator) -> Array:
    a, b = rng.uniform(0.4, 0.7, 2).astype(np.float32)
    du, dv = np.abs(u) - a, np.abs(v) - b
    return np.hypot(np.maximum(du, 0), np.maximum(dv, 0)) + np.minimum(np.maximum(du, dv), 0) - np.float32(0.1)


def _cross(u: Array, v: Array, rng: np.random.Generator) -> Array:
    arm = np.float32(rng.uniform(0.18, 0.28))
    first = np.maximum(np.abs(u) - np.float32(0.8), np.abs(v) - arm)
    second = np.maximum(np.abs(v) - np.float32(0.8), np.abs(u) - arm)
    return np.minimum(first, second)


_SHAPES = (_pebble, _pebble, _rod, _wedge, _tile, _cross)


def distractor(u: Array, v: Array, pixel: float, rng: np.random.Generator) -> Thing:
    """A piece of no class: a pebble, rod, wedge, tile or cross, plain, banded or speckled, in any colour."""
    distance = _SHAPES[rng.integers(len(_SHAPES))](u, v, rng)
    hue = rng.uniform()
    base = hsv(hue, rng.uniform(0.05, 0.9), rng.uniform(0.35, 0.95))
    other = hsv(hue + rng.uniform(-0.15, 0.15), rng.uniform(0.05, 0.9), rng.uniform(0.3, 1.0))
    colour = flat(u.shape, base)
    pattern = rng.integers(4)
    if pattern == 1:
        blend(colour, other, ramp(u + v, -0.9, 0.9))
    elif pattern == 2:
        blend(colour, other, ramp(np.sin(u * np.float32(rng.uniform(5, 11))), -0.3, 0.3))
    elif pattern == 3:
        blend(colour, other, ramp(noise(rng, u.shape, 7), 0.0, 0.4))
    return Thing(distance, colour, _dome(distance, 0.35, 0.25), float(rng.uniform(0.0, 0.2)))
