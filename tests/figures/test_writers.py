"""PNG, SVG and PDF of one scene: they agree, text is text, nothing is lost, and the page has its width."""

from __future__ import annotations

import io
import re
import subprocess
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.figures.rendered import browser_pixels, needs_browser, pdf_pixels, program
from vitinspect.errors import ParameterError
from vitinspect.figures.colormaps import colormap
from vitinspect.figures.exporting import FORMATS, format_of
from vitinspect.figures.fonts import font, text_width
from vitinspect.figures.scene import MM, ColourBar, Picture, Scene, Text, rectangle
from vitinspect.figures.scene import Path as Lines
from vitinspect.figures.write_pdf import write_pdf
from vitinspect.figures.write_raster import render
from vitinspect.figures.write_svg import write_svg

NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
PATCHES = np.random.default_rng(1).integers(0, 256, (4, 4, 4)).astype(np.uint8)


@pytest.fixture
def scene() -> Scene:
    page = Scene(88 * MM, 50 * MM, title="Été <b>")
    page.add(
        Picture(NOISE, (10, 20, 120, 80)),
        Picture(PATCHES, (140, 20, 60, 60), sharp=True),
        ColourBar(colormap("inferno"), (210, 20, 8, 80)),
        Text("LRP × Rollout é − 0.5 <&>", (10, 14), 8),
        Text("leaf", (8, 60), 7, "middle", bold=True, turn=90),
        rectangle((10, 20, 120, 80), (200, 30, 30), 1),
        Lines([[(140, 90), (200, 120)]], (0, 90, 200), 1.2, dash=(4, 2)),
    )
    return page


def test_a_page_has_the_width_that_was_asked_for(scene: Scene) -> None:
    assert render(scene, 300).width == round(88 / 25.4 * 300)
    assert b"/MediaBox [0 0 249.4488 141.7323]" in write_pdf(scene)
    root = ElementTree.fromstring(write_svg(scene))
    assert (root.get("width"), root.get("height")) == ("88mm", "50mm")


def test_png_and_pdf_agree_within_rounding(scene: Scene, tmp_path: Path) -> None:
    dpi = 288  # a whole number of pixels to the point: no picture lies between two pixels
    ours = np.asarray(render(scene, dpi)).astype(int)
    theirs = pdf_pixels(write_pdf(scene), tmp_path, dpi)
    height, width = min(len(ours), len(theirs)), min(ours.shape[1], theirs.shape[1])
    ours, theirs = ours[:height, :width], theirs[:height, :width]
    inside = (slice(24 * 4, 76 * 4), slice(144 * 4, 196 * 4))  # exact patches
    assert np.abs(ours[inside] - theirs[inside]).max() <= 2
    bar = (slice(24 * 4, 96 * 4), slice(212 * 4, 216 * 4))
    assert np.abs(ours[bar] - theirs[bar]).max() <= 6
    outside = np.ones((height, width), bool)
    outside[19 * 4 : 101 * 4, 9 * 4 : 131 * 4] = False  # noise, which each viewer enlarges in its own way
    assert np.abs(ours - theirs)[outside].mean() < 1.5


def test_pictures_in_a_pdf_are_stored_without_loss(scene: Scene, tmp_path: Path) -> None:
    data = write_pdf(scene)
    assert b"DCTDecode" not in data
    (tmp_path / "page.pdf").write_bytes(data)
    subprocess.run([program("pdfimages"), "-png", "page.pdf", "image"], cwd=tmp_path, check=True)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "image-000.png")), NOISE)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "image-001.png")), PATCHES[..., :3])


def test_text_in_a_pdf_is_text_in_an_embedded_font(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "page.pdf").write_bytes(write_pdf(scene))
    text = subprocess.run([program("pdftotext"), "page.pdf", "-"], cwd=tmp_path, capture_output=True, text=True).stdout
    assert "LRP × Rollout é − 0.5 <&>" in text
    assert "leaf" in text
    fonts = subprocess.run([program("pdffonts"), "page.pdf"], cwd=tmp_path, capture_output=True, text=True).stdout
    rows = fonts.splitlines()[2:]
    assert len(rows) == 2
    assert all(re.search(r"CID TrueType\s+Identity-H\s+yes yes yes", row) for row in rows)


def test_a_pdf_is_the_same_each_time_and_small(scene: Scene) -> None:
    assert write_pdf(scene) == write_pdf(scene)
    scene.elements = [element for element in scene.elements if isinstance(element, Text)]
    assert len(write_pdf(scene)) < 120_000  # of a font file of 760,000 bytes, the letters that are used


def test_an_svg_keeps_text_lines_and_pixels(scene: Scene) -> None:
    root = ElementTree.fromstring(write_svg(scene))
    space = "{http://www.w3.org/2000/svg}"
    assert [element.text for element in root.iter(space + "text")] == ["LRP × Rollout é − 0.5 <&>", "leaf"]
    assert len(list(root.iter(space + "linearGradient"))) == 1
    assert len(list(root.iter(space + "path"))) == 2
    images = list(root.iter(space + "image"))
    import base64

    data = base64.b64decode(images[0].get("{http://www.w3.org/1999/xlink}href", "").partition(",")[2])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), NOISE)
    assert "pixelated" in images[1].get("style", "")
    assert "style" not in images[0].attrib


def test_exact_patches_have_sharp_edges(scene: Scene) -> None:
    page = np.asarray(render(scene, 288))
    column = page[24 * 4, 140 * 4 : 200 * 4]
    assert len(np.unique(column, axis=0)) == 4


def test_a_transparent_page_has_no_background(scene: Scene) -> None:
    scene.background = None
    page = render(scene, 100)
    assert page.mode == "RGBA"
    assert page.getpixel((0, page.height - 1))[3] == 0
    assert b"re f" not in zlib.decompress(_first_stream(write_pdf(scene)))[:60]


def _first_stream(pdf: bytes) -> bytes:
    content = int(re.search(rb"/Contents (\d+) 0 R", pdf)[1])  # type: ignore[index]
    start = pdf.index(b"stream\n", pdf.index(f"\n{content} 0 obj".encode())) + 7
    return pdf[start : pdf.index(b"\nendstream", start)]


def test_names_that_no_xml_can_hold_do_not_break_an_svg() -> None:
    page = Scene(50, 20, title="a\x00b\ud800")
    page.add(Text("x\x01y\udce9", (1, 10), 8))
    ElementTree.fromstring(write_svg(page))
    write_pdf(page)


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.id)
def test_the_resolution_is_stored_in_the_file(scene: Scene, one, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    data = one.write(scene, 200.0, None)
    assert format_of(Path("x" + one.endings[0])) is one
    if not one.vector:
        with Image.open(io.BytesIO(data)) as image:
            assert [round(float(v)) for v in image.info["dpi"]] == [200, 200]


def test_a_text_is_as_wide_as_its_letters() -> None:
    from PIL import ImageFont

    face = ImageFont.truetype(str(font().path), 1000, layout_engine=ImageFont.Layout.BASIC)
    for text in ("x", "Wé", "0.0123 − ×"):
        expected = sum(face.getlength(letter) for letter in text)
        assert text_width(text, 1000) == pytest.approx(expected, abs=2)


@needs_browser
def test_a_browser_shows_the_colours_of_an_svg(scene: Scene, tmp_path: Path) -> None:
    theirs = browser_pixels(write_svg(scene), tmp_path, 288, (1000, 600))
    ours = np.asarray(render(scene, 288)).astype(int)  # three pixels for each of 96 to the inch
    theirs = theirs[: len(ours), : ours.shape[1]]
    distance = np.abs(ours - theirs).max(-1)
    for row in range(4):
        for column in range(4):
            top, left = (20 + 15 * row) * 4, (140 + 15 * column) * 4
            assert distance[top + 3 : top + 57, left + 3 : left + 57].max() <= 2, (row, column)
    assert distance[24 * 4 : 96 * 4, 212 * 4 : 216 * 4].max() <= 6, "the colour bar"
    noise = np.s_[22 * 4 : 98 * 4, 12 * 4 : 128 * 4]  # which each viewer enlarges in its own way
    assert np.abs(ours[noise].mean((0, 1)) - theirs[noise].mean((0, 1))).max() <= 2
    edge = np.s_[20 * 4 - 1 : 20 * 4 + 1, 60 * 4]
    assert np.abs(theirs[edge] - (200, 30, 30)).max() <= 4, "the frame"
    assert np.abs(theirs[2, 2] - 255).max() == 0
    outside = np.ones(distance.shape, bool)
    outside[19 * 4 : 101 * 4, 9 * 4 : 131 * 4] = False
    assert np.abs(ours - theirs)[outside].mean() < 1.5


def test_a_page_of_more_pixels_than_a_poster_is_refused_before_memory_is_taken(scene: Scene) -> None:
    scene.width = scene.height = 2000 * MM
    with pytest.raises(ParameterError, match="smaller width or resolution"):
        format_of(Path("x.png")).write(scene, 2400, None)
    # As vectors it can be written, with its pictures as they are.
    assert len(format_of(Path("x.pdf")).write(scene, 2400, None)) < 200_000


def test_a_fine_resolution_enlarges_no_picture_beyond_what_is_seen(scene: Scene) -> None:
    sizes = [len(format_of(Path("x.svg")).write(scene, dpi, None)) for dpi in (600, 1200, 2400)]
    assert max(sizes) < 1.01 * min(sizes)
