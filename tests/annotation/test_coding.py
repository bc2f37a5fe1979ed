"""The meaning of the pixels of mask files, and when the user must state it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi
from vitinspect.annotation.coding import voc_palette

SQUARE = np.zeros((6, 8), np.uint8)
SQUARE[1:4, 2:6] = 1


def written(path: Path, array: np.ndarray, mode: str | None = None, palette: np.ndarray | None = None) -> Path:
    image = Image.fromarray(array) if mode != "P" else Image.frombytes("P", array.shape[::-1], array.tobytes())
    if palette is not None:
        image.putpalette(palette.tobytes())
    image.save(path)
    return path


def test_the_palette_of_pascal_voc_has_its_published_colours() -> None:
    palette = voc_palette()
    assert [tuple(palette[i]) for i in (0, 1, 2, 15, 20, 255)] == [
        *((0, 0, 0), (128, 0, 0), (0, 128, 0)),
        *((192, 128, 128), (0, 64, 128), (224, 224, 192)),
    ]


@pytest.mark.parametrize("high", [1, 255, 77])
def test_two_grey_values_are_background_and_foreground(tmp_path: Path, high: int) -> None:
    assert np.array_equal(vi.masks.load(written(tmp_path / "m.png", SQUARE * np.uint8(high))), SQUARE)


def test_one_bit_and_sixteen_bits_and_numpy_files_are_read(tmp_path: Path) -> None:
    assert np.array_equal(vi.masks.load(written(tmp_path / "bits.png", SQUARE.astype(bool))), SQUARE)
    assert np.array_equal(vi.masks.load(written(tmp_path / "deep.png", SQUARE.astype(np.uint16) * 65535)), SQUARE)
    for name, array in {"a": SQUARE.astype(bool), "b": SQUARE, "c": SQUARE * np.uint8(255), "d": SQUARE * 1.0}.items():
        np.save(tmp_path / f"{name}.npy", array)
        assert np.array_equal(vi.masks.load(tmp_path / f"{name}.npy"), SQUARE)
    np.savez(tmp_path / "one.npz", mask=SQUARE)
    assert np.array_equal(vi.masks.load(tmp_path / "one.npz"), SQUARE)


def test_a_file_that_holds_code_is_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "code.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(vi.DataError, match=r"code\.npy"):
        vi.masks.load(tmp_path / "code.npy")


def test_one_and_255_are_foreground_and_ignored(tmp_path: Path) -> None:
    mask = SQUARE.copy()
    mask[5] = 255
    assert np.array_equal(vi.masks.load(written(tmp_path / "m.png", mask)), mask)


def test_the_void_of_pascal_voc_is_ignored_and_classes_can_be_chosen(tmp_path: Path) -> None:
    indices = np.zeros((4, 5), np.uint8)
    indices[0], indices[1], indices[2] = 8, 12, 255
    path = written(tmp_path / "voc.png", indices, "P", voc_palette())
    assert vi.masks.load(path)[:, 0].tolist() == [1, 1, 255, 0]
    assert vi.masks.load(path, label="dog")[:, 0].tolist() == [0, 1, 255, 0]
    assert vi.masks.load(path, label=8)[:, 0].tolist() == [1, 0, 255, 0]
    assert vi.masks.load(path, coding="index=8,255")[:, 0].tolist() == [1, 0, 1, 0]
    assert list(vi.masks.load_all(path)["voc.png"]) == ["cat", "dog"]


def test_a_grey_mask_with_more_values_needs_a_coding(tmp_path: Path) -> None:
    ramp = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
    path = written(tmp_path / "ramp.png", ramp)
    with pytest.raises(vi.DataError, match="threshold=127"):
        vi.masks.load(path)
    assert np.array_equal(vi.masks.load(path, coding="threshold=127"), (ramp > 127).astype(np.uint8))
    assert np.array_equal(vi.masks.load(path, coding="index=5,10"), np.isin(ramp, [5, 10]).astype(np.uint8))
    assert np.array_equal(vi.masks.load(path, coding="binary"), (ramp > 0).astype(np.uint8))


def test_a_jpeg_mask_is_cut_at_half_with_a_warning(tmp_path: Path) -> None:
    big = np.kron(SQUARE, np.ones((16, 16), np.uint8))
    path = tmp_path / "m.jpg"
    Image.fromarray(big * np.uint8(255)).save(path, quality=60)
    with pytest.warns(UserWarning, match="JPEG"):
        found = vi.masks.load(path)
    assert np.array_equal(found, big)


def test_colours_have_a_black_background_or_need_a_coding(tmp_path: Path) -> None:
    colours = np.zeros((3, 4, 3), np.uint8)
    colours[0], colours[1] = (255, 0, 0), (0, 255, 0)
    path = written(tmp_path / "colours.png", colours)
    assert vi.masks.load(path)[:, 0].tolist() == [1, 1, 0]
    assert vi.masks.load(path, label="#00ff00")[:, 0].tolist() == [0, 1, 0]
    assert vi.masks.load(path, coding="colours=#FF0000")[:, 0].tolist() == [1, 0, 0]
    colours[2] = (255, 255, 255)
    path = written(tmp_path / "white.png", colours)
    with pytest.raises(vi.DataError, match="background=#RRGGBB"):
        vi.masks.load(path)
    assert vi.masks.load(path, coding="background=#ffffff")[:, 0].tolist() == [1, 1, 0]


def test_a_background_that_is_not_index_0_is_named_and_never_guessed(tmp_path: Path) -> None:
    palette = np.zeros((4, 3), np.uint8)
    palette[0], palette[1], palette[2] = (200, 10, 10), (0, 0, 0), (0, 0, 200)
    indices = np.ones((3, 4), np.uint8)
    indices[0], indices[1] = 0, 2
    path = written(tmp_path / "odd.png", indices, "P", palette)
    with pytest.raises(vi.DataError, match="background=N"):
        vi.masks.load(path)
    assert vi.masks.load(path, coding="background=1")[:, 0].tolist() == [1, 1, 0]
    assert vi.masks.load(path, coding="palette")[:, 0].tolist() == [0, 1, 1]


def test_a_black_and_white_palette_is_a_mask_whatever_its_indices(tmp_path: Path) -> None:
    palette = np.zeros((2, 3), np.uint8)
    palette[0] = 255
    path = written(tmp_path / "bw.png", 1 - SQUARE, "P", palette)
    assert np.array_equal(vi.masks.load(path), SQUARE)


def test_opaque_parts_on_transparency_are_foreground(tmp_path: Path) -> None:
    rgba = np.zeros((6, 8, 4), np.uint8)
    rgba[SQUARE == 1] = (40, 200, 90, 255)
    assert np.array_equal(vi.masks.load(written(tmp_path / "m.png", rgba)), SQUARE)


def test_sizes_that_differ_are_refused_with_both(tmp_path: Path) -> None:
    path = written(tmp_path / "m.png", SQUARE)
    Image.new("RGB", (9, 6)).save(tmp_path / "p.png")
    with pytest.raises(vi.DataError, match=r"8 × 6 .* 9 × 6"):
        vi.masks.load(path, image=tmp_path / "p.png")


@pytest.mark.parametrize("coding", ["treshold=3", "threshold=x", "index=", "index=-1", "colours=red", "binary=1"])
def test_a_coding_that_does_not_exist_is_refused_by_name(tmp_path: Path, coding: str) -> None:
    with pytest.raises(vi.DataError, match="oding"):
        vi.masks.load(written(tmp_path / "m.png", SQUARE), coding=coding)


def test_what_is_no_mask_file_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 20)
    for name in ("broken.png", "none.png", "labels.txt", "volume.nii.gz"):
        with pytest.raises(vi.DataError, match=name.split(".")[0]):
            vi.masks.load(tmp_path / name)
