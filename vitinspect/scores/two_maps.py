"""How much two maps of one picture agree, also if two models saw different parts of it. Pure numpy.

Each map lies on the picture in a box of its own: one model may crop what another squashes. Both are resampled on the
intersection of the two boxes, on one grid as fine as the finer of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.errors import DataError
from vitinspect.scores.masks import ratio
from vitinspect.scores.pairs import spearman

Box = tuple[float, float, float, float]
"""(left, top, right, bottom) on the picture, in pixels."""
Array = NDArray[np.floating[Any]]
FINEST = 128
"""The maximum of cells along the longer side of the common grid: finer grids do not change rank correlations."""


@dataclass(frozen=True, eq=False)
class Placement:
    """A map's values, where they lie on the picture, and which part of that shows the picture."""

    values: Array
    box: Box
    visible: Box
    signed: bool = False


@dataclass(frozen=True, eq=False)
class Common:
    """Two maps on one grid over what both models saw."""

    first: Array
    second: Array
    box: Box


@dataclass(frozen=True)
class Agreement:
    """How much two maps agree; 1 is equality."""

    spearman: float
    """Rank correlation."""
    pearson: float
    """Correlation of the values."""
    iou: float
    """The IoU of the masks above each map's threshold."""
    share_first: float
    """The fraction of the common part above the first map's threshold."""
    share_second: float


def on_common_grid(first: Placement, second: Placement) -> Common:
    """Both maps on one grid; their own values if they have the same grid at the same place."""
    box = _intersection(first.visible, second.visible)
    same = np.shape(first.values) == np.shape(second.values)
    if same and _equal(box, first.box) and _equal(box, second.box):
        return Common(np.asarray(first.values, np.float64), np.asarray(second.values, np.float64), box)
    size = _grid(box, first, second)
    return Common(_sampled(first, box, size), _sampled(second, box, size), box)


def scaled(values: Array, *, signed: bool = False) -> Array:
    """Scaled to 0..1, or for a signed map to -1..1 with zero kept; a constant map becomes 0 everywhere."""
    values = np.asarray(values, np.float64)
    if signed:
        most = float(np.abs(values).max(initial=0.0))
        return values / most if most > 0 else np.zeros_like(values)
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def difference(common: Common, *, signed: tuple[bool, bool] = (False, False)) -> Array:
    """The second minus the first, each scaled separately: positive where the second is higher."""
    return scaled(common.second, signed=signed[1]) - scaled(common.first, signed=signed[0])


def agreement(common: Common, levels: tuple[float, float]) -> Agreement:
    """How much they agree; ``levels`` are the thresholds of the two maps in their own values."""
    masks = common.first > levels[0], common.second > levels[1]
    both = float((masks[0] & masks[1]).mean())
    shares = float(masks[0].mean()), float(masks[1].mean())
    return Agreement(
        spearman(common.first, common.second),
        pearson(common.first, common.second),
        ratio(both, shares[0] + shares[1] - both),
        *shares,
    )


def pearson(a: Array, b: Array) -> float:
    """The correlation of the values; 0 if one of the maps is constant."""
    x, y = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum() / scale) if scale > 0 else 0.0


def _equal(a: Box, b: Box) -> bool:
    return bool(np.allclose(a, b, rtol=0, atol=1e-6))


def _intersection(a: Box, b: Box) -> Box:
    box = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    if box[0] >= box[2] or box[1] >= box[3]:
        raise DataError("The two models see no common part of this picture.")
    return box


def _grid(box: Box, first: Placement, second: Placement) -> tuple[int, int]:
    """Rows and columns over the box, with cells as small as the smaller ones of the two maps."""
    cells = []
    for side, axis in ((0, 1), (1, 0)):  # width by columns, height by rows
        sizes = [(m.box[side + 2] - m.box[side]) / np.shape(m.values)[axis] for m in (first, second)]
        cells.append((box[side + 2] - box[side]) / min(sizes))
    columns, rows = cells
    shrink = min(1.0, FINEST / max(columns, rows))
    return max(1, round(rows * shrink)), max(1, round(columns * shrink))


def _sampled(one: Placement, box: Box, size: tuple[int, int]) -> Array:
    """The map at the cell centres of a grid over ``box``, interpolated linearly between its own centres."""
    values = np.asarray(one.values, np.float64)
    rows, columns = values.shape
    y = box[1] + (np.arange(size[0]) + 0.5) * (box[3] - box[1]) / size[0]
    x = box[0] + (np.arange(size[1]) + 0.5) * (box[2] - box[0]) / size[1]
    down = np.clip((y - one.box[1]) / (one.box[3] - one.box[1]) * rows - 0.5, 0, rows - 1)
    across = np.clip((x - one.box[0]) / (one.box[2] - one.box[0]) * columns - 0.5, 0, columns - 1)
    top, left = np.floor(down).astype(int), np.floor(across).astype(int)
    bottom, right = np.minimum(top + 1, rows - 1), np.minimum(left + 1, columns - 1)
    v, h = (down - top)[:, None], (across - left)[None]
    above = values[np.ix_(top, left)] * (1 - h) + values[np.ix_(top, right)] * h
    below = values[np.ix_(bottom, left)] * (1 - h) + values[np.ix_(bottom, right)] * h
    return above * (1 - v) + below * v
