"""Masks: objects on a picture, outlined by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitinspect.app.shell.workspace import BottomTab, ViewButton, Workspace

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from vitinspect.app.shell.window import MainWindow


def _view(window: MainWindow) -> QWidget:
    from vitinspect.app.masks.tools import make_mask_tools
    from vitinspect.app.masks.view import MaskView

    masks = window.backend.masks
    view = MaskView(masks, window.backend.results)
    window.tools.update(make_mask_tools(masks))
    masks.listed = lambda: [
        window.backend.listing.path_at(row) for row in range(min(window.backend.listing.rowCount(), 2000))
    ]
    masks.conflict.connect(lambda one: _ask(window, one))
    masks.status_changed.connect(window.facts.changed)
    masks.opened.connect(window.follow_summary)
    view.zoomed.connect(window.status.follow_zoom)
    window.facts.masks = masks
    return view


def _context(window: MainWindow) -> QWidget:
    from vitinspect.app.masks.context import MaskContext

    made = MaskContext(window.backend.masks)
    made.next_wanted.connect(lambda: _next_picture(window))
    made.done.connect(window.focus_view)
    return made


def _properties(window: MainWindow) -> QWidget:
    from vitinspect.app.masks.panel import MaskPanel

    return MaskPanel(window.backend.masks, window.view_in("masks"))


def _keys(window: MainWindow) -> QWidget:
    from vitinspect.app.masks.keys import KeysTable

    return KeysTable()


def _exchange(window: MainWindow) -> Any:
    from vitinspect.app.masks.exchange_menu import exchange_menu

    return exchange_menu(window)


def _activate(window: MainWindow, on: bool) -> None:
    window.backend.masks.activate(on)
    window.browser.follow_masks()
    window.film.chips.refill()


def _next_picture(window: MainWindow) -> None:
    following = window.backend.masks.next_image()
    if following:
        if following == window.backend.state.image:
            window.backend.masks.reopen()
        window.backend.state.set(image=following)
    else:
        window.actions_["next"].trigger()
    window.focus_view()


def _ask(window: MainWindow, one: Any) -> None:
    """The file of a mask was changed elsewhere: ask which of the two to keep."""
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QMessageBox

    from vitinspect.names import shown

    box = QMessageBox(window)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle("The mask was changed elsewhere")
    box.setText(f"{shown(one.folder.mask_path(one.image))} was changed since it was opened here.")
    choices: dict[Any, str] = {
        box.addButton("Keep mine", QMessageBox.ButtonRole.DestructiveRole): "mine",
        box.addButton("Keep the other", QMessageBox.ButtonRole.DestructiveRole): "theirs",
        box.addButton("Keep both", QMessageBox.ButtonRole.AcceptRole): "both",
    }
    box.finished.connect(lambda _: window.backend.masks.resolve(one, choices.get(box.clickedButton(), "both")))
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()


def _summary(window: MainWindow) -> str:
    """Where the mask is kept."""
    from vitinspect.names import shown

    one = window.backend.masks.current
    if one is None:
        return ""
    path = one.folder.mask_path(one.image)
    if one.folder.data in one.image.parents:
        return f"Kept in {shown(path.relative_to(one.folder.data).as_posix())}"
    home = Path.home()
    where = f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)
    return f"The bundled files stay as they are; this mask is kept in {shown(where)}"


WORKSPACE = Workspace(
    id="masks",
    title="Masks",
    tip="Draw masks by hand",
    view=_view,
    properties=_properties,
    context=_context,
    tools=(
        *("mask-pan", "", "mask-brush", "mask-eraser", "mask-lasso", "mask-polygon", "mask-rectangle", "mask-fill"),
        *("", "undo", "redo"),
    ),
    first_tool="mask-brush",
    tabs=(BottomTab("mask-keys", "Keys", _keys),),
    summary=_summary,
    buttons=(
        ViewButton("fit", "Fit", "fit"),
        ViewButton("one-to-one", "Actual size", "actual"),
        ViewButton("export", "Import and export masks", menu=_exchange),
    ),
    shown=lambda window: _activate(window, True),
    hidden=lambda window: _activate(window, False),
)
