"""The folder: where it is, what is in it."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QToolButton, QVBoxLayout, QWidget

from vitinspect.app.listing import ImageList
from vitinspect.app.panels.grid import ThumbnailGrid
from vitinspect.app.panels.section import Choice, quiet
from vitinspect.app.services.folders import FolderService
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.thumbnails import Thumbnails
from vitinspect.app.widgets.rows import icon_button

_UNFILTERED: dict[str, Any] = {"filter": "", "only_masked": False, "only_class": ""}


class Browser(QWidget):
    """Path bar, filter, order and the grid of thumbnails."""

    wants_folder = Signal()
    wants_run = Signal()
    wants_strip = Signal()
    done = Signal()
    """A folder was typed: the keys belong to the picture again."""

    def __init__(
        self,
        state: State,
        results: Results,
        listing: ImageList,
        thumbnails: Thumbnails,
        folders: FolderService,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._listing, self._folders = state, results, listing, folders
        self.path = QComboBox()
        self.path.setEditable(True)
        self.path.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.path.setToolTip("The folder that is shown; type another one, or choose a recent one")
        self.path.setAccessibleName("Folder")
        self.path.setMinimumContentsLength(5)
        self.path.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.path_field = QLineEdit()
        self.path.setLineEdit(self.path_field)
        self.path_field.setPlaceholderText("Folder")
        up = icon_button("chevron-up", "Folder above", self._go_up, tip="Show the folder above")
        choose = icon_button("folder", "Open folder", self.wants_folder.emit, tip="Open another folder (Ctrl+O)")
        strip = icon_button("film-strip", "Film strip", self.wants_strip.emit, tip="Show the pictures in one row below")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter by name")
        self.filter.setToolTip("Show only pictures whose name has this in it")
        self.filter.setClearButtonEnabled(True)
        self.sort = Choice(
            state,
            "sort",
            [("name", "Name"), ("date", "Date"), ("size", "Size"), ("score", "Score")],
            "What the pictures are sorted by",
        )
        self.sort.setMinimumContentsLength(4)
        self.kind = QComboBox()
        self.kind.setToolTip("Which pictures are shown; classes are those of the pictures that were looked at")
        self.kind.setAccessibleName("Which pictures are shown")
        self.kind.activated.connect(self._chose_kind)
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
        self.direction = QToolButton()
        self.direction.setToolTip("Turn the order round")
        self.direction.clicked.connect(lambda: state.toggle("descending"))
        self.grid = ThumbnailGrid(thumbnails)
        self.grid.setModel(listing)
        self.count = quiet(wrap=False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 4, 4)
        layout.setSpacing(4)
        first = _row(self.path, up, choose, strip)
        second = _row(self.filter, self.sort, self.direction)
        layout.addLayout(first)
        layout.addLayout(second)
        layout.addLayout(_row(self.column, self.run))
        layout.addWidget(self.kind)
        layout.addWidget(self.grid, 1)
        layout.addWidget(self.count)
        # Each key would filter a hundred thousand names; the pause between two words is enough.
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(120)
        self._typed.timeout.connect(lambda: state.set(filter=self.filter.text()))
        self.filter.textChanged.connect(lambda: self._typed.start())
        self.path.activated.connect(lambda: self._go(self.path.currentText()))
        self.path_field.returnPressed.connect(self._entered)
        self.grid.chosen.connect(self._chosen)
        listing.listed.connect(self._listed)
        state.changed.connect(self._state_changed)
        results.changed.connect(lambda names: self._follow_kinds() if "known_classes" in names else None)
        results.changed.connect(lambda names: self._follow_run() if "run" in names else None)
        self.sort.activated.connect(lambda: self.wants_run.emit() if state.sort == "score" and not state.run else None)
        self._follow_kinds()
        self._follow_run()
        self._follow_folder()
        self._follow_direction()
        self._listed(True)

    @Slot(bool)
    def _listed(self, complete: bool) -> None:
        self._follow_image()
        shown, total = self._listing.rowCount(), self._listing.total
        if not self._state.folder and not self._state.files and not total:
            text = "Drop a folder here"
        elif shown != total:
            text = f"{shown:,} of {total:,} pictures"
        elif not total and complete:
            text = "No pictures here"
        else:
            text = f"{total:,} picture{'s' if total != 1 else ''}" + ("" if complete else " so far")
        self.count.setText(text.replace(",", " "))

    def _follow_kinds(self) -> None:
        counts = Counter(self._results.known_classes.values())
        self.kind.blockSignals(True)
        self.kind.clear()
        self.kind.addItem("All pictures", ("", False))
        self.kind.addItem("With a mask", ("", True))
        for label, count in sorted(counts.items()):
            self.kind.addItem(f"Predicted: {label} ({count} so far)", (label, False))
        wanted = (self._state.only_class, self._state.only_masked)
        rows = [self.kind.itemData(i) for i in range(self.kind.count())]
        self.kind.setCurrentIndex(rows.index(wanted) if wanted in rows else 0)
        self.kind.blockSignals(False)

    def _follow_run(self) -> None:
        """The row with the score to sort by, which is there only where it is sorted by one."""
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

    def _chose_kind(self, row: int) -> None:
        label, masked = self.kind.itemData(row)
        self._state.set(only_class=label, only_masked=masked)

    def _chosen(self, path: str) -> None:
        self._state.set(image=path)

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "image" in names:
            self._follow_image()
        if names & {"folder", "recent_folders"}:
            self._follow_folder()
        if names & {"only_class", "only_masked"}:
            self._follow_kinds()
        if "descending" in names:
            self._follow_direction()
        if names & {"sort", "run", "run_column"}:
            self._follow_run()
        if "filter" in names and self.filter.text() != self._state.filter:
            self.filter.setText(self._state.filter)

    def _follow_image(self) -> None:
        row = self._listing.row_of(self._state.image)
        if row != self.grid.currentIndex().row():
            self.grid.blockSignals(True)
            self.grid.setCurrentIndex(self._listing.index(row, 0))
            self.grid.blockSignals(False)
            self.grid.scrollTo(self._listing.index(row, 0))
            self.grid.viewport().update()

    def _follow_folder(self) -> None:
        self.path.blockSignals(True)
        self.path.clear()
        self.path.addItems([f for f in self._state.recent_folders if f != self._state.folder])
        self.path.insertItem(0, self._state.folder)
        self.path.setCurrentIndex(0)
        self.path_field.setCursorPosition(len(self._state.folder))
        self.path.setToolTip(self._state.folder or "The folder that is shown")
        self.path.blockSignals(False)

    def _follow_direction(self) -> None:
        self.direction.setText("↓" if self._state.descending else "↑")

    def _entered(self) -> None:
        self._go(self.path.currentText())
        self.done.emit()

    def _go(self, text: str) -> None:
        text = os.path.expanduser(text.strip())
        if text and text != self._state.folder and not self._folders.open(text):
            self._follow_folder()

    def _go_up(self) -> None:
        if self._state.folder:
            self._folders.open(os.path.dirname(self._state.folder.rstrip(os.sep)) or os.sep)

    def closeEvent(self, event: object) -> None:  # noqa: N802
        self._typed.stop()


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(4)
    for i, widget in enumerate(widgets):
        row.addWidget(widget, 1 if not i else 0)
    return row
