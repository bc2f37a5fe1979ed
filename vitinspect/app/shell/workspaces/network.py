"""Network: the attention between patches as a multilayer network, over the whole middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitinspect.app.shell.workspace import BottomTab, ViewButton, ViewChoice, Workspace
from vitinspect.app.widgets.segments import Segment

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from vitinspect.app.multiplex.panel import NetworkPanel
    from vitinspect.app.shell.window import MainWindow


_ZOOMING = frozenset({"pan", "fit", "actual", "zoom_in", "zoom_out"})
_NOT_OBEYED = {"layer": frozenset[str](), "stack": frozenset({"actual"}), "multiples": frozenset({"actual"})}
"""Views of blocks can be enlarged; with several pictures there is no actual size. Tables show all that they have."""


def _panel(window: MainWindow) -> NetworkPanel:
    return window.network_panel


def _shown(window: MainWindow) -> None:
    window.backend.networks.want()
    window.network_panel.refresh_theme()


def _view(window: MainWindow) -> QWidget:
    return _panel(window)


WORKSPACE = Workspace(
    id="network",
    title="Network",
    tip="The attention between patches as a network, block by block",
    view=_view,
    properties=lambda window: _panel(window).properties,
    tools=("pan", "pin"),
    first_tool="pin",
    ignores=lambda state: _NOT_OBEYED.get(state.network_view, _ZOOMING),
    wide=True,
    tabs=(BottomTab("patch", "Pinned patch", lambda window: _panel(window).inspector),),
    choices=(
        ViewChoice(
            "network_view",
            "View",
            (
                Segment("layer", "One block", tip="The network of one block"),
                Segment("stack", "Stack", tip="All blocks one above the other"),
                Segment("multiples", "All blocks", tip="A small network for each block"),
                Segment("aggregate", "Aggregate", tip="The 54 masks and their weighted sum, as the method makes them"),
                Segment("measures", "Measures", tip="Measures of each block's graph"),
            ),
        ),
    ),
    buttons=(
        ViewButton("fit", "Fit", "fit"),
        ViewButton("one-to-one", "Actual size", "actual"),
        ViewButton("export", "Export", menu=lambda window: _panel(window).menu),
    ),
    shown=_shown,
)
