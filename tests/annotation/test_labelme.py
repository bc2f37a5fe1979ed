"""labelme files, against Pillow used as labelme uses it."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import vitinspect as vi

SIZE = (30, 40)


def shape(label: str, kind: str, points: list, **more: Any) -> dict:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}, **more}


def mask_shape(label: str, mask: np.ndarray, points: list) -> dict:
    buffer = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(buffer, "PNG")
    return shape(label, "mask", points, mask=base64.b64encode(buffer.getvalue()).decode())


def written(path: Path, shapes: list, **more: Any) -> Path:
    document = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": "cat.jpg", "imageData": None}
    document |= {"imageHeight": SIZE[0], "imageWidth": SIZE[1], **more}
    path.write_text(json.dumps(document))
    return path


def picture(path: Path, size: tuple[int, int] = SIZE, orientation: int = 1) -> Path:
    exif = Image.Exif()
    exif[274] = orientation
    Image.new("RGB", (size[1], size[0])).save(path, exif=exif)
    return path


def drawn(draw: Any) -> np.ndarray:
    canvas = Image.new("L", (SIZE[1], SIZE[0]), 0)
    draw(ImageDraw.Draw(canvas))
    return np.asarray(canvas)


def test_polygons_circles_and_rectangles_are_filled_as_labelme_does(tmp_path: Path) -> None:
    triangle = [[3.0, 2.0], [20.4, 5.6], [9.0, 25.0]]
    path = written(tmp_path / "a.json", [shape("cat", "polygon", triangle)])
    expected = drawn(lambda d: d.polygon([tuple(p) for p in triangle], outline=1, fill=1))
    assert np.array_equal(vi.masks.load(path), expected)
    path = written(tmp_path / "b.json", [shape("cat", "rectangle", [[20, 18], [5, 4]])])
    expected = np.zeros(SIZE, np.uint8)
    expected[4:19, 5:21] = 1
    assert np.array_equal(vi.masks.load(path), expected)
    path = written(tmp_path / "c.json", [shape("cat", "circle", [[15, 14], [15, 20]])])
    assert np.array_equal(vi.masks.load(path), drawn(lambda d: d.ellipse([9, 8, 21, 20], outline=1, fill=1)))


def test_a_mask_shape_fills_its_box_both_ends_included(tmp_path: Path) -> None:
    small = np.random.default_rng(1).random((5, 7)) > 0.4
    path = written(tmp_path / "a.json", [mask_shape("cat", small, [[10, 20], [16, 24]])])
    expected = np.zeros(SIZE, np.uint8)
    expected[20:25, 10:17] = small
    assert np.array_equal(vi.masks.load(path), expected)


@pytest.mark.parametrize(
    ("left", "top", "column", "row"),
    [(10.6, 20.4, 10, 20), (-3.0, 27.0, -3, 27), (-2.5, -1.5, -3, -2), (37.2, 3, 37, 3)],
)
def test_the_box_of_a_mask_shape_may_lie_between_pixels_and_leave_the_picture(
    tmp_path: Path, left: float, top: float, column: int, row: int
) -> None:
    small = np.random.default_rng(2).random((5, 7)) > 0.4
    path = written(tmp_path / "a.json", [mask_shape("cat", small, [[left, top], [left + 6, top + 4]])])
    padded = np.zeros((SIZE[0] + 20, SIZE[1] + 20), np.uint8)
    padded[row + 10 : row + 15, column + 10 : column + 17] = small
    assert np.array_equal(vi.masks.load(path), padded[10:-10, 10:-10])


def test_a_mask_that_does_not_fill_its_box_is_refused_with_both_sizes(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", [mask_shape("cat", np.ones((5, 7)), [[10, 20], [18, 24]])])
    with pytest.raises(vi.DataError, match=r"7 × 5 .* 9 × 5"):
        vi.masks.load(path)


@pytest.mark.parametrize(
    ("kind", "points"), [("line", [[1, 1], [9, 9]]), ("linestrip", [[1, 1], [9, 9], [3, 4]]), ("point", [[1, 1]])]
)
def test_what_has_no_area_is_refused_with_a_reason(tmp_path: Path, kind: str, points: list) -> None:
    shapes = [shape("tail", kind, points), shape("cat", "rectangle", [[1, 1], [3, 3]])]
    path = written(tmp_path / "a.json", shapes)
    with pytest.raises(vi.DataError, match=r"shape 1 \(tail\) is a .* no area"):
        vi.masks.load(path)
    assert vi.masks.load(path, label="cat").sum() == 9


def test_labels_are_joined_or_chosen_and_ignore_is_not_a_label(tmp_path: Path) -> None:
    shapes = [
        shape("cat", "rectangle", [[0, 0], [4, 4]]),
        shape("dog", "rectangle", [[10, 0], [14, 4]]),
        shape("__ignore__", "rectangle", [[4, 0], [5, 4]]),
    ]
    path = written(tmp_path / "a.json", shapes)
    assert vi.masks.load(path)[0, :16].tolist() == [1, 1, 1, 1, 255, 255, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0]
    assert vi.masks.load(path, label="dog")[0, :12].tolist() == [0, 0, 0, 0, 255, 255, 0, 0, 0, 0, 1, 1]
    assert list(vi.masks.load_all(path)["cat.jpg"]) == ["cat", "dog"]
    with pytest.raises(vi.DataError, match="cat, dog"):
        vi.masks.load(path, label="cow")


def test_points_belong_to_the_upright_picture(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", [shape("cat", "rectangle", [[30, 20], [39, 29]])])
    turned = picture(tmp_path / "cat.jpg", (SIZE[1], SIZE[0]), orientation=6)
    assert vi.masks.load(path, image=turned)[20:, 30:].all()
    with pytest.raises(vi.DataError, match="40 × 30 .* 30 × 40"):
        vi.masks.load(path, image=picture(tmp_path / "flat.jpg", (SIZE[1], SIZE[0])))


@pytest.mark.parametrize(
    "points",
    [
        [[1, 2], [3, 4]],
        [[1, 2], [3, None], [4, 5]],
        [[1e300, 2], [3, 4], [5, 6]],
        [[float("nan"), 2], [3, 4], [5, 6]],
        "x",
    ],
)
def test_damaged_points_are_refused_with_a_reason(tmp_path: Path, points: Any) -> None:
    with pytest.raises(vi.DataError, match="shape 1"):
        vi.masks.load(written(tmp_path / "a.json", [shape("cat", "polygon", points)]))


def test_damaged_files_are_refused_with_a_reason(tmp_path: Path) -> None:
    broken_mask = shape("a", "mask", [[0, 0], [1, 1]], mask="x")
    whole = json.dumps({"shapes": [broken_mask], "imageHeight": 4, "imageWidth": 4})
    for text in ("{", "[" * 100_000, '{"shapes": [3]}', whole):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(vi.DataError, match=r"bad\.json"):
            vi.masks.load(tmp_path / "bad.json")


# --- writing ----------------------------------------------------------------------------------------------------


def a_mask(seed: int) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    mask = (gaussian_filter(np.random.default_rng(seed).normal(size=SIZE), 2.0) > 0.02).astype(np.uint8)
    mask[gaussian_filter(np.random.default_rng(seed + 99).normal(size=SIZE), 3.0) > 0.06] = 255
    return mask


@pytest.mark.parametrize("seed", range(8))
def test_what_is_written_reads_back_the_same(tmp_path: Path, seed: int) -> None:
    mask = a_mask(seed)
    vi.masks.save(mask, tmp_path / "a.json", label="cat")
    assert np.array_equal(vi.masks.load(tmp_path / "a.json", label="cat"), mask)
    again = np.random.default_rng(seed).integers(0, 2, SIZE).astype(np.uint8)
    vi.masks.save(again, tmp_path / "b.json")
    assert np.array_equal(vi.masks.load(tmp_path / "b.json"), again)


def test_a_plain_part_is_a_polygon_and_one_with_a_hole_a_mask(tmp_path: Path) -> None:
    mask = np.zeros(SIZE, np.uint8)
    mask[2:9, 2:9] = 1
    mask[15:25, 15:25] = 1
    mask[18:20, 18:20] = 0
    vi.masks.save(mask, tmp_path / "a.json")
    shapes = json.loads((tmp_path / "a.json").read_text())["shapes"]
    assert [s["shape_type"] for s in shapes] == ["polygon", "mask"]
    assert sorted(map(tuple, shapes[0]["points"])) == [(2, 2), (2, 8), (8, 2), (8, 8)]


def test_what_the_file_held_beside_the_mask_is_kept(tmp_path: Path) -> None:
    shapes = [
        shape("dog", "rectangle", [[1, 1], [3, 3]], note="keep me"),
        shape("cat", "rectangle", [[9, 9], [12, 12]]),
    ]
    path = written(tmp_path / "a.json", shapes, flags={"checked": True}, custom={"a": [1, 2]})
    mask = np.zeros(SIZE, np.uint8)
    mask[20:25, 20:30] = 1
    vi.masks.save(mask, path, label="cat")
    document = json.loads(path.read_text())
    assert document["custom"] == {"a": [1, 2]}
    assert document["flags"] == {"checked": True}
    assert document["shapes"][0] == shapes[0]
    assert document["imagePath"] == "cat.jpg"
    assert np.array_equal(vi.masks.load(path, label="cat"), mask)
    assert vi.masks.load(path, label="dog").sum() == 9


def test_a_json_file_of_another_program_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"mine": 1}')
    with pytest.raises(vi.DataError, match="is not changed"):
        vi.masks.save(np.ones(SIZE, bool), tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == '{"mine": 1}'
