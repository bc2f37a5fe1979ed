"""The tools at the canvas' left, and the strip above it with the options of the selected tool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from vitinspect.app.widgets import rows

WIDTH = 36
BUTTON = 28
OPTIONS_HEIGHT = 32


@dataclass(frozen=True)
class Tool:
    """What the strip shows of a tool or of an action. Another ``group`` begins below a line."""

    id: str
    name: str
    icon: str
    key: str = ""
    group: int = 0
    acts: bool = False
    """It acts once, as undo does, and does not stay selected."""
    tip: str = ""

    @property
    def tool_tip(self) -> str:
        words = self.tip or self.name
        return f"{words} ({self.key})" if self.key else words


class ToolStrip(QWidget):
    """``chosen`` for a tool that is selected, ``triggered`` for an action."""

    chosen = Signal(str)
    triggered = Signal(str)

    def __init__(self, tools: Sequence[Tool] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH)
        self.setAccessibleName("Tools")
        self.buttons: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(4, 6, 4, 6)
        self._layout.setSpacing(4)
        self._layout.addStretch(1)
        self.set_tools(tools)

    def set_tools(self, tools: Sequence[Tool]) -> None:
        """Replace the tools; the selected one stays selected if it is among them."""
        before = self.tool
        while self._layout.count() > 1:
            item = self._layout.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.buttons = {}
        group = tools[0].group if tools else 0
        for tool in tools:
            if tool.group != group:
                group = tool.group
                self._add(_short_line())
            button = self._button(tool)
            self.buttons[tool.id] = button
            self._add(button)
        self.set_tool(before)

    def _add(self, widget: QWidget) -> None:
        self._layout.insertWidget(self._layout.count() - 1, widget, 0, Qt.AlignmentFlag.AlignHCenter)

    def _button(self, tool: Tool) -> QToolButton:
        button = rows.icon_button(tool.icon, tool.name, tip=tool.tool_tip, size=BUTTON)
        button.setIconSize(QSize(18, 18))
        if tool.acts:
            button.clicked.connect(lambda: self.triggered.emit(tool.id))
        else:
            button.setCheckable(True)
            self._group.addButton(button)
            button.clicked.connect(lambda: self.chosen.emit(tool.id))
        return button

    @property
    def tool(self) -> str:
        """The selected tool."""
        return next((name for name, button in self.buttons.items() if button.isChecked()), "")

    def set_tool(self, tool: str) -> None:
        """Select a tool without a signal."""
        self._group.setExclusive(False)
        for name, button in self.buttons.items():
            if button.isCheckable():
                button.setChecked(name == tool)
        self._group.setExclusive(True)

    def set_enabled(self, name: str, on: bool, tip: str = "") -> None:
        """Whether an action can be done, as undo, and what it would do."""
        self.buttons[name].setEnabled(on)
        if tip:
            self.buttons[name].setToolTip(tip)


class ToolOptions(QWidget):
    """A name and some fields in a row of 32; hidden while the tool has none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(OPTIONS_HEIGHT)
        self.title = rows.words(kind="heading")
        self._widgets: list[QWidget] = []
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(8, 0, 8, 0)
        self._layout.setSpacing(12)
        self._layout.addWidget(self.title)
        self._layout.addStretch(1)
        self.hide()

    def set_options(self, title: str, widgets: Sequence[QWidget]) -> None:
        """Show these widgets, which keep their owners."""
        for widget in self._widgets:
            self._layout.removeWidget(widget)
            widget.hide()
            widget.setParent(None)
        self._widgets = list(widgets)
        self.title.setText(title)
        for at, widget in enumerate(self._widgets, 1):
            self._layout.insertWidget(at, widget)
            widget.show()
        self.setVisible(bool(self._widgets))


def labelled(text: str, widget: QWidget) -> QWidget:
    """A caption before a field, for the options of tools."""
    made = QWidget()
    line = QHBoxLayout(made)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(8)
    line.addWidget(rows.words(text, "quiet"))
    line.addWidget(widget)
    return made


def _short_line() -> QFrame:
    line = rows.line()
    line.setFixedWidth(20)
    return line
