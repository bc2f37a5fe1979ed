"""The measures of each layer: a table, and each as a line over depth."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app import theme
from vitinspect.app.multiplex.charts import Line, draw_chart, figure
from vitinspect.app.multiplex.networks import Networks
from vitinspect.app.panels.section import quiet, set_columns
from vitinspect.app.theme.tokens import TABLE_ROW_HEIGHT

COLUMNS = (
    # name in LayerMeasures, heading, what it is
    ("arcs", "Arcs", "Arcs left after min_cut"),
    ("density", "Density", "Arcs over possible arcs"),
    ("reciprocity", "Reciprocity", "Share of arcs whose reverse exists too"),
    ("components", "Components", "Weakly connected components"),
    ("largest_component", "Largest", "Nodes of the largest component"),
    ("mean_arc_length", "Arc length", "Weighted mean distance of the ends of arcs, in patches"),
    ("attention_entropy", "Entropy", "How evenly nodes spread their attention: 0 to one node, 1 over all"),
    ("pagerank_concentration", "PageRank", "Gini coefficient of PageRank: 0 evenly spread, 1 all on one node"),
    ("overlap_with_next", "Overlap", "Jaccard index of the arcs with those of the next block"),
    ("communities", "Communities", "Groups of nodes by the Louvain method"),
    ("modularity", "Modularity", "Of those communities"),
)


class MeasuresView(QWidget):
    """Table above, lines below. Measured by networkx in a process of its own."""

    name = "measures"

    def __init__(self, networks: Networks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.networks = networks
        self.about = quiet(wrap=False)
        self.about.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumWidth(120)
        self.button = QPushButton("Cancel")
        self.button.clicked.connect(self._pressed)
        self.table = QTableWidget(0, len(COLUMNS) + 1)
        set_columns(self.table, [("Block", ""), *((heading, tip) for _, heading, tip in COLUMNS)])
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(TABLE_ROW_HEIGHT)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setFont(theme.tabular(self.table.font()))
        self.table.setAccessibleName("Measures of each block")
        self.table.cellClicked.connect(lambda row, _: self._go(row))
        self.lines = MeasureLines(networks)
        top = QHBoxLayout()
        top.setContentsMargins(8, 4, 8, 4)
        top.setSpacing(8)
        top.addWidget(self.about, 1)
        top.addWidget(self.bar)
        top.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self.table)
        layout.addWidget(self.lines, 1)
        self.refresh()

    def _pressed(self) -> None:
        if self.networks.measuring is not None:
            self.networks.cancel_measuring()
        else:
            self.networks.measure()

    def _go(self, row: int) -> None:
        if row < len(self.networks.measures):
            self.networks.state.set(network_layer=self.networks.measures[row].layer)

    @property
    def caption(self) -> str:
        return f"Measures of each block, min_cut {self.networks.min_cut:g}"

    def refresh(self) -> None:
        n = self.networks
        found, running = n.measures, n.measuring
        self.bar.setVisible(running is not None)
        self.button.setText("Cancel" if running is not None else "Measure again")
        self.button.setEnabled(n.network is not None)
        if running is not None:
            self.bar.setRange(0, running[1])
            self.bar.setValue(running[0])
            self.about.setText(f"Measuring: {running[0]} of {running[1]} blocks")
        elif found:
            self.about.setText(
                f"Blocks {found[0].layer + 1} to {found[-1].layer + 1}, min_cut {n.min_cut:g}, measured by networkx"
            )
        else:
            self.about.setText(n.error or "Not measured")
        if self.table.rowCount() != len(found):
            self.table.setRowCount(len(found))
            for row, measured in enumerate(found):
                values = measured.as_dict()
                last = n.network is not None and measured.layer == n.network.depth - 1
                texts = [f"{measured.layer + 1}"]
                # The last layer has no next one to overlap with.
                texts += ["" if last and name == "overlap_with_next" else figure(values[name]) for name, *_ in COLUMNS]
                for column, text in enumerate(texts):
                    item = QTableWidgetItem(text)
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                    self.table.setItem(row, column, item)
        self._fit_table()
        layers = [m.layer for m in found]
        if n.layer in layers:
            self.table.selectRow(layers.index(n.layer))
        else:
            self.table.clearSelection()
        self.lines.update()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit_table()

    def _fit_table(self) -> None:
        """As high as its rows, up to half of the view; as wide as the view where all columns fit."""
        header, table = self.table.horizontalHeader(), self.table
        wanted = [max(header.sectionSizeHint(i), table.sizeHintForColumn(i)) for i in range(header.count())]
        more = max(0, (self.width() - sum(wanted)) // len(wanted))
        for column, width in enumerate(wanted):
            header.resizeSection(column, width + more)
        rows = header.sizeHint().height() + TABLE_ROW_HEIGHT * max(1, table.rowCount()) + 10
        table.setFixedHeight(min(rows, self.height() // 2))

    def render_to(self, painter: QPainter, width: int, height: int) -> None:
        painter.setFont(self.font())
        self.lines.render_to(painter, width, height)


class MeasureLines(QWidget):
    """A small chart for each measure."""

    def __init__(self, networks: Networks) -> None:
        super().__init__()
        self.networks = networks
        self.setMinimumSize(240, 160)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Measures over depth")
        self.setToolTip("Click to go to a block")

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(420, 300)

    def boxes(self, width: float, height: float) -> list[QRectF]:
        # As many columns as make the charts neither flat nor narrow.
        def shape(columns: int) -> float:
            return abs(math.log(width / columns / max(1.0, height / math.ceil(len(COLUMNS) / columns)) / 1.2))

        columns = min(range(1, len(COLUMNS) + 1), key=shape)
        rows = math.ceil(len(COLUMNS) / columns)
        wide, high = width / columns, height / rows
        return [QRectF(i % columns * wide, i // columns * high, wide, high) for i in range(len(COLUMNS))]

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        self.render_to(painter, self.width(), self.height())
        painter.end()

    def render_to(self, painter: QPainter, width: int, height: int) -> None:
        painter.fillRect(QRectF(0, 0, width, height), QColor(theme.current().panel))
        found = self.networks.measures
        for (name, heading, _), box in zip(COLUMNS, self.boxes(width, height), strict=True):
            shown = found
            if name == "overlap_with_next" and self.networks.network is not None:
                shown = tuple(m for m in found if m.layer < self.networks.network.depth - 1)
            line = Line(heading, [m.layer for m in shown], [float(getattr(m, name)) for m in shown])
            draw_chart(
                painter, box.adjusted(8, 6, -6, -4), [line], self.font(), title=heading, mark=self.networks.layer
            )

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        layers = [m.layer for m in self.networks.measures]
        box = next((b for b in self.boxes(self.width(), self.height()) if b.contains(event.position())), None)
        if layers and box is not None:
            share = (event.position().x() - box.left() - 44) / max(1.0, box.width() - 56)
            layer = layers[0] + round(share * (layers[-1] - layers[0]))
            self.networks.state.set(network_layer=min(max(layer, layers[0]), layers[-1]))
