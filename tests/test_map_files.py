"""Maps that other tools wrote: reading, the meaning of sizes, and the maps of a folder of pictures."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitinspect.errors import DataError
from vitinspect.files import npz_bytes
from vitinspect.map_files import MapFile, fit, is_map_name, map_of, pattern_of, pictures_with_maps, read_map_file
from vitinspect.models.placement import Placement

GRID = (14, 14)
WHOLE = Placement((224, 224), (300, 400), (0.0, 0.0, 400.0, 300.0))


def some(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(rows * 1000 + columns).normal(size=(rows, columns)).astype(np.float32)


def found(values: np.ndarray) -> MapFile:
    return MapFile("elsewhere.npy", values, "")


# --- reading -----------------------------------------------------------------------------------------------------


def test_the_same_values_come_out_of_each_kind_of_file(tmp_path: Path) -> None:
    values = some(14, 14)
    np.save(tmp_path / "a.npy", values)
    np.save(tmp_path / "columns.npy", np.asfortranarray(values))
    np.savez(tmp_path / "a.npz", cam=values)
    np.savez_compressed(tmp_path / "b.npz", values=values, other=np.zeros(3))
    (tmp_path / "ours.npz").write_bytes(npz_bytes({"values": values}, {"method": "rollout"}))
    Image.fromarray(values).save(tmp_path / "a.tiff")
    for name in ("a.npy", "columns.npy", "a.npz", "b.npz", "ours.npz", "a.tiff"):
        read = read_map_file(tmp_path / name)
        assert np.array_equal(read.values, values), name
        assert read.name == name
        assert len(read.digest) == 64


def test_grey_pictures_are_maps_of_their_grey(tmp_path: Path) -> None:
    grey = np.arange(196, dtype=np.uint8).reshape(14, 14)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(np.stack([grey] * 3, axis=2)).save(tmp_path / "three.png")
    Image.fromarray(grey.astype(np.uint16) * 300).save(tmp_path / "deep.png")
    assert np.array_equal(read_map_file(tmp_path / "grey.png").values, grey)
    assert np.array_equal(read_map_file(tmp_path / "three.png").values, grey)
    assert np.array_equal(read_map_file(tmp_path / "deep.png").values, grey.astype(float) * 300)


def test_axes_of_length_one_do_not_count(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", some(14, 14)[None, None])
    assert np.array_equal(read_map_file(tmp_path / "a.npy").values, some(14, 14))


def test_numbers_keep_their_precision(tmp_path: Path) -> None:
    np.save(tmp_path / "double.npy", some(3, 3).astype(np.float64) / 3)
    np.save(tmp_path / "half.npy", some(3, 3).astype(np.float16))
    assert read_map_file(tmp_path / "double.npy").values.dtype == np.float64
    assert read_map_file(tmp_path / "half.npy").values.dtype == np.float32


def colours(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (14, 14, 3), dtype=np.uint8)).save(path)


def two_arrays(path: Path) -> None:
    np.savez(path, a=np.zeros((14, 14)), b=np.zeros((14, 14)))


def too_large_a_claim(path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cam.npy", header.getvalue())


def cut_short(path: Path) -> None:
    np.save(path, np.zeros((14, 14)))
    path.write_bytes(path.read_bytes()[:-100])


def an_object(path: Path) -> None:
    np.save(path, np.array([[{}]], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("name", "write", "why"),
    [
        ("a.npy", lambda path: np.save(path, np.zeros(196)), "has the shape 196; a map has rows and columns"),
        ("a.npy", lambda path: np.save(path, np.zeros((3, 14, 14))), "has the shape 3 × 14 × 14"),
        ("a.npy", lambda path: np.save(path, np.full((14, 14), np.nan)), "holds a NaN or an infinity"),
        ("a.npy", lambda path: np.save(path, np.zeros((2, 2), complex)), "holds complex128, not numbers"),
        ("a.npy", an_object, "not numbers"),
        ("a.npy", cut_short, "more than it holds|ends early"),
        ("a.npy", lambda path: path.write_bytes(b"no array"), "is not a readable NumPy file"),
        ("a.npz", lambda path: path.write_bytes(b"no archive"), "is not a readable NumPy file"),
        ("a.npz", two_arrays, r"holds 2 arrays \(a, b\)"),
        ("a.npz", too_large_a_claim, "claims 1000000 × 1000000 values"),
        ("a.png", colours, "is a colour picture"),
        ("a.jpg", colours, "maps are read from .npy, .npz"),
        ("a.npy", lambda path: None, "cannot be read: No such file"),
        ("a.npy", lambda path: path.mkdir(), "cannot be read"),
    ],
)
def test_what_is_not_a_map_is_refused_in_one_sentence(tmp_path: Path, name: str, write, why: str) -> None:
    write(tmp_path / name)
    with pytest.raises(DataError, match=why) as caught:
        read_map_file(tmp_path / name)
    assert name in str(caught.value)


# --- sizes -------------------------------------------------------------------------------------------------------


def test_a_value_for_each_patch_is_a_patch_map() -> None:
    fitted = fit(found(some(14, 14)), GRID, WHOLE)
    assert (fitted.resolution, fitted.from_picture) == ("patch", False)
    assert np.array_equal(fitted.values, some(14, 14))


def test_a_value_for_each_pixel_of_the_input_is_a_pixel_map() -> None:
    fitted = fit(found(some(224, 224)), GRID, WHOLE)
    assert (fitted.resolution, fitted.from_picture) == ("pixel", False)
    assert np.array_equal(fitted.values, some(224, 224))


def test_a_value_for_each_pixel_of_the_picture_is_brought_to_the_input() -> None:
    # The picture's left half is 1: so is the left half of the input that sees all of it.
    values = np.zeros((300, 400))
    values[:, :200] = 1
    fitted = fit(found(values), GRID, WHOLE)
    assert fitted.values.shape == (224, 224)
    assert fitted.from_picture
    assert np.allclose(fitted.values[:, :112], 1)
    assert np.allclose(fitted.values[:, 112:], 0)


def test_the_part_of_the_picture_that_the_model_sees_is_taken() -> None:
    # A crop of 200 x 200 in the middle of the picture, enlarged to the input: a ramp stays a ramp.
    ramp = np.broadcast_to(np.arange(400.0) + 0.5, (300, 400))
    crop = Placement((400, 400), (300, 400), (100.0, 50.0, 300.0, 250.0))
    fitted = fit(found(ramp.copy()), GRID, crop)
    assert np.allclose(fitted.values[0], 100 + (np.arange(400) + 0.5) / 2)


def test_the_mean_of_a_map_stays_when_it_shrinks() -> None:
    values = np.abs(some(300, 400)).astype(np.float64)
    small = Placement((30, 40), (300, 400), (0.0, 0.0, 400.0, 300.0))
    fitted = fit(found(values), (3, 4), small)
    assert np.allclose(fitted.values, values.reshape(30, 10, 40, 10).mean(axis=(1, 3)))


@pytest.mark.parametrize(("lowest", "padding"), [(2.0, 2.0), (-1.0, 0.0)])
def test_padding_gets_the_lowest_value_or_zero(lowest: float, padding: float) -> None:
    values = np.full((100, 200), 5.0)
    values[0, 0] = lowest
    padded = Placement((100, 100), (100, 200), (0.0, -50.0, 200.0, 150.0))
    fitted = fit(found(values), GRID, padded)
    assert np.all(fitted.values[:25] == padding)
    assert np.all(fitted.values[30:70] == 5.0)
    assert fitted.signed == (lowest < 0)


def test_another_size_is_refused_with_all_sizes() -> None:
    with pytest.raises(DataError) as caught:
        fit(found(some(16, 16)), GRID, WHOLE)
    assert str(caught.value) == (
        "elsewhere.npy has 16 × 16 values (rows × columns), which fits neither the patch grid (14 × 14) nor the pixels "
        "of the model's input (224 × 224) or of the picture (300 × 400)."
    )


# --- folders -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("cat.npy", "{picture}.npy"),
        ("cat_cam.npy", "{picture}_cam.npy"),
        ("cat.rollout.npz", "{picture}.rollout.npz"),
        ("cam-cat.tif", "cam-{picture}.tif"),
        ("cats.npy", ""),
        ("dog.npy", ""),
    ],
)
def test_a_map_is_named_after_its_picture(name: str, pattern: str) -> None:
    made = pattern_of(f"/maps/{name}", "/images/cat.jpg")
    assert made == (f"/maps/{pattern}" if pattern else "")
    if made:
        assert map_of(made, "/images/cat.jpg") == f"/maps/{name}"


def test_the_other_pictures_maps_are_found_by_the_same_pattern(tmp_path: Path) -> None:
    for name in ("cat_cam.npy", "dog_cam.npy", "bird.npy"):
        (tmp_path / name).touch()
    images = [f"/images/{name}.jpg" for name in ("bird", "cat", "dog", "fish")]
    pattern = pattern_of(str(tmp_path / "cat_cam.npy"), "/images/cat.jpg")
    assert pictures_with_maps(pattern, images) == ["/images/cat.jpg", "/images/dog.jpg"]
    assert pictures_with_maps("/nowhere/{picture}.npy", images) == []


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/maps/anything.npy", True),
        ("/maps/cat.png", True),
        ("/maps/cat_cam.tif", True),
        ("/maps/dog.png", False),
        ("/images/cat_2.png", False),
        ("/maps/cat.jpg", False),
    ],
)
def test_a_dropped_file_is_a_map_unless_it_may_be_a_picture(path: str, meant: bool) -> None:
    assert is_map_name(path, "/images/cat.jpg") == meant


def test_a_tiled_map_has_its_place_on_the_picture(tmp_path):
    from vitinspect.files import npz_bytes
    from vitinspect.models.placement import Placement

    values = np.arange(48, dtype=np.float32).reshape(6, 8)
    about = {"tiles": True, "input_size": [48, 64], "image_size": [50, 70], "box": [3, 1, 67, 49]}
    here = Placement((32, 32), (50, 70), (10, 0, 60, 50))
    path = tmp_path / "a.npz"
    path.write_bytes(npz_bytes({"values": values}, about))
    found = fit(read_map_file(path), (4, 4), here)
    assert (found.place.input_size, found.place.box) == ((48, 64), (3, 1, 67, 49))
    assert np.array_equal(found.values, values)
    for wrong in ({"image_size": [51, 70]}, {"box": [3, 1, 900, 49]}, {"tiles": False}, {"input_size": "x"}):
        path.write_bytes(npz_bytes({"values": values}, {**about, **wrong}))
        with pytest.raises(DataError, match="fits neither"):
            fit(read_map_file(path), (4, 4), here)
