"""Batches of files in the worker's thread: begun, followed, stopped; what was stopped goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from vitinspect.app.compute.worker import Context, Problem, Worker
from vitinspect.app.session.results import READY, Results
from vitinspect.errors import Cancelled, ModelError
from vitinspect.progress import CancelToken, Progress

if TYPE_CHECKING:
    from vitinspect.figures.batch import Batch, Outcome

KIND = "batch"


class BatchService(QObject):
    """One batch at a time. Whatever else is asked of the model goes first, and the batch goes on after it."""

    progressed = Signal(int, int)
    finished = Signal(object)
    """The ``Outcome``."""
    failed = Signal(object)
    """The ``Problem`` that ended it."""
    stopped = Signal()

    def __init__(self, results: Results, worker: Worker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._results, self._worker = results, worker
        self._request = 0
        worker.progressed.connect(self._on_progress)
        worker.finished.connect(self._on_finished)
        worker.failed.connect(self._on_failed)
        worker.ended.connect(self._on_ended)

    @property
    def running(self) -> bool:
        return bool(self._request)

    def begin(self, batch: Batch, pictures: Sequence[Path]) -> None:
        """Write the files of the pictures with the model that is loaded."""
        card = self._results.card
        if card is None or self._results.model_state != READY:
            raise ModelError("The model is not loaded yet.")
        work = partial(_work, batch=batch, pictures=tuple(pictures), fingerprint=card.fingerprint)
        self._request = self._worker.submit(KIND, work, f"Exporting {len(pictures)} pictures")

    def cancel(self) -> None:
        self._worker.cancel(KIND)

    @Slot(int, int, int)
    def _on_progress(self, request_id: int, done: int, total: int) -> None:
        if request_id == self._request:
            self.progressed.emit(done, total)

    @Slot(int, object)
    def _on_finished(self, request_id: int, outcome: Any) -> None:
        if request_id == self._request:
            self._request = 0
            self.finished.emit(outcome)

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        if request_id == self._request:
            self._request = 0
            self.failed.emit(problem)

    @Slot(int)
    def _on_ended(self, request_id: int) -> None:
        # One that gave way to another request is known still, and begins again.
        if request_id == self._request and not self._worker.knows(request_id):
            self._request = 0
            self.stopped.emit()


def _work(
    context: Context,
    hand_over: Any,
    cancel: CancelToken,
    progress: Progress,
    *,
    batch: Batch,
    pictures: tuple[Path, ...],
    fingerprint: str,
) -> Outcome:
    from vitinspect.figures.batch import run_batch

    if context.model is None or context.model.fingerprint != fingerprint:
        raise Cancelled
    return run_batch(batch, pictures, lambda: context.model, progress, cancel)
