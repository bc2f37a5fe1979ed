"""The masks beside the picture, and what maps score against them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from tests.app.on_screen.base import Base
from vitinspect.app.panels.layers import LayersPanel
from vitinspect.app.session.layers import CONSENSUS
from vitinspect.app.widgets import numbers


class Masks(Base):
    """Masks from their files, and overlaps from the library."""

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
