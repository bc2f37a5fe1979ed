"""Thresholds equal OpenCV's and the scripts', and always record their level."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import vitinspect as vi
from tests.goldens import arrays
from vitinspect.thresholds import otsu_level, to_8bit

RNG = np.random.default_rng(2)


def odd_images() -> list[np.ndarray]:
    gradient = np.arange(256, dtype=np.uint8).reshape(16, 16)
    one = np.zeros((9, 9), np.uint8)
    one[4, 4] = 255
    halves = np.repeat(np.array([[10, 200]], np.uint8), 8, axis=0)
    tied = np.repeat(np.array([[0, 100, 200]], np.uint8), 4, axis=0)
    constant = np.full((5, 5), 77, np.uint8)
    return [gradient, one, halves, tied, constant, np.zeros((3, 3), np.uint8), np.full((3, 3), 255, np.uint8)]


@pytest.mark.parametrize("number", range(7))
def test_otsu_equals_opencv_on_odd_images(number):
    image = odd_images()[number]
    expected, _ = cv2.threshold(image, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    assert otsu_level(image) == int(expected)


def test_otsu_equals_opencv_on_random_images():
    for _ in range(200):
        size = tuple(RNG.integers(1, 40, 2))
        image = (RNG.beta(*RNG.uniform(0.2, 4, 2), size) * 255).astype(np.uint8)
        expected, _ = cv2.threshold(image, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        assert otsu_level(image) == int(expected)


def test_otsu_equals_the_vitmix_goldens():
    golden = arrays("p1_vitmix")
    names = [key.removeprefix("i0_").split("_", 1) for key in golden if key.startswith("i0_t") and "_otsu_" in key]
    assert names
    for start, rest in names:
        name = rest.removeprefix("otsu_")
        up = golden.get(f"i0_{start}_up_{name}")
        if up is None:
            continue
        cut = vi.threshold(up, "otsu")
        assert cut.level_8bit == int(golden[f"i0_{start}_otsu_{name}"])
        np.testing.assert_array_equal(cut.mask, golden[f"i0_{start}_mask_{name}"].astype(bool))


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("otsu", {}),
        ("fixed", {"level": 0.3}),
        ("percentile", {"percentile": 60}),
        ("top_fraction", {"fraction": 0.2}),
        ("mean", {}),
        ("mean_std", {"k": 0.5}),
    ],
)
def test_the_level_that_is_stated_makes_the_mask(mode, options):
    values = RNG.normal(size=(14, 14)) * 3 - 1
    cut = vi.threshold(values, mode, **options)
    with_level = values >= cut.level if mode in ("top_fraction", "otsu") else values > cut.level
    assert (with_level == cut.mask).mean() > 0.99
    assert cut.level == pytest.approx(values.min() + cut.level_minmax * (values.max() - values.min()), abs=1e-6)
    assert cut.share == cut.mask.mean()


def test_fixed_is_strict_on_the_minmax_map():
    mask = vi.threshold(np.array([[0.0, 1.0, 2.0]]), "fixed", level=0.5).mask
    np.testing.assert_array_equal(mask, [[False, False, True]])


def test_top_fraction_takes_the_share_and_all_ties():
    values = np.arange(100.0).reshape(10, 10)
    assert vi.threshold(values, "top_fraction", fraction=0.25).mask.sum() == 25
    tied = np.array([[1.0, 1.0, 1.0, 0.0]])
    assert vi.threshold(tied, "top_fraction", fraction=0.25).mask.sum() == 3
    assert not vi.threshold(values, "top_fraction", fraction=0).mask.any()
    assert vi.threshold(values, "top_fraction", fraction=1).mask.all()


@pytest.mark.parametrize("mode", ["otsu", "fixed", "percentile", "mean", "mean_std"])
def test_a_constant_map_gives_an_empty_mask(mode):
    assert not vi.threshold(np.full((4, 4), 3.0), mode).mask.any()


def test_upsampling_comes_first():
    values = RNG.uniform(size=(14, 14))
    assert vi.threshold(values, "otsu", size=(224, 200)).mask.shape == (224, 200)


def test_quantisation_truncates():
    assert to_8bit(np.array([[0.0, 0.999, 1.0]])).tolist() == [[0, 254, 254]]
