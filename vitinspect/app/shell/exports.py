"""What can be saved: one record each, from which the menu, the palette and the file dialog are made."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QImage, QImageWriter
from PySide6.QtWidgets import QFileDialog

from vitinspect.app.shell.menus.record import Action
from vitinspect.errors import DataError

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow

SCALES = (1, 2, 3, 4)


@dataclass(frozen=True)
class Export:
    """``make`` gives the bytes of the file; the second argument is the scale, for pictures."""

    id: str
    title: str
    tip: str
    stem: str
    """What stands behind the picture's name in the name of the file."""
    ending: str
    words: str
    """What the file dialog calls the format."""
    make: Callable[[MainWindow, int], bytes]
    needs: str = "map"
    keys: tuple[str, ...] = ()
    scales: bool = False
    """Whether it can be saved larger than it is on the screen."""


def _png(image: QImage) -> bytes:
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not QImageWriter(buffer, b"png").write(image):
        raise DataError("The picture cannot be written as PNG.")
    return bytes(data.data())


def _view(window: MainWindow, scale: int) -> bytes:
    view = window.workspace_view
    image = window.canvas.view_image(scale) if view is window.canvas else view.grab().toImage()
    return _png(image)


def _overlay(window: MainWindow, scale: int) -> bytes:
    image = window.canvas.overlay_image(scale)
    if image is None:
        raise DataError("There is no map to save.")
    return _png(image)


def _raw_map(window: MainWindow, scale: int) -> bytes:
    import numpy as np

    shown = window.canvas.active_map()
    if shown is None:
        raise DataError("There is no map to save.")
    file = io.BytesIO()
    np.save(file, np.asarray(shown.values), allow_pickle=False)
    return file.getvalue()


def _mask(window: MainWindow, scale: int) -> bytes:
    """Of the picture's own size: 255 above the level, 0 elsewhere."""
    import numpy as np
    from PIL import Image

    shown = window.canvas.active_map()
    cut = window.backend.results.cuts.get(shown.id) if shown is not None else None
    if shown is None or cut is None:
        raise DataError("There is no mask to save: the selected layer has no level.")
    height, width = shown.placed.original_size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    left, top, right, bottom = shown.placed.box
    rows, columns = cut.mask.shape
    across = np.floor((x - left) / (right - left) * columns).astype(int)
    down = np.floor((y - top) / (bottom - top) * rows).astype(int)
    inside = (across >= 0) & (across < columns) & (down >= 0) & (down < rows)
    mask = np.zeros((height, width), np.uint8)
    mask[inside] = np.where(np.asarray(cut.mask)[down[inside], across[inside]], 255, 0)
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    return file.getvalue()


def _scores(window: MainWindow, scale: int) -> bytes:
    from vitinspect.app.panels.scores import ScoresPanel

    panel = window.bottom_of("inspect").tab("scores")
    assert isinstance(panel, ScoresPanel)
    return panel.table.scores.to_csv().encode()


def _measures(window: MainWindow, scale: int) -> bytes:
    from dataclasses import asdict

    from vitinspect.app.multiplex.measures import COLUMNS

    found = window.backend.networks.measures
    if not found:
        raise DataError("Nothing was measured yet: open the view Measures of the network.")
    lines = [",".join(("block", *(name for name, *_ in COLUMNS)))]
    for measured in found:
        values = asdict(measured)
        lines.append(",".join((str(measured.layer + 1), *(repr(values[name]) for name, *_ in COLUMNS))))
    return "".join(line + "\r\n" for line in lines).encode()


EXPORTS: tuple[Export, ...] = (
    Export(
        "view",
        "Save view…",
        "Save what the workspace shows as PNG, up to four times as large",
        "view",
        ".png",
        "PNG",
        _view,
        needs="picture",
        keys=("Ctrl+S",),
        scales=True,
    ),
    Export(
        "overlay",
        "Save overlay…",
        "Save the picture with the selected map as PNG, at the picture's own size or larger",
        "overlay",
        ".png",
        "PNG",
        _overlay,
        keys=("Ctrl+Shift+S",),
        scales=True,
    ),
    Export("raw_map", "Save raw map…", "Save the values of the selected map", "map", ".npy", "NumPy", _raw_map),
    Export("mask", "Save mask…", "Save what is above the level of the selected map", "mask", ".png", "PNG", _mask),
    Export("scores", "Save scores…", "Save the table of scores", "scores", ".csv", "CSV", _scores),
    Export(
        "measures",
        "Save network measures…",
        "Save the measures of each block's network",
        "measures",
        ".csv",
        "CSV",
        _measures,
        needs="picture",
    ),
)


def actions() -> tuple[Action, ...]:
    """The actions of the menu."""
    return tuple(Action(f"save_{e.id}", e.title, e.tip, e.keys, partial(ask, export=e), needs=e.needs) for e in EXPORTS)


def ask(window: MainWindow, export: Export) -> None:
    """Where to, and at which scale."""
    stem = os.path.splitext(os.path.basename(window.backend.state.image))[0] or "vitinspect"
    kinds = {f"{export.words} (*{export.ending})": 1}
    if export.scales:
        kinds |= {f"{export.words}, {scale} times as large (*{export.ending})": scale for scale in SCALES[1:]}
    path, kind = QFileDialog.getSaveFileName(
        window, export.title.rstrip("…"), f"{stem}_{export.stem}{export.ending}", ";;".join(kinds)
    )
    if path:
        save(window, export, path if path.lower().endswith(export.ending) else path + export.ending, kinds.get(kind, 1))


def save(window: MainWindow, export: Export, path: str, scale: int = 1) -> None:
    """Write the file: all of it, or nothing."""
    from vitinspect.files import write_atomic

    write_atomic(Path(path), export.make(window, scale))
    window.status.say(f"Saved {path}")
