"""Exact distances between the outlines of several masks of one picture, without a full distance transform.

For each outline a table gives the distance to its nearest pixel in the same column. The nearest pixel overall is then
searched column by column, away from the point, until no further column can contain a nearer one: outlines have few
points, and outlines of the same object are near each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation.coding import IGNORE
from vitinspect.annotation.patterns import Mask, box_of_any
from vitinspect.scores.masks import outline, reach_across_ignored

_FAR = 1 << 14
"""The minimum distance for a column without an outline; it is larger for pictures larger than this."""
_PERCENTILE = 0.95
Points = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Points as rows and columns, in reading order."""


@dataclass(frozen=True)
class Distances:
    """Squared distances from each point of the first outline to the second, and back; sorted."""

    there: NDArray[np.signedinteger]
    back: NDArray[np.signedinteger]
    diagonal: float
    """The picture's diagonal: the distance if only one of the masks has an outline."""
    equal: bool
    """Whether the masks are the same."""

    @property
    def comparable(self) -> bool:
        return bool(len(self.there) and len(self.back))

    @cached_property
    def hd95(self) -> tuple[float, float]:
        """The 95th percentile of both directions together, and the larger of the two directed ones. 0 for masks
        without an outline, or equal ones; the picture's diagonal if only one has an outline."""
        if not self.comparable:
            return (0.0, 0.0) if self.equal else (self.diagonal, self.diagonal)
        return _percentile(np.sort(np.concatenate((self.there, self.back)))), max(
            _percentile(self.there), _percentile(self.back)
        )

    def within(self, tolerance: float) -> tuple[int, int, int, int]:
        """Points of the first outline within the tolerance of the second, their number, and the same back."""
        limit = tolerance * tolerance + 1e-9
        near = [int(np.searchsorted(d, limit, side="right")) for d in (self.there, self.back)]
        return near[0], len(self.there), near[1], len(self.back)


def _percentile(squared: NDArray[np.signedinteger]) -> float:
    """The 95th percentile of the roots of sorted squares, with linear interpolation."""
    place = _PERCENTILE * (len(squared) - 1)
    low = int(place)
    first, second = np.sqrt(squared[[low, min(low + 1, len(squared) - 1)]])
    return float(first + (second - first) * (place - low))


def surface_dice(within: tuple[int, int, int, int], equal: bool) -> float:
    """Normalised surface Dice (Nikolov et al. 2018): the fraction of both outlines within the tolerance."""
    near_a, all_a, near_b, all_b = within
    total = all_a + all_b
    return (near_a + near_b) / total if total else float(equal)


def boundary_f1(within: tuple[int, int, int, int], equal: bool) -> float:
    """The harmonic mean of the two shares. 1 for equal masks without an outline, 0 if only one has an outline."""
    near_a, all_a, near_b, all_b = within
    if not all_a or not all_b:
        return float(equal and all_a == all_b)
    there, back = near_a / all_a, near_b / all_b
    return 2 * there * back / (there + back) if there + back else 0.0


def pair_distances(masks: Sequence[Mask]) -> dict[tuple[int, int], Distances]:
    """The distances of all pairs of masks of one size."""
    size = masks[0].shape
    diagonal = float(np.hypot(*size))
    crop, ignoring = box_of_any(masks)
    if ignoring:
        return _pairs_with_ignored(
            [mask[_with_margin(crop, size)] for mask in masks], reach_across_ignored(size), diagonal
        )
    cut = [mask[crop] for mask in masks]
    squared = _all_squared([outline(mask == 1) for mask in cut])
    return {
        (a, b): Distances(squared[a, b], squared[b, a], diagonal, bool(np.array_equal(cut[a], cut[b])))
        for a, b in _pairs(len(masks))
    }


def _with_margin(box: tuple[slice, slice], size: tuple[int, ...]) -> tuple[slice, slice]:
    """The box with one pixel more on each side, if possible: outlines at ignored pixels depend on the background."""
    down, across = (slice(max(0, s.start - 1), min(n, s.stop + 1)) for s, n in zip(box, size, strict=True))
    return down, across


def _pairs_with_ignored(cut: Sequence[Mask], reach: int, diagonal: float) -> dict[tuple[int, int], Distances]:
    """The distances of pairs, whose outlines are taken where neither ignores the picture; they are computed once if all
    masks ignore the same pixels."""
    known = [mask != IGNORE for mask in cut]
    result = {}
    if all(np.array_equal(known[0], other) for other in known[1:]):
        squared = _all_squared(_cropped([outline(mask == 1, known[0], reach) for mask in cut]))
        for a, b in _pairs(len(cut)):
            equal = bool(np.array_equal(cut[a], cut[b]))
            result[a, b] = Distances(squared[a, b], squared[b, a], diagonal, equal)
        return result
    for a, b in _pairs(len(cut)):
        both = known[a] & known[b]
        squared = _all_squared(_cropped([outline(cut[k] == 1, both, reach) for k in (a, b)]))
        equal = not bool(((cut[a] == 1) ^ (cut[b] == 1))[both].any())
        result[a, b] = Distances(squared[0, 1], squared[1, 0], diagonal, equal)
    return result


def _cropped(lines: Sequence[NDArray[np.bool_]]) -> list[NDArray[np.bool_]]:
    """The outlines without what surrounds all of them: ignored pixels reach further than any outline."""
    down, across = (np.flatnonzero(np.logical_or.reduce([line.any(axis) for line in lines])) for axis in (1, 0))
    if not down.size:
        return list(lines)
    return [line[down[0] : down[-1] + 1, across[0] : across[-1] + 1] for line in lines]


def _pairs(count: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(count) for b in range(a + 1, count)]


def _all_squared(lines: Sequence[NDArray[np.bool_]]) -> dict[tuple[int, int], NDArray[np.signedinteger]]:
    """For each ordered pair of outlines the sorted squared distances from the points of the one to the other."""
    width = max(1, lines[0].shape[1])
    points = [np.divmod(np.flatnonzero(line), width) for line in lines]
    number = len(lines)
    nothing = np.empty(0, dtype=np.int64)
    result = {(a, b): nothing for a in range(number) for b in range(number) if a != b}
    pairs = [(a, b) for a, b in result if len(points[a][0]) and len(points[b][0])]
    if not pairs:
        return result
    table = _column_distances(lines)
    rows, columns = (np.concatenate([points[a][axis] for a, _ in pairs]) for axis in (0, 1))
    sizes = [len(points[a][0]) for a, _ in pairs]
    target = np.repeat([b for _, b in pairs], sizes)
    beside = np.concatenate([_in_the_row(points[a], points[b], lines[0].shape) for a, b in pairs])
    found = _nearest_squared(table, rows, columns, target, beside)
    for pair, part in zip(pairs, np.split(found, np.cumsum(sizes)[:-1]), strict=True):
        result[pair] = np.sort(part)
    return result


def _column_distances(lines: Sequence[NDArray[np.bool_]]) -> NDArray[np.signedinteger]:
    """(H, outlines, W): the distance to the nearest pixel of an outline in the same column."""
    stacked = np.stack(lines, axis=1)
    height, _, width = stacked.shape
    small = height + width < _FAR
    far = _FAR if small else height + width
    away = (~stacked).astype(np.int16 if small else np.int64)
    table = np.empty_like(away)
    np.multiply(away[0], far, out=table[0])
    for row in range(1, height):
        np.add(table[row - 1], 1, out=table[row])
        np.multiply(table[row], away[row], out=table[row])
    for row in range(height - 2, -1, -1):
        np.minimum(table[row], table[row + 1] + 1, out=table[row])
    return table


def _in_the_row(points: Points, others: Points, size: tuple[int, int]) -> NDArray[np.intp]:
    """For each point the distance to the nearest of the others in the same row; too large a value if there is none."""
    height, width = size
    # Rows are placed further apart than any two points of the picture.
    stride = 2 * width + height
    keys, wanted = others[0] * stride + others[1], points[0] * stride + points[1]
    place = np.searchsorted(keys, wanted)
    right = keys[np.minimum(place, len(keys) - 1)] - wanted
    left = wanted - keys[np.maximum(place - 1, 0)]
    return np.minimum(np.abs(right), np.abs(left))


def _nearest_squared(
    table: NDArray[np.signedinteger],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    target: NDArray[np.intp],
    beside: NDArray[np.intp],
) -> NDArray[np.signedinteger]:
    """For each point the squared distance to its target outline; none is further than ``beside``."""
    _, number, width = table.shape
    flat = table.reshape(-1)
    starts = (rows * number + target) * width
    # Squared distances in small pictures fit into 32 bits.
    kind = np.int32 if table.dtype == np.int16 else np.int64
    best = np.minimum(flat.take(starts + columns), beside).astype(kind) ** 2
    active = np.flatnonzero(best > 1)
    step = 1
    while active.size:
        start, column, squared = starts[active], columns[active], best[active]
        for there in (np.minimum(column + step, width - 1), np.maximum(column - step, 0)):
            # Beyond the picture's border the last column is used again, at a larger distance than it really has.
            candidate = flat.take(start + there).astype(kind)
            candidate *= candidate
            candidate += step * step
            np.minimum(squared, candidate, out=squared)
        best[active] = squared
        step += 1
        active = active[squared > step * step]
    return best
