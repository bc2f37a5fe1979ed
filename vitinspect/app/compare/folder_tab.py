"""Over the folder: how far the two models' maps agree against their answers; a table and a scatter of the pictures."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, Qt, Signal
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app import theme
from vitinspect.app.compare.run_row import RunRow
from vitinspect.app.people.table import Index
from vitinspect.app.services.over_folder import FolderComparison
from vitinspect.app.session.state import State
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import numbers, rows
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.scatter import Dot, Scatter
from vitinspect.evaluation.two_models import MEASURES, SAYS, Row, ordered, summary
from vitinspect.names import shown

SHORT = {"spearman": "Spearman", "pearson": "Pearson", "iou": "IoU"}
COLUMNS = (
    ("picture", "Picture", "A click opens it"),
    ("label_a", "A says", "The class that model A predicts, with its probability"),
    ("label_b", "B says", "The class that model B predicts, with its probability"),
    ("says", "In common", SAYS),
    *((name, SHORT[name], text) for name, text in MEASURES.items()),
)
_TEXTS = ("picture", "label_a", "label_b")
WIDTHS = (150, 112, 112, 78, 74, 64, 48)
PEARSON, ROOM = 5, 680
"""The column that is hidden first, and the width of the table below which it is."""
Picture = Callable[[str], Any]


class FolderTab(QWidget):
    """Reads the service; asks it to start or to stop, and the state for another picture."""

    def __init__(self, service: FolderComparison, state: State, thumbnail: Picture) -> None:
        super().__init__()
        self._service, self._state = service, state
        self.measure = Choice(list(SHORT.items()), name="Where they look", tip="What is drawn and sorted by")
        self.measure.chosen.connect(lambda _: self.follow())
        self.save = rows.button("Save table…", self._save, tip="All pictures as CSV")
        self.table = FolderTable()
        self.table.chosen.connect(lambda path: state.set(image=path))
        self.scatter = Scatter(thumbnail)
        self.scatter.chosen.connect(lambda path: state.set(image=path))
        self.head = RunRow(
            service,
            "Compare the folder",
            "Both models on each picture of the list",
            after=(rows.words("Where they look", "quiet"), self.measure, self.save),
        )
        self.button, self.notice = self.head.button, self.head.notice
        body = QHBoxLayout()
        body.setContentsMargins(0, 0, 8, 0)
        body.setSpacing(8)
        body.addWidget(self.table, 2)
        body.addWidget(self.scatter, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addLayout(body, 1)
        service.changed.connect(self.follow)
        state.changed.connect(lambda names: self._follow_picture() if "image" in names else None)
        service.want()
        self.follow()

    def follow(self) -> None:
        service = self._service
        measure = self.measure.value or "spearman"
        found = service.rows
        self.table.set_rows(found, measure)
        self._follow_scatter(found, measure)
        total, why_not = service.total, service.why_not
        self.head.follow(len(found), total, possible=not why_not)
        overall = summary(found)
        self.notice.setText(
            f"{len(found)} of {total} pictures, {overall.same_answer} with the same answer; "
            f"mean {SHORT[measure]} {numbers.true_minus(f'{overall.means[measure]:.2f}')}"
            if found
            else why_not or f"{total} pictures"
        )
        self.notice.setToolTip(overall.sentence() if found else "")
        self.save.setEnabled(bool(found))
        self._follow_picture()

    def _follow_scatter(self, found: Sequence[Row], measure: str) -> None:
        by_share = any(math.isfinite(row.says) for row in found)
        dots = [
            Dot(
                row.picture,
                f"{shown(os.path.basename(row.picture))}\nA {row.label_a}, B {row.label_b}",
                row.says if by_share else float(row.same_answer),
                row.measure(measure),
            )
            for row in found
            if not row.problem
        ]
        x_label = "what they say: probability in common" if by_share else "what they say: 1 is the same class"
        self.scatter.set_dots(dots, x_label, SHORT[measure], self._state.image)

    def _follow_picture(self) -> None:
        self.table.select(self._state.image)
        self.scatter.current = self._state.image
        self.scatter.update()

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self.window(), "Save the table", "two-models.csv", "CSV (*.csv)")
        if path:
            self._service.save(path, self.measure.value or "spearman")

    def refresh_theme(self) -> None:
        self.follow()


class FolderModel(QAbstractTableModel):
    """The rows in the chosen order: that of ``ordered``, or by a column."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self._measure = "spearman"
        self._order: tuple[int, Qt.SortOrder] | None = None

    def set_rows(self, found: Sequence[Row], measure: str) -> None:
        self.beginResetModel()
        self._measure = measure
        self.rows = self._arranged(found)
        self.endResetModel()

    def _arranged(self, found: Sequence[Row]) -> list[Row]:
        if self._order is None:
            return ordered(found, self._measure)
        column, order = self._order
        name = COLUMNS[column][0]
        known: list[Row] = []
        rest: list[Row] = []
        for row in found:
            (known if name in _TEXTS or math.isfinite(getattr(row, name)) else rest).append(row)
        known.sort(key=lambda row: getattr(row, name), reverse=order == Qt.SortOrder.DescendingOrder)
        return [*known, *rest]

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._order = (column, order) if column >= 0 else None
        self.set_rows(self.rows, self._measure)

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: N802
        return len(COLUMNS)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        row, name = self.rows[index.row()], COLUMNS[index.column()][0]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, name)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if name in _TEXTS else Qt.AlignmentFlag.AlignRight
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.problem or shown(row.picture)
        if role == Qt.ItemDataRole.ForegroundRole and (row.problem or (name == "label_b" and not row.same_answer)):
            return QColor(theme.current().on_error if row.problem else theme.current().on_warning)
        return None

    @staticmethod
    def _text(row: Row, name: str) -> str:
        if name == "picture":
            return shown(os.path.basename(row.picture))
        if name in _TEXTS:
            share = row.probability_a if name == "label_a" else row.probability_b
            label = shown(getattr(row, name))
            return label if math.isnan(share) else f"{label} {numbers.percent(share, 0)}"
        value = float(getattr(row, name))
        if math.isnan(value):
            return numbers.NONE
        return numbers.true_minus(f"{value:.2f}")

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        if orientation == Qt.Orientation.Horizontal:
            _, title, tip = COLUMNS[section]
            if role == Qt.ItemDataRole.DisplayRole:
                return title
            if role == Qt.ItemDataRole.ToolTipRole:
                return tip
        return None


class FolderTable(QTableView):
    """A click opens a picture; a click on a heading sorts, a third one goes back to the first order."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.found = FolderModel()
        self.setModel(self.found)
        self.setAccessibleName("Pictures with the answers of both models")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        head = self.horizontalHeader()
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setSortIndicatorShown(True)
        head.setSortIndicatorClearable(True)
        head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        head.setSectionsClickable(True)
        head.sortIndicatorChanged.connect(self.found.sort)
        for column, width in enumerate(WIDTHS):
            self.setColumnWidth(column, width)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head.setMinimumSectionSize(40)
        self.setFont(theme.tabular(theme.font(tokens.SMALL_SIZE)))
        self.clicked.connect(lambda index: self.chosen.emit(self.found.rows[index.row()].picture))
        self.activated.connect(lambda index: self.chosen.emit(self.found.rows[index.row()].picture))

    def set_rows(self, found: Sequence[Row], measure: str) -> None:
        self.found.set_rows(found, measure)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        self.setColumnHidden(PEARSON, self.width() < ROOM)
        super().resizeEvent(event)

    def select(self, path: str) -> None:
        """Mark the picture that is shown."""
        at = next((i for i, row in enumerate(self.found.rows) if row.picture == path), -1)
        if at < 0:
            self.clearSelection()
        elif self.currentIndex().row() != at or not self.selectionModel().hasSelection():
            self.selectRow(at)
