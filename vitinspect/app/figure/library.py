"""At the left of the Figure workspace: saved layouts, and what can be dragged into a cell."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QVBoxLayout

from vitinspect.app.figure import sources
from vitinspect.app.figure.layout_list import LayoutList
from vitinspect.app.figure.source_list import SOURCE, SourceList
from vitinspect.app.figure.sources import Group
from vitinspect.app.listing import ImageList
from vitinspect.app.services.figure_layouts import FigureLayouts
from vitinspect.app.services.figures import FigureService
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.thumbnails import Thumbnails
from vitinspect.app.widgets.rows import line, words

MOST_PICTURES = 200


class Library(QFrame):
    """Lists, and asks the service to change the figure."""

    used = Signal(object)
    """A ``Source`` that goes into the selected cell."""

    def __init__(
        self,
        figures: FigureService,
        layouts: FigureLayouts,
        state: State,
        results: Results,
        listing: ImageList,
        thumbnails: Thumbnails,
        problems: Problems,
    ) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self.setMinimumWidth(200)
        self._figures, self._listing, self._thumbnails = figures, listing, thumbnails
        self.layouts = LayoutList(figures, layouts, problems)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName("Search what can be dragged")
        self.search.setClearButtonEnabled(True)
        self.sources = SourceList()
        self.search.textChanged.connect(self.sources.filter_by)
        self.sources.itemActivated.connect(lambda item: self.used.emit(item.data(SOURCE)))
        head = QHBoxLayout()
        head.setContentsMargins(8, 4, 8, 4)
        head.addWidget(words("Drag into a cell", "heading"), 1)
        field = QHBoxLayout()
        field.setContentsMargins(8, 0, 8, 4)
        field.addWidget(self.search)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.layouts)
        layout.addWidget(line())
        layout.addLayout(head)
        layout.addLayout(field)
        layout.addWidget(self.sources, 1)
        self._shown: tuple[Group, ...] = ()
        figures.changed.connect(self.follow)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        listing.listed.connect(lambda complete: self.follow())
        thumbnails.arrived.connect(self._thumbnail)
        self.follow()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"layers", "folder"}:
            self.follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if "picture" in names:
            self.follow()

    @Slot()
    def follow(self) -> None:
        """Layers, the pictures of the figure, what is neither, and the other pictures of the folder."""
        mine = self._figures.pictures[:MOST_PICTURES]
        there = set(mine)
        folder = [path for path in self._listing.paths[:MOST_PICTURES] if path not in there]
        found = sources.groups(self._figures.shown(), mine, folder)
        if found != self._shown:
            self._shown = found
            self.sources.show_sources(found, self._thumbnails)
            self.sources.filter_by(self.search.text())

    @Slot(str)
    def _thumbnail(self, path: str) -> None:
        self.sources.follow_thumbnail(path, self._thumbnails)
