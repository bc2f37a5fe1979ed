"""Unambiguous mask files are read; for ambiguous ones the user must name the coding, and nothing is guessed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi
from tests.evaluation.small import picture
from vitinspect.evaluation.datasets import open_dataset
from vitinspect.evaluation.mask_codings import parse_coding

LABELS = np.array([[0, 0, 8, 8, 8], [0, 15, 15, 15, 255]], np.uint8).repeat(10, 0).repeat(12, 1)
VOC_COLOURS = [v for k in range(256) for v in ((k * 37) % 256, (k * 91) % 256, (k * 53) % 256)]


def saved(path, values, mode="L", palette=None):
    image = Image.fromarray(values) if mode == "L" else Image.fromarray(values, mode)
    if mode == "P":
        image.putpalette(palette or VOC_COLOURS)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def read(path, coding="auto"):
    return parse_coding(coding).read(path)


@pytest.mark.parametrize("mode", ["L", "P"])
def test_label_images_need_a_coding_and_are_read_by_it(tmp_path, mode):
    path = saved(tmp_path / "m.png", LABELS, mode)
    with pytest.raises(vi.DataError, match=r"0, 8, 15, 255.*--mask-coding"):
        read(path)
    np.testing.assert_array_equal(read(path, "binary"), LABELS > 0)
    np.testing.assert_array_equal(read(path, "palette"), np.where(LABELS == 255, 255, LABELS > 0))
    np.testing.assert_array_equal(read(path, "index=15"), np.where(LABELS == 255, 255, LABELS == 15))
    np.testing.assert_array_equal(read(path, "index=8,255"), np.isin(LABELS, (8, 255)))
    np.testing.assert_array_equal(read(path, "threshold=8"), LABELS > 8)


def test_a_folder_of_palette_masks_is_refused_before_anything_is_computed(tmp_path):
    picture(tmp_path / "images" / "a.png", 1, size=(60, 20))
    saved(tmp_path / "masks" / "a.png", LABELS, "P")
    with pytest.raises(vi.DataError, match="a palette picture"):
        open_dataset(tmp_path)
    found = open_dataset(tmp_path, mask_coding="palette")
    assert set(np.unique(found.read_mask(found.items[0], ""))) == {0, 1, 255}


def test_the_void_border_alone_is_ambiguous(tmp_path):
    with pytest.raises(vi.DataError, match="0, 255"):
        read(saved(tmp_path / "m.png", np.where(LABELS == 255, 255, 0).astype(np.uint8), "P"))


@pytest.mark.parametrize("top", [1, 15, 255])
def test_two_values_have_one_reading(tmp_path, top):
    values = ((LABELS == 15) * top).astype(np.uint8)
    np.testing.assert_array_equal(read(saved(tmp_path / "m.png", values)), LABELS == 15)


def test_black_and_white_saved_with_a_palette_is_black_and_white(tmp_path):
    grey = [v for k in range(256) for v in (k, k, k)]
    path = saved(tmp_path / "m.png", ((LABELS == 15) * 255).astype(np.uint8), "P", grey)
    np.testing.assert_array_equal(read(path), LABELS == 15)
    upside_down = [255, 255, 255, 0, 0, 0]
    with pytest.raises(vi.DataError, match="--mask-coding"):
        read(saved(tmp_path / "n.png", (1 + (LABELS == 15)).astype(np.uint8), "P", [9, 9, 9, *upside_down]))


def test_soft_edges_are_cut_in_the_middle_unless_a_level_is_given(tmp_path):
    values = np.zeros((60, 60), np.uint8)
    values[:, 20:] = 255
    values[:, 10:20] = np.linspace(2, 250, 600).reshape(60, 10)
    path = saved(tmp_path / "m.png", values)
    np.testing.assert_array_equal(read(path), values > 127)
    np.testing.assert_array_equal(read(path, "threshold=200"), values > 200)
    gradient = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (60, 1))
    with pytest.raises(vi.DataError, match="threshold=N"):
        read(saved(tmp_path / "g.png", gradient))


def test_a_threshold_is_about_the_greys_of_a_jpeg_too(tmp_path):
    path = tmp_path / "m.jpg"
    Image.fromarray(np.full((16, 16), 90, np.uint8)).save(path)
    assert read(path, "threshold=80").all()
    assert not read(path, "threshold=100").any()


@pytest.mark.parametrize("text", ["voc", "threshold", "threshold=a", "threshold=1,2", "index=", "binary=1", ""])
def test_unknown_codings_are_refused(text):
    with pytest.raises(vi.ParameterError, match="threshold=N"):
        parse_coding(text)


def test_grey_masks_of_0_1_and_255_leave_255_out_as_masks_that_vitinspect_writes_do(tmp_path):

    values = np.zeros((20, 30), np.uint8)
    values[5:10, 5:12], values[:3] = 1, 255
    Image.fromarray(values).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read(tmp_path / "m.png", "auto"), values)
    np.testing.assert_array_equal(vi.masks.load(tmp_path / "m.png"), values)
    written = tmp_path / "written.png"
    vi.masks.save(values, written)
    np.testing.assert_array_equal(read(written, "auto"), values)
    Image.fromarray(np.where(values == 1, 2, values)).save(tmp_path / "other.png")
    with pytest.raises(vi.DataError, match="several ways"):
        read(tmp_path / "other.png", "auto")


def test_of_an_annotator_who_leaves_255_out_it_is_left_out_of_masks_without_foreground_too(tmp_path):
    """An empty mask with an ignored band holds 0 and 255 alone, as a mask of white on black does."""
    band = np.where(LABELS == 255, 255, 0).astype(np.uint8)
    for name, ann, ben in (("a", np.where(LABELS == 8, 1, band).astype(np.uint8), band), ("b", band, band)):
        picture(tmp_path / "images" / f"{name}.png", 1, size=(60, 20))
        saved(tmp_path / "masks" / "ann" / f"{name}.png", ann)
        saved(tmp_path / "masks" / "ben" / f"{name}.png", ben)
    found = open_dataset(tmp_path)
    np.testing.assert_array_equal(found.read_mask(found.items[1], "ann"), band)
    np.testing.assert_array_equal(found.read_mask(found.items[1], "ben"), band == 255)
    told = open_dataset(tmp_path, mask_coding="binary")
    np.testing.assert_array_equal(told.read_mask(told.items[1], "ann"), band == 255)
