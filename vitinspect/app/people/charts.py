"""The charts of the People workspace: maps as points among people, and boxes per map."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.annotation.ceiling_figure import Point, band_of, span_of
from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import tips
from vitinspect.app.widgets.scatter import CENTRE, RADIUS, RIGHT, begin

_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)


def _mark(painter: QPainter, at: QPointF, colour: QColor, *, square: bool, filled: bool) -> None:
    painter.setPen(QPen(colour, 1.5))
    painter.setBrush(colour if filled else QColor(theme.current().plot))
    box = QRectF(at.x() - RADIUS, at.y() - RADIUS, 2 * RADIUS, 2 * RADIUS)
    painter.drawRect(box) if square else painter.drawEllipse(box)


def _fitting(painter: QPainter, name: str, short: Mapping[str, str], room: float) -> str:
    """The name, or the short one where that does not fit."""
    metrics = painter.fontMetrics()
    if metrics.horizontalAdvance(name) > room:
        name = short.get(name, name)
    return metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, int(room))


class CeilingChart(QWidget):
    """People as round points above, maps as square ones below; the band reaches over the people."""

    chosen = Signal(str)
    """A map's row was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.points: tuple[Point, ...] = ()
        self.bars = ""
        self._short: Mapping[str, str] = {}
        self.setAccessibleName("A map among the people")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_points(self, points: Sequence[Point], bars: str, short: Mapping[str, str] | None = None) -> None:
        """``short``: what a map is called where its name does not fit."""
        self.points = (*(p for p in points if p.person), *(p for p in points if not p.person))
        self.bars, self._short = bars, short or {}
        described = (f"{p.name} {p.value:.2f}, {p.low:.2f} to {p.high:.2f}" for p in self.points)
        self.setAccessibleDescription("; ".join(described))
        self.setMaximumHeight(48 + 28 * max(4, len(self.points)))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(360, 44 + 24 * max(4, len(self.points)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(260, 44 + 15 * max(4, len(self.points)))

    def _left(self) -> float:
        metrics = QFontMetrics(theme.font(tokens.SMALL_SIZE, bold=True))
        widest = max((metrics.horizontalAdvance(p.name) for p in self.points), default=40)
        return min(widest + 16, self.width() * 0.45)

    def _row(self) -> float:
        return min(28.0, (self.height() - 44) / max(1, len(self.points)))

    def row_at(self, y: float) -> Point | None:
        number = int((y - 6) // self._row()) if y >= 6 else -1
        return self.points[number] if 0 <= number < len(self.points) else None

    def _across(self, value: float) -> float:
        low, high = span_of(self.points)
        left = self._left()
        return left + (value - low) / (high - low) * (self.width() - left - 44)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if not self.points:
            return
        t = theme.current()
        painter = begin(self)
        low, high = span_of(self.points)
        row = self._row()
        base = 6 + row * len(self.points)
        left, right = self._across(low), self._across(high)
        painter.fillRect(QRectF(left, 4, right - left, base), QColor(t.plot))
        band = band_of(self.points)
        if band is not None and band[1] > band[0]:
            shade = QColor(t.a_line)
            shade.setAlpha(36)
            painter.fillRect(
                QRectF(self._across(band[0]), 4, self._across(band[1]) - self._across(band[0]), base), shade
            )
        painter.setFont(theme.font(tokens.AXIS_SIZE))
        for tenth in range(round(low * 10), round(high * 10) + 1, 1 if high - low <= 0.5 else 2):
            x = self._across(tenth / 10)
            painter.setPen(QColor(t.plot_grid))
            painter.drawLine(QPointF(x, 4), QPointF(x, base + 4))
            painter.setPen(QColor(t.quiet))
            painter.drawText(QRectF(x - 20, base + 5, 40, 14), CENTRE, f"{tenth / 10:.1f}")
        painter.drawText(QRectF(0, base + 20, self.width(), 14), CENTRE, f"mean Dice with people; {self.bars}")
        people = sum(p.person for p in self.points)
        if 0 < people < len(self.points):
            painter.setPen(QColor(t.line))
            painter.drawLine(QPointF(left, 6 + row * people), QPointF(right, 6 + row * people))
        for number, point in enumerate(self.points):
            y = 6 + row * (number + 0.5)
            colour = QColor(t.a_line if point.person else t.b_line)
            painter.setFont(theme.font(tokens.SMALL_SIZE, bold=point.chosen))
            painter.setPen(QColor(t.text))
            name = _fitting(painter, point.name, self._short, left - 12)
            painter.drawText(QRectF(0, y - 10, left - 8, 20), RIGHT, name)
            painter.setPen(QPen(colour, 2.5 if point.chosen else 1.5))
            painter.drawLine(QPointF(self._across(point.low), y), QPointF(self._across(point.high), y))
            _mark(
                painter,
                QPointF(self._across(point.value), y),
                colour,
                square=not point.person,
                filled=point.person or point.chosen,
            )
            painter.setFont(theme.font(tokens.SMALL_SIZE))
            painter.setPen(QColor(t.quiet))
            end = max(self._across(point.high), self._across(point.value) + RADIUS) + 6
            painter.drawText(QRectF(end, y - 10, 40, 20), _MIDDLE, f"{point.value:.2f}")
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        point = self.row_at(event.position().y())
        if point is not None and not point.person:
            self.chosen.emit(point.name)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            point = self.row_at(event.pos().y())
            if point is not None:
                text = f"{point.name}: {point.value:.3f}, {point.low:.3f} to {point.high:.3f}"
                tips.show(event.globalPos(), text, self, self.rect())
                return True
        return super().event(event)


class BoxPlots(QWidget):
    """For each map the quartiles of its scores over the pictures, the lowest and the highest, and the median."""

    def __init__(self) -> None:
        super().__init__()
        self.boxes: tuple[tuple[str, tuple[float, float, float, float, float]], ...] = ()
        self._title = ""
        self._short: Mapping[str, str] = {}
        self.setAccessibleName("Scores of the pictures by map")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_values(
        self, columns: Sequence[tuple[str, Sequence[float]]], title: str, short: Mapping[str, str] | None = None
    ) -> None:
        """``short``: what a map is called where its name does not fit."""
        self._title, self._short = title, short or {}
        found = []
        for name, values in columns:
            known = np.asarray([v for v in values if math.isfinite(v)])
            if known.size:
                low, first, middle, third, high = (float(v) for v in np.percentile(known, [0, 25, 50, 75, 100]))
                found.append((name, (low, first, middle, third, high)))
        self.boxes = tuple(found)
        self.update()

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(160, 120)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if not self.boxes:
            return
        t = theme.current()
        painter = begin(self)
        painter.setFont(theme.font(tokens.SMALL_SIZE))
        widest = max(painter.fontMetrics().horizontalAdvance(name) for name, _ in self.boxes)
        left = min(widest + 16, self.width() * 0.42)
        wide = self.width() - left - 20
        top_value = max(1.0, *(box[4] for _, box in self.boxes))
        row = min(32.0, (self.height() - 40) / len(self.boxes))
        base = 4 + row * len(self.boxes)
        painter.fillRect(QRectF(left, 4, wide, row * len(self.boxes)), QColor(t.plot))

        def across(value: float) -> float:
            return left + value / top_value * wide

        painter.setFont(theme.font(tokens.AXIS_SIZE))
        for tick in (0.0, 0.5, 1.0):
            painter.setPen(QColor(t.plot_grid))
            painter.drawLine(QPointF(across(tick), 4), QPointF(across(tick), base))
            painter.setPen(QColor(t.quiet))
            painter.drawText(QRectF(across(tick) - 20, base + 2, 40, 14), CENTRE, f"{tick:g}")
        painter.drawText(QRectF(0, base + 17, self.width(), 14), CENTRE, self._title)
        for number, (name, (low, first, middle, third, high)) in enumerate(self.boxes):
            y = 4 + row * (number + 0.5)
            painter.setFont(theme.font(tokens.SMALL_SIZE))
            painter.setPen(QColor(t.text))
            text = _fitting(painter, name, self._short, left - 12)
            painter.drawText(QRectF(0, y - 10, left - 8, 20), RIGHT, text)
            painter.setPen(QPen(QColor(t.b_line), 1.5))
            painter.drawLine(QPointF(across(low), y), QPointF(across(high), y))
            painter.setBrush(QColor(t.panel))
            half = min(7.0, row / 3)
            painter.drawRect(QRectF(across(first), y - half, max(1.0, across(third) - across(first)), 2 * half))
            painter.setPen(QPen(QColor(t.b_line), 3))
            painter.drawLine(QPointF(across(middle), y - half), QPointF(across(middle), y + half))
        painter.end()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self.boxes:
            row = min(32.0, (self.height() - 40) / len(self.boxes))
            number = int((event.pos().y() - 4) // row)
            if 0 <= number < len(self.boxes):
                name, (low, first, middle, third, high) = self.boxes[number]
                text = f"{name}: median {middle:.3f}, quartiles {first:.3f} and {third:.3f}, {low:.3f} to {high:.3f}"
                tips.show(QPoint(event.globalPos()), text, self, self.rect())
                return True
        return super().event(event)
