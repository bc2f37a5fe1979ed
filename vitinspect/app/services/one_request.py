"""The one request of its kind that a service waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from vitinspect.app.compute.worker import Problem, Worker
from vitinspect.app.session.problems import Problems


class OneRequest(QObject):
    """Submits and cancels it, reports what goes wrong with it, and emits a signal when it has ended in any way."""

    ended = Signal()

    def __init__(self, kind: str, cause: str, worker: Worker, problems: Problems, parent: QObject) -> None:
        super().__init__(parent)
        self._kind, self._cause, self._worker, self._problems = kind, cause, worker, problems
        self._id = 0
        worker.failed.connect(self._on_failed)
        worker.ended.connect(self._on_ended)

    @property
    def running(self) -> bool:
        """Whether it waits or runs."""
        return self._id != 0 and self._worker.knows(self._id)

    def submit(self, work: Callable[..., Any], doing: str) -> None:
        """Ask for ``work`` in place of the request before it, whose end is then ignored."""
        self._id = 0
        self._id = self._worker.submit(self._kind, work, doing)

    def cancel(self) -> None:
        """Stop it; what it reports later is ignored."""
        self._id = 0
        self._worker.cancel(self._kind)

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        if request_id == self._id:
            self._problems.report(self._cause, problem)

    @Slot(int)
    def _on_ended(self, request_id: int) -> None:
        if request_id == self._id and not self._worker.knows(request_id):
            self._id = 0
            self.ended.emit()
