"""What a workspace is: a record that says what is in the middle, and what is around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitinspect.app.widgets.segments import Segment

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from vitinspect.app.session.state import State
    from vitinspect.app.shell.window import MainWindow

    Make = Callable[[MainWindow], QWidget]


@dataclass(frozen=True)
class BottomTab:
    """One of the tabs below the view."""

    id: str
    title: str
    make: Make
    """Called when the tab is opened for the first time."""
    tip: str = ""
    """What it shows, in the menu and the palette."""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class ViewChoice:
    """Segments at the right of the top row that set one value of the state."""

    state: str
    name: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class ViewButton:
    """An icon beside them: an action, or a menu of what ``menu`` gives."""

    icon: str
    title: str
    action: str = ""
    menu: Callable[[MainWindow], Any] | None = None


@dataclass(frozen=True)
class Workspace:
    """Declared once; the window makes tabs, keys, strips and panels from it."""

    id: str
    title: str
    view: Make
    """The widget in the middle; made when the workspace is shown for the first time."""
    properties: Make
    """The panel at the right."""
    tip: str = ""
    """What it is for, in the menu and the palette."""
    tools: tuple[str, ...] = ()
    """Ids of the tools in the strip; "" is a gap."""
    first_tool: str = ""
    ignores: Callable[[State], frozenset[str]] | None = None
    """Ids of tools and actions that its view, as it is chosen at present, does not obey: they are disabled."""
    wide: bool = False
    """Its view makes use of width: the pictures are in a film strip up to wider windows than elsewhere."""
    lists_pictures: bool = False
    """The view is a table of the pictures, so that the list of them beside it is not shown unless asked for."""
    tabs: tuple[BottomTab, ...] = ()
    tab_state: str = ""
    """The value of the state that says which tab is open, where what is open decides what is computed."""
    summary: Callable[[MainWindow], str] | None = None
    """The text in the row of the tabs while they are collapsed."""
    choices: tuple[ViewChoice, ...] = ()
    buttons: tuple[ViewButton, ...] = ()
    context: Make | None = None
    """The bar above it; None for that of the model and its predictions."""
    left: Make | None = None
    """The widget at the left; None for the pictures of the folder."""
    hidden: Callable[[MainWindow], object] | None = None
    """Called whenever another one is shown instead."""
    shown: Callable[[MainWindow], object] | None = None
    """Called whenever it is shown."""
