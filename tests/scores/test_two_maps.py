"""Two maps of one picture: on one grid, scaled, subtracted, and their agreement."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vitinspect.errors import DataError
from vitinspect.scores.two_maps import FINEST, Placement, agreement, difference, on_common_grid, pearson, scaled

WHOLE = (0.0, 0.0, 64.0, 64.0)


def placed(values, box=WHOLE, visible=None, **options):
    return Placement(np.asarray(values, float), box, visible or box, **options)


def test_maps_of_one_grid_keep_their_values():
    a, b = np.random.default_rng(0).random((2, 4, 4))
    common = on_common_grid(placed(a), placed(b))
    assert np.array_equal(common.first, a)
    assert np.array_equal(common.second, b)
    assert common.box == WHOLE


def test_a_finer_and_a_coarser_map_are_compared_on_the_finer_grid():
    common = on_common_grid(placed(np.ones((4, 4))), placed(np.ones((8, 8))))
    assert common.first.shape == common.second.shape == (8, 8)
    assert np.allclose(common.first, 1)


def test_the_grid_is_bounded():
    common = on_common_grid(placed(np.ones((500, 250))), placed(np.ones((4, 4))))
    assert common.first.shape == (FINEST, FINEST // 2)


def test_a_crop_and_the_whole_picture_are_compared_on_the_crop():
    """A ramp over the whole picture is the same ramp where only its middle half is seen."""
    across = np.tile((np.arange(16) + 0.5) * 4, (16, 1))
    middle = np.tile(16 + (np.arange(8) + 0.5) * 4, (8, 1))
    common = on_common_grid(placed(across), placed(middle, (16.0, 16.0, 48.0, 48.0)))
    assert common.box == (16.0, 16.0, 48.0, 48.0)
    assert np.allclose(common.first, common.second)


def test_padding_around_the_picture_is_left_out():
    padded = np.zeros((4, 4))
    padded[1:3] = [[1, 2, 3, 4], [5, 6, 7, 8]]
    visible = (0.0, 0.0, 64.0, 32.0)
    common = on_common_grid(placed(padded, (0.0, -16.0, 64.0, 48.0), visible), placed(np.ones((2, 4)), visible))
    assert np.allclose(common.first, padded[1:3])


def test_without_a_common_part_there_is_nothing_to_compare():
    with pytest.raises(DataError, match="no common part"):
        on_common_grid(placed(np.ones((2, 2)), (0, 0, 10, 10)), placed(np.ones((2, 2)), (20, 0, 30, 10)))


def test_scaling_goes_from_0_to_1_and_keeps_zero_for_a_signed_map():
    assert np.allclose(scaled(np.array([[2.0, 3.0, 4.0]])), [[0, 0.5, 1]])
    assert np.allclose(scaled(np.array([[-1.0, 0.0, 4.0]]), signed=True), [[-0.25, 0, 1]])
    assert np.array_equal(scaled(np.full((2, 2), 7.0)), np.zeros((2, 2)))


def test_the_difference_is_positive_where_the_second_is_higher():
    common = on_common_grid(placed([[0.0, 1.0]]), placed([[3.0, 1.0]]))
    assert np.allclose(difference(common), [[1, -1]])


def test_the_difference_does_not_depend_on_the_units_of_the_maps():
    a, b = np.random.default_rng(1).random((2, 5, 5))
    once = difference(on_common_grid(placed(a), placed(b)))
    assert np.allclose(once, difference(on_common_grid(placed(1000 * a + 3), placed(b / 7))))


def test_agreement_equals_scipy():
    a, b = np.random.default_rng(2).random((2, 6, 6)).round(1)
    found = agreement(on_common_grid(placed(a), placed(b)), (0.5, 0.4))
    assert found.spearman == pytest.approx(stats.spearmanr(a.ravel(), b.ravel()).statistic)
    assert found.pearson == pytest.approx(stats.pearsonr(a.ravel(), b.ravel()).statistic)
    masks = a > 0.5, b > 0.4
    assert found.iou == pytest.approx((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())
    assert (found.share_first, found.share_second) == (masks[0].mean(), masks[1].mean())


def test_a_map_agrees_with_itself_and_is_opposed_by_its_negative():
    a = np.random.default_rng(3).random((4, 4))
    same = agreement(on_common_grid(placed(a), placed(a)), (0.5, 0.5))
    assert (same.spearman, same.pearson, same.iou) == pytest.approx((1, 1, 1))
    assert agreement(on_common_grid(placed(a), placed(-a)), (0.5, -0.5)).spearman == pytest.approx(-1)


def test_a_constant_map_correlates_with_nothing():
    assert pearson(np.ones((3, 3)), np.arange(9.0).reshape(3, 3)) == 0
