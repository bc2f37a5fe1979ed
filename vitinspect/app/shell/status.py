"""The bottom line: where the cursor is, what each map says there, and the work in progress with Cancel."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QStatusBar, QWidget

from vitinspect.app.canvas.readout import Readout
from vitinspect.app.session.results import READY, Results
from vitinspect.app.session.state import State
from vitinspect.app.widgets.lateness import Lateness
from vitinspect.app.widgets.rows import words
from vitinspect.app.widgets.status_progress import RunningWork

HEIGHT = 24


class StatusBar(QStatusBar):
    """Its parts keep their places whether something runs or not."""

    def __init__(
        self,
        state: State,
        results: Results,
        readout: Readout,
        scale: Callable[[], float | None],
        cancel: Callable[[], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._scale = state, results, scale
        self.setSizeGripEnabled(False)
        self.setFixedHeight(HEIGHT)
        self.readout = readout
        self.doing: QLabel = words("", "quiet")
        self.work = RunningWork()
        self.work.cancel_wanted.connect(cancel)
        self.zoom: QLabel = words("", "quiet")
        self.zoom.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.zoom.setFixedWidth(self.zoom.fontMetrics().horizontalAdvance("8888 %"))
        readout.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.addWidget(readout, 1)
        right = QWidget()
        layout = QHBoxLayout(right)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.setSpacing(12)
        for part in (self.doing, self.work, self.zoom):
            layout.addWidget(part)
        self.addPermanentWidget(right)
        self._lateness = Lateness(self)
        self._lateness.became_late.connect(self._follow)
        results.changed.connect(self._changed)
        state.changed.connect(lambda names: self._follow() if "workspace" in names else None)
        self._follow()

    def say(self, text: str) -> None:
        """Show what was done; the text disappears after a while."""
        self.showMessage(text, 6000)

    def follow_zoom(self) -> None:
        scale = self._scale() if self._results.picture is not None else None
        self.zoom.setText(f"{100 * scale:.0f} %" if scale is not None else "")

    @Slot(object)
    def _changed(self, names: frozenset[str]) -> None:
        if names & {"progress", "model_state", "maps", "refusals", "file_maps", "file_refusals", "stopped"}:
            self._follow()

    def _follow(self) -> None:
        progress, results = self._results.progress, self._results
        self._lateness.follow(["work"] if progress is not None else [])
        if progress is not None and "work" not in self._lateness:
            return  # the earlier text stays: a map that is computed quickly shows no bar and no Cancel
        self.doing.setVisible(progress is None)
        self.work.setVisible(progress is not None)
        if progress is None:
            self.work.set_idle()
            count = len(results.maps) + len(results.file_maps)
            refused = len(results.refusals) + len(results.file_refusals)
            text = f"{count} map{'s' if count != 1 else ''}" if results.model_state == READY and count else ""
            if refused:
                text += f", {refused} without a map"
            cancelled = len(results.stopped - {"prediction"})
            if cancelled:
                text += f", {cancelled} cancelled"
            # The number of maps means nothing where none is shown.
            self.doing.setText(text if self._state.workspace == "inspect" else "")
            return
        self.work.set_work(progress.text, done=progress.done, total=progress.total)
