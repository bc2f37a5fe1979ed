"""Layer: what is done with maps and with what lies over the picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vitinspect.app.session.layers import change
from vitinspect.app.shell import opening_maps
from vitinspect.app.shell.copying import copy_layer_command, copy_layer_python
from vitinspect.app.shell.menus.record import SEPARATOR, Action, Menu, Submenu
from vitinspect.app.shell.menus.view import show_tab

if TYPE_CHECKING:
    from vitinspect.app.panels.layers import LayersPanel
    from vitinspect.app.shell.window import MainWindow


def change_opacity(window: MainWindow, by: float) -> None:
    state = window.backend.state
    state.set(opacity=round(state.opacity + by, 2))


def next_map(window: MainWindow) -> None:
    keys = list(window.backend.results.all_maps)
    active = window.canvas.active_map()
    if keys and active is not None:
        window.backend.state.set(active=keys[(keys.index(active.id) + 1) % len(keys)])


def keep_map(window: MainWindow) -> None:
    active = window.canvas.active_map()
    window.backend.maps.keep(active)
    if active is not None:
        window.status.say(f"Kept {active.title} of {active.model}; swipe shows it on the right")


def compute_scores(window: MainWindow) -> None:
    show_tab(window, "inspect", "scores")
    window.backend.curves.compute()


def unpin(window: MainWindow) -> None:
    window.backend.state.set(pinned=())


def cancel(window: MainWindow) -> None:
    window.backend.coordinator.cancel()
    window.backend.networks.cancel()


def retry(window: MainWindow) -> None:
    window.message.clear()
    window.backend.coordinator.retry()
    window.backend.networks.retry()


def exchange_marks(window: MainWindow) -> None:
    """A becomes B and B becomes A: the marks of layers, and in Compare the slots with what is compared in them."""
    state = window.backend.state
    if state.workspace == "compare":
        state.exchange_slots()
        return
    layers = state.layers
    new = {layer.id: {"A": "B", "B": "A"}[layer.mark] for layer in layers if layer.mark}
    for layer_id in new:
        layers = change(layers, layer_id, mark="")
    for layer_id, letter in new.items():
        layers = change(layers, layer_id, mark=letter)
    state.edit("Exchange A and B", layers)


def add_layers(window: MainWindow) -> None:
    window.frame.show_right()
    window.layers_panel.open_picker()


def on_selected(window: MainWindow, do: Callable[[LayersPanel, str], object]) -> None:
    layer = window.backend.state.selected_layer
    if layer is not None:
        do(window.layers_panel, layer.id)


def mark(window: MainWindow, letter: str) -> None:
    layer = window.backend.state.selected_layer
    if layer is not None and layer.is_map:
        window.layers_panel.mark(layer.id, "" if layer.mark == letter else letter)


def fuse_shown(window: MainWindow) -> None:
    """Add a layer that fuses all shown maps."""
    window.layers_panel.fuse_shown()


def tiled(window: MainWindow) -> list[tuple[str, str, Callable[[], object]]]:
    """The scales at which this picture takes several tiles."""
    service = window.backend.tiled_maps

    def starter(scale: float) -> Callable[[], object]:
        return lambda: service.start(scale)

    tip = "The selected method on overlapping tiles, merged into one layer; a few tiles are in memory at a time"
    return [(words, tip, starter(scale)) for scale, words in service.choices()]


MENU = Menu(
    "&Layer",
    (
        Action("add_layers", "Add layers…", "Choose methods and presets", ("A", "Ctrl+M"), add_layers),
        Action(
            "open_map",
            "Map from a file…",
            "Open a map that another tool wrote as a layer: .npy, .npz, float TIFF, grey PNG",
            (),
            opening_maps.ask,
            needs="picture",
        ),
        Action(
            "copy_layer_command",
            "Copy layer as command",
            "Copy the command line that makes the selected layer",
            (),
            copy_layer_command,
            needs="picture",
        ),
        Action(
            "copy_layer_python",
            "Copy layer as Python",
            "Copy a script that computes the selected layer",
            (),
            copy_layer_python,
            needs="picture",
        ),
        Action(
            "duplicate_layer",
            "Duplicate layer",
            "Copy the layer, to change its parameters",
            ("Ctrl+D",),
            lambda w: on_selected(w, lambda panel, layer: panel.duplicate_layer(layer)),
        ),
        Action(
            "rename_layer",
            "Rename layer",
            "Change the name in the list",
            ("F2",),
            lambda w: on_selected(w, lambda panel, layer: panel.rename(layer)),
        ),
        Action(
            "delete_layer",
            "Delete layer",
            "Remove the selected layer",
            (),
            lambda w: on_selected(w, lambda panel, layer: panel.remove(layer)),
            soft=("Delete",),
        ),
        Action(
            "solo_layer",
            "Solo layer",
            "Show the selected layer alone, or all again",
            ("Alt+S",),
            lambda w: on_selected(w, lambda panel, layer: panel.list.solo_wanted.emit(layer)),
        ),
        Action(
            "mark_a",
            "Mark as A",
            "Show it at the left of the swipe, and compare it in slot A",
            ("Shift+A",),
            lambda w: mark(w, "A"),
        ),
        Action(
            "mark_b",
            "Mark as B",
            "Show it at the right of the swipe, and compare it in slot B",
            ("Shift+B",),
            lambda w: mark(w, "B"),
        ),
        Action("exchange_marks", "Exchange A and B", "Swap the marks A and B", ("X",), exchange_marks),
        Action("fusion", "Fuse shown maps", "A new layer that fuses all shown maps", ("U",), fuse_shown),
        Submenu("Map in tiles", tiled),
        SEPARATOR,
        Action("next_map", "Select next map", "Select the map after this one", ("N",), next_map, needs="map"),
        Action(
            "keep_map",
            "Keep this map for comparison",
            "Keep the selected map, to swipe between it and another model's",
            ("K",),
            keep_map,
            needs="map",
        ),
        SEPARATOR,
        Action("smooth", "Smooth", "Interpolate between patches, or show each as it is", ("S",), state="smooth"),
        Action(
            "outline", "Outline of the mask", "Draw the outline of what is above the level", ("T",), state="outline"
        ),
        Action("frame", "Frame of the model's input", "Show the crop where there is one", ("R",), state="frame"),
        Action(
            "less",
            "Less opacity",
            "Show more of the picture through the map",
            (",",),
            lambda w: change_opacity(w, -0.05),
        ),
        Action(
            "more",
            "More opacity",
            "Show less of the picture through the map",
            (".",),
            lambda w: change_opacity(w, 0.05),
        ),
        SEPARATOR,
        Action(
            "compute_scores",
            "Compute deletion and insertion",
            "Score the maps that are shown",
            ("Ctrl+Shift+D",),
            compute_scores,
        ),
        Action("reset_brush", "Reset what-if", "Restore the whole picture", (), lambda w: w.what_if.reset()),
        Action("unpin", "Unpin patch", "Remove the pin", (), unpin, soft=("Escape",)),
        SEPARATOR,
        Action("cancel", "Cancel", "Stop the computation", ("Ctrl+.",), cancel, needs="work"),
        Action("retry", "Try again", "Compute again what failed or was cancelled", ("Ctrl+R",), retry),
    ),
)
