"""The menus, one module each: plain records of what can be done, and the functions that do it.

Menus, palette, sheet of shortcuts and tool tips are made from these. A new command is one record in one of the
modules; a function of a record gets the window.
"""

from __future__ import annotations

from vitinspect.app.shell.menus import edit, file, go, help_, layer, view
from vitinspect.app.shell.menus.record import Action, Menu

MENUS: tuple[Menu, ...] = (file.MENU, edit.MENU, view.MENU, layer.MENU, go.MENU, help_.MENU)


def every_action() -> tuple[Action, ...]:
    """All actions, in the order of the menus."""
    return tuple(entry for menu in MENUS for entry in menu.entries if isinstance(entry, Action))
