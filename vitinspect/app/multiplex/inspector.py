"""One node: who attends to it and to whom it attends, with the weights, and its centralities in each block."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app import theme
from vitinspect.app.multiplex import painting
from vitinspect.app.multiplex.charts import Chart, Line
from vitinspect.app.multiplex.networks import Networks
from vitinspect.app.theme.tokens import TABLE_ROW_HEIGHT
from vitinspect.app.widgets import numbers
from vitinspect.app.widgets.rows import words

MOST = 60
"""Neighbours in a table."""
SHARE = int(Qt.ItemDataRole.UserRole) + 1


class Inspector(QWidget):
    """Follows the node under the cursor, else the selected one."""

    def __init__(self, networks: Networks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.networks = networks
        self.node: int | None = None
        self.title = words("", "quiet")
        self.received = Neighbours("Attended by", painting.FROM)
        self.given = Neighbours("Attends to", painting.TO)
        for neighbours in (self.received, self.given):
            neighbours.chosen.connect(networks.select)
        self.chart = Chart("Centralities of the node in each block")
        self.chart.chosen.connect(lambda layer: networks.state.set(network_layer=layer))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.received, 3)
        row.addWidget(self.given, 3)
        row.addWidget(self.chart, 4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        layout.addWidget(self.title)
        layout.addLayout(row, 1)
        self.follow(None)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(420, 180)

    def follow(self, hovered: int | None) -> None:
        """Show a node: the one under the cursor, else the selected one."""
        network = self.networks.network
        node = hovered if hovered is not None else self.networks.selected
        self.node = node
        if network is None or node is None or node >= network.nodes:
            self.title.setText("Point at a node, or pin a patch here or on the picture.")
            self.received.clear()
            self.given.clear()
            self.chart.show_lines("", [], None)
            return
        layer, min_cut = self.networks.layer, self.networks.min_cut
        received, given = network.ties(node, layer, min_cut)
        centralities = network.centralities(layer, min_cut)
        name = network.name(node)
        self.title.setText(
            f"{name[:1].upper()}{name[1:]}, block {layer + 1} of {network.depth}: receives "
            f"{numbers.number(float(centralities[0][node]))} from {numbers.whole(len(received.nodes))}, gives "
            f"{numbers.number(float(centralities[1][node]))} to {numbers.whole(len(given.nodes))}"
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


class Neighbours(QTableWidget):
    """Nodes with the weights of their arcs, the strongest first; each weight is a bar and a number."""

    chosen = Signal(int)

    def __init__(self, heading: str, colour: QColor) -> None:
        super().__init__(0, 3)
        self.setHorizontalHeaderLabels([heading, "", "Weight"])
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(TABLE_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(0, 8 + self.fontMetrics().horizontalAdvance("row 88, column 88"))
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(2, 64)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        self.setItemDelegateForColumn(1, _Bars(colour, self))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setShowGrid(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(heading)
        self.setToolTip("Click to go to this node")
        self.cellClicked.connect(self._clicked)

    def _clicked(self, row: int, column: int) -> None:
        item = self.item(row, 0)
        if item is not None:
            self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))

    def clear(self) -> None:
        self.setRowCount(0)

    def show_ties(self, network: Any, ties: Any) -> None:
        self.setRowCount(min(MOST, len(ties.nodes)))
        strongest = float(ties.weights[0]) if len(ties.weights) else 1.0
        for row, (node, weight) in enumerate(
            zip(ties.nodes[:MOST].tolist(), ties.weights[:MOST].tolist(), strict=True)
        ):
            name = QTableWidgetItem(network.name(node))
            name.setData(Qt.ItemDataRole.UserRole, node)
            bar = QTableWidgetItem()
            bar.setData(SHARE, weight / strongest if strongest else 0.0)
            figure = QTableWidgetItem(numbers.number(weight))
            figure.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            for column, item in enumerate((name, bar, figure)):
                self.setItem(row, column, item)


class _Bars(QStyledItemDelegate):
    """A bar as long as a share of the strongest."""

    def __init__(self, colour: QColor, parent: QWidget) -> None:
        super().__init__(parent)
        self._colour = colour

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        rect: QRect = option.rect.adjusted(4, 7, -4, -7)
        painter.fillRect(rect, QColor(theme.current().line))
        share = float(index.data(SHARE) or 0.0)
        rect.setWidth(max(1, round(rect.width() * share)))
        painter.fillRect(rect, self._colour)
