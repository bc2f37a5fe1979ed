"""The canvas paints the objects that exist now, whatever it painted before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from tests.app.canvas import scenes
from vitinspect.app import theme
from vitinspect.app.canvas import canvas as canvas_module
from vitinspect.app.canvas import painting
from vitinspect.app.canvas.canvas import Canvas
from vitinspect.app.identity import Same
from vitinspect.app.services.derived_maps import Cut
from vitinspect.app.services.mask_files import MaskFile
from vitinspect.app.session.layers import TRUTH, Layer
from vitinspect.app.session.results import ShownMap, ShownMask


@pytest.fixture
def canvas(qapp: QApplication, tmp_path: Path) -> Canvas:
    return scenes.canvas_of(tmp_path, 1)


@pytest.fixture
def numbers_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects get the same ``id`` one after the other, as they may when the earlier one is deleted."""
    for module in (canvas_module, painting):
        monkeypatch.setattr(module, "id", lambda thing: 0 if thing is None else 1, raising=False)


def as_painted_by_a_new_canvas(canvas: Canvas) -> QImage:
    fresh = Canvas(canvas.state, canvas.results)
    fresh.resize(canvas.size())
    fresh.show_view(canvas.view)
    return fresh.grab().toImage()


@pytest.mark.usefixtures("numbers_given_again")
def test_a_map_at_the_address_of_a_deleted_one_is_painted_itself(canvas: Canvas) -> None:
    canvas.grab()
    canvas.results.update(maps={})
    canvas.grab()
    canvas.results.update(maps={"rollout": scenes.shown_map(canvas.results.picture, scenes.bump(6, 6))})
    assert canvas.grab().toImage() == as_painted_by_a_new_canvas(canvas)


@pytest.mark.usefixtures("numbers_given_again")
def test_an_outline_is_that_of_the_shown_map(qapp: QApplication, tmp_path: Path) -> None:
    canvas = scenes.outlined(tmp_path)
    canvas.grab()
    canvas.results.update(maps={"rollout": scenes.shown_map(canvas.results.picture, scenes.bump(6, 6))})
    assert canvas.grab().toImage() == as_painted_by_a_new_canvas(canvas)


@pytest.mark.usefixtures("numbers_given_again")
def test_the_removed_region_that_is_painted_is_the_present_one(canvas: Canvas) -> None:
    for rows in (slice(0, 20), slice(30, 50)):
        painted = np.zeros(scenes.INPUT, bool)
        painted[rows] = True
        canvas.results.update(painted=painted)
        assert canvas.grab().toImage() == as_painted_by_a_new_canvas(canvas)


def test_a_key_holds_the_object_that_it_names() -> None:
    first, second = np.zeros(3), np.zeros(3)
    assert Same(first) == Same(first)
    assert Same(first) != Same(second)
    assert {Same(first): "mine"}.get(Same(second)) is None
    assert Same(first) != first


# --- what is kept of a painting -------------------------------------------------------------------------------------

ALL = ("rollout", "attnlrp", "lrp", "legrad")


def painted_out() -> np.ndarray:
    region = np.zeros(scenes.INPUT, bool)
    region[5:20, 10:40] = True
    return region


def other_map(canvas: Canvas) -> dict[str, ShownMap]:
    maps = dict(canvas.results.maps)
    return {**maps, "rollout": replace(maps["rollout"], values=scenes.bump(6, 6))}


def kept_map(canvas: Canvas) -> ShownMap:
    return replace(scenes.shown_map(canvas.results.picture, scenes.bump(1, 6), "gmar", "GMAR"), model="another")


def cuts(canvas: Canvas, level: float) -> dict[str, Cut]:
    return {key: Cut(level, 0.1, np.zeros(scenes.INPUT, bool)) for key in canvas.results.maps}


def mask_layer(canvas: Canvas) -> None:
    values = np.zeros((80, 120), np.uint8)
    values[15:50, 30:70] = 1
    canvas.results.update(masks={"truth": ShownMask("truth", MaskFile("truth.png"), values)})
    canvas.state.set(layers=(*canvas.state.layers, Layer("truth", TRUTH, found=True)))


def another_picture(canvas: Canvas, folder: Path) -> None:
    found = scenes.picture(folder, 100, 90, "other.png")
    canvas.results.update(picture=found, placed=scenes.placed(found))


CHANGES: dict[str, Callable[[Canvas, Path], object]] = {
    "another layer is selected": lambda canvas, _: canvas.state.set(active="attnlrp"),
    "one layer is less opaque": lambda canvas, _: canvas.state.edit_layer("rollout", opacity=0.3),
    "one layer has other colours": lambda canvas, _: canvas.state.edit_layer("rollout", colormap="grey"),
    "one layer is shown patch by patch": lambda canvas, _: canvas.state.edit_layer("rollout", smooth=False),
    "a range is typed": lambda canvas, _: canvas.state.edit_layer("rollout", range_mode="typed", low=-1.0, high=3.0),
    "two layers share their range": lambda canvas, _: [
        canvas.state.edit_layer(layer, range_mode="layers") for layer in ("rollout", "attnlrp")
    ],
    "a layer is marked A": lambda canvas, _: canvas.state.edit_layer("rollout", mark="A"),
    "a layer has a name": lambda canvas, _: canvas.state.edit_layer("rollout", name="mine"),
    "a layer is hidden": lambda canvas, _: canvas.state.edit_layer("rollout", visible=False),
    "the layers change places": lambda canvas, _: canvas.state.set(layers=canvas.state.layers[::-1]),
    "a map is another one": lambda canvas, _: canvas.results.update(maps=other_map(canvas)),
    "a map is on its way": lambda canvas, _: canvas.results.update(pending=frozenset({"rollout"})),
    "a map is refused": lambda canvas, _: canvas.results.update(
        maps={k: m for k, m in canvas.results.maps.items() if k != "rollout"}, refusals={"rollout": "Not with this one"}
    ),
    "all maps are gone": lambda canvas, _: canvas.results.update(maps={}, refusals=dict.fromkeys(ALL, "Not with this")),
    "a map is kept": lambda canvas, _: canvas.results.update(kept=kept_map(canvas)),
    "thresholds are shown": lambda canvas, _: [
        canvas.results.update(cuts=cuts(canvas, 0.5)),
        *(canvas.state.edit_layer(layer, shown_as="outline") for layer in ALL),
    ],
    "the threshold moves": lambda canvas, _: canvas.results.update(cuts=cuts(canvas, 0.2)),
    "there is a mask": lambda canvas, _: mask_layer(canvas),
    "a patch is pinned": lambda canvas, _: canvas.state.set(pinned=(2, 4)),
    "the crop is not framed": lambda canvas, _: canvas.state.set(frame=False),
    "something is painted out": lambda canvas, _: canvas.results.update(painted=painted_out()),
    "the view is zoomed": lambda canvas, _: canvas.zoom_by(1.7),
    "the picture alone is shown": lambda canvas, _: canvas.state.set(show="image"),
    "the map alone is shown": lambda canvas, _: canvas.state.set(show="heat"),
    "the swipe line moves": lambda canvas, _: canvas.state.set(swipe=0.7),
    "the maps are side by side": lambda canvas, _: canvas.state.set(layout="grid"),
    "the maps are swiped": lambda canvas, _: canvas.state.set(layout="swipe"),
    "one map is shown": lambda canvas, _: canvas.state.set(layout="single"),
    "the canvas is smaller": lambda canvas, _: canvas.resize(500, 300),
    "the model is gone": lambda canvas, _: canvas.results.update(card=None, placed=None),
    "the picture is another one": another_picture,
}


@pytest.mark.parametrize("layout", ["grid", "swipe", "single"])
def test_earlier_paintings_are_never_shown_instead_of_the_present_objects(
    qapp: QApplication, tmp_path: Path, layout: str
) -> None:
    for name, change in CHANGES.items():
        canvas = scenes.canvas_of(tmp_path, 4, (760, 440), layout=layout)
        canvas.grab()
        change(canvas, tmp_path)
        assert canvas.grab().toImage() == as_painted_by_a_new_canvas(canvas), name


def test_changes_upon_changes_are_all_shown(qapp: QApplication, tmp_path: Path) -> None:
    canvas = scenes.canvas_of(tmp_path, 4, (760, 440), layout="grid")
    for name, change in CHANGES.items():
        change(canvas, tmp_path)
        assert canvas.grab().toImage() == as_painted_by_a_new_canvas(canvas), name


def test_another_theme_leaves_nothing_of_the_earlier_one(qapp: QApplication, tmp_path: Path) -> None:
    canvas = scenes.canvas_of(tmp_path, 2, layout="grid")
    canvas.grab()
    with theme.on_ground("white"):
        assert canvas.grab().toImage() == as_painted_by_a_new_canvas(canvas)
    assert canvas.grab().toImage() == as_painted_by_a_new_canvas(canvas)


@pytest.mark.parametrize(
    ("change", "panes"),
    [
        ("one layer is less opaque", 1),
        ("a map is on its way", 1),
        ("another layer is selected", 2),
        ("something is painted out", 0),
        ("the view is zoomed", 4),
    ],
)
def test_only_the_panes_that_show_something_new_are_painted_again(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, panes: int
) -> None:
    canvas = scenes.canvas_of(tmp_path, 4, (760, 440), layout="grid")
    canvas.grab()
    titles: list[str] = []
    paint = canvas.labels.paint
    monkeypatch.setattr(
        canvas.labels, "paint", lambda painter, pane, seen: (titles.append(pane.map.title), paint(painter, pane, seen))
    )
    CHANGES[change](canvas, tmp_path)
    canvas.grab()
    assert len(titles) == panes


def test_a_moving_cursor_paints_no_pane_again(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = scenes.canvas_of(tmp_path, 4, (760, 440), layout="grid")
    before = canvas.grab().toImage()
    monkeypatch.setattr(canvas.labels, "paint", lambda *_: pytest.fail("a pane was painted again"))
    canvas.point_at((60.0, 40.0))
    under_the_cursor = canvas.grab().toImage()
    assert under_the_cursor != before
    canvas.point_at(None)
    assert canvas.grab().toImage() == before
