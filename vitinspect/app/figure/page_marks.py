"""What is painted around the page of a figure: what is selected, a ruler, the pattern behind a transparent page."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from vitinspect.app import theme
from vitinspect.figures.scene import MM

RULER = 22
"""Pixels that the ruler is high."""


def paint_marks(painter: QPainter, selected: QRectF | None, target: QRectF | None, region: QRectF | None) -> None:
    """The selected cell, the one that something is dragged over, and the region that is being framed."""
    t = theme.current()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if selected is not None:
        painter.setPen(QPen(QColor(t.on_accent if t.name == "dark" else "#ffffff"), 4))
        painter.drawRect(selected.adjusted(-2, -2, 2, 2))
        painter.setPen(QPen(QColor(t.accent), 2))
        painter.drawRect(selected.adjusted(-2, -2, 2, 2))
    if target is not None:
        wash = QColor(t.accent)
        wash.setAlpha(70)
        painter.fillRect(target, wash)
        painter.setPen(QPen(QColor(t.accent), 2, Qt.PenStyle.DashLine))
        painter.drawRect(target)
    if region is not None:
        painter.setPen(QPen(QColor("#000000"), 3))
        painter.drawRect(region)
        painter.setPen(QPen(QColor("#ffffff"), 1))
        painter.drawRect(region)


def paint_ruler(painter: QPainter, view: int, width: float, left: float, scale: float) -> None:
    """Millimetres along the top, ``view`` pixels wide, for a page of ``width`` points that begins at ``left``."""
    t = theme.current()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.fillRect(QRectF(0, 0, view, RULER), QColor(t.canvas))
    painter.setPen(QPen(QColor(t.canvas_quiet), 1))
    painter.setFont(theme.font(10))
    per_mm = scale * MM
    step = next((s for s in (1, 2, 5, 10, 20, 50, 100, 200) if s * per_mm >= 56), 500)
    for number in range(int(width / MM / step * 10) + 1):
        mm = number * step / 10
        x = left + mm * per_mm
        if not -40 <= x <= view:
            continue
        if number % 10 == 0:
            painter.drawLine(QPointF(x, RULER - 8), QPointF(x, RULER - 1))
            words = f"{mm:g} mm" if number == 0 else f"{mm:g}"
            painter.drawText(QPointF(x + 3, RULER - 9), words)
        elif number % 5 == 0 or per_mm * step / 10 >= 6:
            painter.drawLine(QPointF(x, RULER - (6 if number % 5 == 0 else 4)), QPointF(x, RULER - 1))


def paint_checkered(painter: QPainter, box: QRectF) -> None:
    """The pattern behind a page without a background."""
    painter.fillRect(box, QColor("#ffffff"))
    painter.save()
    painter.setClipRect(box)
    step = 8
    for row in range(int(box.height() / step) + 1):
        for column in range(row % 2, int(box.width() / step) + 1, 2):
            painter.fillRect(QRectF(box.x() + column * step, box.y() + row * step, step, step), QColor("#e2e4e7"))
    painter.restore()
