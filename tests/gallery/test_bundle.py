"""The bundled gallery: about thirty scenes in common formats, with masks that match them."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from vitinspect.errors import DataError
from vitinspect.gallery import ANNOTATORS, BADGE_CLASS, CLASSES, TWIN_CLASS
from vitinspect.gallery.bundle import ENTRIES, ORIENTATION, make_bundle, scene_of
from vitinspect.images import open_image
from vitinspect.resources import gallery_folder

FOLDER = gallery_folder()
MASK_FOLDERS = (FOLDER / "masks", *(FOLDER / "masks" / person for person in ANNOTATORS))


def rows() -> list[dict[str, str]]:
    with (FOLDER / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


IMAGES = [FOLDER / row["image"] for row in rows()]


def mask_of(image: Path, folder: Path = FOLDER / "masks") -> np.ndarray:
    with Image.open(folder / f"{image.stem}.png") as picture:
        return np.asarray(picture)


def shape_of(image: Path, note: str) -> bool:
    with Image.open(image) as picture:
        tests = {
            "JPEG": picture.format == "JPEG",
            "PNG": picture.format == "PNG",
            "WebP": picture.format == "WEBP",
            "TIFF": picture.format == "TIFF",
            "turned by EXIF": picture.getexif().get(ORIENTATION) == 6,
            "grey": picture.mode == "L",
            "alpha": picture.mode == "RGBA" and picture.getextrema()[3][0] < 255,
            "16 bits": picture.mode.startswith("I;16"),
            "CMYK": picture.mode == "CMYK",
            "3000 pixels, not square": max(picture.size) == 3000 != min(picture.size),
        }
        return tests[note]


@pytest.mark.parametrize(
    "note",
    [
        "JPEG",
        "PNG",
        "WebP",
        "TIFF",
        "turned by EXIF",
        "grey",
        "alpha",
        "16 bits",
        "CMYK",
        "3000 pixels, not square",
    ],
)
def test_the_gallery_has_a_picture_that_is(note: str) -> None:
    assert any(shape_of(image, note) for image in IMAGES)


def test_the_gallery_is_about_thirty_pictures_of_all_classes_in_a_few_megabytes() -> None:
    assert 28 <= len(IMAGES) <= 34
    assert {row["label"] for row in rows()} == set(CLASSES)
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 6e6
    assert sorted(path.name for path in IMAGES) == sorted(path.name for path in (FOLDER / "images").iterdir())
    assert len({path.stem for path in IMAGES}) == len(IMAGES), "masks are found by base name"


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.name)
def test_every_picture_opens_and_has_the_masks_of_everybody_at_its_displayed_size(image: Path) -> None:
    with Image.open(image) as picture:
        shown = ImageOps.exif_transpose(picture)
        size = shown.size
    assert open_image(image).size == size
    exact, generous, tight, sloppy = (mask_of(image, folder) for folder in MASK_FOLDERS)
    for mask in (exact, generous, tight, sloppy):
        assert mask.shape == size[::-1]
        assert set(np.unique(mask)) == {0, 255}
    assert tight.sum() < exact.sum() < generous.sum()


def test_the_turned_picture_lies_under_its_mask_when_displayed() -> None:
    (number,) = [n for n, entry in enumerate(ENTRIES) if entry.note == "turned"]
    scene = scene_of(ENTRIES[number], number + 1)
    with Image.open(IMAGES[number]) as picture:
        lying = picture.size
        shown = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"), np.float32)
    assert lying == shown.shape[:2], "width and height change places"
    assert np.abs(shown - scene.image).mean() < 12
    assert np.array_equal(mask_of(IMAGES[number]) > 0, scene.mask)


def test_the_gallery_has_pairs_that_differ_in_the_badge_alone() -> None:
    for label in (BADGE_CLASS, TWIN_CLASS):
        pair = [
            scene_of(entry, n)
            for n, entry in enumerate(ENTRIES, 1)
            if entry.label == label and entry.note in ("badge", "no-badge")
        ]
        with_badge = [scene for scene in pair if scene.badge is not None]
        without = [scene for scene in pair if scene.badge is None]
        first = next(s for s in with_badge if any(s.index == o.index for o in without))
        other = next(s for s in without if s.index == first.index)
        assert first.badge is not None
        changed = (first.image != other.image).any(axis=2)
        assert changed[first.badge].mean() > 0.9
        assert changed.sum() < 1.4 * first.badge.sum()


def test_several_pictures_show_two_classes_and_have_a_mask_for_each() -> None:
    second = sorted(path.stem for path in (FOLDER / "masks-second").iterdir())
    assert len(second) >= 4
    for stem in second:
        image = next(path for path in IMAGES if path.stem == stem)
        assert len({*stem.split("-")} & set(CLASSES)) == 2
        assert not (mask_of(image) & mask_of(image, FOLDER / "masks-second")).any()


def test_no_class_is_shown_by_one_picture_format_alone() -> None:
    endings = Counter(path.suffix for path in IMAGES)
    assert endings[".jpg"] >= 10
    assert endings[".png"] >= 4


def test_the_gallery_is_what_the_script_makes(tmp_path: Path) -> None:
    """This compares the masks; the encoding of pictures depends on the installed codecs."""
    few = list(ENTRIES[:6])
    assert make_bundle(tmp_path / "gallery", few) == len(few)
    made = [path for path in (tmp_path / "gallery").rglob("*.png") if "images" not in path.parts]
    assert len(made) > 4 * len(few)
    for path in made:
        with Image.open(path) as new, Image.open(FOLDER / path.relative_to(tmp_path / "gallery")) as old:
            differing = np.mean(np.asarray(old) != np.asarray(new))
        # Another processor may round the last bit of a distance the other way.
        assert differing < 1e-3, path.name
    lines = (tmp_path / "gallery" / "labels.csv").read_text().splitlines()
    assert lines == (FOLDER / "labels.csv").read_text().splitlines()[: len(lines)]
    assert len(lines) == len(few) + 1


def test_the_script_refuses_a_folder_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="not written by this command"):
        make_bundle(tmp_path)
