"""Folders are listed by name alone, streamed, and in natural order."""

from __future__ import annotations

import builtins
import os
import random
from pathlib import Path

import pytest

from vitinspect.errors import Cancelled, ImageError
from vitinspect.images import is_image_name, list_images, natural_key, scan_images
from vitinspect.progress import CancelToken


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(folder: Path, **options) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in list_images(folder, **options)]


def test_numbers_in_names_count_as_numbers(tmp_path):
    make(tmp_path, "img10.png", "img9.png", "IMG1.png", "img2.png", "a.jpg", "b2c10.jpg", "b2c9.jpg")
    assert names(tmp_path) == [
        "a.jpg", "b2c9.jpg", "b2c10.jpg", "IMG1.png", "img2.png", "img9.png", "img10.png",
    ]  # fmt: skip


def test_the_order_is_the_same_whatever_the_order_of_arrival():
    given = ["a01.png", "a1.png", "A1.png", "1.png", "01.png", "x/2.png", "x/10.png", "x10/1.png", "x9/1.png"]
    given += ["٣.png", "²5.png", "a.png", "10", "b-3.jpg", "é.jpg"]
    expected = sorted(given, key=natural_key)
    for seed in range(20):
        shuffled = random.Random(seed).sample(given, len(given))
        assert sorted(shuffled, key=natural_key) == expected
    assert expected.index("x9/1.png") < expected.index("x10/1.png")
    assert expected.index("x/2.png") < expected.index("x/10.png")


def test_only_names_of_pictures_count():
    assert is_image_name("a.JPG")
    assert is_image_name("b.c.tiff")
    assert not is_image_name("notes.txt")
    assert not is_image_name("png")
    assert not is_image_name("._a.jpg")
    assert not is_image_name(".png")


def test_folders_below_are_entered_on_request_only(tmp_path):
    make(tmp_path, "a.png", "sub/b.png", "sub/deep/c.png", ".hidden/d.png", "sub/notes.txt", "folder.png/e.png")
    assert names(tmp_path) == ["a.png"]
    assert names(tmp_path, recursive=True) == ["a.png", "folder.png/e.png", "sub/b.png", "sub/deep/c.png"]


def test_links_in_a_circle_end_and_nothing_is_listed_twice(tmp_path):
    make(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "to_a").symlink_to(tmp_path / "a")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    found = list_images(tmp_path, recursive=True)
    assert sorted(path.name for path in found) == ["1.png", "2.png"]


def test_a_linked_folder_and_a_linked_file_are_followed(tmp_path):
    make(tmp_path, "outside/1.png", "here/2.png")
    (tmp_path / "here" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "here" / "3.png").symlink_to(tmp_path / "outside" / "1.png")
    assert names(tmp_path / "here", recursive=True) == ["2.png", "3.png", "link/1.png"]


def test_listing_opens_no_file(tmp_path, monkeypatch):
    make(tmp_path, "a.png", "sub/b.png")

    def refuse(*args, **_options):
        raise AssertionError(f"opened {args}")

    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    assert len(list_images(tmp_path, recursive=True)) == 2


def test_the_first_names_come_before_a_large_folder_is_read_to_its_end(tmp_path, monkeypatch):
    given = 0

    class Entry:
        def __init__(self, number: int) -> None:
            self.name = f"{number}.png"
            self.path = str(tmp_path / self.name)

        def is_dir(self) -> bool:
            return False

    class Scan:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def __iter__(self):
            nonlocal given
            for number in range(100_000):
                given += 1
                yield Entry(number)

    monkeypatch.setattr(os, "scandir", lambda _folder: Scan())
    batches = scan_images(tmp_path, batch=200)
    first = next(batches)
    assert 0 < len(first) <= 200
    assert given <= 200
    assert len(first) + sum(len(found) for found in batches) == 100_000


def test_few_names_do_not_wait_for_a_full_batch(tmp_path):
    make(tmp_path, *(f"{i}.png" for i in range(5)))
    assert len(next(scan_images(tmp_path, batch=1000, interval=0))) == 1


def test_a_cancelled_listing_stops(tmp_path):
    make(tmp_path, *(f"{i}.png" for i in range(5)))
    token = CancelToken()
    batches = scan_images(tmp_path, batch=1, cancel=token)
    next(batches)
    token.cancel()
    with pytest.raises(Cancelled):
        next(batches)


def test_a_path_that_is_not_a_folder_is_refused_with_a_reason(tmp_path):
    make(tmp_path, "a.png")
    with pytest.raises(ImageError, match="no such folder"):
        list_images(tmp_path / "missing")
    with pytest.raises(ImageError, match="not a folder"):
        list_images(tmp_path / "a.png")


def test_an_unreadable_folder_below_is_reported_and_the_rest_listed(tmp_path, monkeypatch):
    make(tmp_path, "a.png", "locked/b.png", "open/c.png")
    scandir = os.scandir

    def scan(folder):
        if Path(folder).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", scan)
    problems: list[ImageError] = []
    found = names(tmp_path, recursive=True, on_error=problems.append)
    assert found == ["a.png", "open/c.png"]
    assert len(problems) == 1
    assert "locked" in str(problems[0])
    assert "permission denied" in str(problems[0])
