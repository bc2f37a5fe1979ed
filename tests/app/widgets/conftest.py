"""What the tests of single controls share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from vitinspect.app import theme


@pytest.fixture
def show(qapp: QApplication, qtbot: Any) -> Iterator[Callable[..., QWidget]]:
    """Put some widgets into one window and show it, light."""
    theme.apply(qapp, "light")
    made: list[QWidget] = []

    def do(*widgets: QWidget, width: int = 0) -> QWidget:
        window = QWidget()
        layout = QVBoxLayout(window)
        layout.setContentsMargins(0, 0, 0, 0)
        window.setMinimumSize(80, 40)
        for widget in widgets:
            layout.addWidget(widget)
        if width:
            window.setFixedWidth(width)
        qtbot.addWidget(window)
        window.show()
        window.activateWindow()
        assert QTest.qWaitForWindowActive(window)
        made.append(window)
        return window

    yield do
    for window in made:
        window.close()


@pytest.fixture
def heard() -> Callable[[Any], list[Any]]:
    """Collect the values that a signal emits."""

    def listen(signal: Any) -> list[Any]:
        got: list[Any] = []
        signal.connect(lambda *values: got.append(values if len(values) > 1 else values[0] if values else None))
        return got

    return listen
