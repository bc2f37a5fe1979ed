"""Layer: what is done with maps and with what lies over the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitinspect.app.shell.menus.record import SEPARATOR, Action, Menu
from vitinspect.app.shell.menus.view import show_tab

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow


def change_opacity(window: MainWindow, by: float) -> None:
    state = window.desk.state
    state.set(opacity=round(state.opacity + by, 2))


def next_map(window: MainWindow) -> None:
    keys = list(window.desk.results.all_maps)
    active = window.canvas.active_map()
    if keys and active is not None:
        window.desk.state.set(active=keys[(keys.index(active.id) + 1) % len(keys)])


def keep_map(window: MainWindow) -> None:
    active = window.canvas.active_map()
    window.desk.maps.keep(active)
    if active is not None:
        window.status.say(f"Kept {active.title} of {active.model}; swipe shows it on the right")


def compute_scores(window: MainWindow) -> None:
    show_tab(window, "scores")
    window.desk.curves.compute()


def unpin(window: MainWindow) -> None:
    window.desk.state.set(pinned=())


def cancel(window: MainWindow) -> None:
    window.desk.coordinator.cancel()
    window.desk.networks.cancel()


def retry(window: MainWindow) -> None:
    window.message.clear()
    window.desk.coordinator.retry()
    window.desk.networks.retry()


def find_method(window: MainWindow) -> None:
    window.frame.show_right()
    window.sections["Methods"].open()
    window.methods_panel.search.setFocus()


MENU = Menu(
    "&Layer",
    (
        Action("find_method", "Find a method…", "Type a part of a method's name", ("Ctrl+M",), find_method),
        Action("fusion", "Fused map", "Fuse the maps of the chosen methods into one more", ("U",), state="fusion"),
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
        Action("less", "Less opacity", "Let more of the picture through", (",",), lambda w: change_opacity(w, -0.05)),
        Action("more", "More opacity", "Let less of the picture through", (".",), lambda w: change_opacity(w, 0.05)),
        SEPARATOR,
        Action(
            "compute_scores",
            "Compute deletion and insertion",
            "Score the maps that are shown",
            ("Ctrl+Shift+D",),
            compute_scores,
        ),
        Action("reset_brush", "Reset what if", "The whole picture again", ("X",), lambda w: w.what_if.reset()),
        Action("unpin", "Unpin patch", "No patch is pinned any more", (), unpin, soft=("Escape",)),
        SEPARATOR,
        Action("cancel", "Cancel", "Stop the computation", ("Ctrl+.",), cancel, needs="work"),
        Action("retry", "Try again", "Compute again what failed or was cancelled", ("Ctrl+R",), retry),
    ),
)
