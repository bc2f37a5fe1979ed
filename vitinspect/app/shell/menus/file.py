"""File: what is opened, saved and set."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from vitinspect import resources
from vitinspect.app.services.models import short_source
from vitinspect.app.shell import exports
from vitinspect.app.shell.menus.record import SEPARATOR, Action, Menu, Submenu
from vitinspect.app.shell.short_names import distinct_names
from vitinspect.errors import DataError

if TYPE_CHECKING:
    from vitinspect.app.session.state import State
    from vitinspect.app.shell.window import MainWindow


def open_folder(window: MainWindow) -> None:
    folder = QFileDialog.getExistingDirectory(window, "Open a folder of pictures", window.backend.state.folder)
    if folder:
        window.backend.folders.open(folder)


def open_gallery(window: MainWindow) -> None:
    folder = resources.gallery_folder() / "images"
    if not folder.is_dir():
        raise DataError(f"The bundled gallery is not in {folder}.")
    window.backend.folders.open(str(folder))


def recent_folders(window: MainWindow) -> list[tuple[str, str, Callable[[], object]]]:
    state = window.backend.state

    def opener(folder: str) -> Callable[[], object]:
        return lambda: window.backend.folders.open(folder)

    others = [folder for folder in state.recent_folders if folder != state.folder]
    names = distinct_names(others, lambda folder: os.path.basename(folder) or folder)
    return [(name, folder, opener(folder)) for name, folder in zip(names, others, strict=True)]


def open_checkpoint(window: MainWindow, state: State | None = None) -> None:
    """Ask for a checkpoint, and load it; ``state`` is that of the slot it is for."""
    path, _ = QFileDialog.getOpenFileName(
        window, "Open a checkpoint", "", "Checkpoints (*.safetensors *.pth *.pt *.bin);;All files (*)"
    )
    if path:
        (state or window.backend.state).set(model=path, target=())


def open_model_folder(window: MainWindow, state: State | None = None) -> None:
    folder = QFileDialog.getExistingDirectory(window, "Open a folder of timm or transformers with a model")
    if folder:
        (state or window.backend.state).set(model=folder, target=())


def recent_models(window: MainWindow) -> list[tuple[str, str, Callable[[], object]]]:
    state = window.backend.state

    def loader(source: str) -> Callable[[], object]:
        return lambda: state.set(model=source, target=())

    others = [source for source in dict.fromkeys(("demo", *state.recent_models)) if source != state.model]
    names = distinct_names(others, lambda source: "demo (bundled)" if source == "demo" else short_source(source))
    return [(name, source, loader(source)) for name, source in zip(names, others, strict=True)]


def sort_by_run(window: MainWindow) -> None:
    """Ask for the folder of an evaluation run, and sort the pictures by a score of it."""
    state = window.backend.state
    folder = QFileDialog.getExistingDirectory(window, "Open the folder of an evaluation run", state.run)
    if folder:
        window.frame.show_left()  # where the score to sort by is chosen
        state.set(run=folder, sort="score")
    elif not state.run:
        state.set(sort="name")


def export_picture(window: MainWindow, layer_id: str = "") -> None:
    from vitinspect.app.shell.export_dialog import open_export

    open_export(window, layer_id)


def export_batch(window: MainWindow) -> None:
    from vitinspect.app.shell.batch_dialog import open_batch

    open_batch(window)


def write_report(window: MainWindow) -> None:
    """Ask where to, and write a report on the open folder with the visible layers."""
    from vitinspect.app.session.layer_cells import method_words, target_words, threshold_words
    from vitinspect.errors import ParameterError

    state, card = window.backend.state, window.backend.results.card
    if not state.folder:
        raise DataError("A report is about a folder: open one.")
    methods, threshold = [], "otsu"
    for layer in state.layers:
        try:
            if layer.visible and layer.is_map:
                methods.append(method_words(state.layers, layer))
        except ParameterError:
            continue  # a map from a file belongs to one picture
    if state.selected_layer is not None:
        threshold = threshold_words(state.selected_layer)
    if not methods:
        raise DataError("A report needs a visible layer that a method makes.")
    name = f"{os.path.basename(state.folder) or 'report'}-report.html"
    path, _ = QFileDialog.getSaveFileName(window, "Write a report", name, "HTML (*.html)")
    if path:
        path = path if path.lower().endswith(".html") else path + ".html"
        asked = {
            "methods": ", ".join(methods),
            "target": target_words(state.target, card.labels if card is not None else ()),
            "threshold": threshold,
            "mode": state.fit,
            "precision": state.precision,
        }
        window.backend.reports.begin(Path(state.folder), asked, Path(path))


def reload(window: MainWindow) -> None:
    window.backend.thumbnails.forget()
    window.backend.listing.refresh()
    window.backend.coordinator.reload_picture()
    window.backend.mask_layers.follow()


def save(window: MainWindow) -> None:
    from vitinspect.app.shell.save_dialog import ask

    ask(window)


def open_settings(window: MainWindow) -> None:
    from vitinspect.app.shell.settings_dialog import SettingsDialog

    coordinator = window.backend.coordinator
    text = (
        f"In memory now: {coordinator.pictures.nbytes / 1e6:.0f} MB of pictures, "
        f"{coordinator.memory.nbytes / 1e6:.1f} MB of maps."
    )
    SettingsDialog(window.backend.settings, lambda: clear_caches(window), text, window).show()


def clear_caches(window: MainWindow) -> None:
    window.backend.coordinator.clear_caches()
    window.backend.thumbnails.forget()
    window.status.say("Caches cleared")


def train_head(window: MainWindow) -> None:
    from vitinspect.app.shell.probe_dialog import open_dialog

    backend = window.backend
    open_dialog(window, backend.state, backend.results, backend.probes)


MENU = Menu(
    "&File",
    (
        Action("open_folder", "Open folder…", "Show the pictures of a folder", ("Ctrl+O",), open_folder),
        Submenu("Recent folders", recent_folders),
        Action("open_gallery", "Open gallery", "Show the pictures that come with vitinspect", (), open_gallery),
        Action("recursive", "Include subfolders", "Show the pictures in subfolders too", state="recursive"),
        Action("reload", "Reload folder", "Read the folder and the picture again", ("F5",), reload),
        Action(
            "sort_by_run",
            "Sort by an evaluation run…",
            "Sort the pictures by a score from an evaluation run",
            (),
            sort_by_run,
        ),
        SEPARATOR,
        Action(
            "open_session",
            "Open session…",
            "Continue a saved session: folder, models, layers, view and notes",
            (),
            lambda window: window.sessions.ask_to_open(),
        ),
        Action(
            "save_session",
            "Save session…",
            "Save folder, models, layers, view and notes to a file",
            (),
            lambda window: window.sessions.ask_to_save(),
        ),
        Action(
            "open_figure",
            "Open figure…",
            "Restore the view that made a figure: PDF, SVG, PNG, TIFF or JPEG with a recipe",
            (),
            lambda window: window.figures.ask(),
        ),
        SEPARATOR,
        Action("open_checkpoint", "Open model file…", "Load a model from a checkpoint", (), open_checkpoint),
        Action(
            "open_model_folder",
            "Open model folder…",
            "Load a model from a folder of timm or transformers",
            (),
            open_model_folder,
        ),
        Submenu("Recent models", recent_models),
        Action(
            "train_head",
            "Train a head…",
            "Train a linear head on this backbone from folders of pictures, or compare heads",
            (),
            train_head,
        ),
        SEPARATOR,
        Action("save", "Save…", f"Save {exports.in_words()}", ("Ctrl+S",), save, needs="picture"),
        Action(
            "export_picture",
            "Export picture…",
            "Write one layer as a picture, a page for a paper, a mask or raw values, with a recipe",
            ("Ctrl+Shift+S",),
            export_picture,
            needs="map",
        ),
        Action(
            "export_batch",
            "Export many pictures…",
            "Write the chosen layers of all pictures to files named by a pattern",
            ("Ctrl+Shift+E",),
            export_batch,
            needs="picture",
        ),
        Action(
            "write_report",
            "Report on the folder…",
            "Write one HTML file with all pictures of the folder, their maps, predictions, scores, masks and notes",
            (),
            write_report,
            needs="picture",
        ),
        SEPARATOR,
        Action("settings", "Settings…", "Theme, default model, limits of the caches", ("Ctrl+,",), open_settings),
        SEPARATOR,
        Action("quit", "Quit", "Close the window", ("Ctrl+Q",), lambda window: window.close()),
    ),
)
