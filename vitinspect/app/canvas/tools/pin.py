"""Pinning a patch: its token is what "Blocks and heads" and the network show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

from vitinspect.app.canvas.tools.tool import Spot, Tool
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State

if TYPE_CHECKING:
    from vitinspect.app.canvas.canvas import Canvas


class Pin(Tool):
    id = "pin"
    title = "Pin a patch"
    tip = "A click pins a patch, a click on the pinned one unpins it; Shift and the arrows move it"
    icon = "pin"
    key = "P"

    def __init__(self, state: State, results: Results) -> None:
        self._state, self._results = state, results

    def cursor(self) -> Qt.CursorShape:
        return Qt.CursorShape.PointingHandCursor

    def release(self, canvas: Canvas, spot: Spot) -> None:
        placed, card = self._results.placed, self._results.card
        if spot.point is None or placed is None or card is None:
            return
        cell = placed.cell_at(*spot.point, card.grid)
        canvas.select_pane(spot.pane)
        self._state.set(pinned=() if cell is None or cell == self._state.pinned else cell)

    def key_pressed(self, canvas: Canvas, event: QKeyEvent) -> bool:
        moves: dict[int, tuple[int, int]] = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        card, pinned = self._results.card, self._state.pinned
        if event.modifiers() != Qt.KeyboardModifier.ShiftModifier or event.key() not in moves or card is None:
            return False
        rows, columns = card.grid
        down, across = moves[event.key()]
        if len(pinned) != 2:
            pinned, down, across = (rows // 2, columns // 2), 0, 0
        self._state.set(pinned=(min(max(pinned[0] + down, 0), rows - 1), min(max(pinned[1] + across, 0), columns - 1)))
        return True
