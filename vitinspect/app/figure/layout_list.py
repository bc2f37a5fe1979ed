"""The layouts that were saved by name: save, open, rename, delete; what is replaced or deleted can be undone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QHBoxLayout,
    QInputDialog,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app.compute.worker import Problem
from vitinspect.app.services.figure_layouts import FigureLayouts
from vitinspect.app.services.figures import FigureService
from vitinspect.app.session.history import Step
from vitinspect.app.session.problems import Problems
from vitinspect.app.widgets import icons, tips
from vitinspect.app.widgets.rows import icon_button, words
from vitinspect.errors import VitInspectError

CAUSE = "figure layouts"
_NAME = Qt.ItemDataRole.UserRole
_ROW, _MOST_ROWS = 38, 4


class LayoutList(QWidget):
    """A click opens one."""

    step_done = Signal(object)
    """A ``Step`` for the window's history."""

    def __init__(self, figures: FigureService, layouts: FigureLayouts, problems: Problems) -> None:
        super().__init__()
        self._figures, self._layouts, self._problems = figures, layouts, problems
        self._current = ""
        self.list = QListWidget()
        self.list.setAccessibleName("Saved layouts")
        self.list.setUniformItemSizes(True)
        self.list.itemActivated.connect(lambda item: self.open(item.data(_NAME)))
        self.list.itemClicked.connect(lambda item: self.open(item.data(_NAME)))
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._menu_at)
        self.none = words("Save the figure with + to open it again.", "note", wrap=True)
        self.none.setContentsMargins(8, 0, 8, 4)
        self.save = icon_button("add", "Save layout", self._ask_name, tip="Save the figure as a layout by name")
        self.more = icon_button("more", "More", tip="Rename or delete the layout")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.more)
        menu.aboutToShow.connect(partial(self._fill, menu))
        self.more.setMenu(menu)
        head = QHBoxLayout()
        head.setContentsMargins(8, 4, 8, 0)
        head.setSpacing(2)
        head.addWidget(words("Layouts", "heading"), 1)
        head.addWidget(self.save)
        head.addWidget(self.more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.none)
        column.addWidget(self.list)
        layouts.changed.connect(self.follow)
        figures.changed.connect(self._follow_figure)
        self.follow()
        self._follow_figure()

    @Slot()
    def _follow_figure(self) -> None:
        self.save.setEnabled(not self._figures.is_empty)

    @Slot()
    def follow(self) -> None:
        """List the files again."""
        found = self._layouts.all()
        self.list.clear()
        for one in found:
            item = QListWidgetItem(icons.icon("grid"), f"{one.name}\n{one.detail}")
            item.setData(_NAME, one.name)
            item.setToolTip(tips.plain(one.name))
            self.list.addItem(item)
            if one.name == self._current:
                self.list.setCurrentItem(item)
        self.list.setVisible(bool(found))
        self.none.setVisible(not found)
        self.list.setFixedHeight(min(_MOST_ROWS, len(found)) * (self.list.sizeHintForRow(0) if found else _ROW) + 4)
        self.more.setEnabled(bool(found))
        if self._layouts.damaged:
            self._problems.report(CAUSE, Problem(self._layouts.damaged[0], "", True))

    def _try(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except (VitInspectError, OSError) as error:
            self._problems.report(CAUSE, Problem(str(error), "", True))
            return False
        self._problems.solved(CAUSE)
        return True

    def _ask_name(self) -> None:
        spec = self._figures.spec
        wanted = self._current or f"{(spec.rows_from or 'cells').capitalize()} by {spec.columns_from or 'cells'}"
        name, taken = QInputDialog.getText(self, "Save layout", "Name of the layout:", text=wanted)
        if taken and name.strip():
            self.save_as(name)

    def save_as(self, name: str) -> None:
        """Save under a name, replacing the layout of that name; undo restores the earlier one."""
        name = " ".join(name.split())
        before = self._layouts.find(name)
        old = self._layouts.open(name) if before is not None else None
        spec = self._figures.spec
        self._current = name
        if self._try(partial(self._layouts.save, name, spec)) and old is not None:
            back, again = partial(self._layouts.save, name, old), partial(self._layouts.save, name, spec)
            self.step_done.emit(Step(f"Save {name}", back, again, CAUSE))

    def open(self, name: str) -> None:
        """Replace the figure by the layout; undo restores the earlier figure."""
        self._current = name
        self._try(lambda: self._figures.edit(f"Open {name}", self._layouts.open(name)))

    def _fill(self, menu: QMenu) -> None:
        menu.clear()
        item = self.list.currentItem()
        name = item.data(_NAME) if item is not None else ""
        for text, call in (("Rename…", self._rename), ("Delete", self.delete)):
            action = menu.addAction(text)
            action.setEnabled(bool(name))
            action.triggered.connect(lambda _=False, call=call: call(name))

    def _menu_at(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._fill(menu)
        menu.popup(self.list.mapToGlobal(at))

    def _rename(self, name: str) -> None:
        new, taken = QInputDialog.getText(self, "Rename layout", "Name of the layout:", text=name)
        if taken and self._try(partial(self._layouts.rename, name, new)):
            self._current = " ".join(new.split())
            self.follow()

    def delete(self, name: str) -> None:
        """Delete a layout, which can be undone."""
        spec = self._layouts.open(name)
        if self._try(partial(self._layouts.delete, name)):
            back, again = partial(self._layouts.save, name, spec), partial(self._layouts.delete, name)
            self.step_done.emit(Step(f"Delete {name}", back, again, CAUSE))
