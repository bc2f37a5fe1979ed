"""The tabs below the view: a row that is always there, and what is open above it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from vitinspect.app.shell.workspace import BottomTab
from vitinspect.app.widgets.rows import icon_button, words
from vitinspect.app.widgets.tabs import Tabs

ROW = 28
LEAST = 148


class BottomTabs(QFrame):
    """A click on a tab opens it; on the open one, or on the arrow, it collapses to its row."""

    opened = Signal(str)
    """The id of the tab that a person opened."""
    collapsed = Signal()

    def __init__(self, tabs: tuple[BottomTab, ...], make: Callable[[BottomTab], QWidget]) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self._tabs, self._make = tabs, make
        self._made: dict[str, QWidget] = {}
        self.bar = Tabs()
        self.bar.setDrawBase(False)
        self.bar.setExpanding(False)
        self.bar.setUsesScrollButtons(False)
        self.bar.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for tab in tabs:
            self.bar.addTab(tab.title)
        self.summary: QLabel = words("", "note")
        self.summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.summary.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.arrow = icon_button("chevron-up", "Open", self._toggle)
        row = QWidget()
        row.setFixedHeight(ROW)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(4, 0, 8, 0)
        layout.setSpacing(8)
        layout.addWidget(self.bar)
        layout.addWidget(self.summary, 1)
        layout.addWidget(self.arrow)
        self.stack = QStackedWidget()
        self.stack.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(row)
        whole.addWidget(self.stack, 1)
        self.is_open = True
        self.bar.tabBarClicked.connect(self._clicked)
        self.bar.currentChanged.connect(self._changed)
        self.show_open(False, tabs[0].id)

    def _clicked(self, index: int) -> None:
        if index == self.bar.currentIndex():
            self._toggle()

    def _changed(self, index: int) -> None:
        if index >= 0:
            self.opened.emit(self._tabs[index].id)

    def _toggle(self) -> None:
        if self.is_open:
            self.collapsed.emit()
        else:
            self.opened.emit(self.current)

    @property
    def current(self) -> str:
        return self._tabs[max(0, self.bar.currentIndex())].id

    def tab(self, tab_id: str) -> QWidget:
        """What is in a tab; made now if it was never open."""
        if tab_id not in self._made:
            made = self._make(next(tab for tab in self._tabs if tab.id == tab_id))
            self._made[tab_id] = made
            self.stack.addWidget(made)
        return self._made[tab_id]

    @property
    def made(self) -> tuple[QWidget, ...]:
        return tuple(self._made.values())

    def show_open(self, is_open: bool, tab_id: str) -> None:
        """Show this state, without a signal."""
        ids = [tab.id for tab in self._tabs]
        tab_id = tab_id if tab_id in ids else ids[0]
        self.bar.blockSignals(True)
        self.bar.setCurrentIndex(ids.index(tab_id))
        self.bar.blockSignals(False)
        self.is_open = is_open
        if self.bar.property("collapsed") is not (not is_open):
            self.bar.setProperty("collapsed", not is_open)
            self.bar.style().unpolish(self.bar)
            self.bar.style().polish(self.bar)
        self.stack.setVisible(is_open)
        if is_open:
            self.stack.setCurrentWidget(self.tab(tab_id))
        self.setMinimumHeight(LEAST if is_open else ROW)
        self.setMaximumHeight(16_777_215 if is_open else ROW)
        from vitinspect.app.widgets import icons

        self.arrow.setIcon(icons.icon("chevron-down" if is_open else "chevron-up"))
        self.arrow.setToolTip("Collapse" if is_open else "Open")

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(400, 216 if self.is_open else ROW)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(200, LEAST if self.is_open else ROW)
