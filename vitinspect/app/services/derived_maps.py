"""What follows from the maps by arithmetic alone: the fused map, the cuts, the agreement of pairs.

Each is kept under the address of the map that it was made of.

None of it runs a model. It is done in the window's own thread, because it takes a millisecond or two and must be on
the screen in the same frame as the slider that asked for it. What a slider does not change is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Slot

from vitinspect.app.compute.addresses import Address, FusedAddress, MapAddress
from vitinspect.app.session.layers import FUSED
from vitinspect.app.session.results import KEPT, Results, ShownMap
from vitinspect.app.session.state import LEVELS, State
from vitinspect.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np

    from vitinspect.scores.pairs import Agreement

_FUSION = frozenset({"fusion", "fusion_mode", "fusion_normalise", "weights", "methods"})
_CUTS = frozenset({"threshold_mode", "threshold_value", "outline"})

CUTS: dict[str, tuple[str, str, float, float, float]] = {
    # mode: (its parameter in vitinspect.thresholds, unit, lowest, highest, where it begins)
    "otsu": ("", "", *LEVELS["otsu"], 0.5),
    "fixed": ("level", "of the range", *LEVELS["fixed"], 0.5),
    "percentile": ("percentile", "%", *LEVELS["percentile"], 75.0),
    "top_fraction": ("fraction", "of the image", *LEVELS["top_fraction"], 0.25),
    "mean": ("", "", *LEVELS["mean"], 0.5),
    "mean_std": ("k", "std above the mean", *LEVELS["mean_std"], 1.0),
}


@dataclass(frozen=True, eq=False)
class Cut:
    """A map cut into a mask."""

    level: float
    """In the map's own units; the mask is what lies above."""
    share: float
    """Of what the model sees."""
    mask: np.ndarray


class DerivedMaps(QObject):
    """Writes ``fused``, ``cuts`` and ``agreements``."""

    def __init__(self, state: State, results: Results, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state, self.results = state, results
        self._prepared: dict[tuple[MapAddress, str, tuple[int, int]], Any] = {}
        self._kept_cuts: dict[tuple[MapAddress, str, float], Cut] = {}
        # Rank correlations need sorting: they wait for the slider to rest.
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(150)
        self._rest.timeout.connect(self._agree)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)

    def close(self) -> None:
        self._rest.stop()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & _FUSION:
            self._fuse()
        if names & _CUTS:
            self._cut()
        if names & (_FUSION | _CUTS):
            self._rest.start()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if "maps" in names:
            alive = {m.address for m in self.results.maps.values()}
            self._prepared = {k: v for k, v in self._prepared.items() if k[0] in alive}
            self._fuse()
            self._cut()
            self._rest.start()
        elif names & {"fused", "kept"}:
            self._cut()

    # --- fusion --------------------------------------------------------------------------------------------------

    def weight(self, method_id: str) -> float:
        return float(self.state.weights.get(method_id, 1.0))

    def _fuse(self) -> None:
        used = [m for m in self.results.maps.values() if self.weight(m.id) > 0]
        if not self.state.fusion or len(used) < 2:
            self.results.update(fused=None)
            return
        if len({m.address.input for m in used}) > 1:
            # Some are on their way: what was fused before stays until then, and is what it says.
            fused = self.results.fused
            if fused is not None and (fused.address.content != used[0].address.content or not self.results.pending):
                self.results.update(fused=None)
            return
        from vitinspect.fusion import fuse

        members = [m.address for m in used if isinstance(m.address, Address)]
        weights = [self.weight(m.id) for m in used]
        address = FusedAddress(tuple(members), tuple(weights), self.state.fusion_mode, self.state.fusion_normalise)
        fused = self.results.fused
        first = used[0]
        if fused is not None and fused.address == address and fused.image == first.image:
            return
        size = (max(m.values.shape[0] for m in used), max(m.values.shape[1] for m in used))
        arrays = [self._prepare(m, address.normalisation, size) for m in used]
        targets = list(dict.fromkeys(m.target_text for m in used if m.target_text))
        self.results.update(
            fused=ShownMap(
                id=FUSED,
                title="Fused",
                address=address,
                values=fuse(arrays, address.mode, weights),
                signed=False,
                resolution="patch" if size == first.grid else "pixel",
                placed=first.placed,
                grid=first.grid,
                prefix=first.prefix,
                image=first.image,
                model=first.model,
                target_text=", ".join(targets),
            )
        )

    def _prepare(self, shown: ShownMap, how: str, size: tuple[int, int]) -> Any:
        """A map as it enters the fusion: its positive part, in the common size, on the common scale."""
        key = (shown.address, how, size)
        if key not in self._prepared:
            import numpy as np

            from vitinspect.maps import normalise, resize

            values = np.clip(shown.values, 0, None) if shown.signed else shown.values
            values = values if values.shape == size else resize(values, size)
            self._prepared[key] = normalise(values, how)
        return self._prepared[key]

    # --- cuts ----------------------------------------------------------------------------------------------------

    def cut(self, shown: ShownMap) -> Cut:
        """The mask of one map by the mode and value of the state."""
        mode, value = self.state.threshold_mode, self.state.threshold_value
        key = (shown.address, mode, value)
        if key in self._kept_cuts:
            return self._kept_cuts[key]
        from vitinspect.thresholds import threshold

        name, _, low, high, _ = CUTS[mode]
        options = {name: min(max(value, low), high)} if name else {}
        made = threshold(shown.heat.fine, mode, **options)
        cut = Cut(made.level, made.share, made.mask)
        if len(self._kept_cuts) > 64:
            self._kept_cuts.clear()
        self._kept_cuts[key] = cut
        return cut

    def _cut(self) -> None:
        maps = dict(self.results.all_maps)
        if self.results.kept is not None:
            maps[KEPT] = self.results.kept
        alive = {m.address for m in maps.values()}
        self._kept_cuts = {k: v for k, v in self._kept_cuts.items() if k[0] in alive}
        try:
            cuts = {key: self.cut(shown) for key, shown in maps.items()}
        except ParameterError:
            cuts = {}  # the number belongs to another mode; the panel sets one that fits
        self.results.update(cuts=cuts)

    # --- agreement -----------------------------------------------------------------------------------------------

    def _agree(self) -> None:
        from vitinspect.scores.pairs import agreement

        maps = self.results.maps
        found: list[Agreement] = []
        if self.state.fusion and len(maps) > 1:
            arrays = {key: shown.values for key, shown in maps.items()}
            found = agreement(arrays, {key: self.results.cuts[key].mask for key in maps})
        self.results.update(agreements=tuple(found))
