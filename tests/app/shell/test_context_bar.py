"""Model, target and predictions over the workspace."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLabel

from vitinspect.app.widgets.prediction_bars import PredictionBar


def click(bars, qtbot, at, modifier=Qt.KeyboardModifier.NoModifier):
    qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, modifier, pos=bars.bar_rect(at).center())


def test_a_click_fixes_a_class_and_the_cross_goes_back_to_the_predicted_one(shown, backend, qtbot, settle):
    context, second = shown.context, backend.results.predictions[1]
    click(context.bars, qtbot, 1)
    assert backend.state.target == (second.index,)
    settle()
    assert context.explain.property("fixed")
    assert f"maps explain <b>{second.label}</b>" in context.notice.text()
    context.explain.cross.click()
    assert backend.state.target == ()
    settle()
    assert not context.explain.property("fixed")
    assert "maps explain" not in context.notice.text()


def test_ctrl_click_sets_the_class_against_and_a_second_one_removes_it(shown, backend, qtbot, settle):
    bars, first, second = shown.context.bars, *backend.results.predictions[:2]
    click(bars, qtbot, 1, Qt.KeyboardModifier.ControlModifier)
    assert backend.state.target == (first.index, second.index)
    settle()
    click(bars, qtbot, 1, Qt.KeyboardModifier.ControlModifier)
    assert backend.state.target == (first.index,)
    settle()


def test_an_explained_class_that_is_not_among_the_first_has_a_bar_too(shown, backend, settle):
    last = backend.results.predictions[-1]
    backend.state.set(target=(last.index,))
    settle()
    assert last.index in [bar.index for bar in shown.context.bars.bars]


def test_runs_on_says_all_three_and_changes_each(shown, backend, settle):
    runs_on = shown.context.runs_on
    assert runs_on.button.currentText() == "cpu, float32, crop 64"
    runs_on.fit.chosen.emit("squash")
    assert backend.state.fit == "squash"
    settle()
    assert runs_on.button.currentText() == "cpu, float32, squash 64"


@pytest.mark.parametrize(("width", "count"), [(1280, 4), (1360, 5), (1440, 5), (2560, 5)])
def test_five_predictions_are_shown_from_1360_pixels_up(shown, backend, qtbot, settle, width, count):
    shown.resize(width, 900)
    qtbot.waitUntil(lambda: shown.context.width() == width)
    names = ("butterfly", "mushroom", "starfish", "lifebuoy", "palette")
    bars = [PredictionBar(i, name, 0.967 / (1 + 9 * i)) for i, name in enumerate(names)]
    shown.context.bars.set_bars(bars, 0)
    assert shown.context.bars.count() == count
    shown.context.bars.set_bars([replace(bar, after=0.888) for bar in bars], 0)
    assert shown.context.bars.count() == count, "a what-if edit takes no bar away"


def test_the_predictions_are_aligned_with_the_fields(shown):
    context = shown.context

    def top(widget, y=0):
        return widget.mapTo(context, QPoint(0, y)).y()

    assert top(context.bars, context.bars.bar_rect(0).top()) == top(context.model.button)
    caption = next(label for label in context.findChildren(QLabel) if label.text() == "Model")
    assert (top(context.notice), context.notice.height()) == (top(caption), caption.height())
