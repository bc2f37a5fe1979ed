"""Maps from files, as layers: read in the pool, laid over the model's input by their size."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute.addresses import InputAddress
from vitinspect.app.compute.thread_pool import LOOKUP, Background, Job
from vitinspect.app.geometry import Placed
from vitinspect.app.session.layers import FILE, Layer, needed
from vitinspect.app.session.results import ModelCard, Results, ShownMap
from vitinspect.app.session.state import State
from vitinspect.errors import VitInspectError

if TYPE_CHECKING:
    from vitinspect.map_files import FittedMap

_FOLLOWS = frozenset({"picture", "card", "placed", "predicted_for"})


@dataclass(frozen=True)
class FileRequest:
    """Which file, over which input."""

    path: str
    grid: tuple[int, int]
    placed: Placed


@dataclass(frozen=True, eq=False)
class FileAnswer:
    """The map in a file, or why there is none."""

    fitted: FittedMap | None
    digest: str = ""
    refusal: str = ""


class MapFileService(QObject):
    """Writes ``file_maps`` and ``file_refusals``."""

    def __init__(self, state: State, results: Results, pool: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state, self._results, self._pool = state, results, pool
        self._answers: dict[FileRequest, FileAnswer] = {}
        """What was read for the present picture."""
        self._asked: set[FileRequest] = set()
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"layers", "image"}:
            self.follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & _FOLLOWS:
            self.follow()

    def reload(self) -> None:
        """Read the files again: they may have changed on disk."""
        self._answers.clear()
        self._asked.clear()
        self.follow()

    def _input(self) -> tuple[InputAddress, ModelCard, Placed] | None:
        """The input that is shown; None while it is not known where it lies on the picture."""
        results = self._results
        picture, card, placed, where = results.picture, results.card, results.placed, results.predicted_for
        if picture is None or card is None or placed is None or where is None:
            return None
        if picture.path != self._state.image or where.content != picture.content or where.model != card.fingerprint:
            return None
        return where, card, placed

    def follow(self) -> None:
        """Show what was read for the present layers, and read the rest."""
        layers = needed(self._state.layers, FILE)
        found = self._input() if layers else None
        maps: dict[str, ShownMap] = {}
        refusals: dict[str, str] = {}
        wanted = set()
        if found is not None:
            where, card, placed = found
            for layer in layers:
                path, refusal = self._path_of(layer)
                if refusal:
                    refusals[layer.id] = refusal
                    continue
                request = FileRequest(path, card.grid, placed)
                wanted.add(request)
                answer = self._answers.get(request)
                if answer is None:
                    self._read(request)
                elif answer.fitted is None:
                    refusals[layer.id] = answer.refusal
                else:
                    maps[layer.id] = self._shown(layer, path, answer, where, card, placed)
        self._answers = {request: answer for request, answer in self._answers.items() if request in wanted}
        self._results.update(file_maps=maps, file_refusals=refusals)

    def _path_of(self, layer: Layer) -> tuple[str, str]:
        """The file for the picture that is shown, or why there is none."""
        from vitinspect.map_files import PICTURE, map_of
        from vitinspect.names import shown

        image = self._state.image
        if PICTURE in layer.path:
            return map_of(layer.path, image), ""
        if layer.image and os.path.normpath(layer.image) != os.path.normpath(image):
            own, other = os.path.basename(layer.path), os.path.basename(layer.image)
            return "", f"{shown(own)} is a map of the picture {shown(other)}."
        return layer.path, ""

    def _read(self, request: FileRequest) -> None:
        if request in self._asked:
            return
        self._asked.add(request)

        def done(answer: Any, error: BaseException | None) -> None:
            self._asked.discard(request)
            if error is not None:
                answer = FileAnswer(None, refusal=f"{os.path.basename(request.path)} cannot be read: {error}.")
            self._answers[request] = answer
            self.follow()

        dropped = partial(self._asked.discard, request)
        self._pool.submit(LOOKUP, Job(partial(_read, request), done, dropped=dropped))

    def _shown(
        self, layer: Layer, path: str, answer: FileAnswer, where: InputAddress, card: ModelCard, placed: Placed
    ) -> ShownMap:
        from vitinspect.names import shown

        picture, fitted = self._results.picture, answer.fitted
        assert picture is not None
        assert fitted is not None
        grid = card.grid
        if (place := fitted.place) is not None:
            rows, columns = fitted.values.shape
            placed, grid = Placed(place.input_size, place.original_size, place.box), (int(rows), int(columns))
        address = where.of(f"file {shown(os.path.basename(path))} {answer.digest[:16]}")
        image = os.path.basename(picture.path)
        old = self._results.file_maps.get(layer.id)
        if old is not None and (old.address, old.title, old.image, old.placed) == (address, layer.title, image, placed):
            return old
        return ShownMap(
            id=layer.id,
            title=layer.title,
            address=address,
            values=fitted.values,
            signed=fitted.signed,
            resolution=fitted.resolution,
            placed=placed,
            grid=grid,
            prefix=len(card.prefix_names),
            image=image,
            model=(fitted.place.model if fitted.place is not None else "") or "another tool",
            target_text="",
        )


def _read(request: FileRequest, cancel: Any) -> FileAnswer:
    from vitinspect.map_files import fit, read_map_file

    try:
        found = read_map_file(request.path)
        return FileAnswer(fit(found, request.grid, request.placed), found.digest)
    except VitInspectError as error:
        return FileAnswer(None, refusal=str(error))
