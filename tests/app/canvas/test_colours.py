"""The colours on the canvas are those of the files: the same map at the same pixel of the picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QApplication

from tests.app.canvas import scenes
from vitinspect.app.canvas.canvas import Canvas
from vitinspect.app.geometry import Placed, View
from vitinspect.app.pictures import Picture
from vitinspect.figures.overlay import overlay
from vitinspect.models.placement import Placement

ROUNDING = 2
"""Levels of 255: a colour is rounded once with its opacity and once when it is laid over the picture."""
BOXES = {
    "whole": (0.0, 0.0, 120.0, 80.0),
    "crop": (20.4, 0.0, 100.3, 80.0),
    "pad": (0.0, -20.0, 120.0, 100.0),
    "pad with part of a pixel": (-13.7, -3.3, 133.7, 82.6),
}


def canvas_with(
    folder: Path, box: tuple[float, float, float, float], values: np.ndarray, size: tuple[int, int], **look: object
) -> Canvas:
    canvas = scenes.canvas_of(folder, 1, size, frame=False, **look)
    picture = canvas.results.picture
    assert picture is not None
    placed = Placed(scenes.INPUT, picture.size, box)
    shown = replace(scenes.shown_map(picture, values), placed=placed)
    canvas.results.update(placed=placed, maps={"rollout": shown})
    return canvas


def as_in_a_file(picture: Picture, box: tuple[float, float, float, float], values: np.ndarray, **how: object):  # type: ignore[no-untyped-def]
    placement = Placement(scenes.INPUT, picture.size, box)
    painted = overlay(Image.fromarray(picture.pixels), values, placement, frame=False, **how)  # type: ignore[arg-type]
    return np.asarray(painted).astype(int)


def of_image(image) -> np.ndarray:  # type: ignore[no-untyped-def]
    image = image.convertToFormat(image.Format.Format_RGB32)
    lines = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return lines[:, : image.width(), 2::-1].astype(int)


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES.keys())
@pytest.mark.parametrize("smooth", [True, False], ids=["smooth", "patches"])
@pytest.mark.parametrize("grid", [(7, 7), (56, 56)], ids=["patches of the model", "pixels of the input"])
def test_a_map_at_the_pixels_of_its_picture_has_the_colours_of_a_file(
    qapp: QApplication, tmp_path: Path, box: tuple[float, float, float, float], smooth: bool, grid: tuple[int, int]
) -> None:
    values = np.random.default_rng(4).normal(size=grid).astype(np.float32) ** 2
    canvas = canvas_with(tmp_path, box, values, (360, 280), smooth=smooth, opacity=0.8, grows="uniform")
    picture = canvas.results.picture
    assert picture is not None
    seen = of_image(canvas.overlay_image(canvas.results.maps["rollout"]))
    written = as_in_a_file(picture, box, values, name="inferno", opacity=0.8, grows="uniform", smooth=smooth)
    assert np.abs(seen - written).max() <= ROUNDING


@pytest.mark.parametrize("grows", ["uniform", "growing"])
def test_a_signed_map_with_typed_ends_has_the_colours_of_a_file(qapp: QApplication, tmp_path: Path, grows: str) -> None:
    from vitinspect.figures.overlay import ValueRange

    values = np.random.default_rng(5).normal(size=(7, 7)).astype(np.float32)
    canvas = canvas_with(tmp_path, BOXES["pad"], values, (360, 280), smooth=True, opacity=0.9, grows=grows)
    canvas.state.edit_layer("rollout", range_mode="typed", low=-0.7, high=0.7, opacity=0.9, opacity_mode=grows)
    picture = canvas.results.picture
    assert picture is not None
    seen = of_image(canvas.overlay_image(canvas.results.maps["rollout"]))
    how = {"name": "diverging", "opacity": 0.9, "grows": grows, "value_range": ValueRange(-0.7, 0.7)}
    assert np.abs(seen - as_in_a_file(picture, BOXES["pad"], values, **how)).max() <= ROUNDING


@pytest.mark.parametrize("size", [(360, 280), (361, 281)], ids=["even", "odd"])
def test_at_a_hundred_percent_each_pixel_of_the_screen_is_one_of_the_picture(
    qapp: QApplication, tmp_path: Path, size: tuple[int, int]
) -> None:
    values = scenes.bump(2, 2)
    canvas = canvas_with(tmp_path, BOXES["crop"], values, size, smooth=True, opacity=0.8, grows="uniform")
    picture = canvas.results.picture
    assert picture is not None
    canvas.view = View(zoom=1.0)
    seen = of_image(canvas.grab().toImage())
    pane = canvas.panes()[0]
    left, top = canvas.view.origin(pane.size, picture.size)
    assert (left, top) == (int(left), int(top))
    x, y = pane.picture.left() + int(left), pane.picture.top() + int(top)
    written = as_in_a_file(picture, BOXES["crop"], values, name="inferno", opacity=0.8, grows="uniform")
    assert np.abs(seen[y : y + 80, x : x + 120] - written).max() <= ROUNDING


@pytest.mark.parametrize("zoom", [0.31, 2.4, 7.3])
def test_a_map_at_any_zoom_has_the_colours_of_its_values_there(qapp: QApplication, tmp_path: Path, zoom: float) -> None:
    """Painted without the picture, so that nothing but the map is scaled."""
    from vitinspect.figures.colormaps import colormap
    from vitinspect.figures.overlay import ValueRange, levels
    from vitinspect.maps import sample

    values = np.random.default_rng(6).random((7, 7)).astype(np.float32)
    canvas = canvas_with(tmp_path, BOXES["whole"], values, (300, 220), smooth=True, show="heat")
    picture = canvas.results.picture
    assert picture is not None
    canvas.view = View(zoom, 0.4, 0.45).held(canvas.panes()[0].size, picture.size)
    seen = of_image(canvas.grab().toImage())
    pane = canvas.panes()[0]
    far = 0
    for column, row in ((0.1, 0.2), (0.5, 0.5), (0.62, 0.4), (0.35, 0.7)):
        px, py = int(column * pane.size[0]), int(row * pane.size[1])
        x, y = canvas.view.to_picture(px + 0.5, py + 0.5, pane.size, picture.size)
        if not (0 < x < 120 and 0 < y < 80):
            continue
        value = sample(values, np.array([y / 80 * 7 - 0.5]), np.array([x / 120 * 7 - 0.5]))
        colour = colormap("inferno")[levels(value, ValueRange.of(values))[0, 0]].astype(int)
        far = max(far, int(np.abs(seen[pane.picture.top() + py, pane.picture.left() + px] - colour).max()))
    assert far <= ROUNDING
