"""Opening a map from a file: a layer on the picture, and the folder's other maps for the other pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFileDialog

from vitinspect.app.compute.thread_pool import LIST, Job
from vitinspect.app.compute.worker import Problem
from vitinspect.app.widgets.messages import Message

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow

FILTER = "Maps (*.npy *.npz *.tif *.tiff *.png);;All files (*)"
_OFFER = "maps of all pictures: "


def ask(window: MainWindow) -> None:
    """Choose files, and open each as a layer."""
    start = os.path.dirname(window.backend.state.image)
    paths, _ = QFileDialog.getOpenFileNames(window, "Open maps of this picture", start, FILTER)
    open_maps(window, paths)


def open_maps(window: MainWindow, paths: Sequence[str]) -> None:
    """One layer for each file, of the picture that is shown."""
    for path in paths:
        open_map(window, path)


def open_map(window: MainWindow, path: str) -> None:
    from vitinspect.map_files import pattern_of, pictures_with_maps

    state = window.backend.state
    if not state.image:
        window.message.show_warning(Problem("A map lies over a picture: open the picture first.", "", True))
        return
    path = os.path.abspath(path)
    layer = state.add_file(path, state.image)
    pattern = pattern_of(path, state.image)
    if not pattern:
        return
    images = list(window.backend.listing.paths)

    def done(found: Any, error: BaseException | None) -> None:
        if found and len(found) > 1 and state.layer(layer) is not None:
            _offer(window, layer, path, len(found), len(images))

    window.backend.background.submit(LIST, Job(lambda cancel: pictures_with_maps(pattern, images), done))


def _offer(window: MainWindow, layer: str, path: str, count: int, of: int) -> None:
    folder = os.path.basename(os.path.dirname(path)) or os.path.dirname(path)
    text = f"The folder {folder} has maps like this one for {count} of the {of} pictures."
    window.message.show_message(Message(_OFFER + layer, text, action="Use for all pictures"))


def act(window: MainWindow, cause: str) -> None:
    """The button of the offer: the layer shows the map of each picture from now on."""
    from vitinspect.map_files import pattern_of

    if not cause.startswith(_OFFER):
        return
    state = window.backend.state
    layer = state.layer(cause.removeprefix(_OFFER))
    window.message.clear(cause)
    pattern = pattern_of(layer.path, layer.image) if layer is not None else ""
    if layer is not None and pattern:
        state.edit_layer(layer.id, "Use the maps of all pictures", path=pattern, image="")
