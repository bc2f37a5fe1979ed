"""Many changes in one event are followed once, before the next painting."""

from __future__ import annotations

from typing import Any

from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QWidget

from vitinspect.app.widgets.soon import Soon


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
    soon = Soon(lambda: done.append("follow"))
    widget.update()
    for _ in range(3):
        soon.ask()
    assert done == []
    qtbot.waitUntil(lambda: "paint" in done)
    assert done == ["follow", "paint"]


def test_what_was_done_meanwhile_is_not_done_again(qtbot: Any) -> None:
    done: list[str] = []
    soon = Soon(lambda: done.append("follow"))
    soon.ask()
    soon.done()
    qtbot.wait(20)
    assert done == []
    soon.ask()
    qtbot.waitUntil(lambda: done == ["follow"])
