"""Maps from files as layers: opened in the window, thresholded, fused and scored like those of methods."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitinspect.app.panels.layer_facts import row_of
from vitinspect.app.shell.opening_maps import open_maps
from vitinspect.fusion import fuse
from vitinspect.maps import minmax
from vitinspect.thresholds import threshold


@pytest.fixture
def maps(tmp_path):
    """A map for the first three of the six pictures: (8, 8) is the patch grid of the tiny model."""
    folder = tmp_path / "maps"
    folder.mkdir()
    for i in (1, 2, 3):
        np.save(folder / f"picture {i}_cam.npy", grid(i))
    return folder


def grid(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((8, 8)).astype(np.float32)


def opened(window, path) -> str:
    open_maps(window, [str(path)])
    return window.backend.state.selected


def go(backend, folder, number: int) -> None:
    backend.state.set(image=str(folder / f"picture {number}.png"))


def test_a_map_that_is_dropped_is_a_layer_of_the_picture(shown, backend, maps, settle) -> None:
    shown.open_paths([str(maps / "picture 1_cam.npy")])
    settle()
    layer = backend.state.selected_layer
    assert (layer.kind, layer.title) == ("file", "picture 1_cam.npy")
    there = backend.results.file_maps[layer.id]
    assert np.array_equal(there.values, grid(1))
    assert (there.resolution, there.placed, there.address.input) == (
        "patch",
        backend.results.placed,
        backend.results.predicted_for,
    )
    assert list(backend.results.all_maps) == [one.id for one in backend.state.layers]
    assert row_of(backend.state, backend.results, layer).reason == ""
    backend.state.undo()
    assert [one.id for one in backend.state.layers] == ["rollout"]


def test_it_has_a_cut_and_enters_fused_maps(shown, backend, maps, settle) -> None:
    layer = opened(shown, maps / "picture 1_cam.npy")
    fused = backend.state.add_fused(["rollout", layer])
    backend.state.edit_layer(fused, "Mode", fusion_mode="arithmetic")
    settle()
    results = backend.results
    own = results.file_maps[layer]
    assert np.array_equal(results.cuts[layer].mask, threshold(own.heat.fine, "otsu").mask)
    expected = fuse([minmax(results.maps["rollout"].values), minmax(grid(1))], "arithmetic", [1.0, 1.0])
    assert np.allclose(results.fused_maps[fused].values, expected)
    assert "picture 1_cam.npy" in results.fused_maps[fused].key


def test_it_is_scored_against_the_mask_of_the_picture(shown, backend, maps, pictures, settle) -> None:
    masks = pictures.parent / "masks"
    masks.mkdir()
    mask = np.zeros((64, 96), np.uint8)
    mask[16:48, 24:72] = 255
    Image.fromarray(mask).save(masks / "picture 1.png")
    backend.coordinator.reload_picture()
    layer = opened(shown, maps / "picture 1_cam.npy")
    backend.state.set(plots=True, plot="scores")
    settle()
    assert set(backend.results.overlaps) == {"rollout", layer}
    assert 0 < backend.results.overlaps[layer].iou < 1


def test_another_picture_has_no_map_and_the_row_says_why(shown, backend, maps, pictures, settle) -> None:
    layer = opened(shown, maps / "picture 1_cam.npy")
    settle()
    go(backend, pictures, 2)
    settle()
    assert backend.results.file_maps == {}
    row = row_of(backend.state, backend.results, backend.state.layer(layer))
    assert row.reason == "picture 1_cam.npy is a map of the picture picture 1.png."
    go(backend, pictures, 1)
    settle()
    assert np.array_equal(backend.results.file_maps[layer].values, grid(1))


def test_the_maps_of_the_folder_are_offered_for_all_pictures(shown, backend, maps, pictures, settle) -> None:
    layer = opened(shown, maps / "picture 1_cam.npy")
    settle()
    (offer,) = shown.message.messages
    assert offer.text == "The folder maps has maps like this one for 3 of the 6 pictures."
    shown.message.lines[offer.cause].action.click()
    settle()
    assert shown.message.messages == ()
    assert backend.state.layer(layer).title == "maps/…_cam.npy"
    for number in (2, 3, 1):
        go(backend, pictures, number)
        settle()
        assert np.array_equal(backend.results.file_maps[layer].values, grid(number))
    go(backend, pictures, 4)
    settle()
    assert "picture 4_cam.npy cannot be read" in backend.results.file_refusals[layer]


def test_nothing_is_offered_where_the_name_is_another_one(shown, backend, maps, settle) -> None:
    (maps / "picture 1_cam.npy").rename(maps / "result.npy")
    layer = opened(shown, maps / "result.npy")
    settle()
    assert shown.message.messages == ()
    assert np.array_equal(backend.results.file_maps[layer].values, grid(1))


def test_a_map_of_another_size_is_refused_with_all_sizes(shown, backend, tmp_path, settle) -> None:
    np.save(tmp_path / "large.npy", np.zeros((16, 16)))
    layer = opened(shown, tmp_path / "large.npy")
    settle()
    reason = row_of(backend.state, backend.results, backend.state.layer(layer)).reason
    assert "16 × 16" in reason
    assert "patch grid (8 × 8)" in reason
    assert "input (64 × 64)" in reason
    assert "picture (64 × 96)" in reason


def test_a_map_of_the_pictures_pixels_follows_the_fit(shown, backend, tmp_path, settle) -> None:
    ramp = np.broadcast_to(np.arange(96.0), (64, 96)).astype(np.float32)
    Image.fromarray(ramp).save(tmp_path / "ramp.tif")
    layer = opened(shown, tmp_path / "ramp.tif")
    settle()
    cropped = backend.results.file_maps[layer]
    assert cropped.values.shape == (64, 64)
    assert cropped.values[0, 0] > 5
    backend.state.set(fit="squash")
    settle()
    squashed = backend.results.file_maps[layer]
    assert squashed.address.fit == "squash"
    assert squashed.values[0, 0] < 1


def test_a_file_that_changed_is_read_again_with_the_folder(shown, backend, maps, settle) -> None:
    layer = opened(shown, maps / "picture 1_cam.npy")
    settle()
    before = backend.results.file_maps[layer].address
    np.save(maps / "picture 1_cam.npy", grid(9))
    backend.coordinator.reload_picture()
    settle()
    assert np.array_equal(backend.results.file_maps[layer].values, grid(9))
    assert backend.results.file_maps[layer].address != before


def test_a_picture_that_is_dropped_stays_a_picture(shown, backend, pictures, settle) -> None:
    shown.open_paths([str(pictures / "picture 3.png")])
    settle()
    assert backend.state.image == str(pictures / "picture 3.png")
    assert [layer.kind for layer in backend.state.layers] == ["map"]


def test_the_layer_is_there_again_after_a_restart(shown, backend, maps, settle) -> None:
    layer = opened(shown, maps / "picture 1_cam.npy")
    text = backend.state.to_json()
    backend.state.set(layers=())
    assert backend.state.restore(text) == []
    assert backend.state.layer(layer).path == str(maps / "picture 1_cam.npy")
    assert backend.state.layer(layer).image == backend.state.image
