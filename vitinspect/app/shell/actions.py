"""The records of the menus as Qt's actions, bound to a window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QAction, QActionGroup, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar

from vitinspect.app.compute.worker import Problem
from vitinspect.app.shell.keys import show_keys
from vitinspect.app.shell.menus import MENUS, every_action
from vitinspect.app.shell.menus.record import Action, Submenu
from vitinspect.errors import VitInspectError

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow


class Actions(QObject):
    """Keeps what is ticked and what can run in step with the state, the settings and the results."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._state, self._settings = window.backend.state, window.backend.settings
        self.menus, self.records = MENUS, every_action()
        self.by_id: dict[str, QAction] = {}
        groups: dict[str, QActionGroup] = {}
        for record in self.records:
            action = QAction(record.text, window)
            action.setObjectName(record.id)
            keys = ", ".join(show_keys(record))
            action.setToolTip(f"{record.tip}" + (f" ({keys})" if keys else ""))
            action.setStatusTip("")
            action.setShortcuts([QKeySequence(key) for key in record.keys])
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            if record.state or record.setting:
                action.setCheckable(True)
                if record.value is not None:
                    group = groups.setdefault(record.state or record.setting, QActionGroup(self))
                    group.addAction(action)
            action.triggered.connect(self._runner(record))
            self.by_id[record.id] = action
            window.addAction(action)
        self._state.changed.connect(self._follow)
        self._settings.changed.connect(lambda name: self._follow(frozenset({name})))
        window.backend.results.changed.connect(self._results_changed)
        window.history.changed.connect(self.follow_needs)
        self._follow(frozenset(r.state or r.setting for r in self.records))
        self.follow_needs()

    def __getitem__(self, action_id: str) -> QAction:
        return self.by_id[action_id]

    def _runner(self, record: Action) -> Callable[[], object]:
        window, state, settings, run = self._window, self._state, self._settings, record.run
        if run is not None:
            return lambda: _run(run, window)
        if record.setting:
            return lambda: settings.set(record.setting, record.value)
        if record.value is None:
            return lambda: state.toggle(record.state)
        return lambda: state.set(**{record.state: record.value})

    @Slot(object)
    def _follow(self, names: frozenset[str]) -> None:
        for record in self.records:
            name = record.state or record.setting
            if name and name in names:
                value = self._settings[name] if record.setting else getattr(self._state, name)
                self.by_id[record.id].setChecked(value == (True if record.value is None else record.value))
        if names & {"workspace", *(choice.state for choice in self._window.workspace.choices)}:
            self.follow_needs()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"maps", "file_maps", "picture", "progress"}:
            self.follow_needs()

    def follow_needs(self) -> None:
        for record in self.records:
            if record.needs or record.where:
                self.by_id[record.id].setEnabled(self._can_run(record))

    def _can_run(self, record: Action) -> bool:
        if record.where and self._state.workspace not in record.where:
            return False
        if record.id in self._window.ignored:
            return False
        results, history = self._window.backend.results, self._window.history
        # Masks that are drawn by hand have a history of their own, which says what cannot be undone.
        own = self._state.workspace == "masks"
        return {
            "": True,
            "picture": results.picture is not None,
            "map": bool(results.maps or results.file_maps),
            "work": results.progress is not None,
            "undo": own or history.can_undo,
            "redo": own or history.can_redo,
        }[record.needs]

    def press(self, event: QKeyEvent) -> bool:
        """Run the action of a soft key; False where there is none."""
        pressed = QKeySequence(event.keyCombination())
        for record in self.records:
            if any(QKeySequence(key) == pressed for key in record.soft) and self.by_id[record.id].isEnabled():
                self.by_id[record.id].trigger()
                return True
        return False

    def fill_menus(self, bar: QMenuBar) -> None:
        for menu in self.menus:
            shown = bar.addMenu(menu.title)
            shown.setToolTipsVisible(True)
            for entry in menu.entries:
                if isinstance(entry, Action):
                    shown.addAction(self.by_id[entry.id])
                elif isinstance(entry, Submenu):
                    self._add_submenu(shown, entry)
                else:
                    shown.addSeparator()

    def _add_submenu(self, menu: QMenu, entry: Submenu) -> None:
        below = menu.addMenu(entry.text)
        below.setToolTipsVisible(True)

        def fill() -> None:
            below.clear()
            for words, tip, call in entry.items(self._window):
                action = below.addAction(words.replace("&", "&&"))
                action.setToolTip(tip)
                action.triggered.connect(lambda _=False, call=call: call())
            if below.isEmpty():
                below.addAction("None yet").setEnabled(False)

        below.aboutToShow.connect(fill)


def _run(run: Callable[[MainWindow], object], window: MainWindow) -> object:
    """Run a command; where it fails, the window says why."""
    try:
        return run(window)
    except VitInspectError as error:
        window.message.show_problem(Problem(str(error), "", True))
        return None
