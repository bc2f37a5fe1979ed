"""Edit: undo, redo, copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from vitinspect.app.shell.menus.record import SEPARATOR, Action, Menu

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow


def copy_view(window: MainWindow) -> None:
    QApplication.clipboard().setPixmap(window.workspace_view.grab())
    window.status.say("Copied the view")


MENU = Menu(
    "&Edit",
    (
        Action("undo", "Undo", "Undo the last stroke", ("Ctrl+Z",), lambda w: w.history.undo(), needs="undo"),
        Action(
            "redo",
            "Redo",
            "Do again what was undone",
            ("Ctrl+Shift+Z", "Ctrl+Y"),
            lambda w: w.history.redo(),
            needs="redo",
        ),
        SEPARATOR,
        Action("copy_view", "Copy view", "Copy what the workspace shows", ("Ctrl+C",), copy_view, needs="picture"),
    ),
)
