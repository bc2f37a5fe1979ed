"""What if a region were not there: the painted region, and what the model says without it."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute.addresses import InputAddress, WhatIfAddress
from vitinspect.app.compute.what_if import WithoutRegion, region_hash, without_region
from vitinspect.app.compute.worker import Problem, Worker
from vitinspect.app.services.inputs import current_input
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State

CAUSE = "what if"


class WhatIfService(QObject):
    """Writes ``painted`` and ``probed``."""

    def __init__(
        self, state: State, results: Results, worker: Worker, problems: Problems, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._worker, self._problems = state, results, worker, problems
        self._painted_on: InputAddress | None = None
        self._wanted: WhatIfAddress | None = None
        self._request = 0
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        worker.finished.connect(self._on_finished)
        worker.failed.connect(self._on_failed)
        worker.ended.connect(self._on_ended)

    def _where(self) -> InputAddress | None:
        where = current_input(self._state, self._results)
        return where if where is not None and self._results.predicted_for == where else None

    def brush(self, start: tuple[float, float], stop: tuple[float, float], *, erase: bool = False) -> None:
        """Remove a region from one point of the picture to another, or restore it."""
        placed, where = self._results.placed, self._where()
        if placed is None or where is None:
            return
        import numpy as np

        from vitinspect.app.brush import stroke

        mask = self._results.painted
        if mask is None or self._painted_on != where:
            mask = np.zeros(placed.input_size, dtype=bool)
        # The brush has a size on the picture in hundredths of its shorter side, whatever its resolution.
        width = self._state.brush_size / 100 * min(placed.original_size)
        self.paint_out(stroke(mask, placed, start, stop, width, erase=erase))

    def paint_out(self, mask: Any) -> None:
        """Remove ``mask`` (over the model's input) from the picture; nothing where it is None or empty."""
        where = self._where()
        if mask is None or not mask.any():
            self.reset()
        elif where is not None:
            self._painted_on = where
            self._results.update(painted=mask)
            self._ask()

    def reset(self) -> None:
        """The picture as it is."""
        self._wanted = self._painted_on = None
        if self._results.painted is not None or self._results.probed is not None:
            self._worker.cancel("probe")
            self._problems.solved(CAUSE)
            self._results.update(painted=None, probed=None)

    def retry(self) -> None:
        probed = self._results.probed
        if self._results.painted is not None and (probed is None or probed.address != self._wanted):
            self._ask()

    def _ask(self) -> None:
        where, picture, mask = self._where(), self._results.picture, self._results.painted
        if where is None or picture is None or mask is None:
            return
        self._wanted = WhatIfAddress(where, region_hash(mask), self._state.brush_fill)
        self._request = self._worker.submit(
            "probe",
            partial(without_region, address=self._wanted, pixels=picture.pixels, mask=mask),
            "Predicting without the painted region",
        )

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"fit", "precision", "image"}:
            self.reset()
        elif "brush_fill" in names and self._results.painted is not None:
            self._ask()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"picture", "card"} and self._painted_on is not None and self._painted_on != self._input():
            self.reset()

    def _input(self) -> InputAddress | None:
        """That of the picture and the model on screen, also while another model is being loaded."""
        picture, card = self._results.picture, self._results.card
        if picture is None or card is None:
            return None
        return InputAddress(picture.content, card.fingerprint, self._state.precision, self._state.fit)

    @Slot(int, object)
    def _on_finished(self, request_id: int, result: Any) -> None:
        if isinstance(result, WithoutRegion) and result.address == self._wanted:
            self._problems.solved(CAUSE)
            self._results.update(probed=result)

    @Slot(int)
    def _on_ended(self, request_id: int) -> None:
        """If a request was cancelled, remove the numbers of the earlier region."""
        probed = self._results.probed
        over = request_id == self._request and not self._worker.knows(request_id)
        if over and probed is not None and probed.address != self._wanted:
            self._results.update(probed=None)

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        if request_id == self._request:
            self._problems.report(CAUSE, problem)
