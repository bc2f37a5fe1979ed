"""The table of pictures: how people agree on each, and each map with them; sorted and filtered by the model itself."""

from __future__ import annotations

import csv
import heapq
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import numbers, tips
from vitinspect.names import csv_cell

Index = QModelIndex | QPersistentModelIndex
_ROW = int(Qt.ItemDataRole.UserRole) + 1
GAP, MASKS, PEOPLE = "gap", "masks", "people"
GAP_WIDTH = 84
LEAST_NAME, MOST_NAME = 80, 260
_BESIDE = 10
_MEASURED = 40


@dataclass(frozen=True)
class PictureColumn:
    """``name`` is the first one; ``gap`` is drawn as two points on a line."""

    id: str
    title: str
    tip: str = ""
    head: str = ""
    """The text above the numbers, where the title is long."""
    rank: int = 0
    """Where the table is narrow, columns of the highest rank are left out first; those of rank 0 stay."""


@dataclass(frozen=True)
class PictureRow:
    """A picture; a value is missing where nobody drew."""

    id: str
    """Its path."""
    name: str
    values: dict[str, float]
    ends: tuple[float, float] = (math.nan, math.nan)
    """People with each other, and the chosen map with people."""


class PictureModel(QAbstractTableModel):
    """All rows, and those that are shown in their order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns: tuple[PictureColumn, ...] = ()
        self.every: tuple[PictureRow, ...] = ()
        self.rows: list[PictureRow] = []
        self.filter = ""
        self._chosen_order = (GAP, True)

    @property
    def order(self) -> tuple[str, bool]:
        """Column, and whether the highest come first; without that column, pictures on which people differ."""
        there = any(column.id == self._chosen_order[0] for column in self.columns)
        return self._chosen_order if there or not self.columns else (PEOPLE, False)

    def set_rows(self, columns: Sequence[PictureColumn], rows: Sequence[PictureRow]) -> None:
        self.beginResetModel()
        self.columns, self.every = tuple(columns), tuple(rows)
        self._arrange()
        self.endResetModel()

    def set_filter(self, text: str) -> None:
        self.beginResetModel()
        self.filter = text
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if not 0 <= column < len(self.columns):
            return
        self.beginResetModel()
        self._chosen_order = (self.columns[column].id, order == Qt.SortOrder.DescendingOrder)
        self._arrange()
        self.endResetModel()

    def _arrange(self) -> None:
        wanted = self.filter.casefold()
        rows = [row for row in self.every if wanted in row.name.casefold()] if wanted else list(self.every)
        column, descending = self.order
        if column == "name":
            rows.sort(key=lambda row: row.name.casefold(), reverse=descending)
        else:
            sign = -1.0 if descending else 1.0

            def key(row: PictureRow) -> tuple[bool, float]:
                value = row.values.get(column, math.nan)
                return math.isnan(value), 0.0 if math.isnan(value) else sign * value

            rows.sort(key=key)
        self.rows = rows

    def rows_of(self, pictures: Sequence[str]) -> list[int]:
        """The rows of these pictures, in their order here."""
        wanted = set(pictures)
        return [i for i, row in enumerate(self.rows) if row.id in wanted]

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: N802
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row, column = self.rows[index.row()], self.columns[index.column()]
        value = row.values.get(column.id, math.nan)
        if role == _ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            if column.id == "name":
                return row.name
            if column.id == MASKS:
                return f"{value:.0f}"
            return numbers.NONE if math.isnan(value) else f"{value:.2f}".replace("-", numbers.MINUS)
        if role == Qt.ItemDataRole.ToolTipRole:
            if column.id == GAP and not math.isnan(value):
                return f"people {row.ends[0]:.3f}, map {row.ends[1]:.3f}"
            return tips.plain(row.name) if column.id == "name" else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if column.id == "name" else Qt.AlignmentFlag.AlignRight
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        if orientation != Qt.Orientation.Horizontal or section >= len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            arrow = (" ↓" if self.order[1] else " ↑") if column.id == self.order[0] else ""
            return (column.head or column.title) + arrow
        if role == Qt.ItemDataRole.ToolTipRole:
            return tips.plain(column.tip)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if column.id == "name" else Qt.AlignmentFlag.AlignRight
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None


class PictureTable(QTableView):
    """``chosen`` when a person goes to a picture, ``selection_changed`` when one or several others are selected."""

    chosen = Signal(str)
    selection_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.pictures = PictureModel(self)
        self._setting = False
        self.setModel(self.pictures)
        self.setItemDelegate(_Delegate(self))
        self.setShowGrid(False)
        self.setAccessibleName("Pictures")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(tokens.TABLE_ROW_HEIGHT)
        self.verticalHeader().setDefaultSectionSize(tokens.TABLE_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(True)
        header.setFixedHeight(tokens.TABLE_ROW_HEIGHT)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setMinimumSectionSize(24)
        header.sectionClicked.connect(self._sort_by)

    def _sort_by(self, section: int) -> None:
        column, descending = self.pictures.order
        wanted = self.pictures.columns[section].id
        # Numbers begin with the highest, names with A.
        down = not descending if wanted == column else wanted != "name"
        keep = self.selected()
        order = Qt.SortOrder.DescendingOrder if down else Qt.SortOrder.AscendingOrder
        self._setting = True
        self.pictures.sort(section, order)
        self._select(keep)
        self._setting = False

    def set_rows(self, columns: Sequence[PictureColumn], rows: Sequence[PictureRow], current: str) -> None:
        """Show these, without a signal; what was selected stays selected."""
        keep, at = self.selected(), self.currentIndex()
        same = (tuple(columns), tuple(rows)) == (self.pictures.columns, self.pictures.every)
        if same and at.isValid() and self.pictures.rows[at.row()].id == current:
            return  # a person is going there: with Ctrl or Shift, the selection follows the place in the table
        self._setting = True
        if not same:
            self.pictures.set_rows(columns, rows)
            self._set_widths()
        self._select(keep if current in keep else [current])
        self._setting = False

    def set_filter(self, text: str) -> None:
        keep = self.selected()
        self._setting = True
        self.pictures.set_filter(text)
        self._select(keep)
        self._setting = False

    def selected(self) -> list[str]:
        """The paths of the selected pictures."""
        return [self.pictures.rows[index.row()].id for index in self.selectionModel().selectedRows()]

    def chosen_rows(self) -> list[PictureRow]:
        """The selected rows, in the order of the table."""
        return [self.pictures.rows[i] for i in sorted(index.row() for index in self.selectionModel().selectedRows())]

    def as_csv(self) -> str:
        """The selected rows if there are several, else all that are shown, with all digits."""
        rows = self.chosen_rows()
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([csv_cell(column.title) for column in self.pictures.columns])
        for row in rows if len(rows) > 1 else self.pictures.rows:
            values = (row.values.get(column.id, math.nan) for column in self.pictures.columns[1:])
            writer.writerow([csv_cell(row.name), *("" if math.isnan(value) else repr(value) for value in values)])
        return stream.getvalue()

    def _select(self, pictures: Sequence[str]) -> None:
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().clear()
        rows = self.pictures.rows_of(pictures)
        for row in rows:
            self.selectionModel().select(self.pictures.index(row, 0), flags)
        if rows:
            self.selectionModel().setCurrentIndex(self.pictures.index(rows[0], 0), flags)
            self.scrollTo(self.pictures.index(rows[0], 0))
        self.viewport().update()

    def _set_widths(self) -> None:
        """Columns that do not fit are left out whole, so that none is cut."""
        small, room = QFontMetrics(theme.font(tokens.SMALL_SIZE)), self.viewport().width()
        columns = self.pictures.columns
        # The widest name is among those with the most letters: measuring each of ten thousand takes its time.
        longest = heapq.nlargest(_MEASURED, (row.name for row in self.pictures.every), key=len)
        names = max((small.horizontalAdvance(name) for name in longest), default=0) + 16
        names = min(max(names, LEAST_NAME), MOST_NAME)
        left, fits = room - names, True
        for number in sorted(range(1, len(columns)), key=lambda i: columns[i].rank):
            column = columns[number]
            width = max(small.horizontalAdvance(f"{column.head or column.title} ↓"), small.horizontalAdvance("0.88"))
            width = max(width + _BESIDE, GAP_WIDTH if column.id == GAP else 0)
            fits = column.rank == 0 or (fits and width <= left)
            self.setColumnHidden(number, not fits)
            self.setColumnWidth(number, width)
            left -= width if fits else 0
        self.setColumnWidth(0, max(LEAST_NAME, names + left))

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._set_widths()

    def currentChanged(self, current: Index, previous: Index) -> None:  # noqa: N802
        super().currentChanged(current, previous)
        if not self._setting and current.isValid() and current.row() != previous.row():
            self.chosen.emit(self.pictures.rows[current.row()].id)

    def selectionChanged(self, selected: Any, deselected: Any) -> None:  # noqa: N802
        super().selectionChanged(selected, deselected)
        if not self._setting:
            self.selection_changed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.chosen.emit(self.pictures.rows[self.currentIndex().row()].id)
        else:
            super().keyPressEvent(event)


class _Delegate(QStyledItemDelegate):
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        t = theme.current()
        model = index.model()
        assert isinstance(model, PictureModel)
        column = model.columns[index.column()]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor(t.chosen))
        painter.setFont(theme.font(tokens.SMALL_SIZE))
        painter.setPen(QColor(t.text))
        row: PictureRow = index.data(_ROW)
        if column.id == GAP and not math.isnan(row.values.get(GAP, math.nan)):
            self._gap(painter, option, row)
        else:
            left = 8 if column.id == "name" else 2
            place = option.rect.adjusted(left, 0, -5, 0)
            text = str(index.data())
            if column.id == "name":
                text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, place.width())
            painter.drawText(place, int(index.data(Qt.ItemDataRole.TextAlignmentRole)), text)
        painter.restore()

    def _gap(self, painter: QPainter, option: QStyleOptionViewItem, row: PictureRow) -> None:
        """A round point for people, a square one for the map, on a line from 0 to 1."""
        t = theme.current()
        left, wide, middle = option.rect.left() + 10, option.rect.width() - 20, option.rect.center().y() + 0.5
        painter.fillRect(left - 2, int(middle) - 3, wide + 4, 7, QColor(t.plot_grid))
        people, own = (left + min(1.0, max(0.0, value)) * wide for value in row.ends)
        painter.setPen(QColor(t.quiet))
        painter.drawLine(int(min(people, own)), int(middle), int(max(people, own)), int(middle))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.b_line))
        painter.drawRect(int(own) - 3, int(middle) - 3, 6, 6)
        painter.setBrush(QColor(t.a_line))
        painter.drawEllipse(int(people) - 3, int(middle) - 3, 6, 6)
