"""The tools as they are used with the mouse, and what the canvas needs to know about one."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt

from vitinspect.app.canvas.tools.tool import Tool


def drag(canvas, qtbot, start, stop, button=Qt.MouseButton.LeftButton):
    qtbot.mousePress(canvas, button, pos=start)
    qtbot.mouseMove(canvas, (start + stop) / 2)
    qtbot.mouseMove(canvas, stop)
    qtbot.mouseRelease(canvas, button, pos=stop)


@pytest.fixture
def middle(shown):
    return shown.canvas.panes()[0].picture.center()


def test_the_canvas_passes_press_move_release_and_keys_to_whatever_tool_it_has(shown, middle, qtbot):
    log = []

    class Toy(Tool):
        id = "toy"

        def press(self, canvas, spot):
            log.append(("press", spot.point is not None))

        def move(self, canvas, spot):
            log.append(("move", round(spot.x) > middle.x()))

        def release(self, canvas, spot):
            log.append(("release", spot.pane is not None))

        def key_pressed(self, canvas, event):
            log.append(("key", event.text()))
            return event.key() == Qt.Key.Key_Q

        def cursor(self):
            return Qt.CursorShape.WhatsThisCursor

    shown.canvas.set_tool(Toy())
    assert shown.canvas.cursor().shape() == Qt.CursorShape.WhatsThisCursor
    drag(shown.canvas, qtbot, middle, middle + QPoint(20, 0))
    qtbot.keyClick(shown.canvas, Qt.Key.Key_Q)
    assert [name for name, _ in log] == ["press", "move", "move", "release", "key"]
    assert all(value for _, value in log)


def test_dragging_with_the_hand_moves_the_picture_and_pins_nothing(shown, backend, middle, qtbot):
    canvas = shown.canvas
    for _ in range(6):
        shown.actions_["zoom_in"].trigger()
    before = canvas.picture_point(QPointF(middle))
    drag(canvas, qtbot, middle, middle + QPoint(30, 10))
    after = canvas.picture_point(QPointF(middle + QPoint(30, 10)))
    assert after == pytest.approx(before, abs=0.6)
    assert backend.state.pinned == ()


def test_space_or_the_middle_button_moves_the_picture_whatever_the_tool_is(shown, backend, middle, qtbot):
    canvas = shown.canvas
    for _ in range(6):
        shown.actions_["zoom_in"].trigger()
    qtbot.keyClick(canvas, Qt.Key.Key_B)
    before, image = canvas.view, backend.state.image
    qtbot.keyPress(canvas, Qt.Key.Key_Space)
    drag(canvas, qtbot, middle, middle + QPoint(30, 10))
    qtbot.keyRelease(canvas, Qt.Key.Key_Space)
    assert canvas.view != before
    assert backend.state.image == image, "Space was used to drag, and is not a command then"
    before = canvas.view
    drag(canvas, qtbot, middle, middle + QPoint(-30, 0), Qt.MouseButton.MiddleButton)
    assert canvas.view != before
    assert backend.results.painted is None


def test_one_drag_of_the_brush_is_one_step_that_can_be_undone_and_redone(shown, backend, middle, qtbot, settle):
    canvas = shown.canvas
    qtbot.keyClick(canvas, Qt.Key.Key_B)
    drag(canvas, qtbot, middle - QPoint(40, 0), middle + QPoint(40, 10))
    first = backend.results.painted
    drag(canvas, qtbot, middle - QPoint(0, 60), middle - QPoint(0, 20))
    assert backend.results.painted.sum() > first.sum()
    shown.actions_["undo"].trigger()
    assert np.array_equal(backend.results.painted, first)
    shown.actions_["undo"].trigger()
    assert backend.results.painted is None
    assert not shown.actions_["undo"].isEnabled()
    shown.actions_["redo"].trigger()
    assert np.array_equal(backend.results.painted, first)
    settle()
    assert np.array_equal(backend.results.probed.mask, first)


def test_the_eraser_restores_a_part(shown, backend, middle, qtbot, settle):
    canvas = shown.canvas
    qtbot.keyClick(canvas, Qt.Key.Key_B)
    drag(canvas, qtbot, middle - QPoint(60, 0), middle + QPoint(60, 0))
    before = backend.results.painted
    qtbot.keyClick(canvas, Qt.Key.Key_E)
    drag(canvas, qtbot, middle - QPoint(10, 0), middle + QPoint(10, 0))
    after = backend.results.painted
    assert 0 < after.sum() < before.sum()
    assert not (after & ~before).any()
    settle()


def test_hiding_inside_and_outside_of_the_outline_are_opposites(shown, backend, settle):
    shown.what_if.hide(inside=True)
    inside = backend.results.painted
    shown.what_if.hide(inside=False)
    outside = backend.results.painted
    assert np.array_equal(inside, ~outside)
    share = backend.results.cuts["rollout"].share
    assert inside.mean() == pytest.approx(share, abs=0.05)
    settle()


def test_a_region_of_another_picture_cannot_be_restored(shown, backend, middle, qtbot, settle):
    qtbot.keyClick(shown.canvas, Qt.Key.Key_B)
    drag(shown.canvas, qtbot, middle, middle + QPoint(30, 0))
    shown.actions_["next"].trigger()
    settle()
    assert not shown.history.can_undo
    assert backend.results.painted is None


def test_options_are_above_the_canvas_only_while_the_tool_has_some(shown, qtbot):
    assert not shown.options.isVisible()
    shown.select_tool("brush")
    assert shown.options.isVisible()
    size = shown.backend.state.brush_size
    qtbot.keyClick(shown.canvas, Qt.Key.Key_BracketRight)
    assert shown.backend.state.brush_size == size + 2
    shown.select_tool("pan")
    assert not shown.options.isVisible()


def test_shift_and_the_arrows_move_the_pinned_patch(shown, backend, qtbot):
    qtbot.keyClick(shown.canvas, Qt.Key.Key_P)
    backend.state.set(pinned=(2, 3))
    qtbot.keyClick(shown.canvas, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(shown.canvas, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert backend.state.pinned == (3, 4)
