"""Painting one pane of the canvas: the picture with its map, what lies over both, and what stands for a map that is not
there."""

from __future__ import annotations

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
"""How much of the canvas' colour lies over a picture whose map is not there, of 255."""


class PanePainter:
    """Paints the panes of a canvas, and keeps each composed picture until something about it changes."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._composed: dict[int, tuple[object, QImage]] = {}
        self._masks: tuple[object, QImage] | None = None

    def clear(self) -> None:
        self._composed.clear()
        self._masks = None

    def keep_first(self, count: int) -> None:
        """Forget the panes behind the first ones."""
        self._composed = {i: v for i, v in self._composed.items() if i < count}

    def compose(self, number: int, pane: Pane) -> QImage:
        """The picture with its map, kept until something about it changes: a moving cursor costs a copy."""
        canvas = self._canvas
        picture = canvas.results.picture
        assert picture is not None
        ratio = canvas.pixel_ratio
        levels = tuple(canvas.threshold_of(shown) for shown in pane.maps)
        look = canvas.look(pane.map)
        looks = (look, canvas.look(pane.second))
        swipe = canvas.state.swipe if pane.is_split else 0.0
        # The objects themselves, which are compared by identity and stay alive as long as the key does.
        masks = tuple(canvas.shown_masks())
        key = (pane.map, pane.second, pane.size, canvas.view, ratio, looks, levels, picture, swipe, masks)
        kept = self._composed.get(number)
        if kept is not None and kept[0] == key:
            return kept[1]
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
        self._composed[number] = (key, image)
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

    def marks(self, painter: QPainter, pane: Pane) -> None:
        """What lies over the picture: the crop, the pinned patch, the patch under the cursor, the swipe line."""
        canvas = self._canvas
        from vitinspect.app.canvas import painting

        picture = canvas.results.picture
        placed, card = canvas.input_of(pane)
        assert picture is not None
        painter.save()
        painter.setClipRect(pane.picture)
        painter.translate(pane.picture.topLeft())
        if placed is None and pane.maps:
            placed = pane.maps[0].placed
        if placed is not None and canvas.state.frame and not placed.sees_all and not canvas.hidden:
            box = painting.to_pane(placed.visible, canvas.view, pane.size, picture.size)
            painting.draw_box(painter, box.adjusted(0.75, 0.75, -0.75, -0.75), painting.FRAME, 1)
        if placed is not None and card is not None:
            if (
                len(canvas.state.pinned) == 2
                and canvas.state.pinned[0] < card.grid[0]
                and (canvas.state.pinned[1] < card.grid[1])
            ):
                row, column = canvas.state.pinned
                cell = placed.cell_box(row, column, card.grid)
                painting.draw_box(
                    painter, painting.to_pane(cell, canvas.view, pane.size, picture.size), painting.ACCENT, 2
                )
            if canvas.results.painted is not None and canvas.shows_what_if:
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

    def missing(self, painter: QPainter, missing: Missing, seen: QRect) -> None:
        """The picture dimmed, with how far its map is, or with the reason why there is none."""
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
