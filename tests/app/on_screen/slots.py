"""Slot B, and what follows from the maps of both slots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.app.on_screen.base import Base, same
from vitinspect.app.canvas.labels import format_value, value_at
from vitinspect.app.session.compared import layer_of_a, layer_of_b
from vitinspect.scores.two_maps import Placement, on_common_grid


class Slots(Base):
    """The second slot is compared like the first one."""

    def compared(self) -> Iterator[str]:
        """What slot B shows, and what follows from the maps of both."""
        second = self.backend.second
        if not second.is_shown:
            if self.results.difference is not None:
                yield "a difference is kept while nothing is compared"
            return
        other: Any = type(self)(self.window, self.backend, self.fresh)
        other.state, other.results = second.state, second.results
        other.model = second.state.model if second.state.model in self.fresh.models else other._last_good()
        other.place = (other.model, self.path, second.state.fit, second.state.precision)
        slot = self.state.slot_b
        if (slot.model, slot.fit, slot.precision, slot.target) != (
            second.state.model,
            second.state.fit,
            second.state.precision,
            second.state.target,
        ):
            yield f"slot B is said to be {slot}"
        if not other.model:
            return
        other.target = self.fresh.target(*other.place, second.state.target)
        for sentences in (other.picture(), other.predictions(), other.maps(), other.fused(), other.cuts()):
            yield from (f"slot B: {sentence}" for sentence in sentences)
        yield from self.difference(other)
        yield from self.slot_readout(other)
        yield from self.slot_rows(other)

    def difference(self, other: Any) -> Iterator[str]:
        first = layer_of_a(self.state.layers, self.state.selected)
        second = layer_of_b(self.state.layers, self.state.selected)
        a = self.results.all_maps.get(first.id) if first is not None else None
        b = other.results.all_maps.get(second.id) if second is not None else None
        found, said = self.results.difference, self.results.compared
        if a is None or b is None:
            if found is not None or said is not None:
                yield "there is a difference of maps that are not there"
            return
        placed = [Placement(m.values, m.placed.box, m.placed.visible) for m in (a, b)]
        common = on_common_grid(*placed)
        scales = [_scaled(values, m.signed) for values, m in ((common.first, a), (common.second, b))]
        if found is None or not np.allclose(found.values, scales[1] - scales[0], atol=1e-6):
            yield "the difference is that of something else"
            return
        if (found.address.first, found.address.second) != (a.address, b.address):
            yield "the difference says that it is one of other maps"
        levels = self.results.cuts[a.id].level, other.results.cuts[b.id].level
        masks = common.first > levels[0], common.second > levels[1]
        union = (masks[0] | masks[1]).sum()
        overlap = float((masks[0] & masks[1]).sum() / union) if union else said.agreement.iou
        if abs(said.agreement.iou - overlap) > 1e-9:
            yield f"the overlap of the two maps is {said.agreement.iou}, not {overlap}"

    def slot_readout(self, other: Any) -> Iterator[str]:
        """Row and column of the patch of both models, and the value of each map that is shown."""
        canvas, readout = self.window.view_in("compare"), self.window.readout
        at = canvas.cursor_at
        if at is None or self.state.show == "image":
            return
        words = [f"x {int(at[0])}, y {int(at[1])}"]
        for slot, one in (("A", self), ("B", other)):
            placed = one.results.placed
            if placed is not None:
                cell = placed.cell_at(*at, one.fresh.models[one.model].grid)
                where = f"row {cell[0] + 1}, column {cell[1] + 1}" if cell is not None else "outside of its input"
                words.append(f"{slot} {where}")
        if readout.place_text() != "; ".join(words):
            yield f"the readout says {readout.place_text()!r}, not {'; '.join(words)!r}"
        layers = self.state.layers, self.state.selected
        maps = {
            "A": self.results.all_maps.get(getattr(layer_of_a(*layers), "id", "")),
            "B": other.results.all_maps.get(getattr(layer_of_b(*layers), "id", "")),
        }
        if self.state.compare_view == "difference" and all(maps.values()):
            maps["B − A"] = self.results.difference
        expected = {}
        for name, shown in maps.items():
            value = value_at(shown, *at) if shown is not None else None
            if value is not None:
                expected[name] = format_value(value, signed=shown.signed)
        said = {name: text.split(" (")[0] for name, text in readout.values()}
        if said != expected:
            yield f"the readout says {said}, not {expected}"

    def slot_rows(self, other: Any) -> Iterator[str]:
        rows = self.window.contexts["compare"].rows
        for slot, one in (("A", self), ("B", other)):
            bars = [(bar.index, bar.label, bar.probability) for bar in rows[slot].bars.bars]
            for index, label, probability in bars:
                known = one.fresh.models[one.model].labels
                expected = one.fresh.probabilities(*one.place)
                if label != known[index] or not same(probability, expected[index], one.state.precision):
                    yield f"a bar of slot {slot} says {label} {probability}"
            if not bars and not one._stopped():
                yield f"slot {slot} has no bars"


def _scaled(values: np.ndarray, signed: bool) -> np.ndarray:
    """From 0 to 1; a signed map by its largest size."""
    low, high = (0.0, float(np.abs(values).max())) if signed else (float(values.min()), float(values.max()))
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
