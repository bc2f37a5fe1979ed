"""The rows of the picker as a table: headings of families, and methods with a box to check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from vitinspect.app.widgets import tips
from vitinspect.app.widgets.method_rows import MethodRow
from vitinspect.presets import LayerSpec

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Method", "Paper", "Needs", "Target", "Time")
NAME, PAPER, NEEDS, TARGET, TIME = range(5)
ROW = int(Qt.ItemDataRole.UserRole) + 1


@dataclass(frozen=True)
class Heading:
    """Above the methods of a family."""

    text: str


class PickerModel(QAbstractTableModel):
    """What is checked stays checked while the list is searched and filtered."""

    checked_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.entries: list[Heading | MethodRow] = []
        self._known: dict[LayerSpec, MethodRow] = {}
        self._checked: dict[LayerSpec, None] = {}
        self.time_title = COLUMNS[TIME]

    def set_rows(self, rows: Sequence[MethodRow]) -> None:
        """Show these, under the headings of their families."""
        self.beginResetModel()
        self.entries = []
        family = ""
        for row in rows:
            if row.family != family:
                family = row.family
                self.entries.append(Heading(family.capitalize()))
            self.entries.append(row)
            self._known[row.layer] = row
        self.endResetModel()

    def refresh(self, rows: Sequence[MethodRow]) -> None:
        """New times and refusals of rows that may be shown."""
        fresh = {row.layer: row for row in rows}
        self._known.update(fresh)
        for at, entry in enumerate(self.entries):
            if isinstance(entry, MethodRow) and fresh.get(entry.layer, entry) != entry:
                self.entries[at] = fresh[entry.layer]
                self.dataChanged.emit(self.index(at, 0), self.index(at, TIME))

    @property
    def checked(self) -> list[MethodRow]:
        """In the order in which they were checked."""
        return [self._known[layer] for layer in self._checked if layer in self._known]

    def set_checked(self, layers: Sequence[LayerSpec]) -> None:
        self._checked = dict.fromkeys(layer for layer in layers if not self._refused(layer))
        if self.entries:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.entries) - 1, 0))
        self.checked_changed.emit()

    def _refused(self, layer: LayerSpec) -> bool:
        row = self._known.get(layer)
        return row is not None and bool(row.refusal)

    def toggle(self, at: int) -> None:
        row = self.method_at(at)
        if row is None or row.refusal:
            return
        if row.layer in self._checked:
            del self._checked[row.layer]
        else:
            self._checked[row.layer] = None
        self.dataChanged.emit(self.index(at, 0), self.index(at, TIME))
        self.checked_changed.emit()

    def is_checked(self, row: MethodRow) -> bool:
        return row.layer in self._checked

    def method_at(self, at: int) -> MethodRow | None:
        entry = self.entries[at] if 0 <= at < len(self.entries) else None
        return entry if isinstance(entry, MethodRow) else None

    def next_method(self, at: int, step: int) -> int:
        """The nearest row that is not a heading; where there is none, the same."""
        there = at + step
        while 0 <= there < len(self.entries):
            if self.method_at(there) is not None:
                return there
            there += 1 if step > 0 else -1
        return at

    # --- what Qt asks --------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802
        return 0 if parent is not None and parent.isValid() else len(self.entries)

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: N802
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        entry = self.entries[index.row()] if index.isValid() and index.row() < len(self.entries) else None
        if entry is None:
            return None
        if role == ROW:
            return entry
        if isinstance(entry, Heading):
            return entry.text if role == Qt.ItemDataRole.DisplayRole and index.column() == NAME else None
        if role == Qt.ItemDataRole.DisplayRole:
            return (entry.title, entry.paper, entry.refusal or entry.needs, entry.target, entry.time)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return tips.plain("\n".join(part for part in (entry.title, entry.summary, entry.refusal) if part))
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == NAME:
            return Qt.CheckState.Checked if self.is_checked(entry) else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == TIME:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.time_title if section == TIME else COLUMNS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section == TIME else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        row = self.method_at(index.row())
        if row is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
