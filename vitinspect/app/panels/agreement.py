"""The bottom tab Agreement: how far the shown maps agree, and how far masks of their sizes would by chance."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from vitinspect.app.panels import layer_facts as facts
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.widgets.agreement_view import AgreeingLayer, AgreementView, Pair


class AgreementPanel(QWidget):
    """Layers in the order of the list, by their numbers."""

    def __init__(self, state: State, results: Results, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._results = state, results
        self.view = AgreementView()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        self._follow()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if self.isVisible() and "layers" in names:
            self._follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if self.isVisible() and "agreements" in names:
            self._follow()

    def showEvent(self, event: object) -> None:  # noqa: N802
        self._follow()

    def _follow(self) -> None:
        state, found = self._state, self._results.agreements
        there = {name for pair in found for name in (pair.first, pair.second)}
        layers = [
            AgreeingLayer(layer.id, state.number(layer.id), facts.name_of(state.layers, layer))
            for layer in state.layers
            if layer.id in there
        ]
        pairs = [
            Pair(p.first, p.second, p.spearman, p.iou, p.overlap_at_least, p.overlap_by_chance, p.overlap_observed)
            for p in found
        ]
        self.view.set_agreement(layers, pairs)
