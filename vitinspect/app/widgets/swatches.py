"""Small pictures of what a layer is drawn in: a colour map, a mask's colour, the dashed outline of the truth."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QImage, QLinearGradient, QPainter, QPen, QPixmap

from vitinspect.app import theme
from vitinspect.app.widgets.layer_rows import Swatch
from vitinspect.figures.names import default_colormap, nine_colours

SIZE = QSize(20, 12)


@lru_cache(maxsize=64)
def gradient(name: str, width: int, height: int, *, upright: bool = False) -> QImage:
    """A colour map from its low end to its high end, to the right or upwards."""
    import numpy as np

    from vitinspect.figures.colormaps import colormap

    long, short = (height, width) if upright else (width, height)
    at = np.linspace(255, 0, long) if upright else np.linspace(0, 255, long)
    line = colormap(name)[np.round(at).astype(int)]
    cells = np.repeat(line[:, None], short, axis=1) if upright else np.repeat(line[None], short, axis=0)
    cells = np.ascontiguousarray(cells)
    return QImage(cells.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def few_colours(name: str, rect: QRect) -> QLinearGradient:
    """A colour map across ``rect`` for small pictures: made without importing numpy, for the first window."""
    across = QLinearGradient(rect.left(), 0, rect.left() + rect.width(), 0)
    colours = nine_colours(name)
    for at, colour in enumerate(colours):
        across.setColorAt(at / (len(colours) - 1), QColor(colour))
    return across


def named(name: str, *, signed: bool = False) -> str:
    """The colour map that "auto" stands for."""
    return default_colormap(signed=signed) if name == "auto" else name


def paint(painter: QPainter, rect: QRect, swatch: Swatch) -> None:
    t = theme.current()
    painter.save()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    frame = QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5)
    if swatch.kind == "colormap":
        painter.fillRect(rect, few_colours(named(swatch.value), rect))
        painter.setPen(QPen(QColor(t.border), 1))
        painter.drawRect(frame)
    elif swatch.kind == "mask":
        painter.fillRect(rect, QColor(t.panel))
        painter.setPen(QPen(QColor(swatch.value), 2))
        painter.drawRect(QRectF(rect).adjusted(1, 1, -1, -1))
    elif swatch.kind == "truth":
        painter.setPen(QPen(QColor(t.text), 2))
        painter.drawRect(QRectF(rect).adjusted(1, 1, -1, -1))
        dashes = QPen(QColor(t.panel), 2, Qt.PenStyle.CustomDashLine)
        dashes.setDashPattern([1.5, 1.5])
        dashes.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(dashes)
        painter.drawRect(QRectF(rect).adjusted(1, 1, -1, -1))
    elif swatch.kind == "ignored":
        painter.setPen(QPen(QColor(t.border), 1))
        painter.setBrush(Qt.BrushStyle.BDiagPattern)
        painter.drawRect(frame)
    else:
        painter.setPen(QPen(QColor(t.border), 1, Qt.PenStyle.DashLine))
        painter.drawRect(frame)
    painter.restore()


def icon(swatch: Swatch, size: QSize = SIZE, ratio: float = 2.0) -> QIcon:
    """For lists and menus."""
    made = QPixmap(size * ratio)
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    paint(painter, QRect(0, 0, size.width(), size.height()), swatch)
    painter.end()
    return QIcon(made)
