"""How well the maps that are shown fit the mask of the target."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute.addresses import MapAddress
from vitinspect.app.compute.thread_pool import OVERLAP, Background, Job
from vitinspect.app.geometry import Placed
from vitinspect.app.services.mask_files import MaskFile, MaskFinder, TruthChoice, choose_truth, chosen_truth, read_mask
from vitinspect.app.session.results import Results, ShownMap
from vitinspect.app.session.state import State
from vitinspect.errors import VitInspectError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class OverlapRequest:
    """Which cuts of which maps are compared with which mask."""

    mask: MaskFile
    placed: Placed
    cuts: tuple[tuple[str, MapAddress, float], ...]
    """Key, address and level of each map."""


class KnownOverlaps:
    """The numbers of the last cuts, as long as the files of their masks stay as they are."""

    MOST = 64

    def __init__(self) -> None:
        self._found: dict[object, Any] = {}

    def clear(self) -> None:
        self._found.clear()

    def of(self, request: OverlapRequest) -> dict[str, Any]:
        """The known numbers among those that are asked for, by key."""
        rest = self._where(request)
        return {cut[0]: self._found[rest, cut] for cut in request.cuts if (rest, cut) in self._found}

    def put(self, request: OverlapRequest, found: Mapping[str, Any]) -> None:
        rest = self._where(request)
        self._found.update({(rest, cut): found[cut[0]] for cut in request.cuts if cut[0] in found})
        while len(self._found) > self.MOST:
            del self._found[next(iter(self._found))]

    @staticmethod
    def _where(request: OverlapRequest) -> object:
        stamps = []
        for one in request.mask.of or (request.mask,):
            try:
                info = os.stat(one.path)
                stamps.append((info.st_mtime_ns, info.st_size))
            except OSError:
                stamps.append((0, 0))
        return request.mask, request.placed, tuple(stamps)


class OverlapService(QObject):
    """Writes ``truth``, ``overlaps`` and ``mask_error``."""

    def __init__(self, state: State, results: Results, pool: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state, self._results, self._pool = state, results, pool
        self.masks = MaskFinder()
        self._asked: OverlapRequest | None = None
        self._known = KnownOverlaps()
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"plots", "annotator", "selected", "scored_mask"}:
            self._follow()
        if "folder" in names:
            self.masks.forget()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"cuts", "maps", "shown_layers", "picture", "card", "target", "predicted_for", "masks"}:
            self._follow()

    def reload(self) -> None:
        """Read again: masks may have been added or removed."""
        self.masks.forget()
        self._known.clear()
        self._asked = None
        self._follow()

    def _truth(self) -> TruthChoice | None:
        results = self._results
        if results.picture is None or results.card is None or not results.target:
            return None
        labels = results.card.labels
        target = results.card.label(results.target[0])
        chosen = results.masks.get(self._state.scored_mask)
        if chosen is not None:
            return chosen_truth(chosen.mask, target)
        return choose_truth(self.masks.masks(results.picture.path), target, labels, self._state.annotator)

    def _follow(self) -> None:
        results, truth = self._results, self._truth()
        if truth != results.truth:
            results.update(truth=truth)
        request = self._request(truth)
        if request is None:
            self._asked = None
            results.update(overlaps={}, mask_error="")
            return
        if request == self._asked:
            return
        if self._asked is None or request.mask != self._asked.mask:
            results.update(overlaps={})
        self._asked = request
        self._pool.clear(OVERLAP)
        known = self._known.of(request)
        rest = replace(request, cuts=tuple(cut for cut in request.cuts if cut[0] not in known))
        if not rest.cuts:
            results.update(overlaps=known, mask_error="")
            return
        values = {key: results.all_maps[key].values for key, _, _ in rest.cuts}
        self._pool.submit(OVERLAP, Job(partial(overlaps_of, rest, values), partial(self._done, request, known)))

    def _request(self, truth: TruthChoice | None) -> OverlapRequest | None:
        results = self._results
        if truth is None or truth.mask is None or results.placed is None:
            return None
        maps = {key: shown for key, shown in results.all_maps.items() if key in results.cuts and self._fits(shown)}
        if not self._state.plots:
            # The row of the collapsed tabs shows those of the selected layer.
            chosen = self._state.selected_layer
            maps = {key: shown for key, shown in maps.items() if chosen is not None and key == chosen.id}
        cuts = tuple((key, shown.address, results.cuts[key].level) for key, shown in maps.items())
        return OverlapRequest(truth.mask, results.placed, cuts) if cuts else None

    def _fits(self, shown: ShownMap) -> bool:
        """Whether this map is one of the input and the target that are asked about, and not an older one."""
        results = self._results
        if shown.address.input != results.predicted_for or shown.placed != results.placed:
            return False
        return not shown.address.target or shown.address.target == results.target

    def _done(self, request: OverlapRequest, known: dict[str, Any], found: Any, error: BaseException | None) -> None:
        if error is None:
            self._known.put(request, found)
        if request != self._asked:
            return
        if error is None:
            self._results.update(overlaps={key: {**known, **found}[key] for key, _, _ in request.cuts}, mask_error="")
            return
        message = str(error) if isinstance(error, VitInspectError) else f"{request.mask.path}: {error}"
        self._results.update(overlaps={}, mask_error=message)


def overlaps_of(request: OverlapRequest, values: Mapping[str, np.ndarray], cancel: Any) -> dict[str, Any]:
    """Compare each map and its cut with the mask, on the model's input; padding around the picture is left out."""
    import numpy as np

    from vitinspect.evaluation.mask_codings import IGNORED
    from vitinspect.maps import resize
    from vitinspect.models.placement import Placement
    from vitinspect.scores.masks import overlap

    placed = request.placed
    truth = read_mask(request.mask, placed.original_size)
    placement = Placement(placed.input_size, placed.original_size, placed.box)
    inside = placement.mask_to_input(np.ones(placed.original_size, dtype=np.uint8))
    seen = np.where(inside, placement.mask_to_input(truth), IGNORED)
    found = {}
    for key, _, level in request.cuts:
        cancel.check()
        fine = resize(values[key], placed.input_size)
        found[key] = overlap(fine > level, seen, fine, ignore=IGNORED)
    return found
