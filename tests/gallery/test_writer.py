"""Sets of scenes on disk: their files, stopping and resuming, and foreign folders."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitinspect.errors import Cancelled, DataError
from vitinspect.gallery import ANNOTATORS, CLASSES, make_scene, write_gallery
from vitinspect.gallery.scene import has_two_objects
from vitinspect.progress import CancelToken


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def kind_of(path: Path) -> str | None:
    with Image.open(path) as picture:
        return picture.format


def prints(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen small scenes with everything, written by two processes."""
    folder = tmp_path_factory.mktemp("scenes") / "new" / "set"
    write_gallery(folder, 12, 5, size=(64, 96), annotators=True, two_objects=0.5, badge="always", processes=2)
    return folder


def test_labels_name_every_picture_with_its_class(gallery: Path) -> None:
    rows = read(gallery / "labels.csv")
    assert list(rows[0]) == ["image", "label"]
    assert len(rows) == 12
    assert sorted(row["image"] for row in rows) == sorted(f"images/{p.name}" for p in (gallery / "images").iterdir())
    for index, row in enumerate(rows):
        assert row["label"] == make_scene(5, index, (64, 96)).label
        assert pixels(gallery / row["image"]).shape == (64, 96, 3)


def test_masks_have_the_names_of_the_pictures_and_are_the_exact_masks(gallery: Path) -> None:
    for index, row in enumerate(read(gallery / "labels.csv")):
        scene = make_scene(5, index, (64, 96), objects=2 if has_two_objects(5, index, 0.5) else 1, badge="always")
        assert np.array_equal(pixels(gallery / row["image"]), scene.image)
        name = Path(row["image"]).with_suffix(".png").name
        mask = pixels(gallery / "masks" / name)
        assert set(np.unique(mask)) <= {0, 255}
        assert np.array_equal(mask > 0, scene.mask)
        for person in ANNOTATORS:
            drawn = pixels(gallery / "masks" / person / name) > 0
            assert np.array_equal(drawn, scene.annotators_mask(person))
        assert (gallery / "masks-badge" / name).is_file()
        second = gallery / "masks-second" / name
        assert second.is_file() == (len(scene.labels) == 2)
        if second.is_file():
            assert np.array_equal(pixels(second) > 0, scene.objects[1].mask)


def test_both_kinds_of_scenes_are_among_a_mixed_set(gallery: Path) -> None:
    assert 0 < len(list((gallery / "masks-second").iterdir())) < 12


def test_objects_are_listed_with_their_places(gallery: Path) -> None:
    rows = read(gallery / "objects.csv")
    assert list(rows[0]) == ["image", "object", "label", "x", "y", "radius"]
    assert {row["label"] for row in rows} <= {*CLASSES, "distractor", "badge"}
    first = [row for row in rows if row["image"] == rows[0]["image"]]
    scene = make_scene(5, 0, (64, 96), objects=2 if has_two_objects(5, 0, 0.5) else 1, badge="always")
    assert [row["object"] for row in first] == [str(n) for n in range(1, len(scene.objects) + 2)]
    assert float(first[0]["x"]) == pytest.approx(scene.objects[0].centre[0], abs=0.06)


def test_the_number_of_processes_changes_nothing(gallery: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    write_gallery(alone, 12, 5, size=(64, 96), annotators=True, two_objects=0.5, badge="always", processes=1)
    assert prints(alone) == prints(gallery)


def test_progress_counts_scenes_up_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_gallery(tmp_path / "out", 19, 6, size=32, processes=1, progress=lambda *step: seen.append(step))
    assert seen[-1] == (19, 19)
    assert seen == sorted(seen)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_cancelled_set_has_no_half_files_and_is_finished_by_the_next_run(tmp_path: Path, processes: int) -> None:
    token, count = CancelToken(), 40 * processes
    out, whole = tmp_path / "out", tmp_path / "whole"
    with pytest.raises(Cancelled):
        write_gallery(
            out, count, 7, size=48, processes=processes, cancel=token, progress=lambda done, total: token.cancel()
        )
    written = list((out / "images").iterdir())
    assert 0 < len(written) < count
    assert not list(out.rglob("*.part"))
    assert not (out / "labels.csv").exists()
    for path in written:
        assert pixels(path).shape == (48, 48, 3)
        assert (out / "masks" / path.name).is_file()
    write_gallery(out, count, 7, size=48, processes=1)
    write_gallery(whole, count, 7, size=48, processes=1)
    assert prints(out) == prints(whole)


def test_a_folder_with_foreign_files_is_refused_and_not_changed(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(DataError, match="is not empty and was not written by this command"):
        write_gallery(tmp_path, 2, 1, size=32, processes=1)
    assert prints(tmp_path).keys() == {"holiday.jpg"}


def test_a_folder_with_another_set_is_refused_and_not_changed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_gallery(out, 2, 1, size=32, processes=1)
    before = prints(out)
    with pytest.raises(DataError, match="holds another set of scenes .*seed 1"):
        write_gallery(out, 2, 2, size=32, processes=1)
    assert prints(out) == before


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.write_text("")
    with pytest.raises(DataError, match="out is a file"):
        write_gallery(place, 2, 1, size=32, processes=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "at least one scene"),
        ({"seed": -1}, "from 0 on"),
        ({"size": 16}, "at least 32 pixels"),
        ({"two_objects": 1.5}, "between 0 and 1"),
        ({"badge": "maybe"}, "'always' or 'never'"),
        ({"format": "psd"}, "png, jpg, webp"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    wishes = {"count": 2, "seed": 1, "size": 32, "processes": 1, **options}
    with pytest.raises(DataError, match=message):
        write_gallery(tmp_path / "out", **wishes)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_pictures_can_be_jpeg_or_webp_too(tmp_path: Path) -> None:
    for ending, name in (("jpg", "JPEG"), ("webp", "WEBP")):
        write_gallery(tmp_path / ending, 1, 1, size=64, format=ending, processes=1)
        assert [kind_of(path) for path in (tmp_path / ending / "images").iterdir()] == [name]


def test_a_mask_that_was_changed_is_not_replaced_even_without_its_picture(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_gallery(out, 2, 1, size=32, processes=1)
    (image,) = (out / "images").glob("0001-*")
    mask = out / "masks" / image.name
    Image.fromarray(np.eye(32, dtype=np.uint8) * 255).save(mask)
    changed = mask.read_bytes()
    image.unlink()
    with pytest.raises(DataError, match=f"{mask.name} was changed since vitinspect wrote it"):
        write_gallery(out, 2, 1, size=32, processes=1)
    assert mask.read_bytes() == changed
    assert not image.exists()


def test_a_mask_of_the_same_pixels_does_not_keep_a_set_from_being_finished(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_gallery(out, 2, 1, size=32, processes=1)
    before = prints(out)
    (image,) = (out / "images").glob("0001-*")
    mask = out / "masks" / image.name
    Image.fromarray(pixels(mask)).save(mask, compress_level=0)  # as another version of Pillow writes it
    image.unlink()
    write_gallery(out, 2, 1, size=32, processes=1)
    assert prints(out).keys() == before.keys()
