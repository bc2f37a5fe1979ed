"""``vi.masks`` over formats: what is written, what is refused, and folders of masks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi

MASK = np.zeros((6, 8), np.uint8)
MASK[1:4, 2:6] = 1
IGNORED = MASK.copy()
IGNORED[5] = 255


@pytest.mark.parametrize("coding", ["auto", "0/255", "0/1", "1-bit", "palette"])
def test_png_codings_read_back(tmp_path: Path, coding: str) -> None:
    vi.masks.save(MASK, tmp_path / "m.png", coding=coding)
    assert np.array_equal(vi.masks.load(tmp_path / "m.png"), MASK)
    vi.masks.save(MASK, tmp_path / "m.png", coding=coding)  # ours, so that it may be written again


def test_ignored_pixels_go_into_a_palette_and_nowhere_else(tmp_path: Path) -> None:
    vi.masks.save(IGNORED, tmp_path / "m.png", label="cat")
    with Image.open(tmp_path / "m.png") as image:
        assert image.mode == "P"
    assert np.array_equal(vi.masks.load(tmp_path / "m.png"), IGNORED)
    assert list(vi.masks.load_all(tmp_path / "m.png")["m.png"]) == ["cat"]
    with pytest.raises(vi.DataError, match="palette"):
        vi.masks.save(IGNORED, tmp_path / "n.png", coding="0/255")
    vi.masks.save(IGNORED, tmp_path / "m.npy")
    assert np.array_equal(vi.masks.load(tmp_path / "m.npy"), IGNORED)
    all_ignored = np.where(IGNORED == 255, 255, 0).astype(np.uint8)
    with pytest.raises(vi.DataError, match="palette"):
        vi.masks.save(all_ignored, tmp_path / "all.npy")
    vi.masks.save(all_ignored, tmp_path / "all.png")
    assert np.array_equal(vi.masks.load(tmp_path / "all.png"), all_ignored)


def test_a_mask_that_others_wrote_is_not_replaced(tmp_path: Path) -> None:
    Image.fromarray(MASK).save(tmp_path / "m.png")
    before = (tmp_path / "m.png").read_bytes()
    with pytest.raises(vi.DataError, match="is not changed"):
        vi.masks.save(MASK, tmp_path / "m.png")
    assert (tmp_path / "m.png").read_bytes() == before
    vi.masks.save(MASK, tmp_path / "m.png", overwrite=True)
    assert np.array_equal(vi.masks.load(tmp_path / "m.png"), MASK)


@pytest.mark.parametrize("bad", [np.full((3, 3), 2), np.zeros((3, 3, 3)), np.zeros((0, 3)), np.zeros((3, 3)) + 0.5])
def test_what_is_no_mask_is_not_written(tmp_path: Path, bad: np.ndarray) -> None:
    with pytest.raises(vi.DataError, match="mask"):
        vi.masks.save(bad, tmp_path / "m.png")
    assert not (tmp_path / "m.png").exists()


def test_a_mask_of_another_size_than_its_picture_is_not_written(tmp_path: Path) -> None:
    Image.new("RGB", (9, 6)).save(tmp_path / "p.png")
    with pytest.raises(vi.DataError, match="8 × 6 .* 9 × 6"):
        vi.masks.save(MASK, tmp_path / "m.png", image=tmp_path / "p.png")


def test_a_folder_of_masks_is_read_by_the_names_of_its_pictures(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for name in ("a.jpg", "b_c.jpg"):
        Image.new("RGB", (8, 6)).save(tmp_path / "images" / name)
    vi.masks.save(MASK, tmp_path / "masks" / "a.png")
    vi.masks.save(1 - MASK, tmp_path / "masks" / "b_c.json", label="cat", image=tmp_path / "images" / "b_c.jpg")
    found = vi.masks.load_all(tmp_path / "masks", images=tmp_path / "images")
    assert {name: list(masks) for name, masks in found.items()} == {"a.jpg": ["foreground"], "b_c.jpg": ["cat"]}
    vi.masks.save(MASK, tmp_path / "masks" / "z.png")
    with pytest.raises(vi.DataError, match=r"z\.png is not among the pictures"):
        vi.masks.load_all(tmp_path / "masks", images=tmp_path / "images")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([{"id": 1, "data": {}, "annotations": [{"result": [{"value": {"brushlabels": ["a"]}}]}]}], "Label Studio"),
        ({"_via_img_metadata": {}}, "VGG"),
        ({"objects": [], "size": {}}, "Supervisely"),
        ({"type": "FeatureCollection", "features": []}, "GeoJSON"),
        ([{"segmentation": {}, "image_id": 3}], "result list"),
        ({"something": 1}, "neither labelme"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, document: Any, words: str) -> None:
    (tmp_path / "x.json").write_text(json.dumps(document))
    with pytest.raises(vi.DataError, match=words):
        vi.masks.load(tmp_path / "x.json")


def test_pipes_and_folders_are_no_mask_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    os.mkfifo(tmp_path / "pipe.npy")
    for name in ("pipe.json", "pipe.npy", "missing.json"):
        with pytest.raises(vi.DataError, match=name):
            vi.masks.load(tmp_path / name)
