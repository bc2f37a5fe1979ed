"""Small canvases with known contents: no model, no worker, the same pixels on each machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QApplication

from vitinspect import system
from vitinspect.app import theme
from vitinspect.app.canvas.canvas import Canvas
from vitinspect.app.compute.addresses import Address
from vitinspect.app.geometry import Placed
from vitinspect.app.pictures import Picture, decode
from vitinspect.app.services.derived_maps import Cut
from vitinspect.app.services.mask_files import MaskFile
from vitinspect.app.session.layers import ANNOTATOR, TRUTH, Layer
from vitinspect.app.session.results import ModelCard, Results, ShownMap, ShownMask
from vitinspect.app.session.state import State

GRID = (7, 7)
INPUT = (56, 56)
FONT = system.TEST_FONT
"""What ``make test`` installs: pictures with words in them are compared where it is there."""


def use_font(app: QApplication) -> bool:
    """Letters of the same shape everywhere; False where the font is missing. ``theme.use_family("")`` ends it."""
    path = system.font_file(FONT)
    if path is None:
        return False
    families = QFontDatabase.applicationFontFamilies(QFontDatabase.addApplicationFont(os.fspath(path)))
    theme.use_family(families[0])
    return True


def picture(folder: Path, width: int = 120, height: int = 80, name: str = "hills.png") -> Picture:
    """Smooth hills of colour, saved and decoded as any picture is."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    channels = [np.sin(7 * x + 2 * y), np.cos(5 * y - x), np.sin(3 * x * y + 1)]
    pixels = np.stack([(110 + 70 * c).astype(np.uint8) for c in channels], -1)
    path = folder / name
    Image.fromarray(pixels).save(path)
    return decode(str(path))


def placed(shown: Picture) -> Placed:
    """The middle square, as a crop sees it."""
    height, width = shown.size
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    return Placed(INPUT, (height, width), (left, top, left + side, top + side))


def card() -> ModelCard:
    return ModelCard(
        source="toy",
        name="toy",
        fingerprint="f",
        labels=("leaf", "gem"),
        grid=GRID,
        patch_size=(8, 8),
        input_size=INPUT,
        prefix_names=("class token",),
        depth=2,
        heads=2,
        parameters=1000,
        device="cpu",
        precision="float32",
        has_classifier=True,
    )


def bump(row: float, column: float, width: float = 1.4) -> np.ndarray:
    rows, columns = np.mgrid[0 : GRID[0], 0 : GRID[1]]
    return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2)).astype(np.float32)


def shown_map(
    of: Picture, values: np.ndarray, key: str = "rollout", title: str = "Attention rollout", target: str = ""
) -> ShownMap:
    return ShownMap(
        id=key,
        title=title,
        address=Address(of.content, "f", key, (), "float32", "crop"),
        values=values,
        signed=bool(values.min() < 0),
        resolution="patch",
        placed=placed(of),
        grid=GRID,
        prefix=1,
        image=os.path.basename(of.path),
        model="toy",
        target_text=target,
    )


def canvas_of(folder: Path, maps: int, size: tuple[int, int] = (360, 280), **values: object) -> Canvas:
    """A canvas of that size with up to four maps on the hills."""
    state, results = State(), Results()
    state.set(**values)
    canvas = Canvas(state, results)
    canvas.resize(*size)
    hills = picture(folder)
    every = [
        shown_map(hills, bump(2, 2)),
        shown_map(hills, bump(4, 5) - 0.6 * bump(1, 1), "attnlrp", "AttnLRP", "leaf"),
        shown_map(hills, bump(5, 1, 2.5), "lrp", "LRP", "gem"),
        shown_map(hills, bump(3, 3, 0.7), "legrad", "LeGrad", "leaf"),
    ]
    chosen = {m.id: m for m in every[:maps]}
    state.set(image=hills.path, methods=tuple(chosen))
    results.update(picture=hills, picture_path=hills.path, card=card(), placed=placed(hills), maps=chosen)
    return canvas


def zoomed(folder: Path) -> Canvas:
    canvas = canvas_of(folder, 1, smooth=False)
    for _ in range(6):
        canvas.zoom_by(1.25)
    return canvas


def outlined(folder: Path) -> Canvas:
    canvas = canvas_of(folder, 1, outline=True)
    canvas.results.update(cuts={"rollout": Cut(0.5, 0.1, np.zeros(INPUT, bool))})
    return canvas


def with_threshold(folder: Path, shown_as: str) -> Canvas:
    canvas = outlined(folder)
    canvas.state.edit_layer("rollout", shown_as=shown_as)
    return canvas


def masked(folder: Path) -> Canvas:
    """The truth dashed, and an annotator's mask in its colour."""
    canvas = canvas_of(folder, 1)
    masks = {}
    for layer in (Layer("truth", TRUTH, found=True), Layer("annotator DR", ANNOTATOR, group="DR", found=True)):
        values = np.zeros((80, 120), np.uint8)
        values[15:50, 30:70] = 1
        shifted = np.roll(values, 12 if layer.kind == ANNOTATOR else 0, axis=1)
        masks[layer.id] = ShownMask(layer.id, MaskFile(f"{layer.id}.png"), shifted)
        canvas.state.set(layers=(*canvas.state.layers, layer))
    canvas.results.update(masks=masks)
    return canvas


SCENES: dict[str, Callable[[Path], Canvas]] = {
    "picture-without-map": lambda folder: canvas_of(folder, 0),
    "overlay": lambda folder: canvas_of(folder, 1),
    "overlay-pinned-patch": lambda folder: canvas_of(folder, 1, pinned=(2, 4)),
    "overlay-growing-with-value": lambda folder: canvas_of(folder, 1, grows="growing", opacity=0.9),
    "overlay-outlined": outlined,
    "overlay-shaded-outside": lambda folder: with_threshold(folder, "shade"),
    "overlay-with-masks": masked,
    "overlay-as-mask": lambda folder: with_threshold(folder, "mask"),
    "map-in-patches": lambda folder: canvas_of(folder, 1, show="heat", smooth=False),
    "picture-alone": lambda folder: canvas_of(folder, 1, show="image"),
    "grid": lambda folder: canvas_of(folder, 4, (640, 440), layout="grid"),
    "swipe": lambda folder: canvas_of(folder, 2, (480, 300), layout="swipe", swipe=0.4),
    "zoomed-patches": zoomed,
}


def paint(app: QApplication, name: str, folder: Path) -> Image.Image:
    """What a scene looks like, in the light theme at one device pixel per pixel."""
    theme.apply(app, "light")
    canvas = SCENES[name](folder)
    try:
        image = canvas.grab().toImage()
    finally:
        canvas.deleteLater()
    image = image.convertToFormat(image.Format.Format_RGB888)
    lines = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return Image.fromarray(lines[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy())
