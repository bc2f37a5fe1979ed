"""Work that takes long with the model: batches of files and reports. All other requests go before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from vitinspect.app.compute.model_input import model_of
from vitinspect.app.compute.worker import Context, Problem, Worker
from vitinspect.app.session.results import READY, Results
from vitinspect.errors import ModelError
from vitinspect.progress import CancelToken, Progress

if TYPE_CHECKING:
    from vitinspect.figures.batch import Batch, Outcome


class LongWork(QObject):
    """One piece of work of a kind at a time. Any other request to the model interrupts it; then it starts again."""

    kind = ""
    progressed = Signal(int, int)
    finished = Signal(object)
    """The result."""
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

    def _begin(self, work: Callable[[Any, CancelToken, Progress], Any], doing: str) -> None:
        card = self._results.card
        if card is None or self._results.model_state != READY:
            raise ModelError("The model is not loaded yet.")
        self._request = self._worker.submit(
            self.kind, partial(_with_model, fingerprint=card.fingerprint, work=work), doing
        )

    def cancel(self) -> None:
        self._worker.cancel(self.kind)

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
        # One that was interrupted by another request is still known, and starts again.
        if request_id == self._request and not self._worker.knows(request_id):
            self._request = 0
            self.stopped.emit()


class BatchService(LongWork):
    """Files of many pictures; a stopped batch continues where it was."""

    kind = "batch"

    def begin(self, batch: Batch, pictures: Sequence[Path]) -> None:
        """Write the files of the pictures with the model that is loaded. It ends with an ``Outcome``."""

        def work(model: Any, cancel: CancelToken, progress: Progress) -> Outcome:
            from vitinspect.figures.batch import run_batch

            return run_batch(batch, pictures, lambda: model, progress, cancel)

        self._begin(work, f"Exporting {len(pictures)} pictures")


class ReportService(LongWork):
    """A report on a folder as one HTML file."""

    kind = "report"

    def begin(self, folder: Path, asked: Mapping[str, Any], path: Path) -> None:
        """``asked`` as ``evaluation.html_pictures.Asked`` has it. It ends with the path."""

        def work(model: Any, cancel: CancelToken, progress: Progress) -> Path:
            from vitinspect.evaluation.html_pictures import Asked, folder_report
            from vitinspect.files import write_atomic

            write_atomic(path, folder_report(folder, model, Asked(**asked), progress=progress, cancel=cancel))
            return path

        self._begin(work, "Writing the report")


def _with_model(
    context: Context,
    hand_over: Any,
    cancel: CancelToken,
    progress: Progress,
    *,
    fingerprint: str,
    work: Callable[[Any, CancelToken, Progress], Any],
) -> Any:
    return work(model_of(context, fingerprint), cancel, progress)
