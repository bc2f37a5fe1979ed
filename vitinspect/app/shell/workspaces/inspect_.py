"""Inspect: maps over the picture; single, grid or swipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitinspect.app.shell.workspace import BottomTab, ViewButton, ViewChoice, Workspace
from vitinspect.app.widgets.segments import Segment

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from vitinspect.app.shell.window import MainWindow


def _scores(window: MainWindow) -> QWidget:
    from vitinspect.app.panels.scores import ScoresPanel

    backend = window.backend
    return ScoresPanel(backend.state, backend.results, backend.curves)


def _blocks(window: MainWindow) -> QWidget:
    from vitinspect.app.panels.blocks import BlocksPanel

    return BlocksPanel(window.backend.state, window.backend.results)


def _agreement(window: MainWindow) -> QWidget:
    from vitinspect.app.panels.agreement import AgreementPanel

    return AgreementPanel(window.backend.state, window.backend.results)


def _features(window: MainWindow) -> QWidget:
    from vitinspect.app.panels.features import FeaturesPanel

    return FeaturesPanel(window.backend.state, window.backend.results, window.backend.features)


def _summary(window: MainWindow) -> str:
    from vitinspect.app.panels.score_summary import summary

    return summary(window.backend.state, window.backend.results)


WORKSPACE = Workspace(
    id="inspect",
    title="Inspect",
    tip="Maps over the picture",
    view=lambda window: window.canvas,
    properties=lambda window: window.layers_panel,
    tools=("pan", "pin", "", "brush", "eraser"),
    first_tool="pan",
    tabs=(
        BottomTab("scores", "Scores", _scores, "Show the scores and curves of the maps", ("Ctrl+Shift+C",)),
        BottomTab("layers", "Blocks and heads", _blocks, "Show the attention of each block and head", ("Ctrl+L",)),
        BottomTab("features", "Features", _features, "Show views of the features"),
        BottomTab("agreement", "Agreement", _agreement, "Show how far the maps agree"),
    ),
    tab_state="plot",
    summary=_summary,
    choices=(
        ViewChoice(
            "layout",
            "Layout",
            (
                Segment("single", "Single", "single", "One map (1)"),
                Segment("grid", "Grid", "grid", "All maps side by side (2)"),
                Segment("swipe", "Swipe", "swipe", "Two maps with a line between them (3)"),
            ),
        ),
        ViewChoice(
            "show",
            "What is drawn",
            (
                Segment("overlay", "Overlay", tip="The map over the picture (O)"),
                Segment("heat", "Map", tip="The map without the picture (M)"),
                Segment("image", "Picture", tip="The picture without the map (I; hold H)"),
            ),
        ),
    ),
    buttons=(ViewButton("fit", "Fit", "fit"), ViewButton("one-to-one", "Actual size", "actual")),
)
