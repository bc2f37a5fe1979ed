"""Composing a pane: the picture, the map over it, lines over both. Each step is kept until what it depends on changes.

A picture is scaled once for a view and shared by all panes. A map is an image of 256 levels, made once for a view at
the pixels of the screen, as files have them at the picture's pixels; sliders swap its colour table and touch no value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from vitinspect.app import heat as heating
from vitinspect.app.geometry import View
from vitinspect.app.identity import Same
from vitinspect.app.pictures import Picture
from vitinspect.app.session.results import ShownMap, ShownMask

ACCENT = QColor(255, 255, 255)
EDGE = QColor(0, 0, 0, 190)
FRAME = QColor(255, 255, 255, 210)
SMALL_PANE = 420
"""Panes with a shorter side are small."""
GREY = 110
"""How opaque the background's colour is over a picture in grey, of 255."""
SHADE = (0xA8000000, 0x00000000)
"""Colours over the picture below a threshold and above it, as ARGB: darkened, unchanged."""
MASK = (0x00000000, 0xB035D0BA)
MASK_ALONE = (0xFF000000, 0xFF35D0BA)
"""The same for a mask over the picture, and without the picture."""


@dataclass(frozen=True)
class Look:
    """How maps are painted."""

    colormap: str = "auto"
    opacity: float = 0.9
    grows: str = "growing"
    smooth: bool = True
    show: str = "overlay"
    frame: bool = True
    ground: str = "#2a2d31"
    ends: tuple[float, float] | None = None
    """The raw values at the ends of the colours; None for those of the map."""
    grey: bool = False
    """Paint the picture below in dark grey, so that a map of two colours is not confused with the picture's colours."""


class Composer:
    """Paints panes of one size, and keeps what can be used again."""

    def __init__(self) -> None:
        self._bases: dict[bool, tuple[Any, QImage]] = {}
        self._heats: dict[ShownMap, tuple[Any, tuple[QImage, int, int] | None]] = {}
        self._above: dict[ShownMap, tuple[Any, QImage]] = {}
        self._lines: dict[ShownMap, tuple[Any, list[QLineF]]] = {}
        self._region: Any = None

    def clear(self) -> None:
        self._bases.clear()
        self._heats.clear()
        self._above.clear()
        self._lines.clear()

    def keep_only(self, maps: list[ShownMap]) -> None:
        """Forget maps that are no longer shown."""
        self._heats = {shown: kept for shown, kept in self._heats.items() if shown in maps}
        self._above = {shown: kept for shown, kept in self._above.items() if shown in maps}
        self._lines = {shown: kept for shown, kept in self._lines.items() if shown in maps}

    # --- the picture -------------------------------------------------------------------------------------------

    def base(self, picture: Picture, view: View, pane: tuple[int, int], ratio: float, look: Look) -> QImage:
        """The picture as this view shows it, in a pane of ``pane`` (width, height) logical pixels."""
        key = (picture, view, pane, ratio, look.ground, look.show == "heat")
        kept = self._bases.get(look.grey)
        if kept is not None and kept[0] == key:
            return kept[1]
        ground = QColor(look.ground)
        image = QImage(max(1, round(pane[0] * ratio)), max(1, round(pane[1] * ratio)), image_format(ground))
        image.setDevicePixelRatio(ratio)
        image.fill(ground)
        if look.show != "heat":
            painter = QPainter(image)
            paint_picture(painter, picture, view, pane, ratio)
            painter.end()
            if look.grey:
                image = greyed(image, look.ground)
        self._bases[look.grey] = (key, image)
        return image

    # --- the map -----------------------------------------------------------------------------------------------

    def _levels(
        self, shown: ShownMap, view: View, pane: tuple[float, float], ratio: float, look: Look
    ) -> tuple[QImage, int, int] | None:
        """A map at the pixels of the screen that show what the model saw, and where the first of them is."""
        key = (view, pane, ratio, look.smooth, look.ends)
        kept = self._heats.get(shown)
        if kept is None or kept[0] != key:
            kept = self._heats[shown] = (key, levels_on_screen(shown, view, pane, ratio, look))
        return kept[1]

    def paint_map(
        self,
        painter: QPainter,
        shown: ShownMap,
        view: View,
        pane: tuple[float, float],
        look: Look,
        threshold: tuple[str, float] | None = None,
    ) -> None:
        """A map with its threshold: as an outline, with what lies outside shaded, or as a mask in place of the map."""
        shown_as, level = threshold or ("", 0.0)
        if shown_as != "mask":
            self.paint_heat(painter, shown, view, pane, look)
        if shown_as == "outline":
            self.paint_outline(painter, shown, level, view, pane, look.smooth)
        elif shown_as == "mask":
            self._paint_parts(painter, shown, level, view, pane, look, MASK if look.show != "heat" else MASK_ALONE)
        elif shown_as == "shade":
            self._paint_parts(painter, shown, level, view, pane, look, SHADE)

    def _paint_parts(
        self,
        painter: QPainter,
        shown: ShownMap,
        level: float,
        view: View,
        pane: tuple[float, float],
        look: Look,
        colours: tuple[int, int],
    ) -> None:
        """What lies below the level and above it, in two colours."""
        kept = self._above.get(shown)
        if kept is None or kept[0] != (level, look.smooth):
            values = shown.heat.fine if look.smooth else np.asarray(shown.values)
            kept = self._above[shown] = ((level, look.smooth), indexed((values > level).astype(np.uint8)))
        image = kept[1]
        image.setColorTable(list(colours))
        size = shown.placed.original_size
        painter.save()
        painter.setClipRect(to_pane(shown.placed.visible, view, pane, size), Qt.ClipOperation.IntersectClip)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(to_pane(shown.placed.box, view, pane, size), image)
        painter.restore()

    def paint_heat(self, painter: QPainter, shown: ShownMap, view: View, pane: tuple[float, float], look: Look) -> None:
        """Lay a map over the picture, exactly where the model looked."""
        ratio = painter.device().devicePixelRatioF()
        found = self._levels(shown, view, pane, ratio, look)
        if found is None:
            return
        image, left, top = found
        alone = look.show == "heat"
        colours = heating.table(
            look.colormap,
            signed=shown.signed,
            opacity=1.0 if alone else look.opacity,
            grows="uniform" if alone else look.grows,
        )
        image.setColorTable(colours.tolist())
        painter.save()
        painter.scale(1 / ratio, 1 / ratio)
        painter.drawImage(left, top, image)
        painter.restore()

    def paint_region(self, painter: QPainter, results: Any, placed: Any, view: View, pane: tuple[float, float]) -> None:
        """The removed region: as the model sees it, or in one colour until that is known."""
        probed = results.probed
        mask = results.painted
        key = (Same(mask), Same(probed))
        if self._region is None or self._region[0] != key:
            height, width = mask.shape
            pixels = np.zeros((height, width, 4), np.uint8)
            if probed is not None:
                pixels[..., :3] = probed.picture[..., ::-1]
                pixels[probed.mask, 3] = 255
            waiting = mask if probed is None else mask & ~probed.mask
            pixels[waiting] = (128, 128, 128, 255)
            image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32).copy()
            self._region = (key, image)
        painter.save()
        painter.setClipRect(to_pane(placed.visible, view, pane, placed.original_size), Qt.ClipOperation.IntersectClip)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(to_pane(placed.box, view, pane, placed.original_size), self._region[1])
        painter.restore()

    def paint_outline(
        self,
        painter: QPainter,
        shown: ShownMap,
        level: float,
        view: View,
        pane: tuple[float, float],
        smooth: bool,
    ) -> None:
        """The rim of the part of the map that is above ``level``."""
        key = (level, smooth)
        kept = self._lines.get(shown)
        if kept is None or kept[0] != key:
            kept = (key, outline_of(shown, level, smooth))
            self._lines[shown] = kept
        size = shown.placed.original_size
        scale = view.scale(pane, size)
        left, top = view.origin(pane, size)
        painter.save()
        painter.setClipRect(to_pane(shown.placed.visible, view, pane, size), Qt.ClipOperation.IntersectClip)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, smooth)
        painter.translate(left, top)
        painter.scale(scale, scale)
        for colour, width in zip((EDGE, ACCENT), line_widths(pane), strict=True):
            pen = QPen(colour, width)
            pen.setCosmetic(True)
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            painter.drawLines(kept[1])
        painter.restore()


def line_widths(pane: tuple[float, float]) -> tuple[float, float]:
    """Of an outline's black edge and of the line itself: thinner in the small panes of a grid."""
    return (2.6, 1.2) if min(pane) < SMALL_PANE else (3.2, 1.6)


def paint_mask_outline(painter: QPainter, mask: ShownMask, colour: str, view: View, pane: tuple[float, float]) -> None:
    """A mask's rim on a black edge: in its colour, or dashed in white for the truth."""
    size = (int(mask.values.shape[0]), int(mask.values.shape[1]))
    scale = view.scale(pane, size)
    left, top = view.origin(pane, size)
    painter.save()
    painter.setClipRect(QRectF(0, 0, *pane), Qt.ClipOperation.IntersectClip)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(left, top)
    painter.scale(scale, scale)
    edge, line_width = line_widths(pane)
    dashes_of_line = [] if colour else [5 / line_width, 3.5 / line_width]
    for ink, width, dashes in ((EDGE, edge, []), (QColor(colour or ACCENT), line_width, dashes_of_line)):
        pen = QPen(ink, width)
        pen.setCosmetic(True)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        if dashes:
            pen.setDashPattern(dashes)
        painter.setPen(pen)
        for line in mask.polygons:
            painter.drawPolyline(line)
    painter.restore()


def paint_picture(painter: QPainter, picture: Picture, view: View, pane: tuple[int, int], ratio: float) -> None:
    """Only the part that is seen, from the level that is just large enough."""
    size = picture.size
    scale = view.scale(pane, size)
    left, top = view.origin(pane, size)
    level, level_scale = picture.level_for(scale * ratio)
    # The part of the level inside the pane, in whole pixels of the level with a margin for the interpolation.
    x0 = max(0, int(-left / scale * level_scale) - 2)
    y0 = max(0, int(-top / scale * level_scale) - 2)
    x1 = min(level.width(), int((pane[0] - left) / scale * level_scale) + 3)
    y1 = min(level.height(), int((pane[1] - top) / scale * level_scale) + 3)
    if x1 <= x0 or y1 <= y0:
        return
    sx, sy = size[1] / level.width() * scale, size[0] / level.height() * scale
    target = QRectF(left + x0 * sx, top + y0 * sy, (x1 - x0) * sx, (y1 - y0) * sy)
    if level.format() != QImage.Format.Format_RGB32:
        level = level.copy(x0, y0, x1 - x0, y1 - y0).convertToFormat(QImage.Format.Format_RGB32)
        x1, x0, y1, y0 = x1 - x0, 0, y1 - y0, 0
    # Beyond four screen pixels for one of the picture, a person wants to see the pixels.
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < 4)
    painter.drawImage(target, level, QRectF(x0, y0, x1 - x0, y1 - y0))


def image_format(ground: QColor) -> QImage.Format:
    """What an image on that ground needs."""
    opaque = ground.alpha() == 255
    return QImage.Format.Format_RGB32 if opaque else QImage.Format.Format_ARGB32_Premultiplied


def greyed(image: QImage, ground: str) -> QImage:
    """Without its colours, and darker by the ground's colour."""
    grey = image.convertToFormat(QImage.Format.Format_Grayscale8).convertToFormat(QImage.Format.Format_RGB32)
    grey.setDevicePixelRatio(image.devicePixelRatio())
    painter = QPainter(grey)
    shade = QColor(ground)
    shade.setAlpha(GREY)
    painter.fillRect(grey.rect(), shade)
    painter.end()
    return grey


def levels_on_screen(
    shown: ShownMap, view: View, pane: tuple[float, float], ratio: float, look: Look
) -> tuple[QImage, int, int] | None:
    """The map at the middle of each pixel of the pane that shows a part of what the model saw.

    With the column and row of the first of these pixels; None where there is none.
    """
    size = shown.placed.original_size
    scale, origin = view.scale(pane, size), view.origin(pane, size)
    box, seen = shown.placed.box, shown.placed.visible
    firsts, places = [], []
    for axis, cells in ((0, shown.values.shape[1]), (1, shown.values.shape[0])):
        middles = (np.arange(round(pane[axis] * ratio)) + 0.5) / ratio
        points = (middles - origin[axis]) / scale
        inside = np.flatnonzero((points >= seen[axis]) & (points <= seen[axis + 2]))
        if not inside.size:
            return None
        firsts.append(int(inside[0]))
        places.append((points[inside] - box[axis]) * (cells / (box[axis + 2] - box[axis])) - 0.5)
    levels = shown.heat.levels_at(places[1], places[0], look.ends, smooth=look.smooth)
    return indexed(levels), firsts[0], firsts[1]


def indexed(levels: np.ndarray) -> QImage:
    """Levels as an image with a colour table. Qt pads lines to four bytes, so it gets memory of its own."""
    height, width = levels.shape
    return QImage(levels.data, width, height, width, QImage.Format.Format_Indexed8).copy()


def to_pane(
    box: tuple[float, float, float, float], view: View, pane: tuple[float, float], size: tuple[int, int]
) -> QRectF:
    """A box of the picture in the pane."""
    left, top = view.to_pane(box[0], box[1], pane, size)
    right, bottom = view.to_pane(box[2], box[3], pane, size)
    return QRectF(QPointF(left, top), QPointF(right, bottom))


def outline_of(shown: ShownMap, level: float, smooth: bool) -> list[QLineF]:
    """The rim in coordinates of the picture."""
    values = shown.heat.contour if smooth else np.asarray(shown.values)
    pieces = heating.isoline(values, level) if smooth else heating.patch_outline(values, level)
    left, top, right, bottom = shown.placed.box
    rows, columns = values.shape
    scaled = pieces.astype(np.float64) * np.tile([(right - left) / columns, (bottom - top) / rows], 2)
    scaled += np.tile([left, top], 2)
    return [QLineF(*row) for row in scaled.tolist()]


def draw_box(painter: QPainter, box: QRectF, colour: QColor, width: float = 1.0) -> None:
    """A thin frame with a dark edge, so that it shows on any picture."""
    # Four filled strips: stroking a large rectangle costs Qt a hundred times as much.
    for edge, thick in ((EDGE, width + 2), (colour, width)):
        half = thick / 2
        outer = box.adjusted(-half, -half, half, half)
        painter.fillRect(QRectF(outer.left(), outer.top(), outer.width(), thick), edge)
        painter.fillRect(QRectF(outer.left(), outer.bottom() - thick, outer.width(), thick), edge)
        painter.fillRect(QRectF(outer.left(), outer.top() + thick, thick, outer.height() - 2 * thick), edge)
        painter.fillRect(QRectF(outer.right() - thick, outer.top() + thick, thick, outer.height() - 2 * thick), edge)
