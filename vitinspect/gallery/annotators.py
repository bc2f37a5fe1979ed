"""Three simulated annotators who outline the object of a scene, each with a bias of their own.

- `generous` draws around the object with a margin and fills its holes: always covers the exact mask.
- `tight` stays inside and omits thin parts: always inside the exact mask.
- `sloppy` clicks a coarse, imprecise polygon, slightly displaced from the object.

The masks are functions of the scene's seed and index: the same scene gives the same three masks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from .paint import noise

if TYPE_CHECKING:
    from .scene import Mask, Scene

ANNOTATORS: tuple[str, ...] = ("generous", "tight", "sloppy")


def annotate(scene: Scene, annotator: str, which: int = 0) -> Mask:
    """The mask that `annotator` draws of the scene's class object number `which`."""
    if annotator not in ANNOTATORS:
        raise ValueError(f"there is no annotator {annotator!r}; the annotators are {', '.join(ANNOTATORS)}")
    thing = scene.class_objects[which]
    rng = np.random.default_rng((scene.seed, scene.index, 50 + ANNOTATORS.index(annotator), which))
    exact = thing.mask
    if annotator == "generous":
        hand = noise(rng, exact.shape, 6)
        outline = _softened(exact, 0.10 * thing.radius) > np.clip(0.11 + 0.06 * hand, 0.03, 0.2)
        return _filled(outline | exact)
    if annotator == "tight":
        hand = noise(rng, exact.shape, 6)
        return (_softened(exact, 0.055 * thing.radius) > np.clip(0.84 + 0.08 * hand, 0.6, 0.95)) & exact
    return _clicked(exact, thing.centre, thing.radius, rng)


def _softened(mask: Mask, radius: float) -> NDArray[np.float32]:
    picture = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(max(0.8, radius))), np.float32) / np.float32(255)


def _filled(mask: Mask) -> Mask:
    """The mask with its holes filled: everything that is not connected with the background around it."""
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    if not len(rows):
        return mask
    # The flood fill runs in Python, pixel by pixel, so only in the object's box, with a rim around it.
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    # A copy: pillow may share the array's memory, and would lose what is drawn onto it.
    picture = Image.fromarray(np.pad(mask[box], 1).astype(np.uint8)).copy()
    ImageDraw.floodfill(picture, (0, 0), 2)
    filled = mask.copy()
    filled[box] = np.asarray(picture)[1:-1, 1:-1] != 2
    return filled


def _clicked(exact: Mask, centre: tuple[float, float], radius: float, rng: np.random.Generator) -> Mask:
    """A polygon of eighteen clicks near the farthest points of the object in each direction."""
    rows, columns = np.nonzero(exact)
    if not len(rows):
        return exact.copy()
    dx, dy = columns + 0.5 - centre[0], rows + 0.5 - centre[1]
    clicks = int(rng.integers(14, 20))
    sector = ((np.arctan2(dy, dx) / (2 * np.pi) * clicks + rng.uniform()) % clicks).astype(int)
    start = rng.uniform(-0.2, 0.2)
    slip = rng.normal(0.0, 0.05, 2) * radius
    points = []
    for number in range(clicks):
        inside = sector == number
        if not inside.any():
            continue
        farthest = np.argmax(np.hypot(dx, dy) * inside)
        reach = np.exp(rng.normal(start * 0.2, 0.07))
        points.append((centre[0] + dx[farthest] * reach + slip[0], centre[1] + dy[farthest] * reach + slip[1]))
    picture = Image.new("1", exact.shape[::-1])
    if len(points) >= 3:
        order = sorted(points, key=lambda point: np.arctan2(point[1] - centre[1], point[0] - centre[0]))
        ImageDraw.Draw(picture).polygon(order, fill=1)
    return np.asarray(picture, bool)
