"""Figure: a page for a paper, composed of what the window shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitinspect.app.shell.workspace import BottomTab, ViewButton, Workspace

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMenu, QWidget

    from vitinspect.app.figure.sources import Source
    from vitinspect.app.shell.window import MainWindow


def _view(window: MainWindow) -> QWidget:
    from vitinspect.app.figure.page_view import PageView
    from vitinspect.app.figure.status import follow_status
    from vitinspect.app.figure.tools import page_tools

    figures = window.backend.figures
    view = PageView(figures)
    window.tools.update(page_tools())
    view.dropped.connect(lambda source, where: _put(window, source, where))
    figures.step_done.connect(window.history.add)
    figures.saved.connect(lambda path: window.status.say(f"Saved {path}"))
    follow_status(view, window)
    return view


def _put(window: MainWindow, source: Source, where: str) -> None:
    """Put something into a cell, after asking for its file where it has one."""
    from PySide6.QtWidgets import QFileDialog

    from vitinspect.app.figure.sources import NEEDS_FILE

    values, kinds = dict(source.values), NEEDS_FILE.get(str(source.values.get("show")))
    if kinds is not None:
        path, _ = QFileDialog.getOpenFileName(window, source.title.rstrip("…"), "", kinds)
        if not path:
            return
        values["file"] = path
    window.backend.figures.drop(source.title.rstrip("…"), values, where)


def _left(window: MainWindow) -> QWidget:
    from vitinspect.app.figure.library import Library

    backend = window.backend
    made = Library(
        backend.figures,
        backend.figure_layouts,
        backend.state,
        backend.results,
        backend.listing,
        backend.thumbnails,
        backend.problems,
    )
    made.used.connect(lambda one: _put(window, one, backend.figures.selected))
    made.layouts.step_done.connect(window.history.add)
    return made


def _context(window: MainWindow) -> QWidget:
    from vitinspect.app.figure.context import FigureContext

    backend = window.backend
    copies = [window.actions_[name] for name in ("copy_command", "copy_python", "copy_figure_file")]
    return FigureContext(backend.figures, backend.state, backend.results, backend.listing, copies)


def _properties(window: MainWindow) -> QWidget:
    from vitinspect.app.figure.panel import FigurePanel

    return FigurePanel(window.backend.figures, window.backend.results)


def _caption(window: MainWindow) -> QWidget:
    from vitinspect.app.figure.texts import TextTab, caption_text

    return TextTab(window.backend.figures, "caption", caption_text)


def _bibtex(window: MainWindow) -> QWidget:
    from vitinspect.app.figure.texts import TextTab, bibtex_text

    return TextTab(window.backend.figures, "BibTeX", bibtex_text)


def _recipe(window: MainWindow) -> QWidget:
    from vitinspect.app.figure.texts import TextTab, recipe_text

    return TextTab(window.backend.figures, "recipe", recipe_text)


def _specification(window: MainWindow) -> QWidget:
    from vitinspect.app.figure.texts import TextTab, specification_text

    return TextTab(window.backend.figures, "specification", specification_text)


def _seen_by(window: MainWindow) -> QMenu:
    from vitinspect.app.figure.status import colour_blind_menu

    return colour_blind_menu(window)


def _activate(window: MainWindow, on: bool) -> None:
    window.backend.figures.activate(on)


WORKSPACE = Workspace(
    id="figure",
    title="Figure",
    tip="Compose a figure for a paper from what the window shows",
    view=_view,
    properties=_properties,
    context=_context,
    left=_left,
    tools=("figure-select", "figure-inset", "", "undo", "redo"),
    first_tool="figure-select",
    tabs=(
        BottomTab("figure-caption", "Caption", _caption),
        BottomTab("figure-bibtex", "BibTeX", _bibtex),
        BottomTab("figure-recipe", "Recipe", _recipe),
        BottomTab("figure-specification", "Specification", _specification),
    ),
    buttons=(
        ViewButton("eye", "Preview as seen with colour blindness", menu=_seen_by),
        ViewButton("fit", "Fit", "fit"),
        ViewButton("one-to-one", "Actual size", "actual"),
    ),
    shown=lambda window: _activate(window, True),
    hidden=lambda window: _activate(window, False),
)
