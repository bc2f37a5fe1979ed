"""Masks as layers: those found beside the picture change with it; a consensus is made of the annotators' masks."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from vitinspect.app.compute.thread_pool import LOOKUP, Background, Job
from vitinspect.app.services.annotation_files import KNOWN, AnnotationFile
from vitinspect.app.services.mask_files import SHAPES, MaskFile, MaskFinder, consensus_of, is_label, read_mask
from vitinspect.app.session.layers import ANNOTATOR, CONSENSUS, MASK_COLOURS, TRUTH, Layer
from vitinspect.app.session.results import Results, ShownMask
from vitinspect.app.session.state import State
from vitinspect.errors import VitInspectError


@dataclass(frozen=True)
class Wanted:
    """The masks of one picture, by the ids of their layers; a file that was written again is a different one."""

    picture: str
    size: tuple[int, int]
    masks: tuple[tuple[str, MaskFile], ...]
    written: tuple[tuple[str, int], ...]


class MaskLayers(QObject):
    """Writes ``masks`` and ``mask_problems``, and keeps the found layers those of the present picture."""

    files_read = Signal()
    """More masks of the pictures in a folder are known than before."""

    def __init__(
        self,
        state: State,
        results: Results,
        pool: Background,
        finder: MaskFinder,
        blind: Callable[[], bool] = lambda: False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._pool, self._finder, self._blind = state, results, pool, finder, blind
        self._found: tuple[Layer, ...] | None = None
        """The masks beside the picture; None until they were looked for."""
        self._looks: dict[str, dict[str, Any]] = {}
        """How the found layers looked, for the next picture that has a mask of the same kind."""
        self._people = False
        """Whether the people's masks are seen at first where there is a truth."""
        self._asked: Wanted | None = None
        self._reading: list[AnnotationFile] = []
        """Files about many pictures that are being read."""
        self._read_for: tuple[tuple[str, str], ...] = ()
        """The consensus layers that were last asked for."""
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "workspace" in names:
            self._finder.forget()  # masks may have been drawn
            self.follow()
        elif "layers" in names:
            for layer in self._state.layers:
                if layer.found:
                    self._looks[layer.id] = {"visible": layer.visible, "colour": layer.colour}
            self._keep_found()
            if self._consensus_layers() != self._read_for:
                self._read()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"picture", "card"}:
            self.follow()

    @Slot(str)
    def drawn(self, image: str) -> None:
        """A mask of this picture was written: where the picture is shown with its layers, it is one of them."""
        self._finder.forget()
        picture = self._results.picture
        if picture is not None and picture.path == image and self._state.workspace != "masks":
            self._read(look=True)

    def follow(self) -> None:
        """Look beside the present picture."""
        picture = self._results.picture
        if picture is None:
            self._found, self._asked = None, None
            self._results.update(masks={}, mask_problems={})
            return
        if self._asked is not None and self._asked.picture != picture.path:
            self._results.update(masks={}, mask_problems={})
        unread = self._finder.unread(picture.path)
        if unread and unread != self._reading:
            self._reading = list(unread)
            self._pool.submit(LOOKUP, Job(partial(_read_files, unread), self._files_read, self._reading.clear))
        self._read(look=True)

    def _files_read(self, result: Any, error: BaseException | None) -> None:
        self._reading = []
        if error is None:
            self._read(look=True)
            self.files_read.emit()

    def show_people(self, on: bool) -> None:
        """Show or hide the masks of annotators, on this picture and on the following ones until this is changed."""
        self._people = on
        state = self._state
        people = {layer.id for layer in state.layers if layer.found and layer.kind == ANNOTATOR}
        for key, look in self._looks.items():
            if key in people or key.startswith("annotator "):
                self._looks[key] = {**look, "visible": on}
        state.set(layers=tuple(replace(one, visible=on) if one.id in people else one for one in state.layers))

    # --- which -----------------------------------------------------------------------------------------------------

    def _beside(self) -> dict[str, tuple[Layer, MaskFile]]:
        picture, card = self._results.picture, self._results.card
        labels = card.labels if card is not None else ()
        found: dict[str, tuple[Layer, MaskFile]] = {}
        for mask in self._finder.masks(picture.path) if picture is not None else ():
            layer = layer_of(mask, labels)
            if layer.kind == TRUTH or not self._blind():
                found.setdefault(layer.id, (layer, mask))
        return found

    def _consensus_layers(self) -> tuple[tuple[str, str], ...]:
        """Their ids, and how each is made."""
        return tuple((layer.id, layer.group) for layer in self._state.layers if layer.kind == CONSENSUS)

    def _read(self, *, look: bool = False) -> None:
        """Have the masks of the picture read, where that was not asked for already."""
        picture = self._results.picture
        if picture is None:
            return
        beside = self._beside()
        self._read_for = self._consensus_layers()
        masks = [(key, mask) for key, (_, mask) in beside.items()]
        people = tuple(mask for layer, mask in beside.values() if layer.kind == ANNOTATOR)
        masks += [(key, consensus_of(people, how)) for key, how in self._read_for]
        written = tuple((mask.path, _time(mask.path)) for _, mask in beside.values())
        wanted = Wanted(picture.path, picture.size, tuple(masks), written)
        if wanted == self._asked:
            if look:
                self._found = self._present(beside)
                self._keep_found()
            return
        self._asked = wanted
        if not masks:
            self._done(wanted, beside, ({}, {}), None)
            return
        self._pool.submit(LOOKUP, Job(partial(read_all, wanted), partial(self._done, wanted, beside)))

    def _done(
        self, wanted: Wanted, beside: dict[str, tuple[Layer, MaskFile]], found: Any, error: BaseException | None
    ) -> None:
        if wanted != self._asked:
            return
        masks, problems = found if error is None else ({}, {key: str(error) for key, _ in wanted.masks})
        self._results.update(masks=masks, mask_problems=problems)
        self._found = self._present(beside)
        self._keep_found()

    def _present(self, beside: dict[str, tuple[Layer, MaskFile]]) -> tuple[Layer, ...]:
        """Of a file with a class per value, the classes that occur in it."""
        masks = self._results.masks
        return tuple(
            layer
            for key, (layer, mask) in beside.items()
            if mask.value is None or key not in masks or masks[key].share > 0
        )

    def _keep_found(self) -> None:
        """Make the found layers those of this picture: remove others, add new ones at the end."""
        if self._found is None:
            return
        found = {layer.id: layer for layer in self._found}
        layers: list[Layer] = []
        for layer in self._state.layers:
            if layer.id in found:
                made = found.pop(layer.id)
                layers.append(replace(layer, kind=made.kind, group=made.group, label=made.label, path=made.path))
            elif not layer.found:
                layers.append(layer)
        layers += [self._as_before(layer) for layer in found.values()]
        if tuple(layers) != self._state.layers:
            self._state.set(layers=tuple(layers))

    def _as_before(self, layer: Layer) -> Layer:
        # Where there is a truth, its outline is shown at first, and those of people are hidden.
        truth = any(one.kind == TRUTH for one in self._found or ())
        look = self._looks.get(layer.id, {"visible": layer.kind == TRUTH or not truth or self._people})
        if layer.kind == ANNOTATOR and not look.get("colour"):
            taken = {one.get("colour") for one in self._looks.values()}
            free = [colour for colour in MASK_COLOURS if colour not in taken]
            look = {**look, "colour": (free or MASK_COLOURS)[0]}
        self._looks[layer.id] = look
        return replace(layer, **look)


def layer_of(mask: MaskFile, labels: tuple[str, ...]) -> Layer:
    """The layer of a mask that lies beside a picture."""
    look: dict[str, Any] = {"label": mask.label, "path": mask.path, "found": True, "shown_as": "outline"}
    if mask.value is not None or mask.picture:
        return Layer(f"truth {mask.label}", TRUTH, **look)
    if not mask.group:
        return Layer("truth", TRUTH, **look)
    if mask.second:
        return Layer("truth second object", TRUTH, group="masks-second", **look)
    if mask.group == SHAPES:
        return Layer(f"truth {SHAPES}", TRUTH, group=SHAPES, **look)
    if is_label(mask.group, labels):
        return Layer(f"truth {mask.group}", TRUTH, **{**look, "label": mask.group})
    return Layer(f"annotator {mask.group}", ANNOTATOR, group=mask.group, **look)


def read_all(wanted: Wanted, cancel: Any) -> tuple[dict[str, ShownMask], dict[str, str]]:
    """The masks that can be read and fit the picture, and why the others do not."""
    masks, problems = {}, {}
    for key, mask in wanted.masks:
        cancel.check()
        try:
            made = ShownMask(key, mask, read_mask(mask, wanted.size))
            made.lines, made.share  # noqa: B018 - computed here, so that the window does not wait for them
            masks[key] = made
        except VitInspectError as error:
            problems[key] = str(error)
    return masks, problems


def _read_files(files: Sequence[AnnotationFile], cancel: Any) -> None:
    for file in files:
        cancel.check()
        KNOWN.read(file)


def _time(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
