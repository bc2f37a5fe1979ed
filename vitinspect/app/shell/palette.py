"""The command palette and the sheet of shortcuts: both are lists of the actions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app.shell.keys import show_keys
from vitinspect.app.shell.menus.record import Action, Menu

if TYPE_CHECKING:
    from vitinspect.app.shell.actions import Actions


def ranked(text: str, menus: Sequence[Menu]) -> list[tuple[Menu, Action]]:
    """The actions with every typed word in them: by the name first, then by menu, then by the explanation."""
    found = []
    for menu in menus:
        for entry in menu.entries:
            if isinstance(entry, Action) and entry.id != "palette":
                rank = _rank(text.casefold(), menu, entry)
                if rank is not None:
                    found.append((rank, (menu, entry)))
    return [pair for _, pair in sorted(found, key=lambda ranked: ranked[0])]


def _rank(text: str, menu: Menu, record: Action) -> int | None:
    """How well an action fits, 0 being best; None where a word is nowhere in it."""
    words = text.split()
    if not words:
        return 0
    name = record.text.casefold()
    if name.startswith(" ".join(words)):
        return 0
    if all(re.search(rf"\b{re.escape(word)}", name) for word in words):
        return 1
    if all(word in name for word in words):
        return 2
    titled = f"{menu.name} {name}".casefold()
    if all(word in titled for word in words):
        return 3
    return 4 if all(word in f"{titled} {record.tip.casefold()}" for word in words) else None


class Palette(QDialog):
    """Type a part of a command's name; Enter runs it."""

    def __init__(self, actions: Actions, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("All commands")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._actions = actions
        self.field = QLineEdit()
        self.field.setPlaceholderText("Type a part of a command")
        self.field.installEventFilter(self)
        self.list = QListWidget()
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        self.nothing = QLabel()
        self.nothing.setObjectName("quiet")
        self.nothing.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self.field)
        layout.addWidget(self.nothing)
        layout.addWidget(self.list)
        self.resize(520, 420)
        self.field.textChanged.connect(self._fill)
        self.field.returnPressed.connect(self._run)
        self.list.itemClicked.connect(lambda item: self._run())
        self._fill("")

    def _fill(self, text: str) -> None:
        self.list.clear()
        chosen = -1
        for menu, record in ranked(text, self._actions.menus):
            keys = ", ".join(show_keys(record))
            item = QListWidgetItem(f"{menu.name}: {record.text.rstrip('…')}" + (f"\t{keys}" if keys else ""))
            item.setData(Qt.ItemDataRole.UserRole, record.id)
            item.setToolTip(record.tip)
            if not self._actions[record.id].isEnabled():
                item.setFlags(Qt.ItemFlag.NoItemFlags)
            elif chosen < 0:
                chosen = self.list.count()
            self.list.addItem(item)
        self.list.setCurrentRow(chosen)
        self.nothing.setText(f"No command has “{text.strip()}” in its name or explanation.")
        self.nothing.setVisible(not self.list.count())

    def _run(self) -> None:
        item = self.list.currentItem()
        if item is None:
            return
        action = self._actions[item.data(Qt.ItemDataRole.UserRole)]
        self.close()
        action.trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps: dict[int, int] = {
                Qt.Key.Key_Down: 1,
                Qt.Key.Key_Up: -1,
                Qt.Key.Key_PageDown: 10,
                Qt.Key.Key_PageUp: -10,
            }
            step = steps.get(event.key())
            if step is not None and self.list.count():
                self.list.setCurrentRow(min(max(0, self.list.currentRow() + step), self.list.count() - 1))
                return True
        return super().eventFilter(watched, event)


class ShortcutSheet(QDialog):
    """All shortcuts, menu by menu."""

    def __init__(self, menus: Sequence[Menu], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        columns = QHBoxLayout()
        columns.setSpacing(32)
        left, right = QGridLayout(), QGridLayout()
        for menu in menus:
            grid = left if menu.name in ("File", "Edit", "Layer") else right
            chosen = [entry for entry in menu.entries if isinstance(entry, Action) and (entry.keys or entry.soft)]
            _add_block(grid, menu.name, [(show_keys(record), record.text.rstrip("…")) for record in chosen])
        mouse = [
            (["wheel"], "Zoom at the cursor"),
            (["drag"], "Move the picture, or the swipe line"),
            (["double-click"], "Fit"),
            (["Space+drag"], "Move the picture with any tool"),
            (["V, P, B, E"], "Pan, pin, what-if brush, what-if eraser"),
            (["[", "]"], "Narrower and wider brush"),
            (["hold H"], "Hide the heat map"),
        ]
        _add_block(left, "On the picture", mouse)
        for grid in (left, right):
            grid.setHorizontalSpacing(16)
            grid.setVerticalSpacing(4)
            grid.setRowStretch(grid.rowCount(), 1)
            columns.addLayout(grid)
        inside = QWidget()
        inside.setLayout(columns)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(scroll)
        self.resize(760, 600)


def _add_block(grid: QGridLayout, title: str, rows: list[tuple[list[str], str]]) -> None:
    heading = QLabel(title)
    heading.setObjectName("heading")
    heading.setContentsMargins(0, 8 if grid.count() else 0, 0, 0)
    top = grid.rowCount()
    grid.addWidget(heading, top, 0, 1, 2)
    for i, (keys, text) in enumerate(rows, top + 1):
        label = QLabel("  ".join(keys))
        label.setObjectName("quiet")
        grid.addWidget(QLabel(text), i, 0)
        grid.addWidget(label, i, 1)
