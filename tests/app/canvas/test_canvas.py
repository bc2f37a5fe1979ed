"""What the canvas paints is of the objects that are there now, whatever it painted before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from tests.app.canvas import scenes
from vitinspect.app.canvas import canvas as canvas_module
from vitinspect.app.canvas import painting
from vitinspect.app.canvas.canvas import Canvas
from vitinspect.app.identity import Same


@pytest.fixture
def canvas(qapp: QApplication, tmp_path: Path) -> Canvas:
    return scenes.canvas_of(tmp_path, 1)


@pytest.fixture
def numbers_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects that come after one another get the same ``id``, as they may when the one before is gone."""
    for module in (canvas_module, painting):
        monkeypatch.setattr(module, "id", lambda thing: 0 if thing is None else 1, raising=False)


def as_painted_by_a_new_canvas(canvas: Canvas) -> QImage:
    fresh = Canvas(canvas.state, canvas.results)
    fresh.resize(canvas.size())
    return fresh.grab().toImage()


@pytest.mark.usefixtures("numbers_given_again")
def test_a_map_that_took_the_place_of_a_freed_one_in_memory_is_painted_itself(canvas: Canvas) -> None:
    canvas.grab()
    canvas.results.update(maps={})
    canvas.grab()
    canvas.results.update(maps={"rollout": scenes.shown_map(canvas.results.picture, scenes.bump(6, 6))})
    assert canvas.grab().toImage() == as_painted_by_a_new_canvas(canvas)


@pytest.mark.usefixtures("numbers_given_again")
def test_an_outline_is_of_the_map_that_is_shown(qapp: QApplication, tmp_path: Path) -> None:
    canvas = scenes.outlined(tmp_path)
    canvas.grab()
    canvas.results.update(maps={"rollout": scenes.shown_map(canvas.results.picture, scenes.bump(6, 6))})
    assert canvas.grab().toImage() == as_painted_by_a_new_canvas(canvas)


@pytest.mark.usefixtures("numbers_given_again")
def test_a_region_that_is_painted_out_is_the_present_one(canvas: Canvas) -> None:
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
