"""Pictures larger than the input: one map of overlapping tiles that equals the map of each tile."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from PIL import Image

import vitinspect as vi
from vitinspect.errors import ParameterError
from vitinspect.explainers import tiled
from vitinspect.explainers.tile_layout import tiling, window
from vitinspect.explainers.tiled import explain_tiled

SIDE, PATCH = 32, 8


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    module = timm.create_model(
        "vit_tiny_patch16_224", img_size=SIDE, patch_size=PATCH, embed_dim=24, depth=2, num_heads=2, num_classes=5
    )
    return vi.wrap_model(module.eval())


def picture(height, width):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def of(model, part, method, target=1):
    return vi.explain(model, part, [method], target, mode="squash")[method].values


@pytest.mark.parametrize("method", ["gradcam", "saliency(resolution=pixel)", "rollout"])
def test_a_picture_of_the_inputs_size_has_the_map_of_one_tile(model, method):
    image = picture(SIDE, SIDE)
    found = explain_tiled(model, image, [method], 1)
    values = of(model, image, method)
    if values.shape == (SIDE, SIDE):
        values = values.reshape(4, PATCH, 4, PATCH).mean((1, 3))
    assert np.allclose(found[method].values, values, rtol=1e-5)
    assert found.placement.box == (0, 0, SIDE, SIDE)


def test_tiles_without_overlap_stand_side_by_side(model):
    image = picture(2 * SIDE, 3 * SIDE)
    found = explain_tiled(model, image, ["gradcam"], 1, overlap=0)["gradcam"]
    assert found.values.shape == (8, 12)
    assert found.resolution == "patch"
    for row in range(2):
        for column in range(3):
            part = image.crop((column * SIDE, row * SIDE, (column + 1) * SIDE, (row + 1) * SIDE))
            values = found.values[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            assert np.allclose(values, of(model, part, "gradcam"), rtol=1e-4, atol=1e-7)


def test_where_tiles_overlap_the_one_with_the_nearer_centre_has_more_weight(model):
    image = picture(SIDE, SIDE + 2 * PATCH)
    lay = tiling((SIDE, SIDE + 2 * PATCH), (SIDE, SIDE), (PATCH, PATCH), 1, 0.5)
    assert list(lay) == [(0, 0), (0, 2)]
    found = explain_tiled(model, image, ["gradcam"], 1, overlap=0.5)["gradcam"].values
    first, second = (of(model, image.crop((x, 0, x + SIDE, SIDE)), "gradcam") for x in (0, 2 * PATCH))
    weights = window((4, 4))
    both = first[:, 2:] * weights[:, 2:] + second[:, :2] * weights[:, :2]
    assert np.allclose(found[:, 2:4], both / (weights[:, 2:] + weights[:, :2]), rtol=1e-4, atol=1e-7)
    assert np.allclose(found[:, :2], first[:, :2], rtol=1e-4, atol=1e-7)


def test_what_is_less_than_a_patch_is_left_out_at_both_sides_and_the_place_is_known(model):
    found = explain_tiled(model, picture(SIDE + 6, 100), ["gradcam"], 1)
    assert found["gradcam"].values.shape == (4, 12)
    assert found.placement.box == (2, 3, 98, 35)
    assert found.placement.original_size == (SIDE + 6, 100)
    laid = found.placement.map_to_original(found["gradcam"].values)
    assert laid.shape == (SIDE + 6, 100)
    assert np.isnan(laid[0]).all()


def test_at_half_the_scale_a_tile_shows_twice_as_much(model):
    lay = tiling((4 * SIDE, 4 * SIDE), (SIDE, SIDE), (PATCH, PATCH), 0.5, 0)
    assert (lay.grid, len(lay)) == ((8, 8), 4)
    assert lay.box(0, 4) == (2 * SIDE, 0, 4 * SIDE, 2 * SIDE)
    small = tiling((SIDE // 2, SIDE), (SIDE, SIDE), (PATCH, PATCH), 1, 0)
    assert (small.grid, small.cell) == ((4, 8), (PATCH / 2, PATCH / 2)), "a smaller picture is enlarged"


def test_all_tiles_explain_what_the_whole_picture_is_predicted_as(model):
    image = picture(2 * SIDE, 2 * SIDE)
    found = explain_tiled(model, image, ["gradcam"])
    whole = model.logits(model.preprocess(image, "squash").tensor[None])[0]
    assert found["gradcam"].target == int(whole.argmax())
    assert np.allclose(found.logits, whole.numpy(), atol=1e-5)


def test_no_more_tiles_are_in_memory_than_a_batch_has(model, monkeypatch):
    seen, said = [], []
    real = tiled.explain_batch
    monkeypatch.setattr(tiled, "explain_batch", lambda m, x, *a, **k: seen.append(len(x)) or real(m, x, *a, **k))
    explain_tiled(model, picture(3 * SIDE, 3 * SIDE), ["rollout"], batch=4, overlap=0, notify=said.append)
    assert seen == [4, 4, 1]
    assert said == ["9 tiles of 32 x 32 pixels of the picture, 12 x 12 patches in all; 4 at a time."]


@pytest.mark.parametrize(
    ("options", "words"),
    [({"scale": 0}, "scale"), ({"overlap": 1}, "overlap"), ({"batch": 0}, "batch"), ({"scale": 1e3}, "more than")],
)
def test_impossible_tiles_are_refused(model, options, words):
    with pytest.raises(ParameterError, match=words):
        explain_tiled(model, picture(SIDE, SIDE), ["rollout"], **options)
