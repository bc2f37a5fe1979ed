"""One line under the canvas: where the cursor is, and what each map shown says there."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.canvas.canvas import Canvas
from vitinspect.app.canvas.labels import format_value, value_at
from vitinspect.app.session.results import Results

HEIGHT = 24


class Readout(QWidget):
    """Pixel, patch, token; raw value and percentile for every map shown."""

    def __init__(self, canvas: Canvas, results: Results, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._canvas, self._results = canvas, results
        self._at: tuple[float, float] | None = None
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFont(theme.tabular(self.font()))
        canvas.hovered.connect(self._hovered)
        results.changed.connect(lambda names: self.update())

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(400, HEIGHT)

    def _hovered(self, at: tuple[float, float] | None) -> None:
        self._at = at
        self.update()

    def place_text(self) -> str:
        """Pixel, patch row and column, token index; or the picture's size where the cursor is elsewhere."""
        picture, card, placed = self._results.picture, self._results.card, self._results.placed
        if picture is None:
            return ""
        if self._at is None:
            height, width = picture.size
            return f"{width} × {height} px   {100 * self._canvas.scale:.0f} %"
        x, y = self._at
        text = f"x {int(x)}  y {int(y)}"
        if card is None or placed is None:
            return text
        cell = placed.cell_at(x, y, card.grid)
        if cell is None:
            return f"{text}   outside of what the model sees"
        row, column = cell
        token = len(card.prefix_names) + row * card.grid[1] + column
        return f"{text}   patch row {row} column {column}   token {token}"

    def values(self) -> list[tuple[str, str]]:
        """Title and value of each map at the cursor."""
        if self._at is None:
            return []
        found = []
        for shown in self._canvas.shown_maps():
            value = value_at(shown, *self._at)
            if value is not None:
                found.append((shown.title, f"{format_value(value)} ({shown.heat.percentile(value):.0f} %)"))
        return found

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(t.window))
        metrics = QFontMetrics(self.font())
        area = self.rect().adjusted(8, 0, -8, 0)
        painter.setPen(QColor(t.text))
        place = self.place_text()
        painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), place)
        left = area.left() + metrics.horizontalAdvance(place) + 20
        for title, value in self.values():
            room = area.right() - left
            needed = metrics.horizontalAdvance(value) + 8
            if room < needed + 30:
                painter.setPen(QColor(t.quiet))
                painter.drawText(left, 0, room, HEIGHT, int(Qt.AlignmentFlag.AlignVCenter), "…")
                break
            name = metrics.elidedText(title, Qt.TextElideMode.ElideRight, min(160, room - needed))
            painter.setPen(QColor(t.quiet))
            painter.drawText(left, 0, room, HEIGHT, int(Qt.AlignmentFlag.AlignVCenter), name)
            left += metrics.horizontalAdvance(name) + 6
            painter.setPen(QColor(t.text))
            painter.drawText(left, 0, room, HEIGHT, int(Qt.AlignmentFlag.AlignVCenter), value)
            left += metrics.horizontalAdvance(value) + 16
