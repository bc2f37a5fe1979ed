"""A mask's numbers are labels: no palette, depth or orientation may change them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitinspect.errors import ImageError
from vitinspect.images import open_mask

LABELS = np.array([[0, 1, 2], [255, 1, 0]], np.uint8)


def test_a_palette_keeps_its_indices(tmp_path):
    image = Image.fromarray(LABELS, "P")
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0] + [224, 224, 192] * 253)
    image.save(tmp_path / "voc.png")
    mask = open_mask(tmp_path / "voc.png")
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, LABELS)


def test_grey_values_are_kept_in_8_and_16_bits(tmp_path):
    Image.fromarray(LABELS).save(tmp_path / "a.png")
    np.testing.assert_array_equal(open_mask(tmp_path / "a.png"), LABELS)
    wide = LABELS.astype(np.uint16) * 100
    Image.fromarray(wide).save(tmp_path / "b.png")
    mask = open_mask(tmp_path / "b.png")
    assert mask.dtype == np.int32
    np.testing.assert_array_equal(mask, wide)


def test_one_bit_is_zero_and_one(tmp_path):
    Image.fromarray(LABELS > 0).save(tmp_path / "a.png")
    np.testing.assert_array_equal(open_mask(tmp_path / "a.png"), LABELS > 0)


def test_grey_saved_as_colour_is_grey(tmp_path):
    Image.fromarray(LABELS).convert("RGB").save(tmp_path / "a.png")
    np.testing.assert_array_equal(open_mask(tmp_path / "a.png"), LABELS)


def test_each_colour_is_a_label_and_black_is_the_background(tmp_path):
    colours = np.array([[0, 0, 0], [0, 0, 255], [255, 0, 0]], np.uint8)
    Image.fromarray(colours[np.array([[0, 1, 2], [2, 1, 0]])]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(open_mask(tmp_path / "a.png"), [[0, 1, 2], [2, 1, 0]])
    Image.fromarray(colours[np.array([[1, 2]])]).save(tmp_path / "b.png")
    np.testing.assert_array_equal(open_mask(tmp_path / "b.png"), [[1, 2]])


def test_an_opaque_shape_on_nothing_is_the_mask(tmp_path):
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, 1] = (0, 0, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(open_mask(tmp_path / "a.png"), [[0, 1, 0]])


def test_opaque_colours_are_labels_like_those_without_alpha(tmp_path):
    Image.fromarray(LABELS).convert("RGBA").save(tmp_path / "a.png")
    np.testing.assert_array_equal(open_mask(tmp_path / "a.png"), LABELS)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_blur_of_a_jpeg_does_not_make_new_labels(tmp_path, mode):
    pixels = np.zeros((64, 64), np.uint8)
    pixels[20:40, 12:50] = 255
    Image.fromarray(pixels).convert(mode).save(tmp_path / "a.jpg", quality=60)
    mask = open_mask(tmp_path / "a.jpg")
    assert set(np.unique(mask)) == {0, 255}
    assert (mask != pixels).mean() < 0.01


def test_the_orientation_of_a_mask_is_that_of_its_picture(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(LABELS).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(open_mask(tmp_path / "a.png"), np.rot90(LABELS, -1))


def test_a_photograph_is_refused_as_a_mask(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (30, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"a\.png is not a mask: it has \d+ colours"):
        open_mask(tmp_path / "a.png")
    Image.fromarray(noise).save(tmp_path / "b.jpg")
    with pytest.raises(ImageError, match="Save it as PNG"):
        open_mask(tmp_path / "b.jpg")


def test_a_missing_mask_is_an_image_error(tmp_path):
    with pytest.raises(ImageError, match="no such file"):
        open_mask(tmp_path / "a.png")
