"""The bottom line: what runs, how far it is, and a button that stops it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QStatusBar, QWidget

from vitinspect.app import theme
from vitinspect.app.session.results import READY, Results
from vitinspect.app.session.state import State


class StatusBar(QStatusBar):
    """Its parts keep their places whether something runs or not."""

    def __init__(
        self, state: State, results: Results, cancel: Callable[[], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._results = state, results
        self.setSizeGripEnabled(False)
        self.doing = QLabel()
        self.doing.setFont(theme.tabular(self.doing.font()))
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(160, 12)
        self.stop = QPushButton("Cancel")
        self.stop.setToolTip("Stop the computation (Ctrl+.)")
        self.stop.clicked.connect(cancel)
        self.stop.setFixedHeight(22)
        for part in (self.bar, self.stop):
            policy = part.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            part.setSizePolicy(policy)
        self.addWidget(self.doing, 1)
        self.addPermanentWidget(self.bar)
        self.addPermanentWidget(self.stop)
        results.changed.connect(self._changed)
        self._follow()

    def say(self, text: str) -> None:
        """Something that was done; it goes by itself."""
        self.showMessage(text, 6000)

    @Slot(object)
    def _changed(self, names: frozenset[str]) -> None:
        if names & {"progress", "model_state", "maps", "refusals"}:
            self._follow()

    def _follow(self) -> None:
        progress, results = self._results.progress, self._results
        self.bar.setVisible(progress is not None)
        self.stop.setVisible(progress is not None)
        if progress is None:
            count = len(results.maps)
            text = f"{count} map{'s' if count != 1 else ''}" if results.model_state == READY and count else ""
            if results.refusals:
                text += f"   {len(results.refusals)} method{'s' if len(results.refusals) != 1 else ''} without a map"
            self.doing.setText(text)
            return
        self.doing.setText(f"{progress.text} …")
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
