"""A pane keeps its title, place and colour bar while its map is on its way, and when it is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication

from tests.app.canvas import scenes
from vitinspect.app.canvas.canvas import Canvas
from vitinspect.app.session.results import Progress


@pytest.fixture
def grid(qapp: QApplication, tmp_path: Path) -> Canvas:
    return scenes.canvas_of(tmp_path, 3, layout="grid")


def without(canvas: Canvas, layer: str, **changes: object) -> None:
    canvas.results.update(maps={k: m for k, m in canvas.results.maps.items() if k != layer}, **changes)


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


def test_the_single_pane_keeps_its_place_too(qapp: QApplication, tmp_path: Path) -> None:
    canvas = scenes.canvas_of(tmp_path, 1)
    before = canvas.panes()[0].picture
    without(canvas, "rollout", pending=frozenset({"rollout"}))
    assert canvas.panes()[0].picture == before
    assert canvas.shown_maps() == []


def test_the_picture_is_dimmed_and_its_bar_grows(grid: Canvas) -> None:
    def painted(done: int) -> np.ndarray:
        progress = Progress("AttnLRP", done, 100)
        without(grid, "attnlrp", pending=frozenset({"attnlrp"}), progress=progress)
        assert grid.panes()[1].missing.progress == done / 100
        image = part(grid, 1).convertToFormat(QImage.Format.Format_RGB32)
        accent = QColor(6 * 16 + 15, 176, 250)
        return np.array(
            [image.pixelColor(x, y) == accent for x in range(image.width()) for y in range(image.height())]
        ).sum()

    assert painted(80) > painted(20) > 0


def test_a_refusal_stands_in_its_pane(grid: Canvas) -> None:
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


def test_a_cancelled_map_says_how_to_compute_it(grid: Canvas) -> None:
    without(grid, "lrp", stopped=frozenset({"lrp"}))
    assert "Ctrl+R" in grid.panes()[2].missing.reason


def test_a_hidden_layer_has_no_pane(grid: Canvas) -> None:
    without(grid, "lrp", pending=frozenset({"lrp"}))
    grid.state.edit_layer("lrp", "Hide", visible=False)
    assert len(grid.panes()) == 2
