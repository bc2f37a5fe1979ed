"""Moving the picture, and choosing a pane of the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from vitinspect.app.canvas.tools.tool import Spot, Tool

if TYPE_CHECKING:
    from vitinspect.app.canvas.canvas import Canvas

STILL = 4
"""Pixels that a click may move."""


class Pan(Tool):
    id = "pan"
    title = "Pan and zoom"
    tip = "Drag moves the picture, the wheel zooms at the cursor, a double-click fits"
    icon = "pan"
    key = "V"
    fits_on_double_click = True

    def __init__(self) -> None:
        self._last: Spot | None = None
        self._dragging = False

    def cursor(self) -> Qt.CursorShape:
        return Qt.CursorShape.ClosedHandCursor if self._dragging else Qt.CursorShape.ArrowCursor

    def press(self, canvas: Canvas, spot: Spot) -> None:
        self._last, self._dragging = spot, False

    def move(self, canvas: Canvas, spot: Spot) -> None:
        last = self._last
        if last is None:
            return
        dx, dy = spot.x - last.x, spot.y - last.y
        if not self._dragging and abs(dx) + abs(dy) < STILL:
            return
        self._dragging, self._last = True, spot
        canvas.pan_by(dx, dy)

    def release(self, canvas: Canvas, spot: Spot) -> None:
        clicked = self._last is not None and not self._dragging
        self._last, self._dragging = None, False
        if clicked:
            canvas.select_pane(spot.pane)
