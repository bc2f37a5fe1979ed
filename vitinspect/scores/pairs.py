"""How much methods agree, and how much they must. Pure numpy.

The ViTmiX paper argues with the pigeonhole principle: masks that cover the shares a and b of a picture overlap on at
least a + b - 1 of it, whatever they show. Two independent masks would overlap on a * b. The observed overlap is
meaningful only in comparison with these two.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
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


@dataclass(frozen=True, eq=False)
class Ranked:
    """The ranks of a map's values, less their mean, and how far they are spread: what a rank correlation needs."""

    centred: np.ndarray
    squares: float

    @classmethod
    def of(cls, values: np.ndarray) -> Ranked:
        x = ranks(values).reshape(-1)
        x = x - x.mean()
        return cls(x, float((x * x).sum()))

    def correlation(self, other: Ranked) -> float:
        """0 if one of the maps is constant."""
        scale = float(np.sqrt(self.squares * other.squares))
        return float((self.centred * other.centred).sum() / scale) if scale > 0 else 0.0


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation, ties sharing their mean rank."""
    return Ranked.of(a).correlation(Ranked.of(b))


def agree(first: str, a: Ranked, mask_a: np.ndarray, second: str, b: Ranked, mask_b: np.ndarray) -> Agreement:
    """The agreement of two maps of one size and of their masks."""
    mask_a, mask_b = np.asarray(mask_a, dtype=bool), np.asarray(mask_b, dtype=bool)
    if mask_a.shape != mask_b.shape:
        raise DataError(f"The masks of {first} and {second} differ in size: {mask_a.shape} and {mask_b.shape}.")
    share_a, share_b = float(mask_a.mean()), float(mask_b.mean())
    both = float((mask_a & mask_b).mean())
    return Agreement(
        first=first,
        second=second,
        spearman=a.correlation(b),
        iou=ratio(both, share_a + share_b - both),
        share_first=share_a,
        share_second=share_b,
        overlap_at_least=max(0.0, share_a + share_b - 1),
        overlap_by_chance=share_a * share_b,
        overlap_observed=both,
    )


def finest(arrays: Iterable[np.ndarray]) -> tuple[int, int]:
    """The rows and columns that maps of several sizes are brought to."""
    shapes = [array.shape for array in arrays]
    return max(rows for rows, _ in shapes), max(columns for _, columns in shapes)


def ranked_at(values: np.ndarray, size: tuple[int, int]) -> Ranked:
    """The ranks of a map that is brought to a size."""
    return Ranked.of(values if values.shape == size else resize(values, size))


def agreement(maps: Mapping[str, AttributionMap | np.ndarray], masks: Mapping[str, np.ndarray]) -> list[Agreement]:
    """All pairs of the maps, brought to the finest of their resolutions; the masks have a common size."""
    arrays = {name: values_of(values) for name, values in maps.items()}
    missing = [name for name in arrays if name not in masks]
    if missing:
        raise DataError(f"There is no mask for {', '.join(missing)}.")
    size = finest(arrays.values())
    return agreement_of_ranks({name: ranked_at(a, size) for name, a in arrays.items()}, masks)


def agreement_of_ranks(ranked: Mapping[str, Ranked], masks: Mapping[str, np.ndarray]) -> list[Agreement]:
    """All pairs of maps of one size whose ranks are known."""
    return [agree(a, ranked[a], masks[a], b, ranked[b], masks[b]) for a, b in itertools.combinations(ranked, 2)]
