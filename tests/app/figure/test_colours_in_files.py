"""One figure on the screen and in every file, read back by other programs: the colours agree to within rounding."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from PySide6.QtWidgets import QApplication

from tests.figures.rendered import browser_pixels, image_pixels, needs_browser, pdf_pixels, qt_pixels
from vitinspect.app.figure.scene_painting import image_of
from vitinspect.figures.cell_drawing import cell_picture
from vitinspect.figures.cells import FinishedCell
from vitinspect.figures.exporting import FORMATS
from vitinspect.figures.layer_files import Page as Alone
from vitinspect.figures.layer_files import single
from vitinspect.figures.layout import Page, lay_out
from vitinspect.figures.overlay import ValueRange
from vitinspect.figures.resampling import as_stored, stored_count
from vitinspect.figures.scene import Path as Lines
from vitinspect.figures.scene import Picture, Scene
from vitinspect.figures.specification import FigureSpec, from_dict
from vitinspect.figures.write_raster import render
from vitinspect.models.placement import Placement

DPI = 300
ROUNDING = 2
RIM = 3
"""Pixels at the edge of a cell where lines of the page and the edges of other pictures may be."""


def photograph(width: int, height: int) -> np.ndarray:
    """Slopes with edges and fine texture, which programs enlarge in ways of their own."""
    y, x = np.mgrid[0:height, 0:width]
    steps = ((x // 9 + y // 13) % 2) * 60
    texture = np.random.default_rng(2).integers(0, 50, (height, width))
    return np.stack([100 + steps + texture, 40 + steps + 80 * x // width + texture, 20 + 150 * y // height], -1).astype(
        np.uint8
    )


CELLS = {
    "picture": {"show": "picture"},
    "smooth": {"method": "rollout", "opacity": 0.7},
    "padded": {"method": "rollout", "inset": [0.4, 0.5, 0.3, 0.3]},
    "map": {"method": "rollout", "show": "map", "colours": "grey"},
    "exact": {"method": "rollout", "patches": True},
}
GRIDS = {"padded": (224, 224)}


def finished(spec: FigureSpec, column: int, name: str) -> FinishedCell:
    pixels, pad = photograph(224, 180), 0.13 if name == "padded" else 0.0
    box = (-pad * 224, -pad * 180, (1 + pad) * 224, (1 + pad) * 180)
    one = spec.cell(0, column)
    values = np.random.default_rng(column).random(GRIDS.get(name, (14, 14))).astype(np.float32) ** 2
    return FinishedCell(one, pixels, name, values if one.has_map else None, Placement((224, 224), (180, 224), box))


@pytest.fixture
def page() -> Page:
    columns = [{**entry, "label": name} for name, entry in CELLS.items()]
    spec = from_dict({"rows": [{"image": "a.png"}], "columns": columns, "width": "5.5in", "dpi": DPI})
    return lay_out(spec, {f"a{n + 1}": finished(spec, n, name) for n, name in enumerate(CELLS)})


@pytest.fixture
def in_files(page: Page) -> dict[str, bytes]:
    return {one.id: one.write(page.scene, DPI, None) for one in FORMATS}


def png(in_files: dict[str, bytes]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(in_files["png"])).convert("RGB")).astype(int)


def under_lines(scene: Scene, dpi: int = DPI) -> np.ndarray:
    """Where a line or a letter is, or the edge of one, which each program smooths in its own way."""
    marks = [replace(one, stroke=(0, 0, 0)) for one in scene.elements if isinstance(one, Lines)]
    drawn = Scene(scene.width, scene.height, [*marks, *scene.texts])
    inked = np.asarray(render(drawn, dpi).convert("L")) < 255
    return np.asarray(Image.fromarray(inked).filter(ImageFilter.MaxFilter(5)))


def farthest(page: Page, first: np.ndarray, second: np.ndarray) -> dict[str, int]:
    """In each picture of the page, by how much the colour of a pixel differs at most."""
    found: dict[str, int] = {}
    compared = ~under_lines(page.scene)
    names = ["picture", "smooth", "padded", "inset", "map", "exact"]
    for name, one in zip(names, page.scene.pictures, strict=True):
        left, top, wide, high = (round(side * DPI / 72) for side in one.box)
        inside = np.s_[top + RIM : top + high - RIM, left + RIM : left + wide - RIM]
        assert compared[inside].mean() > 0.5
        found[name] = int((np.abs(first[inside] - second[inside]).max(-1) * compared[inside]).max())
    return {name: far for name, far in found.items() if far > ROUNDING}


def test_the_page_on_the_screen_has_the_colours_of_the_png(
    qapp: QApplication, page: Page, in_files: dict[str, bytes]
) -> None:
    assert not farthest(page, png(in_files), image_pixels(image_of(page.scene, DPI)))


def test_a_tiff_has_the_pixels_of_the_png(page: Page, in_files: dict[str, bytes]) -> None:
    tiff = np.asarray(Image.open(io.BytesIO(in_files["tiff"])).convert("RGB")).astype(int)
    assert np.array_equal(png(in_files), tiff)


def test_a_pdf_in_poppler_has_the_colours_of_the_png(page: Page, in_files: dict[str, bytes], tmp_path: Path) -> None:
    assert not farthest(page, png(in_files), pdf_pixels(in_files["pdf"], tmp_path, DPI))


@needs_browser
def test_an_svg_in_a_browser_has_the_colours_of_the_png(page: Page, in_files: dict[str, bytes], tmp_path: Path) -> None:
    expected = png(in_files)
    seen = browser_pixels(in_files["svg"], tmp_path, DPI, (expected.shape[1], expected.shape[0]))
    assert not farthest(page, expected, seen)


def test_an_svg_in_qt_has_the_colours_of_the_png(qapp: QApplication, page: Page, in_files: dict[str, bytes]) -> None:
    seen = qt_pixels(in_files["svg"], DPI, (page.scene.width, page.scene.height))
    assert not farthest(page, png(in_files), seen)


@pytest.mark.parametrize("name", ["smooth", "padded", "exact"])
def test_an_overlay_at_its_own_pixels_is_the_same_in_png_pdf_and_svg(
    qapp: QApplication, name: str, tmp_path: Path
) -> None:
    entry = {**CELLS[name], "image": "a.png"}
    entry.pop("inset", None)
    spec = single(entry, Alone(dpi=96, colour_bar=True, label="Rollout"), (180, 224))
    scene = lay_out(spec, {"a1": finished(spec, 0, name)}).scene
    drawn = {one.id: one.write(scene, 96, None) for one in FORMATS}
    expected = png(drawn)
    poppler = pdf_pixels(drawn["pdf"], tmp_path, 96)
    qt = qt_pixels(drawn["svg"], 96, (scene.width, scene.height))
    top = round(scene.pictures[0].box[1] * 96 / 72)
    inside = np.s_[top + RIM : top + 180 - RIM, RIM : 224 - RIM]
    lines = under_lines(scene, 96)[inside]
    for seen in (poppler, qt):
        assert (np.abs(expected[inside] - seen[inside]).max(-1) * ~lines).max() <= ROUNDING
    if name == "exact":
        values = finished(spec, 0, name)
        cell_pixels = cell_picture(values, ValueRange.of(values.values))[1::3, 1::3]
        assert np.abs(expected[inside] - cell_pixels.astype(int)[RIM : 180 - RIM, RIM : 224 - RIM]).max() == 0


def test_a_picture_with_more_pixels_than_its_place_keeps_all_of_them_and_a_small_one_has_those_of_the_page() -> None:
    large = Picture(photograph(400, 300), (0, 0, 72, 54))
    assert as_stored(large, 300) is large.pixels
    small = Picture(photograph(100, 75), (0, 0, 72, 54))
    assert as_stored(small, 300).shape == (225, 300, 3)
    assert as_stored(small, None) is small.pixels
    exact = Picture(photograph(14, 14), (0, 0, 72, 72), sharp=True)
    stored = as_stored(exact, 300)
    assert stored.shape == (600, 600, 3), "each pixel of the page twice across"
    assert np.array_equal(stored[::2, ::2], stored[1::2, 1::2])
    for one in (large, small, exact):
        assert stored_count(one, 300) == as_stored(one, 300).shape[0] * as_stored(one, 300).shape[1]
