"""The text around the pictures: titles, and colour bars with ticks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen

from vitinspect.app import theme
from vitinspect.app.canvas.missing import Missing
from vitinspect.app.session.layers import FUSED
from vitinspect.app.session.results import FAILED, LOADING, ShownMap
from vitinspect.app.theme.tokens import SMALL_SIZE
from vitinspect.app.widgets import numbers, swatches
from vitinspect.app.widgets.colour_bar import WIDTH, paint_flat, paint_upright
from vitinspect.app.widgets.layer_delegate import mark_badge

if TYPE_CHECKING:
    from vitinspect.app.canvas.canvas import Canvas

HEADER = 24
GAP = 4
BESIDE = 76
"""Space for a vertical colour bar with its numbers."""
BELOW = 36
"""Space for a horizontal one."""
EDGE = 8
BADGE = 16


@dataclass
class Pane:
    """One picture on the screen: with one map, or with two to the left and right of the swipe line."""

    box: QRect
    map: ShownMap | None = None
    second: ShownMap | None = None
    number: int = 0
    """Place of the map in the list; 0 for none."""
    second_number: int = 0
    missing: Missing | None = None
    """The placeholder of its map, while there is none."""
    second_missing: Missing | None = None
    """The same for the second one."""
    slot: str = ""
    """A or B, where two slots are compared; it is shown instead of the number."""
    in_grid: bool = False
    """It is one of several whose layers can be selected."""
    selected: bool = False
    """It is that of the selected layer, in a grid."""

    @property
    def is_split(self) -> bool:
        """Whether a swipe line divides it."""
        return self.second is not None or self.second_missing is not None

    @property
    def maps(self) -> list[ShownMap]:
        """Those that are there, from left to right."""
        return [shown for shown in (self.map, self.second) if shown is not None]

    @property
    def all_missing(self) -> list[Missing]:
        """The placeholders of the missing ones."""
        return [missing for missing in (self.missing, self.second_missing) if missing is not None]

    @property
    def bar_below(self) -> bool:
        """Where a pane is taller than wide, its colour bar lies below the picture."""
        return not self.is_split and lies_below(self.box.width(), self.box.height())

    @property
    def picture(self) -> QRect:
        """Where the picture can be."""
        left = BESIDE if self.is_split else EDGE
        if self.map is None and self.missing is None:
            return self.box.adjusted(0, HEADER, 0, 0)
        if self.bar_below:
            return self.box.adjusted(EDGE, HEADER, -EDGE, -BELOW)
        return self.box.adjusted(left, HEADER, -BESIDE, -EDGE)

    @property
    def size(self) -> tuple[int, int]:
        rect = self.picture
        return max(1, rect.width()), max(1, rect.height())


def lies_below(width: float, height: float) -> bool:
    return height > width + HEADER


def room_for_picture(width: float, height: float) -> tuple[float, float]:
    """What a pane of that size has left for its picture."""
    if lies_below(width, height):
        return width - 2 * EDGE, height - HEADER - BELOW
    return width - EDGE - BESIDE, height - HEADER - EDGE


class Labels:
    """Paints them for a canvas."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas

    def shows(self, pane: Pane) -> tuple[object, ...]:
        """What the words of ``paint`` depend on besides the pane and the look of its maps: while this stays the same,
        so do the words."""
        state, results = self._canvas.state, self._canvas.results
        slots: list[ShownMap | Missing] = [*pane.maps, *pane.all_missing]
        if not slots:
            return state.show, results.model_state
        return tuple((state.layer(slot.id), slot.id in results.pending, results.kept is slot) for slot in slots)

    def paint(self, painter: QPainter, pane: Pane, picture: QRect) -> None:
        """Titles above and colour bars beside ``picture``, which is what is seen of it."""
        t = theme.current()
        painter.save()
        painter.setClipRect(pane.box)
        line = QRect(picture.left(), picture.top() - HEADER, pane.box.right() - picture.left() - EDGE, HEADER)
        first, second = pane.map or pane.missing, pane.second or pane.second_missing
        if first is None:
            painter.setPen(QColor(t.canvas_quiet))
            painter.setFont(theme.font())
            line.setLeft(max(line.left(), EDGE))
            painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter), self._why_no_map())
        elif second is not None:
            half = picture.width() // 2
            left = QRect(line.left(), line.top(), half - EDGE, HEADER)
            self._title(painter, left, pane, first, pane.number, "A")
            right = QRect(
                line.left() + half + EDGE, line.top(), pane.box.right() - line.left() - half - 2 * EDGE, HEADER
            )
            self._title(painter, right, pane, second, pane.second_number, "B")
            beside = QRect(picture.left() - BESIDE + EDGE, picture.top(), BESIDE, picture.height())
            self._upright(painter, beside, first)
            self._upright(painter, self._right_of(picture), second)
        else:
            self._title(painter, line, pane, first, pane.number)
            if pane.bar_below:
                self._flat(painter, QRect(picture.left(), picture.bottom() + 7, picture.width(), BELOW - 7), first)
            else:
                self._upright(painter, self._right_of(picture), first)
        painter.restore()

    def selected(self, painter: QPainter, pane: Pane) -> None:
        """A frame around the pane of the selected map."""
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(theme.DARK.accent), 2))
        painter.drawRect(QRectF(pane.box).adjusted(1, 1, -1, -1))

    @staticmethod
    def _right_of(picture: QRect) -> QRect:
        return QRect(picture.right() + 9, picture.top(), BESIDE - 9, picture.height())

    def _upright(self, painter: QPainter, rect: QRect, shown: ShownMap | Missing) -> None:
        if isinstance(shown, Missing):
            self._empty_bar(painter, QRect(rect.left(), rect.top(), WIDTH, rect.height()), shown, upright=True)
        else:
            paint_upright(painter, rect, self._colours(shown), *self._range(shown), signed=shown.signed)

    def _flat(self, painter: QPainter, rect: QRect, shown: ShownMap | Missing) -> None:
        if isinstance(shown, Missing):
            self._empty_bar(painter, QRect(rect.left(), rect.top(), rect.width(), WIDTH), shown, upright=False)
        else:
            paint_flat(painter, rect, self._colours(shown), *self._range(shown), signed=shown.signed)

    def _empty_bar(self, painter: QPainter, rect: QRect, missing: Missing, *, upright: bool) -> None:
        """The colour bar of a missing map: its place and its colours, without numbers."""
        layer = self._canvas.state.layer(missing.id)
        name = swatches.named(layer.colormap if layer is not None else "auto", signed=missing.signed)
        painter.setOpacity(0.35)
        painter.drawImage(rect, swatches.gradient(name, *((1, 256) if upright else (256, 1)), upright=upright))
        painter.setOpacity(1.0)

    def _colours(self, shown: ShownMap) -> str:
        return self._canvas.look(shown).colormap

    def _range(self, shown: ShownMap) -> tuple[float, float]:
        return self._canvas.range_of(shown)

    def _why_no_map(self) -> str:
        if self._canvas.state.show == "image":
            return "Picture alone"
        if self._canvas.results.model_state == LOADING:
            return "The model is being loaded"
        if self._canvas.results.model_state == FAILED:
            return "The model could not be loaded: choose another one above"
        return ""

    def _title(
        self, painter: QPainter, rect: QRect, pane: Pane, shown: ShownMap | Missing, number: int, side: str = ""
    ) -> None:
        """Number, method, what differs from the defaults, what it explains, and A or B."""
        t = theme.current()
        x = rect.left()
        if number:
            badge = QRect(x, rect.center().y() - BADGE // 2 + 1, BADGE, BADGE)
            self._badge(painter, badge, number)
            x += BADGE + 8
        painter.setFont(theme.font(bold=pane.selected or not pane.in_grid))
        metrics = painter.fontMetrics()
        centre = int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
        mark = side or self._mark(shown)
        end = rect.right() - (BADGE + 4 if mark else 0)
        room = end - x
        details = self._details(shown)
        small = QFontMetrics(theme.font(SMALL_SIZE))
        # Where space is short, the target is shown rather than the method's full title.
        target = sum(small.horizontalAdvance(words) + 18 for words, boxed in details if boxed)
        fits = metrics.horizontalAdvance(shown.title) + target <= room
        title = shown.title if fits else shown.short
        title = metrics.elidedText(title, Qt.TextElideMode.ElideRight, room)
        painter.setPen(QColor(t.canvas_text))
        painter.drawText(QRect(x, rect.top(), room, rect.height()), centre, title)
        x += metrics.horizontalAdvance(title) + 8
        painter.setFont(theme.font(SMALL_SIZE))
        metrics = painter.fontMetrics()
        for words, boxed in details:
            width = metrics.horizontalAdvance(words) + (10 if boxed else 0)
            target = 0 if boxed else target
            if x + width + target > end:
                continue
            place = QRect(x, rect.top(), width, rect.height())
            if boxed:
                frame = QRectF(x + 0.5, rect.center().y() - 8 + 0.5, width - 1, 17)
                painter.setPen(QPen(QColor(theme.DARK.accent), 1))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(frame, 2, 2)
                painter.setPen(QColor(t.canvas_text))
                painter.drawText(place, centre | int(Qt.AlignmentFlag.AlignHCenter), words)
            else:
                painter.setPen(QColor(t.canvas_quiet))
                painter.drawText(place, centre, words)
            x += width + 8
        if mark:
            mark_badge(painter, QRect(x, rect.center().y() - BADGE // 2 + 1, BADGE, BADGE), mark)

    def _mark(self, shown: ShownMap | Missing) -> str:
        layer = self._canvas.state.layer(shown.id)
        return layer.mark if layer is not None else ""

    def _details(self, shown: ShownMap | Missing) -> list[tuple[str, bool]]:
        """(words, whether in a box): the parameters that differ, the target, and what is being computed."""
        results = self._canvas.results
        parts: list[tuple[str, bool]] = []
        if isinstance(shown, Missing):
            return [(shown.detail, False)] if shown.detail else []
        inside = shown.key.partition("(")[2].rpartition(")")[0]
        if inside:
            parts.append((inside.replace("=", " ").replace(",", ", "), False))
        if results.kept is shown:
            parts.append((f"{shown.model}, kept", False))
        layer = self._canvas.state.layer(shown.id)
        if layer is not None and layer.kind == FUSED:
            parts.append(("fused", False))
        parts.append((shown.target_text, True) if shown.target_text else ("same for every class", False))
        if shown.id in results.pending:
            parts.append(("computing …", False))
        return parts

    @staticmethod
    def _badge(painter: QPainter, rect: QRect, number: int) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.current().canvas_line))
        painter.drawRoundedRect(QRectF(rect), 2, 2)
        painter.setPen(QColor(theme.current().canvas_text))
        painter.setFont(theme.font(SMALL_SIZE, bold=True))
        painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), str(number))


def value_at(shown: ShownMap, x: float, y: float) -> float | None:
    """The raw value of a map at a point of the picture: that of the patch or of the input pixel there."""
    cell = shown.placed.cell_at(x, y, (int(shown.values.shape[0]), int(shown.values.shape[1])))
    return float(shown.values[cell]) if cell is not None else None


def format_value(value: float, *, signed: bool = False) -> str:
    """A raw value in three digits."""
    return numbers.number(value, sign=signed)
