"""Colours that mean the same on several layers, chosen in the properties."""

from __future__ import annotations

import pytest

from vitinspect.app.ranges import automatic


def test_layers_that_share_a_range_have_the_widest_and_the_others_keep_theirs(shown, backend, settle) -> None:
    panel = shown.layers_panel
    backend.state.set(methods=("rollout", "attention_gradcam", "legrad"), layout="grid")
    settle()
    maps, canvas = backend.results.maps, shown.canvas
    for layer in ("rollout", "attention_gradcam"):
        backend.state.set(selected=layer)
        form = panel.properties.display
        row = form.range.findData("layers")
        form.range.setCurrentIndex(row)
        form.range.activated.emit(row)
        assert backend.state.layer(layer).range_mode == "layers"
    own = [automatic(maps[layer]) for layer in ("rollout", "attention_gradcam")]
    both = (min(low for low, _ in own), max(high for _, high in own))
    assert canvas.range_of(maps["rollout"]) == canvas.range_of(maps["attention_gradcam"]) == pytest.approx(both)
    assert canvas.range_of(maps["legrad"]) == automatic(maps["legrad"])
    backend.state.set(selected="rollout")
    row = panel.properties.display.range.findData("automatic")
    panel.properties.display.range.setCurrentIndex(row)
    panel.properties.display.range.activated.emit(row)
    assert canvas.range_of(maps["attention_gradcam"]) == own[1]
