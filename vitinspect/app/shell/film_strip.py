"""The pictures in one row below the view, where there is no room for their list."""

from __future__ import annotations

import os

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from vitinspect.app.listing import ImageList
from vitinspect.app.panels.browser import count_of, picture_menu
from vitinspect.app.panels.picture_facts import PictureFacts
from vitinspect.app.session.state import State
from vitinspect.app.widgets import tips
from vitinspect.app.widgets.picture_list import PictureList
from vitinspect.app.widgets.rows import icon_button, words

HEIGHT, LEFT = 72, 140


class FilmStrip(QFrame):
    """Where the folder is, the pictures, and arrows."""

    chosen = Signal(str)
    wants_list = Signal()

    def __init__(self, state: State, listing: ImageList, facts: PictureFacts) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self.setFixedHeight(HEIGHT)
        self._state, self._listing = state, listing
        self.strip = PictureList(facts.thumbnail, facts.of)
        self.strip.setModel(listing)
        self.strip.set_mode("film")
        self.strip.setFixedHeight(HEIGHT)
        self.strip.menu_wanted.connect(lambda path, at: picture_menu(self, facts, path).popup(at) if path else None)
        facts.changed.connect(self.strip.refresh)
        self.folder: QLabel = words("", "quiet")
        self.count: QLabel = words("", "note")
        back = icon_button("chevron-left", "Earlier pictures", lambda: self.strip.page(-1))
        on = icon_button("chevron-right", "Later pictures", lambda: self.strip.page(1))
        as_list = icon_button("chevron-up", "Show the pictures as a list", self.wants_list.emit)
        self._steps = (back, on)
        about = QVBoxLayout()
        about.setContentsMargins(0, 12, 0, 8)
        about.setSpacing(2)
        about.addWidget(self.folder)
        about.addWidget(self.count)
        about.addStretch(1)
        left = QWidget()
        left.setFixedWidth(LEFT)
        left.setLayout(about)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(4)
        for part in (as_list, left, back):
            row.addWidget(part)
        row.addWidget(self.strip, 1)
        row.addWidget(on)
        self.strip.chosen.connect(self.chosen)
        listing.listed.connect(lambda complete: self.follow())
        state.changed.connect(self._state_changed)

    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"image", "folder"}:
            self.follow()

    def follow(self) -> None:
        if self.isHidden():
            return
        parts = [part for part in self._state.folder.split(os.sep) if part]
        metrics = self.folder.fontMetrics()
        shown = next(
            (text for text in (" › ".join(parts[-n:]) for n in (2, 1)) if metrics.horizontalAdvance(text) <= LEFT - 4),
            metrics.elidedText(parts[-1] if parts else self._state.folder, Qt.TextElideMode.ElideMiddle, LEFT - 4),
        )
        self.folder.setText(shown)
        for step in self._steps:
            step.setVisible(self._listing.rowCount() > 0)
        self.folder.setToolTip(tips.plain(self._state.folder))
        self.count.setText(count_of(self._listing))
        row = self._listing.row_of(self._state.image)
        if row != self.strip.currentIndex().row():
            self.strip.blockSignals(True)
            self.strip.setCurrentIndex(self._listing.index(row, 0))
            self.strip.blockSignals(False)
            self.strip.scrollTo(self._listing.index(row, 0), PictureList.ScrollHint.PositionAtCenter)

    def showEvent(self, event: object) -> None:  # noqa: N802
        self.follow()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(400, HEIGHT)
