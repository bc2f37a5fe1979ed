"""The attention of one token in all blocks and heads, while its tab is open."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute.addresses import AttentionAddress
from vitinspect.app.compute.head_attention import HeadAttention, head_attention
from vitinspect.app.compute.worker import Worker
from vitinspect.app.services.inputs import current_input
from vitinspect.app.services.one_request import OneRequest
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State

CAUSE = "attention"


class AttentionService(QObject):
    """Writes ``attention``."""

    def __init__(
        self, state: State, results: Results, worker: Worker, problems: Problems, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._problems = state, results, problems
        self._asked: AttentionAddress | None = None
        self._request = OneRequest("attention", CAUSE, worker, problems, self)
        self._request.ended.connect(self._ended)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        worker.finished.connect(self._on_finished)

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"plots", "plot", "pinned", "precision", "fit", "image"}:
            self._follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"picture", "card", "model_state"}:
            self._follow()

    def _wanted(self) -> AttentionAddress | None:
        """The token of the pinned patch, else the first one."""
        where, card = current_input(self._state, self._results), self._results.card
        if where is None or card is None or not self._state.plots or self._state.plot != "layers":
            return None
        token = 0
        if len(self._state.pinned) == 2:
            row, column = self._state.pinned
            if row < card.grid[0] and column < card.grid[1]:
                token = len(card.prefix_names) + row * card.grid[1] + column
        return AttentionAddress(where, token)

    def _follow(self) -> None:
        wanted, shown, picture = self._wanted(), self._results.attention, self._results.picture
        if shown is not None and (wanted is None or shown.address.input != wanted.input):
            self._results.update(attention=None)
        if wanted is None or picture is None or wanted == self._asked:
            return
        if shown is not None and shown.address == wanted:
            self._request.cancel()
            self._asked = wanted
            return
        self._asked = wanted
        self._request.submit(
            partial(head_attention, address=wanted, pixels=picture.pixels),
            "Reading the attention of all heads",
        )

    def retry(self) -> None:
        self._asked = None
        self._follow()

    @Slot(int, object)
    def _on_finished(self, request_id: int, result: Any) -> None:
        if isinstance(result, HeadAttention) and result.address == self._wanted():
            self._problems.solved(CAUSE)
            self._results.update(attention=result)

    @Slot()
    def _ended(self) -> None:
        shown = self._results.attention
        if shown is None or shown.address != self._asked:
            self._asked = None  # stopped: it can be asked for again
            self._results.update(attention=None)
