"""CVAT for images 1.1, with known pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi


def written(path: Path, shapes: str, size: tuple[int, int] = (20, 30)) -> Path:
    path.write_text(
        f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta><task/></meta>'
        f'<image id="0" name="sub/cat.png" width="{size[1]}" height="{size[0]}">{shapes}</image>'
        f'<image id="1" name="sub/other.png" width="5" height="5"></image></annotations>'
    )
    return path


def loaded(path: Path) -> np.ndarray:
    Image.new("RGB", (30, 20)).save(path.parent / "cat.png")
    return vi.masks.load(path, image=path.parent / "cat.png")


def test_a_box_and_a_polygon_lie_between_pixel_borders(tmp_path: Path) -> None:
    expected = np.zeros((20, 30), np.uint8)
    expected[4:9, 3:12] = 1
    box = '<box label="cat" xtl="3.00" ytl="4.00" xbr="12.00" ybr="9.00" occluded="0" z_order="0"/>'
    assert np.array_equal(loaded(written(tmp_path / "a.xml", box)), expected)
    polygon = '<polygon label="cat" points="3.00,4.00;12.00,4.00;12.00,9.00;3.00,9.00"/>'
    assert np.array_equal(loaded(written(tmp_path / "a.xml", polygon)), expected)


def test_a_mask_counts_along_the_rows_of_its_box(tmp_path: Path) -> None:
    mask = '<mask label="cat" rle="1, 2, 3, 1, 2" left="26" top="18" width="3" height="3"/>'
    found = loaded(written(tmp_path / "a.xml", mask))
    assert found[18].tolist()[26:] == [0, 1, 1, 0]
    assert found[19].tolist()[26:] == [0, 0, 0, 0]
    assert found.sum() == 2


def test_an_ellipse_has_the_pixels_whose_centre_lies_in_it(tmp_path: Path) -> None:
    found = loaded(written(tmp_path / "a.xml", '<ellipse label="cat" cx="15" cy="10" rx="6" ry="3"/>'))
    down, right = np.mgrid[:20, :30]
    assert np.array_equal(found, ((right + 0.5 - 15) / 6) ** 2 + ((down + 0.5 - 10) / 3) ** 2 <= 1)
    turned = loaded(written(tmp_path / "a.xml", '<ellipse label="cat" cx="15" cy="10" rx="6" ry="3" rotation="90"/>'))
    assert np.array_equal(turned, ((right + 0.5 - 15) / 3) ** 2 + ((down + 0.5 - 10) / 6) ** 2 <= 1)


def test_several_shapes_labels_and_pictures(tmp_path: Path) -> None:
    shapes = '<box label="cat" xtl="0" ytl="0" xbr="2" ybr="2"/><box label="ignore" xtl="1" ytl="0" xbr="2" ybr="9"/>'
    path = written(tmp_path / "a.xml", shapes + '<tag label="nice"/>')
    found = vi.masks.load_all(path)
    assert found["sub/cat.png"]["cat"][:3, :3].tolist() == [[1, 255, 0], [1, 255, 0], [0, 255, 0]]
    assert found["sub/other.png"] == {}


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ('<polyline label="cat" points="1,1;2,2;3,3"/>', "polyline"),
        ('<points label="cat" points="1,1"/>', "no area"),
        ('<cuboid label="cat"/>', "cuboid"),
        ('<mask label="cat" rle="1,2" left="0" top="0" width="3" height="3"/>', "3 pixels, but 3 × 3 are 9"),
        ('<mask label="cat" rle="9" left="0" top="0" width="x" height="3"/>', "not a number"),
        ('<polygon label="cat" points="1,1;2"/>', "pairs of numbers"),
        ('<box label="cat" xtl="nan" ytl="0" xbr="2" ybr="2"/>', "xtl"),
    ],
)
def test_what_has_no_area_or_is_damaged_is_refused_with_a_reason(tmp_path: Path, shape: str, words: str) -> None:
    with pytest.raises(vi.DataError, match=words):
        loaded(written(tmp_path / "a.xml", shape))


def test_video_documents_types_and_other_xml_are_refused(tmp_path: Path) -> None:
    for text, words in {
        "<annotations><version>1.1</version><track/></annotations>": "CVAT for images",
        "<annotation><object/></annotation>": "Pascal VOC",
        '<!DOCTYPE x [<!ENTITY a "b">]><annotations><image/></annotations>': "document type",
        "<annotations": "not readable XML",
    }.items():
        (tmp_path / "a.xml").write_text(text)
        with pytest.raises(vi.DataError, match=words):
            vi.masks.load(tmp_path / "a.xml")


@pytest.mark.parametrize("seed", range(5))
def test_what_is_written_reads_back_the_same(tmp_path: Path, seed: int) -> None:
    mask = (np.random.default_rng(seed).random((20, 30)) > 0.5).astype(np.uint8)
    mask[4:7, 2:9] = 255
    vi.masks.save(mask, tmp_path / "a.xml", label="cat")
    assert np.array_equal(vi.masks.load(tmp_path / "a.xml"), mask)
    with pytest.raises(vi.DataError, match="exists already"):
        vi.masks.save(mask, tmp_path / "a.xml", label="cat")
