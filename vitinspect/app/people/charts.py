"""The charts of the People workspace: maps as points among people, two columns against each other, boxes per map."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.annotation.ceiling_figure import Point, band_of, span_of
from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import tips

RADIUS = 4.0
_CENTRE = int(Qt.AlignmentFlag.AlignCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)


def _begin(widget: QWidget) -> QPainter:
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    return painter


def _mark(painter: QPainter, at: QPointF, colour: QColor, *, square: bool, filled: bool) -> None:
    painter.setPen(QPen(colour, 1.5))
    painter.setBrush(colour if filled else QColor(theme.current().plot))
    box = QRectF(at.x() - RADIUS, at.y() - RADIUS, 2 * RADIUS, 2 * RADIUS)
    painter.drawRect(box) if square else painter.drawEllipse(box)


class CeilingChart(QWidget):
    """People as round points above, maps as square ones below; the band reaches over the people."""

    chosen = Signal(str)
    """A map's row was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.points: tuple[Point, ...] = ()
        self.bars = ""
        self.setAccessibleName("A map among the people")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_points(self, points: Sequence[Point], bars: str) -> None:
        self.points = (*(p for p in points if p.person), *(p for p in points if not p.person))
        self.bars = bars
        said = (f"{p.name} {p.value:.2f}, {p.low:.2f} to {p.high:.2f}" for p in self.points)
        self.setAccessibleDescription("; ".join(said))
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
        painter = _begin(self)
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
            painter.drawText(QRectF(x - 20, base + 5, 40, 14), _CENTRE, f"{tenth / 10:.1f}")
        painter.drawText(QRectF(0, base + 20, self.width(), 14), _CENTRE, f"mean Dice with people; {self.bars}")
        people = sum(p.person for p in self.points)
        if 0 < people < len(self.points):
            painter.setPen(QColor(t.line))
            painter.drawLine(QPointF(left, 6 + row * people), QPointF(right, 6 + row * people))
        for number, point in enumerate(self.points):
            y = 6 + row * (number + 0.5)
            colour = QColor(t.a_line if point.person else t.b_line)
            painter.setFont(theme.font(tokens.SMALL_SIZE, bold=point.chosen))
            painter.setPen(QColor(t.text))
            name = painter.fontMetrics().elidedText(point.name, Qt.TextElideMode.ElideMiddle, int(left - 12))
            painter.drawText(QRectF(0, y - 10, left - 8, 20), _RIGHT, name)
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


@dataclass(frozen=True)
class Dot:
    """A picture in the scatter."""

    id: str
    name: str
    x: float
    y: float


class Scatter(QWidget):
    """Two columns against each other: a dot is a picture, its name stands in the tool tip, a click opens it."""

    chosen = Signal(str)
    LEFT, TOP, RIGHT, BOTTOM = 44, 8, 20, 36

    def __init__(self) -> None:
        super().__init__()
        self.dots: tuple[Dot, ...] = ()
        self.current = ""
        self.selected: frozenset[str] = frozenset()
        self._labels = ("", "")
        self._range = (0.0, 1.0, 0.0, 1.0)
        self.setAccessibleName("Pictures by two columns")
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_dots(
        self, dots: Sequence[Dot], x_label: str, y_label: str, current: str = "", selected: Iterable[str] = ()
    ) -> None:
        """``current`` is the picture of the window, ``selected`` are those of the table."""
        self.selected = frozenset(selected)
        self.dots = tuple(dot for dot in dots if math.isfinite(dot.x) and math.isfinite(dot.y))
        self._labels, self.current = (x_label, y_label), current
        self._range = (*_ends([d.x for d in self.dots]), *_ends([d.y for d in self.dots]))
        self.setAccessibleDescription(f"{len(self.dots)} pictures: {y_label} by {x_label}")
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(240, 200)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(160, 120)

    @property
    def plot(self) -> QRectF:
        return QRectF(self.rect().adjusted(self.LEFT, self.TOP, -self.RIGHT, -self.BOTTOM))

    def place(self, dot: Dot) -> QPointF:
        """Where a dot stands."""
        x_low, x_high, y_low, y_high = self._range
        box = self.plot
        return QPointF(
            box.left() + (dot.x - x_low) / (x_high - x_low) * box.width(),
            box.bottom() - (dot.y - y_low) / (y_high - y_low) * box.height(),
        )

    def dot_at(self, point: QPointF) -> Dot | None:
        def away(dot: Dot) -> float:
            return (self.place(dot) - point).manhattanLength()

        nearest = min(self.dots, key=away, default=None)
        return nearest if nearest is not None and away(nearest) <= 10 else None

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = _begin(self)
        box = self.plot
        painter.fillRect(box, QColor(t.plot))
        painter.setFont(theme.font(tokens.AXIS_SIZE))
        x_low, x_high, y_low, y_high = self._range
        for share in (0.0, 0.5, 1.0):
            x, y = box.left() + share * box.width(), box.bottom() - share * box.height()
            painter.setPen(QColor(t.plot_grid))
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(QColor(t.quiet))
            painter.drawText(
                QRectF(x - 24, box.bottom() + 3, 48, 14), _CENTRE, f"{x_low + share * (x_high - x_low):.2f}"
            )
            painter.drawText(QRectF(14, y - 8, 27, 16), _RIGHT, f"{y_low + share * (y_high - y_low):.2f}")
        painter.drawText(QRectF(box.left() - 20, box.bottom() + 17, box.width() + 20, 16), _CENTRE, self._labels[0])
        painter.save()
        painter.translate(12, box.center().y())
        painter.rotate(-90)
        room = box.height() + 20
        upright = painter.fontMetrics().elidedText(self._labels[1], Qt.TextElideMode.ElideMiddle, int(room))
        painter.drawText(QRectF(-room / 2, -11, room, 14), _CENTRE, upright)
        painter.restore()
        for dot in sorted(self.dots, key=lambda one: one.id == self.current):
            now = dot.id == self.current
            painter.setPen(QPen(QColor(t.accent if now else t.b_line), 1.5))
            painter.setBrush(
                QColor(t.accent) if now else QColor(t.b_line) if dot.id in self.selected else Qt.BrushStyle.NoBrush
            )
            painter.drawEllipse(self.place(dot), RADIUS, RADIUS)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        dot = self.dot_at(event.position())
        if dot is not None:
            self.chosen.emit(dot.id)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        dot = self.dot_at(event.position())
        self.setCursor(Qt.CursorShape.PointingHandCursor if dot is not None else Qt.CursorShape.ArrowCursor)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            dot = self.dot_at(QPointF(event.pos()))
            if dot is not None:
                tips.show(event.globalPos(), f"{dot.name}: {dot.x:.3f}, {dot.y:.3f}", self, self.rect())
                return True
        return super().event(event)


class BoxPlots(QWidget):
    """For each map the quartiles of its scores over the pictures, the lowest and the highest, and the median."""

    def __init__(self) -> None:
        super().__init__()
        self.boxes: tuple[tuple[str, tuple[float, float, float, float, float]], ...] = ()
        self._title = ""
        self.setAccessibleName("Scores of the pictures by map")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_values(self, columns: Sequence[tuple[str, Sequence[float]]], title: str) -> None:
        self._title = title
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
        painter = _begin(self)
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
            painter.drawText(QRectF(across(tick) - 20, base + 2, 40, 14), _CENTRE, f"{tick:g}")
        painter.drawText(QRectF(0, base + 17, self.width(), 14), _CENTRE, self._title)
        for number, (name, (low, first, middle, third, high)) in enumerate(self.boxes):
            y = 4 + row * (number + 0.5)
            painter.setFont(theme.font(tokens.SMALL_SIZE))
            painter.setPen(QColor(t.text))
            text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, int(left - 12))
            painter.drawText(QRectF(0, y - 10, left - 8, 20), _RIGHT, text)
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


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Round ends around the values, never one number alone."""
    if not values:
        return 0.0, 1.0
    low, high = math.floor(min(values) * 20) / 20, math.ceil(max(values) * 20) / 20
    return (low, high) if high > low else (low - 0.05, high + 0.05)
