"""Deletion and insertion curves on request; overlap with a mask where there is one."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app import theme
from vitinspect.app.panels.section import Choice, quiet, set_columns
from vitinspect.app.services.curves import CurveService
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.widgets import tips

# Okabe and Ito's colours, which are told apart with every common kind of colour blindness.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c00", "#7f7f7f")
DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)

_SHOWS = frozenset(
    {"maps", "fused_maps", "shown_layers", "pending", "curves", "overlaps", "truth", "mask_error", "scoring"}
)


class ScoresPanel(QWidget):
    """A table of figures at the left, the two curves at the right."""

    def __init__(self, state: State, results: Results, service: CurveService, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._results = state, results
        self.compute = QPushButton("Compute curves")
        self.compute.setToolTip("Mask the picture step by step in the order of each map, in the background")
        self.compute.clicked.connect(service.compute)
        self.fill = Choice(
            state,
            "score_fill",
            [("mean", "Mean colour"), ("blur", "Blur"), ("black", "Black")],
            "What stands in for what is taken away",
        )
        self.steps = QSpinBox()
        self.steps.setRange(2, 1000)
        self.steps.setValue(state.score_steps)
        self.steps.setKeyboardTracking(False)
        self.steps.setToolTip("Points of each curve")
        self.steps.setAccessibleName("Steps")
        self.steps.valueChanged.connect(lambda value: state.set(score_steps=value))
        self.about = quiet()
        self.table = QTableWidget(0, 6)
        set_columns(
            self.table,
            [
                ("Map", ""),
                ("Del.", "Area under the deletion curve; lower is better"),
                ("Ins.", "Area under the insertion curve; higher is better"),
                ("IoU", "Overlap of the cut map with the mask"),
                ("AP", "Average precision of the raw map against the mask"),
                ("Energy", "Share of the map's positive mass inside of the mask"),
            ],
        )
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table.setShowGrid(False)
        self.table.setFont(theme.tabular(self.table.font()))
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.table.verticalHeader().setDefaultSectionSize(22)
        top = QHBoxLayout()
        top.setSpacing(8)
        for part in (QLabel("Fill"), self.fill, QLabel("Steps"), self.steps, self.compute):
            top.addWidget(part)
        top.addWidget(self.about, 1)
        self._row = QHBoxLayout()
        self._row.setSpacing(12)
        self._row.addWidget(self.table, 1)
        self.plots: Any = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 4)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addLayout(self._row, 1)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        self._follow()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "score_steps" in names:
            self.steps.setValue(self._state.score_steps)

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if self.isVisible() and names & _SHOWS:
            self._follow()

    def showEvent(self, event: object) -> None:  # noqa: N802
        if self.plots is None:
            self.plots = CurvePlots()
            self._row.addWidget(self.plots, 1)
        self._follow()

    def _follow(self) -> None:
        results = self._results
        maps = results.all_maps
        self.compute.setEnabled(bool(set(maps) - set(results.curves)) and not results.scoring)
        self.table.setRowCount(len(maps))
        for row, (key, shown) in enumerate(maps.items()):
            curves, overlap = results.curves.get(key), results.overlaps.get(key)
            cells = [
                shown.short,
                f"{curves.deletion_auc:.3f}" if curves else "–",
                f"{curves.insertion_auc:.3f}" if curves else "–",
                f"{overlap.iou:.3f}" if overlap else "–",
                f"{overlap.average_precision:.3f}" if overlap else "–",
                f"{overlap.energy_inside:.3f}" if overlap else "–",
            ]
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(tips.plain(shown.owner))
                if column == 0:
                    item.setForeground(QColor(colour_of(row)))
                else:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(row, column, item)
        self.about.setText(self._about())
        if self.plots is not None:
            done = [(i, key) for i, key in enumerate(maps) if key in results.curves]
            self.plots.show_curves([(i, maps[key].title, results.curves[key]) for i, key in done])

    def _about(self) -> str:
        results = self._results
        if not results.all_maps:
            return "No map yet: choose a method."
        parts = []
        if results.card is not None and results.target:
            parts.append(f"Curves: probability of {results.card.target_text(results.target)}.")
        if results.mask_error:
            parts.append(results.mask_error)
        elif results.truth is not None:
            parts.append(results.truth.rule)
        return " ".join(parts)


class CurvePlots(QWidget):
    """The probability as the picture goes, and as it comes."""

    def __init__(self) -> None:
        super().__init__()
        # Loaded with the first plot: nothing else needs it, and it takes half a second.
        import pyqtgraph

        self._pg = pyqtgraph
        self._plots = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        for name, title in (("deletion", "Deletion"), ("insertion", "Insertion")):
            plot = pyqtgraph.PlotWidget()
            plot.setMouseEnabled(False, False)
            plot.hideButtons()
            plot.setMenuEnabled(False)
            plot.setXRange(0, 100, padding=0.02)
            plot.setYRange(0, 1, padding=0.02)
            plot.setAccessibleName(f"{title} curves")
            self._plots[name] = (plot, title)
            layout.addWidget(plot)
        self.refresh_theme()

    def refresh_theme(self) -> None:
        t = theme.current()
        for name, (plot, title) in self._plots.items():
            plot.setBackground(t.window)
            plot.setTitle(title, color=t.text, size="9pt")
            for side in ("left", "bottom"):
                axis = plot.getAxis(side)
                axis.setPen(t.line)
                axis.setTextPen(t.quiet)
            plot.setLabel("bottom", "taken away, %" if name == "deletion" else "brought back, %", color=t.quiet)
            plot.setLabel("left", "probability", color=t.quiet)

    def show_curves(self, curves: list[tuple[int, str, Any]]) -> None:
        for name, (plot, _) in self._plots.items():
            plot.clear()
            for number, title, found in curves:
                pen = self._pg.mkPen(colour_of(number), width=2, style=DASHES[number // len(COLOURS) % len(DASHES)])
                plot.plot(100 * found.shares, getattr(found, name), pen=pen, name=title, antialias=True)


def colour_of(number: int) -> str:
    return COLOURS[number % len(COLOURS)]
