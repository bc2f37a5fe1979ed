"""Many changes in one event cause one update, before the next painting."""

from __future__ import annotations

from typing import Any

from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from vitinspect.app.widgets.queued_update import QueuedUpdate, QueuedUpdateWhenShown


class Painted(QWidget):
    def __init__(self, done: list[str]) -> None:
        super().__init__()
        self._done = done

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        self._done.append("paint")


def test_it_is_done_once_and_before_what_it_changes_is_painted(qtbot: Any) -> None:
    done: list[str] = []
    widget = Painted(done)
    qtbot.addWidget(widget)
    widget.show()
    qtbot.waitUntil(lambda: bool(done))
    done.clear()
    soon = QueuedUpdate(lambda: done.append("follow"))
    widget.update()
    for _ in range(3):
        soon.ask()
    assert done == []
    qtbot.waitUntil(lambda: "paint" in done)
    assert done == ["follow", "paint"]


def test_an_update_that_was_done_meanwhile_is_not_done_again(qtbot: Any) -> None:
    done: list[str] = []
    soon = QueuedUpdate(lambda: done.append("follow"))
    soon.ask()
    soon.done()
    qtbot.wait(20)
    assert done == []
    soon.ask()
    qtbot.waitUntil(lambda: done == ["follow"])


def test_a_hidden_widget_is_updated_once_when_it_is_shown(qtbot: Any) -> None:
    done: list[str] = []
    stack = QStackedWidget()
    qtbot.addWidget(stack)
    seen, behind = QWidget(), QWidget()
    stack.addWidget(seen)
    stack.addWidget(behind)
    soon = QueuedUpdateWhenShown(lambda: done.append("follow"), behind)
    stack.show()
    for _ in range(3):
        soon.ask()
        qtbot.wait(5)
    assert done == []
    stack.setCurrentWidget(behind)
    assert done == ["follow"]
    stack.setCurrentWidget(seen)
    stack.setCurrentWidget(behind)
    assert done == ["follow"], "nothing was asked for meanwhile"
    soon.ask()
    qtbot.waitUntil(lambda: done == ["follow", "follow"])


def test_a_widget_is_updated_before_its_window_is_shown(qtbot: Any) -> None:
    done: list[str] = []
    widget = QWidget()
    qtbot.addWidget(widget)
    QueuedUpdateWhenShown(lambda: done.append("follow"), widget).ask()
    qtbot.waitUntil(lambda: done == ["follow"])
