"""The values of a map as a histogram, with the threshold as a line that can be dragged."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import numbers

HEIGHT = 52
SCALE = 18


class Histogram(QWidget):
    """``moved`` while the line is dragged, ``finished`` when it rests; arrow keys move it by one bar."""

    moved = Signal(float)
    finished = Signal(float)

    def __init__(self, *, unit: str = "pixels", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: tuple[float, ...] = ()
        self._low, self._high = 0.0, 1.0
        self._level: float | None = None
        self._unit = unit
        self._dragging = False
        self.setEnabled(False)
        self.setFixedHeight(HEIGHT + SCALE)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self.setAccessibleName("Histogram with the threshold")
        self.setToolTip("Drag the line to set the threshold")

    def set_counts(self, counts: Sequence[float], low: float, high: float) -> None:
        """How many values fall into each of the equal parts from ``low`` to ``high``. Without any, nothing is
        shown or dragged."""
        found = tuple(float(c) for c in counts)
        if (found, low, high) != (self._counts, self._low, self._high):
            self._counts, self._low, self._high = found, low, high
            self.setEnabled(bool(found))
            self.update()

    def set_level(self, level: float | None) -> None:
        if level != self._level:
            self._level = level
            self.setAccessibleDescription("" if level is None else numbers.number(level))
            self.update()

    @property
    def level(self) -> float | None:
        return self._level

    @property
    def box(self) -> QRect:
        """Where the bars are."""
        return QRect(0, 0, self.width(), HEIGHT)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(304, HEIGHT + SCALE)

    def x_of(self, value: float) -> float:
        span = self._high - self._low
        share = (value - self._low) / span if span > 0 else 0.5
        return 1 + (self.box.width() - 2) * min(1.0, max(0.0, share))

    def value_at(self, x: float) -> float:
        share = min(1.0, max(0.0, (x - 1) / max(1, self.box.width() - 2)))
        return self._low + share * (self._high - self._low)

    # --- mouse and keyboard --------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton and self._counts:
            self._dragging = True
            self._move_to(self.value_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._dragging:
            self._move_to(self.value_at(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._dragging:
            self._dragging = False
            assert self._level is not None
            self.finished.emit(self._level)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None or self._level is None or not self._counts:
            super().keyPressEvent(event)
            return
        width = (self._high - self._low) / len(self._counts)
        self._move_to(min(self._high, max(self._low, self._level + step * width)))
        self.finished.emit(self._level)

    def _move_to(self, value: float) -> None:
        self.set_level(value)
        self.moved.emit(value)

    # --- painting ------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = self.box
        painter.fillRect(box, QColor(t.plot))
        painter.setPen(QPen(QColor(t.line), 1))
        painter.drawRect(QRectF(box).adjusted(0.5, 0.5, -0.5, -0.5))
        if not self._counts:
            painter.end()
            return
        self._paint_bars(painter)
        painter.setFont(theme.font(tokens.SMALL_SIZE))
        painter.setPen(QColor(t.quiet))
        scale = QRect(0, HEIGHT, self.width(), SCALE)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(scale, int(middle | Qt.AlignmentFlag.AlignLeft), numbers.number(self._low))
        painter.drawText(scale, int(middle | Qt.AlignmentFlag.AlignRight), numbers.number(self._high))
        painter.drawText(scale, int(middle | Qt.AlignmentFlag.AlignHCenter), f"{self._unit} (log)")
        if self._level is not None:
            x = round(self.x_of(self._level))
            painter.fillRect(QRectF(x - 0.75, 0, 1.5, HEIGHT), QColor(t.text))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.text))
            painter.drawPolygon(QPolygonF([QPointF(x - 5, 0), QPointF(x + 5, 0), QPointF(x, 6)]))
        painter.end()

    def _paint_bars(self, painter: QPainter) -> None:
        t = theme.current()
        largest = max(self._counts, default=0)
        if largest <= 0:
            return
        width = (self.box.width() - 2) / len(self._counts)
        top = math.log1p(largest)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for i, count in enumerate(self._counts):
            if count <= 0:
                continue
            height = max(1.0, (HEIGHT - 10) * math.log1p(count) / top)
            left, right = round(1 + i * width), round(1 + (i + 1) * width)
            middle = self._low + (i + 0.5) * (self._high - self._low) / len(self._counts)
            above = self._level is None or middle > self._level
            colour = QColor(t.accent) if above else QColor(t.border)
            if not above:
                colour.setAlpha(140)
            gap = 1 if right - left > 2 else 0
            painter.fillRect(QRectF(left, HEIGHT - 1 - height, right - left - gap, height), colour)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
