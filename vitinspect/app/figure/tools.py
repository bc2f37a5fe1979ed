"""What the mouse does on the page: select and move, or frame an inset."""

from __future__ import annotations

from PySide6.QtCore import Qt

from vitinspect.app.canvas.tools.tool import Tool
from vitinspect.app.figure.page_view import INSET, SELECT


class PageTool(Tool):
    """What the tool strip needs to know about a tool; the page does the rest."""

    shape = Qt.CursorShape.ArrowCursor

    def cursor(self) -> Qt.CursorShape:
        return self.shape


class Select(PageTool):
    id, title, icon, key = SELECT, "Select and move", "pan", "V"
    tip = "Click selects a cell, drag moves the page"


class Inset(PageTool):
    id, title, icon, key = INSET, "Inset", "rectangle", "J"
    tip = "Drag over a part of a cell to show it larger"
    shape = Qt.CursorShape.CrossCursor


def page_tools() -> dict[str, Tool]:
    return {tool.id: tool for tool in (Select(), Inset())}
