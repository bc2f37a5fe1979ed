"""COCO files, against pycocotools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

import vitinspect as vi
from vitinspect.annotation.formats import coco, run_lengths

SIZE = (30, 40)


def written(path: Path, annotations: list[dict[str, Any]], images: Any = None, categories: Any = None) -> Path:
    images = images or [{"id": 7, "file_name": "cat.jpg", "height": SIZE[0], "width": SIZE[1]}]
    categories = categories or [{"id": 3, "name": "cat"}, {"id": 90, "name": "dog"}]
    for number, annotation in enumerate(annotations, 1):
        annotation.setdefault("id", number)
        annotation.setdefault("image_id", 7)
        annotation.setdefault("category_id", 3)
        annotation.setdefault("iscrowd", 0)
    path.write_text(json.dumps({"images": images, "categories": categories, "annotations": annotations}))
    return path


def a_mask(seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random(SIZE) > 0.6).astype(np.uint8)


def test_polygon_parts_are_those_of_pycocotools(tmp_path: Path) -> None:
    parts = [[3.0, 2.0, 20.5, 5.6, 9.0, 25.0], [30, 10, 38, 10, 38, 22.5, 30, 22.5], [-5, 20, 6, 20, 6, 40]]
    path = written(tmp_path / "c.json", [{"segmentation": parts}])
    reference = COCO(str(path))
    assert np.array_equal(vi.masks.load(path), reference.annToMask(reference.anns[1]))


@pytest.mark.parametrize("crowd", [0, 1])
def test_run_lengths_as_list_and_as_text_are_columns_first(tmp_path: Path, crowd: int) -> None:
    mask = a_mask()
    packed = coco_mask.encode(np.asfortranarray(mask))
    text = {"size": list(SIZE), "counts": packed["counts"].decode()}
    counts = {"size": list(SIZE), "counts": run_lengths.encode(mask, columns=True)}
    for segmentation in (text, counts):
        path = written(tmp_path / "c.json", [{"segmentation": segmentation, "iscrowd": crowd}])
        assert np.array_equal(vi.masks.load(path), mask)


@pytest.mark.parametrize("seed", range(20))
def test_packing_is_that_of_pycocotools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = (rng.random(rng.integers(1, 60, 2)) > rng.random()).astype(np.uint8)
    packed = coco_mask.encode(np.asfortranarray(mask))["counts"].decode()
    assert run_lengths.pack(run_lengths.encode(mask, columns=True)) == packed
    assert np.array_equal(run_lengths.decode(run_lengths.unpack(packed, "x"), *mask.shape, "x", columns=True), mask)
    assert np.array_equal(
        run_lengths.decode(run_lengths.encode(mask, columns=False), *mask.shape, "x", columns=False), mask
    )


def test_coordinates_are_kept_as_arrays_and_what_is_no_list_of_numbers_as_it_is() -> None:
    polygons = coco.compact({"id": 1, "segmentation": [[1, 2.5, 3, 4, 5, 6], ["1", 2], None]})["segmentation"]
    assert (polygons[0].typecode, polygons[0].tolist()) == ("d", [1, 2.5, 3, 4, 5, 6])
    assert polygons[1:] == [["1", 2], None]
    assert coco.compact({"segmentation": [1, 2, 3, 4, 5, 6]})["segmentation"].tolist() == [1, 2, 3, 4, 5, 6]
    for other in ({"segmentation": {"size": [1, 1], "counts": [1]}}, {"segmentation": []}, {"points": [1, 2]}):
        assert coco.compact(dict(other)) == other


def test_a_polygon_without_its_outer_list_is_the_same_region(tmp_path: Path) -> None:
    box = [2, 2, 9, 2, 9, 6.5, 2, 6]
    masks = [
        vi.masks.load(written(tmp_path / f"{number}.json", [{"segmentation": parts}]))
        for number, parts in enumerate(([box], box))
    ]
    assert masks[0].any()
    assert np.array_equal(*masks)


def test_polygons_of_others_stay_in_a_file_that_is_added_to(tmp_path: Path) -> None:
    box = [2, 2, 9, 2, 9, 6.5, 2, 6]
    path = written(tmp_path / "c.json", [{"segmentation": [box]}])
    picture = tmp_path / "dog.png"
    Image.new("RGB", SIZE[::-1]).save(picture)
    vi.masks.save({"dog": a_mask()}, path, image=picture)
    kept = json.loads(path.read_text())["annotations"]
    assert kept[0]["segmentation"] == [box]
    assert len(kept) == 2


def test_categories_are_found_by_id_and_pictures_by_name(tmp_path: Path) -> None:
    images = [
        {"id": 7, "file_name": "val/cat.jpg", "height": 30, "width": 40},
        {"id": 2, "file_name": "val/dog.jpg", "height": 20, "width": 20},
        {"id": 5, "file_name": "val/none.jpg", "height": 20, "width": 20},
    ]
    box = [2, 2, 6, 2, 6, 6, 2, 6]
    annotations = [
        {"segmentation": [box], "category_id": 90, "image_id": 2},
        {"segmentation": [box], "category_id": 3, "image_id": 7},
        {"segmentation": [[10, 2, 14, 2, 14, 6, 10, 6]], "category_id": 90, "image_id": 7},
    ]
    path = written(tmp_path / "c.json", annotations, images)
    found = vi.masks.load_all(path)
    assert {name: {k: int(v.sum()) for k, v in masks.items()} for name, masks in found.items()} == {
        "val/cat.jpg": {"cat": 16, "dog": 16},
        "val/dog.jpg": {"dog": 16},
        "val/none.jpg": {},
    }
    (tmp_path / "images").mkdir()
    for image in images:
        name = image["file_name"].split("/")[1]
        Image.new("RGB", (image["width"], image["height"])).save(tmp_path / "images" / name)
    assert set(vi.masks.load_all(path, images=tmp_path / "images")) == {"cat.jpg", "dog.jpg", "none.jpg"}
    assert vi.masks.load(path, image=tmp_path / "images" / "cat.jpg").sum() == 32
    assert vi.masks.load(path, image=tmp_path / "images" / "cat.jpg", label="dog").sum() == 16
    assert vi.masks.load(path, image=tmp_path / "images" / "none.jpg").sum() == 0
    with pytest.raises(vi.DataError, match="3 pictures"):
        vi.masks.load(path)


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ([], "only a box"),
        (None, "only a box"),
        ([[1, 2, 3, 4]], "2 points"),
        ([[1, 2, 3, 4, 5]], "alternating x and y"),
        ({"size": [30, 40], "counts": [5, 5]}, "10 pixels"),
        ({"size": [30, 40], "counts": [-5, 1205]}, "length of a run"),
        ({"size": [40, 30], "counts": [1200]}, "30 × 40 .* 40 × 30"),
        ({"size": [30, 40], "counts": "~~~~"}, "character"),
        ({"size": [30, 40], "counts": "oooo"}, "cut short"),
    ],
)
def test_damaged_regions_are_refused_with_a_reason(tmp_path: Path, segmentation: Any, words: str) -> None:
    with pytest.raises(vi.DataError, match=words):
        vi.masks.load(written(tmp_path / "c.json", [{"segmentation": segmentation}]))


def test_what_is_written_is_read_by_pycocotools(tmp_path: Path) -> None:
    path, cat, dog = tmp_path / "c.json", a_mask(1), a_mask(2)
    dog[3:6, 3:9] = 255
    vi.masks.save(cat, path, label="cat", format="coco")
    vi.masks.save({"dog": dog}, path)
    reference = COCO(str(path))
    assert [c["name"] for c in reference.loadCats(reference.getCatIds())] == ["cat", "dog", "ignore"]
    assert np.array_equal(reference.annToMask(reference.anns[1]), cat)
    assert np.array_equal(reference.annToMask(reference.anns[2]), dog == 1)
    assert np.array_equal(vi.masks.load(path, label="dog"), dog)
    vi.masks.save(a_mask(3), path, label="cat")
    # The region of "cat" is replaced, and so is what the picture has to be ignored, which belongs to every label.
    assert len(COCO(str(path)).anns) == 2
    assert np.array_equal(vi.masks.load(path, label="cat"), a_mask(3))
