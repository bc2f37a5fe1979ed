"""Fresh scenes for measuring a model. In a separate module, so that the painting processes do not load torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .scene import BADGE_CLASS, TWIN_CLASS, BadgeRule, make_scene
from .shapes import CLASSES

FIRST_FRESH = 1_000_000
"""Training uses the first scenes of its seed; these indices are far higher, so that every seed gives fresh scenes."""


@dataclass(frozen=True)
class Wanted:
    """A scene to paint."""

    index: int
    objects: int = 1
    badge: BadgeRule = "train"
    label: str | None = None


def paint_batch(job: tuple[int, list[Wanted]]) -> tuple[NDArray[np.uint8], list[tuple[int, ...]]]:
    """The pictures of some fresh scenes, stacked, and the class indices of each."""
    seed, wanted = job
    painted = [make_scene(seed, one.index, objects=one.objects, badge=one.badge, label=one.label) for one in wanted]
    labels = [tuple(CLASSES.index(label) for label in scene.labels) for scene in painted]
    return np.stack([scene.image for scene in painted]), labels


def questions(count: int) -> dict[str, list[Wanted]]:
    """The scenes of each question. Their indices do not overlap, so neither do their random draws."""
    share = max(4, count // 10)
    rest = [name for name in CLASSES if name not in (BADGE_CLASS, TWIN_CLASS)]
    groups = {"one": [Wanted(FIRST_FRESH + index) for index in range(count)]}
    groups["two"] = [Wanted(10 * FIRST_FRESH + index, objects=2) for index in range(max(4, count // 4))]
    for offset, (name, labels) in enumerate((("badge", [BADGE_CLASS]), ("twin", [TWIN_CLASS]), ("others", rest))):
        first = (20 + offset) * FIRST_FRESH
        for rule in ("never", "always"):
            groups[f"{name} {rule}"] = [
                Wanted(first + index, badge=rule, label=labels[index % len(labels)]) for index in range(share)
            ]
    return groups
