"""Maps in tiles, in the window: a layer over the whole picture that is not mixed with maps of the model's input."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitinspect.app.canvas.missing import missing_maps
from vitinspect.explainers.tiled import explain_tiled


@pytest.fixture
def large(shown, backend, settle, pictures):
    """A picture of several tiles of the tiny model, which takes 64 pixels."""
    path = pictures / "large.png"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (130, 200, 3), dtype=np.uint8)).save(path)
    backend.folders.open_files([str(path)])
    settle()
    backend.state.set(image=str(path), methods=("rollout",))
    settle()
    assert backend.results.picture.path == str(path)
    return shown


def test_the_choices_say_how_many_tiles_there_are(large, backend):
    scales = dict(backend.tiled_maps.choices())
    assert list(scales) == [1.0, 0.5]
    assert scales[1.0].startswith("At full size: ")
    assert "16 × 25 patches" in scales[1.0]


def test_a_map_in_tiles_is_a_layer_over_the_whole_picture(large, backend, qtbot, settle, tiny):
    backend.tiled_maps.start(1.0)
    qtbot.waitUntil(lambda: bool(backend.results.file_maps), timeout=30_000)
    settle()
    (shown,) = backend.results.file_maps.values()
    wanted = explain_tiled(tiny, backend.state.image, ["rollout"])
    assert shown.values.shape == (16, 25)
    assert np.allclose(shown.values, wanted["rollout"].values, rtol=1e-4)
    assert shown.placed.box == wanted.placement.box
    assert shown.grid == (16, 25)
    assert shown.id in backend.results.cuts, "it can be thresholded"
    fused = backend.state.add_fused(["rollout", shown.id])
    backend.state.set(plots=True, plot="agreement")
    settle()
    assert backend.results.fused_maps == {}, "maps that lie elsewhere are not mixed"
    missing = missing_maps(backend.state, backend.results)[fused]
    assert missing.refused
    assert "different parts of the picture" in missing.reason
    assert backend.results.agreements == ()
