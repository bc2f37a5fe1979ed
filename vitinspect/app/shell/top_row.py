"""The top row: menus, workspaces, and how the present one is viewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QMenuBar, QSizePolicy, QToolButton, QWidget

from vitinspect.app.shell.workspace import ViewButton, Workspace
from vitinspect.app.widgets.rows import icon_button
from vitinspect.app.widgets.segments import Segments
from vitinspect.app.widgets.tabs import Tabs

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow

HEIGHT = 32


class TopRow(QWidget):
    """Made once; the segments at its right are those of the workspace that is shown."""

    switched = Signal(str)
    """A tab was chosen: the id of its workspace."""

    def __init__(self, window: MainWindow, workspaces: tuple[Workspace, ...]) -> None:
        super().__init__()
        self._window, self._workspaces = window, workspaces
        self.setFixedHeight(HEIGHT)
        self.menus = QMenuBar()
        self.menus.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.tabs = Tabs()
        self.tabs.setObjectName("workspaces")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setUsesScrollButtons(False)
        self.tabs.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.tabs.setAccessibleName("Workspaces")
        self.tabs.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        for number, workspace in enumerate(workspaces, 1):
            self.tabs.addTab(workspace.title)
            self.tabs.setTabToolTip(number - 1, f"{workspace.title} (Ctrl+{number})")
        self.tabs.currentChanged.connect(lambda index: self.switched.emit(self._workspaces[index].id))
        self._views: dict[str, QWidget] = {}
        self.segments: dict[str, Segments] = {}
        """By the value of the state that they set."""
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(4, 0, 8, 0)
        self._row.setSpacing(8)
        self._row.addWidget(self.menus)
        self._row.addSpacing(16)
        self._row.addWidget(self.tabs)
        self._row.addStretch(1)

    def show_workspace(self, shown: Workspace) -> None:
        self.tabs.blockSignals(True)
        self.tabs.setCurrentIndex(self._workspaces.index(shown))
        self.tabs.blockSignals(False)
        if shown.id not in self._views:
            self._views[shown.id] = self._make_view(shown)
            self._row.addWidget(self._views[shown.id])
        for workspace_id, view in self._views.items():
            view.setVisible(workspace_id == shown.id)

    def show_words(self, shown: bool) -> None:
        """Where the window is narrow, layouts are shown as icons without words."""
        if "layout" in self.segments:
            self.segments["layout"].show_words(shown)

    def _make_view(self, workspace: Workspace) -> QWidget:
        state = self._window.backend.state
        box = QWidget()
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for choice in workspace.choices:
            segments = Segments(choice.segments, name=choice.name)
            segments.set_value(getattr(state, choice.state))
            segments.chosen.connect(lambda value, name=choice.state: state.set(**{name: value}))
            self.segments[choice.state] = segments
            row.addWidget(segments)
        for button in workspace.buttons:
            row.addWidget(self._make_button(button))
        return box

    def _make_button(self, declared: ViewButton) -> QToolButton:
        window = self._window
        if declared.menu is not None:
            made = icon_button(declared.icon, declared.title)
            made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
            made.setMenu(declared.menu(window))
            return made
        action = window.actions_[declared.action]
        made = icon_button(declared.icon, declared.title, action.trigger, tip=action.toolTip())
        made.setEnabled(action.isEnabled())
        action.enabledChanged.connect(made.setEnabled)
        return made

    def follow(self, names: frozenset[str]) -> None:
        for name in names & set(self.segments):
            self.segments[name].set_value(getattr(self._window.backend.state, name))

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(800, HEIGHT)
