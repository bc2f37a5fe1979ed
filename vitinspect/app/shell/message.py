"""Problems in the window, one line each below the context bar; a line stays until its cause is gone."""

from __future__ import annotations

import logging

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from vitinspect.app.compute.worker import Problem
from vitinspect.app.widgets.messages import ERROR, WARNING, Message, Messages

_log = logging.getLogger(__name__)


class MessageBar(Messages):
    """Never a modal box: the last good view stays below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message")

    @property
    def newest(self) -> str:
        """The sentence of the newest problem; empty where there is none."""
        return self.messages[0].text if self.messages else ""

    @Slot(object)
    def show_problem(self, problem: Problem, kind: str = ERROR) -> None:
        """Something that was asked for could not be done."""
        _log.warning("Shown: %s", problem.message)
        self.show_message(Message(problem.message, problem.message, kind, details=problem.details))

    def show_warning(self, problem: Problem) -> None:
        """Something to know; nothing has failed."""
        self.show_problem(problem, WARNING)

    @Slot(object)
    def forget(self, problem: Problem) -> None:
        """Its cause is gone."""
        self.clear(problem.message)
