"""Plain containers that the window is put together with."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget


class Side(QWidget):
    """A side of the window: one part for each workspace."""

    def __init__(self, least: int = 300) -> None:
        super().__init__()
        self.setMinimumWidth(least)
        self._parts: dict[str, QWidget] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    def put(self, name: str, part: QWidget) -> None:
        self._parts[name] = part
        self._layout.addWidget(part)

    def part(self, name: str) -> QWidget:
        return self._parts[name]

    def show_part(self, name: str) -> None:
        for own, part in self._parts.items():
            part.setVisible(own == name)


def column(*widgets: QWidget, grows: QWidget) -> QWidget:
    """Widgets below each other, one of which takes the room that is left."""
    box = QWidget()
    layout = QVBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    for widget in widgets:
        layout.addWidget(widget, 1 if widget is grows else 0)
    return box
