"""Copying what is shown: as a command line, as Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QApplication, QFileDialog

from vitinspect.app.services.figures import ANONYMOUS, WITHOUT
from vitinspect.app.session import as_text
from vitinspect.app.session.as_text import FigureFile, ViewInputs, view_inputs
from vitinspect.errors import DataError
from vitinspect.files import write_atomic

if TYPE_CHECKING:
    from vitinspect.app.session.layers import Layer
    from vitinspect.app.shell.window import MainWindow


def _view(window: MainWindow) -> ViewInputs:
    card = window.backend.results.card
    return view_inputs(window.backend.state, card.labels if card is not None else ())


def _layer(window: MainWindow) -> Layer:
    layer = window.backend.state.selected_layer
    if layer is None or not layer.is_map:
        raise DataError("Select a layer with a map.")
    return layer


def _copy(window: MainWindow, text: str, what: str) -> None:
    QApplication.clipboard().setText(text)
    window.status.say(f"Copied {what}")


def _figure(window: MainWindow) -> dict[str, Any] | None:
    """The specification of the figure, in the workspace of figures."""
    figures = window.backend.figures
    if window.backend.state.workspace != "figure" or figures.is_empty:
        return None
    return figures.spec.to_dict()


def _figure_file(window: MainWindow) -> FigureFile:
    """The file that the workspace would write."""
    figures = window.backend.figures
    return FigureFile(
        f"figure.{figures.format}", window.backend.state.device, figures.recipe == ANONYMOUS, figures.recipe != WITHOUT
    )


def copy_command(window: MainWindow) -> None:
    """The visible layers, or the figure in its workspace."""
    spec = _figure(window)
    if spec is None:
        _copy(window, as_text.view_command(_view(window)), "the view as commands, one for each layer")
    elif os.name == "nt":
        copy_figure_file(window)  # whose shells cannot pass a specification as an argument
    else:
        _copy(window, as_text.figure_command(spec, _figure_file(window)), "the figure as a command")


def copy_figure_file(window: MainWindow) -> None:
    """Save the specification of the figure to a chosen path, and copy the command that reads it."""
    spec = _figure(window)
    if spec is None:
        raise DataError("There is no figure yet.")
    as_text.check_models(spec)
    path, _ = QFileDialog.getSaveFileName(window, "Save specification", "figure.json", "Specifications (*.json)")
    if not path:
        return
    path = path if path.casefold().endswith(".json") else path + ".json"
    write_atomic(Path(path), as_text.specification_text(spec).encode())
    _copy(window, as_text.figure_command(spec, _figure_file(window), path), f"the command that reads {path}")


def copy_python(window: MainWindow) -> None:
    spec = _figure(window)
    if spec is None:
        _copy(window, as_text.view_python(_view(window)), "the view as Python")
    else:
        _copy(window, as_text.figure_python(spec, _figure_file(window)), "the figure as Python")


def copy_layer_command(window: MainWindow) -> None:
    _copy(window, as_text.layer_command(_view(window), _layer(window)), "the layer as a command")


def copy_layer_python(window: MainWindow) -> None:
    _copy(window, as_text.layer_python(_view(window), _layer(window)), "the layer as Python")
