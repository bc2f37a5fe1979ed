"""Small line charts over the layers, painted with QPainter so that they go into files as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.theme.tokens import AXIS_SIZE
from vitinspect.app.widgets import numbers


@dataclass(frozen=True)
class Line:
    """Values over layers; ``layers`` says which."""

    title: str
    layers: Sequence[int]
    values: Sequence[float]
    colour: QColor | None = None


def figure(value: float) -> str:
    """A number with three digits; counts as they are."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e6:
        return numbers.whole(int(value))
    return numbers.number(value)


def draw_chart(
    painter: QPainter, box: QRectF, lines: Sequence[Line], font: Any, *, title: str = "", mark: int | None = None
) -> None:
    """Lines in one box with a common scale that begins at zero, or lower where a value does."""
    t = theme.current()
    small = theme.tabular(font)
    small.setPixelSize(AXIS_SIZE)
    metrics = QFontMetrics(small)
    painter.save()
    painter.setFont(small)
    painter.setPen(QColor(t.text))
    top = box.top() + metrics.height() + 8
    painter.drawText(
        QRectF(box.left(), box.top(), box.width(), metrics.height()),
        int(Qt.AlignmentFlag.AlignLeft),
        metrics.elidedText(title, Qt.TextElideMode.ElideRight, int(box.width())),
    )
    good = [v for line in lines for v in line.values if math.isfinite(v)]
    layers = [layer for line in lines for layer in line.layers]
    if not good or not layers:
        painter.restore()
        return
    low, high = min(0.0, min(good)), max(good)
    high = high if high > low else low + 1
    left = box.left() + max(metrics.horizontalAdvance(figure(v)) for v in (low, high)) + 6
    plot = QRectF(left, top + 3, box.right() - left - 5, box.bottom() - top - metrics.height() - 6)
    first, last = min(layers), max(layers)

    def at(layer: int, value: float) -> QPointF:
        across = 0.5 if last == first else (layer - first) / (last - first)
        return QPointF(
            plot.left() + across * plot.width(), plot.bottom() - (value - low) / (high - low) * plot.height()
        )

    painter.setPen(QPen(QColor(t.line), 1))
    painter.drawLine(plot.bottomLeft(), plot.bottomRight())
    painter.drawLine(plot.topLeft(), plot.bottomLeft())
    if mark is not None and first <= mark <= last:
        painter.setPen(QPen(QColor(t.quiet), 1, Qt.PenStyle.DashLine))
        x = at(mark, low).x()
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
    painter.setPen(QColor(t.quiet))
    right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    for value in (low, high):
        y = at(first, value).y()
        painter.drawText(QRectF(box.left(), y - 8, left - box.left() - 4, 16), right, figure(value))
    below = QRectF(plot.left() - 10, plot.bottom() + 2, plot.width() + 15, metrics.height())
    painter.drawText(below, int(Qt.AlignmentFlag.AlignLeft), f"{first + 1}")
    painter.drawText(below, int(Qt.AlignmentFlag.AlignRight), f"{last + 1}")
    if box.height() > 80:
        painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter), "block")
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    for line in lines:
        colour = line.colour or QColor(t.accent)
        points = [at(a, v) for a, v in zip(line.layers, line.values, strict=True) if math.isfinite(v)]
        painter.setPen(QPen(colour, 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(points))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        for point in points:
            painter.drawEllipse(point, 2.2, 2.2)
    x = box.right() - 2
    for line in reversed(lines) if len(lines) > 1 else ():
        wide = metrics.horizontalAdvance(line.title)
        painter.setPen(line.colour or QColor(t.accent))
        painter.drawText(QPointF(x - wide, box.top() + metrics.ascent()), line.title)
        x -= wide + 10
    painter.restore()


class Chart(QWidget):
    """One chart; a click chooses a block."""

    chosen = Signal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines: list[Line] = []
        self.title = ""
        self.mark: int | None = None
        self.setAccessibleName(name)
        self.setToolTip("Click to go to a block")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 96)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(220, 130)

    def show_lines(self, title: str, lines: list[Line], mark: int | None) -> None:
        self.title, self.lines, self.mark = title, lines, mark
        self.update()

    def layer_at(self, x: float) -> int | None:
        layers = [layer for line in self.lines for layer in line.layers]
        if not layers:
            return None
        first, last = min(layers), max(layers)
        left = 40.0
        share = (x - left) / max(1.0, self.width() - left - 5)
        return min(max(first, first + round(share * (last - first))), last)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        layer = self.layer_at(event.position().x())
        if layer is not None:
            self.chosen.emit(layer)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.current().panel))
        box = QRectF(self.rect()).adjusted(6, 4, -4, -4)
        draw_chart(painter, box, self.lines, self.font(), title=self.title, mark=self.mark)
