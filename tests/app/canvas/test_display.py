"""What a layer's display says is what is painted: range, threshold, marks, numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from tests.app.canvas import scenes
from vitinspect.app import heat as heating
from vitinspect.app.canvas.canvas import Canvas
from vitinspect.app.canvas.readout import Readout
from vitinspect.app.services.derived_maps import Cut
from vitinspect.app.session import layers as layering


def pixels(canvas: Canvas) -> np.ndarray:
    image = canvas.grab().toImage().convertToFormat(canvas.grab().toImage().Format.Format_RGB32)
    return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)[..., 2::-1].copy()


def at(canvas: Canvas, row: float, column: float, pane: int = 0) -> tuple[int, ...]:
    """The colour at the middle of a patch."""
    picture, placed = canvas.results.picture, canvas.results.placed
    assert picture is not None
    assert placed is not None
    left, top, right, bottom = placed.cell_box(int(row), int(column), scenes.GRID)
    box = canvas.panes()[pane]
    x, y = canvas.view.to_pane((left + right) / 2, (top + bottom) / 2, box.size, picture.size)
    found = pixels(canvas)[round(box.picture.top() + y), round(box.picture.left() + x)]
    return tuple(int(v) for v in found)


@pytest.fixture
def alone(qapp: QApplication, tmp_path: Path) -> Canvas:
    """One map in patches, without the picture."""
    return scenes.canvas_of(tmp_path, 1, show="heat", smooth=False)


@pytest.fixture
def two(qapp: QApplication, tmp_path: Path) -> Canvas:
    """Two unsigned maps, of which the second has values half as high."""
    canvas = scenes.canvas_of(tmp_path, 1, (640, 300), show="heat", smooth=False, layout="grid")
    hills = canvas.results.picture
    canvas.state.set(methods=("rollout", "lrp"))
    maps = {"rollout": canvas.results.maps["rollout"]}
    maps["lrp"] = scenes.shown_map(hills, 0.5 * scenes.bump(2, 2), "lrp", "LRP")
    canvas.results.update(maps=maps)
    return canvas


def colour(level: float, name: str = "inferno") -> tuple[int, ...]:
    number = int(heating.table(name, signed=False, opacity=1.0, grows="uniform")[round(255 * level)])
    return (number >> 16 & 255, number >> 8 & 255, number & 255)


def test_a_typed_range_changes_the_colours_and_the_bar(alone: Canvas) -> None:
    assert at(alone, 2, 2) == colour(1.0)
    alone.state.edit_layer("rollout", range_mode="typed", low=0.0, high=2.0)
    assert at(alone, 2, 2) == colour(0.5)
    assert alone.range_of(alone.results.maps["rollout"]) == (0.0, 2.0)


def test_a_range_shared_among_layers_spans_all_of_them_that_share_it(two: Canvas) -> None:
    assert at(two, 2, 2, pane=1) == colour(1.0)
    for layer in ("rollout", "lrp"):
        two.state.edit_layer(layer, range_mode="layers")
    assert at(two, 2, 2, pane=0) == colour(1.0)
    assert at(two, 2, 2, pane=1) == pytest.approx(colour(0.5), abs=3)
    first, second = (two.range_of(shown) for shown in two.results.all_maps.values())
    assert first == second
    two.state.edit_layer("rollout", range_mode="automatic")
    assert at(two, 2, 2, pane=1) == colour(1.0)


def test_a_range_shared_among_pictures_keeps_the_widest(alone: Canvas) -> None:
    alone.state.edit_layer("rollout", range_mode="pictures", low=0.0, high=4.0)
    assert at(alone, 2, 2) == colour(0.25)
    alone.state.edit_layer("rollout", low=0.2, high=0.5)
    low, high = alone.range_of(alone.results.maps["rollout"])
    values = alone.results.maps["rollout"].values
    assert (low, high) == (float(values.min()), float(values.max()))


def test_zero_stays_in_the_middle_of_a_signed_map(qapp: QApplication, tmp_path: Path) -> None:
    canvas = scenes.canvas_of(tmp_path, 2)
    canvas.state.edit_layer("attnlrp", range_mode="typed", low=-0.2, high=3.0)
    assert canvas.range_of(canvas.results.maps["attnlrp"]) == (-3.0, 3.0)


def cut(canvas: Canvas, shown_as: str, **values: object) -> None:
    canvas.state.edit_layer("rollout", shown_as=shown_as, **values)
    canvas.results.update(cuts={"rollout": Cut(0.5, 0.1, np.zeros(scenes.INPUT, bool))})


def test_shade_outside_darkens_what_lies_below_the_level_alone(qapp: QApplication, tmp_path: Path) -> None:
    canvas = scenes.canvas_of(tmp_path, 1, smooth=False)
    inside, outside = at(canvas, 2, 2), at(canvas, 5, 6)
    cut(canvas, "shade")
    assert at(canvas, 2, 2) == inside
    assert sum(at(canvas, 5, 6)) < 0.6 * sum(outside)


def test_a_threshold_shown_as_mask_paints_one_colour_above_the_level_and_nothing_below(
    qapp: QApplication, tmp_path: Path
) -> None:
    canvas = scenes.canvas_of(tmp_path, 1, smooth=False, show="heat")
    cut(canvas, "mask")
    assert at(canvas, 2, 2) == at(canvas, 2, 3) != at(canvas, 5, 6)
    canvas.state.set(show="overlay")
    over = at(canvas, 5, 6)
    canvas.state.set(show="image")
    assert over == pytest.approx(at(canvas, 5, 6), abs=3)


def test_a_saved_overlay_shows_the_threshold_as_the_canvas_does(qapp: QApplication, tmp_path: Path) -> None:
    canvas = scenes.canvas_of(tmp_path, 1, smooth=False)
    before = canvas.overlay_image(canvas.active_map())
    cut(canvas, "shade")
    assert canvas.overlay_image(canvas.active_map()) != before


def test_the_marks_say_what_is_left_and_right_of_the_swipe_line(qapp: QApplication, tmp_path: Path) -> None:
    canvas = scenes.canvas_of(tmp_path, 4, layout="swipe")
    canvas.state.set(selected="lrp")
    assert [shown.id for shown in canvas.shown_maps()] == ["lrp", "rollout"]
    canvas.state.edit_layer("legrad", mark="A")
    assert [shown.id for shown in canvas.shown_maps()] == ["legrad", "lrp"]
    canvas.state.edit_layer("attnlrp", mark="B")
    assert [shown.id for shown in canvas.shown_maps()] == ["legrad", "attnlrp"]
    canvas.state.edit_layer("legrad", mark="")
    assert [shown.id for shown in canvas.shown_maps()] == ["lrp", "attnlrp"]


def test_a_pane_has_the_number_that_the_layer_has_in_the_list(qapp: QApplication, tmp_path: Path) -> None:
    canvas = scenes.canvas_of(tmp_path, 3, layout="grid")
    canvas.state.edit("Hide", layering.change(canvas.state.layers, "rollout", visible=False))
    canvas.results.update(shown_layers=("attnlrp", "lrp"))
    assert [(pane.map.id, pane.number) for pane in canvas.panes() if pane.map] == [("attnlrp", 2), ("lrp", 3)]
    canvas.point_at((60.0, 40.0))
    readout = Readout(canvas, canvas.results)
    assert [number for number, _ in readout.values()] == ["2", "3"]


def test_a_cursor_over_a_map_whose_prediction_is_not_there_yet_is_painted(qapp: QApplication, tmp_path: Path) -> None:
    canvas = scenes.canvas_of(tmp_path, 1)
    without = canvas.grab().toImage()
    canvas.results.update(placed=None)
    canvas.point_at((60.0, 40.0))
    assert canvas.grab().toImage() != without
