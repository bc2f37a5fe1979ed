"""Painting one pane of the canvas: the picture with its map, what lies over both, and the placeholder of a missing
map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter, QPen

from vitinspect.app import theme
from vitinspect.app.canvas.labels import Pane, format_value, value_at
from vitinspect.app.canvas.missing import Missing
from vitinspect.app.geometry import Placed
from vitinspect.app.session.results import ShownMap
from vitinspect.app.theme.tokens import SMALL_SIZE
from vitinspect.app.widgets import icons

if TYPE_CHECKING:
    from vitinspect.app.canvas.canvas import Canvas

DIM = 110
"""How opaque the canvas' colour is over a picture whose map is missing, of 255."""


class PanePainter:
    """Paints the panes of a canvas. Everything but what follows the cursor is kept as one picture, in which a pane is
    painted again when something that it shows has changed: a slider costs one pane of a grid, a cursor a copy."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._still: tuple[object, QImage] | None = None
        self._shown: list[tuple[object, ...] | None] = []
        """What each pane of it shows."""
        self._masks: tuple[object, QImage] | None = None

    def clear(self) -> None:
        self._still = self._masks = None

    def still(self, panes: Sequence[Pane]) -> QImage:
        """The canvas without what follows the cursor."""
        canvas = self._canvas
        ratio = canvas.pixel_ratio
        key = (canvas.size(), ratio, theme.current(), [pane.box for pane in panes])
        if self._still is None or self._still[0] != key:
            self._still = (key, self._empty(ratio))
            self._shown = [None] * len(panes)
        image = self._still[1]
        shown = [self._shown_in(pane) for pane in panes]
        changed = [i for i, now in enumerate(shown) if now != self._shown[i]]
        if changed:
            painter = QPainter(image)
            for i in changed:
                self._paint(painter, panes[i])
            painter.end()
            self._shown = [*shown]
        return image

    def _empty(self, ratio: float) -> QImage:
        from vitinspect.app.canvas import painting

        size, ground = self._canvas.size(), QColor(theme.current().canvas)
        wide, high = (max(1, math.ceil(side * ratio)) for side in (size.width(), size.height()))
        image = QImage(wide, high, painting.image_format(ground))
        image.setDevicePixelRatio(ratio)
        image.fill(ground)
        return image

    def _shown_in(self, pane: Pane) -> tuple[object, ...]:
        """All that a pane shows. Maps, masks and pictures are compared by identity, and stay alive with the key."""
        canvas = self._canvas
        state, placed, card = canvas.state, *canvas.input_of(pane)
        return (
            pane,
            canvas.view,
            canvas.results.picture,
            [(canvas.look(shown), canvas.threshold_of(shown)) for shown in pane.maps] or canvas.look(),
            state.swipe if pane.is_split else 0.0,
            canvas.shown_masks(),
            canvas.empty_parts(pane),
            canvas.labels.shows(pane),
            (placed, card.grid if card is not None else (), state.pinned, state.frame, canvas.hidden),
        )

    def _paint(self, painter: QPainter, pane: Pane) -> None:
        canvas = self._canvas
        painter.save()
        painter.setClipRect(pane.box)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
        painter.fillRect(pane.box, QColor(theme.current().canvas))
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        painter.drawImage(pane.picture.topLeft(), self._compose(pane))
        for missing, seen in canvas.empty_parts(pane):
            self._paint_missing(painter, missing, seen)
        canvas.labels.paint(painter, pane, canvas.picture_rect(pane))
        self._paint_marks(painter, pane)
        if pane.selected:
            canvas.labels.selected(painter, pane)
        painter.restore()

    def _compose(self, pane: Pane) -> QImage:
        """The picture with its map and the outlines of masks."""
        canvas = self._canvas
        picture = canvas.results.picture
        assert picture is not None
        ratio = canvas.pixel_ratio
        look = canvas.look(pane.map)
        masks = tuple(canvas.shown_masks())
        base = canvas.composer.base(picture, canvas.view, pane.size, ratio, look)
        if look.show == "image" or (not pane.maps and not masks):
            return base
        image = base.copy()
        painter = QPainter(image)
        width, height = pane.size
        at = canvas.swipe_at(pane) if pane.is_split else width
        for shown, clip in ((pane.map, QRectF(0, 0, at, height)), (pane.second, QRectF(at, 0, width - at, height))):
            if shown is not None:
                painter.save()
                painter.setClipRect(clip)
                self._paint_map(painter, shown, pane)
                painter.restore()
        if masks:
            painter.drawImage(0, 0, self._outlines(masks, pane.size, ratio))
        painter.end()
        return image

    def _outlines(self, masks: tuple[object, ...], size: tuple[int, int], ratio: float) -> QImage:
        """The outlines of the masks, which all panes of a grid share."""
        canvas = self._canvas
        key = (masks, size, ratio, canvas.view)
        if self._masks is None or self._masks[0] != key:
            wide, high = (max(1, round(side * ratio)) for side in size)
            image = QImage(wide, high, QImage.Format.Format_ARGB32_Premultiplied)
            image.setDevicePixelRatio(ratio)
            image.fill(Qt.GlobalColor.transparent)
            painter = QPainter(image)
            canvas.paint_masks(painter, canvas.view, size)
            painter.end()
            self._masks = (key, image)
        return self._masks[1]

    def _paint_map(self, painter: QPainter, shown: ShownMap, pane: Pane) -> None:
        canvas = self._canvas
        canvas.composer.paint_map(
            painter, shown, canvas.view, pane.size, canvas.look(shown), canvas.threshold_of(shown)
        )

    def _placed_in(self, pane: Pane) -> Placed | None:
        """Where the input of the pane's model lies, else that of its map."""
        placed, _ = self._canvas.input_of(pane)
        return pane.maps[0].placed if placed is None and pane.maps else placed

    def _paint_marks(self, painter: QPainter, pane: Pane) -> None:
        """What lies over the picture and stays where it is: the crop and the pinned patch."""
        canvas = self._canvas
        from vitinspect.app.canvas import painting

        picture, placed, (_, card) = canvas.results.picture, self._placed_in(pane), canvas.input_of(pane)
        assert picture is not None
        if placed is None:
            return
        painter.save()
        painter.setClipRect(pane.picture, Qt.ClipOperation.IntersectClip)
        painter.translate(pane.picture.topLeft())
        if canvas.state.frame and not placed.sees_all and not canvas.hidden:
            box = painting.to_pane(placed.visible, canvas.view, pane.size, picture.size)
            painting.draw_box(painter, box.adjusted(0.75, 0.75, -0.75, -0.75), painting.FRAME, 1)
        pinned = canvas.state.pinned
        if card is not None and len(pinned) == 2 and pinned[0] < card.grid[0] and pinned[1] < card.grid[1]:
            cell = placed.cell_box(pinned[0], pinned[1], card.grid)
            painting.draw_box(painter, painting.to_pane(cell, canvas.view, pane.size, picture.size), painting.ACCENT, 2)
        painter.restore()

    def paint_over(self, painter: QPainter, pane: Pane) -> None:
        """What a drag or the cursor changes: what was painted out, the patch under the cursor, the swipe line."""
        canvas = self._canvas
        from vitinspect.app.canvas import painting

        placed, (_, card) = self._placed_in(pane), canvas.input_of(pane)
        region = canvas.results.painted is not None and canvas.shows_what_if
        if not region and canvas.cursor_at is None and not pane.is_split:
            return
        painter.save()
        painter.setClipRect(pane.picture)
        painter.translate(pane.picture.topLeft())
        if placed is not None and card is not None:
            if region:
                canvas.composer.paint_region(painter, canvas.results, placed, canvas.view, pane.size)
            if canvas.cursor_at is not None:
                self._paint_cursor(painter, pane, placed)
        if pane.is_split and not canvas.hidden:
            at = canvas.swipe_at(pane)
            seen = canvas.picture_rect(pane).translated(-pane.picture.topLeft())
            for pen in (QPen(painting.EDGE, 3), QPen(QColor("white"), 1)):
                painter.setPen(pen)
                painter.drawLine(QPointF(at, seen.top()), QPointF(at, seen.bottom()))
            painter.setBrush(QColor("white"))
            middle = seen.center().y()
            painter.drawRoundedRect(QRectF(at - 3, middle - 16, 6, 32), 3, 3)
        painter.restore()

    def _paint_cursor(self, painter: QPainter, pane: Pane, placed: Placed) -> None:
        canvas = self._canvas
        from vitinspect.app.canvas import painting

        picture = canvas.results.picture
        _, card = canvas.input_of(pane)
        assert picture is not None
        assert card is not None
        assert canvas.cursor_at is not None
        x, y = canvas.cursor_at
        canvas.tool.paint(canvas, painter, pane, canvas.cursor_at)
        if not canvas.tool.marks_patch:
            return
        cell = placed.cell_at(x, y, card.grid)
        if cell is None:
            return
        box = painting.to_pane(placed.cell_box(*cell, card.grid), canvas.view, pane.size, picture.size)
        painting.draw_box(painter, box, QColor(255, 255, 255, 170))
        shown = pane.map
        at = canvas.view.to_pane(x, y, pane.size, picture.size)
        if pane.is_split and at[0] > canvas.swipe_at(pane):
            shown = pane.second
        if shown is None or canvas.hidden or canvas.state.show == "image":
            return
        value = value_at(shown, x, y)
        if value is None:
            return
        text = f"{format_value(value)}   {shown.heat.percentile(value):.0f} %"
        font = theme.tabular(canvas.font())
        font.setPixelSize(SMALL_SIZE)
        metrics = QFontMetrics(font)
        width, height = metrics.horizontalAdvance(text) + 12, metrics.height() + 4
        # Beside the patch, and on its other side near the pane's edge.
        left = box.right() + 6 if box.right() + 6 + width < pane.size[0] else box.left() - 6 - width
        top = min(max(2.0, box.center().y() - height / 2), pane.size[1] - height - 2)
        label = QRectF(max(2.0, left), top, width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 190))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawRoundedRect(label, 3, 3)
        painter.setPen(QColor("white"))
        painter.setFont(font)
        painter.drawText(label, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_missing(self, painter: QPainter, missing: Missing, seen: QRect) -> None:
        """The picture dimmed, with the progress of its map, or with the reason why there is none."""
        t = theme.current()
        ground = QColor(t.canvas)
        ground.setAlpha(2 * DIM if missing.refused else DIM)
        painter.save()
        painter.fillRect(seen, ground)
        painter.setFont(theme.font(SMALL_SIZE))
        if missing.reason:
            text = seen.adjusted(12, 12, -12, -12)
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            if missing.refused:
                height = painter.boundingRect(text, flags, missing.reason).height()
                icons.paint(
                    painter,
                    "warning",
                    theme.DARK.on_error,
                    QPoint(text.center().x(), text.center().y() - height // 2 - 14),
                )
            painter.setPen(QColor(t.canvas_text))
            painter.drawText(text, flags, missing.reason)
        else:
            words = "waiting" if missing.progress is None else f"{100 * missing.progress:.0f} %"
            bar = QRect(seen.left() + 8, seen.bottom() - 12, seen.width() - 16, 4)
            painter.setPen(QColor(t.canvas_text))
            painter.drawText(
                QRect(bar.left(), bar.top() - 22, bar.width(), 18), int(Qt.AlignmentFlag.AlignVCenter), words
            )
            painter.fillRect(bar, QColor(t.canvas_line))
            if missing.progress is not None:
                bar.setWidth(round(bar.width() * missing.progress))
                painter.fillRect(bar, QColor(theme.DARK.accent))
        painter.restore()
