"""The tools of the workspaces: the strip at the left of the view, their options above it, and which one is selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QKeyEvent

from vitinspect.app.canvas.tools import Tool
from vitinspect.app.shell.workspace import Workspace
from vitinspect.app.widgets import tool_strip

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow

HISTORY = ("undo", "redo")


class ToolSelection:
    """Each workspace keeps the tool that was selected in it."""

    def __init__(self, window: MainWindow, tools: dict[str, Tool]) -> None:
        self._window, self.tools = window, tools
        self.strip, self.options = tool_strip.ToolStrip(), tool_strip.ToolOptions()
        self._selected: dict[str, str] = {}
        """Workspace -> the tool that was selected in it."""
        self.strip.chosen.connect(self.select)
        self.strip.triggered.connect(lambda action_id: window.actions_[action_id].trigger())

    def show(self, shown: Workspace) -> None:
        """The strip of this workspace, with the tool that was selected in it."""
        made, group = [], 0
        for tool_id in shown.tools:
            if not tool_id:
                group += 1
            elif tool_id in HISTORY:
                made.append(self._action(tool_id, group))
            else:
                tool = self.tools[tool_id]
                tip = f"{tool.title}: {tool.tip}"
                made.append(tool_strip.Tool(tool.id, tool.title, tool.icon, tool.key, group, tip=tip))
        if "brush" in shown.tools:
            made += [self._action(action_id, group + 1) for action_id in HISTORY]
        self.strip.set_tools(made)
        self.strip.setVisible(bool(made))
        self.follow_history()
        self.follow_ignored()
        self.options.set_options("", [])  # a workspace without tools has none of another one's
        self.select(self._selected.get(shown.id, shown.first_tool))

    def _action(self, action_id: str, group: int) -> tool_strip.Tool:
        record = next(r for r in self._window.actions_.records if r.id == action_id)
        return tool_strip.Tool(record.id, record.text, record.id, record.keys[0], group, acts=True)

    def current(self) -> list[Tool]:
        """The tools of the present workspace, in the order of the strip."""
        return [self.tools[tool_id] for tool_id in self._window.workspace.tools if tool_id in self.tools]

    def select(self, tool_id: str) -> None:
        """Select a tool of the present workspace."""
        window = self._window
        if not tool_id or tool_id not in window.workspace.tools:
            return
        self._selected[window.workspace.id] = tool_id
        window.backend.state.set(tool=tool_id)
        tool = self.tools[tool_id]
        view = window.workspace_view
        own = view is not window.canvas and hasattr(view, "set_tool")
        (view if own else window.canvas).set_tool(tool)  # type: ignore[attr-defined]
        self.strip.set_tool(tool_id)
        options = tool.options() if own or view is window.canvas else None
        self.options.set_options(tool.title if options is not None else "", [options] if options is not None else [])

    def press(self, event: QKeyEvent) -> bool:
        """The key of a tool of this workspace selects it; False where it is none."""
        if event.modifiers():
            return False
        tool = next((tool for tool in self.current() if event.text().upper() == tool.key), None)
        if tool is not None:
            self.select(tool.id)
        return tool is not None

    @property
    def ignored(self) -> frozenset[str]:
        """Tools and actions that the view does not obey at present."""
        ignores = self._window.workspace.ignores
        return ignores(self._window.backend.state) if ignores is not None else frozenset()

    def follow_ignored(self) -> None:
        for tool in self.current():
            self.strip.set_enabled(tool.id, tool.id not in self.ignored)

    def follow_history(self) -> None:
        window = self._window
        own = hasattr(window.workspace_view, "undo")  # a view that draws has a history of its own
        for name, on in zip(HISTORY, (window.history.can_undo, window.history.can_redo), strict=True):
            if name in self.strip.buttons:
                self.strip.set_enabled(name, own or on)
