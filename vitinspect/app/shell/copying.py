"""Copying what is shown: as a command line, as Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QApplication

from vitinspect.app.session import as_text
from vitinspect.app.session.as_text import Looked, looked
from vitinspect.errors import DataError

if TYPE_CHECKING:
    from vitinspect.app.session.layers import Layer
    from vitinspect.app.shell.window import MainWindow


def _view(window: MainWindow) -> Looked:
    card = window.backend.results.card
    return looked(window.backend.state, card.labels if card is not None else ())


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
    state = window.backend.state
    spec = getattr(state, "figure", None) if state.workspace == "figure" else None
    return dict(spec) if spec else None


def copy_command(window: MainWindow) -> None:
    """The visible layers, or the figure in its workspace."""
    spec = _figure(window)
    text = as_text.view_command(_view(window)) if spec is None else as_text.figure_command(spec)
    _copy(window, text, "the figure as a command" if spec else "the view as commands, one for each layer")


def copy_python(window: MainWindow) -> None:
    spec = _figure(window)
    text = as_text.view_python(_view(window)) if spec is None else as_text.figure_python(spec)
    _copy(window, text, "the figure as Python" if spec else "the view as Python")


def copy_layer_command(window: MainWindow) -> None:
    _copy(window, as_text.layer_command(_view(window), _layer(window)), "the layer as a command")


def copy_layer_python(window: MainWindow) -> None:
    _copy(window, as_text.layer_python(_view(window), _layer(window)), "the layer as Python")
