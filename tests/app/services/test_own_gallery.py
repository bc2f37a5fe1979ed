"""Masks of bundled pictures are kept in the user's data folder, and found there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitinspect import paths, resources
from vitinspect.app.services import own_gallery
from vitinspect.app.services.mask_files import MaskFinder
from vitinspect.app.services.open_masks import data_of, data_to_write
from vitinspect.errors import DataError


@pytest.fixture
def bundled(tmp_path, monkeypatch, home) -> Path:
    """A small gallery in a place of the program, which may not be written to."""
    data = tmp_path / "program" / "gallery"
    for folder, names in (("images", ("gem.png", "leaf.png")), ("masks", ("gem.png",)), ("masks/tight", ("gem.png",))):
        (data / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            Image.new("L", (8, 6), 255).save(data / folder / name)
    (data / "labels.csv").write_text("image,label\ngem.png,gem\n")
    monkeypatch.setattr(resources, "gallery_folder", lambda: data)
    for path in (data, *data.rglob("*")):
        path.chmod(stat.S_IRUSR | (stat.S_IXUSR if path.is_dir() else 0))
    yield data
    for path in (data, *data.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_copy_is_made_when_something_will_be_written_and_can_be_written_to(bundled) -> None:
    image = bundled / "images" / "gem.png"
    before = contents(bundled)
    assert data_of(image) == bundled
    assert not own_gallery.own_gallery().exists(), "looking makes no copy"
    data = data_to_write(image)
    assert data == paths.data_folder() / "gallery"
    assert contents(data) == before
    (data / "masks" / "ben").mkdir()
    for path in data.rglob("*"):
        assert os.access(path, os.W_OK)
        assert path.stat().st_mode & stat.S_IWUSR, path
    assert contents(bundled) == before
    assert os.listdir(data.parent) == ["gallery"], "nothing is left over"
    assert data_of(image) == data
    assert data_to_write(image) == data


def test_masks_drawn_there_are_found_beside_the_bundled_ones(bundled) -> None:
    image = bundled / "images" / "gem.png"
    mine = data_to_write(image) / "masks" / "ben" / "gem.png"
    mine.parent.mkdir()
    Image.fromarray(np.full((6, 8), 255, np.uint8)).save(mine)
    found = {mask.group: mask for mask in MaskFinder().masks(str(image))}
    assert list(found) == ["", "ben", "tight"]
    assert found["ben"].path == str(mine)
    assert found[""].label == "gem"


def test_pictures_of_the_copy_are_shown_as_the_bundled_ones(bundled) -> None:
    data = data_to_write(bundled / "images" / "gem.png")
    assert own_gallery.as_opened(data / "images" / "gem.png") == bundled / "images" / "gem.png"
    assert own_gallery.as_opened(data / "images" / "own.png") == data / "images" / "own.png"
    other = Path("/elsewhere/images/gem.png")
    assert own_gallery.as_opened(other) == other


def test_other_folders_keep_their_masks_beside_them(bundled, tmp_path) -> None:
    image = tmp_path / "gallery" / "images" / "a.png"
    assert data_of(image) == data_to_write(image) == tmp_path / "gallery"
    assert not own_gallery.own_gallery().exists()


def test_a_data_folder_that_cannot_be_written_is_reported(bundled, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.copyfile", refuse)
    with pytest.raises(DataError, match="cannot be copied"):
        data_to_write(bundled / "images" / "gem.png")
    assert not own_gallery.own_gallery().exists()
