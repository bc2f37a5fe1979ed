"""Layers whose colours mean the same on each picture keep the widest range that their maps had."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute.addresses import FusedAddress, MapAddress
from vitinspect.app.ranges import automatic, wider
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State


class SharedRanges(QObject):
    """Writes ``low`` and ``high`` of the layers whose range is shared by pictures."""

    def __init__(self, state: State, results: Results, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state, self._results = state, results
        self._of: dict[str, Any] = {}
        results.changed.connect(self._results_changed)

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if not names & {"maps", "fused_maps", "file_maps", "shown_layers"}:
            return
        maps = self._results.all_maps
        layers = []
        for layer in self._state.layers:
            shown = maps.get(layer.id)
            if layer.range_mode == "pictures" and shown is not None:
                kind = _kind(shown.address)
                ends = automatic(shown)
                if self._of.get(layer.id, kind) == kind:
                    ends = wider(ends, (layer.low, layer.high))
                self._of[layer.id] = kind
                layer = replace(layer, low=ends[0], high=ends[1])
            layers.append(layer)
        if tuple(layers) != self._state.layers:
            self._state.set(layers=tuple(layers))


def _kind(address: MapAddress) -> Any:
    """What has values of one scale: the same method of the same model. Another one starts a new range."""
    if isinstance(address, FusedAddress):
        return (address.mode, address.normalisation, address.weights, *(_kind(member) for member in address.members))
    return (address.method, getattr(address, "model", ""), getattr(address, "precision", ""))
