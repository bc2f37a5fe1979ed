"""A pane keeps its title, place and colour bar while its map is awaited, and when it is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.app.canvas import scenes
from vitinspect.app.canvas.canvas import Canvas
from vitinspect.app.session.layers import remove
from vitinspect.app.session.results import Progress
from vitinspect.app.widgets.lateness import PATIENCE

BUTTON = (Qt.MouseButton.LeftButton, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)


@pytest.fixture
def made(qapp: QApplication, tmp_path: Path) -> Iterator[Callable[..., Canvas]]:
    """Makes canvases that are deleted after the test."""
    every: list[Canvas] = []

    def make(*arguments: Any, **values: object) -> Canvas:
        every.append(scenes.canvas_of(tmp_path, *arguments, **values))
        return every[-1]

    yield make
    for canvas in every:
        canvas.deleteLater()


@pytest.fixture
def grid(made: Callable[..., Canvas]) -> Canvas:
    return made(3, layout="grid")


def without(canvas: Canvas, layer: str, **changes: object) -> None:
    canvas.results.update(maps={k: m for k, m in canvas.results.maps.items() if k != layer}, **changes)


def wait(canvas: Canvas) -> None:
    """Wait until a pane says that its map is awaited."""
    canvas.grab()
    QTest.qWait(round(1000 * PATIENCE) + 30)
    canvas.lateness.check()


def part(canvas: Canvas, pane: int) -> QImage:
    return canvas.grab(canvas.panes()[pane].box).toImage()


def test_nothing_moves_when_a_result_arrives(grid: Canvas) -> None:
    before = [(pane.box, pane.picture, pane.number) for pane in grid.panes()]
    others = [part(grid, 0), part(grid, 2)]
    arrives = grid.results.maps
    without(grid, "attnlrp", pending=frozenset({"attnlrp"}))
    assert [(pane.box, pane.picture, pane.number) for pane in grid.panes()] == before
    assert grid.panes()[1].missing.title == "AttnLRP"
    assert [part(grid, 0), part(grid, 2)] == others
    grid.results.update(maps=arrives, pending=frozenset())
    assert [(pane.box, pane.picture, pane.number) for pane in grid.panes()] == before


def test_the_single_pane_keeps_its_place_too(made: Callable[..., Canvas]) -> None:
    canvas = made(1)
    before = canvas.panes()[0].picture
    without(canvas, "rollout", pending=frozenset({"rollout"}))
    assert canvas.panes()[0].picture == before
    assert canvas.shown_maps() == []


def test_the_picture_is_dimmed_and_its_bar_grows(grid: Canvas) -> None:
    def painted(done: int) -> np.ndarray:
        progress = Progress("AttnLRP", done, 100)
        without(grid, "attnlrp", pending=frozenset({"attnlrp"}), progress=progress)
        assert grid.panes()[1].missing.progress == done / 100
        wait(grid)
        image = part(grid, 1).convertToFormat(QImage.Format.Format_RGB32)
        accent = QColor(6 * 16 + 15, 176, 250)
        return np.array(
            [image.pixelColor(x, y) == accent for x in range(image.width()) for y in range(image.height())]
        ).sum()

    assert painted(80) > painted(20) > 0


def test_a_refusal_is_written_in_its_pane(grid: Canvas) -> None:
    without(grid, "lrp", refusals={"lrp": "This model has no classifier."})
    missing = grid.panes()[2].missing
    assert missing.refused
    assert missing.reason == "This model has no classifier."
    before = part(grid, 2)
    grid.results.update(refusals={"lrp": "Another reason."})
    assert part(grid, 2) != before, "the reason is painted"


def test_a_fused_map_says_which_member_is_refused(grid: Canvas) -> None:
    grid.state.add_fused(["rollout", "lrp"])
    without(grid, "lrp", refusals={"lrp": "Not here."})
    assert grid.panes()[-1].missing.reason == "LRP (Chefer et al.): Not here."


def test_a_fused_map_without_two_members_says_so_and_does_not_wait(grid: Canvas) -> None:
    fused = grid.state.add_fused(["rollout", "lrp"])
    assert grid.panes()[-1].missing.reason == ""
    grid.state.set(layers=remove(grid.state.layers, "lrp"))
    assert grid.state.layer(fused) is not None
    assert "needs two members" in grid.panes()[-1].missing.reason


def test_a_cancelled_map_says_how_to_compute_it(grid: Canvas) -> None:
    without(grid, "lrp", stopped=frozenset({"lrp"}))
    assert "Ctrl+R" in grid.panes()[2].missing.reason


def test_a_hidden_layer_has_no_pane(grid: Canvas) -> None:
    without(grid, "lrp", pending=frozenset({"lrp"}))
    grid.state.edit_layer("lrp", "Hide", visible=False)
    assert len(grid.panes()) == 2


def test_nothing_is_dimmed_while_the_answer_may_come_at_once(made: Callable[..., Canvas]) -> None:
    canvas = made(1)
    without(canvas, "rollout", pending=frozenset({"rollout"}))
    seen = canvas.picture_rect(canvas.panes()[0])
    at_once = canvas.grab(seen).toImage()
    wait(canvas)
    later = canvas.grab(seen).toImage()
    canvas.state.set(show="image")
    place = canvas.picture_rect(canvas.panes()[0])
    alone = canvas.grab(place).toImage().pixelColor(place.width() // 2, place.height() // 2)
    middle = seen.width() // 2, seen.height() // 2
    assert at_once.pixelColor(*middle).lightness() == pytest.approx(alone.lightness(), abs=12)
    assert later.pixelColor(*middle).lightness() < 0.8 * at_once.pixelColor(*middle).lightness()


@pytest.fixture
def swipe(made: Callable[..., Canvas]) -> Canvas:
    """The first map at the left, the second one marked B at the right."""
    canvas = made(3, (480, 300), layout="swipe", swipe=0.4, active="rollout")
    canvas.state.set(second="attnlrp")
    return canvas


@pytest.mark.parametrize("gone", [("rollout",), ("attnlrp",), ("rollout", "attnlrp")])
def test_a_swipe_keeps_its_split_while_a_map_is_awaited(swipe: Canvas, gone: tuple[str, ...]) -> None:
    (before,) = swipe.panes()
    assert (before.map.id, before.second.id) == ("rollout", "attnlrp")
    for layer in gone:
        without(swipe, layer, pending=frozenset(gone))
    (after,) = swipe.panes()
    assert after.picture == before.picture
    assert (after.number, after.second_number) == (before.number, before.second_number)
    assert ((after.map or after.missing).id, (after.second or after.second_missing).id) == ("rollout", "attnlrp")
    assert swipe.swipe_at(after) == swipe.swipe_at(before)


def test_only_the_side_of_a_swipe_whose_map_is_refused_changes(swipe: Canvas) -> None:
    (pane,) = swipe.panes()
    seen = swipe.picture_rect(pane)
    line = round(swipe.swipe_at(pane)) + pane.picture.left()
    left = seen.adjusted(0, 0, line - 4 - seen.right(), 0)
    right = seen.adjusted(line + 4 - seen.left(), 0, 0, 0)
    before = [swipe.grab(side).toImage() for side in (left, right)]
    without(swipe, "attnlrp", refusals={"attnlrp": "This model has no classifier."})
    after = [swipe.grab(side).toImage() for side in (left, right)]
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_the_line_of_a_swipe_is_shown_without_maps(swipe: Canvas) -> None:
    (pane,) = swipe.panes()
    line = QPointF(pane.picture.left() + swipe.swipe_at(pane), pane.picture.center().y())
    swipe.results.update(maps={}, pending=frozenset({"rollout", "attnlrp", "lrp"}))
    QTest.mouseMove(swipe, line.toPoint())
    press = QMouseEvent(QMouseEvent.Type.MouseButtonPress, line, line, *BUTTON)
    move = QMouseEvent(QMouseEvent.Type.MouseMove, line + QPointF(40, 0), line + QPointF(40, 0), *BUTTON)
    swipe.mousePressEvent(press)
    swipe.mouseMoveEvent(move)
    assert swipe.state.swipe > 0.42


def test_the_selected_pane_is_marked_while_its_map_is_awaited(grid: Canvas) -> None:
    assert [pane.selected for pane in grid.panes()] == [True, False, False]
    grid.results.update(maps={}, pending=frozenset({"rollout", "attnlrp", "lrp"}))
    assert [pane.selected for pane in grid.panes()] == [True, False, False]
