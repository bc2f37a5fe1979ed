"""Every action, declared once. Menus, tool bar, palette and the sheet of shortcuts are made from these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QMenuBar, QToolBar

from vitinspect.app.session.state import State


@dataclass(frozen=True)
class Declared:
    """One action: what it is called, where it stands, what it does."""

    id: str
    text: str
    menu: str
    tip: str
    keys: tuple[str, ...] = ()
    call: str = ""
    """The method of the window that does it."""
    state: str = ""
    """Or the value of the state that it sets: to ``value``, or the other way round if that is None."""
    value: Any = None
    bar: bool = False
    """Whether it stands in the tool bar."""
    short: str = ""
    """Its words in the tool bar."""
    break_before: bool = False
    soft: tuple[str, ...] = ()
    """Keys that count only where no widget wants them: arrows and the like."""


MENUS = ("&File", "&View", "&Maps", "&Go", "&Help")

ACTIONS: tuple[Declared, ...] = (
    Declared(
        "open_folder",
        "Open folder…",
        "&File",
        "Show the pictures of a folder",
        ("Ctrl+O",),
        "open_folder",
        bar=True,
        short="Open",
    ),
    Declared(
        "open_gallery",
        "Open the bundled gallery",
        "&File",
        "Show the pictures that come with vitinspect",
        (),
        "open_gallery",
    ),
    Declared(
        "recursive",
        "Look into folders below",
        "&File",
        "Show also the pictures in the folders of the folder",
        (),
        state="recursive",
    ),
    Declared(
        "sort_by_run",
        "Sort by an evaluation run…",
        "&File",
        "Sort the pictures by a score that an evaluation run gave them",
        (),
        "sort_by_run",
    ),
    Declared("reload", "Read the folder again", "&File", "Read the folder and the picture again", ("F5",), "reload"),
    Declared(
        "save_view",
        "Save view as PNG…",
        "&File",
        "Save what the canvas shows",
        ("Ctrl+S",),
        "save_view",
        break_before=True,
    ),
    Declared(
        "save_overlay",
        "Save overlay as PNG…",
        "&File",
        "Save the picture with the active map at the picture's own size",
        ("Ctrl+Shift+S",),
        "save_overlay",
    ),
    Declared(
        "copy_view", "Copy view", "&File", "Copy what the canvas shows to the clipboard", ("Ctrl+C",), "copy_view"
    ),
    Declared(
        "settings",
        "Settings…",
        "&File",
        "Caches, default model, limits, colours",
        ("Ctrl+,",),
        "open_settings",
        break_before=True,
    ),
    Declared("quit", "Quit", "&File", "Close the window", ("Ctrl+Q",), "close", break_before=True),
    Declared(
        "single", "Single map", "&View", "One map", ("1",), state="layout", value="single", bar=True, short="Single"
    ),
    Declared(
        "grid",
        "Grid of maps",
        "&View",
        "All chosen methods side by side",
        ("2",),
        state="layout",
        value="grid",
        bar=True,
        short="Grid",
    ),
    Declared(
        "swipe",
        "Swipe between two maps",
        "&View",
        "Two maps with a line between them that can be dragged",
        ("3",),
        state="layout",
        value="swipe",
        bar=True,
        short="Swipe",
    ),
    Declared(
        "overlay",
        "Heat map over the image",
        "&View",
        "The map over the picture",
        ("O",),
        state="show",
        value="overlay",
        bar=True,
        short="Overlay",
        break_before=True,
    ),
    Declared(
        "heat",
        "Heat map only",
        "&View",
        "The map without the picture",
        ("M",),
        state="show",
        value="heat",
        bar=True,
        short="Heat",
    ),
    Declared(
        "image",
        "Image only",
        "&View",
        "The picture without a map; holding H does the same for a moment",
        ("I",),
        state="show",
        value="image",
        bar=True,
        short="Image",
    ),
    Declared(
        "fit",
        "Fit",
        "&View",
        "Show the whole picture; so does a double-click",
        ("F", "Ctrl+0"),
        "fit",
        bar=True,
        short="Fit",
        break_before=True,
    ),
    Declared(
        "actual",
        "Actual size",
        "&View",
        "One pixel of the picture on one of the screen",
        ("Ctrl+1",),
        "actual_size",
        bar=True,
        short="1:1",
    ),
    Declared(
        "zoom_in", "Zoom in", "&View", "Larger; so does the wheel, at the cursor", ("Ctrl++", "Ctrl+="), "zoom_in"
    ),
    Declared("zoom_out", "Zoom out", "&View", "Smaller", ("Ctrl+-",), "zoom_out"),
    Declared(
        "browser", "Browser", "&View", "Show or hide the browser", ("Ctrl+B",), "toggle_browser", break_before=True
    ),
    Declared("controls", "Controls", "&View", "Show or hide the controls", ("Ctrl+E",), "toggle_controls"),
    Declared("plots", "Plots", "&View", "Show or hide the plots below the picture", ("Ctrl+P",), state="plots"),
    Declared(
        "show_scores", "Scores", "&View", "Show the curves and figures of the maps", ("Ctrl+Shift+C",), "show_scores"
    ),
    Declared(
        "show_layers",
        "Layers and heads",
        "&View",
        "Show the attention of each block and head",
        ("Ctrl+L",),
        "show_layers",
    ),
    Declared(
        "network",
        "Attention network",
        "&View",
        "Show the attention between patches as a network, layer by layer",
        ("Ctrl+G",),
        state="network",
        bar=True,
        short="Network",
    ),
    Declared(
        "next_layer",
        "Network: next layer",
        "&View",
        "Show the network of the next layer; so does the wheel over it",
        ("Ctrl+Up",),
        "next_layer",
    ),
    Declared(
        "previous_layer",
        "Network: previous layer",
        "&View",
        "Show the network of the layer before",
        ("Ctrl+Down",),
        "previous_layer",
    ),
    Declared(
        "theme_system",
        "Theme as the system",
        "&View",
        "Light or dark, as the system",
        (),
        "theme_system",
        break_before=True,
    ),
    Declared("theme_light", "Light theme", "&View", "Light", (), "theme_light"),
    Declared("theme_dark", "Dark theme", "&View", "Dark", (), "theme_dark"),
    Declared(
        "smooth",
        "Smooth interpolation",
        "&Maps",
        "Interpolate between patches, or show each as it is",
        ("S",),
        state="smooth",
    ),
    Declared(
        "outline", "Outline of the mask", "&Maps", "Draw the rim of what is above the level", ("T",), state="outline"
    ),
    Declared(
        "fusion", "Fused map", "&Maps", "Fuse the maps of the chosen methods into one more", ("U",), state="fusion"
    ),
    Declared(
        "frame", "Frame of what the model sees", "&Maps", "Show the crop where there is one", ("R",), state="frame"
    ),
    Declared(
        "less", "Less opacity", "&Maps", "Let more of the picture through", ("[",), "less_opacity", break_before=True
    ),
    Declared("more", "More opacity", "&Maps", "Let less of the picture through", ("]",), "more_opacity"),
    Declared(
        "next_map", "Next map", "&Maps", "Make the next map the active one", ("N",), "next_map", break_before=True
    ),
    Declared(
        "keep_map",
        "Keep this map for comparison",
        "&Maps",
        "Keep the active map, to swipe between it and another model's",
        ("K",),
        "keep_map",
    ),
    Declared(
        "brushing",
        "What if: brush on the picture",
        "&Maps",
        "Paint a region out and see the prediction change",
        ("B",),
        state="brushing",
    ),
    Declared("reset_brush", "What if: reset", "&Maps", "The picture as it is", ("X",), "reset_brush"),
    Declared(
        "compute_scores",
        "Compute deletion and insertion",
        "&Maps",
        "Score the maps that are shown",
        ("Ctrl+D",),
        "compute_scores",
    ),
    Declared("unpin", "Unpin patch", "&Maps", "No patch is pinned any more", (), "unpin", soft=("Escape",)),
    Declared("cancel", "Cancel what runs", "&Maps", "Stop the computation", ("Ctrl+.",), "cancel", break_before=True),
    Declared("retry", "Try again", "&Maps", "Compute again what failed or was cancelled", ("Ctrl+R",), "retry"),
    Declared(
        "previous",
        "Previous picture",
        "&Go",
        "Show the previous picture",
        (),
        "previous_picture",
        bar=True,
        short="Previous",
        soft=("Backspace", "Left", "PgUp"),
    ),
    Declared(
        "next",
        "Next picture",
        "&Go",
        "Show the next picture",
        (),
        "next_picture",
        bar=True,
        short="Next",
        soft=("Space", "Right", "PgDown"),
    ),
    Declared("first", "First picture", "&Go", "Show the first picture", (), "first_picture", soft=("Home",)),
    Declared("last", "Last picture", "&Go", "Show the last picture", (), "last_picture", soft=("End",)),
    Declared(
        "find",
        "Filter by name",
        "&Go",
        "Type a part of a picture's name",
        ("Ctrl+F",),
        "focus_filter",
        break_before=True,
    ),
    Declared("find_method", "Find a method", "&Go", "Type a part of a method's name", ("Ctrl+M",), "focus_methods"),
    Declared("palette", "All commands…", "&Help", "Find and run any command", ("Ctrl+Shift+P",), "open_palette"),
    Declared("shortcuts", "Keyboard shortcuts", "&Help", "All shortcuts on one sheet", ("F1",), "open_shortcuts"),
    Declared(
        "open_log", "Show the log file", "&Help", "Where errors are written to", (), "show_log", break_before=True
    ),
    Declared("about", "About vitinspect", "&Help", "Version and what it is", (), "show_about"),
)


class Actions(QObject):
    """The declared actions as Qt's, bound to a window and its state."""

    def __init__(self, window: Any, state: State) -> None:
        super().__init__(window)
        self._state = state
        self.by_id: dict[str, QAction] = {}
        groups: dict[str, QActionGroup] = {}
        for declared in ACTIONS:
            action = QAction(declared.text, window)
            action.setObjectName(declared.id)
            keys = ", ".join(show_keys(declared))
            action.setToolTip(f"{declared.tip}" + (f" ({keys})" if keys else ""))
            action.setStatusTip("")
            action.setShortcuts([QKeySequence(key) for key in declared.keys])
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            if declared.short:
                action.setIconText(declared.short)
            if declared.state:
                action.setCheckable(True)
                if declared.value is not None:
                    group = groups.setdefault(declared.state, QActionGroup(self))
                    group.addAction(action)
                action.triggered.connect(_setter(state, declared))
            else:
                action.triggered.connect(_caller(window, declared.call))
            self.by_id[declared.id] = action
            window.addAction(action)
        state.changed.connect(self._follow)
        self._follow(frozenset(d.state for d in ACTIONS if d.state))

    def __getitem__(self, action_id: str) -> QAction:
        return self.by_id[action_id]

    def _follow(self, names: frozenset[str]) -> None:
        for declared in ACTIONS:
            if declared.state in names:
                value = getattr(self._state, declared.state)
                wanted = True if declared.value is None else declared.value
                self.by_id[declared.id].setChecked(value == wanted)

    def press(self, event: QKeyEvent) -> bool:
        """Run the action of a soft key; False where there is none."""
        pressed = QKeySequence(event.keyCombination())
        for declared in ACTIONS:
            if any(QKeySequence(key) == pressed for key in declared.soft) and self.by_id[declared.id].isEnabled():
                self.by_id[declared.id].trigger()
                return True
        return False

    def fill_menus(self, bar: QMenuBar) -> None:
        for title in MENUS:
            menu = bar.addMenu(title)
            menu.setToolTipsVisible(True)
            for declared in ACTIONS:
                if declared.menu == title:
                    if declared.break_before:
                        menu.addSeparator()
                    menu.addAction(self.by_id[declared.id])

    def fill_bar(self, bar: QToolBar) -> None:
        last = ""
        for declared in ACTIONS:
            if declared.bar:
                kind = declared.state or declared.menu
                if last and kind != last:
                    bar.addSeparator()
                last = kind
                bar.addAction(self.by_id[declared.id])


def _setter(state: State, declared: Declared) -> Callable[[], None]:
    if declared.value is None:
        return lambda: state.toggle(declared.state)
    return lambda: state.set(**{declared.state: declared.value})


def _caller(window: Any, name: str) -> Callable[[], None]:
    getattr(window, name)  # a name that does not exist fails now, not when it is clicked
    return lambda: getattr(window, name)()


def show_keys(declared: Declared) -> list[str]:
    """The shortcuts as a person reads them."""
    native = QKeySequence.SequenceFormat.NativeText
    return [QKeySequence(key).toString(native) for key in (*declared.keys, *declared.soft)]
