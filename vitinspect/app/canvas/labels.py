"""What stands in words on the canvas: titles, colour bars with their raw ranges, and what to do when it is empty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter

from vitinspect.app import theme
from vitinspect.app.session.results import FAILED, LOADING, ShownMap
from vitinspect.app.theme.tokens import LARGE_SIZE, SMALL_SIZE

if TYPE_CHECKING:
    from vitinspect.app.canvas.canvas import Canvas

HEADER = 24
TALL_HEADER = 44
NARROW = 380
"""Panes of less width have the colour bar below the title and not beside it."""
GAP = 4
BAR = 72


@dataclass
class Pane:
    """One picture on the screen: with one map, or with two to the left and right of the swipe line."""

    box: QRect
    map: ShownMap | None = None
    second: ShownMap | None = None
    header: int = HEADER

    @property
    def picture(self) -> QRect:
        return self.box.adjusted(0, self.header, 0, 0)

    @property
    def size(self) -> tuple[int, int]:
        rect = self.picture
        return max(1, rect.width()), max(1, rect.height())


class Labels:
    """Paints them for a canvas."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas

    def header(self, painter: QPainter, pane: Pane) -> None:
        """Above each pane: which method and target, and the raw values at the ends of its colours."""
        t = theme.current()
        header = QRect(pane.box.left(), pane.box.top(), pane.box.width(), pane.header)
        painter.fillRect(header, QColor(t.canvas))
        painter.save()
        painter.setClipRect(header)
        inner = header.adjusted(8, 0, -8, 0)
        if pane.second is not None and pane.map is not None:
            half = inner.width() // 2
            self._legend(painter, QRect(inner.left(), inner.top(), half - 8, inner.height()), pane.map)
            right = QRect(inner.left() + half + 8, inner.top(), half - 8, inner.height())
            self._legend(painter, right, pane.second)
        elif pane.map is not None:
            self._legend(painter, inner, pane.map)
        else:
            painter.setPen(QColor(t.canvas_quiet))
            painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, self._why_no_map())
        painter.restore()

    def _why_no_map(self) -> str:
        if self._canvas.state.show == "image":
            return "Image only"
        if self._canvas.results.model_state == LOADING:
            return "The model is being loaded; the picture can be looked at meanwhile"
        if self._canvas.results.model_state == FAILED:
            return "The model could not be loaded: choose another one on the right"
        if not self._canvas.state.methods:
            return "No method is chosen: check one on the right"
        if self._canvas.results.pending:
            return "Computing …"
        if self._canvas.results.refusals:
            return next(iter(self._canvas.results.refusals.values()))
        return ""

    def _legend(self, painter: QPainter, rect: QRect, shown: ShownMap) -> None:
        if rect.height() > HEADER:
            upper = QRect(rect.left(), rect.top() + 2, rect.width(), HEADER - 4)
            self._title(painter, upper, shown)
            self._range(painter, QRect(rect.left(), upper.bottom() + 1, rect.width(), 20), shown, left=True)
        else:
            used = self._range(painter, rect, shown, left=False)
            self._title(painter, rect.adjusted(0, 0, -used - 12, 0), shown)

    def _range(self, painter: QPainter, rect: QRect, shown: ShownMap, *, left: bool) -> int:
        """The colours with the raw values at their ends; how wide that is."""
        font = theme.tabular(self._canvas.font())
        font.setPixelSize(SMALL_SIZE)
        painter.setFont(font)
        painter.setPen(QColor(theme.current().canvas_text))
        metrics = QFontMetrics(font)
        low, high = format_value(shown.heat.range.low), format_value(shown.heat.range.high)
        bar = min(BAR, max(16, rect.width() // 4))
        widths = metrics.horizontalAdvance(low), metrics.horizontalAdvance(high)
        whole = widths[0] + 6 + bar + 6 + widths[1]
        x = rect.left() if left else rect.right() - whole
        centre = int(Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(x, rect.top(), widths[0] + 2, rect.height(), centre, low)
        x += widths[0] + 6
        painter.drawImage(QRect(x, rect.center().y() - 4, bar, 9), self._bar(shown))
        x += bar + 6
        painter.drawText(x, rect.top(), widths[1] + 2, rect.height(), centre, high)
        return whole

    def _title(self, painter: QPainter, rect: QRect, shown: ShownMap) -> None:
        """The method, and more quietly what it explains."""
        t = theme.current()
        font = self._canvas.font()
        font.setBold(
            self._canvas.state.layout == "grid"
            and len(self._canvas.results.all_maps) > 1
            and self._canvas.active_map() is shown
        )
        painter.setFont(font)
        metrics = QFontMetrics(font)
        title = metrics.elidedText(shown.title, Qt.TextElideMode.ElideRight, rect.width())
        painter.setPen(QColor(t.canvas_text))
        centre = int(Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(rect, centre, title)
        target = shown.target_text
        if self._canvas.results.kept is shown:
            target = " · ".join(p for p in (shown.model, target, "kept") if p)
        if shown.id in self._canvas.results.pending:
            target = f"{target}  computing …".strip()
        used = metrics.horizontalAdvance(title) + 12
        room = rect.width() - used
        if target and room > 24:
            font.setBold(False)
            painter.setFont(font)
            painter.setPen(QColor(t.canvas_quiet))
            text = QFontMetrics(font).elidedText(target, Qt.TextElideMode.ElideRight, room)
            painter.drawText(rect.adjusted(used, 0, 0, 0), centre, text)

    def _bar(self, shown: ShownMap) -> QImage:
        import numpy as np

        from vitinspect.app import heat
        from vitinspect.app.canvas import painting

        image = painting.indexed(np.arange(256, dtype=np.uint8)[None, :])
        image.setColorTable(
            heat.table(self._canvas.state.colormap, signed=shown.signed, opacity=1.0, grows="uniform").tolist()
        )
        return image

    def nothing(self, painter: QPainter, area: QRect) -> None:
        t = theme.current()
        if self._canvas.results.picture_error:
            title, text = "This picture cannot be shown", self._canvas.results.picture_error
        elif self._canvas.state.image:
            title, text = "", ""
        elif self._canvas.state.folder and self._canvas.results.folder_size:
            title, text = "Choose a picture on the left", ""
        elif self._canvas.state.folder:
            title, text = "There are no pictures in this folder", "Drop another folder here, or open one with Ctrl+O."
        else:
            title, text = "Drop a folder here", "or open one with Ctrl+O. The bundled gallery is in the File menu."
        middle = QRect(0, 0, min(560, area.width() - 32), 240)
        middle.moveCenter(area.center())
        font = self._canvas.font()
        font.setPixelSize(LARGE_SIZE)
        painter.setFont(font)
        painter.setPen(QColor(t.canvas_text))
        upper = QRect(middle.left(), middle.top(), middle.width(), middle.height() // 2 - 4)
        wrap = Qt.TextFlag.TextWordWrap
        painter.drawText(upper, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom) | wrap, title)
        painter.setFont(self._canvas.font())
        painter.setPen(QColor(t.canvas_quiet))
        lower = QRect(middle.left(), middle.center().y() + 8, middle.width(), middle.height() // 2)
        painter.drawText(lower, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop) | wrap, text)


def value_at(shown: ShownMap, x: float, y: float) -> float | None:
    """The raw value of a map at a point of the picture: that of the patch or of the input pixel there."""
    cell = shown.placed.cell_at(x, y, (int(shown.values.shape[0]), int(shown.values.shape[1])))
    return float(shown.values[cell]) if cell is not None else None


def format_value(value: float) -> str:
    """A raw value in few digits."""
    return f"{value:.3g}" if value else "0"
