"""The scores of an evaluation run, by which the pictures of the browser can be sorted."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute.thread_pool import LOOKUP, Background, Job
from vitinspect.app.compute.worker import Problem
from vitinspect.app.listing import ImageList, ScoreOf
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.errors import VitInspectError

if TYPE_CHECKING:
    from vitinspect.evaluation.lookup import Column, RunIndex

_log = logging.getLogger(__name__)
CAUSE = "evaluation run"


class EvaluationRunService(QObject):
    """Writes ``run``; keeps the order of the listing in step with the state.

    The run that the state names is read in the background.
    """

    def __init__(
        self,
        state: State,
        results: Results,
        listing: ImageList,
        background: Background,
        problems: Problems,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._listing, self._background = state, results, listing, background
        self._problems = problems
        self._started = False
        self._asked = 0
        self._current_order: tuple[object, ...] = ()
        """The order that the listing was last given, as the state names it."""
        state.changed.connect(self._state_changed)

    def start(self) -> None:
        self._started = True
        self._order()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if (
            self._started
            and names & {"sort", "descending", "run", "run_column"}
            and self._wanted_order() != self._current_order
        ):
            self._order()

    def _wanted_order(self) -> tuple[object, ...]:
        state = self._state
        return state.sort, state.descending, state.run, state.run_column

    def _order(self) -> None:
        state = self._state
        self._asked += 1
        self._current_order = self._wanted_order()
        if state.sort != "score" or not state.run:
            self._listing.order_by(state.sort, state.descending)
            return
        asked, folder, wanted = self._asked, Path(state.run), state.run_column
        if self._results.run is not None and self._results.run.folder != folder:
            self._results.update(run=None)

        def work(cancel: Any) -> tuple[RunIndex, Column, ScoreOf]:
            from vitinspect.evaluation.lookup import open_run, values_of

            run = open_run(folder)  # read again each time, since the run may be in progress
            column = wanted if wanted in run.columns else best_column(run.columns)
            return run, column, values_of(run, column)

        def done(found: Any, error: BaseException | None) -> None:
            if asked != self._asked:
                return
            if error is not None:
                if not isinstance(error, VitInspectError):
                    _log.error("Reading the run %s failed", folder, exc_info=error)
                self._results.update(run=None)
                self._problems.report(CAUSE, Problem(str(error), "", True))
                self._listing.order_by("name", state.descending)
                return
            run, column, scores = found
            self._problems.solved(CAUSE)
            self._results.update(run=run)
            self._listing.order_by("score", state.descending, scores)
            # The column was not chosen by the person, and the listing is in this order already.
            self._current_order = (state.sort, state.descending, state.run, column)
            state.set(run_column=column)

        self._background.submit(LOOKUP, Job(work, done))


def best_column(columns: tuple[Column, ...]) -> Column:
    """The score that a person most likely wants to see first."""
    for score in ("iou", "deletion_auc"):
        for column in columns:
            if column[2] == score:
                return column
    return columns[0]
