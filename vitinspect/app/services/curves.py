"""Deletion and insertion curves of the maps that are shown, on request."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute.addresses import CurvesAddress
from vitinspect.app.compute.curves import Curves, CurvesWork
from vitinspect.app.compute.worker import Problem, Worker
from vitinspect.app.services.inputs import current_input
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import Results, ShownMap
from vitinspect.app.session.state import State

CAUSE = "curves"
_SHOWS = frozenset(
    {"maps", "fused_maps", "file_maps", "shown_layers", "target", "predicted_for", "picture", "card", "model_state"}
)
MOST = 200
"""How many curves are kept: they need little memory and take long to compute."""


class CurveService(QObject):
    """Writes ``curves`` and ``scoring``."""

    def __init__(
        self, state: State, results: Results, worker: Worker, problems: Problems, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._worker, self._problems = state, results, worker, problems
        self._known: OrderedDict[CurvesAddress, Curves] = OrderedDict()
        self._request = 0
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        worker.part.connect(self._on_part)
        worker.finished.connect(self._on_finished)
        worker.failed.connect(self._on_failed)
        worker.ended.connect(self._on_ended)

    def _address(self, shown: ShownMap) -> CurvesAddress:
        return CurvesAddress(shown.address, self._results.target, self._state.score_fill, self._state.score_steps)

    def _scorable(self) -> dict[str, ShownMap]:
        """The maps of the input that the state asks about; others wait to be replaced by those."""
        where, results = current_input(self._state, self._results), self._results
        if where is None or results.predicted_for != where or not results.target:
            return {}
        return {
            key: shown
            for key, shown in results.all_maps.items()
            if shown.address.input == where and shown.placed == results.placed
        }

    def compute(self) -> None:
        """Compute the curves of the maps that are shown and have none yet."""
        where, picture = current_input(self._state, self._results), self._results.picture
        maps = {self._address(m): m.values for key, m in self._scorable().items() if key not in self._results.curves}
        if where is None or picture is None or not maps:
            return
        self._results.update(scoring=True)
        self._request = self._worker.submit(
            "scores", CurvesWork(where, picture.pixels, maps), "Scoring by deletion and insertion"
        )

    def cancel(self) -> None:
        self._worker.cancel("scores")

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"score_fill", "score_steps", "fit", "precision", "target", "image"}:
            self._stop_old(names)
            self._show()

    def _stop_old(self, names: frozenset[str]) -> None:
        if self._results.scoring:
            self._worker.cancel("scores")

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"picture", "card"} and self._results.scoring:
            self._worker.cancel("scores")
        if names & _SHOWS:
            self._show()

    def _show(self) -> None:
        found = {key: self._known.get(self._address(shown)) for key, shown in self._scorable().items()}
        self._results.update(curves={key: curves for key, curves in found.items() if curves is not None})

    @Slot(int, object)
    def _on_part(self, request_id: int, part: Any) -> None:
        if isinstance(part, Curves):
            self._known[part.address] = part
            while len(self._known) > MOST:
                self._known.popitem(last=False)
            self._show()

    @Slot(int, object)
    def _on_finished(self, request_id: int, result: Any) -> None:
        if request_id == self._request:
            self._problems.solved(CAUSE)

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        if request_id == self._request:
            self._problems.report(CAUSE, problem)

    @Slot(int)
    def _on_ended(self, request_id: int) -> None:
        if request_id == self._request and not self._worker.knows(request_id):
            self._results.update(scoring=False)
