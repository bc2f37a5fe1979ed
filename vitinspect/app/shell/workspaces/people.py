"""People: how well people agree with each other, and how a layer compares with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitinspect.app.shell.workspace import BottomTab, Workspace

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from vitinspect.app.shell.window import MainWindow


def _view(window: MainWindow) -> QWidget:
    from vitinspect.app.people.view import PeopleView

    backend = window.backend
    return PeopleView(backend.people, backend.state, backend.thumbnails.get)


def _context(window: MainWindow) -> QWidget:
    from vitinspect.app.people.context import PeopleContext

    return PeopleContext(window.backend.people, window.backend.state, window.view_in("people"))


def _properties(window: MainWindow) -> QWidget:
    from vitinspect.app.people.panel import PeoplePanel

    ranking = window.backend.people.ranking
    ranking.changed.connect(lambda: window.open_tab("people-ranking") if ranking.running else None)
    return PeoplePanel(window.backend.people, window.backend.state)


def _ranking(window: MainWindow) -> QWidget:
    from vitinspect.app.people.ranking import RankingTab

    return RankingTab(window.backend.people)


def _scores(window: MainWindow) -> QWidget:
    from vitinspect.app.people.scores import ScoresTab

    return ScoresTab(window.backend.people)


WORKSPACE = Workspace(
    id="people",
    title="People",
    view=_view,
    properties=_properties,
    context=_context,
    lists_pictures=True,
    tabs=(BottomTab("people-scores", "Scores", _scores), BottomTab("people-ranking", "Ranking", _ranking)),
    shown=lambda window: window.backend.people.activate(True),
    hidden=lambda window: window.backend.people.activate(False),
)
