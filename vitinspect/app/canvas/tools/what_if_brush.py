"""Removing a region of the picture with the brush, and restoring it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QWidget

from vitinspect.app.canvas.tools.tool import Spot, Tool
from vitinspect.app.canvas.tools.what_if import WhatIf
from vitinspect.app.session.state import State

if TYPE_CHECKING:
    from vitinspect.app.canvas.canvas import Canvas
    from vitinspect.app.canvas.labels import Pane

EDGE = QColor(0, 0, 0, 190)


class Brush(Tool):
    id = "brush"
    title = "What-if brush"
    tip = "Drag removes a region from the picture, and the predictions show what changes"
    icon = "brush"
    key = "B"
    marks_patch = False
    erases = False

    def __init__(self, state: State, what_if: WhatIf) -> None:
        self._state, self._what_if = state, what_if
        self._last: tuple[float, float] | None = None
        self._options: QWidget | None = None

    def cursor(self) -> Qt.CursorShape:
        return Qt.CursorShape.CrossCursor

    def press(self, canvas: Canvas, spot: Spot) -> None:
        self._last = None
        self._what_if.begin()
        self.move(canvas, spot)

    def move(self, canvas: Canvas, spot: Spot) -> None:
        if spot.point is not None:
            self._what_if.stroke(self._last or spot.point, spot.point, erase=self.erases)
        self._last = spot.point

    def release(self, canvas: Canvas, spot: Spot) -> None:
        self._last = None
        self._what_if.end()

    def key_pressed(self, canvas: Canvas, event: QKeyEvent) -> bool:
        steps: dict[int, int] = {Qt.Key.Key_BracketLeft: -2, Qt.Key.Key_BracketRight: 2}
        if event.key() not in steps or event.modifiers():
            return False
        self._state.set(brush_size=self._state.brush_size + steps[event.key()])
        return True

    def paint(self, canvas: Canvas, painter: QPainter, pane: Pane, point: tuple[float, float]) -> None:
        centre, scale, shorter = canvas.on_screen(pane, point)
        radius = self._state.brush_size / 200 * shorter * scale
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((EDGE, 3), (QColor("white"), 1)):
            painter.setPen(QPen(colour, width))
            painter.drawEllipse(QPointF(*centre), radius, radius)

    def options(self) -> QWidget | None:
        if self._options is None:
            from vitinspect.app.canvas.tools.what_if_options import WhatIfOptions

            self._options = WhatIfOptions(self._state, self._what_if)
        return self._options


class Eraser(Brush):
    id = "eraser"
    title = "What-if eraser"
    tip = "Drag restores a removed region"
    icon = "eraser"
    key = "E"
    erases = True
