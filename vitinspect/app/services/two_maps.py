"""What follows from the two maps that are compared: their difference, how far they agree, how well each fits the truth.

The difference and the agreement are arithmetic over at most 128 x 128 cells and are computed in the window's thread,
like other things that follow from maps; the truth is read from its file in the pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute.addresses import DifferenceAddress
from vitinspect.app.compute.thread_pool import COMPARE, Background, Job
from vitinspect.app.geometry import Placed
from vitinspect.app.identity import Same
from vitinspect.app.services.overlaps import KnownOverlaps, OverlapRequest, overlaps_of
from vitinspect.app.services.second_slot import SecondSlot
from vitinspect.app.session.compared import layer_of_a, layer_of_b
from vitinspect.app.session.results import Results, ShownMap
from vitinspect.app.session.state import State
from vitinspect.errors import DataError

if TYPE_CHECKING:
    from vitinspect.scores.two_maps import Agreement, Placement

DIFFERENCE = "difference"
"""The id under which the difference is shown; no layer of the list has it."""
Levels = tuple[float, float]
Pair = tuple[DifferenceAddress, str, Same, Same]
"""Address, name of the picture, and the values of both."""
_MOST = 12
"""Pairs of maps whose difference is kept: exchanging goes through four, and through some levels of each."""
_MAPS = frozenset({"maps", "fused_maps", "file_maps", "shown_layers", "cuts", "picture"})


@dataclass(frozen=True)
class Compared:
    """How far the two maps agree, and the levels that they were cut at."""

    address: DifferenceAddress
    levels: Levels
    agreement: Agreement


class TwoMaps(QObject):
    """Writes ``difference``, ``compared`` and ``truth_overlaps``."""

    def __init__(
        self, state: State, results: Results, second: SecondSlot, pool: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._second, self._pool = state, results, second, pool
        self._asked: tuple[OverlapRequest | None, ...] = ()
        self._known: dict[tuple[Pair, Levels | None], tuple[ShownMap, Compared | None]] = {}
        """The last ones, so that slots that are exchanged back and forth find theirs."""
        self._scored = KnownOverlaps()
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        second.results.changed.connect(self._results_changed)

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"layers", "selected", "workspace", "slot_b", "image"}:
            self._follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & (_MAPS | {"truth"}):
            self._follow()

    def pair(self) -> tuple[ShownMap | None, ShownMap | None]:
        """The maps of the two slots, where they exist and are maps of the present picture."""
        state, picture = self._state, self._results.picture
        if not self._second.is_shown or picture is None:
            return None, None
        found = []
        for results, layer in (
            (self._results, layer_of_a(state.layers, state.selected)),
            (self._second.results, layer_of_b(state.layers, state.selected)),
        ):
            shown = results.all_maps.get(layer.id) if layer is not None else None
            found.append(shown if shown is not None and shown.address.content == picture.content else None)
        return found[0], found[1]

    def _follow(self) -> None:
        first, second = self.pair()
        both = first is not None and second is not None
        if first is None or second is None:
            self._results.update(difference=None, compared=None)
        else:
            self._subtract(first, second)
        self._score(first if both else None, second if both else None)

    def _subtract(self, first: ShownMap, second: ShownMap) -> None:
        results = self._results
        address = DifferenceAddress(first.address, second.address)
        cuts = results.cuts.get(first.id), self._second.results.cuts.get(second.id)
        levels = (cuts[0].level, cuts[1].level) if cuts[0] is not None and cuts[1] is not None else None
        pair = (address, first.image, Same(first.values), Same(second.values))
        key = (pair, levels)
        if key not in self._known:
            made = self._made(first, second, pair, levels)
            if made is None:
                results.update(difference=None, compared=None)
                return
            while len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            self._known[key] = made
        difference, compared = self._known[key]
        results.update(difference=difference, compared=compared)

    def _made(
        self, first: ShownMap, second: ShownMap, pair: Pair, levels: Levels | None
    ) -> tuple[ShownMap, Compared | None] | None:
        """The difference and how far both agree; None where they see no common part of the picture."""
        from vitinspect.scores import two_maps

        try:
            common = two_maps.on_common_grid(_placement(first), _placement(second))
        except DataError:
            return None
        # Another level leaves the difference as it is.
        known = next((made for (of, _), (made, _) in self._known.items() if of == pair), None)
        difference = known or _difference(first, second, pair[0], common)
        compared = Compared(pair[0], levels, two_maps.agreement(common, levels)) if levels is not None else None
        return difference, compared

    # --- the truth -----------------------------------------------------------------------------------------------

    def _score(self, first: ShownMap | None, second: ShownMap | None) -> None:
        requests = (
            self._request(first, self._results),
            self._request(second, self._second.results),
        )
        if requests == self._asked:
            return
        self._asked = requests
        self._pool.clear(COMPARE)
        if not any(requests):
            self._scored.clear()
            self._results.update(truth_overlaps={})
            return
        known = {}
        for letter, request in zip("AB", requests, strict=True):
            found = self._scored.of(request) if request is not None else {}
            if found:
                known[letter] = next(iter(found.values()))
        rest = tuple(None if letter in known else one for letter, one in zip("AB", requests, strict=True))
        if not any(rest):
            self._results.update(truth_overlaps=known)
            return
        values = [{one.id: one.values} if one is not None else {} for one in (first, second)]
        work = partial(_overlaps, rest, values)
        self._pool.submit(COMPARE, Job(work, partial(self._done, requests, known)))

    def _request(self, shown: ShownMap | None, results: Results) -> OverlapRequest | None:
        truth = self._results.truth
        if shown is None or truth is None or truth.mask is None or shown.id not in results.cuts:
            return None
        cut = results.cuts[shown.id]
        return OverlapRequest(truth.mask, shown.placed, ((shown.id, shown.address, cut.level),))

    def _done(self, requests: Any, known: dict[str, Any], found: Any, error: BaseException | None) -> None:
        if error is None:
            for letter, request in zip("AB", requests, strict=True):
                if letter in found:
                    self._scored.put(request, {request.cuts[0][0]: found[letter]})
        if requests == self._asked:
            self._results.update(truth_overlaps={} if error is not None else {**known, **found})


def _overlaps(requests: Any, values: list[dict[str, Any]], cancel: Any) -> dict[str, Any]:
    found = {}
    for letter, request, arrays in zip("AB", requests, values, strict=True):
        if request is not None:
            found[letter] = next(iter(overlaps_of(request, arrays, cancel).values()))
    return found


def _placement(shown: ShownMap) -> Placement:
    from vitinspect.scores.two_maps import Placement

    return Placement(shown.values, shown.placed.box, shown.placed.visible, shown.signed)


def _difference(first: ShownMap, second: ShownMap, address: DifferenceAddress, common: Any) -> ShownMap:
    import numpy as np

    from vitinspect.scores import two_maps

    values = two_maps.difference(common, signed=(first.signed, second.signed)).astype(np.float32)
    rows, columns = values.shape
    left, top, right, bottom = common.box
    # Smooth edges are interpolated on a grid as fine as that of the finer model.
    fine = max(max(first.placed.input_size), max(second.placed.input_size)) / max(rows, columns)
    size = max(1, round(rows * fine)), max(1, round(columns * fine))
    return ShownMap(
        id=DIFFERENCE,
        title="Difference",
        address=address,
        values=values,
        signed=True,
        resolution=first.resolution if first.resolution == second.resolution else "pixel",
        placed=Placed(size, first.placed.original_size, (left, top, right, bottom)),
        grid=(rows, columns),
        prefix=0,
        image=first.image,
        model=f"{second.model} minus {first.model}",
        target_text="",
    )
