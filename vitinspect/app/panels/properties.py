"""The properties of the selected layer: what it is made of, how it is drawn, where it is cut. It never scrolls as a
whole at 1280 x 800."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from PySide6.QtCore import QPoint, QRect, Qt, Slot
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLayoutItem, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.panels import layer_facts as facts
from vitinspect.app.ranges import automatic, range_of
from vitinspect.app.services.derived_maps import CUTS
from vitinspect.app.session import layers as layering
from vitinspect.app.session.layers import CONSENSUS, FILE, FUSED, MAP, Layer
from vitinspect.app.session.results import Results, ShownMap
from vitinspect.app.session.state import State
from vitinspect.app.theme.tokens import ROW_HEIGHT, SMALL_SIZE
from vitinspect.app.widgets import numbers, rows, tips
from vitinspect.app.widgets.layer_delegate import number_badge
from vitinspect.app.widgets.properties.display import DisplayForm, DisplayValues
from vitinspect.app.widgets.properties.fusion import FusionForm, Member
from vitinspect.app.widgets.properties.mask import MaskForm
from vitinspect.app.widgets.properties.parameters import ParameterForm
from vitinspect.app.widgets.properties.threshold import ThresholdForm, ThresholdValues
from vitinspect.app.widgets.queued_update import QueuedUpdateWhenShown
from vitinspect.app.widgets.wrapping import wrapped
from vitinspect.explainers.registry import methods

BINS = 76
LINE = 14
"""The height of one more line in the head."""


class PropertiesPanel(QWidget):
    """Reads the selected layer, and asks the state to change it."""

    def __init__(self, state: State, results: Results, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._results = state, results
        self._counts: tuple[Any, list[float]] | None = None
        self._update = QueuedUpdateWhenShown(self.follow, self)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.head = _Head()
        self.about = rows.icon_button("info", "About this method", self._show_help)
        self.reset = rows.icon_button("undo", "Defaults", self._reset, tip="Set the parameters back to their defaults")
        self.head.add(self.about)
        self.head.add(self.reset)
        self.parameters_heading = rows.heading("Parameters")
        self.parameters = ParameterForm()
        self.fusion = FusionForm()
        self.display = DisplayForm()
        self.threshold = ThresholdForm()
        self.mask_form = MaskForm()
        self.note = rows.note()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (
            self.head,
            self.parameters_heading,
            self.parameters,
            self.fusion,
            self.display,
            self.threshold,
            self.mask_form,
            self.note,
        ):
            column.addWidget(part)
        self._connect()
        self.follow()

    def _connect(self) -> None:
        self.parameters.changed.connect(self._set_parameter)
        self.fusion.weight_changed.connect(self._set_weight)
        self.fusion.member_added.connect(lambda member: self._set_weight(member, 1.0))
        self.fusion.member_removed.connect(self._drop_member)
        self.fusion.changed.connect(self._set_fusion)
        self.display.changed.connect(self._set_display)
        self.display.range_typed.connect(self._type_range)
        self.threshold.mode_chosen.connect(self._set_threshold_mode)
        self.threshold.value_typed.connect(lambda value: self._edit("Threshold", threshold_value=value))
        self.threshold.level_moved.connect(self._set_level)
        self.threshold.level_set.connect(self._set_level_and_rest)
        self.threshold.shown_as_chosen.connect(lambda value: self._edit("Show the threshold", shown_as=value))
        self.mask_form.way_chosen.connect(lambda how: self._edit("Consensus", group=how))
        self.mask_form.scoring_wanted.connect(self._score_against)
        self.display.opacity.finished.connect(lambda value: self._state.edits.rest())
        self._state.changed.connect(self._state_changed)
        self._results.changed.connect(self._results_changed)

    # --- following -----------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"layers", "selected", "scored_mask", "show"}:
            if self._update.waits:
                self._update.ask()
            else:
                self.follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {
            "maps",
            "fused",
            "fused_maps",
            "file_maps",
            "cuts",
            "card",
            "agreements",
            "masks",
            "mask_problems",
            "truth",
        }:
            self._update.ask()

    @property
    def layer(self) -> Layer | None:
        return self._state.selected_layer

    def follow(self) -> None:
        """Show the selected layer as it is."""
        self._update.done()
        layer = self.layer
        is_map = layer is not None and layer.is_map
        of_method = layer is not None and layer.kind == MAP
        fused = layer is not None and layer.kind == FUSED
        declared = methods()[layer.method].parameters if layer is not None and of_method else ()
        self.parameters_heading.setVisible(bool(declared))
        self.parameters.setVisible(bool(declared))
        self.fusion.setVisible(fused)
        self.display.setVisible(is_map)
        self.threshold.setVisible(is_map)
        self.mask_form.setVisible(layer is not None and not is_map)
        self.about.setVisible(of_method)
        self.reset.setVisible(of_method and bool(declared))
        self.head.setVisible(layer is not None)
        self.note.setText("" if layer is not None or not self._state.layers else "No layer is selected.")
        if layer is None:
            self.note.setVisible(bool(self.note.text()))
            return
        number = self._state.number(layer.id) if is_map else 0
        self.head.show_layer(number, facts.name_of(self._state.layers, layer), facts.paper_of(layer) or _kind(layer))
        if of_method:
            card = self._results.card
            self.parameters.set_parameters(declared, layer.parameters, depth=card.depth if card is not None else 0)
            self.reset.setEnabled(bool(layer.parameters))
        if fused:
            self._follow_fusion(layer)
        if is_map:
            shown = facts.shown_map(self._results, layer)
            self._follow_display(layer, shown)
            self._follow_threshold(layer, shown)
        else:
            self._follow_mask(layer)
        self.note.hide()

    def _follow_mask(self, layer: Layer) -> None:
        mask = self._results.masks.get(layer.id)
        share = f" {numbers.percent(mask.share)} of the picture is marked." if mask is not None else ""
        if layer.found:
            about = f"Found beside the picture: {'/'.join(PurePath(layer.path).parts[-3:])}."
        elif layer.kind == CONSENSUS:
            people = ", ".join(one.group for one in mask.mask.of) if mask is not None else ""
            about = f"Made of the masks of {people}." if people else self._results.mask_problems.get(layer.id, "")
        else:
            about = ""
        self.mask_form.set_values(
            (about + share).strip(),
            layer.group if layer.kind == CONSENSUS else "",
            scored=facts.is_scored(self._results, layer),
            chosen=self._state.scored_mask == layer.id,
            there=mask is not None,
        )

    def _score_against(self) -> None:
        layer = self.layer
        if layer is not None:
            self._state.set(scored_mask="" if self._state.scored_mask == layer.id else layer.id)

    def _follow_display(self, layer: Layer, shown: ShownMap | None) -> None:
        typed = layer.range_mode in ("typed", "pictures")
        low, high = (layer.low, layer.high) if typed else (None, None)
        if shown is not None:
            low, high = range_of(shown, layer, self._state.layers, self._results.all_maps)
        self.display.set_values(
            DisplayValues(
                layer.colormap,
                facts.is_signed(self._results, layer),
                layer.range_mode,
                low,
                high,
                layer.opacity_mode,
                layer.opacity,
                layer.smooth,
                shown is None or shown.resolution == "patch",
                self._state.show,
            )
        )

    def _follow_threshold(self, layer: Layer, shown: ShownMap | None) -> None:
        cut = self._results.cuts.get(layer.id) if shown is not None else None
        low = high = 0.0
        counts: list[float] = []
        if shown is not None:
            low, high = float(shown.heat.fine.min()), float(shown.heat.fine.max())
            counts = self._counts_of(shown)
        self.threshold.set_values(
            ThresholdValues(
                layer.threshold_mode,
                layer.threshold_value,
                cut.level if cut is not None else None,
                cut.share if cut is not None else 0.0,
                layer.shown_as,
                counts,
                low,
                high,
                drawn=self._state.show != "image",
            )
        )

    def _counts_of(self, shown: ShownMap) -> list[float]:
        """The histogram of a map; it is the same as long as the map is."""
        if self._counts is None or self._counts[0] is not shown.heat.fine:
            import numpy as np

            fine = shown.heat.fine
            counts, _ = np.histogram(fine, bins=BINS, range=(float(fine.min()), float(fine.max()) or 1.0))
            self._counts = (fine, [float(count) for count in counts])
        return self._counts[1]

    def _follow_fusion(self, layer: Layer) -> None:
        layers = self._state.layers
        members: list[Member] = []
        others: list[Member] = []
        weights = layer.weights
        for one in layers:
            if one.kind not in (MAP, FILE):
                continue
            name = f"{facts.name_of(layers, one)} {facts.detail_of(one)}".strip()
            member = Member(one.id, self._state.number(one.id), name, weights.get(one.id, 1.0))
            (members if one.id in weights else others).append(member)
        self.fusion.set_members(members, others)
        self.fusion.set_values(layer.fusion_mode, layer.normalisation, self._agreement(layer, len(members)))

    def _agreement(self, layer: Layer, count: int) -> str:
        """How far two members agree, beside what their sizes alone allow."""
        if count < 2:
            return "Fuse at least two maps."
        if count > 2:
            return ""
        wanted = set(layer.weights)
        pair = next((p for p in self._results.agreements if {p.first, p.second} == wanted), None)
        if pair is None:
            return ""
        smaller, larger = sorted((pair.share_first, pair.share_second))
        union = pair.share_first + pair.share_second - pair.overlap_at_least
        least = pair.overlap_at_least / union if union else 0.0
        most = smaller / larger if larger else 0.0
        return (
            f"Their masks overlap by {pair.iou:.2f} (IoU); their sizes allow {numbers.number(least, 2)} to {most:.2f}. "
            f"Their ranks correlate by {numbers.number(pair.spearman, 2)}."
        )

    # --- what a person does --------------------------------------------------------------------------------------

    def _edit(self, text: str, *, merge: str = "", **changes: Any) -> None:
        layer = self.layer
        if layer is not None:
            self._state.edit_layer(layer.id, text, merge=f"{layer.id} {merge}" if merge else "", **changes)

    def _set_parameter(self, name: str, value: Any) -> None:
        layer = self.layer
        if layer is not None:
            self._state.edit(name, layering.set_parameter(self._state.layers, layer.id, name, value))

    def _reset(self) -> None:
        self._edit("Default parameters", parameters={})

    def _set_weight(self, member: str, weight: float) -> None:
        layer = self.layer
        if layer is not None:
            changed = layering.set_weight(self._state.layers, layer.id, member, weight)
            self._state.edit("Weight", changed, merge=f"{layer.id} weight {member}")

    def _drop_member(self, member: str) -> None:
        layer = self.layer
        if layer is not None:
            self._state.edit("Remove a member", layering.drop_member(self._state.layers, layer.id, member))

    def _set_fusion(self, name: str, value: str) -> None:
        if name == "mode":
            self._edit("Mode of the fusion", fusion_mode=value)
        else:
            self._edit("Normalisation", normalisation=value)

    def _set_display(self, name: str, value: Any) -> None:
        words = {
            "colormap": "Colours",
            "range_mode": "Range",
            "opacity_mode": "Opacity",
            "opacity": "Opacity",
            "smooth": "Smooth or patches",
        }
        changes: dict[str, Any] = {name: value}
        layer = self.layer
        shown = facts.shown_map(self._results, layer) if layer is not None else None
        if name == "range_mode" and value in ("typed", "pictures") and shown is not None:
            # A typed range starts from the one that is shown, a range shared by pictures from that of this picture.
            low, high = range_of(shown, layer, self._state.layers, self._results.all_maps)
            if value == "pictures":
                low, high = automatic(shown)
            changes.update(low=low, high=high)
        self._edit(words[name], merge="opacity" if name == "opacity" else "", **changes)

    def _type_range(self, low: float, high: float) -> None:
        layer = self.layer
        shown = facts.shown_map(self._results, layer) if layer is not None else None
        if layer is not None and shown is not None and shown.signed:
            # Zero stays in the middle: the end that was typed says where both are.
            before = range_of(shown, layer, self._state.layers, self._results.all_maps)
            most = abs(low) if low != before[0] else abs(high)
            low, high = -most, most
        if high > low:
            self._edit("Range", range_mode="typed", low=low, high=high)
        else:
            self.follow()  # a range without width shows nothing, so the fields are reset

    def _set_threshold_mode(self, mode: str) -> None:
        self._edit("Threshold", threshold_mode=mode, threshold_value=CUTS[mode][4])

    def _set_level(self, level: float) -> None:
        """A value of the map: that is a fraction of its range."""
        layer = self.layer
        shown = facts.shown_map(self._results, layer) if layer is not None else None
        if layer is None or shown is None:
            return
        low, high = float(shown.heat.fine.min()), float(shown.heat.fine.max())
        share = min(1.0, max(0.0, (level - low) / (high - low))) if high > low else 0.0
        self._edit(
            "Threshold",
            merge="level",
            threshold_mode="fixed",
            threshold_value=share,
            shown_as=layer.shown_as or "outline",
        )

    def _set_level_and_rest(self, level: float) -> None:
        self._set_level(level)
        self._state.edits.rest()

    def _show_help(self) -> None:
        """What the method is, its paper, its parameters."""
        if self.layer is not None and self.layer.kind == MAP:
            place = self.about.mapToGlobal(QPoint(0, self.about.height()))
            tips.show(place, methods()[self.layer.method].help(), self.about, self.about.rect())


class _Head(QWidget):
    """Number, name and paper of the layer, and buttons. What does not fit in one line takes two."""

    def __init__(self) -> None:
        super().__init__()
        self._number, self.name, self.paper = 0, "", ""
        self._line = QHBoxLayout(self)
        self._line.setContentsMargins(8, 0, 4, 0)
        self._line.setSpacing(2)
        self._line.addStretch(1)
        self._follow()

    def add(self, button: QWidget) -> None:
        self._line.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)

    def show_layer(self, number: int, name: str, paper: str) -> None:
        if (number, name, paper) == (self._number, self.name, self.paper):
            return
        self._number, self.name, self.paper = number, name, paper
        self.setAccessibleName(f"{number} {name} {paper}".strip())
        self.setToolTip(tips.plain(f"{name}\n{paper}".strip()))
        self._follow()

    @property
    def _left(self) -> int:
        return 32 if self._number else 8

    def _room(self) -> int:
        buttons = self.layout()
        shown = 0 if buttons is None else sum(1 for i in range(buttons.count()) if _is_shown(buttons.itemAt(i)))
        return max(40, self.width() - self._left - 26 * shown - 8)

    def _wrapped(self) -> tuple[str, int, int]:
        """The name to draw, Qt's flags for it, and its lines: a name is never cut."""
        return wrapped(self.name, QFontMetrics(theme.font(bold=True)), self._room())

    @property
    def _beside(self) -> int:
        """Where the paper begins in the name's line; 0 where it has a line of its own."""
        _, _, lines = self._wrapped()
        used = QFontMetrics(theme.font(bold=True)).horizontalAdvance(self.name) + 6
        paper = QFontMetrics(theme.font(SMALL_SIZE)).horizontalAdvance(self.paper)
        return used if lines == 1 and used + paper <= self._room() else 0

    def _follow(self) -> None:
        _, _, lines = self._wrapped()
        more = lines - 1 + (1 if self.paper and not self._beside else 0)
        self.setFixedHeight(ROW_HEIGHT + LINE * more)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._follow()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        first = QRect(self._left, 0, self._room(), ROW_HEIGHT)
        middle = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        if self._number:
            number_badge(painter, QRect(8, (ROW_HEIGHT - 16) // 2, 16, 16), self._number)
        painter.setFont(theme.font(bold=True))
        painter.setPen(QColor(t.text))
        name, flags, lines = self._wrapped()
        place = first.adjusted(0, 0, 0, LINE * (lines - 1))
        painter.drawText(place, middle | flags, name)
        painter.setFont(theme.font(SMALL_SIZE))
        painter.setPen(QColor(t.quiet))
        below = QRect(self._left, 22 + LINE * (lines - 1), first.width(), 16)
        beside = self._beside
        painter.drawText(first.adjusted(beside, 0, 0, 0) if beside else below, middle, self.paper)
        painter.end()


def _is_shown(item: QLayoutItem | None) -> bool:
    widget = item.widget() if item is not None else None
    return widget is not None and not widget.isHidden()


def _kind(layer: Layer) -> str:
    return {FUSED: "fused", FILE: "from a file"}.get(layer.kind, "")
