"""One node: who it receives from and gives to, with the weights, and its centralities in each layer."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.multiplex import painting
from vitinspect.app.multiplex.charts import Chart, Line
from vitinspect.app.multiplex.networks import Networks
from vitinspect.app.panels.section import quiet

MOST = 60
"""Neighbours in a list."""


class Inspector(QWidget):
    """Follows the node under the cursor, else the selected one."""

    def __init__(self, networks: Networks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.networks = networks
        self.node: int | None = None
        self.title = quiet(wrap=False)
        self.received, self.given = Neighbours("from"), Neighbours("to")
        for neighbours in (self.received, self.given):
            neighbours.list.itemClicked.connect(lambda item: networks.select(item.data(Qt.ItemDataRole.UserRole)))
        self.chart = Chart("Centralities of the node in each layer")
        self.chart.chosen.connect(lambda layer: networks.state.set(network_layer=layer))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.received, 2)
        row.addWidget(self.given, 2)
        row.addWidget(self.chart, 4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(2)
        layout.addWidget(self.title)
        layout.addLayout(row, 1)
        self.follow(None)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(420, 150)

    def follow(self, hovered: int | None) -> None:
        """Show a node: the one under the cursor, else the selected one."""
        network = self.networks.network
        node = hovered if hovered is not None else self.networks.selected
        self.node = node
        if network is None or node is None or node >= network.nodes:
            self.title.setText("Point at a node, or click a patch here or on the picture.")
            self.received.clear()
            self.given.clear()
            self.chart.show_lines("", [], None)
            return
        layer, min_cut = self.networks.layer, self.networks.min_cut
        received, given = network.ties(node, layer, min_cut)
        centralities = network.centralities(layer, min_cut)
        self.title.setText(
            f"{network.name(node)[:1].upper()}{network.name(node)[1:]}, layer {layer}: receives "
            f"{centralities[0][node]:.4g}, gives {centralities[1][node]:.4g}"
        )
        self.received.show_ties(network, received)
        self.given.show_ties(network, given)
        over = network.over_layers(node, min_cut)
        layers = list(range(network.depth))
        self.chart.show_lines(
            "",
            [
                Line("received", layers, np.asarray(over[0]).tolist(), painting.FROM.darker(115)),
                Line("given", layers, np.asarray(over[1]).tolist(), painting.TO.darker(115)),
            ],
            layer,
        )


class Neighbours(QWidget):
    """A list of nodes with weights."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word
        self.heading = QLabel()
        self.list = QListWidget()
        self.list.setUniformItemSizes(True)
        self.list.setFont(theme.tabular(self.list.font()))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setToolTip("Click to go to this node")
        self.list.setAccessibleName(f"Attention {word}")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(96)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.heading)
        layout.addWidget(self.list, 1)
        self.clear()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(110, 100)

    def clear(self) -> None:
        self.heading.setText(f"Attention {self.word}")
        self.list.clear()

    def show_ties(self, network: object, ties: object) -> None:
        count = len(ties.nodes)  # type: ignore[attr-defined]
        left_out = f", {MOST} shown" if count > MOST else ""
        self.heading.setText(f"{self.word.capitalize()} {count}{left_out}")
        self.list.clear()
        for node, weight in zip(ties.nodes[:MOST].tolist(), ties.weights[:MOST].tolist(), strict=True):  # type: ignore[attr-defined]
            place = network.layers.position(node)  # type: ignore[attr-defined]
            name = network.layers.prefix_names[node] if place is None else f"{place[0]}, {place[1]}"  # type: ignore[attr-defined]
            item = QListWidgetItem(f"{name}  {weight:.3f}")
            item.setData(Qt.ItemDataRole.UserRole, node)
            self.list.addItem(item)
