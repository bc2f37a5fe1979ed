"""What can be set for the network, by the papers' names; only what the present view obeys is shown."""

from __future__ import annotations

import math

from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from vitinspect.app.multiplex import model
from vitinspect.app.multiplex.networks import Networks
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.fields import SliderField
from vitinspect.app.widgets.numbers import whole
from vitinspect.app.widgets.rows import PropertyRow, heading, note

FEWEST, MOST = 10, model.MOST_ARCS
LOWEST_CUT = model.cut_at(1)
ALL_VIEWS = ("layer", "stack", "multiples", "aggregate", "measures")
ARCS = ("layer", "stack", "multiples")
SEVERAL = ("stack", "multiples", "aggregate", "measures")


class Controls(QWidget):
    """Rows with sliders whose values can be typed. What a value means is written beside or below it."""

    def __init__(self, networks: Networks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.networks = networks
        state = networks.state
        self.cut = SliderField(
            LOWEST_CUT,
            1.0,
            0.01,
            logarithmic=True,
            name="min_cut",
            tip="Arcs below this share of their block's strongest are cut; 0.00001 cuts none",
        )
        self.cut.changed.connect(lambda value: networks.set_parameter("min_cut", _cut_of(value)))
        self.remaining = note()
        self.operator = Choice(name="Heads", tip="How the heads of a block become one network")
        self.operator.chosen.connect(lambda value: state.set(network_operator=value))
        self.arcs = SliderField(
            FEWEST,
            MOST,
            state.network_arcs,
            logarithmic=True,
            whole=True,
            name="Drawn arcs",
            tip="How many of the strongest arcs are drawn",
        )
        self.arcs.changed.connect(lambda value: state.set(network_arcs=round_arcs(value)))
        self.share = note()
        self.direction = Choice(
            [("in", "attention received"), ("out", "attention given")],
            name="Nodes",
            tip="The centrality that sizes and colours the nodes",
        )
        self.direction.chosen.connect(lambda value: state.set(network_direction=value))
        self.colour = Choice(
            [("centrality", "same as size"), ("communities", "communities (Louvain)")],
            name="Colour",
            tip="What colours the nodes",
        )
        self.colour.chosen.connect(lambda value: state.set(network_colour=value))
        self.prefix = QCheckBox("Show class token and registers")
        self.prefix.setToolTip("The tokens before the patches are nodes too, above the picture")
        self.prefix.toggled.connect(lambda on: state.set(network_prefix=on))
        self.brightness = SliderField(
            0, 1, state.network_brightness, percent=True, name="Brightness", tip="Of the picture below the network"
        )
        self.brightness.changed.connect(lambda value: state.set(network_brightness=value))
        self.ratio = SliderField(
            0, 1, 0.5, name="token_ratio", tip="The share of patches that each of the 54 masks removes"
        )
        self.ratio.changed.connect(lambda value: networks.set_parameter("token_ratio", round(value, 3)))
        self.first = SliderField(0, 11, 0, whole=True, name="starting_layer", tip="The first block that is used")
        self.first.changed.connect(lambda value: networks.set_parameter("starting_layer", round(value)))
        self.first_means = note()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 8)
        self._layout.setSpacing(0)
        self._rows: list[tuple[QWidget, tuple[str, ...]]] = []
        self._add(heading("Arcs"), ALL_VIEWS)
        self._add(PropertyRow("min_cut", self.cut, tip=self.cut.toolTip()), ALL_VIEWS)
        self._add(self.remaining, ("layer",))
        self._add(PropertyRow("Heads", self.operator), (*ARCS, "measures"))
        self._add(PropertyRow("Drawn arcs", self.arcs), ARCS)
        self._add(self.share, ("layer",))
        self._add(heading("Nodes"), (*ARCS, "measures"))
        self._add(PropertyRow("Size", self.direction), ARCS)
        self._add(PropertyRow("Colour", self.colour), ARCS)
        self._add(PropertyRow("", self.prefix), (*ARCS, "measures"))
        self._add(heading("Picture below"), ARCS)
        self._add(PropertyRow("Brightness", self.brightness), ARCS)
        self._add(heading("Method"), SEVERAL)
        self._add(
            PropertyRow("token_ratio", self.ratio, tip="The share of patches that each mask removes"), ("aggregate",)
        )
        self._add(PropertyRow("starting_layer", self.first, tip="The first block that is used"), SEVERAL)
        self._add(self.first_means, SEVERAL)
        self.elsewhere = note(
            "starting_layer and token_ratio belong to the method Multiplex network; they appear in the views that use "
            "them."
        )
        self._add(self.elsewhere, ("layer",))
        self.show_view(state.network_view)
        self.follow()

    def _add(self, row: QWidget, views: tuple[str, ...]) -> None:
        self._rows.append((row, views))
        self._layout.addWidget(row)

    def show_view(self, view: str) -> None:
        """Only the rows that this view obeys."""
        for row, views in self._rows:
            row.setVisible(view in views)

    def follow(self) -> None:
        """Show the current values."""
        networks, state = self.networks, self.networks.state
        network, card = networks.network, networks.results.card
        depth = network.depth if network is not None else card.depth if card is not None else 1
        self.first.set_range(0, max(1, depth - 1))
        first = networks.first_layer
        self.first.set_value(first)
        self.first_means.setText(f"starting_layer {first}: from block {first + 1} of {depth}")
        if _cut_of(self.cut.value) != networks.min_cut:
            self.cut.set_value(max(LOWEST_CUT, networks.min_cut))
        if round_arcs(self.arcs.value) != state.network_arcs:
            self.arcs.set_value(state.network_arcs)
        self.ratio.set_value(float(networks.parameter("token_ratio")))
        self.direction.set_value(state.network_direction)
        self.colour.set_value(state.network_colour)
        self.brightness.set_value(state.network_brightness)
        self.prefix.blockSignals(True)
        self.prefix.setChecked(state.network_prefix)
        self.prefix.blockSignals(False)
        heads = card.heads if card is not None else 0
        words = [("min", "minimum"), ("max", "maximum"), ("sum", "sum")]
        self.operator.set_items([*words, *((f"head {head}", f"head {head + 1}") for head in range(heads))])
        self.operator.set_value(state.network_operator)
        if network is None:
            self.remaining.setText("")
            self.share.setText("")
            return
        layer = networks.layer
        drawn = network.drawn(layer, networks.min_cut, state.network_arcs)
        everything = int(network.counts[layer, 0])
        self.remaining.setText(f"{whole(drawn.remaining)} of {whole(everything)} arcs of this block remain")
        self.share.setText(f"{whole(len(drawn))} drawn carry {100 * drawn.share:.1f} % of the weight")


def _cut_of(value: float) -> float:
    """Three figures, so that 0.01 is 0.01; the lowest end cuts nothing."""
    return 0.0 if value <= LOWEST_CUT else float(f"{value:.3g}")


def round_arcs(number: float) -> int:
    """Round to two figures."""
    step = 10 ** max(0, int(math.log10(max(number, 1))) - 1)
    return int(min(MOST, max(FEWEST, round(number / step) * step)))
