"""Intervals cover, and the paired test neither cries wolf nor sleeps."""

from __future__ import annotations

import numpy as np
import pytest

from vitinspect.scores.statistics import compare_paired, mean_with_interval


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    inside = 0
    for trial in range(200):
        interval = mean_with_interval(rng.exponential(1.0, 80), draws=500, seed=trial)
        inside += interval.low <= 1.0 <= interval.high
    assert 0.87 <= inside / 200 <= 0.99


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(6).normal(size=30)
    assert mean_with_interval(values, seed=3) == mean_with_interval(values, seed=3)


def test_few_values_have_defined_intervals():
    assert mean_with_interval([]).count == 0
    single = mean_with_interval([0.4])
    assert (single.low, single.value, single.high) == (0.4, 0.4, 0.4)


def test_no_difference_is_no_evidence_and_a_constant_difference_is_the_strongest():
    values = np.random.default_rng(7).normal(size=10)
    assert compare_paired(values, values).p_value == 1
    assert compare_paired(values + 1, values).p_value == pytest.approx(2 / 2**10)


def test_under_the_null_small_p_values_are_as_rare_as_they_should_be():
    rng = np.random.default_rng(8)
    p = [compare_paired(*rng.normal(size=(2, 30)), draws=500, seed=i).p_value for i in range(200)]
    assert np.mean(np.array(p) < 0.05) < 0.1


def test_a_clear_difference_is_found():
    rng = np.random.default_rng(9)
    a = rng.normal(size=60)
    comparison = compare_paired(a + 0.5 + rng.normal(size=60) * 0.3, a)
    assert comparison.p_value < 0.01
    assert comparison.difference.low > 0
