"""View: workspaces, layouts, zoom, panels, theme."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from vitinspect.app.shell.menus.record import SEPARATOR, Action, Menu
from vitinspect.app.shell.workspaces import WORKSPACES

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow


def toggle_full_screen(window: MainWindow) -> None:
    if window.isFullScreen():
        window.showNormal()
    else:
        window.showFullScreen()


def show_tab(window: MainWindow, workspace_id: str, tab: str) -> None:
    """Open a tab below the view of a workspace."""
    window.backend.state.set(workspace=workspace_id)
    window.open_tab(tab)


def other_tabs(window: MainWindow) -> list[tuple[str, Callable[[], object]]]:
    """The tabs of the other workspaces, for the palette; the menu lists only those of the first one."""
    return [
        (f"{workspace.title}: {tab.title}", partial(show_tab, window, workspace.id, tab.id))
        for workspace in WORKSPACES[1:]
        for tab in workspace.tabs
    ]


MENU = Menu(
    "&View",
    (
        *(
            Action(w.id, w.title, w.tip, (f"Ctrl+{number}",), state="workspace", value=w.id)
            for number, w in enumerate(WORKSPACES, 1)
        ),
        SEPARATOR,
        Action("single", "Single map", "One map", ("1",), state="layout", value="single", where=("inspect",)),
        Action(
            "grid", "Grid of maps", "All maps side by side", ("2",), state="layout", value="grid", where=("inspect",)
        ),
        Action(
            "swipe",
            "Swipe between two maps",
            "Two maps with a line between them that can be dragged",
            ("3",),
            state="layout",
            value="swipe",
            where=("inspect",),
        ),
        SEPARATOR,
        Action("overlay", "Overlay", "The map over the picture", ("O",), state="show", value="overlay"),
        Action("heat", "Map alone", "The map without the picture", ("M",), state="show", value="heat"),
        Action("image", "Picture alone", "The picture without the map", ("I",), state="show", value="image"),
        SEPARATOR,
        Action("fit", "Fit", "The whole picture", ("F",), lambda w: w.view_of("fit"), needs="picture"),
        Action(
            "actual",
            "Actual size",
            "One pixel of the picture on one of the screen",
            ("Ctrl+0",),
            lambda w: w.view_of("actual_size"),
            needs="picture",
        ),
        Action(
            "zoom_in",
            "Zoom in",
            "Enlarge the picture; the wheel zooms at the cursor",
            ("Ctrl++", "Ctrl+="),
            lambda w: w.view_of("zoom_by", 1.25),
            needs="picture",
        ),
        Action(
            "zoom_out",
            "Zoom out",
            "Make the picture smaller",
            ("Ctrl+-",),
            lambda w: w.view_of("zoom_by", 0.8),
            needs="picture",
        ),
        SEPARATOR,
        Action(
            "browser",
            "Show pictures",
            "Show or hide the list of pictures",
            ("Ctrl+B",),
            lambda w: w.frame.toggle_left(),
        ),
        Action(
            "controls",
            "Show layers panel",
            "Show or hide layers and properties",
            ("Ctrl+E",),
            lambda w: w.frame.toggle_right(),
        ),
        Action("plots", "Show bottom tabs", "Open or collapse the tabs below the picture", ("Ctrl+P",), state="plots"),
        *(
            Action(
                f"show_{tab.id}",
                tab.title,
                tab.tip or f"Open the tab {tab.title}",
                tab.keys,
                partial(show_tab, workspace_id=WORKSPACES[0].id, tab=tab.id),
            )
            for tab in WORKSPACES[0].tabs
        ),
        SEPARATOR,
        Action("full_screen", "Full screen", "Turn full screen on or off", ("F11",), toggle_full_screen),
        SEPARATOR,
        Action("theme_system", "Use system theme", "Light or dark, like the system", setting="theme", value="system"),
        Action("theme_light", "Light theme", "Use light colours", setting="theme", value="light"),
        Action("theme_dark", "Dark theme", "Use dark colours", setting="theme", value="dark"),
    ),
)
