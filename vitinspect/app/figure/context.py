"""Above the Figure workspace: the model that makes the maps, the pictures, what rows and columns are made of."""

from __future__ import annotations

import os
from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app.figure.entries import AXES
from vitinspect.app.listing import ImageList
from vitinspect.app.services.figures import FigureService
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.widgets.choice import Choice, Opener
from vitinspect.app.widgets.rows import button, icon_button, upright_line, words
from vitinspect.names import shown

HEIGHT = 48
MOST_LISTED = 5000


class FigureContext(QFrame):
    """Reads the service; what is chosen here rebuilds rows and columns.

    ``copies`` are the actions that copy the figure as text; the first has a button, the others are in a menu.
    """

    def __init__(
        self,
        figures: FigureService,
        state: State,
        results: Results,
        listing: ImageList,
        copies: Sequence[QAction] = (),
    ) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self.setFixedHeight(HEIGHT)
        self._figures, self._state, self._results, self._listing = figures, state, results, listing
        self.model = words("", "")
        self.runs = words("", "quiet")
        self.pictures = Opener(
            self._open_pictures, name="Pictures", tip="The pictures of the folder that the figure shows"
        )
        self.rows = Choice(list(AXES.items()), name="Rows", tip="What each row is")
        self.columns = Choice(list(AXES.items()), name="Columns", tip="What each column is")
        self.rows.chosen.connect(lambda kind: self._choose("row", kind))
        self.columns.chosen.connect(lambda kind: self._choose("column", kind))
        self.again = button(
            "Update from layers",
            self._update,
            tip="Rebuild rows and columns from the layers, the model and the class that Inspect shows now",
        )
        first = copies[0] if copies else None
        self.copy = button(
            "Copy as command",
            first.trigger if first is not None else None,
            icon="copy",
            tip="Copy the command line that makes this figure, with what it shows",
        )
        self.copy.setVisible(first is not None)
        self.more = icon_button("more", "More ways to copy the figure")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.addActions(list(copies[1:]))
        menu.setToolTipsVisible(True)
        self.more.setMenu(menu)
        self.more.setVisible(len(copies) > 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 8, 2)
        row.setSpacing(8)
        row.addWidget(_captioned("Model", self.model, 0))
        row.addWidget(_captioned("Runs on, precision, input", self.runs, 0))
        row.addWidget(upright_line())
        row.addWidget(_captioned("Pictures", self.pictures, 0), 1)
        row.addWidget(_captioned("Rows", self.rows, 128))
        row.addWidget(_captioned("Columns", self.columns, 128))
        for made in (self.again, self.copy, self.more):
            row.addWidget(made, 0, Qt.AlignmentFlag.AlignVCenter)
        self.popup: PicturesPopup | None = None
        figures.changed.connect(self.follow)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        self.follow()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"model", "device", "precision", "fit", "layers", "image"}:
            self.follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if "card" in names:
            self.follow()

    @Slot()
    def follow(self) -> None:
        card, state, figures = self._results.card, self._state, self._figures
        self.model.setText(card.name if card is not None else "none")
        device = card.device if card is not None else state.device
        self.runs.setText(f"{device}, {state.precision}, {state.fit}")
        paths = figures.pictures
        names = [os.path.splitext(os.path.basename(path))[0] for path in paths]
        text = ", ".join(map(shown, names[:6])) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        self.pictures.set_items([("pictures", text or "choose pictures")])
        self.pictures.set_short("pictures", f"{len(names)} pictures" if len(names) > 1 else text)
        spec = figures.spec
        self.rows.set_value(spec.rows_from or "free")
        self.columns.set_value(spec.columns_from or "free")
        self.again.setEnabled(bool(state.image))
        for made in (self.copy, self.more):
            made.setEnabled(not figures.is_empty)

    def _choose(self, by: str, kind: str) -> None:
        """The same for rows and columns makes no grid: then they are exchanged."""
        spec = self._figures.spec
        rows, columns = spec.rows_from or "free", spec.columns_from or "free"
        if by == "row":
            rows, columns = kind, rows if kind == columns and kind != "free" else columns
        else:
            rows, columns = columns if kind == rows and kind != "free" else rows, kind
        self._figures.make_of(rows, columns)
        self.follow()

    def _update(self) -> None:
        spec = self._figures.spec
        self._figures.make_of(spec.rows_from or "pictures", spec.columns_from or "layers")

    def _open_pictures(self) -> None:
        self.popup = PicturesPopup(self._listing, self._figures.pictures, self)
        self.popup.taken.connect(self._take)
        self.popup.open_below(self.pictures)

    def _take(self, paths: list[str]) -> None:
        spec = self._figures.spec
        rows, columns = spec.rows_from or "pictures", spec.columns_from or "layers"
        if len(paths) > 1 and "pictures" not in (rows, columns):
            rows = "pictures"
            columns = "layers" if columns == "pictures" else columns
        self._figures.make_of(rows, columns, paths)


class PicturesPopup(QFrame):
    """The pictures of the folder to tick, with a search field."""

    taken = Signal(list)

    def __init__(self, listing: ImageList, chosen: list[str], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setProperty("kind", "popup")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search by name")
        self.search.textChanged.connect(self._filter)
        self.list = QListWidget()
        self.list.setAccessibleName("Pictures")
        self.count = words("", "quiet")
        paths = [*chosen, *(path for path in listing.paths[:MOST_LISTED] if path not in set(chosen))]
        for path in paths:
            item = QListWidgetItem(shown(os.path.basename(path)))
            item.setData(Qt.ItemDataRole.UserRole, path)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if path in chosen else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.itemChanged.connect(lambda _: self._count())
        self.list.itemClicked.connect(self._clicked)
        self.take = button("Show these", self._take, main=False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self.search)
        layout.addWidget(self.list, 1)
        below = QHBoxLayout()
        below.addWidget(self.count, 1)
        below.addWidget(self.take)
        layout.addLayout(below)
        self._was: Qt.CheckState | None = None
        self._count()

    def open_below(self, field: QWidget) -> None:
        self.resize(max(320, field.width()), 360)
        self.move(field.mapToGlobal(QPoint(0, field.height() + 2)))
        self.show()
        self.search.setFocus()

    def _filter(self, text: str) -> None:
        wanted = text.casefold().strip()
        for row in range(self.list.count()):
            item = self.list.item(row)
            item.setHidden(wanted not in item.text().casefold())

    def _clicked(self, item: QListWidgetItem) -> None:
        """A click on the name ticks it too."""
        place = self.list.visualItemRect(item)
        at = self.list.viewport().mapFromGlobal(self.list.cursor().pos())
        if at.x() > place.left() + 24:
            ticked = item.checkState() == Qt.CheckState.Checked
            item.setCheckState(Qt.CheckState.Unchecked if ticked else Qt.CheckState.Checked)

    @property
    def chosen(self) -> list[str]:
        items = [self.list.item(row) for row in range(self.list.count())]
        return [i.data(Qt.ItemDataRole.UserRole) for i in items if i.checkState() == Qt.CheckState.Checked]

    def _count(self) -> None:
        count = len(self.chosen)
        self.count.setText(f"{count} picture{'s' if count != 1 else ''}")
        self.take.setEnabled(count > 0)

    def _take(self) -> None:
        chosen = self.chosen
        self.close()
        self.taken.emit(chosen)


def _captioned(text: str, field: QWidget, width: int) -> QWidget:
    box = QWidget()
    if width:
        box.setFixedWidth(width)
    layout = QVBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    layout.addWidget(words(text, "note"))
    layout.addWidget(field)
    return box
