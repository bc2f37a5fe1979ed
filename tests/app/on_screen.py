"""What the window shows, compared with what a fresh engine call computes. Each difference is a sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage, QRegion
from PySide6.QtWidgets import QWidget

from tests.app.fresh import Fresh
from vitinspect.app.canvas.canvas import Canvas
from vitinspect.app.canvas.labels import format_value, value_at
from vitinspect.app.compare.canvas import CompareCanvas
from vitinspect.app.compute import map_cache
from vitinspect.app.compute.explaining import Mapped, Predicted
from vitinspect.app.heat import Heat
from vitinspect.app.panels.layers import LayersPanel
from vitinspect.app.session.compared import layer_of_a, layer_of_b
from vitinspect.app.session.layers import CONSENSUS, FUSED, Layer, computed
from vitinspect.app.widgets import numbers
from vitinspect.explainers.registry import parse_methods
from vitinspect.fusion import fuse
from vitinspect.maps import AttributionMap
from vitinspect.scores.two_maps import Placement, on_common_grid
from vitinspect.thresholds import threshold

TOLERANCE = {"float32": 1e-4, "float64": 1e-6, "bfloat16": 0.05}


def differences(window: Any, backend: Any, fresh: Fresh) -> list[str]:
    """Everything that is wrong once nothing is being computed."""
    return list(Comparison(window, backend, fresh).all())


def same(found: Any, expected: Any, precision: str) -> bool:
    """Equal up to what another order of the same additions changes."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape:
        return False
    scale = max(float(np.abs(expected).max()), 1e-12)
    return bool(np.abs(found - expected).max() <= TOLERANCE[precision] * scale)


class Comparison:
    def __init__(self, window: Any, backend: Any, fresh: Fresh) -> None:
        self.window, self.backend, self.fresh = window, backend, fresh
        self.state, self.results = backend.state, backend.results
        state = self.state
        self.path = state.image
        self.readable = bool(self.path) and os.path.basename(self.path) != "e.png"
        self.model = state.model if state.model in fresh.models else self._last_good()
        self.place = (self.model, self.path, state.fit, state.precision)

    def _last_good(self) -> str:
        card = self.results.card
        return card.source if card is not None else ""

    def all(self) -> Iterator[str]:
        if not self.readable:
            yield from self.nothing()
        elif self.model:
            yield from self.picture()
            self.target = self.fresh.target(*self.place, self.state.target)
            yield from self.predictions()
            yield from self.maps()
            yield from self.fused()
            yield from self.ranges()
            yield from self.cuts()
            yield from self.masks()
            yield from self.overlaps()
            yield from self.curves()
            yield from self.what_if()
            yield from self.attention()
            yield from self.network()
            yield from self.readout()
            yield from self.compared()
        yield from self.painted()
        yield from self.memory()
        yield from self.disk()

    # --- one after the other -------------------------------------------------------------------------------------

    def nothing(self) -> Iterator[str]:
        if self.results.picture is not None or self.results.all_maps or self.results.predictions:
            yield "something is shown of a picture that cannot be opened"
        if self.path and "e.png" not in self.results.picture_error:
            yield "nothing says why the picture is not there"

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

    def _stopped(self) -> bool:
        """Whether the person stopped what would have been computed, and the window says so."""
        return bool(self.results.stopped)

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

    def mask_files(self) -> dict[str, str]:
        """Layer id -> path of each mask that lies beside the picture."""
        folder = os.path.join(os.path.dirname(os.path.dirname(self.path)), "masks")
        name = os.path.splitext(os.path.basename(self.path))[0] + ".png"
        places = {"truth": folder, **{f"annotator {who}": os.path.join(folder, who) for who in ("DR", "MK")}}
        return {key: p for key, place in places.items() if os.path.exists(p := os.path.join(place, name))}

    def expected_masks(self) -> dict[str, np.ndarray]:
        """Each mask layer's pixels, from the files and the library."""
        from vitinspect.annotation.consensus import consensus
        from vitinspect.images import open_mask

        expected = {key: (open_mask(path) > 0).astype(np.uint8) for key, path in self.mask_files().items()}
        people = {key.split()[1]: mask for key, mask in expected.items() if key.startswith("annotator")}
        for layer in self.state.layers:
            if layer.kind == CONSENSUS and len(people) > 1:
                expected[layer.id] = consensus(people, layer.group).mask
        return expected

    def masks(self) -> Iterator[str]:
        expected, found = self.expected_masks(), self.results.masks
        if set(found) != set(expected):
            yield f"the masks are {sorted(found)}, not {sorted(expected)}"
            return
        for key, mask in expected.items():
            if not np.array_equal(found[key].values, mask):
                yield f"the mask {key} is that of something else"
        layers = {layer.id for layer in self.state.layers if layer.found}
        if layers != set(self.mask_files()):
            yield f"the masks in the list are {sorted(layers)}, not {sorted(self.mask_files())}"
        painted = {mask.id for mask, _ in self.window.canvas.shown_masks()}
        if painted != {layer.id for layer in self.state.layers if layer.visible and layer.id in expected}:
            yield f"the outlines are those of {sorted(painted)}"
        wanted_shares = {key: numbers.percent(float((mask == 1).mean())) for key, mask in expected.items()}
        for panel in self.window.findChildren(LayersPanel):
            shares = {row.id: row.note for row in panel.list.layers.rows if row.id in expected}
            if panel.isVisible() and shares != wanted_shares:
                yield f"the rows of the masks say {shares}"

    def overlaps(self) -> Iterator[str]:
        if not self.state.plots or not self.results.all_maps:
            return
        mask = self.right_mask()
        truth = self.expected_masks().get(self.state.scored_mask)
        if truth is None and mask is not None:
            from vitinspect.images import open_mask

            truth = (open_mask(mask) > 0).astype(np.uint8)
        if truth is None:
            if self.results.overlaps:
                yield "scores are shown against a mask that is not the target's"
            return
        from vitinspect.maps import resize
        from vitinspect.models.preprocess import Placement
        from vitinspect.scores.masks import overlap

        for key, shown in self.results.all_maps.items():
            found, cut = self.results.overlaps.get(key), self.results.cuts[key]
            placed = shown.placed
            placement = Placement(placed.input_size, placed.original_size, placed.box)
            inside = placement.mask_to_input(np.ones(placed.original_size, np.uint8))
            seen = np.where(inside, placement.mask_to_input(truth), 255)
            values = resize(shown.values, placed.input_size)
            expected = overlap(values > cut.level, seen, values, ignore=255, boundaries=False)
            if found is None:
                yield f"{key} has no overlap"
            elif (
                abs(found.iou - expected.iou) > 1e-9 or abs(found.average_precision - expected.average_precision) > 1e-9
            ):
                yield f"the overlap of {key} is {found.iou:.4f}, not {expected.iou:.4f}"

    def right_mask(self) -> str | None:
        """The picture's mask if it may be that of the target: of its class, or of a class that is not known."""
        folder = os.path.dirname(os.path.dirname(self.path))
        name = os.path.splitext(os.path.basename(self.path))[0]
        path = os.path.join(folder, "masks", f"{name}.png")
        labels = {"a": "bee", "b": "dog", "g": "fox"}
        known = self.fresh.models[self.model].labels
        if not os.path.exists(path):
            return None
        own = labels.get(name)
        return path if own not in known or known[self.target[0]] == own else None

    def curves(self) -> Iterator[str]:
        for key, found in self.results.curves.items():
            shown = self.results.all_maps.get(key)
            if shown is None:
                yield f"there are curves of {key}, which is not shown"
                continue
            expected = self.fresh.curves(
                *self.place, self.target, np.array(shown.values), self.state.score_fill, self.state.score_steps
            )
            good = same(found.deletion, expected.deletion_curve, self.state.precision) and same(
                found.insertion, expected.insertion_curve, self.state.precision
            )
            if not good:
                yield f"the curves of {key} are those of something else"

    def what_if(self) -> Iterator[str]:
        probed = self.results.probed
        if probed is None:
            return
        if self.results.painted is None or not np.array_equal(probed.mask, self.results.painted):
            if not self._stopped():
                yield "what-if shows another region than the one that is painted out"
            return
        expected = self.fresh.what_if(*self.place, probed.mask, self.state.brush_fill)
        if not same(probed.probabilities, expected, self.state.precision):
            yield "the what-if numbers are those of something else"

    def attention(self) -> Iterator[str]:
        found = self.results.attention
        if not self.state.plots or self.state.plot != "layers" or found is None:
            return
        model = self.fresh.models[self.model]
        token = 0
        if len(self.state.pinned) == 2:
            row, column = self.state.pinned
            if row >= model.grid[0] or column >= model.grid[1]:
                return
            token = model.prefix_tokens + row * model.grid[1] + column
        if found.token != token:
            if not self._stopped():
                yield f"the attention shown is that of token {found.token}, not {token}"
            return
        expected = self.fresh.attention(*self.place, token)[..., model.prefix_tokens :]
        if not same(found.values.reshape(expected.shape), expected, self.state.precision):
            yield "the attention shown is that of something else"

    def network(self) -> Iterator[str]:
        networks = self.backend.networks
        found = networks.network
        if self.state.workspace != "network" or found is None or not networks.is_current:
            return
        operator = self.state.network_operator
        expected = self.fresh.layers(*self.place, operator, self.state.network_prefix)
        if not same(found.layers.weights, expected.weights, "float32"):
            yield "the network is that of something else"

    def readout(self) -> Iterator[str]:
        if self.state.workspace == "compare":
            return  # see slot_readout
        readout, canvas = self.window.readout, self.window.canvas
        expected_place = readout_place(self)
        if readout.place_text() != expected_place:
            yield f"the readout says {readout.place_text()!r}, not {expected_place!r}"
        at = canvas.cursor_at
        places = {layer.id: i for i, layer in enumerate(self.state.layers, 1)}
        numbers = {shown: str(places[shown.id]) for shown in self.results.all_maps.values()}
        wanted = []
        for shown in canvas.shown_maps() if at is not None else ():
            value = value_at(shown, *at)
            if value is not None:
                name = numbers.get(shown) or shown.short
                wanted.append((name, format_value(value, signed=shown.signed)))
        if readout.isVisible() and readout.drawn != (readout.place_text(), readout.values()):
            yield f"the readout was last drawn as {readout.drawn}"
        said = [(title, text.split(" (")[0]) for title, text in readout.values()]
        if said != wanted:
            yield f"the readout says {said}, not {wanted}"
        zoom = f"{100 * canvas.scale:.0f} %"
        if canvas.isVisible() and self.window.status.zoom.text() != zoom:
            yield f"the status bar says {self.window.status.zoom.text()}, not {zoom}"

    def painted(self) -> Iterator[str]:
        """A canvas that was made just now paints the same."""
        canvas = self.window.canvas
        compares = self.state.workspace == "compare"
        if compares:
            canvas = self.window.view_in("compare")
        if not canvas.isVisible() or canvas.width() < 50:
            return
        waits = [missing.title for missing in canvas.missing.values() if not missing.reason]
        if waits:
            yield f"panes wait for what is not on its way: {waits}"
        if compares:
            other: Canvas = CompareCanvas(self.state, self.results, self.backend.second)
        else:
            other = Canvas(self.state, self.results)
        try:
            other.resize(canvas.size())
            other.setFont(canvas.font())
            other.view, other.hidden, other.cursor_at = canvas.view, canvas.hidden, canvas.cursor_at
            other.tool = canvas.tool
            if picture_of(canvas) != picture_of(other):
                yield "the canvas shows what was painted for something else"
        finally:
            other.deleteLater()

    # --- slot B --------------------------------------------------------------------------------------------------

    def compared(self) -> Iterator[str]:
        """What slot B shows, and what follows from the maps of both."""
        second = self.backend.second
        if not second.is_shown:
            if self.results.difference is not None:
                yield "a difference is kept while nothing is compared"
            return
        other = Comparison(self.window, self.backend, self.fresh)
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

    def difference(self, other: Comparison) -> Iterator[str]:
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

    def slot_readout(self, other: Comparison) -> Iterator[str]:
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

    def slot_rows(self, other: Comparison) -> Iterator[str]:
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

    # --- the caches ----------------------------------------------------------------------------------------------

    def memory(self) -> Iterator[str]:
        for key, value in self.backend.maps.memory.items():
            yield from self.entry("memory", key, value)

    def disk(self) -> Iterator[str]:
        for path in map_cache.folder().rglob("*.map"):
            key = map_cache.key_of(path.read_bytes())
            yield from self.entry("disk", key, map_cache.unpack(key, path.read_bytes()))

    def entry(self, where: str, key: str, value: Any) -> Iterator[str]:
        checked = self.fresh.__dict__.setdefault("checked", {})
        if (where, key) in checked and checked[where, key] is value:
            return
        content, fingerprint, method, target, precision, fit = key.split("\n")
        model = next(s for s, m in self.fresh.models.items() if m.fingerprint == fingerprint)
        folder = os.path.dirname(self.path) or self.state.folder
        path = next(
            os.path.join(folder, name)
            for name in sorted(os.listdir(folder))
            if self.fresh.content(os.path.join(folder, name)) == content
        )
        if isinstance(value, Predicted):
            good = same(value.probabilities, self.fresh.probabilities(model, path, fit, precision), precision)
        else:
            assert isinstance(value, Mapped)
            wanted = tuple(int(n) for n in target.split(",") if n)
            asked = wanted or self.fresh.target(model, path, fit, precision, ())
            expected = self.fresh.method_map(model, path, parse_methods(method)[0], asked, fit, precision)
            good = expected is not None and same(value.values, expected.values, precision)
        if good:
            checked[where, key] = value
        else:
            yield f"the cache ({where}) holds something else at {key.split(chr(10))[2:]}"


def _scaled(values: np.ndarray, signed: bool) -> np.ndarray:
    """From 0 to 1; a signed map by its largest size."""
    low, high = (0.0, float(np.abs(values).max())) if signed else (float(values.min()), float(values.max()))
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def picture_of(canvas: Canvas) -> QImage:
    """What it paints itself, without the sentence over it where there is nothing to show."""
    image = QImage(canvas.size(), QImage.Format.Format_RGB32)
    canvas.render(image, QPoint(), QRegion(), QWidget.RenderFlag.DrawWindowBackground)
    return image


def readout_place(comparison: Comparison) -> str:
    """The left half of the readout, from the state alone."""
    canvas, results = comparison.window.canvas, comparison.results
    picture = results.picture
    if picture is None:
        return ""
    at = canvas.cursor_at
    if at is None:
        return ""
    text = f"x {int(at[0])}, y {int(at[1])}"
    model = comparison.fresh.models[comparison.model]
    if results.placed is None:
        return text
    cell = results.placed.cell_at(*at, model.grid)
    if cell is None:
        return f"{text}, outside the model's input"
    rows, columns = model.grid
    token = model.prefix_tokens + cell[0] * columns + cell[1]
    return f"{text}, patch row {cell[0] + 1} of {rows}, column {cell[1] + 1} of {columns}, token {token}"
