"""The scores of the layers: overlap with the truth where there is one, deletion and insertion on request."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app.panels import layer_facts as facts
from vitinspect.app.services.curves import CurveService
from vitinspect.app.session.layers import FUSED, Layer
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.widgets import rows
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.curve_chart import Curve, CurveChart
from vitinspect.app.widgets.fields import NumberField
from vitinspect.app.widgets.queued_update import QueuedUpdate
from vitinspect.app.widgets.score_table import ScoreColumn, ScoreRow, ScoreTable

COLUMNS = (
    ScoreColumn("deletion", "Deletion", "Area under the probability as the highest pixels are removed first", False),
    ScoreColumn("insertion", "Insertion", "Area under the probability as the highest pixels are shown first"),
    ScoreColumn("iou", "IoU", "Overlap of the mask at the threshold with the truth: intersection over union"),
    ScoreColumn("f1", "F1", "Of the mask at the threshold against the truth, pixel by pixel"),
    ScoreColumn("average_precision", "AP", "Average precision of the values against the truth, without a threshold"),
    ScoreColumn("boundary_f1", "Boundary F1", "Of the mask's outline against the outline of the truth"),
)
TABLE = 580
"""What the table needs, with names of two or three words."""
LEAST_CHART, MOST_CHART = 140, 480
FILLS = (("mean", "mean colour"), ("blur", "blur"), ("black", "black"))
_FOLLOWS = frozenset(
    {"maps", "fused", "fused_maps", "file_maps", "shown_layers", "curves", "overlaps", "truth", "mask_error", "scoring"}
    | {"target", "card"}
)


class ScoresPanel(QWidget):
    """A table at the left, the two curves at the right."""

    def __init__(self, state: State, results: Results, service: CurveService, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._results = state, results
        self._update = QueuedUpdate(self._follow_if_seen, self)
        self.table = ScoreTable()
        self.deletion = CurveChart("Deletion", x_label="% removed")
        self.insertion = CurveChart("Insertion", x_label="% shown")
        self.fill = Choice(FILLS, name="Removed pixels become", tip="What replaces removed pixels")
        self.fill.setFixedWidth(110)
        self.steps = NumberField(2, 1000, state.score_steps, whole=True, name="Steps", tip="Points of each curve")
        self.steps.setFixedWidth(52)
        self.compute = rows.button(
            "Compute", service.compute, tip="Remove and reveal pixels step by step, in the order of each map"
        )
        self.about = rows.note()
        self.about.setContentsMargins(8, 0, 8, 0)
        foot = QHBoxLayout()
        foot.setContentsMargins(8, 4, 8, 4)
        foot.setSpacing(8)
        foot.addWidget(rows.words("Removed pixels become", "quiet"))
        foot.addWidget(self.fill)
        foot.addWidget(rows.words("Steps", "quiet"))
        foot.addWidget(self.steps)
        foot.addStretch(1)
        foot.addWidget(self.compute)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self.table, 1)
        left.addWidget(self.about)
        left.addLayout(foot)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        line.addLayout(left, 1)
        line.addWidget(rows.upright_line())
        for chart in (self.deletion, self.insertion):
            chart.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
            line.addWidget(chart)
        self.fill.chosen.connect(lambda value: state.set(score_fill=value))
        self.steps.changed.connect(lambda value: state.set(score_steps=int(value)))
        self.table.chosen.connect(lambda layer: state.set(selected=layer))
        self.table.menu_wanted.connect(self._open_menu)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        self.follow()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """The curves get the space that the table does not need."""
        super().resizeEvent(event)
        for chart in (self.deletion, self.insertion):
            chart.setFixedWidth(min(MOST_CHART, max(LEAST_CHART, (self.width() - TABLE) // 2)))

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if self.isVisible() and names & {"score_fill", "score_steps", "layers", "selected"}:
            self.follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & _FOLLOWS:
            self._update.ask()

    def _follow_if_seen(self) -> None:
        if self.isVisible():
            self.follow()

    def showEvent(self, event: object) -> None:  # noqa: N802
        self.follow()

    def follow(self) -> None:
        self._update.done()
        state, results = self._state, self._results
        self.fill.set_value(state.score_fill)
        self.steps.set_value(state.score_steps)
        chosen = state.selected_layer
        selected = chosen.id if chosen is not None else ""
        # A map that is awaited or refused keeps its row, so that nothing moves when it arrives.
        scored = [layer for layer in state.layers if layer.is_map and layer.visible]
        self.table.set_scores(COLUMNS, [self._row(layer, at) for at, layer in enumerate(scored)], selected)
        missing = [layer for layer in scored if layer.id in results.all_maps and layer.id not in results.curves]
        self.compute.setText("Compute" if missing or not scored else "Computed")
        self.compute.setEnabled(bool(missing) and not results.scoring)
        self.about.setText(self._sentence())
        target = results.card.target_text(results.target) if results.card is not None and results.target else ""
        for chart, name in ((self.deletion, "deletion"), (self.insertion, "insertion")):
            curves = [
                Curve(
                    state.number(layer.id),
                    facts.name_of(state.layers, layer),
                    [100.0 * float(x) for x in results.curves[layer.id].shares],
                    [float(y) for y in getattr(results.curves[layer.id], name)],
                    at,
                    layer.id == selected,
                )
                for at, layer in enumerate(scored)
                if layer.id in results.curves
            ]
            chart.set_curves(curves, y_label=f"probability of {target}" if target else "probability")

    def _row(self, layer: Layer, at: int) -> ScoreRow:
        curves, overlap = self._results.curves.get(layer.id), self._results.overlaps.get(layer.id)
        values: dict[str, float] = {}
        if curves is not None:
            values.update(deletion=float(curves.deletion_auc), insertion=float(curves.insertion_auc))
        if overlap is not None:
            for column in COLUMNS[2:]:
                values[column.id] = float(getattr(overlap, column.id))
        shown = self._results.all_maps.get(layer.id)
        detail = "" if layer.kind == FUSED else facts.detail_of(layer)
        name = f"{facts.name_of(self._state.layers, layer)} {detail}".strip()
        return ScoreRow(
            layer.id, self._state.number(layer.id), name, values, at, shown.owner if shown is not None else ""
        )

    def _sentence(self) -> str:
        """Which mask the scores refer to, or why there are none."""
        results = self._results
        if not results.all_maps:
            if results.stopped:
                return "The maps were cancelled; Ctrl+R computes them."
            if not any(layer.is_map and layer.visible for layer in self._state.layers):
                return "No map yet: add a layer."
            if results.pending:
                return "The maps are being computed."
            return "None of the layers has a map." if results.refusals else ""
        if results.mask_error:
            return results.mask_error
        return str(results.truth.rule) if results.truth is not None else ""

    def menu(self, layer: str) -> QMenu:
        menu = QMenu(self)
        menu.addAction("Copy table as CSV", self.copy_table)
        menu.addAction("Select layer", lambda: self._state.set(selected=layer))
        return menu

    def _open_menu(self, layer: str, place: QPoint) -> None:
        menu = self.menu(layer)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    def copy_table(self) -> None:
        QGuiApplication.clipboard().setText(self.table.scores.to_csv())

    def refresh_theme(self) -> None:
        self.update()
