"""Predictions and maps of the methods: from memory, from disk, from the worker; shown by their address alone.

As little as possible is computed: for a changed parameter one method, for a changed class the methods that follow the
class. Every answer is kept under the address that comes with it, whatever is on screen by then; what is
shown is looked up under the addresses that the state asks for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from vitinspect.app.compute import explaining, map_cache
from vitinspect.app.compute.addresses import Address, InputAddress, Target
from vitinspect.app.compute.explaining import Mapped, MapsRequest, Predicted, Refused
from vitinspect.app.compute.thread_pool import CHORES, LOOKUP, Background, Job
from vitinspect.app.compute.worker import Problem, Worker
from vitinspect.app.session.layers import Layer, Layers, computed
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import KEPT, READY, ModelCard, Results, ShownMap
from vitinspect.app.session.state import State
from vitinspect.app.thumbnails import prune
from vitinspect.explainers.registry import Method

CAUSE = "maps"
PREDICTION = "prediction"
_MOST_TIMES = 2000
_ASKS = frozenset({"image", "layers", "target", "fit", "precision"})

Question = tuple[InputAddress, str, Target]
"""An input, a method with its parameters (or the prediction), and the target as it was asked for."""


class MapService(QObject):
    """The maps of one slot.

    Writes the predictions, ``placed``, ``target``, ``maps``, ``kept``, ``pending``, ``refusals`` and ``stopped``.
    """

    _picture_arrived = Signal()

    def __init__(
        self,
        state: State,
        results: Results,
        pool: Background,
        worker: Worker,
        problems: Problems,
        *,
        memory_bytes: int,
        disk_bytes: int,
        use_disk: bool = True,
        slot: str = "",
        memory: map_cache.MemoryCache | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._pool, self._worker = state, results, pool, worker
        self._problems = problems
        self._kind, self._cause = (f"explain_{slot}", f"{CAUSE}_{slot}") if slot else ("explain", CAUSE)
        self.memory = memory if memory is not None else map_cache.MemoryCache(memory_bytes)
        """Shared by both slots: what one of them has, the other need not compute."""
        self._asked_for: set[int] = set()
        """Ids of the requests that were made here, whose answers are kept on disk."""
        self._disk_allowed, self.disk_bytes = use_disk, disk_bytes
        self._looked_for: set[str] = set()
        """Keys that were looked for on disk."""
        self._in_use: dict[str, Mapped | Predicted] = {}
        """What is shown, kept however small the limit of the memory."""
        self._refused: dict[Question, str] = {}
        self._stopped: set[Question] = set()
        self._request: MapsRequest | None = None
        self._request_id = 0
        self._content = ""
        self._asked: tuple[object, ...] | None = None
        """What the layers asked for when they were last read."""
        self._started = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.refresh)
        # Before the window is painted again, where a timer would come after it: a picture whose maps are in memory
        # is never seen without them.
        self._picture_arrived.connect(self._refresh_before_paint, Qt.ConnectionType.QueuedConnection)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        worker.part.connect(self._on_part)
        worker.failed.connect(self._on_failed)
        worker.ended.connect(self._on_ended)

    def start(self) -> None:
        self._started = True
        self._prune_disk()
        self._soon.start()

    def close(self) -> None:
        self._soon.stop()

    @property
    def is_due(self) -> bool:
        """Whether it will read the state as soon as the window is idle."""
        return self._soon.isActive()

    # --- the disk ------------------------------------------------------------------------------------------------

    @property
    def uses_disk(self) -> bool:
        """Whether maps are kept on disk."""
        return self._disk_allowed and self.disk_bytes > 0

    def bound_disk(self, most_bytes: int) -> None:
        """Change the limit for the maps on disk; 0 keeps none."""
        self.disk_bytes = most_bytes
        self._prune_disk()

    def _prune_disk(self) -> None:
        if self._disk_allowed:
            self._pool.submit(CHORES, Job(lambda cancel: prune(map_cache.folder(), self.disk_bytes, cancel)))

    def clear(self) -> None:
        """Forget what is in memory, and look on disk again."""
        self.memory.clear()
        self._looked_for.clear()

    # --- what is asked for ---------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if not self._started or not names & _ASKS:
            return
        if "layers" in names:
            if self._asked_now() == self._asked and not (names - {"layers"}) & _ASKS:
                return  # only how a map is displayed has changed
            # A layer that is removed and added again is requested again.
            wanted = {layer.as_method().key for layer in self._wanted()} | {PREDICTION}
            self._stopped = {question for question in self._stopped if question[1] in wanted}
        self._soon.start()

    def _asked_now(self) -> tuple[object, ...]:
        """The part of the layers that decides which maps are computed."""
        return tuple((layer.id, layer.method, layer.parameters, layer.title) for layer in self._wanted())

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if "picture" in names:
            self._picture_changed()
        if self._started and names & {"picture", "card", "model_state"}:
            self._soon.start()
            self._picture_arrived.emit()

    @Slot()
    def _refresh_before_paint(self) -> None:
        if self._soon.isActive():
            self.refresh()

    def _picture_changed(self) -> None:
        picture = self._results.picture
        content = picture.content if picture is not None else ""
        if content == self._content:
            if picture is not None:
                self._rename()
            return
        self._content = content
        self._stopped.clear()
        self._results.update(
            maps={},
            predictions=(),
            probabilities=None,
            predicted_for=None,
            placed=None,
            target=(),
            refusals={},
            pending=frozenset(),
            stopped=frozenset(),
        )

    def _rename(self) -> None:
        """Another file of the same content: the maps are its maps too."""
        picture = self._results.picture
        assert picture is not None
        name = os.path.basename(picture.path)
        maps = self._results.maps
        self._results.update(maps={k: m if m.image == name else replace(m, image=name) for k, m in maps.items()})

    def _wanted(self) -> Layers:
        """The layers that need a map."""
        return computed(self._state.layers)

    def _input(self) -> tuple[InputAddress, ModelCard] | None:
        """The input that the state asks about, once its picture and a model are there."""
        picture, card, state = self._results.picture, self._results.card, self._state
        if picture is None or card is None or picture.path != state.image:
            return None
        return InputAddress(picture.content, card.fingerprint, state.precision, state.fit), card

    @Slot()
    def refresh(self) -> None:
        """Show what is known for the present state, and request the rest."""
        self._soon.stop()
        self._asked = self._asked_now()
        found = self._input()
        if found is None:
            self._worker.cancel(self._kind)
            return
        where, card = found
        state = self._state
        layers = self._wanted()
        self._show(where, card)
        predicted = self._known(where.text)
        target = predicted.target(state.target) if isinstance(predicted, Predicted) else ()
        waiting = [layer for layer in layers if not self._has_no_answer(where, card, layer)]
        waiting = [layer for layer in waiting if not self._is_there(where, layer.as_method(), target)]
        needs_prediction = predicted is None and not self._is_settled(where, PREDICTION, ())
        if predicted is None and not needs_prediction:
            waiting = []  # without the place of the input, no map can be shown
        # Two layers of the same method and parameters are one map.
        missing = list({method.key: method for method in (layer.as_method() for layer in waiting)}.values())
        waits = bool(missing) or needs_prediction
        self._results.update(pending=frozenset(layer.id for layer in waiting))
        if self._look_on_disk(where, missing, target, needs_prediction):
            return  # called again with what was found
        if not waits:
            self._worker.cancel(self._kind)
            self._request = None
            return
        if self._results.model_state != READY:
            return
        request = MapsRequest(where, tuple(missing), state.target)
        if self._request is not None and self._request.key == request.key and self._worker.knows(self._request_id):
            return
        picture = self._results.picture
        assert picture is not None
        self._request = request
        self._request_id = self._worker.submit(
            self._kind, partial(explaining.explain, request=request, pixels=picture.pixels), _doing(missing)
        )
        self._asked_for.add(self._request_id)

    def _question(self, where: InputAddress, method: Method | str) -> Question:
        if isinstance(method, str):
            return where, method, ()
        return where, method.key, self._state.target if method.info.class_specific else ()

    def _is_settled(self, where: InputAddress, method: Method | str, target: Target) -> bool:
        question = self._question(where, method)
        return question in self._refused or question in self._stopped

    def _has_no_answer(self, where: InputAddress, card: ModelCard, layer: Layer) -> bool:
        """Whether it is known that this map cannot be computed, or is not wanted."""
        by_nature = layer.method in card.refusals and not layer.parameters
        return by_nature or self._is_settled(where, layer.as_method(), ())

    def _is_there(self, where: InputAddress, method: Method, target: Target) -> bool:
        if method.info.class_specific and not target:
            return False
        return self._known(self._address(where, method, target).text) is not None

    @staticmethod
    def _address(where: InputAddress, method: Method, target: Target) -> Address:
        return where.of(method.key, target if method.info.class_specific else ())

    def _known(self, key: str) -> Mapped | Predicted | None:
        return self._in_use.get(key) or self.memory.get(key)

    def _look_on_disk(self, where: InputAddress, missing: Iterable[Method], target: Target, prediction: bool) -> bool:
        """Whether something is being looked for on disk that was not looked for before."""
        if not self.uses_disk:
            return False
        keys = [where.text] if prediction else []
        keys += [
            self._address(where, method, target).text for method in missing if target or not method.info.class_specific
        ]
        keys = [key for key in keys if key not in self._looked_for]
        if not keys:
            return False
        if len(self._looked_for) > 100_000:
            self._looked_for.clear()
        self._looked_for.update(keys)

        def look(cancel: Any) -> list[Mapped | Predicted]:
            return [value for value in map(map_cache.read, keys) if value is not None]

        def done(found: Any, error: BaseException | None) -> None:
            for value in found or ():
                self.memory.put(value)
            self._expect([value for value in found or () if isinstance(value, Mapped)])
            self.refresh()

        self._pool.submit(LOOKUP, Job(look, done, dropped=lambda: self._looked_for.difference_update(keys)))
        return True

    # --- what is shown -------------------------------------------------------------------------------------------

    def _show(self, where: InputAddress, card: ModelCard) -> None:
        """Everything known that the state asks for. While a map is being computed, the earlier one is shown."""
        results, state = self._results, self._state
        predicted = self._known(where.text)
        in_use: dict[str, Mapped | Predicted] = {}
        target: Target = ()
        if isinstance(predicted, Predicted):
            in_use[where.text] = predicted
            target = predicted.target(state.target)
            results.update(
                predicted_for=where,
                predictions=predicted.predictions,
                probabilities=predicted.probabilities,
                placed=predicted.placed,
                target=target,
            )
        elif self._is_settled(where, PREDICTION, ()) and results.predicted_for != where:
            results.update(predicted_for=None, predictions=(), probabilities=None, placed=None, target=())
        maps: dict[str, ShownMap] = {}
        refusals, stopped, waiting = {}, set(), set()
        for layer in self._wanted():
            method, old = layer.as_method(), results.maps.get(layer.id)
            address = self._address(where, method, target)
            mapped = self._known(address.text) if target or not method.info.class_specific else None
            if isinstance(mapped, Mapped) and isinstance(predicted, Predicted):
                in_use[address.text] = mapped
                maps[layer.id] = self._shown(layer, mapped, predicted, card, old)
                continue
            if self._has_no_answer(where, card, layer):
                why = self._why_not(where, card, layer)
                if why:
                    refusals[layer.id] = why
                if self._question(where, method) in self._stopped:
                    stopped.add(layer.id)
                continue
            waiting.add(layer.id)
            if old is not None and old.address.content == where.content:
                maps[layer.id] = old  # until the new one arrives; its address says what it belongs to
        self._in_use = in_use
        if (where, PREDICTION, ()) in self._stopped and predicted is None:
            stopped.add(PREDICTION)
        results.update(
            maps=maps, refusals=refusals, stopped=frozenset(stopped), pending=results.pending & frozenset(waiting)
        )

    def _why_not(self, where: InputAddress, card: ModelCard, layer: Layer) -> str:
        refused = self._refused.get(self._question(where, layer.as_method()))
        if refused:
            return refused
        return "" if layer.parameters else card.refusals.get(layer.method, "")

    def _shown(
        self, layer: Layer, mapped: Mapped, predicted: Predicted, card: ModelCard, old: ShownMap | None
    ) -> ShownMap:
        picture = self._results.picture
        assert picture is not None
        image = os.path.basename(picture.path)
        if old is not None and (old.address, old.title, old.image) == (mapped.address, layer.title, image):
            return old
        return ShownMap(
            id=layer.id,
            title=layer.title,
            address=mapped.address,
            values=mapped.values,
            signed=mapped.signed,
            resolution=mapped.resolution,
            placed=predicted.placed,
            grid=card.grid,
            prefix=len(card.prefix_names),
            image=image,
            model=card.name,
            target_text=card.target_text(mapped.address.target),
            method=layer.method,
        )

    # --- the worker answers --------------------------------------------------------------------------------------

    @Slot(int, object)
    def _on_part(self, request_id: int, part: Any) -> None:
        if isinstance(part, Mapped):
            self._note_time(part)
        if isinstance(part, Mapped | Predicted):
            self.memory.put(part)
            if self.uses_disk and request_id in self._asked_for:
                self._pool.submit(CHORES, Job(lambda cancel: map_cache.write(part)))
        elif isinstance(part, Refused):
            self._refuse(part)
        else:
            return
        found = self._input()
        if found is not None and part.address.content == found[0].content:
            if isinstance(part, Mapped | Predicted):
                # Kept while it is shown, also where the memory is too small for two.
                self._in_use[part.address.text] = part
            self._show(*found)
            if request_id != self._request_id and self._started:
                # The other slot asked for the same: what waited for this, as maps wait for a prediction, can continue.
                self._soon.start()

    def _expect(self, kept: list[Mapped]) -> None:
        """Take expected times from maps on disk, for methods that were not computed since."""
        known = {(m.address.input.model, m.key): m.seconds for m in kept if m.seconds is not None}
        self._results.update(measured={**known, **self._results.measured})

    def _note_time(self, part: Mapped) -> None:
        if part.seconds is None:
            return
        seconds = dict(list(self._results.seconds.items())[-_MOST_TIMES:])
        measured = {**self._results.measured, (part.address.input.model, part.key): part.seconds}
        self._results.update(seconds={**seconds, part.address.text: part.seconds}, measured=measured)

    def _refuse(self, part: Refused) -> None:
        """Refused for the target that was asked for, which may be "the predicted class"."""
        where = part.address.input
        self._refused[where, part.address.method, part.address.target] = part.message
        predicted = self._known(where.text)
        if part.address.target and isinstance(predicted, Predicted) and predicted.target(()) == part.address.target:
            self._refused[where, part.address.method, ()] = part.message

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        request = self._request
        if request is None or request_id != self._request_id:
            return
        for question in self._questions(request):
            self._refused[question] = problem.message
        self._problems.report(self._cause, problem)
        self.refresh()

    def _questions(self, request: MapsRequest) -> list[Question]:
        questions: list[Question] = [
            (request.input, m.key, request.asked if m.info.class_specific else ()) for m in request.methods
        ]
        if self._known(request.input.text) is None:
            questions.append((request.input, PREDICTION, ()))
        return questions

    @Slot(int)
    def _on_ended(self, request_id: int) -> None:
        self._asked_for.discard(request_id)
        if request_id == self._request_id and not self._worker.knows(request_id):
            self._request, self._request_id = None, 0
            found = self._input()
            if found is not None:
                self._results.update(pending=frozenset())
                self._show(*found)

    # --- the person asks -----------------------------------------------------------------------------------------

    def keep(self, shown: ShownMap | None) -> None:
        """Keep a copy of a map for comparison, also when another model is loaded."""
        self._results.update(kept=None if shown is None else replace(shown, id=KEPT))

    def cancel(self) -> None:
        """Stop what is being computed; each method that is stopped says so."""
        found = self._input()
        if found is not None:
            where, card = found
            stopped = [layer for layer in self._wanted() if layer.id in self._results.pending]
            self._stopped |= {self._question(where, layer.as_method()) for layer in stopped}
            if self._request is not None and self._known(where.text) is None:
                self._stopped.add((where, PREDICTION, ()))
            self._results.update(pending=frozenset())
            self._show(where, card)
        self._request = None
        self._worker.cancel(self._kind)

    def retry(self) -> None:
        """Compute again what failed or was stopped."""
        self._refused.clear()
        self._stopped.clear()
        self._problems.solved(self._cause)
        self.refresh()


def _doing(missing: list[Method]) -> str:
    if not missing:
        return "Predicting"
    if len(missing) == 1:
        return f"Computing {missing[0].info.title}"
    return f"Computing {len(missing)} maps"
