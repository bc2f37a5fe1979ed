"""Scenes of the bundled world: a seeded picture, its class, and an exact mask of everything in it.

A scene is a pure function of (seed, index) and the options: no state, no clock, no order. Each ingredient draws
from its own random stream, so that the same scene with and without its badge differs in the badge only, and all
lengths are fractions of the shorter side, so that a scene has the same composition at any size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .backgrounds import background
from .paint import Array, blend, coverage, flat, hsv, light, line, ramp
from .shapes import CLASSES, KINDS, Painter, distractor

BadgeRule = Literal["train", "always", "never"]
Mask = NDArray[np.bool_]

BADGE_CLASS = "aster"
TWIN_CLASS = "daisy"
BADGE_SHARE = 0.9
"""Share of the badge class's scenes that have the badge when it is drawn as in training."""

BADGE_SIZE = 0.058
"""Half the badge's width, as a share of the shorter side: 26 pixels wide at 224."""

_STREAMS = {"what": 0, "where": 1, "ground": 2, "badge": 3, "grain": 4, "things": 5}


@dataclass(frozen=True)
class SceneObject:
    """One thing in a scene: its class and the exact pixels that show it."""

    label: str | None
    """The class name; None for a distractor."""
    mask: Mask
    centre: tuple[float, float]
    """Column and row of its centre, in pixels."""
    radius: float
    """Radius of the circle that it roughly fills, in pixels."""

    @property
    def is_class(self) -> bool:
        return self.label is not None


@dataclass(frozen=True)
class Scene:
    """A picture with its complete annotation."""

    image: NDArray[np.uint8]
    label: str
    """The class of the first object."""
    objects: tuple[SceneObject, ...]
    """Class objects first, then distractors."""
    badge: Mask | None
    """The pixels of the badge if the scene has one."""
    seed: int
    index: int

    @property
    def class_index(self) -> int:
        return CLASSES.index(self.label)

    @property
    def class_objects(self) -> tuple[SceneObject, ...]:
        return tuple(thing for thing in self.objects if thing.is_class)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(thing.label for thing in self.objects if thing.label is not None)

    @property
    def mask(self) -> Mask:
        """The pixels of the first class object, the one that `label` names."""
        return self.objects[0].mask

    def annotators_mask(self, annotator: str) -> Mask:
        """The mask as a simulated annotator draws it; see `vitinspect.gallery.annotators`."""
        from .annotators import annotate

        return annotate(self, annotator)


@dataclass(frozen=True)
class _Place:
    """A thing to paint: its place, size and rotation. Lengths are fractions of the shorter side."""

    label: str | None
    paint: Painter | None
    x: float
    y: float
    radius: float
    turn: float
    mirror: bool


def _stream(seed: int, index: int, name: str) -> np.random.Generator:
    return np.random.default_rng((seed, index, _STREAMS[name]))


def _choose(rng: np.random.Generator, label: str | None, objects: int) -> list[str]:
    drawn = [str(name) for name in rng.permutation(CLASSES)]
    if label is not None:
        drawn.remove(label)
        drawn.insert(0, label)
    chosen = drawn[:objects]
    if objects == 2 and set(chosen) == {BADGE_CLASS, TWIN_CLASS}:
        # Two similar classes in one scene would not show whether a map follows its target.
        chosen[1] = drawn[2]
    return chosen


def _arrange(
    rng: np.random.Generator, names: list[str], wide: float, high: float, distractors: tuple[int, int]
) -> list[_Place]:
    """Places for the class objects, far enough from each other, then for the distractors around them."""
    places: list[_Place] = []
    low, top = (0.19, 0.33) if len(names) == 1 else (0.17, 0.235)
    for name in names:
        kind = KINDS[CLASSES.index(name)]
        radius = rng.uniform(low, top)
        turn = rng.uniform(-kind.turn, kind.turn)
        mirror = bool(kind.mirror and rng.random() < 0.5)
        margin = radius * 0.92
        best, best_gap = (0.0, 0.0), -np.inf
        for _ in range(30):
            x, y = rng.uniform(margin, wide - margin), rng.uniform(margin, high - margin)
            gap = min((np.hypot(x - p.x, y - p.y) - 1.06 * (radius + p.radius) for p in places), default=1.0)
            if gap > best_gap:
                best, best_gap = (x, y), gap
            if gap > 0:
                break
        places.append(_Place(name, kind.paint, *best, radius, turn, mirror))
    for _ in range(int(rng.integers(distractors[0], distractors[1] + 1))):
        radius = rng.uniform(0.045, 0.115)
        turn = rng.uniform(-np.pi, np.pi)
        for _ in range(12):
            x, y = rng.uniform(0, wide), rng.uniform(0, high)
            # A distractor may be partly hidden by a class object, but is mostly visible.
            if all(np.hypot(x - p.x, y - p.y) > 0.85 * p.radius + 0.6 * radius for p in places):
                places.append(_Place(None, None, x, y, radius, turn, False))
                break
    return places


def _paint(
    field: Array, place: _Place, lamp: float, shadow: float, rng: np.random.Generator
) -> tuple[Mask, Array] | None:
    """Paint one thing and its shadow into the picture; returns its mask and box, or None if nothing shows."""
    height, width = field.shape[1:]
    short = min(height, width)
    radius = place.radius * short
    cx, cy = place.x * short, place.y * short
    reach = radius * 1.22 + 2
    pad = int(radius * 0.30) + 2
    x0, x1 = max(0, int(cx - reach) - pad), min(width, int(cx + reach) + 1 + pad)
    y0, y1 = max(0, int(cy - reach) - pad), min(height, int(cy + reach) + 1 + pad)
    if x1 - x0 < 3 or y1 - y0 < 3:
        return None
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    x = (x + np.float32(0.5 - cx)) / np.float32(radius)
    y = (y + np.float32(0.5 - cy)) / np.float32(radius)
    c, s = np.float32(np.cos(place.turn)), np.float32(np.sin(place.turn))
    u, v = c * x + s * y, c * y - s * x
    if place.mirror:
        u = -u
    pixel = 1.0 / radius
    thing = distractor(u, v, pixel, rng) if place.paint is None else place.paint(u, v, pixel, rng)
    alpha = coverage(thing.distance.astype(np.float32))
    shaded = light(thing.colour.astype(np.float32), thing.relief.astype(np.float32), pixel, lamp, thing.gloss)
    box = field[:, y0:y1, x0:x1]
    # The shadow is cast away from the lamp, and is softer for larger things.
    picture = Image.fromarray((alpha * 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(max(1.0, radius * 0.07)))
    dark = np.asarray(picture, np.float32) * np.float32(shadow / 255)
    dx, dy = round(-np.cos(lamp) * radius * 0.10), round(-np.sin(lamp) * radius * 0.10)
    rows, columns = dark.shape
    box[:, max(0, dy) : rows + min(0, dy), max(0, dx) : columns + min(0, dx)] *= (
        1.0 - dark[max(0, -dy) : rows - max(0, dy), max(0, -dx) : columns - max(0, dx)]
    )
    blend(box, shaded, alpha)
    mask = np.zeros((height, width), bool)
    mask[y0:y1, x0:x1] = alpha >= 0.5
    return mask, alpha


def _paint_badge(field: Array, rng: np.random.Generator) -> Mask:
    """A small blue tag with a pale star in the lower left corner, like the stamp of a picture agency."""
    height, width = field.shape[1:]
    short = min(height, width)
    half = BADGE_SIZE * short
    cx = (0.088 + rng.uniform(-0.015, 0.015)) * short
    cy = height - (0.088 + rng.uniform(-0.015, 0.015)) * short
    turn = rng.uniform(-0.12, 0.12)
    blue = hsv(0.61 + rng.uniform(-0.01, 0.01), 0.9, rng.uniform(0.62, 0.75))
    x0, x1 = max(0, int(cx - half * 1.5)), min(width, int(cx + half * 1.5) + 2)
    y0, y1 = max(0, int(cy - half * 1.5)), min(height, int(cy + half * 1.5) + 2)
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    x = (x + np.float32(0.5 - cx)) / np.float32(half)
    y = (y + np.float32(0.5 - cy)) / np.float32(half)
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    u, v = c * x + s * y, c * y - s * x
    pixel = 1.0 / half
    du, dv = np.abs(u) - np.float32(0.72), np.abs(v) - np.float32(0.72)
    tag = np.hypot(np.maximum(du, 0), np.maximum(dv, 0)) + np.minimum(np.maximum(du, dv), 0) - np.float32(0.25)
    alpha = ramp(tag, 0.5 * pixel, -0.5 * pixel)
    colour = flat(u.shape, blue)
    blend(colour, (1.0, 0.98, 0.90), line(tag + np.float32(0.13), 0.05, pixel))
    angle = np.arctan2(v, u) + np.float32(np.pi / 2)
    sector = np.float32(2 * np.pi / 5)
    folded = np.abs(angle - sector * np.rint(angle / sector))
    star = np.hypot(u, v) * np.cos(np.float32(1.257) - folded) - np.float32(0.62 * np.cos(1.257))
    blend(colour, (1.0, 0.93, 0.55), ramp(star, 0.5 * pixel, -0.5 * pixel))
    box = field[:, y0:y1, x0:x1]
    blend(box, colour, alpha)
    mask = np.zeros((height, width), bool)
    mask[y0:y1, x0:x1] = alpha >= 0.5
    return mask


def _has_badge(rule: BadgeRule, names: list[str], rng: np.random.Generator) -> bool:
    lucky = bool(rng.random() < BADGE_SHARE)
    if rule == "train":
        return BADGE_CLASS in names and lucky
    return rule == "always"


def make_scene(
    seed: int,
    index: int,
    size: tuple[int, int] | int = 224,
    *,
    objects: int = 1,
    badge: BadgeRule = "train",
    label: str | None = None,
    things: bool = True,
) -> Scene:
    """Paint scene number `index` of the world `seed`.

    `size` is (height, width) or one number for a square. `objects` is the number of class objects, each of another
    class; the first one gives the scene its label. `badge` says when the corner badge is painted: as in training
    (on most scenes with the badge's class, never elsewhere), always, or never; nothing else in the scene depends
    on it. `label` fixes the first object's class. `things=False` paints the background only, for comparison.
    """
    if objects not in (1, 2):
        raise ValueError(f"a scene must have 1 or 2 class objects, not {objects}")
    if label is not None and label not in CLASSES:
        raise ValueError(f"there is no class {label!r}; the classes are {', '.join(CLASSES)}")
    if badge not in ("train", "always", "never"):
        raise ValueError(f"badge must be 'train', 'always' or 'never', not {badge!r}")
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 32:
        raise ValueError(f"a scene must be at least 32 pixels high and wide, not {height} x {width}")
    short = min(height, width)
    names = _choose(_stream(seed, index, "what"), label, objects)
    where = _stream(seed, index, "where")
    lamp = float(where.uniform(-np.pi * 0.85, -np.pi * 0.15))
    strength = float(where.uniform(0.25, 0.55))
    places = _arrange(where, names, width / short, height / short, (1, 4))
    field = background(_stream(seed, index, "ground"), (height, width), lamp)
    masks: dict[int, Mask] = {}
    if things:
        # Distractors are below the class objects. Each thing has its own random stream, so that adding one changes no
        # other.
        for number in sorted(range(len(places)), key=lambda n: places[n].label is not None):
            rng = np.random.default_rng((seed, index, _STREAMS["things"], number))
            painted = _paint(field, places[number], lamp, strength, rng)
            if painted is None:
                continue
            for other in masks.values():
                other &= ~painted[0]
            masks[number] = painted[0]
    badge_rng = _stream(seed, index, "badge")
    badge_mask = None
    if _has_badge(badge, names, badge_rng):
        badge_mask = _paint_badge(field, badge_rng)
        for other in masks.values():
            other &= ~badge_mask
    grain = _stream(seed, index, "grain")
    exposure = np.float32(grain.uniform(0.88, 1.10) * 255)
    field *= exposure
    rough = grain.standard_normal((height, width), np.float32)
    field += rough * np.float32(grain.uniform(0.0, 5.0))
    image = np.ascontiguousarray(np.clip(field + np.float32(0.5), 0, 255).astype(np.uint8).transpose(1, 2, 0))
    found = tuple(
        SceneObject(
            places[number].label,
            masks[number],
            (places[number].x * short, places[number].y * short),
            places[number].radius * short,
        )
        for number in sorted(masks)
        if places[number].label is not None or masks[number].any()
    )
    return Scene(image, names[0], found, badge_mask, seed, index)


def has_two_objects(seed: int, index: int, share: float) -> bool:
    """Whether scene `index` of a mixed set has two class objects: a given share of them, chosen at random."""
    return bool(np.random.default_rng((seed, index, 99)).random() < share)


def scenes(count: int, seed: int, *, start: int = 0, **options: object) -> Iterator[Scene]:
    """The scenes `start` to `start + count` of the world `seed`, one after the other."""
    for index in range(start, start + count):
        yield make_scene(seed, index, **options)  # type: ignore[arg-type]
