"""Painting overlays: positions and opacity."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitinspect.errors import DataError, ParameterError
from vitinspect.figures.colormaps import colormap
from vitinspect.figures.overlay import (
    ACCENT,
    ValueRange,
    blend,
    colour_bar,
    draw_outline,
    levels,
    outline,
    overlay,
    place,
    rgba_table,
    sees_all,
)
from vitinspect.models.preprocess import Placement

WHOLE = Placement(input_size=(8, 8), original_size=(8, 8), box=(0, 0, 8, 8))
MIDDLE = Placement(input_size=(8, 8), original_size=(8, 16), box=(4, 0, 12, 8))
GRID = np.array([[0.0, 1.0], [2.0, 3.0]], dtype=np.float32)
GREY = Image.new("RGB", (8, 8), (100, 100, 100))


def test_the_range_leaves_out_what_is_not_seen() -> None:
    assert ValueRange.of(np.array([np.nan, 2.0, -1.0])) == ValueRange(-1.0, 2.0)
    assert ValueRange.of(np.array([np.nan])) == ValueRange(0.0, 0.0)


def test_a_centred_range_has_zero_in_its_middle() -> None:
    centred = ValueRange.of(np.array([-1.0, 3.0]), centred=True)
    assert centred == ValueRange(-3.0, 3.0)
    assert levels(np.array([[0.0]]), centred)[0, 0] in (127, 128)


def test_a_constant_map_stretches_to_zeros() -> None:
    flat = np.full((2, 2), 5.0)
    assert (ValueRange.of(flat).stretch(flat) == 0).all()


def test_a_signed_map_of_zeros_has_the_colour_of_zero_and_not_that_of_the_lowest_value() -> None:
    nothing = np.zeros((2, 2))
    assert set(levels(nothing, ValueRange.of(nothing, centred=True)).flat) <= {127, 128}
    assert set(levels(nothing, ValueRange.of(nothing)).flat) == {0}


def test_levels_run_from_0_at_the_lowest_to_255_at_the_highest_value() -> None:
    assert levels(GRID, ValueRange.of(GRID)).tolist() == [[0, 85], [170, 255]]


def test_values_beyond_a_given_range_are_held_at_its_ends() -> None:
    assert levels(np.array([[-9.0, 9.0]]), ValueRange(0.0, 1.0)).tolist() == [[0, 255]]


def test_patch_exact_placing_fills_each_patch_with_its_own_value() -> None:
    heat = place(GRID, WHOLE, smooth=False)
    assert (heat[:4, :4] == 0).all()
    assert (heat[:4, 4:] == 1).all()
    assert (heat[4:, 4:] == 3).all()


def test_smooth_placing_passes_between_the_patches_and_keeps_within_their_range() -> None:
    heat = place(GRID, WHOLE, smooth=True)
    assert heat.min() >= 0
    assert heat.max() <= 3
    assert 0 < heat[0, 3] < 1


def test_opacity_is_constant_or_by_value() -> None:
    uniform = rgba_table("viridis", opacity=0.5)
    assert set(uniform[:, 3]) == {128}
    growing = rgba_table("viridis", opacity=0.5, grows="growing")
    assert growing[0, 3] == 0
    assert growing[-1, 3] == 128
    assert (np.diff(growing[:, 3].astype(int)) >= 0).all()


def test_in_a_diverging_map_opacity_grows_from_zero_to_both_ends() -> None:
    alpha = rgba_table("diverging", opacity=1.0, grows="growing")[:, 3]
    assert alpha[0] == alpha[-1] == 255
    assert alpha[127:129].max() <= 4


@pytest.mark.parametrize("opacity", [-0.1, 1.1, float("nan")])
def test_an_impossible_opacity_is_refused(opacity: float) -> None:
    with pytest.raises(ParameterError, match="between 0 and 1"):
        rgba_table("viridis", opacity=opacity)


def test_full_opacity_shows_the_map_and_none_shows_the_picture() -> None:
    level = levels(GRID, ValueRange.of(GRID)).repeat(4, axis=0).repeat(4, axis=1)
    pixels = np.asarray(GREY)
    assert (blend(pixels, level, rgba_table("inferno", opacity=1.0)) == colormap("inferno")[level]).all()
    assert (blend(pixels, level, rgba_table("inferno", opacity=0.0)) == pixels).all()


def test_half_opacity_is_the_mean_of_picture_and_colour() -> None:
    level = np.full((8, 8), 255, dtype=np.uint8)
    mixed = blend(np.asarray(GREY), level, rgba_table("grey", opacity=0.5))
    assert np.abs(mixed.astype(int) - (100 + 255) / 2).max() <= 1


def test_a_tall_picture_is_blended_to_its_last_row() -> None:
    pixels = np.zeros((1000, 3, 3), dtype=np.uint8)
    level = np.full((1000, 3), 255, dtype=np.uint8)
    assert (blend(pixels, level, rgba_table("grey", opacity=1.0)) == 255).all()


def test_what_the_model_did_not_see_stays_as_it_was() -> None:
    picture = Image.new("RGB", (16, 8), (10, 200, 30))
    painted = np.asarray(overlay(picture, GRID, MIDDLE, opacity=1.0, frame=False))
    assert (painted[:, :4] == (10, 200, 30)).all()
    assert (painted[:, 12:] == (10, 200, 30)).all()
    assert (painted[:, 4:12] != (10, 200, 30)).any(axis=-1).all()


def test_a_frame_shows_the_part_that_the_model_saw_and_only_where_it_is_a_part() -> None:
    picture = Image.new("RGB", (16, 8), (10, 200, 30))
    framed = np.asarray(overlay(picture, GRID, MIDDLE, opacity=0.0))
    assert (framed[:, 4] == ACCENT).all()
    assert (framed[:, 11] == ACCENT).all()
    assert (framed[:, :4] == (10, 200, 30)).all()
    assert sees_all(WHOLE)
    assert (np.asarray(overlay(GREY, GRID, WHOLE, opacity=0.0)) == 100).all()


def test_a_signed_map_in_the_diverging_colours_is_white_where_it_is_zero() -> None:
    signed = np.array([[-1.0, 0.0], [0.0, 4.0]])
    painted = np.asarray(overlay(GREY, signed, WHOLE, name="diverging", opacity=1.0, smooth=False)).astype(int)
    assert painted[0, 7].min() > 240
    red, blue = painted[7, 7], painted[0, 0]
    assert red[0] > red[2] + 50
    assert blue[2] > blue[0] + 20


def test_the_outline_of_a_square_is_its_border_and_nothing_outside() -> None:
    mask = np.zeros((9, 9), dtype=bool)
    mask[2:7, 2:7] = True
    rim = outline(mask)
    assert rim.sum() == 16
    assert not rim[3:6, 3:6].any()
    assert not (rim & ~mask).any()
    assert outline(mask, 2).sum() == 24


def test_an_object_that_is_cut_off_by_the_edge_of_the_picture_has_no_outline_there() -> None:
    mask = np.zeros((5, 5), dtype=bool)
    mask[:, :3] = True
    rim = outline(mask)
    assert rim[:, 2].all()
    assert not rim[:, :2].any()


def test_drawing_an_outline_changes_no_pixel_outside_of_the_mask() -> None:
    mask = np.zeros((8, 8), dtype=bool)
    mask[1:7, 1:7] = True
    drawn = draw_outline(np.asarray(GREY), mask, width=1)
    assert (drawn[~mask] == 100).all()
    assert (drawn[1, 1:7] == ACCENT).all()
    with pytest.raises(DataError):
        draw_outline(np.asarray(GREY), mask[:5])


def test_the_colour_bar_has_the_highest_colour_at_the_top() -> None:
    bar = np.asarray(colour_bar(colormap("viridis"), ValueRange(-0.5, 2.0), height=100))
    column = bar[:, 8]
    rows = np.flatnonzero((column == colormap("viridis")[255]).all(axis=-1))
    last = np.flatnonzero((column == colormap("viridis")[0]).all(axis=-1))
    assert rows[0] < last[-1]
    assert last[-1] - rows[0] == 99


def test_a_map_of_another_size_than_the_picture_is_refused() -> None:
    with pytest.raises(DataError):
        blend(np.zeros((4, 4, 3), np.uint8), np.zeros((2, 2), np.uint8), rgba_table("grey"))
