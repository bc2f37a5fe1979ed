"""The pictures in one row below the view, where their list does not fit."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from vitinspect.app.listing import ImageList
from vitinspect.app.panels.browser import count_of, picture_menu
from vitinspect.app.panels.picture_facts import PictureFacts
from vitinspect.app.panels.picture_filters import PictureFilters
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.widgets.breadcrumb import Breadcrumb
from vitinspect.app.widgets.chips import HEIGHT as CHIP_HEIGHT
from vitinspect.app.widgets.picture_cells import FILM_HEIGHT, film_width
from vitinspect.app.widgets.picture_list import PictureList
from vitinspect.app.widgets.rows import icon_button, words

LEFT = 204


class FilmStrip(QFrame):
    """The path of the folder, the filters, the pictures, and arrows."""

    chosen = Signal(str)
    wants_list = Signal()
    folder_chosen = Signal(str)
    wants_path = Signal()
    """The person wants to type the path of a folder."""

    def __init__(self, state: State, results: Results, listing: ImageList, facts: PictureFacts) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self.setFixedHeight(FILM_HEIGHT)
        self._state, self._listing = state, listing
        self.strip = PictureList(facts.thumbnail, facts.of)
        self.strip.setModel(listing)
        self.strip.set_mode("film")
        self.strip.menu_wanted.connect(lambda path, at: picture_menu(self, facts, path).popup(at) if path else None)
        facts.changed.connect(self.strip.refresh)
        self.crumbs = Breadcrumb()
        self.crumbs.folder_chosen.connect(self.folder_chosen)
        self.crumbs.edit_wanted.connect(self.wants_path)
        self.count: QLabel = words("", "note")
        self.count.setFixedHeight(CHIP_HEIGHT)
        self.chips = PictureFilters(state, results, listing, facts, last=self.count)
        back = icon_button("chevron-left", "Earlier pictures", lambda: self.strip.page(-1))
        on = icon_button("chevron-right", "Later pictures", lambda: self.strip.page(1))
        as_list = icon_button("chevron-up", "Show the pictures as a list", self.wants_list.emit)
        self._steps = (back, on)
        about = QVBoxLayout()
        about.setContentsMargins(0, 0, 0, 0)
        about.setSpacing(0)
        about.addWidget(self.crumbs)
        about.addWidget(self.chips)
        about.addStretch(1)
        left = QWidget()
        left.setFixedWidth(LEFT)
        left.setLayout(about)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(4)
        for part in (as_list, left, back):
            row.addWidget(part)
        row.addWidget(_WholePictures(self.strip), 1)
        row.addWidget(on)
        self.strip.chosen.connect(self.chosen)
        listing.listed.connect(lambda complete: self.follow())
        state.changed.connect(self._state_changed)

    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"image", "folder", "recent_folders", "files"}:
            self.follow()

    def follow(self) -> None:
        if self.isHidden():
            return
        state = self._state
        files = f"{len(state.files)} pictures" if state.files else "no folder"
        self.crumbs.set_folder(state.folder, state.recent_folders, words=files)
        for step in self._steps:
            step.setVisible(self._listing.rowCount() > 0)
        self.count.setText(count_of(self._listing))
        self.chips.updateGeometry()
        row = self._listing.row_of(self._state.image)
        if row != self.strip.currentIndex().row():
            self.strip.blockSignals(True)
            self.strip.setCurrentIndex(self._listing.index(row, 0))
            self.strip.blockSignals(False)
            self.strip.scrollTo(self._listing.index(row, 0), PictureList.ScrollHint.PositionAtCenter)

    def showEvent(self, event: object) -> None:  # noqa: N802
        self.follow()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(400, FILM_HEIGHT)


class _WholePictures(QWidget):
    """The place of the strip, whose width holds a whole number of pictures."""

    def __init__(self, strip: PictureList) -> None:
        super().__init__()
        self._strip = strip
        strip.setParent(self)
        self.setMinimumWidth(film_width(0))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._strip.setGeometry(0, 0, film_width(self.width()), FILM_HEIGHT)
