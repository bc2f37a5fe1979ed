"""Go: through the pictures and through the blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitinspect.app.shell.menus.record import SEPARATOR, Action, Menu

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow


def go(window: MainWindow, row: int) -> None:
    listing = window.backend.listing
    if listing.rowCount():
        window.backend.state.set(image=listing.path_at(min(max(0, row), listing.rowCount() - 1)))


def step(window: MainWindow, by: int) -> None:
    go(window, window.backend.listing.row_of(window.backend.state.image) + by)


def find_picture(window: MainWindow) -> None:
    window.frame.show_left()
    window.browser.find_by_name()


def step_block(window: MainWindow, by: int) -> None:
    state, networks = window.backend.state, window.backend.networks
    state.set(workspace="network")
    if networks.network is not None:
        state.set(network_layer=min(max(0, networks.layer + by), networks.network.depth - 1))


MENU = Menu(
    "&Go",
    (
        Action(
            "previous",
            "Previous picture",
            "Show the previous picture",
            run=lambda w: step(w, -1),
            soft=("Backspace", "Left"),
        ),
        Action("next", "Next picture", "Show the next picture", run=lambda w: step(w, 1), soft=("Space", "Right")),
        Action("first", "First picture", "Show the first picture", run=lambda w: go(w, 0), soft=("Home",)),
        Action(
            "last",
            "Last picture",
            "Show the last picture",
            run=lambda w: go(w, w.backend.listing.rowCount() - 1),
            soft=("End",),
        ),
        Action("find", "Find picture…", "Type a part of a picture's name", ("Ctrl+F",), find_picture),
        SEPARATOR,
        Action(
            "next_block",
            "Next block",
            "Show the network of the next block",
            run=lambda w: step_block(w, 1),
            soft=("PgDown",),
            where=("network",),
        ),
        Action(
            "previous_block",
            "Previous block",
            "Show the network of the previous block",
            run=lambda w: step_block(w, -1),
            soft=("PgUp",),
            where=("network",),
        ),
        SEPARATOR,
        Action(
            "next_region",
            "Next region",
            "Move the keyboard focus to the next part of the window",
            ("F6",),
            lambda w: w.next_region(),
        ),
    ),
)
