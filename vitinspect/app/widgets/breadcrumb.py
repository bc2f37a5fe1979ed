"""The open folder as its path, each part of which opens that folder, with a menu of recent ones."""

from __future__ import annotations

import os
from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import icons, tips

HEIGHT = 24


def parts_of(folder: str) -> list[tuple[str, str]]:
    """(name, path) from the root to the folder itself."""
    if not folder:
        return []
    made: list[tuple[str, str]] = []
    path = os.path.normpath(folder)
    while True:
        parent, name = os.path.split(path)
        made.append((name or path, path))
        if parent == path or not parent:
            return made[::-1]
        path = parent


class Breadcrumb(QWidget):
    """As many of the last parts as fit; those before them are in a menu behind "…"."""

    folder_chosen = Signal(str)
    edit_wanted = Signal()
    """A double click, or F2: the person wants to type the path."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts: list[tuple[str, str]] = []
        self._recent: tuple[str, ...] = ()
        self._words = ""
        self._hovered = QPoint(-1, -1)
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Folder")

    def set_folder(self, folder: str, recent: Sequence[str] = (), *, words: str = "") -> None:
        """``words`` are shown where there is no folder: "3 pictures"."""
        self._parts = parts_of(folder)
        self._recent = tuple(r for r in recent if r and r != folder)
        self._words = words
        self.setToolTip(tips.plain(folder))
        self.setAccessibleDescription(folder or words)
        self.update()

    # --- geometry ------------------------------------------------------------------------------------------------

    def shown(self) -> list[tuple[QRect, str, str]]:
        """What is shown in the line: a rectangle, the words, and the path; the path of "…" is empty."""
        metrics = self.fontMetrics()
        room = self.width() - 8 - 20 - 24
        chosen: list[tuple[str, str]] = []
        used = 0
        for name, path in reversed(self._parts):
            width = metrics.horizontalAdvance(name) + 20
            more = 24 if len(chosen) + 1 < len(self._parts) else 0
            if chosen and used + width + more > room:
                break
            chosen.insert(0, (name, path))
            used += width
        if len(chosen) < len(self._parts):
            chosen.insert(0, ("…", ""))
        made, x = [], 8 + 20
        for name, path in chosen:
            width = min(metrics.horizontalAdvance(name) + 4, max(24, self.width() - 28 - x))
            made.append((QRect(x, 0, width, HEIGHT), name, path))
            x += width + 16
        return made

    @property
    def arrow(self) -> QRect:
        """Opens the recent folders."""
        return QRect(self.width() - 24, 0, 24, HEIGHT)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(200, HEIGHT)

    # --- menus ---------------------------------------------------------------------------------------------------

    def recent_menu(self) -> QMenu:
        """The recent folders, the last one first."""
        menu = self._menu([(path, path) for path in self._recent], "No other folder was opened yet")
        menu.addSeparator()
        menu.addAction("Enter a folder path", self.edit_wanted.emit)
        return menu

    def parents_menu(self) -> QMenu:
        """The folders that do not fit in the line."""
        visible = {path for _, _, path in self.shown()}
        return self._menu([(path, path) for _, path in self._parts if path not in visible], "")

    def _menu(self, items: list[tuple[str, str]], empty: str) -> QMenu:
        menu = QMenu(self)
        for text, path in items:
            action = menu.addAction(text.replace("&", "&&"))
            action.triggered.connect(lambda _=False, p=path: self.folder_chosen.emit(p))
        if not items and empty:
            menu.addAction(empty).setEnabled(False)
        return menu

    def _open(self, menu: QMenu, x: int) -> None:
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.mapToGlobal(QPoint(x, self.height())))

    # --- mouse, keyboard, painting -------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        point = event.position().toPoint()
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        if self.arrow.contains(point):
            self._open(self.recent_menu(), self.arrow.left())
            return
        for rect, _, path in self.shown():
            if rect.contains(point):
                if path:
                    self.folder_chosen.emit(path)
                else:
                    self._open(self.parents_menu(), rect.left())
                return

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        point = event.position().toPoint()
        if not any(rect.contains(point) for rect, _, _ in self.shown()) and not self.arrow.contains(point):
            self.edit_wanted.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._hovered = event.position().toPoint()
        self.update()

    def leaveEvent(self, event: object) -> None:  # noqa: N802
        self._hovered = QPoint(-1, -1)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space, Qt.Key.Key_Down):
            self._open(self.recent_menu(), self.arrow.left())
        elif event.key() == Qt.Key.Key_F2:
            self.edit_wanted.emit()
        elif event.key() == Qt.Key.Key_Up and len(self._parts) > 1:
            self.folder_chosen.emit(self._parts[-2][1])
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = HEIGHT // 2
        icons.paint(painter, "folder", t.quiet, QPoint(16, middle))
        shown = self.shown()
        painter.setFont(theme.font(tokens.TEXT_SIZE))
        for i, (rect, name, _) in enumerate(shown):
            if rect.contains(self._hovered):
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(t.hover))
                painter.drawRoundedRect(rect.adjusted(-3, 2, 3, -2), 3, 3)
            last = i == len(shown) - 1
            painter.setPen(QColor(t.text if last else t.quiet))
            text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, rect.width())
            painter.drawText(rect, int(Qt.AlignmentFlag.AlignVCenter), text)
            if not last:
                icons.paint(painter, "chevron-right", t.quiet, QPoint(rect.right() + 9, middle), 12)
        if not shown and self._words:
            painter.setPen(QColor(t.quiet))
            painter.drawText(self.rect().adjusted(28, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), self._words)
        hot = self.arrow.contains(self._hovered)
        icons.paint(painter, "chevron-down", t.text if hot else t.quiet, self.arrow.center())
        painter.end()
