"""What the status line says about the picture: where the cursor is, and the value of each shown map there."""

from __future__ import annotations

import os

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.canvas.canvas import Canvas
from vitinspect.app.canvas.labels import format_value, value_at
from vitinspect.app.session.results import Results
from vitinspect.app.theme.tokens import SMALL_SIZE

HEIGHT = 18
BETWEEN = 20


class Readout(QWidget):
    """Picture, pixel, patch, token; number, raw value and percentile of every map shown."""

    def __init__(self, canvas: Canvas, results: Results, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._canvas, self._results = canvas, results
        self.instead: list[tuple[str, bool]] | None = None
        """What a workspace without the canvas shows here: texts, each with whether it is in the weaker colour."""
        self.setMinimumHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._painted: object = None
        """What was shown at the last painting."""
        self._followed: set[Canvas] = set()
        self.follow(canvas)
        results.changed.connect(lambda names: self.update())
        # In a workspace without a canvas, nothing is painted that would tell when the text changes.
        canvas.state.changed.connect(lambda names: self.update())

    def follow(self, canvas: Canvas) -> None:
        """From now on, show what is under the cursor of this canvas."""
        self._canvas = canvas
        if canvas not in self._followed:
            self._followed.add(canvas)
            canvas.hovered.connect(lambda at: self.update())
            # Every change of what the canvas shows (the next map, the layout, the zoom) is painted there first.
            canvas.painted.connect(self.look_again)
        self.update()

    def look_again(self) -> None:
        """Repaint where the words have changed since the last painting."""
        if self._words() != self._painted:
            self.update()

    def _words(self) -> object:
        return self.instead or (self.picture_text(), self.place_text(), self.values())

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(400, HEIGHT)

    @property
    def _at(self) -> tuple[float, float] | None:
        """Where the canvas has its cursor, which the network's view moves too."""
        return self._canvas.cursor_at

    def picture_text(self) -> tuple[str, str]:
        """The picture's name and its size."""
        picture = self._results.picture
        if picture is None:
            return "", ""
        height, width = picture.size
        return os.path.basename(picture.path), f"{width} × {height} px"

    def place_text(self) -> str:
        """Pixel, patch row and column, token index; nothing where the cursor is elsewhere."""
        picture, card, placed = self._results.picture, self._results.card, self._results.placed
        if picture is None or self._at is None:
            return ""
        x, y = self._at
        text = f"x {int(x)}, y {int(y)}"
        own = self._canvas.place_words(x, y)
        if own is not None:
            return f"{text}; {own}" if own else text
        if card is None or placed is None:
            return text
        cell = placed.cell_at(x, y, card.grid)
        if cell is None:
            return f"{text}, outside the model's input"
        row, column = cell
        token = len(card.prefix_names) + row * card.grid[1] + column
        return f"{text}, patch row {row + 1} of {card.grid[0]}, column {column + 1} of {card.grid[1]}, token {token}"

    def values(self) -> list[tuple[str, str]]:
        """Number and value of each map at the cursor, in the order of the list."""
        if self._at is None:
            return []
        found = []
        for shown in self._canvas.shown_maps():
            value = value_at(shown, *self._at)
            if value is not None:
                text = f"{format_value(value, signed=shown.signed)} ({shown.heat.percentile(value):.0f} %)"
                found.append((self._canvas.name_of(shown), text))
        return found

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        self._painted = self._words()
        painter = QPainter(self)
        if self.instead is not None:
            left = 8
            for text, quiet in self.instead:
                left = self._draw(painter, left, text, False, t.quiet if quiet else t.text) + BETWEEN
            return
        name, size = self.picture_text()
        parts = [(name, True, t.text), (size, False, t.quiet), (self.place_text(), False, t.text)]
        left = 8
        for text, bold, colour in parts:
            left = self._draw(painter, left, text, bold, colour) + (BETWEEN if text else 0)
        values = self.values()
        for i, (number, value) in enumerate(values):
            font = QFontMetrics(theme.font(SMALL_SIZE))
            if left + font.horizontalAdvance(f"{number} {value}") + 16 > self.width() and i:
                self._draw(painter, left, f"and {len(values) - i} more", False, t.quiet)
                break
            left = self._draw(painter, left, number, True, t.text) + 5
            left = self._draw(painter, left, value, False, t.text) + 14

    def _draw(self, painter: QPainter, left: int, text: str, bold: bool, colour: str) -> int:
        painter.setFont(theme.font(SMALL_SIZE, bold=bold))
        painter.setPen(QColor(colour))
        painter.drawText(left, 0, self.width() - left, self.height(), int(Qt.AlignmentFlag.AlignVCenter), text)
        return left + painter.fontMetrics().horizontalAdvance(text)
