"""Files are written completely or not at all, and never over files of others."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitinspect import files
from vitinspect.errors import DataError
from vitinspect.files import (
    OutputNames,
    made_from,
    npz_bytes,
    png_bytes,
    read_metadata,
    slug,
    with_ending,
    write_atomic,
)

PICTURE = Image.new("RGB", (4, 4), (1, 2, 3))
ENDINGS = (".rollout.png", ".rollout.npz")


def write_results(names: OutputNames, image: Path, subfolder: Path = Path()) -> Path:
    stem = names.stem(image, ENDINGS, subfolder)
    source = {"image": str(image.absolute())}
    write_atomic(with_ending(stem, ENDINGS[0]), png_bytes(PICTURE, source))
    write_atomic(with_ending(stem, ENDINGS[1]), npz_bytes({"values": np.zeros(3)}, source))
    return stem


def test_writing_creates_missing_folders(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "b" / "c.txt", b"there")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"there"


def test_when_writing_fails_the_old_file_stays_and_nothing_is_left_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "table.csv"
    target.write_bytes(b"old")

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", no_space)
    with pytest.raises(DataError, match=r"table\.csv.*No space left"):
        write_atomic(target, b"new")
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["table.csv"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_results_can_be_read_by_others_as_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_atomic(tmp_path / "result", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "result").stat().st_mode & 0o777 == 0o644


def test_a_png_says_what_it_was_made_from(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    write_atomic(path, png_bytes(PICTURE, {"image": "/pictures/Käfer.jpg"}))
    assert made_from(path) == "/pictures/Käfer.jpg"
    assert Image.open(path).getpixel((0, 0)) == (1, 2, 3)


def test_an_npz_keeps_arrays_and_metadata_without_pickles(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    write_atomic(path, npz_bytes({"values": np.arange(4.0)}, {"image": "/a/ü.png", "box": np.array([1, 2])}))
    with np.load(path, allow_pickle=False) as archive:
        assert archive["values"].tolist() == [0, 1, 2, 3]
    assert read_metadata(path)["box"] == [1, 2]
    assert made_from(path) == "/a/ü.png"


@pytest.mark.parametrize("name", ["a.png", "a.npz", "a.txt"])
@pytest.mark.parametrize("content", [b"", b"something else", b"\x89PNG\r\n\x1a\n half", b"PK\x03\x04 half"])
def test_a_foreign_file_is_not_ours_however_broken(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert made_from(tmp_path / name) is None


def test_a_plain_png_and_a_plain_npz_are_not_ours(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "a.png")
    buffer = BytesIO()
    np.savez(buffer, values=np.zeros(2))
    (tmp_path / "a.npz").write_bytes(buffer.getvalue())
    assert made_from(tmp_path / "a.png") is None
    assert made_from(tmp_path / "a.npz") is None


def test_the_same_image_is_written_to_the_same_name_again(tmp_path: Path) -> None:
    image = tmp_path / "cat.jpg"
    first = write_results(OutputNames(tmp_path / "out"), image)
    again = write_results(OutputNames(tmp_path / "out"), image)
    assert first == again == tmp_path / "out" / "cat"


def test_images_of_one_name_in_two_folders_do_not_collide(tmp_path: Path) -> None:
    names = OutputNames(tmp_path / "out")
    stems = {write_results(names, tmp_path / folder / "cat.jpg") for folder in "abc"}
    assert len(stems) == 3
    assert len(list((tmp_path / "out").iterdir())) == 6


def test_images_of_one_name_do_not_collide_in_two_runs_one_after_the_other(tmp_path: Path) -> None:
    first = write_results(OutputNames(tmp_path / "out"), tmp_path / "a" / "cat.jpg")
    second = write_results(OutputNames(tmp_path / "out"), tmp_path / "b" / "cat.jpg")
    third = write_results(OutputNames(tmp_path / "out"), tmp_path / "b" / "cat.jpg")
    assert first != second
    assert second == third
    assert made_from(with_ending(first, ENDINGS[0])) == str(tmp_path / "a" / "cat.jpg")


def test_names_that_differ_only_in_case_or_ending_do_not_collide(tmp_path: Path) -> None:
    names = OutputNames(tmp_path / "out")
    stems = [names.stem(tmp_path / name, ENDINGS) for name in ("cat.jpg", "CAT.jpg", "cat.png")]
    assert len({str(stem).casefold() for stem in stems}) == 3


def test_a_foreign_file_of_the_same_name_is_not_replaced(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "cat.rollout.png")
    before = (tmp_path / "cat.rollout.png").read_bytes()
    stem = write_results(OutputNames(tmp_path), tmp_path / "pictures" / "cat.jpg")
    assert stem != tmp_path / "cat"
    assert (tmp_path / "cat.rollout.png").read_bytes() == before


def test_a_broken_link_of_the_same_name_is_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "cat.rollout.npz").symlink_to(tmp_path / "gone")
    assert OutputNames(tmp_path).stem(tmp_path / "cat.jpg", ENDINGS) != tmp_path / "cat"


def test_names_keep_their_dots() -> None:
    assert with_ending(Path("out/cat.v2"), ".rollout.png") == Path("out/cat.v2.rollout.png")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rollout", "rollout"),
        ("rollout(start_layer=1)", "rollout-start_layer=1"),
        ("lrp(rules=chefer, start_layer=0)", "lrp-rules=chefer-start_layer=0"),
        ("Käfer 7", "Käfer-7"),
        ("a/b\\c:d", "a-b-c-d"),
    ],
)
def test_a_slug_is_a_readable_file_name(text: str, expected: str) -> None:
    assert slug(text) == expected


@pytest.mark.parametrize("text", ["", "...", "///", "x" * 400, "m(" + ",".join(f"p{i}={i}" for i in range(90)) + ")"])
def test_a_slug_is_never_empty_nor_too_long_for_a_file_system(text: str) -> None:
    assert 1 <= len(slug(text)) <= 100
    assert slug(text)[0] not in ".-"


def test_long_texts_that_differ_at_their_end_get_different_slugs() -> None:
    assert slug("x" * 300 + "1") != slug("x" * 300 + "2")


def test_a_sealed_file_gives_its_content_back_and_any_changed_bit_is_detected() -> None:
    data = bytes(range(256))
    whole = files.sealed(data)
    assert files.unsealed(whole) == data
    for place in range(len(whole)):
        assert files.unsealed(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :]) is None
    for cut in (0, 1, 16, 17, len(whole) - 1):
        assert files.unsealed(whole[:cut]) is None
    assert files.unsealed(whole + b"\0") is None


def test_temporary_files_of_a_killed_process_are_removed_later_and_nothing_else(tmp_path: Path) -> None:
    ours, fresh, other = (tmp_path / name for name in (".a.x1.vitinspect-part", ".b.x2.vitinspect-part", ".c.part"))
    for path in (ours, fresh, other):
        path.write_bytes(b"")
    os.utime(ours, (1_000, 1_000))
    os.utime(other, (1_000, 1_000))
    write_atomic(tmp_path / "result", b"1")
    assert sorted(os.listdir(tmp_path)) == [".b.x2.vitinspect-part", ".c.part", "result"]
