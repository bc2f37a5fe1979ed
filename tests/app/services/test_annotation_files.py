"""COCO and CVAT files beside the pictures: found by name, read in the pool, and the shapes of a picture are layers."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import numpy as np
import pytest

import vitinspect as vi
from vitinspect.app.services import annotation_files
from vitinspect.app.services.annotation_files import KNOWN, FolderAnnotations
from vitinspect.app.services.mask_files import MaskFinder, choose_truth, read_mask

SIZE = (64, 96)


def square(top: int, left: int) -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    mask[top : top + 20, left : left + 20] = 1
    return mask


def write(path: Path, masks: dict[str, np.ndarray], picture: Path, kind: str = "coco") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    vi.masks.save(masks, path, image=picture, format=kind)


@pytest.fixture
def first(pictures) -> Path:
    return pictures / "picture 1.png"


BOTH = {"bee": square(5, 5), "ant": square(30, 50)}


def read_all(folder: Path) -> FolderAnnotations:
    found = FolderAnnotations(str(folder))
    for file in found.unread:
        KNOWN.read(file)
    return found


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("pictures/annotations.json", "coco"),
        ("annotations.json", "coco"),
        ("annotations/instances_pictures.json", "coco"),
        ("annotations/instances_default.json", "coco"),
        ("annotations.xml", "cvat"),
        ("pictures/annotations.xml", "cvat"),
    ],
)
def test_a_file_is_found_where_tools_write_it_and_gives_the_masks_of_the_library(pictures, first, name, kind) -> None:
    path = pictures.parent / name
    write(path, BOTH, first, kind)
    finder = MaskFinder()
    assert finder.masks(str(first)) == ()
    assert [file.path for file in finder.unread(str(first))] == [str(path)]
    read_all(pictures)
    assert finder.unread(str(first)) == []
    masks = finder.masks(str(first))
    assert {mask.label for mask in masks} == set(BOTH)
    for mask in masks:
        assert np.array_equal(read_mask(mask, SIZE), vi.masks.load(path, image=first, label=mask.label))
        assert np.array_equal(read_mask(mask, SIZE), BOTH[mask.label])
    assert finder.masks(str(pictures / "picture 2.png")) == ()
    assert choose_truth(masks, "ant", ("ant", "bee")).mask.label == "ant"
    assert "the mask of ant" in choose_truth(masks, "ant", ("ant", "bee")).rule


def test_the_file_with_the_folders_name_comes_before_one_that_may_be_about_another(pictures, first) -> None:
    write(pictures.parent / "annotations" / "instances_pictures.json", {"bee": square(5, 5)}, first)
    write(pictures.parent / "annotations.json", {"ant": square(5, 5)}, first)
    assert read_all(pictures).labels(str(first))[1] == ("bee",)


def test_of_two_files_about_the_same_picture_none_is_used(pictures, first) -> None:
    write(pictures.parent / "annotations.json", {"bee": square(5, 5)}, first)
    write(pictures.parent / "instances.json", {"ant": square(5, 5)}, first)
    assert read_all(pictures).labels(str(first)) == ("", ())


def test_pictures_of_the_same_name_are_distinguished_by_their_folders(pictures, first) -> None:
    path = pictures.parent / "annotations.json"
    write(path, {"bee": square(5, 5)}, first)
    document = json.loads(path.read_text())
    other = {**document["images"][0], "id": 99, "file_name": "elsewhere/picture 1.png"}
    document["images"][0]["file_name"] = "pictures/picture 1.png"
    document["images"].append(other)
    path.write_text(json.dumps(document))
    assert read_all(pictures).labels(str(first))[1] == ("bee",)


@pytest.mark.parametrize("content", [b"", b"garbage", b"[1, 2]", b'{"images": [1], "annotations": []}', b'{"a": 1}'])
def test_other_files_are_ignored(pictures, first, content) -> None:
    (pictures / "annotations.json").write_bytes(content)
    found = read_all(pictures)
    assert found.unread == []
    assert found.labels(str(first)) == ("", ())


def test_a_file_that_is_too_large_is_not_read(pictures, first, monkeypatch) -> None:
    write(pictures / "annotations.json", {"bee": square(5, 5)}, first)
    monkeypatch.setattr(annotation_files, "LARGEST", 10)
    assert FolderAnnotations(str(pictures)).files == []


def test_the_shapes_are_layers_in_the_window_and_scored_against(shown, backend, pictures, first, settle, qtbot) -> None:
    assert not any(layer.found for layer in backend.state.layers)
    path = pictures / "annotations.json"
    write(path, BOTH, first)
    shown.actions_["reload"].trigger()
    settle()
    qtbot.waitUntil(lambda: {"truth bee", "truth ant"} <= set(backend.results.masks), timeout=10_000)
    settle()
    assert {layer.label for layer in backend.state.layers if layer.found} == set(BOTH)
    assert np.array_equal(backend.results.masks["truth ant"].values, BOTH["ant"])
    assert "masks" in shown.facts.of(str(first)).icons
    labels = backend.results.card.labels
    backend.state.set(target=(labels.index("ant"),), plots=True)
    settle()
    assert "annotations.json, the mask of ant" in backend.results.truth.rule
    assert 0 <= backend.results.overlaps["rollout"].iou <= 1
    shown.browser.chips.buttons["mask"].click()
    settle()
    qtbot.waitUntil(lambda: backend.listing.rowCount() == 1, timeout=5000)
    backend.state.set(image=str(pictures / "picture 2.png"), only_masked=False)
    settle()
    assert not any(layer.found for layer in backend.state.layers)


def test_a_file_that_was_written_again_is_read_again(shown, backend, pictures, first, settle, qtbot) -> None:
    path = pictures / "annotations.json"
    write(path, {"bee": square(5, 5)}, first)
    shown.actions_["reload"].trigger()
    qtbot.waitUntil(lambda: "truth bee" in backend.results.masks, timeout=10_000)
    path.unlink()
    write(path, {"ant": square(9, 9)}, first)
    shown.actions_["reload"].trigger()
    qtbot.waitUntil(lambda: set(backend.results.masks) == {"truth ant"}, timeout=10_000)
    settle()
    assert [layer.label for layer in backend.state.layers if layer.found] == ["ant"]


def test_reading_a_file_does_not_wait_for_the_garbage_collector(pictures, first) -> None:
    path = pictures / "annotations.json"
    write(path, BOTH, first)
    document = json.loads(path.read_text())
    one = {**document["annotations"][0], "segmentation": [[5, 5, 25, 5, 25, 25]]}
    document["annotations"] += [{**one, "id": number} for number in range(100, 6000)]
    path.write_text(json.dumps(document))
    (file,) = FolderAnnotations(str(pictures)).unread
    collections: list[int] = []
    gc.collect()

    def note(phase: str, info: dict[str, int]) -> None:
        collections.append(info["generation"])

    gc.callbacks.append(note)
    try:
        shapes = KNOWN.read(file)
    finally:
        gc.callbacks.remove(note)
    assert len(shapes.find(str(first)).shapes) > 5000
    assert collections == []
    assert gc.isenabled()
