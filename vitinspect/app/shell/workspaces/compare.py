"""Compare: two models on one picture, over the folder, and over a training run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitinspect.app.shell.workspace import BottomTab, ViewButton, ViewChoice, Workspace
from vitinspect.app.widgets.segments import Segment

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from vitinspect.app.shell.window import MainWindow


def _view(window: MainWindow) -> QWidget:
    from vitinspect.app.compare.canvas import CompareCanvas

    backend = window.backend
    view = CompareCanvas(backend.state, backend.results, backend.second)
    view.painted.connect(window.status.follow_zoom)
    view.space_tapped.connect(window.actions_["next"].trigger)
    return view


def _context(window: MainWindow) -> QWidget:
    from vitinspect.app.compare.context import CompareContext
    from vitinspect.app.shell.menus.file import open_checkpoint, open_model_folder

    backend = window.backend
    made = CompareContext(backend.state, backend.results, backend.second)
    states = {"A": backend.state, "B": backend.second.state}
    made.wants_model_file.connect(lambda slot: open_checkpoint(window, states[slot]))
    made.wants_model_folder.connect(lambda slot: open_model_folder(window, states[slot]))
    models = {"A": backend.models, "B": backend.second.models}
    made.wants_texts_saved.connect(lambda slot, path: models[slot].save_texts(path))
    made.wants_training.connect(window.actions_["train_head"].trigger)
    made.done.connect(window.focus_view)
    return made


def _properties(window: MainWindow) -> QWidget:
    from vitinspect.app.compare.panel import ComparePanel

    backend = window.backend
    made = ComparePanel(backend.state, backend.results, backend.second, window.actions_["exchange_marks"].trigger)
    made.trouble.connect(window.layers_panel.trouble)
    return made


def _over_folder(window: MainWindow) -> QWidget:
    from vitinspect.app.compare.folder_tab import FolderTab

    backend = window.backend
    return FolderTab(backend.over_folder, backend.state, backend.thumbnails.get)


def _over_training(window: MainWindow) -> QWidget:
    from vitinspect.app.compare.training_tab import TrainingTab

    backend = window.backend
    return TrainingTab(backend.training, backend.state, backend.results, backend.second.state)


def _agreement(window: MainWindow) -> QWidget:
    from vitinspect.app.panels.agreement import AgreementPanel

    return AgreementPanel(window.backend.state, window.backend.results)


def _shown(window: MainWindow) -> None:
    window.backend.second.fill()
    window.readout.follow(window.view_in("compare"))


WORKSPACE = Workspace(
    id="compare",
    title="Compare",
    tip="Two models on one picture, over a folder, over a training run",
    view=_view,
    properties=_properties,
    context=_context,
    tools=("pan",),
    first_tool="pan",
    tabs=(
        BottomTab("compare-training", "Over training", _over_training),
        BottomTab("compare-folder", "Over the folder", _over_folder),
        BottomTab("agreement", "Agreement", _agreement),
    ),
    tab_state="compare_tab",
    choices=(
        ViewChoice(
            "compare_view",
            "Layout",
            (
                Segment("difference", "A, B, difference", tip="Both maps and their difference"),
                Segment("side", "Side by side", tip="Both maps"),
                Segment("swipe", "Swipe", tip="Both maps on one picture, with a line between them"),
            ),
        ),
        ViewChoice(
            "show",
            "What is drawn",
            (
                Segment("overlay", "Overlay", tip="The maps over the picture (O)"),
                Segment("heat", "Map", tip="The maps without the picture (M)"),
                Segment("image", "Picture", tip="The picture without the maps (I)"),
            ),
        ),
    ),
    buttons=(ViewButton("fit", "Fit", "fit"), ViewButton("one-to-one", "Actual size", "actual")),
    shown=_shown,
    hidden=lambda window: window.readout.follow(window.canvas),
)
