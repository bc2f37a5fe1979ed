"""Which maps the panes hold, in each layout, from the state and the results. No Qt."""

from __future__ import annotations

from vitinspect.app.canvas.missing import Missing, missing_maps
from vitinspect.app.session import layers as layering
from vitinspect.app.session.results import Results, ShownMap
from vitinspect.app.session.state import State

MapOrMissing = ShownMap | Missing


class Slots:
    """One slot for each pane: a map, or the placeholder of one that is missing."""

    def __init__(self, state: State, results: Results) -> None:
        self._state, self._results = state, results

    @property
    def missing(self) -> dict[str, Missing]:
        """Layer id -> the placeholder in its pane, for the visible maps that are missing."""
        return missing_maps(self._state, self._results)

    def shown(self) -> list[MapOrMissing]:
        """What the panes hold, from left to right."""
        state = self._state
        if state.show == "image":
            return []
        if state.layout == "grid":
            return self._grid()
        if state.layout == "swipe":
            first = self.first()
            second = self.second(first)
            if first is not None and second is not None:
                return [first, second]
        active = self.active()
        return [active] if active is not None else []

    def _grid(self) -> list[MapOrMissing]:
        maps, missing, kept = self._results.all_maps, self.missing, self._results.kept_map()
        every: list[MapOrMissing] = [
            maps.get(layer.id) or missing[layer.id]
            for layer in self._state.layers
            if layer.id in maps or layer.id in missing
        ]
        return every if kept is None or not every else [*every, kept]

    def by_layer(self) -> dict[str, MapOrMissing]:
        """The visible maps and the placeholders of the missing ones, in the order of the layers."""
        every: dict[str, MapOrMissing] = {**self._results.all_maps, **self.missing}
        order = [layer.id for layer in self._state.layers if layer.id in every]
        return {layer: every[layer] for layer in dict.fromkeys([*order, *every])}

    def active(self) -> MapOrMissing | None:
        """That of the selected layer, else the first one."""
        every = self.by_layer()
        return every.get(self._state.active) or next(iter(every.values()), None)

    def first(self) -> MapOrMissing | None:
        """The left of the swipe: the map marked A, else the selected one."""
        marked = layering.marked(self._state.layers, "A")
        return (self.by_layer().get(marked.id) if marked is not None else None) or self.active()

    def second(self, first: MapOrMissing | None) -> MapOrMissing | None:
        """The right of the swipe: the map marked B, else the selected one if not A, else a kept one, else the next."""
        if first is None:
            return None
        every, active, kept = self.by_layer(), self.active(), self._results.kept
        others = [slot for slot in every.values() if slot.id != first.id]
        chosen = every.get(self._state.second)
        if chosen is not None and chosen.id != first.id:
            return chosen
        if active is not None and active.id != first.id:
            return active
        if kept is not None and self.fits(kept):
            return kept
        return others[0] if others else None

    def fits(self, shown: ShownMap) -> bool:
        """Whether a map is one of the picture that is shown."""
        picture = self._results.picture
        return picture is not None and shown.address.content == picture.content
