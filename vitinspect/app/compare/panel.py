"""The right side of Compare: the layers, which of them are compared with which parameters, and how far both agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QRect, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app.panels import layer_facts as facts
from vitinspect.app.panels.layers import LayersPanel
from vitinspect.app.services.second_slot import SecondSlot
from vitinspect.app.session import layers as layering
from vitinspect.app.session.compared import layer_of_a, layer_of_b
from vitinspect.app.session.layers import MAP, Layer
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.widgets import numbers, rows
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.fields import NumberField
from vitinspect.app.widgets.layer_delegate import mark_badge
from vitinspect.app.widgets.properties.choices import OWN_NUMBER, THRESHOLDS
from vitinspect.app.widgets.properties.parameters import ParameterForm
from vitinspect.app.widgets.queued_update import QueuedUpdateWhenShown
from vitinspect.explainers.registry import methods

RANGES = (("own", "each its own"), ("shared", "shared by A and B"))
SAME = ""
"""In the choice of B: the same layer as in A."""
_FOLLOWS = frozenset(
    {"maps", "fused_maps", "file_maps", "cuts", "card", "predictions", "probabilities", "target", "truth", "seconds"}
    | {"compared", "truth_overlaps", "picture"}
)


class ComparePanel(LayersPanel):
    """The list of layers as in Inspect; below it, in place of one layer's properties, those of the two compared."""

    def __init__(
        self,
        state: State,
        results: Results,
        second: SecondSlot,
        exchange: Callable[[], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(state, results, parent)
        self.properties.hide()
        self.compared = ComparedProperties(state, results, second, exchange)
        column = self.layout()
        assert column is not None
        column.addWidget(self.compared)


class ComparedProperties(QWidget):
    """Reads both slots; a change of a layer is made in the layer, which both slots compute."""

    def __init__(self, state: State, results: Results, second: SecondSlot, exchange: Callable[[], object]) -> None:
        super().__init__()
        self._state, self._results, self._second = state, results, second
        self._update = QueuedUpdateWhenShown(self.follow, self)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.in_a = Choice((), name="Layer in A", tip="The layer that model A is compared by")
        self.in_b = Choice((), name="Layer in B", tip="The same layer for model B, or another one")
        self.parameters = {"A": ParameterForm(), "B": ParameterForm()}
        self.heads = {slot: rows.words("", "note") for slot in "AB"}
        self.threshold = Choice(THRESHOLDS, name="Threshold", tip="How the level of each map is found")
        self.number = NumberField(name="Level")
        self.number.setFixedWidth(64)
        self.range = Choice(RANGES, name="Range", tip="Whether the colours of A and B mean the same values")
        self.note = rows.note()
        self.look = Numbers(("",))
        self.say = Numbers(("A", "B"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(0)
        column.addWidget(_SlotRow("A", self.in_a))
        column.addWidget(_SlotRow("B", self.in_b))
        for slot in "AB":
            self.heads[slot].setContentsMargins(8, 2, 8, 0)
            column.addWidget(self.heads[slot])
            column.addWidget(self.parameters[slot])
        column.addWidget(rows.PropertyRow("Threshold", self.threshold, self.number))
        column.addWidget(rows.PropertyRow("Range", self.range))
        column.addWidget(self.note)
        column.addWidget(rows.heading("Where they look"))
        column.addWidget(self.look)
        column.addWidget(rows.heading("What they say"))
        column.addWidget(self.say)
        foot = QHBoxLayout()
        foot.setContentsMargins(8, 8, 8, 4)
        foot.setSpacing(8)
        self.swipe = rows.button("Swipe A and B", self._toggle_swipe, icon="swipe", tip="One over the other")
        self.exchange = rows.button("Exchange A and B", exchange, tip="A becomes B and B becomes A (X)")
        foot.addWidget(self.swipe)
        foot.addWidget(self.exchange)
        foot.addStretch(1)
        column.addLayout(foot)
        self._connect()
        self.follow()

    def _connect(self) -> None:
        state = self._state
        self.in_a.chosen.connect(self._choose_a)
        self.in_b.chosen.connect(self._choose_b)
        for slot, form in self.parameters.items():
            form.changed.connect(lambda name, value, slot=slot: self._set_parameter(slot, name, value))
        self.threshold.chosen.connect(self._set_threshold)
        self.number.changed.connect(lambda value: self._edit(threshold_value=value))
        self.range.chosen.connect(lambda value: state.set(compare_range=value))
        state.changed.connect(self._state_changed)
        self._results.changed.connect(self._results_changed)
        self._second.results.changed.connect(self._results_changed)

    # --- following -----------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"layers", "selected", "slot_b", "compare_range", "compare_view", "workspace", "model", "target"}:
            self._update.ask()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & _FOLLOWS:
            self._update.ask()

    def _compared(self) -> dict[str, Layer | None]:
        state = self._state
        return {
            "A": layer_of_a(state.layers, state.selected),
            "B": layer_of_b(state.layers, state.selected),
        }

    def follow(self) -> None:
        self._update.done()
        if self._state.workspace != "compare":
            return
        state, layers = self._state, self._compared()
        first, second = layers["A"], layers["B"]
        maps = [(one.id, self._name(one)) for one in state.layers if one.is_map and one.visible]
        self.in_a.set_items(maps)
        self.in_a.set_value(first.id if first is not None else "")
        others = [(one.id, self._name(one)) for one in state.layers if one.is_map]
        self.in_b.set_items([(SAME, "the same as in A"), *others])
        own = layering.marked(state.layers, "B")
        self.in_b.set_value(own.id if own is not None and own.is_map else SAME)
        same = first is not None and second is not None and first.id == second.id
        self._show_form("A", first, "A and B: a change goes to both" if same else f"A: {self._paper(first)}")
        self._show_form("B", None if same else second, f"B: {self._paper(second)}")
        self._follow_threshold(first)
        self.range.set_value(state.compare_range)
        self._follow_note(same)
        self._follow_numbers()
        self.swipe.setText("Side by side" if state.compare_view == "swipe" else "Swipe A and B")

    def _name(self, layer: Layer) -> str:
        return f"{self._state.number(layer.id)}  {facts.name_of(self._state.layers, layer)} {facts.detail_of(layer)}"

    @staticmethod
    def _paper(layer: Layer | None) -> str:
        return facts.paper_of(layer) if layer is not None else ""

    def _show_form(self, slot: str, layer: Layer | None, head: str) -> None:
        form = self.parameters[slot]
        declared = methods()[layer.method].parameters if layer is not None and layer.kind == MAP else ()
        form.setVisible(bool(declared))
        self.heads[slot].setVisible(layer is not None)
        self.heads[slot].setText(head)
        if layer is not None and declared:
            card = (self._results if slot == "A" else self._second.results).card
            form.set_parameters(declared, layer.parameters, depth=card.depth if card is not None else 0)

    def _follow_threshold(self, layer: Layer | None) -> None:
        mode = layer.threshold_mode if layer is not None else "otsu"
        self.threshold.set_value(mode)
        own = OWN_NUMBER.get(mode) or ((0.0, 1.0, "the fraction of the map's range") if mode == "fixed" else None)
        self.number.setVisible(own is not None)
        if own is not None and layer is not None:
            self.number.set_range(own[0], own[1])
            self.number.setToolTip(own[2])
            self.number.set_value(layer.threshold_value)

    def _follow_note(self, same: bool) -> None:
        state = self._state
        alike = same and state.slot_b == state.slot_a
        self.note.setText(
            "A and B are the same so far. Choose another model, input, class or layer for B." if alike else ""
        )
        self.note.setVisible(alike)

    def _follow_numbers(self) -> None:
        compared = self._results.compared
        agreement = compared.agreement if compared is not None else None
        self.look.set_rows(
            [
                ("Rank correlation (Spearman)", [_two(agreement and agreement.spearman)], "1 is the same order"),
                ("Correlation (Pearson)", [_two(agreement and agreement.pearson)], "1 is the same up to scale"),
                ("Overlap of the masks (IoU)", [_two(agreement and agreement.iou)], "1 is the same mask"),
            ]
        )
        both = (self._results, self._second.results)
        overlaps = self._results.truth_overlaps
        truth = self._results.truth
        lines: list[tuple[str, list[str], str]] = [
            ("Predicted", [r.predictions[0].label if r.predictions else numbers.NONE for r in both], ""),
            (
                "Probability",
                [numbers.percent(r.predictions[0].probability) if r.predictions else numbers.NONE for r in both],
                "Of the class that is predicted",
            ),
        ]
        if any(r.target[:1] != tuple(p.index for p in r.predictions[:1]) for r in both):
            lines.append(("Explained", [_explained(r) for r in both], "The class that the maps explain"))
            lines.append(("Its probability", [_share(r) for r in both], "Of the class that the maps explain"))
        if truth is not None and truth.mask is not None:
            ious = [_two(overlaps[slot].iou) if slot in overlaps else numbers.NONE for slot in "AB"]
            lines.append(("IoU with the truth", ious, "Of each mask at its threshold with the picture's mask"))
        lines.append(("Time", [self._time(slot) for slot in "AB"], "How long the map took when it was computed"))
        self.say.set_rows(lines)

    def _time(self, slot: str) -> str:
        results, layer = (self._results if slot == "A" else self._second.results), self._compared()[slot]
        shown = results.all_maps.get(layer.id) if layer is not None else None
        took = results.seconds.get(shown.address.text) if shown is not None else None
        return numbers.seconds(took) if took is not None else numbers.NONE

    # --- what a person does --------------------------------------------------------------------------------------

    def _choose_a(self, layer_id: str) -> None:
        layers = layering.change(self._state.layers, layer_id, mark="")
        before = layering.marked(layers, "A")
        if before is not None:
            layers = layering.change(layers, before.id, mark="")
        self._state.edit("Compare another layer", layers, selected=layer_id)

    def _choose_b(self, layer_id: str) -> None:
        layers = self._state.layers
        before = layering.marked(layers, "B")
        if layer_id == SAME:
            if before is not None:
                self._state.edit("The same layer in B", layering.change(layers, before.id, mark=""))
            return
        first = self._compared()["A"]
        if first is not None and first.mark != "A":
            # Selecting another layer later changes what is compared in A; that one is to stay.
            layers = layering.change(layers, first.id, mark="A") if first.id != layer_id else layers
        self._state.edit("Another layer in B", layering.change(layers, layer_id, mark="B"))

    def _set_parameter(self, slot: str, name: str, value: Any) -> None:
        layer = self._compared()[slot]
        if layer is not None:
            self._state.edit(name, layering.set_parameter(self._state.layers, layer.id, name, value))

    def _set_threshold(self, mode: str) -> None:
        from vitinspect.app.services.derived_maps import CUTS

        self._edit(threshold_mode=mode, threshold_value=CUTS[mode][4])

    def _edit(self, **changes: Any) -> None:
        """Change the layers of both slots, so that their masks are cut in the same way."""
        layers = self._state.layers
        for layer_id in {layer.id for layer in self._compared().values() if layer is not None}:
            layers = layering.change(layers, layer_id, **changes)
        self._state.edit("Threshold", layers)

    def _toggle_swipe(self) -> None:
        now = self._state.compare_view
        self._state.set(compare_view="difference" if now == "swipe" else "swipe")


class Numbers(QWidget):
    """A small table: a name at the left, one or two values at the right."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        super().__init__()
        self.columns = columns
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(8, 0, 8, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(0, 1)
        self._labels: dict[tuple[int, int], QLabel] = {}
        self._first = 1 if any(columns) else 0
        if self._first:
            for at, letter in enumerate(columns, 1):
                self._grid.addWidget(_Badge(letter), 0, at, Qt.AlignmentFlag.AlignRight)

    def set_rows(self, lines: list[tuple[str, list[str], str]]) -> None:
        """(name, a value for each column, what it means); an existing row keeps its labels."""
        for row, (name, values, tip) in enumerate(lines):
            for at, text in enumerate((name, *values)):
                label = self._labels.get((row, at)) or self._make(row, at)
                label.setText(text)
                label.setToolTip(tip)
                label.show()
        for (row, _), label in self._labels.items():
            if row >= len(lines):
                label.hide()

    @property
    def texts(self) -> dict[str, list[str]]:
        """What it says: name -> values."""
        found: dict[str, list[str]] = {}
        for (row, at), label in sorted(self._labels.items()):
            if not label.isHidden():
                name = self._labels[row, 0].text()
                found.setdefault(name, [])
                if at:
                    found[name].append(label.text())
        return found

    def _make(self, row: int, at: int) -> QLabel:
        label = rows.words("", "" if at else "quiet")
        if at:
            label.setMinimumWidth(64)
            label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._labels[row, at] = label
        self._grid.addWidget(label, row + self._first, at)
        return label


class _Badge(QWidget):
    def __init__(self, letter: str) -> None:
        super().__init__()
        self._letter = letter
        self.setFixedSize(16, 16)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        mark_badge(painter, QRect(0, 0, 16, 16), self._letter)
        painter.end()


class _SlotRow(QWidget):
    """A slot's badge and its field."""

    def __init__(self, letter: str, field: QWidget) -> None:
        super().__init__()
        line = QHBoxLayout(self)
        line.setContentsMargins(8, 2, 8, 2)
        line.setSpacing(8)
        line.addWidget(_Badge(letter))
        line.addWidget(field, 1)


def _two(value: Any) -> str:
    return numbers.NONE if value is None else numbers.true_minus(f"{value:.2f}")


def _explained(results: Results) -> str:
    if results.card is None or not results.target or results.probabilities is None:
        return numbers.NONE
    return results.card.target_text(results.target)


def _share(results: Results) -> str:
    if results.probabilities is None or not results.target:
        return numbers.NONE
    return numbers.percent(float(results.probabilities[results.target[0]]))
