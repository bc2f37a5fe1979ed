"""What is wrong now: the one route from a service to the message bar, which clears a problem once it is solved."""

from __future__ import annotations

import logging

from PySide6.QtCore import QObject, Signal

from vitinspect.app.compute.worker import Problem

_log = logging.getLogger(__name__)


class Problems(QObject):
    """At most one problem of each cause. A cause is a word such as "model" or "folder"."""

    raised = Signal(object)
    """A ``Problem`` that the person should see."""
    gone = Signal(object)
    """A ``Problem`` that was raised before and is solved now."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.current: dict[str, Problem] = {}

    def report(self, cause: str, problem: Problem) -> None:
        """Show it once, replacing the earlier problem of the same cause."""
        before = self.current.get(cause)
        if before is not None and before.message == problem.message:
            return
        self.solved(cause)
        self.current[cause] = problem
        _log.warning("%s: %s", cause, problem.message)
        self.raised.emit(problem)

    def solved(self, cause: str) -> None:
        """The cause is gone: clear its problem."""
        problem = self.current.pop(cause, None)
        if problem is not None:
            self.gone.emit(problem)
