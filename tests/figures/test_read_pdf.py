"""The fonts of a PDF are read from its bytes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from vitinspect.errors import DataError
from vitinspect.figures.preflight import check, check_fonts
from vitinspect.figures.read_pdf import fonts_in
from vitinspect.figures.scene import Picture, Scene, Text
from vitinspect.figures.write_pdf import write_pdf


@pytest.fixture
def data() -> bytes:
    scene = Scene(200, 100)
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    scene.add(Picture(noise, (0, 0, 60, 40)), Text("plain", (10, 14), 8), Text("bold", (8, 60), 7, bold=True))
    return write_pdf(scene, xmp=b"<x>/Subtype /Type0 1 0 obj</x>", attachments={"a.json": b"{}"})


def test_each_font_of_a_page_is_found_with_its_name(data: bytes) -> None:
    fonts = fonts_in(data)
    assert sorted(one.name.partition("+")[2] for one in fonts) == ["DejaVuSans", "DejaVuSans-Bold"]
    assert all(one.embedded for one in fonts)
    found = check_fonts(data)
    assert (found.value, found.good) == ("2", True)


def test_a_page_without_text_has_no_font() -> None:
    assert fonts_in(write_pdf(Scene(100, 100))) == []


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        (rb"/FontFile2 \d+ 0 R", lambda found: b"/FontFile3" + found[0][10:]),
        (rb"/FontFile2 \d+", lambda found: b"/FontFile2 " + b"1".rjust(len(found[0]) - 11, b"0")),
        (rb"/Length1 \d", lambda found: b"/Length1 9" if found[0][-1:] != b"9" else b"/Length1 8"),
    ],
)
def test_a_font_that_is_only_named_is_a_warning(data: bytes, pattern: bytes, instead: object) -> None:
    found = check_fonts(re.sub(pattern, instead, data, count=1))  # type: ignore[call-overload]
    assert not found.good
    assert found.value.startswith("not ")
    assert "DejaVuSans" in found.value


def test_a_file_that_is_cut_short_is_refused(data: bytes) -> None:
    with pytest.raises(DataError):
        fonts_in(data[:-40])


def test_the_check_list_reads_the_fonts_where_there_is_a_pdf(data: bytes) -> None:
    scene = Scene(100, 100)
    assert "Fonts embedded" in [one.what for one in check(scene, {}, pdf=data)]
    assert "Fonts embedded" not in [one.what for one in check(scene, {})]
