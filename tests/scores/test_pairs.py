"""Agreement of maps, and the pigeonhole bound of ViTmiX."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import vitinspect as vi
from vitinspect.maps import ranks
from vitinspect.scores import pairs
from vitinspect.scores.pairs import spearman

RNG = np.random.default_rng(4)


def test_spearman_equals_scipy_also_with_ties():
    for levels in (3, 1000):
        a, b = RNG.integers(0, levels, (2, 8, 9)).astype(float)
        assert spearman(a, b) == pytest.approx(stats.spearmanr(a.ravel(), b.ravel()).statistic)
    assert spearman(np.ones((3, 3)), RNG.uniform(size=(3, 3))) == 0


def test_the_observed_overlap_is_never_below_the_pigeonhole_bound():
    for _ in range(100):
        maps = {name: RNG.uniform(size=(7, 7)) for name in "ab"}
        masks = {name: RNG.uniform(size=(7, 7)) > RNG.uniform() for name in "ab"}
        (pair,) = vi.scores.agreement(maps, masks)
        assert pair.overlap_observed >= pair.overlap_at_least - 1e-12
        assert pair.overlap_by_chance == pytest.approx(pair.share_first * pair.share_second)


def test_the_bound_is_reached_by_masks_that_avoid_each_other():
    first = np.zeros((1, 10), bool)
    second = first.copy()
    first[0, :7], second[0, 4:] = True, True
    (pair,) = vi.scores.agreement({"a": first, "b": second}, {"a": first, "b": second})
    assert pair.overlap_at_least == pytest.approx(0.3)
    assert pair.overlap_observed == pytest.approx(0.3)
    assert pair.iou == pytest.approx(0.3)


def test_all_pairs_at_the_finest_resolution():
    maps = {"a": RNG.uniform(size=(4, 4)), "b": RNG.uniform(size=(8, 8)), "c": RNG.uniform(size=(8, 8))}
    masks = {name: np.ones((8, 8), bool) for name in maps}
    assert [(p.first, p.second) for p in vi.scores.agreement(maps, masks)] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_two_small_masks_need_not_overlap_at_all():
    small = np.zeros((10, 10), bool)
    small[0, :3] = True
    (found,) = vi.scores.agreement({"a": small.astype(float), "b": small.astype(float)}, {"a": small, "b": small[::-1]})
    assert found.overlap_at_least == 0.0
    assert found.overlap_observed == 0.0
    assert found.overlap_by_chance == pytest.approx(0.03 * 0.03)


def test_each_map_is_sorted_once_however_many_pairs_there_are(monkeypatch):
    ranked = []
    monkeypatch.setattr(pairs, "ranks", lambda values: ranked.append(values.shape) or ranks(values))
    maps = {name: RNG.uniform(size=(8, 8)) for name in "abcd"}
    found = vi.scores.agreement(maps, {name: np.ones((8, 8), bool) for name in maps})
    assert ranked == [(8, 8)] * 4
    assert [p.spearman for p in found] == [spearman(maps[p.first], maps[p.second]) for p in found]
