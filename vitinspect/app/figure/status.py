"""What the status bar says about the figure, the empty page's words, and the menu of colour blindness."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu

from vitinspect.app.figure.page_view import PageView
from vitinspect.app.services.figures import FigureService
from vitinspect.figures.lengths import millimetres
from vitinspect.names import shown

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow

SEEN = (
    ("", "As it is"),
    ("deutan", "Without green cones"),
    ("protan", "Without red cones"),
    ("tritan", "Without blue cones"),
)


def follow_status(view: PageView, window: MainWindow) -> None:
    """Keep the status bar and the empty page's words in step with the view."""
    backend = window.backend

    def follow() -> None:
        if backend.state.workspace == "figure":
            window.readout.instead = words(view)
            window.readout.update()
            window.status.follow_zoom()

    def follow_empty() -> None:
        view.empty.setVisible(view.page is None)
        if view.page is not None:
            return
        if backend.state.image:
            view.empty.say("The figure is being made.", icon="figure")
        else:
            view.empty.say(
                "A figure is composed from the pictures and layers that the window shows.",
                "Open pictures first.",
                ("Open folder…", window.actions_["open_folder"].trigger),
                ("Open gallery", window.actions_["open_gallery"].trigger),
                icon="figure",
            )

    view.zoomed.connect(follow)
    backend.figures.page_made.connect(follow_empty)
    backend.figures.changed.connect(follow)
    backend.state.changed.connect(lambda names: follow_empty() if names & {"image", "workspace"} else None)
    follow_empty()


def words(view: PageView) -> list[tuple[str, bool]]:
    """Parts of the line, each with whether it is quiet."""
    figures, page = view.figures, view.page
    if page is None:
        return []
    scene = page.scene
    parts = [(f"{millimetres(scene.width):.1f} × {millimetres(scene.height):.1f} mm", False)]
    where = view.hovered or figures.selected
    parts += cell_words(figures, where)
    return parts


def cell_words(figures: FigureService, where: str) -> list[tuple[str, bool]]:
    """What a cell is: map, class, picture, raw range."""
    made = figures.page
    done = made.cells.get(where) if made is not None else None
    if done is None:
        return []
    image = shown(os.path.splitext(os.path.basename(done.cell.image))[0])
    facts = ", ".join(part for part in (done.method_title, done.target_words, image) if part)
    parts = [(f"cell {where}: {facts}" if facts else f"cell {where}", False)]
    if done.values is not None:
        parts.append((f"{float(done.values.min()):.3g} to {float(done.values.max()):.3g}".replace("-", "−"), True))
    return parts


def colour_blind_menu(window: MainWindow) -> QMenu:
    """How the page is shown."""
    menu = QMenu(window)
    group = QActionGroup(menu)
    for kind, text in SEEN:
        action = menu.addAction(text)
        action.setCheckable(True)
        action.setChecked(kind == window.backend.figures.colour_blind)
        action.triggered.connect(lambda _=False, kind=kind: window.backend.figures.show_as(kind))
        group.addAction(action)
    return menu
