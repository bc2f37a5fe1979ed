"""What can be set: cut, layer, arcs, operator, tokens, ratio, colours. Bound to the state."""

from __future__ import annotations

import math

from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLabel, QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.multiplex import model
from vitinspect.app.multiplex.networks import Networks
from vitinspect.app.panels.display import bound_check
from vitinspect.app.panels.section import Choice, Slide, quiet

_FEWEST, _MOST = 10, model.MOST_ARCS
_ARC_STEPS = 120


class Controls(QWidget):
    """Sliders above, choices below. What a slider means for the drawing stands beside it."""

    def __init__(self, networks: Networks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.networks = networks
        state = networks.state
        self.cut = Slide(
            0,
            model.STEPS,
            model.STEPS,
            lambda place: f"{model.cut_at(round(place)):.4g}",
            "min_cut: arcs below this share of their layer's strongest are cut (logarithmic)",
        )
        self.cut.moved.connect(lambda place: networks.set_parameter("min_cut", model.cut_at(round(place))))
        self.layer = LayerSlide("Layer; the wheel over the picture steps too")
        self.layer.moved.connect(lambda value: state.set(network_layer=round(value)))
        self.arcs = Slide(
            0, 1, _ARC_STEPS, lambda share: f"{arcs_at(share)}", "How many of the strongest arcs are drawn"
        )
        self.arcs.moved.connect(lambda share: state.set(network_arcs=arcs_at(share)))
        self.ratio = Slide(0, 1, 100, lambda v: f"{v:.2f}", "token_ratio: the share of patches that each mask drops")
        self.ratio.moved.connect(lambda value: networks.set_parameter("token_ratio", round(value, 2)))
        self.first = LayerSlide("starting_layer: the first layer that takes part")
        self.first.moved.connect(lambda value: networks.set_parameter("starting_layer", round(value)))
        self.operator = QComboBox()
        self.operator.setToolTip("How the heads of a layer become one network")
        self.operator.setAccessibleName("Head operator")
        self.operator.activated.connect(lambda i: state.set(network_operator=self.operator.itemData(i)))
        self.direction = Choice(
            state,
            "network_direction",
            [("in", "received (in)"), ("out", "given (out)")],
            "The centrality that sizes and colours the nodes",
        )
        self.colour = Choice(
            state,
            "network_colour",
            [("centrality", "centrality"), ("communities", "communities")],
            "What colours the nodes; communities are found by the Louvain method",
        )
        self.prefix: QCheckBox = bound_check(
            state, "network_prefix", "Prefix tokens", "Class token and registers are nodes too, above the picture"
        )
        self.remaining, self.share = quiet(wrap=False), quiet(wrap=False)
        for label in (self.remaining, self.share):
            label.setFont(theme.tabular(label.font()))
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 6, 8, 4)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(3)
        for row, (word, slide, label) in enumerate(
            (("Cut", self.cut, self.remaining), ("Arcs", self.arcs, self.share)),
        ):
            self._put(grid, 2 * row, 0, word, slide, 3)
            # The lower one needs the room of the whole row.
            grid.addWidget(label, 2 * row + 1, 1, 1, 2 + row)
        pairs = (
            (("Layer", self.layer), ("From", self.first)),
            (("Nodes", self.direction), ("Colour", self.colour)),
            (("Heads", self.operator), ("Ratio", self.ratio)),
        )
        for row, two in enumerate(pairs, 4):
            for column, (word, widget) in enumerate(two):
                self._put(grid, row, 2 * column, word, widget, 1)
        grid.addWidget(self.prefix, 1, 3)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        self.follow()

    @staticmethod
    def _put(grid: QGridLayout, row: int, column: int, word: str, widget: QWidget, span: int) -> None:
        label = QLabel(word)
        label.setBuddy(widget)
        grid.addWidget(label, row, column)
        grid.addWidget(widget, row, column + 1, 1, span)

    def follow(self) -> None:
        """Show what is."""
        networks, state = self.networks, self.networks.state
        network, card = networks.network, networks.results.card
        depth = network.depth if network is not None else card.depth if card is not None else 1
        for slide, value in ((self.layer, networks.layer), (self.first, int(networks.parameter("starting_layer")))):
            slide.set_most(depth - 1)
            slide.set_value(min(value, depth - 1))
        if model.cut_at(round(self.cut.value)) != networks.min_cut:
            self.cut.set_value(model.place_of(networks.min_cut))
        self.cut.figure.setText(f"{networks.min_cut:.4g}")
        if arcs_at(self.arcs.value) != state.network_arcs:
            self.arcs.set_value(share_of(state.network_arcs))
        self.arcs.figure.setText(f"{state.network_arcs}")
        self.ratio.set_value(float(networks.parameter("token_ratio")))
        self._follow_operator(card.heads if card is not None else 0)
        if network is None:
            self.remaining.setText("")
            self.share.setText("")
            return
        layer = networks.layer
        drawn = network.drawn(layer, networks.min_cut, state.network_arcs)
        everything = int(network.counts[layer, 0])
        self.remaining.setText(f"{_thousands(drawn.remaining)} of {_thousands(everything)} arcs remain")
        self.share.setText(f"{_thousands(len(drawn))} drawn carry {100 * drawn.share:.1f} % of the weight")

    def _follow_operator(self, heads: int) -> None:
        if self.operator.count() != 3 + heads:
            self.operator.clear()
            for value, words in (("min", "minimum"), ("max", "maximum"), ("sum", "sum")):
                self.operator.addItem(words, value)
            for head in range(heads):
                self.operator.addItem(f"head {head}", f"head {head}")
        found = self.operator.findData(self.networks.state.network_operator)
        self.operator.setCurrentIndex(found if found >= 0 else self.operator.count() - 1)


class LayerSlide(Slide):
    """A slider over as many layers as the model has."""

    def __init__(self, tip: str) -> None:
        super().__init__(0, 1, 1, lambda value: f"{round(value)}", tip)

    def set_most(self, most: int) -> None:
        self._high = self._steps = max(1, most)
        self.slider.blockSignals(True)
        self.slider.setRange(0, self._steps)
        self.slider.setPageStep(1)
        self.slider.blockSignals(False)
        self.setEnabled(most > 0)


def arcs_at(share: float) -> int:
    """Logarithmic, and round numbers: 10 to 20000."""
    number = _FEWEST * (_MOST / _FEWEST) ** share
    step = 10 ** max(0, int(math.log10(number)) - 1)
    return int(min(_MOST, max(_FEWEST, round(number / step) * step)))


def share_of(arcs: int) -> float:
    return math.log(min(max(arcs, _FEWEST), _MOST) / _FEWEST) / math.log(_MOST / _FEWEST)


def _thousands(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")
