"""The colour bar of a map: ten pixels wide and as long as the picture, with ticks that can be read."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import numbers, swatches

WIDTH = 10
LABELS = 46
"""Space for the numbers beside a vertical bar."""


def ticks_of(low: float, high: float, *, signed: bool = False) -> tuple[list[float], list[str]]:
    """Both ends and the middle; zero is the middle of a signed map."""
    middle = 0.0 if signed and low < 0 < high else (low + high) / 2
    values = [low, middle, high]
    return values, numbers.ticks(values, sign=signed)


def paint_upright(
    painter: QPainter, rect: QRect, name: str, low: float, high: float, *, signed: bool = False, on_canvas: bool = True
) -> None:
    """Low at the bottom. ``rect`` holds the bar and its numbers."""
    bar = QRect(rect.left(), rect.top(), WIDTH, rect.height())
    painter.save()
    painter.drawImage(bar, swatches.gradient(swatches.named(name, signed=signed), 1, 256, upright=True))
    text, quiet, line = _colours(on_canvas)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(line), 1))
    painter.drawRect(QRectF(bar).adjusted(0.5, 0.5, -0.5, -0.5))
    painter.setFont(theme.font(tokens.SMALL_SIZE))
    metrics = painter.fontMetrics()
    values, labels = ticks_of(low, high, signed=signed)
    if bar.height() < 4 * metrics.height():
        values, labels = [values[0], values[2]], [labels[0], labels[2]]
    for value, label in zip(values, labels, strict=True):
        share = (value - low) / (high - low) if high > low else 0.5
        y = bar.bottom() - 0.5 - share * (bar.height() - 1)
        tick = min(max(round(y), bar.top()), bar.bottom())
        painter.fillRect(QRect(bar.right() + 1, tick, 4, 1), QColor(quiet))
        # The numbers at the ends stay inside of the bar's length.
        top = min(max(y - metrics.height() / 2, rect.top() - 3), rect.bottom() + 3 - metrics.height())
        painter.setPen(QColor(text))
        painter.drawText(
            QRectF(bar.right() + 8, top, LABELS, metrics.height()), int(Qt.AlignmentFlag.AlignVCenter), label
        )
    painter.restore()


def paint_flat(
    painter: QPainter,
    rect: QRect,
    name: str,
    low: float,
    high: float,
    *,
    signed: bool = False,
    on_canvas: bool = True,
    ends: tuple[str, str] = ("", ""),
) -> None:
    """Low at the left, numbers below. ``ends`` are words beside the outer numbers."""
    bar = QRect(rect.left(), rect.top(), rect.width(), WIDTH)
    painter.save()
    painter.drawImage(bar, swatches.gradient(swatches.named(name, signed=signed), 256, 1))
    text, _, line = _colours(on_canvas)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(line), 1))
    painter.drawRect(QRectF(bar).adjusted(0.5, 0.5, -0.5, -0.5))
    painter.setFont(theme.font(tokens.SMALL_SIZE))
    metrics = painter.fontMetrics()
    _, labels = ticks_of(low, high, signed=signed)
    labels = [f"{ends[0]} {labels[0]}".strip(), labels[1], f"{labels[2]} {ends[1]}".strip()]
    below = QRect(rect.left(), bar.bottom() + 3, rect.width(), metrics.height())
    painter.setPen(QColor(text))
    painter.drawText(below, int(Qt.AlignmentFlag.AlignLeft), labels[0])
    painter.drawText(below, int(Qt.AlignmentFlag.AlignRight), labels[2])
    if metrics.horizontalAdvance("  ".join(labels)) < rect.width():
        painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter), labels[1])
    painter.restore()


def _colours(on_canvas: bool) -> tuple[str, str, str]:
    t = theme.current()
    return (t.canvas_text, t.canvas_quiet, t.canvas_line) if on_canvas else (t.text, t.quiet, t.line)


class ColourBar(QWidget):
    """A horizontal colour bar with its numbers, for panels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._low, self._high, self._signed = "viridis", 0.0, 1.0, False
        self.setFixedHeight(WIDTH + 4 + QFontMetrics(theme.font(tokens.SMALL_SIZE)).height())
        self.setAccessibleName("Colour bar")

    def set_range(self, name: str, low: float, high: float, *, signed: bool = False) -> None:
        self._name, self._low, self._high, self._signed = name, low, high, signed
        _, labels = ticks_of(low, high, signed=signed)
        self.setAccessibleDescription(f"{name}, from {labels[0]} to {labels[2]}")
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(192, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        paint_flat(painter, self.rect(), self._name, self._low, self._high, signed=self._signed, on_canvas=False)
        painter.end()
