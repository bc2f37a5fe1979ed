"""The rows of the layer list as a model. It changes nothing itself: it emits what a person wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QByteArray,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from vitinspect.app.widgets.layer_rows import LayerRow

ROW = int(Qt.ItemDataRole.UserRole) + 1
MIME = "application/x-vitinspect-layer"
Index = QModelIndex | QPersistentModelIndex


class LayerModel(QAbstractListModel):
    """``set_rows`` moves, inserts and removes as little as possible, so that selection and scrolling stay."""

    renamed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[LayerRow, ...] = ()

    def set_rows(self, rows: Sequence[LayerRow]) -> None:
        wanted = tuple(rows)
        ids = [row.id for row in wanted]
        if len(set(ids)) != len(ids):
            raise ValueError("two layers have the same id")
        nowhere = QModelIndex()
        for at in reversed(range(len(self.rows))):
            if self.rows[at].id not in ids:
                self.beginRemoveRows(nowhere, at, at)
                self.rows = self.rows[:at] + self.rows[at + 1 :]
                self.endRemoveRows()
        for at, row in enumerate(wanted):
            have = [r.id for r in self.rows]
            if at < len(have) and have[at] == row.id:
                continue
            if row.id in have:
                before = have.index(row.id)
                self.beginMoveRows(nowhere, before, before, nowhere, at)
                moved = self.rows[before]
                rest = self.rows[:before] + self.rows[before + 1 :]
                self.rows = (*rest[:at], moved, *rest[at:])
                self.endMoveRows()
            else:
                self.beginInsertRows(nowhere, at, at)
                self.rows = (*self.rows[:at], row, *self.rows[at:])
                self.endInsertRows()
        old, self.rows = self.rows, wanted
        for at, (before_row, row) in enumerate(zip(old, wanted, strict=True)):
            if before_row != row:
                self.dataChanged.emit(self.index(at, 0), self.index(at, 0))

    def index_of(self, layer: str) -> QModelIndex:
        at = next((i for i, row in enumerate(self.rows) if row.id == layer), -1)
        return self.index(at, 0) if at >= 0 else QModelIndex()

    def row_at(self, index: Index) -> LayerRow | None:
        return self.rows[index.row()] if index.isValid() and index.row() < len(self.rows) else None

    # --- what Qt asks --------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row_at(index)
        if row is None:
            return None
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return row.label
        if role == Qt.ItemDataRole.EditRole:
            return row.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.tool_tip
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return row.spoken
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        row = self.row_at(index)
        text = str(value).strip()
        if row is not None and role == Qt.ItemDataRole.EditRole and text and text != row.name:
            self.renamed.emit(row.id, text)
        return False

    def flags(self, index: Index) -> Qt.ItemFlag:
        row = self.row_at(index)
        if row is None:
            return Qt.ItemFlag.ItemIsDropEnabled
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled
        return flags | Qt.ItemFlag.ItemIsEditable if row.can_rename else flags

    def supportedDropActions(self) -> Qt.DropAction:  # noqa: N802
        return Qt.DropAction.MoveAction | Qt.DropAction.CopyAction

    def mimeTypes(self) -> list[str]:  # noqa: N802
        return [MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:  # noqa: N802
        data = QMimeData()
        rows = [self.row_at(index) for index in indexes]
        data.setData(MIME, QByteArray("\n".join(row.id for row in rows if row is not None).encode()))
        return data

    def order_after_drop(self, layer: str, before: int) -> tuple[str, ...]:
        """The ids in the order that a layer dropped in front of row ``before`` gives."""
        ids = [row.id for row in self.rows]
        if layer not in ids:
            return tuple(ids)
        at = ids.index(layer)
        ids.pop(at)
        ids.insert(before - (1 if at < before else 0), layer)
        return tuple(ids)
