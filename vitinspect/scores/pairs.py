"""How far methods agree, and how much of it they must. Pure numpy.

The ViTmiX paper argues with the pigeonhole principle: masks that cover the shares a and b of a picture overlap on at
least a + b - 1 of it, whatever they show. Two independent masks would overlap on a * b. The observed overlap means
something only beside these two.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vitinspect.errors import DataError
from vitinspect.maps import AttributionMap, ranks, resize, values_of
from vitinspect.scores.masks import ratio


@dataclass(frozen=True)
class Agreement:
    """Two methods on one picture. Overlaps are shares of the whole picture."""

    first: str
    second: str
    spearman: float
    """Rank correlation of the maps; 0 if one of them is constant."""
    iou: float
    share_first: float
    share_second: float
    overlap_at_least: float
    """The pigeonhole bound: max(0, a + b - 1)."""
    overlap_by_chance: float
    """a * b: what independent masks of these sizes overlap on average."""
    overlap_observed: float


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation, ties sharing their mean rank."""
    x, y = ranks(a).reshape(-1), ranks(b).reshape(-1)
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum() / scale) if scale > 0 else 0.0


def agree(first: str, a: np.ndarray, mask_a: np.ndarray, second: str, b: np.ndarray, mask_b: np.ndarray) -> Agreement:
    """The agreement of two maps of one size and of their masks."""
    mask_a, mask_b = np.asarray(mask_a, dtype=bool), np.asarray(mask_b, dtype=bool)
    if mask_a.shape != mask_b.shape:
        raise DataError(f"The masks of {first} and {second} differ in size: {mask_a.shape} and {mask_b.shape}.")
    share_a, share_b = float(mask_a.mean()), float(mask_b.mean())
    both = float((mask_a & mask_b).mean())
    return Agreement(
        first=first,
        second=second,
        spearman=spearman(a, b),
        iou=ratio(both, share_a + share_b - both),
        share_first=share_a,
        share_second=share_b,
        overlap_at_least=max(0.0, share_a + share_b - 1),
        overlap_by_chance=share_a * share_b,
        overlap_observed=both,
    )


def agreement(maps: Mapping[str, AttributionMap | np.ndarray], masks: Mapping[str, np.ndarray]) -> list[Agreement]:
    """All pairs of the maps, brought to the finest of their resolutions; the masks have a common size."""
    arrays = {name: values_of(values) for name, values in maps.items()}
    size = (max(a.shape[0] for a in arrays.values()), max(a.shape[1] for a in arrays.values()))
    arrays = {name: a if a.shape == size else resize(a, size) for name, a in arrays.items()}
    missing = [name for name in arrays if name not in masks]
    if missing:
        raise DataError(f"There is no mask for {', '.join(missing)}.")
    return [agree(a, arrays[a], masks[a], b, arrays[b], masks[b]) for a, b in itertools.combinations(arrays, 2)]
