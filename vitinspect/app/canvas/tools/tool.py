"""The interface between the canvas and its tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from vitinspect.app.canvas.canvas import Canvas
    from vitinspect.app.canvas.labels import Pane


@dataclass(frozen=True)
class Spot:
    """Where the mouse is."""

    x: float
    y: float
    """On the canvas, in its pixels."""
    point: tuple[float, float] | None
    """On the picture, in its pixels; None outside of it."""
    pane: Pane
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier


class Tool:
    """The interface, and a tool that does nothing. The canvas calls; a tool keeps what it needs between the calls."""

    id = ""
    title = ""
    tip = ""
    icon = ""
    key = ""
    """The key that selects it."""
    marks_patch = True
    """Whether the patch under the cursor is framed, with its value."""
    fits_on_double_click = False

    def cursor(self) -> Qt.CursorShape:
        return Qt.CursorShape.ArrowCursor

    def press(self, canvas: Canvas, spot: Spot) -> None:
        """The left button went down."""

    def move(self, canvas: Canvas, spot: Spot) -> None:
        """The mouse moved while the button was down."""

    def release(self, canvas: Canvas, spot: Spot) -> None:
        """The button went up, or the drag was ended from elsewhere."""

    def key_pressed(self, canvas: Canvas, event: QKeyEvent) -> bool:
        """A key on the canvas; True where the tool has handled it."""
        return False

    def paint(self, canvas: Canvas, painter: QPainter, pane: Pane, point: tuple[float, float]) -> None:
        """What follows the cursor, which is over ``point`` of the picture; the painter begins at the pane's corner."""

    def options(self) -> QWidget | None:
        """What can be set, for the strip above the canvas; made once."""
        return None
