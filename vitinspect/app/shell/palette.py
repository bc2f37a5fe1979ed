"""The palette: every command, and every class to explain, found by what is typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app import theme
from vitinspect.app.shell.keys import show_keys
from vitinspect.app.shell.menus.record import Action, Menu
from vitinspect.app.theme.tokens import ROW_HEIGHT, SMALL_SIZE
from vitinspect.app.widgets.rows import line, words

if TYPE_CHECKING:
    from vitinspect.app.shell.actions import Actions

WIDTH = 540
ROWS = 9
KIND = 74
"""Width of the column with the menu's name."""
_KIND, _KEYS, _ID = (int(Qt.ItemDataRole.UserRole) + i for i in range(3))


@dataclass(frozen=True)
class Extra:
    """Something to run that is in no menu, such as a class to explain. It is listed after the commands."""

    kind: str
    text: str
    run: Callable[[], object]


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


class Palette(QFrame):
    """A frame over the window. Type a part of a command's name; Enter runs it, Esc closes."""

    def __init__(self, actions: Actions, parent: QWidget, extras: Sequence[Extra] = ()) -> None:
        super().__init__(parent)
        self.setProperty("kind", "popup")
        self.setAccessibleName("All commands")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._actions, self._extras = actions, extras
        self.field = QLineEdit()
        self.field.setPlaceholderText("Type a part of a command")
        self.field.installEventFilter(self)
        self.list = QListWidget()
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        self.list.setItemDelegate(_Rows(self.list))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.nothing = words("", "quiet", wrap=True)
        self.nothing.setContentsMargins(12, 8, 12, 8)
        self.foot = words("", "note")
        self.foot.setContentsMargins(8, 4, 8, 4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 8, 1, 1)
        layout.setSpacing(4)
        top = QVBoxLayout()
        top.setContentsMargins(8, 0, 8, 4)
        top.addWidget(self.field)
        layout.addLayout(top)
        layout.addWidget(self.nothing)
        layout.addWidget(self.list, 1)
        layout.addWidget(line())
        layout.addWidget(self.foot)
        self.field.textChanged.connect(self._fill)
        self.field.returnPressed.connect(self._run)
        self.list.itemClicked.connect(lambda item: self._run())
        self._fill("")
        self.setFixedSize(WIDTH, ROWS * ROW_HEIGHT + 84)
        self.move((parent.width() - WIDTH) // 2, 96)

    def open(self) -> None:
        self.show()
        self.raise_()
        self.field.setFocus()

    def _fill(self, text: str) -> None:
        self.list.clear()
        chosen = -1
        for menu, record in ranked(text, self._actions.menus):
            keys = show_keys(record)
            item = self._add(menu.name, record.text.rstrip("…"), keys[0] if keys else "", record.id)
            item.setToolTip(record.tip)
            if not self._actions[record.id].isEnabled():
                item.setFlags(Qt.ItemFlag.NoItemFlags)
            elif chosen < 0:
                chosen = self.list.count() - 1
        asked = text.casefold().split()
        for at, extra in enumerate(self._extras):
            if asked and all(word in f"{extra.kind} {extra.text}".casefold() for word in asked):
                self._add(extra.kind, extra.text, "", at)
                chosen = chosen if chosen >= 0 else self.list.count() - 1
        self.list.setCurrentRow(chosen)
        self.nothing.setText(f"No command has “{text.strip()}” in its name or explanation.")
        self.nothing.setVisible(not self.list.count())
        every = len(self._actions.records) + len(self._extras)
        self.foot.setText(f"Enter runs, Esc closes. {self.list.count()} of {every} commands.")

    def _add(self, kind: str, text: str, keys: str, what: object) -> QListWidgetItem:
        item = QListWidgetItem(text)
        for role, value in ((_KIND, kind), (_KEYS, keys), (_ID, what)):
            item.setData(role, value)
        self.list.addItem(item)
        return item

    def _run(self) -> None:
        item = self.list.currentItem()
        if item is None:
            return
        what = item.data(_ID)
        self.leave()
        if isinstance(what, str):
            self._actions[what].trigger()
        else:
            self._extras[what].run()

    def leave(self) -> None:
        """Close it and give the keyboard focus back."""
        window = self.parentWidget()
        self.field.removeEventFilter(self)
        self.close()
        back = getattr(window, "focus_view", None)
        if back is not None:
            back()

    def chosen_id(self) -> object:
        """What Enter would run: the id of an action, or the place of an extra."""
        item = self.list.currentItem()
        return None if item is None else item.data(_ID)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if isinstance(event, QFocusEvent) and event.type() == QEvent.Type.FocusOut:
            if event.reason() == Qt.FocusReason.MouseFocusReason and self.isVisible():
                self.close()
        elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps: dict[int, int] = {
                Qt.Key.Key_Down: 1,
                Qt.Key.Key_Up: -1,
                Qt.Key.Key_PageDown: ROWS,
                Qt.Key.Key_PageUp: -ROWS,
            }
            step = steps.get(event.key())
            if step is not None and self.list.count():
                self.list.setCurrentRow(min(max(0, self.list.currentRow() + step), self.list.count() - 1))
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.leave()
                return True
        return super().eventFilter(watched, event)


class _Rows(QStyledItemDelegate):
    """Menu, name and key in three columns."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802
        return QSize(WIDTH - 20, ROW_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        t = theme.current()
        rect: QRect = option.rect
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        enabled = bool(index.flags() & Qt.ItemFlag.ItemIsEnabled)
        if chosen:
            painter.fillRect(rect, QColor(t.chosen))
            painter.fillRect(rect.left(), rect.top(), 3, rect.height(), QColor(t.accent))
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        painter.setFont(theme.font())
        painter.setPen(QColor(t.on_chosen if chosen else t.quiet))
        painter.drawText(rect.adjusted(12, 0, 0, 0), middle, index.data(_KIND))
        painter.setPen(QColor(t.on_chosen if chosen else t.text if enabled else t.quiet))
        painter.drawText(rect.adjusted(12 + KIND, 0, -90, 0), middle, index.data(Qt.ItemDataRole.DisplayRole))
        painter.setFont(theme.font(SMALL_SIZE))
        painter.setPen(QColor(t.on_chosen if chosen else t.quiet))
        painter.drawText(rect.adjusted(0, 0, -12, 0), middle | int(Qt.AlignmentFlag.AlignRight), index.data(_KEYS))
