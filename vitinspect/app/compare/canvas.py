"""The picture with the map of slot A, that of slot B and their difference, side by side or swiped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, Qt, Slot
from PySide6.QtGui import QColor, QFontMetrics, QPainter

from vitinspect.app import theme
from vitinspect.app.canvas.canvas import Canvas
from vitinspect.app.canvas.labels import BADGE, BESIDE, GAP, HEADER, Labels, Pane, room_for_picture
from vitinspect.app.canvas.missing import Missing, missing_maps
from vitinspect.app.canvas.slots import MapOrMissing
from vitinspect.app.geometry import Box, Placed, tiles
from vitinspect.app.ranges import automatic, centred, range_of, wider
from vitinspect.app.services.second_slot import SecondSlot
from vitinspect.app.services.two_maps import DIFFERENCE
from vitinspect.app.session.compared import layer_of_a, layer_of_b
from vitinspect.app.session.layers import Layer, title_in
from vitinspect.app.session.results import LOADING, ModelCard, Results, ShownMap
from vitinspect.app.session.state import State
from vitinspect.app.theme.tokens import SMALL_SIZE
from vitinspect.app.widgets.colour_bar import paint_flat, paint_upright
from vitinspect.app.widgets.layer_delegate import mark_badge

if TYPE_CHECKING:
    from vitinspect.app.canvas import painting


ENDS = ("A higher", "B higher")
SCALED = "B minus A, each scaled to 0–1"


class CompareCanvas(Canvas):
    """A canvas whose panes are linked: they show the same part of the picture and one cursor."""

    shows_what_if = False

    def __init__(self, state: State, results: Results, second: SecondSlot) -> None:
        self._second = second
        super().__init__(state, results)
        self.setAccessibleName("Picture with the maps of slot A and slot B and their difference")
        second.results.changed.connect(self._slot_b_changed)

    @Slot(object)
    def _slot_b_changed(self, names: object) -> None:
        self.update()

    def _make_labels(self) -> Labels:
        return CompareLabels(self)

    # --- what is shown -------------------------------------------------------------------------------------------

    def layer_in(self, slot: str) -> Layer | None:
        """The layer that is compared in slot A or B."""
        layers, selected = self.state.layers, self.state.selected
        return (layer_of_a if slot == "A" else layer_of_b)(layers, selected)

    def results_of(self, slot: str) -> Results:
        return self.results if slot == "A" else self._second.results

    def state_of(self, slot: str) -> State:
        return self.state if slot == "A" else self._second.state

    def in_slot(self, slot: str) -> MapOrMissing | None:
        """The map of slot A or B, or its placeholder."""
        layer, results = self.layer_in(slot), self.results_of(slot)
        if layer is None or self.results.picture is None:
            return None
        shown = results.all_maps.get(layer.id)
        if shown is not None and self._fits(shown):
            return shown
        return missing_maps(self.state_of(slot), results).get(layer.id) or self._awaited(layer, results)

    def _awaited(self, layer: Layer, results: Results) -> Missing:
        title = title_in(self.state.layers, layer)
        reason = "The model is being loaded" if results.model_state == LOADING else ""
        return Missing(layer.id, title, title, reason=reason)

    def slot_of(self, shown: ShownMap) -> str:
        """A, B, or nothing for the difference."""
        if shown.id == DIFFERENCE:
            return ""
        return "A" if shown is self.in_slot("A") else "B"

    def slots(self) -> list[MapOrMissing]:
        if self.state.show == "image":
            return []
        both = [slot for slot in (self.in_slot("A"), self.in_slot("B")) if slot is not None]
        if len(both) == 2 and self.state.compare_view == "difference":
            return [*both, self.results.difference or self._no_difference(both)]
        return both

    @property
    def missing(self) -> dict[str, Missing]:
        return {slot.id: slot for slot in self.slots() if isinstance(slot, Missing)}

    @staticmethod
    def _no_difference(both: Sequence[MapOrMissing]) -> Missing:
        """The placeholder of the difference: it waits for both maps, and says so where one of them will never come."""
        lacks = any(isinstance(slot, Missing) and slot.reason for slot in both)
        reason = "There are no two maps to compare" if lacks else ""
        if all(isinstance(slot, ShownMap) for slot in both):
            reason = "The two models see no common part of this picture"
        return Missing(DIFFERENCE, "Difference", "Difference", signed=True, reason=reason)

    def active_map(self) -> ShownMap | None:
        shown = self.in_slot("A")
        return shown if isinstance(shown, ShownMap) else None

    def panes(self) -> list[Pane]:
        if self.results.picture is None:
            return []
        width, height = self.width(), self.height()
        slots = self.slots()
        if self.state.compare_view == "swipe" and len(slots) == 2:
            pane, right = (self._filled(QRect(0, 0, width, height), slot, "A") for slot in slots)
            pane.second, pane.second_missing = right.map, right.missing
            return [pane]
        if not slots:
            return [Pane(QRect(0, 0, width, height))]
        boxes = _row_of(len(slots), width, height)
        if height > width:
            boxes = tiles(len(slots), width, height, self.results.picture.size, HEADER, GAP, room_for_picture)
        return [
            self._filled(QRect(int(x0), int(y0), int(x1 - x0), int(y1 - y0)), slot, letter)
            for slot, letter, (x0, y0, x1, y1) in zip(slots, ("A", "B", ""), boxes, strict=False)
        ]

    @staticmethod
    def _filled(box: QRect, slot: MapOrMissing, letter: str) -> Pane:
        if isinstance(slot, Missing):
            return Pane(box, missing=slot, slot=letter)
        return Pane(box, slot, slot=letter)

    def select_pane(self, pane: Pane) -> None:
        """Nothing is selected here: all panes are compared."""

    def number(self, slot: MapOrMissing) -> int:
        return 0

    # --- how it is shown -----------------------------------------------------------------------------------------

    def look(self, shown: ShownMap | None = None) -> painting.Look:
        look = super().look(shown)
        if shown is None or shown.id != DIFFERENCE:
            return look
        layer = self.layer_in("A")
        smooth = layer.smooth if layer is not None else self.state.smooth
        return replace(look, colormap="auto", opacity=0.95, grows="growing", smooth=smooth, grey=True)

    def range_of(self, shown: ShownMap) -> tuple[float, float]:
        if shown.id == DIFFERENCE:
            return centred(automatic(shown))
        if self.state.compare_range == "shared":
            maps = [slot for slot in (self.in_slot("A"), self.in_slot("B")) if isinstance(slot, ShownMap)]
            ends = wider(*(self._own_range(one) for one in maps or [shown]))
            return centred(ends) if any(one.signed for one in maps) else ends
        return self._own_range(shown)

    def _own_range(self, shown: ShownMap) -> tuple[float, float]:
        slot = self.slot_of(shown)
        return range_of(shown, self.state.layer(shown.id), self.state_of(slot).layers, self.results_of(slot).all_maps)

    def threshold_of(self, shown: ShownMap) -> tuple[str, float] | None:
        layer = self.state.layer(shown.id)
        if layer is None or not layer.shown_as:
            return None
        cut = self.results_of(self.slot_of(shown)).cuts.get(shown.id)
        return (layer.shown_as, cut.level) if cut is not None else None

    def input_of(self, pane: Pane) -> tuple[Placed | None, ModelCard | None]:
        if pane.map is not None and pane.map.id == DIFFERENCE:
            return pane.map.placed, self.results.card
        results = self.results_of(pane.slot or "A")
        return results.placed, results.card

    # --- the status bar ------------------------------------------------------------------------------------------

    def name_of(self, shown: ShownMap) -> str:
        return self.slot_of(shown) or "B − A"

    def place_words(self, x: float, y: float) -> str | None:
        """Row and column of the patch for each of the models."""
        words = []
        for slot in "AB":
            results = self.results_of(slot)
            if results.card is None or results.placed is None:
                continue
            cell = results.placed.cell_at(x, y, results.card.grid)
            where = f"row {cell[0] + 1}, column {cell[1] + 1}" if cell is not None else "outside of its input"
            words.append(f"{slot} {where}")
        return "; ".join(words)


def _row_of(count: int, width: int, height: int) -> list[Box]:
    """Side by side: the same place of the picture is at the same height in each pane."""
    wide = (width - GAP * (count - 1)) / count
    return [(round(i * (wide + GAP)), 0, round(i * (wide + GAP) + wide), height) for i in range(count)]


class CompareLabels(Labels):
    """Titles with the slot, the model and the target; a difference says which of its ends is which."""

    _canvas: CompareCanvas

    def shows(self, pane: Pane) -> tuple[object, ...]:
        sides = tuple(
            (results.card.input_size if results.card is not None else (), results.pending)
            for results in (self._canvas.results_of("A"), self._canvas.results_of("B"))
        )
        return (*super().shows(pane), sides)

    def _title(
        self, painter: QPainter, rect: QRect, pane: Pane, shown: MapOrMissing, number: int, side: str = ""
    ) -> None:
        t = theme.current()
        slot = "B" if shown is pane.second or shown is pane.second_missing else pane.slot
        x = rect.left()
        if slot:
            mark_badge(painter, QRect(x, rect.center().y() - BADGE // 2 + 1, BADGE, BADGE), slot)
            x += BADGE + 8
        words = self._words(shown, slot)
        small = QFontMetrics(theme.font(SMALL_SIZE))
        painter.setFont(theme.font(bold=True))
        metrics = painter.fontMetrics()
        centre = int(Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
        room = rect.right() - x
        # The short name leaves space for the model and the class, without which the map cannot be read.
        whole = metrics.horizontalAdvance(shown.title) + 8 + small.horizontalAdvance(words[0] if words else "")
        title = shown.title if whole <= room else shown.short
        painter.setPen(QColor(t.canvas_text))
        painter.drawText(QRect(x, rect.top(), room, rect.height()), centre, title)
        x += metrics.horizontalAdvance(title) + 8
        painter.setFont(theme.font(SMALL_SIZE))
        metrics = painter.fontMetrics()
        painter.setPen(QColor(t.canvas_quiet))
        for text in words:
            if x + metrics.horizontalAdvance(text) <= rect.right():
                painter.drawText(QRect(x, rect.top(), rect.right() - x, rect.height()), centre, text)
                return

    def _words(self, shown: MapOrMissing, slot: str) -> list[str]:
        """Texts to follow the title, the longest first: the first that fits is used."""
        if not slot:
            return [SCALED, "each scaled to 0–1"]
        if isinstance(shown, Missing):
            return [shown.detail]
        results = self._canvas.results_of(slot)
        side = f" at {results.card.input_size[0]}" if results.card is not None else ""
        target = shown.target_text or "same for every class"
        waits = ", computing …" if shown.id in results.pending else ""
        inside = shown.key.partition("(")[2].rpartition(")")[0].replace("=", " ").replace(",", ", ")
        text = f"{shown.model}{side}, {target}{waits}"
        return [*([f"{inside}; {text}"] if inside else []), text, f"{target}{waits}"]

    def _flat(self, painter: QPainter, rect: QRect, shown: MapOrMissing) -> None:
        if isinstance(shown, Missing) or shown.id != DIFFERENCE:
            super()._flat(painter, rect, shown)
            return
        paint_flat(painter, rect, self._colours(shown), *self._range(shown), signed=True, ends=ENDS)

    def _upright(self, painter: QPainter, rect: QRect, shown: MapOrMissing) -> None:
        if isinstance(shown, Missing) or shown.id != DIFFERENCE:
            super()._upright(painter, rect, shown)
            return
        line = 18
        bar = rect.adjusted(0, line, 0, -line)
        paint_upright(painter, bar, self._colours(shown), *self._range(shown), signed=True)
        painter.setFont(theme.font(SMALL_SIZE))
        painter.setPen(QColor(theme.current().canvas_text))
        for words, top in ((ENDS[1], rect.top() - 2), (ENDS[0], rect.bottom() - line + 4)):
            painter.drawText(QRectF(rect.left(), top, BESIDE - 9, line), int(Qt.AlignmentFlag.AlignVCenter), words)
