"""The score of a map's mask at all thresholds, as a curve. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitinspect.errors import DataError

LEVELS = 101
"""The number of levels in the map's range: one per hundredth."""


@dataclass(frozen=True)
class ThresholdCurve:
    """For each level, as a fraction of the map's range, the scores of the mask above it."""

    levels: NDArray[np.float64]
    dice: NDArray[np.float64]
    iou: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]


def threshold_curve(
    values: NDArray[np.floating], truth: NDArray[np.uint8], *, ignore: int = 255, levels: int = LEVELS
) -> ThresholdCurve:
    """Cut a map at evenly spaced levels of its range and score each cut; a ratio without a denominator is 0.

    ``truth`` is 1 where the object is; pixels with the value ``ignore`` are not used, also not for the range.
    """
    values, truth = np.asarray(values, dtype=np.float64), np.asarray(truth)
    if values.shape != truth.shape:
        raise DataError(f"The map has the shape {values.shape}, the mask {truth.shape}; resize the map first.")
    places = np.linspace(0.0, 1.0, levels)
    valid = truth != ignore
    known, real = values[valid], truth[valid] == 1
    if not known.size:
        nothing = np.zeros(levels)
        return ThresholdCurve(places, nothing, nothing, nothing, nothing)
    low, high = float(known.min()), float(known.max())
    cuts = low + places * (high - low)
    # The last level is the highest value itself: nothing lies above it.
    cuts[-1] = high
    taken = known.size - np.searchsorted(np.sort(known), cuts, side="right")
    hits = int(real.sum()) - np.searchsorted(np.sort(known[real]), cuts, side="right")
    there = int(real.sum())
    return ThresholdCurve(
        places,
        _share(2 * hits, taken + there),
        _share(hits, taken + there - hits),
        _share(hits, taken),
        _share(hits, np.full(levels, there)),
    )


def _share(part: NDArray[np.integer], whole: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
