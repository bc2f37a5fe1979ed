"""Geometry, heat, brush: what is arithmetic, tested without a window and without a model."""

from __future__ import annotations

import numpy as np
import pytest

from vitinspect.app.brush import stroke
from vitinspect.app.geometry import Placed, View, fit, tiles
from vitinspect.app.heat import Heat, isoline, patch_outline, table
from vitinspect.maps import resize

CROP = Placed((224, 224), (300, 400), (50.0, 0.0, 350.0, 300.0))
PADDED = Placed((224, 224), (300, 400), (0.0, -50.0, 400.0, 350.0))


def test_a_point_outside_of_the_crop_has_no_cell():
    assert CROP.cell_at(20, 150, (14, 14)) is None
    assert CROP.cell_at(51, 1, (14, 14)) == (0, 0)
    assert CROP.cell_at(349, 299, (14, 14)) == (13, 13)


def test_padding_is_not_a_part_of_the_picture():
    assert PADDED.cell_at(10, -20, (14, 14)) is None
    assert PADDED.visible == (0.0, 0.0, 400.0, 300.0)
    assert PADDED.sees_all
    assert not CROP.sees_all


def test_the_middle_of_each_cell_lies_in_that_cell():
    for row, column in np.ndindex(7, 5):
        left, top, right, bottom = CROP.cell_box(row, column, (7, 5))
        assert CROP.cell_at((left + right) / 2, (top + bottom) / 2, (7, 5)) == (row, column)


def test_fitting_shows_the_whole_picture_in_the_middle():
    pane, size = (200, 100), (300, 400)
    assert View().scale(pane, size) == pytest.approx(1 / 3)
    assert View().to_pane(200, 150, pane, size) == pytest.approx((100, 50))
    assert fit(pane, size) == pytest.approx(1 / 3)


def test_zooming_keeps_the_point_under_the_cursor():
    pane, size = (200, 100), (300, 400)
    view = View()
    for factor in (3.0, 2.0, 1.5):
        before = view.to_picture(120, 60, pane, size)
        view = view.zoomed(factor, 120, 60, pane, size)
        assert view.to_picture(120, 60, pane, size) == pytest.approx(before)


def test_a_view_cannot_be_dragged_off_the_picture():
    pane, size = (200, 100), (300, 400)
    view = View(2.0).panned(10_000, 10_000, pane, size)
    assert view.to_picture(0, 0, pane, size) == pytest.approx((0, 0))


@pytest.mark.parametrize("count", range(1, 13))
def test_tiles_do_not_overlap_and_are_within_the_area(count):
    boxes = tiles(count, 700, 500, (300, 400), 24, 4)
    assert len(boxes) == count
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        assert 0 <= x0 < x1 <= 701
        assert 0 <= y0 < y1 <= 501
        for other in boxes[:i]:
            assert x0 >= other[2] or x1 <= other[0] or y0 >= other[3] or y1 <= other[1]


def test_levels_span_the_range_of_the_map():
    values = np.linspace(-3, 5, 196).reshape(14, 14)
    heat = Heat(values, False, (224, 224))
    levels = heat.levels_at(np.arange(14), np.arange(14))
    assert levels.min() == 0
    assert levels.max() == 255
    assert (heat.range.low, heat.range.high) == (-3, 5)


def test_zero_is_in_the_middle_of_a_signed_map():
    heat = Heat(np.array([[-1.0, 0.0], [0.0, 4.0]]), True, (32, 32))
    assert (heat.range.low, heat.range.high) == (-4, 4)
    assert heat.levels_at(np.array([0]), np.array([1]))[0, 0] in (127, 128)


def test_the_percentile_of_the_median_is_fifty():
    heat = Heat(np.arange(100.0).reshape(10, 10), False, (32, 32))
    assert heat.percentile(49.5) == 50
    assert heat.percentile(99) == pytest.approx(99.5)


def test_smooth_values_are_those_of_the_library():
    values = np.random.default_rng(1).normal(size=(14, 14))
    heat = Heat(values, False, (224, 224))
    assert np.allclose(heat.fine, resize(values, (224, 224)), atol=1e-5)


def test_opacity_by_value_leaves_zero_transparent():
    colours = table("auto", signed=False, opacity=0.8, grows="growing")
    assert colours[0] >> 24 == 0
    assert colours[255] >> 24 == 204
    signed = table("auto", signed=True, opacity=0.8, grows="growing")
    assert signed[128] >> 24 <= 4
    assert signed[0] >> 24 == 204


def test_an_isoline_closes_around_what_is_above():
    y, x = np.mgrid[0:40, 0:40] + 0.5
    lines = isoline(-np.hypot(x - 20, y - 18), -8.0)
    ends = np.concatenate([lines[:, :2], lines[:, 2:]])
    assert np.hypot(ends[:, 0] - 20, ends[:, 1] - 18) == pytest.approx(8.0, abs=0.1)
    # Closed: each point is the end of exactly two pieces.
    _, counts = np.unique(ends.round(3), axis=0, return_counts=True)
    assert (counts == 2).all()


def test_an_isoline_of_a_flat_map_is_empty_and_one_at_the_border_is_closed_there():
    assert len(isoline(np.zeros((5, 5)), 1.0)) == 0
    assert len(isoline(np.ones((5, 5)), 0.5)) > 0


def test_the_outline_of_patches_runs_along_their_edges():
    values = np.zeros((4, 4))
    values[1, 2] = 1
    lines = {tuple(row) for row in patch_outline(values, 0.5).tolist()}
    assert lines == {(2, 1, 3, 1), (2, 2, 3, 2), (2, 1, 2, 2), (3, 1, 3, 2)}


def test_a_stroke_covers_its_line_and_nothing_far_from_it():
    mask = stroke(np.zeros((224, 224), bool), CROP, (100, 150), (200, 150), 30)
    row, left = round(150 / 300 * 224), round((100 - 50) / 300 * 224)
    assert mask[row, left + 20]
    assert not mask[row - 20, left + 20]
    assert mask.sum() * (300 / 224) ** 2 == pytest.approx(100 * 30 + np.pi * 15**2, rel=0.05)


def test_strokes_add_up_and_do_not_change_the_given_mask():
    empty = np.zeros((224, 224), bool)
    first = stroke(empty, CROP, (100, 100), (100, 100), 20)
    second = stroke(first, CROP, (250, 250), (250, 250), 20)
    assert not empty.any()
    assert (second & first).sum() == first.sum()
    assert second.sum() > first.sum()


def test_even_the_finest_brush_paints_something():
    assert stroke(np.zeros((64, 64), bool), CROP, (200, 150), (200, 150), 1).any()
