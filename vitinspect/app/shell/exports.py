"""What can be saved: one record each, from which the dialog, its words in the palette and the file's name are made."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QImage, QImageWriter

from vitinspect.app.panels.layer_facts import name_of
from vitinspect.app.session.layers import Layer
from vitinspect.errors import DataError

if TYPE_CHECKING:
    from vitinspect.app.session.results import ShownMap
    from vitinspect.app.shell.window import MainWindow

SCALES = (1, 2, 3, 4)
LARGEST = 250_000_000
"""Pixels that a saved picture may have."""


@dataclass(frozen=True)
class How:
    """How a picture is saved."""

    scale: int = 1
    ground: str = ""
    """white, black or transparent; empty for that of the screen."""


@dataclass(frozen=True)
class Export:
    """``make`` gives the bytes of the file; ``about`` says in words what will be in it. Both raise an error of ours,
    with the reason, where there is nothing to save."""

    id: str
    title: str
    stem: str
    """What follows the picture's name in the name of the file."""
    ending: str
    words: str
    """What the file dialog calls the format."""
    make: Callable[[MainWindow, How], bytes]
    about: Callable[[MainWindow, How], str]
    scales: bool = False
    """Whether it can be saved larger, and on another background."""


def _png(image: QImage) -> bytes:
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if image.isNull() or not QImageWriter(buffer, b"png").write(image):
        raise DataError("The picture cannot be written as PNG.")
    return bytes(data.data())


def _bounded(width: int, height: int) -> str:
    if width * height > LARGEST:
        raise DataError(
            f"That would be {width} × {height} pixels; at most {LARGEST // 1_000_000} million can be saved. "
            "Choose a smaller scale."
        )
    return f"{width} × {height} pixels"


def _open_picture(window: MainWindow) -> None:
    if window.backend.results.picture is None:
        raise DataError("There is no picture: open one.")


def selected_map(window: MainWindow) -> tuple[Layer, ShownMap]:
    """The map of the selected layer; where a mask is selected, the first map that is shown."""
    state, results = window.backend.state, window.backend.results
    chosen = state.selected_layer
    layer = chosen if chosen is not None and chosen.is_map else None
    if layer is None:
        layer = next((one for one in state.layers if one.is_map and one.visible), None)
    if layer is None:
        raise DataError("There is no map to save: add a layer.")
    shown = {**results.maps, **results.fused_maps, **results.file_maps}.get(layer.id)
    if shown is None:
        raise DataError(f"The map of {name_of(state.layers, layer)} has not been computed.")
    return layer, shown


def _called(window: MainWindow, layer: Layer) -> str:
    state = window.backend.state
    number = state.number(layer.id)
    return f"{number} {name_of(state.layers, layer)}" if number and layer.is_map else name_of(state.layers, layer)


# --- the view ----------------------------------------------------------------------------------------------------


def _view(window: MainWindow, how: How) -> bytes:
    _view_about(window, how)
    view = window.workspace_view
    if view is window.canvas:
        return _png(window.canvas.view_image(how.scale, how.ground))
    image = QImage(view.size() * how.scale, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(how.scale)
    image.fill(view.palette().window().color())
    view.render(image)
    return _png(image)


def _view_about(window: MainWindow, how: How) -> str:
    _open_picture(window)
    size = window.workspace_view.size() * how.scale
    return f"{window.workspace.title}: {_bounded(size.width(), size.height())}"


# --- the selected map --------------------------------------------------------------------------------------------


def _overlay(window: MainWindow, how: How) -> bytes:
    _overlay_about(window, how)
    return _png(window.canvas.overlay_image(selected_map(window)[1], how.scale, how.ground))


def _overlay_about(window: MainWindow, how: How) -> str:
    _open_picture(window)
    layer, shown = selected_map(window)
    height, width = shown.placed.original_size
    return f"{_called(window, layer)}: {_bounded(width * how.scale, height * how.scale)}"


def _raw_map(window: MainWindow, how: How) -> bytes:
    import numpy as np

    file = io.BytesIO()
    np.save(file, np.asarray(selected_map(window)[1].values), allow_pickle=False)
    return file.getvalue()


def _raw_map_about(window: MainWindow, how: How) -> str:
    layer, shown = selected_map(window)
    rows, columns = shown.values.shape
    unit = "patches" if (rows, columns) == tuple(shown.grid) else "pixels of the model's input"
    return f"{_called(window, layer)}: {columns} × {rows} values, {unit}"


def _cut(window: MainWindow) -> tuple[Layer, ShownMap, Any]:
    layer, shown = selected_map(window)
    cut = window.backend.results.cuts.get(shown.id)
    if cut is None:
        raise DataError("There is no mask to save: the selected layer has no threshold.")
    return layer, shown, cut


def _mask(window: MainWindow, how: How) -> bytes:
    """Of the picture's own size: 255 above the level, or where the selected mask marks something, and 0 elsewhere."""
    import numpy as np
    from PIL import Image

    chosen = window.backend.state.selected_layer
    drawn = window.backend.results.masks.get(chosen.id) if chosen is not None and not chosen.is_map else None
    if drawn is not None:
        mask = np.where(drawn.values == 1, 255, 0).astype(np.uint8)
    else:
        _, shown, cut = _cut(window)
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


def _mask_about(window: MainWindow, how: How) -> str:
    from vitinspect.app.widgets import numbers

    chosen = window.backend.state.selected_layer
    drawn = window.backend.results.masks.get(chosen.id) if chosen is not None and not chosen.is_map else None
    if chosen is not None and drawn is not None:
        return f"{_called(window, chosen)}: {numbers.percent(drawn.share)} of the picture"
    layer, _, cut = _cut(window)
    return f"{_called(window, layer)}: above {numbers.number(cut.level)}, {numbers.percent(cut.share)} of the picture"


# --- tables ------------------------------------------------------------------------------------------------------


def _scores(window: MainWindow, how: How) -> bytes:
    """With the picture, the model and the target in each row, so that the numbers can be identified later."""
    results = window.backend.results
    card = results.card
    about = {
        "picture": os.path.basename(results.picture_path),
        "model": card.name if card is not None else "",
        "target": card.target_text(results.target) if card is not None and results.target else "",
    }
    return str(_score_table(window).to_csv(about)).encode()


def _score_table(window: MainWindow) -> Any:
    from vitinspect.app.panels.scores import ScoresPanel

    panel = window.bottom_of("inspect").tab("scores")
    assert isinstance(panel, ScoresPanel)
    panel.follow()  # while it is closed, it is not updated
    if not panel.table.scores.rows:
        raise DataError("There is no layer with scores.")
    return panel.table.scores


def _scores_about(window: MainWindow, how: How) -> str:
    table = _score_table(window)
    empty = [column.title for column in table.columns if not any(column.id in row.values for row in table.rows)]
    layers = f"{len(table.rows)} layer{'s' if len(table.rows) != 1 else ''}"
    return f"{layers}; not computed: {', '.join(empty)}" if empty else layers


def _measured(window: MainWindow) -> Any:
    networks = window.backend.networks
    if not networks.measures:
        raise DataError("Nothing was measured yet: open the view Measures of the network.")
    if networks.measuring is not None:
        raise DataError("The network is still being measured.")
    return networks.measures


def _measures(window: MainWindow, how: How) -> bytes:
    from vitinspect.app.multiplex.measures import COLUMNS
    from vitinspect.app.widgets.score_table import csv_lines
    from vitinspect.names import csv_cell

    backend = window.backend
    card = backend.results.card
    same = [
        csv_cell(os.path.basename(backend.results.picture_path)),
        csv_cell(card.name if card is not None else ""),
        backend.state.network_operator,
        repr(backend.networks.min_cut),
    ]
    lines = [["picture", "model", "heads", "min_cut", "block", *(name for name, *_ in COLUMNS)]]
    for measured in _measured(window):
        values = measured.as_dict()
        lines.append([*same, str(measured.layer + 1), *(repr(values[name]) for name, *_ in COLUMNS)])
    return csv_lines(lines).encode()


def _measures_about(window: MainWindow, how: How) -> str:
    return f"{len(_measured(window))} blocks, min_cut {window.backend.networks.min_cut:g}"


EXPORTS: tuple[Export, ...] = (
    Export("view", "View", "view", ".png", "PNG", _view, _view_about, scales=True),
    Export("overlay", "Overlay", "overlay", ".png", "PNG", _overlay, _overlay_about, scales=True),
    Export("raw_map", "Raw map", "map", ".npy", "NumPy", _raw_map, _raw_map_about),
    Export("mask", "Mask", "mask", ".png", "PNG", _mask, _mask_about),
    Export("scores", "Scores", "scores", ".csv", "CSV", _scores, _scores_about),
    Export("measures", "Network measures", "measures", ".csv", "CSV", _measures, _measures_about),
)


def in_words() -> str:
    """All that can be saved: "view, overlay, ... or network measures"."""
    titles = [export.title[0].lower() + export.title[1:] for export in EXPORTS]
    return f"{', '.join(titles[:-1])} or {titles[-1]}"


def file_name(window: MainWindow, export: Export) -> str:
    """The suggested name of the file."""
    stem = os.path.splitext(os.path.basename(window.backend.state.image))[0] or "vitinspect"
    return f"{stem}_{export.stem}{export.ending}"


def save(window: MainWindow, export: Export, path: str, how: How | None = None) -> None:
    """Write the file: all of it, or nothing."""
    from vitinspect.files import write_atomic

    write_atomic(Path(path), export.make(window, how or How()))
    window.status.say(f"Saved {path}")
