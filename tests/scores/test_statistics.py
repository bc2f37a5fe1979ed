"""Intervals have their coverage, and the paired test has its error rate and finds clear differences."""

from __future__ import annotations

import numpy as np
import pytest

import vitinspect as vi
from vitinspect.scores.statistics import compare_paired, holm, mean_with_interval


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


def test_a_pair_with_a_missing_value_is_left_out_and_counted():
    rng = np.random.default_rng(10)
    a, b = rng.normal(size=20), rng.normal(size=20)
    holed = a.copy()
    holed[[3, 7]] = np.nan
    known = np.isfinite(holed)
    found = compare_paired(holed, b)
    assert found.left_out == 2
    assert (found.p_value, found.difference) == (
        compare_paired(a[known], b[known]).p_value,
        compare_paired(a[known], b[known]).difference,
    )
    assert compare_paired([np.nan], [1.0]).p_value == 1


def test_a_mean_of_missing_values_is_refused():
    with pytest.raises(vi.ParameterError, match=r"1 of 3 values"):
        mean_with_interval([0.1, np.nan, 0.3])


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(vi.ParameterError, match="same length"):
        compare_paired([1.0, 2.0], [1.0])


def test_holms_correction_equals_its_definition():
    assert holm([]) == []
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    rng = np.random.default_rng(11)
    for _ in range(20):
        p = rng.uniform(size=7)
        rank = {float(v): i for i, v in enumerate(np.sort(p))}
        expected = [max(min(1.0, (7 - rank[float(q)]) * q) for q in p if q <= v) for v in p]
        assert holm(p) == pytest.approx(expected)


def test_values_of_one_picture_are_resampled_and_flipped_together():
    """Twelve copies of each picture's value are no more evidence than one."""
    rng = np.random.default_rng(12)
    values = rng.normal(0.3, 1, 15)
    pictures = np.repeat(np.arange(15), 12).tolist()
    once, repeated = mean_with_interval(values), mean_with_interval(np.repeat(values, 12), groups=pictures)
    assert (repeated.value, repeated.low, repeated.high) == pytest.approx((once.value, once.low, once.high))
    assert repeated.count == 180
    alone = compare_paired(values, np.zeros(15)).p_value
    assert compare_paired(np.repeat(values, 12), np.zeros(180), groups=pictures).p_value == pytest.approx(alone)


def test_a_pooled_mean_weighs_each_value_the_same():
    pooled = mean_with_interval([1.0, 1.0, 1.0, 0.0], groups=["a", "a", "a", "b"])
    assert pooled.value == 0.75
    assert (pooled.low, pooled.high) == (0.0, 1.0)


def test_the_interval_is_as_wide_as_that_of_a_normal_mean():
    values = np.random.default_rng(4).normal(size=500)
    error = values.std(ddof=1) / np.sqrt(500)
    for confidence, reach in ((0.95, 1.96), (0.8, 1.2816)):
        found = mean_with_interval(values, confidence=confidence)
        assert (found.high - found.low) / 2 == pytest.approx(reach * error, rel=0.05)


def test_a_value_may_be_missing_on_either_side():
    a, b = [1.0, 2.0, np.nan, 4.0], [0.5, np.nan, 1.0, 2.0]
    found = compare_paired(a, b)
    assert found.left_out == 2
    assert found.difference.value == pytest.approx((0.5 + 2.0) / 2)
    assert compare_paired(b, a).difference.value == pytest.approx(-1.25)
