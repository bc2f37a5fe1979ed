"""Masks of an annotator on disk: written safely, never over files of others, with their sidecars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi
from vitinspect.annotation import store
from vitinspect.annotation.document import MaskDocument, Origin, labels_from_names
from vitinspect.errors import DataError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "images" / "sub").mkdir(parents=True)
    for name in ("a.jpg", "b_c.png", "sub/a.png"):
        Image.new("RGB", (40, 30)).save(tmp_path / "images" / name)
    return tmp_path


def drawn(labels: tuple[str, ...] = ("foreground",)) -> MaskDocument:
    document = MaskDocument((30, 40), labels_from_names(labels), origin=Origin(blind=True, image="a.jpg"))
    document.begin((10, 10), 8, 1)
    document.move_to((25, 20))
    document.end()
    return document


def test_a_mask_is_read_back_with_its_state_labels_and_origin(data: Path) -> None:
    folder, image = store.AnnotatorFolder(data, "Ben A."), data / "images" / "sub" / "a.png"
    document = drawn(("cat", "dog"))
    document.values[0] = 2
    document.values[1] = 255
    document.set_status("done")
    folder.write(image, document, "")
    assert folder.mask_path(image) == data / "masks" / "Ben A." / "sub" / "a.png"
    found = folder.open(image, (30, 40))
    assert np.array_equal(found.values, document.values)
    assert (found.labels, found.status, found.origin) == (document.labels, "done", document.origin)
    assert list(vi.masks.load_all(folder.mask_path(image))["a.png"]) == ["cat", "dog"]


def test_one_label_is_an_ordinary_mask_of_black_and_white(data: Path) -> None:
    folder, image = store.AnnotatorFolder(data, "ben"), data / "images" / "a.jpg"
    document = drawn()
    folder.write(image, document, "")
    with Image.open(folder.mask_path(image)) as picture:
        assert picture.mode == "L"
        assert np.array_equal(np.asarray(picture) // 255, document.values)
    assert np.array_equal(folder.open(image, (30, 40)).values, document.values)


def test_statuses_are_distinguished(data: Path) -> None:
    folder = store.AnnotatorFolder(data, "ben")
    image, other = data / "images" / "a.jpg", data / "images" / "b_c.png"
    assert folder.sidecar(image).words == "not yet"
    empty = MaskDocument((30, 40))
    empty.set_status("nothing")
    folder.write(image, empty, "")
    assert folder.sidecar(image).words == "nothing here"
    Image.fromarray(np.zeros((30, 40), np.uint8)).save(folder.mask_path(other))
    assert folder.sidecar(other).words == "done"  # drawn elsewhere


def test_a_mask_that_another_program_changed_is_detected_before_it_is_overwritten(data: Path) -> None:
    folder, image = store.AnnotatorFolder(data, "ben"), data / "images" / "a.jpg"
    known = folder.write(image, drawn(), "")
    theirs = Image.fromarray(np.full((30, 40), 255, np.uint8))
    theirs.save(folder.mask_path(image))
    with pytest.raises(store.ChangedOnDisk, match="keep both"):
        folder.write(image, drawn(), known)
    assert (folder.open(image, (30, 40)).values == 1).all()
    aside = folder.keep_both(image)
    folder.write(image, drawn(), known)
    assert (np.asarray(Image.open(aside)) == 255).all()
    assert np.array_equal(folder.open(image, (30, 40)).values, drawn().values)


def test_a_mask_of_another_size_or_with_too_many_labels_is_refused(data: Path) -> None:
    folder, image = store.AnnotatorFolder(data, "ben"), data / "images" / "a.jpg"
    folder.folder.mkdir(parents=True)
    Image.new("L", (20, 30)).save(folder.mask_path(image))
    with pytest.raises(DataError, match=r"20 × 30 .* 40 × 30"):
        folder.open(image, (30, 40))


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", ".hidden", "a\\b", "x:y"])
def test_a_name_that_cannot_be_a_folder_is_refused(data: Path, name: str) -> None:
    with pytest.raises(DataError):
        store.AnnotatorFolder(data, name)


def test_of_a_damaged_sidecar_only_its_information_is_lost(data: Path) -> None:
    folder, image = store.AnnotatorFolder(data, "ben"), data / "images" / "a.jpg"
    folder.write(image, drawn(), "")
    for text in ("{", "[]", '{"vitinspect": "mask", "labels": 3, "origin": {"seconds": 1e999}}'):
        folder.sidecar_path(image).write_text(text)
        assert np.array_equal(folder.open(image, (30, 40)).values, drawn().values)


def test_a_second_window_of_the_same_annotator_is_detected(data: Path) -> None:
    folder = store.AnnotatorFolder(data, "ben")
    with folder.alone() as first:
        assert first
        with store.AnnotatorFolder(data, "ben").alone() as second:
            assert not second
        with store.AnnotatorFolder(data, "anna").alone() as other:
            assert other
    with folder.alone() as again:
        assert again


def test_annotators_are_remembered_and_listed(data: Path) -> None:
    assert store.annotators(data) == []
    for name in ("ben", "Anna"):
        store.AnnotatorFolder(data, name).write(data / "images" / "a.jpg", drawn(), "")
    assert store.annotators(data) == ["Anna", "ben"]
    store.remember_annotator("Zoë")
    assert store.last_annotator() == "Zoë"


def test_the_pictures_of_a_folder_are_not_the_masks_beside_them(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    store.AnnotatorFolder(tmp_path, "ben").write(tmp_path / "a.png", MaskDocument((4, 4)), "")
    assert store.pictures_in(tmp_path) == [tmp_path / "a.png"]
