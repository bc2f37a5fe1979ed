"""Curves over one axis, distinguished by colour, dash and the number of their layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import numbers, tips

LEFT, RIGHT, TOP, BOTTOM = 44, 12, 20, 36
DASHED_FROM = 3
"""From the fourth line on they are dashed too."""
_DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)


@dataclass(frozen=True)
class Curve:
    """``place`` is the layer's place among those that are drawn, which chooses colour and dash."""

    number: int
    name: str
    x: Sequence[float]
    y: Sequence[float]
    place: int = 0
    chosen: bool = False


def pen_of(place: int, *, width: float = 1.5) -> QPen:
    """Colour and dash of the line of a layer, in charts and beside its name."""
    lines = theme.current().lines
    pen = QPen(QColor(lines[place % len(lines)]), width)
    round_ = 0 if place < DASHED_FROM else 1 + (place - DASHED_FROM) // len(lines)
    pen.setStyle(_DASHES[min(round_, len(_DASHES) - 1)])
    return pen


def upper_end(largest: float) -> float:
    """A round number that is not below ``largest``."""
    if largest <= 0 or not math.isfinite(largest):
        return 1.0
    size = 10.0 ** math.floor(math.log10(largest))
    return next((m * size for m in (1, 2, 5, 10) if m * size >= largest * 0.999), 10 * size)


class CurveChart(QWidget):
    """Title, two axes, lines; a tool tip says the values under the mouse."""

    def __init__(self, title: str, *, x_label: str = "", y_label: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title, self.x_label, self.y_label = title, x_label, y_label
        self.curves: tuple[Curve, ...] = ()
        self._top, self._x_low, self._x_high = 1.0, 0.0, 100.0
        self._mark: float | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(title)

    def set_curves(self, curves: Sequence[Curve], *, y_label: str | None = None) -> None:
        self.curves = tuple(curves)
        if y_label is not None:
            self.y_label = y_label
        xs = [x for curve in self.curves for x in curve.x]
        self._x_low, self._x_high = (min(xs), max(xs)) if xs else (0.0, 100.0)
        self._top = upper_end(max((y for curve in self.curves for y in curve.y if math.isfinite(y)), default=1.0))
        names = "; ".join(f"{curve.number} {curve.name}" for curve in self.curves)
        self.setAccessibleDescription(names)
        self.update()

    def set_mark(self, x: float | None) -> None:
        """A dotted vertical line at the place that is shown elsewhere."""
        self._mark = x
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(140, 160)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(130, 100)

    @property
    def plot(self) -> QRect:
        return self.rect().adjusted(LEFT, TOP, -RIGHT, -BOTTOM)

    def place(self, x: float, y: float) -> QPointF:
        """Where a value is in the widget."""
        box, span = self.plot, self._x_high - self._x_low
        share = (x - self._x_low) / span if span else 0.5
        return QPointF(box.left() + share * box.width(), box.bottom() + 1 - y / self._top * box.height())

    # --- painting ------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = self.plot
        painter.setFont(theme.font(tokens.SMALL_SIZE, bold=True))
        painter.setPen(QColor(t.text))
        painter.drawText(QRect(box.left(), 0, box.width(), TOP - 2), int(Qt.AlignmentFlag.AlignVCenter), self.title)
        painter.fillRect(box, QColor(t.plot))
        self._paint_axes(painter, box)
        painter.setClipRect(box.adjusted(-1, -1, 1, 1))
        for curve in sorted(self.curves, key=lambda c: c.chosen):
            pen = pen_of(curve.place, width=2.5 if curve.chosen else 1.5)
            painter.setPen(pen)
            points = [self.place(x, y) for x, y in zip(curve.x, curve.y, strict=True) if math.isfinite(y)]
            painter.drawPolyline(QPolygonF(points))
        if self._mark is not None:
            painter.setPen(QPen(QColor(t.text), 1, Qt.PenStyle.DotLine))
            x = self.place(self._mark, 0).x()
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
        painter.setClipping(False)
        for i, curve in enumerate(self.curves):
            self._paint_number(painter, box, curve, i)
        painter.end()

    def _paint_axes(self, painter: QPainter, box: QRect) -> None:
        t = theme.current()
        painter.setFont(theme.font(tokens.AXIS_SIZE))
        metrics = painter.fontMetrics()
        painter.setPen(QPen(QColor(t.plot_grid), 1))
        for share in (0.5,):
            y = self.place(0, self._top * share).y()
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            x = box.left() + share * box.width()
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
        painter.setPen(QPen(QColor(t.line), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(QRectF(box).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.setPen(QColor(t.quiet))
        for value in (0.0, self._top / 2, self._top):
            y = self.place(0, value).y()
            place = QRectF(0, y - 7, LEFT - 4, 14)
            text = f"{value:.3g}".replace("-", numbers.MINUS)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), text)
        for value in (self._x_low, (self._x_low + self._x_high) / 2, self._x_high):
            x = self.place(value, 0).x()
            painter.drawText(
                QRectF(x - 24, box.bottom() + 3, 48, 12), int(Qt.AlignmentFlag.AlignCenter), f"{value:.3g}"
            )
        below = QRect(0, box.bottom() + 17, self.width(), 14)
        painter.drawText(below.adjusted(LEFT, 0, -RIGHT, 0), int(Qt.AlignmentFlag.AlignCenter), self.x_label)
        if self.y_label:
            painter.save()
            painter.translate(9, box.center().y())
            painter.rotate(-90)
            label = metrics.elidedText(self.y_label, Qt.TextElideMode.ElideRight, self.height() - 4)
            painter.drawText(
                QRect(-self.height() // 2, -7, self.height(), 14), int(Qt.AlignmentFlag.AlignCenter), label
            )
            painter.restore()

    def _paint_number(self, painter: QPainter, box: QRect, curve: Curve, at: int) -> None:
        """The layer's number on its line; numbers are side by side, so that those of equal lines do not overlap."""
        if not len(curve.x):
            return
        t = theme.current()
        wanted = (at + 1) / (len(self.curves) + 1)
        index = min(len(curve.x) - 1, round(wanted * (len(curve.x) - 1)))
        y = curve.y[index]
        centre = self.place(curve.x[index], y if math.isfinite(y) else 0.0)
        badge = QRectF(0, 0, 14, 14)
        badge.moveCenter(centre)
        badge.moveTop(min(max(badge.top(), box.top() + 1.0), box.bottom() - 14.0))
        painter.setPen(pen_of(curve.place, width=1))
        painter.setBrush(QColor(t.plot))
        painter.drawRoundedRect(badge, 2, 2)
        painter.setFont(theme.font(tokens.AXIS_SIZE, bold=curve.chosen))
        painter.setPen(QColor(t.text))
        painter.drawText(badge, int(Qt.AlignmentFlag.AlignCenter), str(curve.number))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        text = self.text_at(event.position().x())
        if text:
            QToolTip.showText(event.globalPosition().toPoint(), tips.plain(text), self)

    def text_at(self, x: float) -> str:
        """The values of all curves at a place along the axis."""
        box = self.plot
        if not self.curves or not box.left() <= x <= box.right():
            return ""
        value = self._x_low + (x - box.left()) / max(1, box.width()) * (self._x_high - self._x_low)
        lines = [f"{value:.0f} {self.x_label}"]
        for curve in self.curves:
            near = min(range(len(curve.x)), key=lambda i: abs(curve.x[i] - value), default=None)
            if near is not None:
                lines.append(f"{curve.number} {curve.name}: {numbers.number(curve.y[near])}")
        return "\n".join(lines)
