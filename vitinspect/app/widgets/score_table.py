"""The scores of the layers: one row a layer, the direction of each score in its header, the best in bold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QContextMenuEvent, QFontMetrics, QPainter, QResizeEvent
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
from vitinspect.app.widgets.curve_chart import pen_of
from vitinspect.app.widgets.layer_delegate import number_badge

Index = QModelIndex | QPersistentModelIndex
NAME = 54
"""Where names begin."""
_ROW = int(Qt.ItemDataRole.UserRole) + 1
_BEST = int(Qt.ItemDataRole.UserRole) + 2


@dataclass(frozen=True)
class ScoreColumn:
    """``higher`` says which end is good; None where neither is."""

    id: str
    title: str
    tip: str = ""
    higher: bool | None = True

    @property
    def header(self) -> str:
        return self.title + {True: " ↑", False: " ↓", None: ""}[self.higher]


@dataclass(frozen=True)
class ScoreRow:
    """One layer; ``values`` by the id of the column, missing where there is none yet."""

    id: str
    number: int
    name: str
    values: dict[str, float]
    place: int = -1
    """Its place among the lines of the charts; -1 for none."""
    tip: str = ""


class ScoreModel(QAbstractTableModel):
    """Rows in the order of the layers."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns: tuple[ScoreColumn, ...] = ()
        self.rows: tuple[ScoreRow, ...] = ()

    def set_scores(self, columns: Sequence[ScoreColumn], rows: Sequence[ScoreRow]) -> None:
        new_columns, new_rows = tuple(columns), tuple(rows)
        same = new_columns == self.columns and [r.id for r in new_rows] == [r.id for r in self.rows]
        if not same:
            self.beginResetModel()
        self.columns, self.rows = new_columns, new_rows
        if not same:
            self.endResetModel()
        elif self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, len(self.columns)))

    def is_best(self, at: int, column: ScoreColumn) -> bool:
        """The best of at least two."""
        found = [row.values[column.id] for row in self.rows if self._has(row, column)]
        own = self.rows[at].values.get(column.id, math.nan)
        if column.higher is None or len(found) < 2 or math.isnan(own):
            return False
        return own == (max(found) if column.higher else min(found))

    @staticmethod
    def _has(row: ScoreRow, column: ScoreColumn) -> bool:
        return not math.isnan(row.values.get(column.id, math.nan))

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: N802
        return 0 if parent is not None and parent.isValid() else 1 + len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        row = self.rows[index.row()]
        column = self.columns[index.column() - 1] if index.column() else None
        if role == _ROW:
            return row
        if role == _BEST:
            return column is not None and self.is_best(index.row(), column)
        if role == Qt.ItemDataRole.DisplayRole:
            if column is None:
                return row.name
            value = row.values.get(column.id, math.nan)
            return numbers.NONE if math.isnan(value) else f"{value:.3f}".replace("-", numbers.MINUS)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tips.plain(f"{row.number} {row.name}\n{row.tip}".strip())
        if role == Qt.ItemDataRole.AccessibleTextRole and column is None:
            return f"{row.number} {row.name}"
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = self.columns[section - 1] if section else None
        if role == Qt.ItemDataRole.DisplayRole:
            return "Layer" if column is None else column.header
        if role == Qt.ItemDataRole.ToolTipRole:
            return "" if column is None else tips.plain(column.tip)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if column is None else Qt.AlignmentFlag.AlignRight
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def to_csv(self, about: Mapping[str, str] | None = None) -> str:
        """The table as it is, with full numbers; ``about`` gives columns that are the same in each row."""
        from vitinspect.names import csv_cell

        about = about or {}
        same = [csv_cell(value) for value in about.values()]
        lines = [[*about, "number", "layer", *(column.id for column in self.columns)]]
        for row in self.rows:
            values = (row.values.get(column.id, math.nan) for column in self.columns)
            numbers_of = ["" if math.isnan(v) else repr(v) for v in values]
            lines.append([*same, str(row.number), csv_cell(row.name), *numbers_of])
        return csv_lines(lines)


def csv_lines(lines: Iterable[Sequence[str]]) -> str:
    """A table as the text of a CSV file."""
    return "".join(",".join(_quoted(cell) for cell in line) + "\r\n" for line in lines)


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\r\n') else cell


class ScoreTable(QTableView):
    """``chosen`` when a person goes to another layer; ``menu_wanted`` with a layer and a place on the screen."""

    chosen = Signal(str)
    menu_wanted = Signal(str, QPoint)

    def __init__(self) -> None:
        super().__init__()
        self.scores = ScoreModel(self)
        self._setting = True
        self.setModel(self.scores)
        self.setItemDelegate(_ScoreDelegate(self))
        self.setShowGrid(False)
        self.setAccessibleName("Scores of the layers")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(tokens.TABLE_ROW_HEIGHT)
        self.verticalHeader().setDefaultSectionSize(tokens.TABLE_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setFixedHeight(tokens.TABLE_ROW_HEIGHT)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setMinimumSectionSize(24)
        self._setting = False

    def set_scores(self, columns: Sequence[ScoreColumn], rows: Sequence[ScoreRow], chosen: str = "") -> None:
        """Show these, without a signal."""
        self._setting = True
        self.scores.set_scores(columns, rows)
        self._set_widths()
        at = next((i for i, row in enumerate(self.scores.rows) if row.id == chosen), -1)
        if at >= 0:
            self.setCurrentIndex(self.scores.index(at, 0))
        else:
            self.selectionModel().setCurrentIndex(QModelIndex(), QItemSelectionModel.SelectionFlag.Clear)
        self._setting = False

    def _set_widths(self) -> None:
        """Wide enough for every name and number; what is left over goes to the names."""
        small = QFontMetrics(theme.font(tokens.SMALL_SIZE))
        figure = QFontMetrics(theme.font(tokens.SMALL_SIZE, bold=True)).horizontalAdvance("0.888")
        widths = [max(small.horizontalAdvance(c.header), figure) + 10 for c in self.scores.columns]
        names = max((small.horizontalAdvance(row.name) for row in self.scores.rows), default=60) + NAME + 8
        self.setColumnWidth(0, max(names, self.viewport().width() - sum(widths)))
        for column, width in enumerate(widths, 1):
            self.setColumnWidth(column, width)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._set_widths()

    def currentChanged(self, current: Index, previous: Index) -> None:  # noqa: N802
        super().currentChanged(current, previous)
        if not self._setting and current.isValid() and current.row() != previous.row():
            self.chosen.emit(self.scores.rows[current.row()].id)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        index = self.indexAt(event.pos())
        if index.isValid():
            self.menu_wanted.emit(self.scores.rows[index.row()].id, event.globalPos())


class _ScoreDelegate(QStyledItemDelegate):
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        t = theme.current()
        row: ScoreRow = index.data(_ROW)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor(t.chosen))
        painter.setPen(QColor(t.text))
        middle = option.rect.center().y() + 1
        if index.column() == 0:
            if row.number:
                number_badge(painter, QRect(option.rect.left() + 8, middle - 8, 16, 16), row.number)
            if row.place >= 0:
                painter.setPen(pen_of(row.place, width=2))
                painter.drawLine(option.rect.left() + 32, middle, option.rect.left() + 46, middle)
            painter.setPen(QColor(t.text))
            painter.setFont(theme.font(tokens.SMALL_SIZE))
            place = option.rect.adjusted(NAME, 0, -2, 0)
            text = painter.fontMetrics().elidedText(row.name, Qt.TextElideMode.ElideMiddle, place.width())
            painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), text)
        else:
            painter.setFont(theme.font(tokens.SMALL_SIZE, bold=bool(index.data(_BEST))))
            place = option.rect.adjusted(5, 0, -5, 0)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), str(index.data()))
        painter.restore()
