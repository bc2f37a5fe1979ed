"""The model, loaded in the worker. Where one cannot be loaded, the working one stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute import model_cards, model_loading
from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.compute.thread_pool import CHORES, Background, Job
from vitinspect.app.compute.worker import Problem, Worker
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import FAILED, LOADING, READY, ModelCard, Results
from vitinspect.app.session.state import State
from vitinspect.errors import VitInspectError

CAUSE = "model"
_CARDS = 200


class LoadedCards:
    """What is known about the models that were loaded last, in either slot, so that exchanging them takes no time."""

    def __init__(self) -> None:
        self._cards: dict[tuple[str, str], ModelCard] = {}

    def note(self, source: str, device: str, card: ModelCard) -> None:
        self._cards.pop((source, device), None)
        self._cards[source, device] = card
        while len(self._cards) > _CARDS:
            self._cards.pop(next(iter(self._cards)))

    def recall(self, source: str, device: str, precision: str) -> ModelCard | None:
        found = self._cards.get((source, device))
        return None if found is None else replace(found, precision=precision)


class ModelService(QObject):
    """The model of one slot. Writes ``card``, ``model_state``, ``model_error``, ``model_names`` and ``devices``.

    ``beside`` says which model the other slot holds, which is to stay loaded.
    """

    def __init__(
        self,
        state: State,
        results: Results,
        pool: Background,
        worker: Worker,
        problems: Problems,
        *,
        loader: model_loading.Loader | None = None,
        remember: bool = True,
        slot: str = "",
        beside: Callable[[], tuple[str, str] | None] = lambda: None,
        cards: LoadedCards | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._pool, self._worker = state, results, pool, worker
        self._problems = problems
        self._kind, self._cause = (f"load_{slot}", f"{CAUSE}_{slot}") if slot else ("load", CAUSE)
        self._beside, self._cards = beside, cards or LoadedCards()
        self.loader = loader
        self._remember = remember and loader is None
        self._started = False
        self._request = 0
        self._texts_request = 0
        self._asked = ("", "")
        """Source and device of what is being loaded."""
        self._after = ""
        """Why another model could not be loaded, where this one is loaded again in its place."""
        self._good: tuple[str, str] | None = None
        """Source and device of the last model that could be loaded."""
        self._failed: tuple[str, str] | None = None
        """Source and device that could not be loaded."""
        state.changed.connect(self._state_changed)
        worker.part.connect(self._on_part)
        worker.finished.connect(self._on_finished)
        worker.failed.connect(self._on_failed)

    def start(self) -> None:
        self._started = True
        self.load()

    @property
    def started(self) -> bool:
        """Whether a model was asked for."""
        return self._started

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if not self._started:
            return
        if names & {"model", "device"}:
            self.load()
        elif "precision" in names and self._results.card is not None:
            self._results.update(card=replace(self._results.card, precision=self._state.precision))

    def load(self, *, after: str = "") -> None:
        """Load the model of the state; one that is loaded is used at once. ``after``: the error of a model that failed.

        Until it is ready, the earlier one stays on screen.
        """
        state = self._state
        known = self._cards.recall(state.model, state.device, state.precision)
        if known is None and self._remember:
            known = model_cards.recall_card(state.model, state.precision)
        self._results.update(model_state=LOADING, model_error=after, card=known or self._results.card)
        self._after = after
        self._asked = (state.model, state.device)
        self._request = self._worker.submit(
            self._kind,
            partial(
                model_loading.load,
                source=state.model,
                device=state.device,
                precision=state.precision,
                loader=self.loader,
                beside=self._beside(),
                everywhere=partial(self._pool.in_every_thread, timeout=2.0),
            ),
            f"Loading {short_source(state.model)}",
        )

    def save_texts(self, path: str) -> None:
        """Write the embeddings of the texts that are the model's classes."""
        card = self._results.card
        if card is not None:
            work = partial(model_loading.save_texts, model=card.fingerprint, path=path)
            self._texts_request = self._worker.submit("texts", work, "Saving the embeddings of the texts")

    def retry(self) -> None:
        """Load again what could not be loaded."""
        failed, self._failed = self._failed, None
        if failed is None:
            return
        if (self._state.model, self._state.device) == failed:
            self.load()
        else:
            self._state.set(model=failed[0], device=failed[1])

    @Slot(int, object)
    def _on_part(self, request_id: int, part: Any) -> None:
        if isinstance(part, model_loading.Names):
            self._results.update(model_names=part.models, devices=part.devices)

    @Slot(int, object)
    def _on_finished(self, request_id: int, card: Any) -> None:
        if not isinstance(card, ModelCard) or request_id != self._request:
            return
        state = self._state
        self._good = self._asked
        if not self._after:
            self._failed = None
            self._problems.solved(self._cause)
            self._results.update(head_choices=(), head_choices_of="")
        changes: dict[str, Any] = {
            "recent_models": (card.source, *(s for s in state.recent_models if s != card.source))[:10]
        }
        if any(index >= len(card.labels) for index in state.target):
            changes["target"] = ()
        state.set(**changes)
        if card.precision != state.precision:
            card = replace(card, precision=state.precision)
        self._cards.note(*self._asked, card)
        self._results.update(card=card, model_state=READY)
        if self._remember:
            self._pool.submit(CHORES, Job(lambda cancel: model_cards.remember_card(card)))

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        if request_id == self._texts_request:
            self._problems.report("texts", problem)
        if request_id != self._request:
            return
        self._request = 0
        good, self._good = self._good, None
        if not self._after:
            self._failed = self._asked
            self._results.update(head_choices_of=self._asked[0], head_choices=problem.choices)
        if self._after or good is None or good == self._asked:
            self._results.update(model_state=FAILED, model_error=self._after or problem.message, card=None)
        else:
            # The working model is used again; usually the worker still has it.
            self._started = False
            self._state.set(model=good[0], device=good[1])
            self._started = True
            self.load(after=problem.message)
        self._problems.report(self._cause, problem)


def short_source(source: str) -> str:
    """A model's source in short: the last part of a path."""
    try:
        return ModelSource.parse(source).short
    except VitInspectError:
        return source  # loading it reports what is wrong with it
