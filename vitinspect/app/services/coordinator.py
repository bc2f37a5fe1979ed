"""Looks at what the state asks for and gets what is missing: from memory, from disk, from the worker.

It is the only one who knows both the state and the worker. It asks for as little as it can: a parameter that
changes costs one method, a class that changes costs the methods that follow the class.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from vitinspect.app.compute import explaining, map_cache
from vitinspect.app.compute.explaining import Mapped, Predicted, Refused
from vitinspect.app.compute.thread_pool import AHEAD, CHORES, DECODE, LOOKUP, Background, Job
from vitinspect.app.compute.worker import Problem, Worker
from vitinspect.app.listing import ImageList
from vitinspect.app.pictures import Picture, PictureCache, decode
from vitinspect.app.services.evaluation_run import RunScores
from vitinspect.app.services.mask_files import MaskFinder
from vitinspect.app.session.results import FAILED, LOADING, READY, Address, ModelCard, Progress, Results, ShownMap
from vitinspect.app.session.state import State
from vitinspect.app.thumbnails import prune
from vitinspect.errors import ImageError
from vitinspect.explainers.registry import Method

_log = logging.getLogger(__name__)

_MODEL = frozenset({"model", "device"})
_MAPS = frozenset({"methods", "parameters", "target", "fit", "precision"})


class Coordinator(QObject):
    """Keeps the results in step with the state."""

    trouble = Signal(object)
    """A ``Problem`` that the person should see."""

    def __init__(
        self,
        state: State,
        results: Results,
        listing: ImageList,
        background: Background,
        worker: Worker,
        *,
        loader: explaining.Loader | None = None,
        map_bytes: int = 128 << 20,
        picture_bytes: int = 512 << 20,
        use_disk: bool = True,
        map_disk_bytes: int = 512 << 20,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.state, self.results, self.listing = state, results, listing
        self.background, self.worker = background, worker
        self.pictures = PictureCache(picture_bytes)
        self.memory = map_cache.MemoryCache(map_bytes)
        self._may_use_disk = use_disk
        self.map_disk_bytes = map_disk_bytes
        self._loader = loader
        self._looked: set[str] = set()
        self._load_id = self._explain_id = 0
        self._explain_for: tuple[Picture, ModelCard, tuple[int, ...]] | None = None
        self._doing: dict[int, str] = {}
        self._decoding = ""
        self._failed_for: Any = None
        self._started = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.refresh)
        state.changed.connect(self._state_changed)
        worker.started.connect(self._on_started)
        worker.progressed.connect(self._on_progress)
        worker.part.connect(self._on_part)
        worker.finished.connect(self._on_finished)
        worker.failed.connect(self._on_failed)
        worker.ended.connect(self._on_ended)
        listing.listed.connect(self._on_listed)
        listing.failed.connect(self._on_list_failed)
        self.runs = RunScores(state, results, listing, background, self)
        self.runs.trouble.connect(self.trouble)

    def start(self) -> None:
        """Begin: read the folder, decode the picture, load the model. After the first paint."""
        self._started = True
        self.runs.start()
        self._open_listing()
        if self.state.image:
            self._open_picture()
        self._load_model()
        self.background.submit(CHORES, Job(_load_arithmetic))
        self._prune_disk()

    @property
    def use_disk(self) -> bool:
        """Whether maps are kept on disk."""
        return self._may_use_disk and self.map_disk_bytes > 0

    def bound_disk(self, most_bytes: int) -> None:
        """Another bound for the maps on disk; 0 keeps none."""
        self.map_disk_bytes = most_bytes
        self._prune_disk()

    def _prune_disk(self) -> None:
        if self._may_use_disk:
            self.background.submit(CHORES, Job(lambda cancel: prune(map_cache.folder(), self.map_disk_bytes, cancel)))

    def close(self) -> None:
        self._soon.stop()
        self.listing.close()

    # --- the state asks ------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if not self._started:
            return
        if names & {"folder", "recursive", "files"}:
            self._open_listing()
        if names & {"filter", "only_masked", "only_class"}:
            self.listing.filter_by(self.state.filter, self._accept())
        if "plots" in names:
            self._prepare_plots()
        if "image" in names:
            self._open_picture()
        if names & _MODEL:
            self._load_model()
        elif "precision" in names and self.results.card is not None:
            self.results.update(card=replace(self.results.card, precision=self.state.precision))
        if names & _MAPS:
            self._failed_for = None
            self._soon.start()

    # --- folder --------------------------------------------------------------------------------------------------

    def _open_listing(self) -> None:
        if self.state.files:
            self.listing.open_files(self.state.files)
        else:
            self.listing.open(self.state.folder, self.state.recursive)

    @Slot(bool)
    def _on_listed(self, complete: bool) -> None:
        self.results.update(folder_size=self.listing.total)
        # The first picture of a folder shows by itself, but the filter does not take the shown one away.
        if self.state.files:
            inside = self.state.image in self.state.files
        else:
            inside = os.path.dirname(self.state.image) == self.state.folder or (
                self.state.recursive and self.state.image.startswith(os.path.join(self.state.folder, ""))
            )
        if self.listing.rowCount() and not (self.state.image and inside) and not self.state.filter:
            self.state.set(image=self.listing.path_at(0))

    @Slot(str)
    def _on_list_failed(self, message: str) -> None:
        self.trouble.emit(Problem(message, "", True))

    def _accept(self) -> Callable[[str], bool] | None:
        """The condition on a picture, besides its name."""
        if self.state.only_masked:
            return MaskFinder().filter()
        wanted, known = self.state.only_class, self.results.known_classes
        return (lambda path: known.get(path) == wanted) if wanted else None

    def _note_class(self) -> None:
        results = self.results
        if results.predictions and results.picture is not None:
            label = results.predictions[0].label
            if results.known_classes.get(results.picture.path) != label:
                results.update(known_classes={**results.known_classes, results.picture.path: label})

    # --- picture -------------------------------------------------------------------------------------------------

    def _open_picture(self) -> None:
        path = self.state.image
        self.background.clear(AHEAD)
        if not path:
            self.worker.cancel("explain")
            self._show_nothing("")
            return
        found = self.pictures.get(path)
        if found is not None:
            self._show(found)
        elif self._decoding != path:
            self._decoding = path
            self.worker.cancel("explain")
            self.background.clear(DECODE)
            self.background.submit(DECODE, Job(partial(_decode, path), partial(self._decoded, path)))

    def reload_picture(self) -> None:
        """The file may have changed on disk."""
        self._decoding = ""
        self._open_picture()

    def _decoded(self, path: str, picture: Any, error: BaseException | None) -> None:
        if path == self._decoding:
            self._decoding = ""
        if error is None:
            self.pictures.put(picture)
        if path != self.state.image:
            return
        if error is not None:
            if not isinstance(error, ImageError):
                _log.error("Decoding %s failed", path, exc_info=error)
            self._show_nothing(str(error) if isinstance(error, ImageError | MemoryError) else f"{path}: {error}")
            return
        self._show(picture)

    def _show_nothing(self, message: str) -> None:
        self.results.update(
            picture=None,
            picture_path=self.state.image,
            picture_error=message,
            maps={},
            predictions=(),
            probabilities=None,
            placed=None,
            target=(),
            refusals={},
            pending=frozenset(),
        )

    def _show(self, picture: Picture) -> None:
        if self.results.picture is not picture:
            self._failed_for = None
            self.results.update(
                picture=picture,
                picture_path=picture.path,
                picture_error="",
                maps={},
                predictions=(),
                probabilities=None,
                placed=None,
                target=(),
                refusals={},
                pending=frozenset(),
            )
        self.refresh()
        self._decode_ahead()

    def _decode_ahead(self) -> None:
        for path in reversed(self.pictures.missing(self.listing.around(self.state.image))):
            self.background.submit(AHEAD, Job(partial(_decode, path), self._decoded_ahead))

    def _decoded_ahead(self, picture: Any, error: BaseException | None) -> None:
        if error is None and self.pictures.get(picture.path) is None:
            self.pictures.put(picture)
            if picture.path == self.state.image and self.results.picture is not picture:
                self._show(picture)

    # --- model ---------------------------------------------------------------------------------------------------

    def _load_model(self) -> None:
        state = self.state
        self.worker.cancel("explain")
        self._failed_for = None
        known = map_cache.recall_card(state.model, state.precision) if self.use_disk and self._loader is None else None
        self.results.update(
            model_state=LOADING, model_error="", card=known, maps={}, predictions=(), refusals={}, known_classes={}
        )
        self.state.set(only_class="")
        self._load_id = self.worker.submit(
            "load",
            partial(
                explaining.load, source=state.model, device=state.device, precision=state.precision, loader=self._loader
            ),
            f"Loading {short_source(state.model)}",
        )
        self._soon.start()

    def _prepare_plots(self) -> None:
        """Only where plots are wanted: half a second of Python is felt, also from another thread."""
        if self.state.plots:
            self.background.submit(CHORES, Job(_load_plots))

    def _loaded(self, card: ModelCard) -> None:
        if self.state.precision != card.precision:
            card = replace(card, precision=self.state.precision)
        self.results.update(card=card, model_state=READY)
        self._prepare_plots()
        if self.use_disk and self._loader is None:
            self.background.submit(CHORES, Job(lambda cancel: map_cache.remember_card(card)))
        recent = (card.source, *(s for s in self.state.recent_models if s != card.source))[:10]
        changes: dict[str, Any] = {"recent_models": recent}
        if any(index >= len(card.labels) for index in self.state.target):
            changes["target"] = ()
        self.state.set(**changes)
        self._soon.start()

    # --- maps ----------------------------------------------------------------------------------------------------

    @Slot()
    def refresh(self) -> None:
        """Take what is there for the present state, and ask for the rest."""
        self._soon.stop()
        picture, card, state = self.results.picture, self.results.card, self.state
        if picture is None or card is None or picture.path != state.image:
            return
        chosen = state.chosen()
        predicted = self._recall(
            map_cache.prediction_key(picture.content, card.fingerprint, state.precision, state.fit)
        )
        target: tuple[int, ...] = state.target
        if isinstance(predicted, Predicted):
            target = target or predicted.target
            self.results.update(
                predictions=predicted.predictions,
                probabilities=predicted.probabilities,
                placed=predicted.placed,
                target=target,
            )
            self._note_class()
        missing = [] if isinstance(predicted, Predicted) else [None]
        wanted: list[Method] = []
        maps: dict[str, ShownMap] = {}
        for method in chosen:
            address = self._address(method, picture, card, target)
            old = self.results.maps.get(method.id)
            if old is not None and old.address == address:
                maps[method.id] = old
                continue
            found = self._recall(address.text) if target or not method.info.class_specific else None
            if isinstance(found, Mapped) and self.results.placed is not None:
                maps[method.id] = self._shown(found, address, picture, card)
                continue
            if old is not None and old.address.content == address.content:
                maps[method.id] = old  # stays until the new one is there; it says itself what it belongs to
            if card.refusals.get(method.id) is None or state.parameters.get(method.id):
                wanted.append(method)
        refusals = {m.id: card.refusals[m.id] for m in chosen if m.id in card.refusals and m not in wanted}
        kept_refusals = {k: v for k, v in self.results.refusals.items() if k in {m.id for m in chosen}}
        self.results.update(maps=maps)
        if self._look_on_disk(picture, card, wanted, target, isinstance(predicted, Predicted)):
            return  # comes back here with what was found
        request = (picture.content, card.fingerprint, tuple(m.key for m in wanted), target, state.precision, state.fit)
        if not wanted and not missing:
            self.worker.cancel("explain")
            self.results.update(pending=frozenset(), refusals=refusals)
            return
        if self.results.model_state != READY:
            self.results.update(pending=frozenset(m.id for m in wanted), refusals=refusals)
            return
        if request == self._failed_for:
            self.results.update(pending=frozenset(), refusals={**refusals, **kept_refusals})
            return
        running = self.worker.knows(self._explain_id) and self._request == request
        if running:
            return
        self._request = request
        self.results.update(pending=frozenset(m.id for m in wanted), refusals=refusals)
        self._explain_for = (picture, card, state.target)
        self._explain_id = self.worker.submit(
            "explain",
            partial(
                explaining.explain,
                pixels=picture.pixels,
                wanted=wanted,
                target=state.target,
                precision=state.precision,
                fit=state.fit,
            ),
            _doing(wanted),
        )

    _request: Any = None

    def _address(self, method: Method, picture: Picture, card: ModelCard, target: tuple[int, ...]) -> Address:
        own = target if method.info.class_specific else ()
        return Address(picture.content, card.fingerprint, method.key, own, self.state.precision, self.state.fit)

    def _recall(self, key: str) -> Mapped | Predicted | None:
        return self.memory.get(key)

    def _look_on_disk(
        self,
        picture: Picture,
        card: ModelCard,
        wanted: Sequence[Method],
        target: tuple[int, ...],
        predicted: bool,
    ) -> bool:
        """Whether something is being looked for on disk that was not looked for before."""
        if not self.use_disk:
            return False
        keys = (
            []
            if predicted
            else [map_cache.prediction_key(picture.content, card.fingerprint, self.state.precision, self.state.fit)]
        )
        keys += [
            self._address(method, picture, card, target).text
            for method in wanted
            if target or not method.info.class_specific
        ]
        keys = [key for key in keys if key not in self._looked]
        if not keys:
            return False
        self._looked.update(keys)
        if len(self._looked) > 100_000:
            self._looked = set(keys)

        def done(found: Any, error: BaseException | None) -> None:
            for key, value in (found or {}).items():
                self.memory.put(key, value)
            self.refresh()

        def look(cancel: Any) -> dict[str, Any]:
            found = {key: map_cache.read(key) for key in keys}
            return {key: value for key, value in found.items() if value is not None}

        self.background.submit(LOOKUP, Job(look, done, dropped=lambda: self._looked.difference_update(keys)))
        return True

    def _keep(self, key: str, value: Mapped | Predicted) -> None:
        self.memory.put(key, value)
        if self.use_disk:
            self.background.submit(CHORES, Job(lambda cancel: map_cache.write(key, value)))

    def _shown(self, mapped: Mapped, address: Address, picture: Picture, card: ModelCard) -> ShownMap:
        from vitinspect.explainers.registry import methods

        info = methods()[mapped.method]
        assert self.results.placed is not None
        return ShownMap(
            id=mapped.method,
            title=info.title,
            address=address,
            values=mapped.values,
            signed=mapped.signed,
            resolution=mapped.resolution,
            placed=self.results.placed,
            grid=card.grid,
            prefix=len(card.prefix_names),
            image=os.path.basename(picture.path),
            model=card.name,
            target_text=card.target_text(address.target),
        )

    # --- the worker answers --------------------------------------------------------------------------------------

    @Slot(int, str)
    def _on_started(self, request_id: int, doing: str) -> None:
        self._doing[request_id] = doing
        self.results.update(progress=Progress(doing))

    @Slot(int, int, int)
    def _on_progress(self, request_id: int, done: int, total: int) -> None:
        if request_id in self._doing and self.worker.knows(request_id):
            self.results.update(progress=Progress(self._doing[request_id], done, total))

    @Slot(int)
    def _on_ended(self, request_id: int) -> None:
        self._doing.pop(request_id, None)
        if not self._doing and not self.worker.busy:
            self.results.update(progress=None)
        if request_id == self._explain_id and self.results.pending:
            # Cancelled by hand: what is missing is not coming.
            self.results.update(pending=frozenset())

    @Slot(int, object)
    def _on_part(self, request_id: int, part: Any) -> None:
        if isinstance(part, explaining.Names):
            self.results.update(model_names=part.models, devices=part.devices)
        if request_id != self._explain_id or self._explain_for is None:
            return
        picture, card, asked = self._explain_for
        if self.results.picture is not picture or self.results.card is None:
            return
        state = self.state
        if isinstance(part, Predicted):
            key = map_cache.prediction_key(picture.content, card.fingerprint, state.precision, state.fit)
            plain = (
                part if not asked else replace(part, target=(part.predictions[0].index,) if part.predictions else ())
            )
            self._keep(key, plain)
            self.results.update(
                predictions=part.predictions,
                probabilities=part.probabilities,
                placed=part.placed,
                target=part.target,
            )
            self._note_class()
        elif isinstance(part, Mapped):
            method = next((m for m in state.chosen() if m.key == part.key), None)
            if method is None:
                return
            address = self._address(method, picture, card, self.results.target)
            self._keep(address.text, part)
            self._put(self._shown(part, address, picture, card))
        elif isinstance(part, Refused):
            old = {k: v for k, v in self.results.maps.items() if k != part.method}
            self.results.update(
                refusals={**self.results.refusals, part.method: part.message},
                pending=self.results.pending - {part.method},
                maps=old,
            )

    def _put(self, shown: ShownMap) -> None:
        """In the order of the methods, whatever order they arrive in."""
        everything = {**self.results.maps, shown.id: shown}
        order = [m for m in self.state.methods if m in everything]
        order += [key for key in everything if key not in order]
        self.results.update(maps={key: everything[key] for key in order}, pending=self.results.pending - {shown.id})

    @Slot(int, object)
    def _on_finished(self, request_id: int, result: Any) -> None:
        if request_id == self._load_id and isinstance(result, ModelCard):
            self._loaded(result)
        elif request_id == self._explain_id:
            if self.results.refusals:
                self._failed_for = self._request
            self.results.update(pending=frozenset())

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        if request_id == self._load_id:
            self.results.update(
                model_state=FAILED, model_error=problem.message, card=None, maps={}, predictions=(), pending=frozenset()
            )
        elif request_id == self._explain_id:
            self._failed_for = self._request
            self.results.update(pending=frozenset())
        self.trouble.emit(problem)

    # --- the person asks -----------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop what runs. Loading goes on: without a model there is nothing to show."""
        for kind in ("scores", "attention", "explain", "probe", "network", "aggregate"):
            self.worker.cancel(kind)
        self._failed_for = self._request
        self.results.update(pending=frozenset())

    def clear_caches(self) -> None:
        """In memory and on disk."""
        from vitinspect.app import thumbnails

        self.memory.clear()
        self.pictures.clear()
        self._looked.clear()

        def work(cancel: Any) -> None:
            thumbnails.prune(thumbnails.folder(), 0, cancel)
            thumbnails.prune(map_cache.folder(), 0, cancel)

        self.background.submit(CHORES, Job(work))

    def retry(self) -> None:
        """Do again what failed or was cancelled."""
        self._failed_for = None
        self.results.update(refusals={})
        if self.results.model_state == FAILED:
            self._load_model()
        if self.results.picture is None:
            self.reload_picture()
        self.refresh()


def _decode(path: str, cancel: Any) -> Picture:
    return decode(path, cancel)


def _load_arithmetic(cancel: Any) -> None:
    """Import what the panels compute with, so that no slider waits for an import."""
    for name in ("vitinspect.thresholds", "vitinspect.fusion", "vitinspect.scores.pairs", "vitinspect.files"):
        cancel.check()
        importlib.import_module(name)


def _load_plots(cancel: Any) -> None:
    importlib.import_module("pyqtgraph")


def _doing(wanted: Sequence[Method]) -> str:
    if not wanted:
        return "Predicting"
    if len(wanted) == 1:
        return f"Computing {wanted[0].info.title}"
    return f"Computing {len(wanted)} maps"


def short_source(source: str) -> str:
    """A model's source in few words: the last part of a path."""
    return os.path.basename(source.rstrip(os.sep)) if os.sep in source else source


Loader = Callable[..., Any]
