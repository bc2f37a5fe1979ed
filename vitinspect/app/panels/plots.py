"""The dock below the picture: scores, layers and heads."""

from __future__ import annotations

from PySide6.QtCore import QSize, Slot
from PySide6.QtWidgets import QTabWidget, QWidget

from vitinspect.app.panels.layers import LayersPanel
from vitinspect.app.panels.scores import ScoresPanel
from vitinspect.app.services.extras import Extras
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import PLOTS, State


class PlotTabs(QTabWidget):
    """Which tab is shown is part of the state: only what is seen is computed."""

    def __init__(self, state: State, results: Results, extras: Extras, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.setDocumentMode(True)
        self.scores = ScoresPanel(state, results, extras)
        self.layers = LayersPanel(state, results)
        self.addTab(self.scores, "Scores")
        self.addTab(self.layers, "Layers and heads")
        self.setCurrentIndex(PLOTS.index(state.plot))
        self.currentChanged.connect(lambda index: state.set(plot=PLOTS[index]))
        state.changed.connect(self._state_changed)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(640, 260)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(320, 180)

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "plot" in names:
            self.setCurrentIndex(PLOTS.index(self._state.plot))

    def refresh_theme(self) -> None:
        if self.scores.plots is not None:
            self.scores.plots.refresh_theme()
        self.layers.update()
