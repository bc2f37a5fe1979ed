"""How sure a mean is, and whether two methods differ: on the same images, with a seed. Pure numpy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
    values: Sequence[float] | np.ndarray, *, confidence: float = 0.95, draws: int = 2000, seed: int = 0
) -> Mean:
    """The mean and its percentile bootstrap interval (Efron & Tibshirani 1993). One value has no spread to show."""
    data = np.asarray(values, dtype=np.float64).reshape(-1)
    if data.size == 0:
        return Mean(0.0, 0.0, 0.0, 0)
    centre = float(data.mean())
    if data.size == 1 or np.all(data == data[0]):
        return Mean(centre, centre, centre, data.size)
    rng = np.random.default_rng(seed)
    means = np.empty(draws)
    step = max(1, 4_000_000 // data.size)
    for start in range(0, draws, step):
        count = min(step, draws - start)
        means[start : start + count] = data[rng.integers(0, data.size, (count, data.size))].mean(axis=1)
    tail = (1 - confidence) / 2 * 100
    low, high = np.percentile(means, [tail, 100 - tail])
    return Mean(centre, float(low), float(high), data.size)


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same images."""

    difference: Mean
    """First minus second."""
    p_value: float
    """Of the two-sided sign-flip test."""


def compare_paired(
    first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray, *, draws: int = 10_000, seed: int = 0
) -> Comparison:
    """Whether the mean difference could be chance: each pair's difference keeps or changes its sign at random.

    The permutation test assumes nothing of the scores' distribution, which is far from normal (IoU piles up at 0).
    All sign patterns are tried for up to 14 pairs, otherwise a seeded sample of them.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"A paired test wants two lists of one length, not {a.shape} and {b.shape}.")
    differences = a - b
    interval = mean_with_interval(differences, seed=seed)
    count = differences.size
    if count == 0 or not differences.any():
        return Comparison(interval, 1.0)
    observed = abs(differences.sum())
    # Sums of floats in another order differ in their last digits; those still count as equal.
    at_least = observed * (1 - 1e-12)
    if count <= EXACT_UP_TO:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=count)))
        return Comparison(interval, float((np.abs(signs @ differences) >= at_least).mean()))
    rng = np.random.default_rng(seed)
    extreme = 0
    step = max(1, 4_000_000 // count)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        signs = rng.integers(0, 2, (size, count)) * 2.0 - 1.0
        extreme += int((np.abs(signs @ differences) >= at_least).sum())
    return Comparison(interval, (extreme + 1) / (draws + 1))
