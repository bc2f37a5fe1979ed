"""Two numbers of each picture against each other, and what charts are painted with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QBuffer, QByteArray, QEvent, QIODevice, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import tips
from vitinspect.app.widgets.numbers import true_minus

RADIUS = 4.0
CENTRE = int(Qt.AlignmentFlag.AlignCenter)
RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


def begin(widget: QWidget) -> QPainter:
    """A painter with smooth edges."""
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    return painter


@dataclass(frozen=True)
class Dot:
    """A picture in the scatter."""

    id: str
    name: str
    x: float
    y: float


class Scatter(QWidget):
    """Two columns against each other: a dot is a picture, hovering over it shows the picture, a click opens it.

    ``thumbnail`` gives the picture of a dot's id, or something else where there is none yet.
    """

    chosen = Signal(str)
    LEFT, TOP, RIGHT, BOTTOM = 44, 8, 20, 36

    def __init__(self, thumbnail: Callable[[str], Any] = lambda picture: None) -> None:
        super().__init__()
        self._thumbnail = thumbnail
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
        """Where a dot is."""
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
        painter = begin(self)
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
                QRectF(x - 24, box.bottom() + 3, 48, 14), CENTRE, true_minus(f"{x_low + share * (x_high - x_low):.2f}")
            )
            painter.drawText(QRectF(14, y - 8, 27, 16), RIGHT, true_minus(f"{y_low + share * (y_high - y_low):.2f}"))
        painter.drawText(QRectF(box.left() - 20, box.bottom() + 17, box.width() + 20, 16), CENTRE, self._labels[0])
        painter.save()
        painter.translate(12, box.center().y())
        painter.rotate(-90)
        room = box.height() + 20
        upright = painter.fontMetrics().elidedText(self._labels[1], Qt.TextElideMode.ElideMiddle, int(room))
        painter.drawText(QRectF(-room / 2, -11, room, 14), CENTRE, upright)
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
        if dot is not None:
            self._thumbnail(dot.id)  # so that it is there when the tool tip comes
        self.setCursor(Qt.CursorShape.PointingHandCursor if dot is not None else Qt.CursorShape.ArrowCursor)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            dot = self.dot_at(QPointF(event.pos()))
            if dot is not None:
                tips.show_markup(event.globalPos(), self.tip(dot), self, self.rect())
                return True
        return super().event(event)

    def tip(self, dot: Dot) -> str:
        """The picture, its name, and both numbers with what they are, as markup."""
        across, up = self._labels
        numbers = [f"{name} {true_minus(f'{value:.2f}')}" for name, value in ((across, dot.x), (up, dot.y))]
        text = "\n".join((dot.name, *numbers))
        image = self._thumbnail(dot.id)
        return tips.below_picture(_png(image), text) if isinstance(image, QImage) else tips.plain(text)


def _png(image: QImage) -> bytes:
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    small = image.scaled(128, 128, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
    small.save(buffer, "PNG")  # type: ignore[call-overload]
    buffer.close()
    return bytes(data.data())


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Round ends around the values, never one number alone."""
    if not values:
        return 0.0, 1.0
    low, high = math.floor(min(values) * 20) / 20, math.ceil(max(values) * 20) / 20
    return (low, high) if high > low else (low - 0.05, high + 0.05)
