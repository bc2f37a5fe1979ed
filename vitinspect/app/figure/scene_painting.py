"""A figure's scene on the screen: the same pictures, letters, lines and bars as in its files."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPainterPath, QPen, QRawFont, QTransform

from vitinspect.app.identity import Same
from vitinspect.figures.fonts import font
from vitinspect.figures.resampling import resized
from vitinspect.figures.scene import ColourBar, Path, Picture, Scene, Text

_EM = 100.0
"""The size at which letters are outlined, before they are scaled."""
_MOST_IMAGES = 2000


class ScenePainter:
    """Keeps the pictures of the last scene as Qt has them."""

    def __init__(self) -> None:
        self._images: dict[tuple[Same, int, int], QImage] = {}
        self._used: dict[tuple[Same, int, int], QImage] = {}

    def paint(self, painter: QPainter, scene: Scene, scale: float, origin: QPointF) -> None:
        """The scene's elements with ``scale`` pixels to the point; the page's corner is at ``origin``."""
        self._used = {}
        ratio = painter.device().devicePixelRatioF()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        visible = painter.viewport()
        for element in scene.elements:
            if isinstance(element, Picture):
                self._picture(painter, element, scale, origin, ratio, QRectF(visible))
            elif isinstance(element, Text):
                self._text(painter, element, scale, origin)
            elif isinstance(element, Path):
                self._path(painter, element, scale, origin)
            else:
                self._bar(painter, element, scale, origin)
        painter.restore()
        self._images = self._used

    def _picture(
        self, painter: QPainter, element: Picture, scale: float, origin: QPointF, ratio: float, visible: QRectF
    ) -> None:
        target = _edges(element.box, scale * ratio, origin * ratio)
        on_screen = QRectF(target.x() / ratio, target.y() / ratio, target.width() / ratio, target.height() / ratio)
        if not on_screen.intersects(visible):
            return
        width, height = max(1, round(target.width())), max(1, round(target.height()))
        if width * height > 16_000_000:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not element.sharp)
            painter.drawImage(on_screen, self._image(element, None))
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
            return
        painter.drawImage(on_screen, self._image(element, (width, height)))

    def _image(self, element: Picture, size: tuple[int, int] | None) -> QImage:
        """The picture in a size, as the raster files have it; None for its own."""
        key = (Same(element.pixels), *(size or (0, 0)))
        found = self._images.get(key) or self._used.get(key)
        if found is None:
            found = _as_image(resized(element, size) if size is not None else element.pixels)
        if len(self._used) < _MOST_IMAGES:
            self._used[key] = found
        return found

    def _text(self, painter: QPainter, element: Text, scale: float, origin: QPointF) -> None:
        path, width = _outlined(element.text, element.bold)
        size = element.size * scale / _EM
        start = {"start": 0.0, "middle": -width / 2, "end": -width}[element.anchor]
        painter.save()
        painter.translate(origin + QPointF(element.at[0] * scale, element.at[1] * scale))
        painter.rotate(-element.turn)
        painter.scale(size, size)
        painter.translate(start, 0)
        painter.fillPath(path, QColor(*element.colour))
        painter.restore()

    def _path(self, painter: QPainter, element: Path, scale: float, origin: QPointF) -> None:
        path = QPainterPath()
        for line in element.lines:
            if not line:
                continue
            path.moveTo(origin.x() + line[0][0] * scale, origin.y() + line[0][1] * scale)
            for x, y in line[1:]:
                path.lineTo(origin.x() + x * scale, origin.y() + y * scale)
            if element.closed:
                path.closeSubpath()
        if element.fill is not None and element.closed:
            painter.fillPath(path, QColor(*element.fill))
        if element.stroke is not None and element.width > 0:
            pen = QPen(QColor(*element.stroke), element.width * scale)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            if element.dash:
                pen.setDashPattern([length / element.width for length in element.dash])
            painter.strokePath(path, pen)

    def _bar(self, painter: QPainter, element: ColourBar, scale: float, origin: QPointF) -> None:
        ratio = painter.device().devicePixelRatioF()
        target = _edges(element.box, scale * ratio, origin * ratio)
        length = max(1, round(target.height() if element.upright else target.width()))
        index = np.clip(np.floor((np.arange(length) + 0.5) / length * 256), 0, 255).astype(int)
        colours = element.colours[index[::-1] if element.upright else index, :3]
        line = np.ascontiguousarray(colours[:, None] if element.upright else colours[None])
        box = QRectF(target.x() / ratio, target.y() / ratio, target.width() / ratio, target.height() / ratio)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(box, _as_image(line))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)


def _edges(box: tuple[float, float, float, float], scale: float, origin: QPointF) -> QRectF:
    """A box on whole pixels, so that no picture is blurred by half of one."""
    left, top = round(origin.x() + box[0] * scale), round(origin.y() + box[1] * scale)
    right, bottom = round(origin.x() + (box[0] + box[2]) * scale), round(origin.y() + (box[1] + box[3]) * scale)
    return QRectF(left, top, max(1, right - left), max(1, bottom - top))


def _as_image(pixels: Any) -> QImage:
    data = np.ascontiguousarray(pixels)
    form = QImage.Format.Format_RGBA8888 if data.shape[2] == 4 else QImage.Format.Format_RGB888
    return QImage(data.data, data.shape[1], data.shape[0], data.strides[0], form).copy()


@lru_cache(maxsize=2)
def _raw_font(bold: bool) -> QRawFont:
    return QRawFont(str(font(bold).path), _EM, QFont.HintingPreference.PreferNoHinting)


@lru_cache(maxsize=1024)
def _letter(letter: str, bold: bool) -> QPainterPath:
    face = _raw_font(bold)
    indexes = face.glyphIndexesForString(letter)
    return face.pathForGlyph(indexes[0]) if indexes else QPainterPath()


@lru_cache(maxsize=1024)
def _outlined(text: str, bold: bool) -> tuple[QPainterPath, float]:
    """Letter by letter, at the widths that the files' writers use too."""
    path, x, widths = QPainterPath(), 0.0, font(bold)
    for letter in text:
        path.addPath(QTransform.fromTranslate(x, 0).map(_letter(letter, bold)))
        x += widths.width(letter, _EM)
    path.setFillRule(Qt.FillRule.WindingFill)
    return path, x


def image_of(scene: Scene, dpi: float) -> QImage:
    """The page as an image."""
    scale = dpi / 72
    size = (max(1, math.floor(scene.width * scale + 0.5)), max(1, math.floor(scene.height * scale + 0.5)))
    image = QImage(size[0], size[1], QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(QColor(*scene.background) if scene.background is not None else Qt.GlobalColor.transparent)
    painter = QPainter(image)
    ScenePainter().paint(painter, scene, scale, QPointF(0, 0))
    painter.end()
    return image
