"""The picture, its predictions and its maps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.app.on_screen.base import Base, same
from vitinspect.app.canvas.labels import format_value
from vitinspect.app.heat import Heat
from vitinspect.app.session.layers import FUSED, Layer, computed
from vitinspect.fusion import fuse
from vitinspect.maps import AttributionMap
from vitinspect.thresholds import threshold


class Maps(Base):
    """Each map with its colour bar and its cut, as the engine and the library give them."""

    def picture(self) -> Iterator[str]:
        picture = self.results.picture
        if picture is None or picture.path != self.path:
            yield f"{self.path} is not shown"
        elif picture.content != self.fresh.content(self.path):
            yield "another picture is shown"

    def predictions(self) -> Iterator[str]:
        if not self.results.predictions:
            if not self._stopped():
                yield "there are no predictions"
            return
        expected = self.fresh.probabilities(*self.place)
        if not same(self.results.probabilities, expected, self.state.precision):
            yield "the probabilities are those of something else"
        shown = [(row.index, row.label) for row in self.results.predictions]
        labels = self.fresh.models[self.model].labels
        if any(label != labels[index] for index, label in shown):
            yield "a class has another name"
        if any(
            not same(row.probability, expected[row.index], self.state.precision) for row in self.results.predictions
        ):
            yield "a bar has another length"
        if self.results.target != self.target:
            yield f"the target is {self.results.target}, not {self.target}"

    def expected(self, method: Any) -> AttributionMap | None:
        target = self.target if method.info.class_specific else ()
        return self.fresh.method_map(
            self.model, self.path, method, target or self.target, self.state.fit, self.state.precision
        )

    def maps(self) -> Iterator[str]:
        maps = self.results.maps
        wanted = computed(self.state.layers)
        for layer in wanted:
            method = layer.as_method()
            shown, expected = maps.get(layer.id), self.expected(method)
            if expected is None:
                if shown is not None:
                    yield f"{layer.id} shows a map that the engine refuses"
                elif layer.id not in self.results.refusals and not self._stopped():
                    yield f"{layer.id} has neither a map nor a reason"
            elif shown is not None:
                yield from self.one_map(layer, method, shown, expected)
            elif layer.id not in self.results.stopped and not self._stopped():
                yield f"the map of {layer.id} is missing"
        for extra in set(maps) - {layer.id for layer in wanted}:
            yield f"the map of {extra} is shown and not asked for"
        visible = [layer.id for layer in self.state.layers if layer.visible]
        order = [key for key in visible if key in {**maps, **self.results.fused_maps}]
        if list(self.results.all_maps) != order:
            yield f"the maps come as {list(self.results.all_maps)}, not as {order}"

    def one_map(self, layer: Layer, method: Any, shown: Any, expected: AttributionMap) -> Iterator[str]:
        own = self.target if method.info.class_specific else ()
        address = shown.address
        asked = (method.key, own, self.state.precision, self.state.fit)
        if (address.method, address.target, address.precision, address.fit) != asked:
            if not self._stopped():
                yield f"the map of {layer.id} says that it is {address}"
            return
        if not same(shown.values, expected.values, self.state.precision):
            yield f"the map of {layer.id} has other values than {asked}"
        if shown.target_text != self.fresh.words(self.model, own):
            yield f"the map of {layer.id} is labelled {shown.target_text!r}"
        if shown.image != os.path.basename(self.path) or shown.model != self.fresh.models[self.model].name:
            yield f"the map of {layer.id} is said to be of {shown.image} and {shown.model}"
        if shown.title != layer.title or shown.id != layer.id:
            yield f"the map of {layer.id} is called {shown.title!r}"
        expected_range = Heat(expected.values, expected.signed, shown.placed.input_size).range
        for found, wanted in ((shown.heat.range.low, expected_range.low), (shown.heat.range.high, expected_range.high)):
            if format_value(found) != format_value(wanted) and not same(found, wanted, self.state.precision):
                yield f"the colour bar of {layer.id} says {format_value(found)}, not {format_value(wanted)}"

    def fused(self) -> Iterator[str]:
        for layer in self.state.layers:
            if layer.kind == FUSED:
                yield from self.one_fused(layer)

    def one_fused(self, layer: Layer) -> Iterator[str]:
        fused, maps = self.results.fused_maps.get(layer.id), self.results.maps
        used = [(maps[m.layer], m.weight) for m in layer.members if m.layer in maps and m.weight > 0]
        if not layer.visible or len(used) < 2:
            if fused is not None:
                yield f"{layer.id} is shown and was not asked for"
            return
        if fused is None:
            if not self._stopped():
                yield f"{layer.id} is missing"
            return
        given = [AttributionMap(m.values, m.id, signed=m.signed, resolution=m.resolution) for m, _ in used]
        expected = fuse(given, layer.fusion_mode, [weight for _, weight in used], normalisation=layer.normalisation)
        if not same(fused.values, expected.values, "float32"):
            yield f"{layer.id} has other values"
        address = fused.address
        if [member.text for member in address.members] != [m.address.text for m, _ in used]:
            yield f"the address of {layer.id} names other members"
        if (address.weights, address.mode, address.normalisation) != (
            tuple(weight for _, weight in used),
            layer.fusion_mode,
            layer.normalisation,
        ):
            yield f"the address of {layer.id} says another fusion"
        for said in (layer.fusion_mode, layer.normalisation, *(m.key for m, _ in used)):
            if said not in fused.owner:
                yield f"what is written below {layer.id} does not name {said}"

    def ranges(self) -> Iterator[str]:
        """The numbers at each colour bar, from the values of the maps and what the layers say."""
        own = {}
        for key, shown in self.results.all_maps.items():
            low, high = float(np.nanmin(shown.values)), float(np.nanmax(shown.values))
            most = max(abs(low), abs(high))
            own[key] = (-most, most) if shown.signed else (low, high)
        sharing = [key for key in own if self.state.layer(key).range_mode == "layers"]
        for key, shown in self.results.all_maps.items():
            layer = self.state.layer(key)
            low, high = own[key]
            if layer.range_mode == "typed":
                low, high = layer.low, layer.high
            elif layer.range_mode == "layers":
                low, high = min(own[one][0] for one in sharing), max(own[one][1] for one in sharing)
            elif layer.range_mode == "pictures":
                low, high = min(low, layer.low), max(high, layer.high)
            signed = shown.signed or (
                layer.range_mode == "layers" and any(self.results.all_maps[one].signed for one in sharing)
            )
            if signed:
                low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
            found = self.window.canvas.range_of(shown)
            if not np.allclose(found, (low, high), rtol=1e-6, atol=0):
                yield f"the colour bar of {key} ends at {found}, not at {(low, high)}"

    def cuts(self) -> Iterator[str]:
        names = {"fixed": "level", "percentile": "percentile", "top_fraction": "fraction", "mean_std": "k"}
        for key, shown in self.results.all_maps.items():
            layer = self.state.layer(key)
            mode = layer.threshold_mode
            options = {names[mode]: layer.threshold_value} if mode in names else {}
            cut = self.results.cuts.get(key)
            heat = Heat(np.array(shown.values), shown.signed, shown.placed.input_size)
            expected = threshold(heat.fine, mode, **options)
            if cut is None:
                yield f"{key} is not cut"
            elif cut.level != expected.level or not np.array_equal(cut.mask, expected.mask):
                yield f"{key} is cut elsewhere"
            elif cut.share != expected.share:
                yield f"the share of {key} is {cut.share}"
