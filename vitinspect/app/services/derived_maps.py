"""What follows from the maps by arithmetic alone: fused maps, masks at thresholds, the agreement of pairs.

Each is kept under the address of the map that it was made of.

None of it runs a model. It is done in the window's own thread, because it takes a millisecond or two and must be on
the screen in the same frame as the slider that asked for it. What a slider does not change is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Slot

from vitinspect.app.compute.addresses import Address, FusedAddress, MapAddress
from vitinspect.app.identity import Same
from vitinspect.app.session.layers import FUSED, Layer, title_in
from vitinspect.app.session.results import KEPT, Results, ShownMap
from vitinspect.app.session.state import LEVELS, State
from vitinspect.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np

    from vitinspect.scores.pairs import Agreement, Ranked

CUTS: dict[str, tuple[str, str, float, float, float]] = {
    # mode: (its parameter in vitinspect.thresholds, unit, lowest, highest, where it begins)
    "otsu": ("", "", *LEVELS["otsu"], 0.5),
    "fixed": ("level", "of the range", *LEVELS["fixed"], 0.5),
    "percentile": ("percentile", "%", *LEVELS["percentile"], 75.0),
    "top_fraction": ("fraction", "of the image", *LEVELS["top_fraction"], 0.25),
    "mean": ("", "", *LEVELS["mean"], 0.5),
    "mean_std": ("k", "std above the mean", *LEVELS["mean_std"], 1.0),
}

KEPT_CUTS = 4
"""How many masks are kept for one map while a slider is dragged."""


@dataclass(frozen=True, eq=False)
class Cut:
    """A map cut into a mask."""

    level: float
    """In the map's own units; the mask is what lies above."""
    share: float
    """Of what the model sees."""
    mask: np.ndarray


class DerivedMaps(QObject):
    """Writes ``fused_maps``, ``shown_layers``, ``cuts`` and ``agreements``."""

    def __init__(self, state: State, results: Results, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state, self.results = state, results
        self._prepared: dict[tuple[MapAddress, str, str, tuple[int, int]], Any] = {}
        self._ranked: dict[tuple[Same, tuple[int, int]], Ranked] = {}
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
        if "layers" in names:
            self._follow()
        elif names & {"plots", "plot", "compare_tab", "workspace"}:
            self._rest.start()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"maps", "file_maps", "kept"}:
            alive = {m.address for m in self._sources().values()}
            self._prepared = {k: v for k, v in self._prepared.items() if k[0] in alive}
            self._follow()

    def _follow(self) -> None:
        shown = tuple(layer.id for layer in self.state.layers if layer.visible)
        self.results.update(shown_layers=shown, fused_maps=self._all_fused())
        self._cut()
        self._rest.start()

    def _sources(self) -> dict[str, ShownMap]:
        """What can be fused."""
        return {**self.results.maps, **self.results.file_maps}

    # --- fusion --------------------------------------------------------------------------------------------------

    def _all_fused(self) -> dict[str, ShownMap]:
        found = {}
        for layer in self.state.layers:
            if layer.kind == FUSED and layer.visible:
                fused = self._fused(layer, self.results.fused_maps.get(layer.id))
                if fused is not None:
                    found[layer.id] = fused
        return found

    def _fused(self, layer: Layer, old: ShownMap | None) -> ShownMap | None:
        """The fused map of a layer; the earlier one while members are being computed."""
        sources = self._sources()
        used = [(sources[m.layer], m.weight) for m in layer.members if m.layer in sources and m.weight > 0]
        if len(used) < 2:
            return None
        first = used[0][0]
        if len({shown.placed for shown, _ in used}) > 1:
            return None  # a map of tiles lies elsewhere on the picture than the model's input
        if len({shown.address.input for shown, _ in used}) > 1:
            stays = old is not None and old.address.content == first.address.content and self.results.pending
            return old if stays else None
        address = FusedAddress(
            tuple(shown.address for shown, _ in used if isinstance(shown.address, Address)),
            tuple(weight for _, weight in used),
            layer.fusion_mode,
            layer.normalisation,
        )
        title = title_in(self.state.layers, layer)
        if old is not None and (old.address, old.title, old.image) == (address, title, first.image):
            return old
        from vitinspect.fusion import fuse

        maps = [shown for shown, _ in used]
        size = (max(m.values.shape[0] for m in maps), max(m.values.shape[1] for m in maps))
        arrays = [self._prepare(m, address, size) for m in maps]
        targets = list(dict.fromkeys(m.target_text for m in maps if m.target_text))
        return replace(
            first,
            id=layer.id,
            title=title,
            address=address,
            values=fuse(arrays, address.mode, address.weights),
            signed=False,
            resolution="patch" if size == first.grid else "pixel",
            target_text=", ".join(targets),
            method="",
        )

    def _prepare(self, shown: ShownMap, address: FusedAddress, size: tuple[int, int]) -> Any:
        """A map as it enters the fusion: without negative values, in the common size, on the common scale."""
        key = (shown.address, address.mode, address.normalisation, size)
        if key not in self._prepared:
            from vitinspect.fusion import entering
            from vitinspect.maps import AttributionMap, normalise, resize

            values = entering(AttributionMap(shown.values, shown.id, signed=shown.signed), "positive", address.mode)
            values = values if values.shape == size else resize(values, size)
            self._prepared[key] = normalise(values, address.normalisation)
        return self._prepared[key]

    # --- cuts ----------------------------------------------------------------------------------------------------

    def cut(self, shown: ShownMap) -> Cut:
        """The mask of one map by the mode and value of its layer."""
        layer = self.state.layer(shown.id)
        mode = layer.threshold_mode if layer is not None else self.state.threshold_mode
        value = layer.threshold_value if layer is not None else self.state.threshold_value
        kept = shown.heat.cuts
        if (mode, value) in kept:
            known: Cut = kept[mode, value]
            return known
        from vitinspect.thresholds import threshold

        name, _, low, high, _ = CUTS[mode]
        options: dict[str, Any] = {name: min(max(value, low), high)} if name else {}
        made = threshold(shown.heat.fine, mode, **options)
        cut = Cut(made.level, made.share, made.mask)
        while len(kept) >= KEPT_CUTS:
            del kept[next(iter(kept))]
        kept[mode, value] = cut
        return cut

    def _cut(self) -> None:
        maps = dict(self.results.all_maps)
        if self.results.kept is not None:
            maps[KEPT] = self.results.kept
        cuts = {}
        for key, shown in maps.items():
            try:
                cuts[key] = self.cut(shown)
            except ParameterError:
                continue  # the number belongs to another mode; the panel sets one that fits
        self.results.update(cuts=cuts)

    # --- agreement -----------------------------------------------------------------------------------------------

    def _comparable(self) -> dict[str, ShownMap]:
        """The shown maps that lie where the model's input does."""
        placed = self.results.placed
        return {key: m for key, m in self.results.all_maps.items() if m.placed == placed}

    def _agree(self) -> None:
        from vitinspect.scores.pairs import agreement_of_ranks

        maps = {key: m for key, m in self._comparable().items() if key not in self.results.fused_maps}
        inputs = {shown.address.input for shown in maps.values()}
        state = self.state
        tab = state.compare_tab if state.workspace == "compare" else state.plot
        wanted = state.fusion or (state.plots and tab == "agreement")
        found: list[Agreement] = []
        if wanted and len(maps) > 1 and len(inputs) == 1 and set(maps) <= set(self.results.cuts):
            found = agreement_of_ranks(self._ranks(maps), {key: self.results.cuts[key].mask for key in maps})
        self.results.update(agreements=tuple(found))

    def _ranks(self, maps: dict[str, ShownMap]) -> dict[str, Ranked]:
        """By layer; a map is sorted once, and not again for each place of its threshold."""
        from vitinspect.maps import values_of
        from vitinspect.scores.pairs import finest, ranked_at

        size = finest(shown.values for shown in maps.values())
        known, self._ranked = self._ranked, {}
        for shown in maps.values():
            key = Same(shown.values), size
            self._ranked[key] = known[key] if key in known else ranked_at(values_of(shown.values), size)
        return {layer: self._ranked[Same(shown.values), size] for layer, shown in maps.items()}
