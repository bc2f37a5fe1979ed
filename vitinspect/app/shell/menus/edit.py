"""Edit: undo, redo, copy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from vitinspect.app.shell.copying import copy_command, copy_figure_file, copy_python
from vitinspect.app.shell.menus.record import SEPARATOR, Action, Menu, Submenu

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow


def undo(window: MainWindow) -> None:
    """In the view, where it draws; else in the window's history."""
    own = getattr(window.workspace_view, "undo", None)
    if own is not None:
        own()
    else:
        window.history.undo()


def redo(window: MainWindow) -> None:
    own = getattr(window.workspace_view, "redo", None)
    if own is not None:
        own()
    else:
        window.history.redo()


def copy_view(window: MainWindow) -> None:
    QApplication.clipboard().setPixmap(window.workspace_view.grab())
    window.status.say("Copied the view")


def tools(window: MainWindow) -> list[tuple[str, str, Callable[[], object]]]:
    """The tools of the workspace, in the order of the strip."""
    return [
        (f"{tool.title}\t{tool.key}", tool.tip, partial(window.select_tool, tool.id)) for tool in window.current_tools()
    ]


MENU = Menu(
    "&Edit",
    (
        Action("undo", "Undo", "Undo the last stroke or edit", ("Ctrl+Z",), undo, needs="undo"),
        Action(
            "redo",
            "Redo",
            "Redo what was undone",
            ("Ctrl+Shift+Z", "Ctrl+Y"),
            redo,
            needs="redo",
        ),
        SEPARATOR,
        Submenu("Tools", tools),
        Action("copy_view", "Copy view", "Copy what the workspace shows", ("Ctrl+C",), copy_view, needs="picture"),
        Action(
            "copy_command",
            "Copy as command",
            "Copy the command lines that make the visible layers, or the figure",
            (),
            copy_command,
            needs="picture",
        ),
        Action(
            "copy_python",
            "Copy as Python",
            "Copy a script that computes the visible layers, or writes the figure",
            (),
            copy_python,
            needs="picture",
        ),
        Action(
            "copy_figure_file",
            "Save specification, copy command…",
            "Save what the figure shows as JSON, and copy the command that makes the figure from that file",
            (),
            copy_figure_file,
            needs="picture",
            where=("figure",),
        ),
    ),
)
