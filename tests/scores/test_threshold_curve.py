"""The score over all thresholds is that of each cut by itself."""

from __future__ import annotations

import numpy as np
import pytest

from vitinspect.errors import DataError
from vitinspect.scores.masks import overlap
from vitinspect.scores.threshold_curve import threshold_curve


def test_each_point_is_the_score_of_the_cut_at_its_level():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(20, 30)).round(1)
    truth = rng.choice([0, 1, 255], size=(20, 30), p=[0.6, 0.3, 0.1]).astype(np.uint8)
    curve = threshold_curve(values, truth, levels=7)
    known = values[truth != 255]
    for i, level in enumerate(curve.levels):
        cut = values > known.min() + level * (known.max() - known.min())
        one = overlap(cut, truth, ignore=255, boundaries=False)
        assert (curve.dice[i], curve.iou[i]) == pytest.approx((one.f1, one.iou))
        assert (curve.precision[i], curve.recall[i]) == pytest.approx((one.precision, one.recall))


@pytest.mark.parametrize("truth", [np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)])
def test_an_empty_or_unknown_mask_scores_nothing_at_any_level(truth: np.ndarray):
    curve = threshold_curve(np.arange(16.0).reshape(4, 4), truth)
    assert len(curve.levels) == 101
    assert not curve.dice.any()
    assert not curve.recall.any()


def test_a_map_of_another_size_is_refused():
    with pytest.raises(DataError, match="resize"):
        threshold_curve(np.zeros((2, 2)), np.zeros((3, 3), np.uint8))
