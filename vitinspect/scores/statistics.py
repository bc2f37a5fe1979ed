"""Confidence intervals of means, and tests whether two methods differ on the same images. Seeded; pure numpy."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from vitinspect.errors import ParameterError

EXACT_UP_TO = 14
"""Pairs up to which all 2^n sign flips are tried instead of a sample of them."""


@dataclass(frozen=True)
class Mean:
    """A mean with its bootstrap interval."""

    value: float
    low: float
    high: float
    count: int

    def __format__(self, spec: str) -> str:
        spec = spec or ".3f"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


def mean_with_interval(
    values: Sequence[float] | np.ndarray,
    *,
    groups: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Mean:
    """The mean and its percentile bootstrap interval (Efron & Tibshirani 1993). A single value has no interval.

    ``groups``: the picture of each value, if a picture has several (one per annotator). Then pictures are resampled
    with all their values: those of one picture are not independent observations.
    """
    data = np.asarray(values, dtype=np.float64).reshape(-1)
    if np.isnan(data).any():
        raise ParameterError(
            f"{int(np.isnan(data).sum())} of {data.size} values are not numbers (NaN); leave them out."
        )
    if data.size == 0:
        return Mean(0.0, 0.0, 0.0, 0)
    centre = float(data.mean())
    if data.size == 1 or np.all(data == data[0]):
        return Mean(centre, centre, centre, data.size)
    sums, sizes = _by_group(data, groups)
    rng = np.random.default_rng(seed)
    means = np.empty(draws)
    step = max(1, 4_000_000 // sums.size)
    for start in range(0, draws, step):
        count = min(step, draws - start)
        drawn = rng.integers(0, sums.size, (count, sums.size))
        means[start : start + count] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    tail = (1 - confidence) / 2 * 100
    low, high = np.percentile(means, [tail, 100 - tail])
    return Mean(centre, float(low), float(high), data.size)


def _by_group(data: np.ndarray, groups: Sequence[Hashable] | None) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the values of each group; without groups, each value is a group."""
    if groups is None:
        return data, np.ones_like(data)
    if len(groups) != data.size:
        raise ParameterError(f"There are {data.size} values and {len(groups)} groups; each value needs one.")
    places: dict[Hashable, int] = {}
    index = np.array([places.setdefault(group, len(places)) for group in groups])
    return np.bincount(index, data, len(places)), np.bincount(index, minlength=len(places)).astype(np.float64)


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same images."""

    difference: Mean
    """First minus second."""
    p_value: float
    """The p-value of the two-sided sign-flip test."""
    left_out: int = 0
    """The number of pairs with a missing value (NaN), which are not tested; it is shown with the result."""


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): the probability of any false positive among all tests is below the level.

    The smallest is multiplied by their number, the next by one less, and so on; none is smaller than one before it.
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.empty_like(p)
    order = np.argsort(p, kind="stable")
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(p.size, 0, -1)))
    return adjusted.tolist()


def compare_paired(
    first: Sequence[float] | np.ndarray,
    second: Sequence[float] | np.ndarray,
    *,
    groups: Sequence[Hashable] | None = None,
    draws: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Test whether the mean difference could be chance: each pair's difference keeps or changes its sign at random.

    The permutation test assumes nothing about the scores' distribution, which is far from normal (many IoUs are 0).
    All sign patterns are tried for up to 14 pairs, otherwise a seeded sample of them. With ``groups`` (the picture of
    each pair) all pairs of a picture change their sign together. A pair with a NaN is left out and counted.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ParameterError(f"A paired test needs two lists of the same length, not {a.shape} and {b.shape}.")
    known = ~(np.isnan(a) | np.isnan(b))
    left_out = int((~known).sum())
    if groups is not None:
        groups = [group for group, kept in zip(groups, known, strict=True) if kept]
    differences = a[known] - b[known]
    interval = mean_with_interval(differences, groups=groups, seed=seed)
    differences, _ = _by_group(differences, groups)
    count = differences.size
    if count == 0 or not differences.any():
        return Comparison(interval, 1.0, left_out)
    observed = abs(differences.sum())
    # Sums of floats in another order differ in their last digits; these count as equal.
    at_least = observed * (1 - 1e-12)
    if count <= EXACT_UP_TO:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=count)))
        return Comparison(interval, float((np.abs(signs @ differences) >= at_least).mean()), left_out)
    rng = np.random.default_rng(seed)
    extreme = 0
    step = max(1, 4_000_000 // count)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        signs = rng.integers(0, 2, (size, count)) * 2.0 - 1.0
        extreme += int((np.abs(signs @ differences) >= at_least).sum())
    return Comparison(interval, (extreme + 1) / (draws + 1), left_out)
