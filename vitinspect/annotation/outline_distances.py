"""Distances between the outlines of several masks of one picture, exact and without a distance transform of the whole.

Of each outline a table says how far its nearest pixel in the same row is. The nearest pixel of all is then looked for
row by row, away from the point, until no further row can hold a nearer one: the points of outlines are few, and people
who drew the same object are near each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation.coding import IGNORE
from vitinspect.annotation.patterns import Mask, box_of
from vitinspect.scores.masks import outline

_FAR = 1 << 14
"""Where a row has no outline; its square still fits 32 bits."""


@dataclass(frozen=True)
class Distances:
    """Squared distances from each point of the first outline to the second, and back; sorted."""

    there: NDArray[np.int64]
    back: NDArray[np.int64]
    diagonal: float
    """Of the picture: what stands for the distance where only one of the masks has an outline."""
    equal: bool
    """Whether the masks are the same."""

    @property
    def comparable(self) -> bool:
        return bool(len(self.there) and len(self.back))

    def hd95(self) -> tuple[float, float]:
        """The 95th percentile of both directions together, and the larger of the two directed ones. 0 for masks
        without an outline, or equal ones; the picture's diagonal where only one has an outline."""
        if not self.comparable:
            return (0.0, 0.0) if self.equal else (self.diagonal, self.diagonal)
        there, back = np.sqrt(self.there), np.sqrt(self.back)
        directed = max(float(np.percentile(d, 95)) for d in (there, back))
        return float(np.percentile(np.concatenate((there, back)), 95)), directed

    def within(self, tolerance: float) -> tuple[int, int, int, int]:
        """Points of the first outline within the tolerance of the second, their number, and the same back."""
        limit = tolerance * tolerance + 1e-9
        near = [int(np.searchsorted(d, limit, side="right")) for d in (self.there, self.back)]
        return near[0], len(self.there), near[1], len(self.back)


def surface_dice(within: tuple[int, int, int, int], equal: bool) -> float:
    """Normalised surface Dice (Nikolov et al. 2018): the share of both outlines that is within the tolerance."""
    near_a, all_a, near_b, all_b = within
    total = all_a + all_b
    return (near_a + near_b) / total if total else float(equal)


def boundary_f1(within: tuple[int, int, int, int], equal: bool) -> float:
    """The harmonic mean of the two shares. 1 for equal masks without an outline, 0 where only one has one."""
    near_a, all_a, near_b, all_b = within
    if not all_a or not all_b:
        return float(equal and all_a == all_b)
    there, back = near_a / all_a, near_b / all_b
    return 2 * there * back / (there + back) if there + back else 0.0


def pair_distances(masks: Sequence[Mask]) -> dict[tuple[int, int], Distances]:
    """Of all pairs of masks of one size."""
    size = masks[0].shape
    diagonal = float(np.hypot(*size))
    down, across = box_of(masks)
    if any((mask == IGNORE).any() for mask in masks):
        # What counts for nothing may reach beyond the box, and decides where outlines run.
        down, across = slice(0, size[0]), slice(0, size[1])
    cut = [mask[down, across] for mask in masks]
    result = {}
    if not cut[0].size:
        nothing = np.empty(0, dtype=np.int64)
        return {(a, b): Distances(nothing, nothing, diagonal, True) for a, b in _pairs(len(masks))}
    known = [mask != IGNORE for mask in cut]
    if all(k.all() for k in known):
        lines = [outline(mask == 1) for mask in cut]
        points, tables = [np.argwhere(line) for line in lines], [_row_distances(line) for line in lines]
        squared = _all_squared(points, tables)
        for a, b in _pairs(len(masks)):
            equal = bool(np.array_equal(cut[a], cut[b]))
            result[a, b] = Distances(squared[a, b], squared[b, a], diagonal, equal)
        return result
    for a, b in _pairs(len(masks)):
        both = known[a] & known[b]
        pair = [outline(cut[k] == 1, both) for k in (a, b)]
        points, tables = [np.argwhere(line) for line in pair], [_row_distances(line) for line in pair]
        squared = _all_squared(points, tables)
        equal = not bool(((cut[a] == 1) ^ (cut[b] == 1))[both].any())
        result[a, b] = Distances(squared[0, 1], squared[1, 0], diagonal, equal)
    return result


def _pairs(count: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(count) for b in range(a + 1, count)]


def _row_distances(line: NDArray[np.bool_]) -> NDArray[np.int32]:
    """(H, W): how far the nearest pixel of the outline in the same row is."""
    columns = np.arange(line.shape[1], dtype=np.int32)
    left = np.maximum.accumulate(np.where(line, columns, np.int32(-_FAR)), axis=1)
    right = np.minimum.accumulate(np.where(line, columns, np.int32(2 * _FAR))[:, ::-1], axis=1)[:, ::-1]
    return np.minimum(np.minimum(columns - left, right - columns), np.int32(_FAR)).astype(np.int32)


def _all_squared(
    points: Sequence[NDArray[np.int64]], tables: Sequence[NDArray[np.int32]]
) -> dict[tuple[int, int], NDArray[np.int64]]:
    """For each ordered pair the sorted squared distances from the points of the one to the other."""
    result = {}
    for target, table in enumerate(tables):
        others = [k for k in range(len(tables)) if k != target]
        if not len(points[target]):
            result.update({(k, target): np.empty(0, dtype=np.int64) for k in others})
            continue
        found = _nearest_squared(np.concatenate([points[k] for k in others]), table)
        ends = np.cumsum([len(points[k]) for k in others])
        for k, part in zip(others, np.split(found, ends[:-1]), strict=True):
            result[k, target] = np.sort(part)
    return result


def _nearest_squared(points: NDArray[np.int64], table: NDArray[np.int32]) -> NDArray[np.int64]:
    rows, columns = points[:, 0], points[:, 1]
    best = table[rows, columns].astype(np.int64) ** 2
    active = np.flatnonzero(best > 0)
    step = 1
    while len(active):
        square = step * step
        active = active[best[active] > square]
        for sign in (-step, step):
            there = rows[active] + sign
            inside = (there >= 0) & (there < table.shape[0])
            chosen = active[inside]
            candidates = table[there[inside], columns[chosen]].astype(np.int64) ** 2 + square
            best[chosen] = np.minimum(best[chosen], candidates)
        step += 1
    return best
