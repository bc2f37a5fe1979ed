"""Preprocessing equals timm's evaluation exactly, and each input pixel can be located in the picture."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform

from vitinspect.errors import DataError, ImageError, ParameterError
from vitinspect.models.preprocess import MODES, Placement, Preprocessing, prepare, to_pixels

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZES = [
    (224, 224),
    (300, 200),
    (200, 300),
    (97, 333),
    (641, 479),
    (31, 32),
    (500, 333),
    (223, 225),
    (1000, 57),
]


def _noise(width: int, height: int, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (max(2, height // 7), max(2, width // 7), 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def _timm(image: Image.Image, p: Preprocessing) -> torch.Tensor:
    transform = create_transform(
        input_size=(3, *p.input_size),
        is_training=False,
        interpolation=p.interpolation,
        mean=p.mean,
        std=p.std,
        crop_pct=p.crop_pct,
        crop_mode=p.crop_mode,
    )
    return transform(image)


@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
@pytest.mark.parametrize("input_size", [(224, 224), (97, 97), (96, 160), (518, 392)])
def test_crop_gives_the_very_tensor_that_timm_evaluates(crop_mode, input_size):
    combinations = itertools.product(SIZES, [0.875, 0.9, 0.95, 1.0], ["bicubic", "bilinear"])
    for number, (size, crop_pct, interpolation) in enumerate(combinations):
        if number % 3:  # every third combination, so that all values occur and the test stays quick
            continue
        p = Preprocessing(input_size, MEAN, STD, interpolation, crop_pct, crop_mode)
        image = _noise(*size)
        got = prepare(image, p).tensor
        assert torch.equal(got, _timm(image, p)), (size, crop_pct, interpolation)


def test_crop_follows_a_crop_larger_than_the_resized_picture():
    p = Preprocessing((64, 64), MEAN, STD, crop_pct=1.3)
    for size in [(100, 60), (61, 61), (33, 80)]:
        image = _noise(*size)
        prepared = prepare(image, p)
        assert torch.equal(prepared.tensor, _timm(image, p))
        assert prepared.placement.box[1] < 0 or prepared.placement.box[0] < 0


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "eva02_tiny_patch14_336", "vit_small_patch14_dinov2"])
def test_the_configuration_comes_from_timm(name):
    module = timm.create_model(name, pretrained=False)
    config = timm.data.resolve_model_data_config(module)
    p = Preprocessing.from_module(module)
    image = _noise(400, 271)
    assert p.input_size == config["input_size"][1:]
    assert torch.equal(prepare(image, p).tensor, create_transform(**config, is_training=False)(image))


def test_the_size_that_the_module_was_built_for_overrides_its_pretrained_configuration():
    module = timm.create_model("vit_tiny_patch16_224", img_size=(96, 160), depth=1)
    assert Preprocessing.from_module(module).input_size == (96, 160)
    assert Preprocessing.from_module(module, mean=(0.1, 0.2, 0.3)).mean == (0.1, 0.2, 0.3)


def test_a_module_without_configuration_gets_timms_defaults():
    module = timm.models.VisionTransformer(img_size=64, patch_size=16, embed_dim=48, depth=1, num_heads=2)
    p = Preprocessing.from_module(module)
    assert p.input_size == (64, 64)
    assert p.mean == MEAN


def _all_preparations():
    for mode, crop_mode, crop_pct, input_size in itertools.product(
        MODES, ["center", "squash", "border"], [0.875, 1.0], [(224, 224), (96, 161)]
    ):
        if mode != "crop" and (crop_mode, crop_pct) != ("center", 1.0):
            continue
        yield mode, Preprocessing(input_size, MEAN, STD, "bilinear", crop_pct, crop_mode)


@pytest.mark.parametrize("size", [(300, 200), (201, 333), (1201, 900), (225, 223), (640, 211)])
def test_a_bright_spot_is_found_where_the_placement_says(size):
    width, height = size
    rng = np.random.default_rng(1)
    checked = 0
    for mode, p in _all_preparations():
        for _ in range(3):
            x0 = int(rng.integers(width // 4, 3 * width // 4))
            y0 = int(rng.integers(height // 4, 3 * height // 4))
            spot = max(2, width // 40)
            pixels = np.zeros((height, width, 3), np.uint8)
            pixels[y0 : y0 + spot, x0 : x0 + spot] = 255
            prepared = prepare(pixels, p, mode)
            expected = prepared.placement.original_to_input(x0 + spot / 2, y0 + spot / 2)
            if not (8 < expected[0] < p.input_size[1] - 8 and 8 < expected[1] < p.input_size[0] - 8):
                continue
            seen = to_pixels(prepared.tensor, p)[..., 0].astype(float)
            if mode == "pad" or p.crop_mode == "border":
                x_from, y_from, x_to, y_to = prepared.placement.valid_box
                seen[: int(np.ceil(y_from))] = seen[int(y_to) :] = 0
                seen[:, : int(np.ceil(x_from))] = seen[:, int(x_to) :] = 0
            columns = (seen.sum(0) * (np.arange(seen.shape[1]) + 0.5)).sum() / seen.sum()
            rows = (seen.sum(1) * (np.arange(seen.shape[0]) + 0.5)).sum() / seen.sum()
            # A tenth of an input pixel: a placement that forgets a rounding is off by more.
            assert abs(columns - expected[0]) < 0.1, (mode, p, columns, expected)
            assert abs(rows - expected[1]) < 0.1, (mode, p, rows, expected)
            checked += 1
    assert checked > 15


@pytest.mark.parametrize("mode", MODES)
def test_the_two_directions_of_a_placement_are_inverse(mode):
    placement = prepare(_noise(317, 211), Preprocessing((96, 128), crop_pct=0.9), mode).placement
    x, y = np.array([0.0, 3.25, 128.0]), np.array([0.0, 50.5, 96.0])
    back = placement.original_to_input(*placement.input_to_original(x, y))
    np.testing.assert_allclose(back, (x, y), atol=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_a_map_drawn_on_the_original_lies_over_what_the_model_saw(mode):
    image = _noise(330, 200)
    p = Preprocessing((224, 224), (0.5,) * 3, (0.5,) * 3, "bilinear", 0.9)
    prepared = prepare(image, p, mode)
    seen = to_pixels(prepared.tensor, p)[..., 1].astype(np.float32)
    back = prepared.placement.map_to_original(seen)
    original = np.asarray(image)[..., 1].astype(np.float32)
    assert back.shape == (200, 330)
    visible = np.isfinite(back)
    left, top, right, bottom = prepared.placement.visible_box
    assert visible.sum() == pytest.approx((right - left) * (bottom - top), rel=0.02)
    inner = visible.copy()
    inner[:2] = inner[-2:] = False
    # The same picture up to the blur of the resize; shifted by 2 pixels it is clearly worse.
    error = np.abs(back - original)[inner].mean()
    shifted = np.abs(back - np.roll(original, 2, axis=1))[inner].mean()
    assert error < 4
    assert shifted > 3 * error


def test_a_patch_grid_covers_the_visible_part_in_equal_blocks():
    placement = Placement((224, 224), (448, 896), (224.0, 0.0, 672.0, 448.0))
    grid = np.arange(14 * 14, dtype=np.float32).reshape(14, 14)
    drawn = placement.map_to_original(grid, "nearest")
    assert np.isnan(drawn[:, :224]).all()
    assert np.isnan(drawn[:, 672:]).all()
    np.testing.assert_array_equal(drawn[:, 224:672], np.kron(grid, np.ones((32, 32))))


def test_bilinear_keeps_a_ramp_and_bicubic_keeps_a_parabola():
    placement = Placement((8, 8), (64, 64), (0.0, 0.0, 64.0, 64.0))
    cells = np.arange(8, dtype=np.float32)
    at = (np.arange(64) + 0.5) / 8 - 0.5
    ramp = placement.map_to_original(np.tile(cells, (8, 1)))
    np.testing.assert_allclose(ramp[20, 4:-4], at[4:-4], atol=1e-5)
    parabola = placement.map_to_original(np.tile(cells**2, (8, 1)), "bicubic")
    np.testing.assert_allclose(parabola[20, 12:-12], at[12:-12] ** 2, atol=1e-4)


def test_padding_is_the_mean_colour_and_is_known():
    p = Preprocessing((100, 100), MEAN, STD)
    prepared = prepare(np.full((50, 100, 3), 255, np.uint8), p, "pad")
    assert prepared.placement.valid_box == (0.0, 25.0, 100.0, 75.0)
    assert prepared.tensor[:, :25].abs().max() < 0.01  # the mean colour is a normalised zero
    mask = prepared.placement.valid_mask()
    assert mask[25:75].all()
    assert not mask[:25].any()
    assert not mask[75:].any()
    np.testing.assert_array_equal(prepared.placement.valid_mask((4, 2))[:, 0], [False, True, True, False])


@pytest.mark.parametrize("mode", MODES)
def test_a_mask_goes_to_the_input_like_the_picture_does(mode):
    pixels = np.zeros((211, 300, 3), np.uint8)
    pixels[60:140, 100:190] = 255
    p = Preprocessing((112, 96), (0.0,) * 3, (1.0,) * 3, "bilinear", 0.95)
    prepared = prepare(pixels, p, mode)
    mask = prepared.placement.mask_to_input(pixels[..., 0] > 0)
    assert mask.shape == (112, 96)
    assert mask.dtype == bool
    seen = prepared.tensor[0].numpy() > 0.5
    assert (mask != seen).mean() < 0.01
    assert mask.sum() > 100


def test_a_mask_of_another_size_is_refused():
    placement = prepare(_noise(30, 20), Preprocessing((32, 32))).placement
    with pytest.raises(DataError, match="31 x 20"):
        placement.mask_to_input(np.zeros((20, 31), bool))


def test_to_pixels_undoes_the_normalisation_exactly():
    image = _noise(64, 64)
    p = Preprocessing((64, 64), MEAN, STD)
    np.testing.assert_array_equal(to_pixels(prepare(image, p).tensor, p), np.asarray(image))


def test_a_strip_of_pixels_is_not_enlarged_to_fill_the_memory():
    strip = _noise(40_000, 2)
    prepared = prepare(strip, Preprocessing((224, 224)))
    assert prepared.tensor.shape == (3, 224, 224)
    left, _, right, _ = prepared.placement.box
    assert right - left == pytest.approx(2)


def test_a_strip_looks_as_if_it_had_been_enlarged_and_cropped():
    strip = _noise(1200, 8)
    p = Preprocessing((32, 32), MEAN, STD, crop_pct=0.875)
    got, expected = to_pixels(prepare(strip, p).tensor, p), to_pixels(_timm(strip, p), p)
    assert np.abs(got.astype(int) - expected).max() <= 1


def test_wrong_pictures_and_settings_are_refused_in_words():
    p = Preprocessing((32, 32))
    with pytest.raises(ImageError, match=r"20 x 30 of float64"):
        prepare(np.zeros((20, 30)), p)
    with pytest.raises(ParameterError, match="stretch"):
        prepare(_noise(40, 40), p, "stretch")
    with pytest.raises(ParameterError, match="interpolation"):
        Preprocessing((32, 32), interpolation="magic")
    with pytest.raises(ParameterError, match="above zero"):
        Preprocessing((32, 32), std=(0.0, 1.0, 1.0))


@pytest.mark.parametrize("shape", [(100, 50), (50, 100)])
def test_a_mask_that_touches_the_pictures_edges_does_not_reach_into_the_padding(shape):
    p = Preprocessing((60, 60), MEAN, STD)
    placement = prepare(np.zeros((*shape, 3), np.uint8), p, "pad").placement
    filled = placement.mask_to_input(np.ones(shape, np.uint8))
    np.testing.assert_array_equal(filled > 0, placement.valid_mask())
    assert not filled.all()
