"""The pictures: which folder, which of them, in which order; as a list with what is known about each."""

from __future__ import annotations

import os

from PySide6.QtCore import QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QActionGroup, QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app.listing import ImageList
from vitinspect.app.panels.picture_facts import PictureFacts
from vitinspect.app.panels.picture_filters import PictureFilters
from vitinspect.app.services.folders import FolderService
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.widgets.breadcrumb import Breadcrumb
from vitinspect.app.widgets.fields import Slider
from vitinspect.app.widgets.picture_list import PictureList
from vitinspect.app.widgets.rows import icon_button, line, words

SORTS = (("name", "By name"), ("date", "By date"), ("size", "By size"), ("score", "By a score of a run"))


class Browser(QFrame):
    """Header, breadcrumb, filters, the pictures, and how many there are."""

    wants_folder = Signal()
    wants_run = Signal()
    wants_strip = Signal()
    done = Signal()
    """A folder was typed: the keyboard focus goes back to the picture."""

    def __init__(
        self,
        state: State,
        results: Results,
        listing: ImageList,
        facts: PictureFacts,
        folders: FolderService,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("kind", "panel")
        self._state, self._results, self._listing, self._folders = state, results, listing, folders
        self._facts = facts
        self.grid = PictureList(facts.thumbnail, facts.of)
        self.grid.setModel(listing)
        self.crumbs = Breadcrumb()
        self.crumbs.folder_chosen.connect(self.open_folder)
        self.crumbs.edit_wanted.connect(self.type_folder)
        self.path = QLineEdit()
        self.path.setPlaceholderText("Folder")
        self.path.setAccessibleName("Folder")
        self.path.hide()
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Part of a name")
        self.filter.setToolTip("Show only pictures whose name contains this")
        self.filter.setClearButtonEnabled(True)
        self.filter.hide()
        self.search = icon_button("search", "Find by name", self.find_by_name, tip="Find pictures by name (Ctrl+F)")
        self.strip = icon_button("film-strip", "Film strip", self.wants_strip.emit, tip="Show the pictures in one row")
        self.more = icon_button("more", "More", tip="Order, subfolders, another folder")
        self.more.clicked.connect(self._open_menu)
        self.chips = PictureFilters(state, results, listing, facts)
        self.column = QComboBox()
        self.column.setToolTip("The score of the run that the pictures are sorted by; those without one come last")
        self.column.setAccessibleName("Score to sort by")
        self.column.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.column.setMinimumContentsLength(8)
        self.column.activated.connect(lambda row: state.set(run_column=self.column.itemData(row)))
        self.run = QToolButton()
        self.run.setText("Run…")
        self.run.setToolTip("Choose the folder of another evaluation run")
        self.run.clicked.connect(self.wants_run)
        self.count = words("", "note")
        self.thumb = Slider(100, name="Size of the thumbnails", tip="Size of the thumbnails")
        self.thumb.setRange(32, 160)
        self.thumb.setFixedWidth(84)
        self.thumb.setValue(self.grid.thumb)
        self.thumb.valueChanged.connect(self._resize)
        self._lay_out()
        # Each key would filter a hundred thousand names; the pause between two words is enough.
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(120)
        self._typed.timeout.connect(lambda: state.set(filter=self.filter.text()))
        self.filter.textChanged.connect(lambda: self._typed.start())
        self.path.returnPressed.connect(self._entered)
        self.grid.chosen.connect(self._chosen)
        self.grid.menu_wanted.connect(self._picture_menu)
        facts.changed.connect(self.grid.refresh)
        listing.listed.connect(self._listed)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        self._follow_run()
        self._follow_folder()
        self._listed(True)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(8, 0, 8, 0)
        head.setSpacing(2)
        head.addWidget(words("Pictures", "heading"), 1)
        for button in (self.search, self.strip, self.more):
            head.addWidget(button)
        scores = QHBoxLayout()
        scores.setContentsMargins(8, 0, 8, 0)
        scores.addWidget(self.column, 1)
        scores.addWidget(self.run)
        fields = QVBoxLayout()
        fields.setContentsMargins(8, 0, 8, 0)
        fields.setSpacing(4)
        for part in (self.path, self.filter, self.chips):
            fields.addWidget(part)
        foot = QHBoxLayout()
        foot.setContentsMargins(8, 0, 8, 0)
        foot.addWidget(self.count, 1)
        foot.addWidget(self.thumb)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self.crumbs)
        layout.addLayout(fields)
        layout.addLayout(scores)
        layout.addWidget(line())
        layout.addWidget(self.grid, 1)
        layout.addWidget(line())
        layout.addLayout(foot)
        self.setMinimumWidth(180)

    # --- what a person does --------------------------------------------------------------------------------------

    def find_by_name(self) -> None:
        """Type a part of a name."""
        self.filter.show()
        self.filter.setFocus()
        self.filter.selectAll()

    def type_folder(self) -> None:
        """Type the path of a folder."""
        self.path.setText(self._state.folder)
        self.path.show()
        self.path.setFocus()
        self.path.selectAll()

    def _entered(self) -> None:
        text = self.path.text()
        self.path.hide()
        self.open_folder(text)
        self.done.emit()

    def open_folder(self, text: str) -> None:
        text = os.path.expanduser(text.strip())
        if text and text != self._state.folder and not self._folders.open(text):
            self._follow_folder()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Escape:
            self.path.hide()
            if not self.filter.text():
                self.filter.hide()
        super().keyPressEvent(event)

    def _resize(self, side: int) -> None:
        self.grid.set_thumb(side)
        self.grid.set_mode("grid" if side > 72 else "list")

    def _chosen(self, path: str) -> None:
        self._state.set(image=path)

    def follow_masks(self) -> None:
        """Follow a change into or out of the Masks workspace."""
        if not self._facts.draws and self._state.only_status:
            self._state.set(only_status="")
        self.chips.refill()
        self.grid.refresh()

    def _open_menu(self) -> None:
        state, menu = self._state, QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Open folder…", self.wants_folder.emit)
        menu.addAction("Enter a folder path…", self.type_folder)
        menu.addSeparator()
        group = QActionGroup(menu)
        for value, text in SORTS:
            action = menu.addAction(text)
            action.setCheckable(True)
            action.setChecked(state.sort == value)
            action.triggered.connect(lambda _=False, value=value: self._sort_by(value))
            group.addAction(action)
        for name, text in (("descending", "Descending"), ("recursive", "Include subfolders")):
            action = menu.addAction(text)
            action.setCheckable(True)
            action.setChecked(getattr(state, name))
            action.triggered.connect(lambda _=False, name=name: state.toggle(name))
        menu.popup(self.more.mapToGlobal(QPoint(0, self.more.height())))

    def _sort_by(self, value: str) -> None:
        self._state.set(sort=value)
        if value == "score" and not self._state.run:
            self.wants_run.emit()

    def _picture_menu(self, path: str, at: QPoint) -> None:
        if path:
            picture_menu(self, self._facts, path).popup(at)

    # --- following -----------------------------------------------------------------------------------------------

    @Slot(bool)
    def _listed(self, complete: bool) -> None:
        self._follow_image()
        self.count.setText(count_of(self._listing, complete) or "Drop a folder here")

    def _follow_run(self) -> None:
        """The row with the score to sort by, which is shown only while the pictures are sorted by one."""
        index, wanted = self._results.run, self._state.run_column
        for widget in (self.column, self.run):
            widget.setVisible(self._state.sort == "score")
        self.column.blockSignals(True)
        self.column.clear()
        for column in index.columns if index is not None else ():
            method, annotator, score = column
            self.column.addItem(" · ".join(part for part in (score, method, annotator) if part), column)
        if index is None:
            self.column.addItem("No run is open" if not self._state.run else "Reading the run…", ())
        self.column.setEnabled(index is not None)
        row = next((i for i in range(self.column.count()) if tuple(self.column.itemData(i)) == wanted), 0)
        self.column.setCurrentIndex(row)
        self.column.blockSignals(False)

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if "known_classes" in names:
            self.grid.refresh()
        if "run" in names:
            self._follow_run()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        state = self._state
        if "image" in names:
            self._follow_image()
        if names & {"folder", "recent_folders", "files"}:
            self._follow_folder()
        if names & {"sort", "run", "run_column"}:
            self._follow_run()
            if state.sort != "score":
                state.set(score_range=())
        if "filter" in names and self.filter.text() != state.filter:
            self.filter.setText(state.filter)
            self.filter.setVisible(bool(state.filter))

    def _follow_image(self) -> None:
        row = self._listing.row_of(self._state.image)
        if row != self.grid.currentIndex().row():
            self.grid.blockSignals(True)
            self.grid.setCurrentIndex(self._listing.index(row, 0))
            self.grid.blockSignals(False)
            self.grid.scrollTo(self._listing.index(row, 0))
            self.grid.viewport().update()

    def _follow_folder(self) -> None:
        state = self._state
        files = f"{len(state.files)} pictures" if state.files else "no folder"
        self.crumbs.set_folder(state.folder, state.recent_folders, words=files)

    def closeEvent(self, event: object) -> None:  # noqa: N802
        self._typed.stop()


def count_of(listing: ImageList, complete: bool = True) -> str:
    """How many pictures there are, and how many are shown."""
    shown, total = listing.rowCount(), listing.total
    if not listing.folder and not listing.files and not total:
        return ""
    if shown != total:
        text = f"{shown:,} of {total:,} pictures"
    elif not total and complete:
        text = "No pictures here"
    else:
        text = f"{total:,} picture{'s' if total != 1 else ''}" + ("" if complete else " so far")
    return text.replace(",", "\u2009")


def picture_menu(parent: QWidget, facts: PictureFacts, path: str) -> QMenu:
    """What can be done with a picture of the list."""
    note = facts.note(path)
    menu = QMenu(parent)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    for name, text, on in (("flagged", "Flag", note.flagged), ("starred", "Star", note.starred)):
        action = menu.addAction(text)
        action.setCheckable(True)
        action.setChecked(on)
        action.triggered.connect(lambda _=False, name=name, on=on: facts.set_note(path, **{name: not on}))

    def ask() -> None:
        text, taken = QInputDialog.getMultiLineText(parent, "Note", os.path.basename(path), note.text)
        if taken:
            facts.set_note(path, text=text.strip())

    menu.addAction("Note…", ask)
    menu.addSeparator()
    menu.addAction("Copy path", lambda: facts.copy_path(path))
    menu.addAction("Show in its folder", lambda: facts.show_in_folder(path))
    return menu
