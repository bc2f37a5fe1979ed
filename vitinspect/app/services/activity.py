"""What the worker is busy with, for the status bar."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute.worker import Worker
from vitinspect.app.session.results import Progress, Results


class Activity(QObject):
    """Writes ``progress``."""

    def __init__(self, results: Results, worker: Worker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._results, self._worker = results, worker
        self._doing: dict[int, str] = {}
        worker.started.connect(self._on_started)
        worker.progressed.connect(self._on_progress)
        worker.ended.connect(self._on_ended)

    @Slot(int, str)
    def _on_started(self, request_id: int, doing: str) -> None:
        self._doing[request_id] = doing
        self._results.update(progress=Progress(doing))

    @Slot(int, int, int)
    def _on_progress(self, request_id: int, done: int, total: int) -> None:
        if request_id in self._doing and self._worker.knows(request_id):
            self._results.update(progress=Progress(self._doing[request_id], done, total))

    @Slot(int)
    def _on_ended(self, request_id: int) -> None:
        self._doing.pop(request_id, None)
        if not self._doing and not self._worker.busy:
            self._results.update(progress=None)
