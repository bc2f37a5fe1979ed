"""What follows from the two maps that are compared: their difference, how far they agree, how well each fits the truth.

The difference and the agreement are arithmetic over at most 128 x 128 cells and are done in the window's thread, as the
other things that follow from maps; the truth is read from its file in the pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute.addresses import DifferenceAddress
from vitinspect.app.compute.thread_pool import COMPARE, Background, Job
from vitinspect.app.geometry import Placed
from vitinspect.app.services.overlaps import OverlapRequest, overlaps_of
from vitinspect.app.services.second_slot import SecondSlot
from vitinspect.app.session.compared import layer_of_a, layer_of_b
from vitinspect.app.session.results import Results, ShownMap
from vitinspect.app.session.state import State
from vitinspect.errors import DataError

if TYPE_CHECKING:
    from vitinspect.scores.two_maps import Agreement, Placement

DIFFERENCE = "difference"
"""The id under which the difference is shown; no layer of the list has it."""
_MAPS = frozenset({"maps", "fused_maps", "file_maps", "shown_layers", "cuts", "picture"})


@dataclass(frozen=True)
class Compared:
    """How far the two maps agree, and the levels that they were cut at."""

    address: DifferenceAddress
    levels: tuple[float, float]
    agreement: Agreement


class TwoMaps(QObject):
    """Writes ``difference``, ``compared`` and ``truth_overlaps``."""

    def __init__(
        self, state: State, results: Results, second: SecondSlot, pool: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._second, self._pool = state, results, second, pool
        self._asked: tuple[OverlapRequest | None, ...] = ()
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
        """The maps of the two slots, where they are there and are maps of the present picture."""
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
        from vitinspect.scores import two_maps

        results = self._results
        address = DifferenceAddress(first.address, second.address)
        cuts = results.cuts.get(first.id), self._second.results.cuts.get(second.id)
        levels = (cuts[0].level, cuts[1].level) if cuts[0] is not None and cuts[1] is not None else None
        known, said = results.difference, results.compared
        same = known is not None and known.address == address and known.image == first.image
        if same and levels is not None and said is not None and (said.address, said.levels) == (address, levels):
            return
        try:
            common = two_maps.on_common_grid(_placement(first), _placement(second))
        except DataError:
            results.update(difference=None, compared=None)
            return
        if not same:
            known = _difference(first, second, address, common)
        compared = None
        if levels is not None:
            compared = Compared(address, levels, two_maps.agreement(common, levels))
        results.update(difference=known, compared=compared)

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
            self._results.update(truth_overlaps={})
            return
        values = [{one.id: one.values} if one is not None else {} for one in (first, second)]
        work = partial(_overlaps, requests, values)
        self._pool.submit(COMPARE, Job(work, partial(self._done, requests)))

    def _request(self, shown: ShownMap | None, results: Results) -> OverlapRequest | None:
        truth = self._results.truth
        if shown is None or truth is None or truth.mask is None or shown.id not in results.cuts:
            return None
        cut = results.cuts[shown.id]
        return OverlapRequest(truth.mask, shown.placed, ((shown.id, shown.address, cut.level),))

    def _done(self, requests: Any, found: Any, error: BaseException | None) -> None:
        if requests == self._asked:
            self._results.update(truth_overlaps={} if error is not None else found)


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
        model=f"{second.model} less {first.model}",
        target_text="",
    )
