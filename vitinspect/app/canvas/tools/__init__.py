"""The tools of the canvas, one module each. A new one is a class with the interface of ``tool.Tool``, listed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitinspect.app.canvas.tools.pan import Pan
from vitinspect.app.canvas.tools.pin import Pin
from vitinspect.app.canvas.tools.tool import Spot, Tool
from vitinspect.app.canvas.tools.what_if_brush import Brush, Eraser

if TYPE_CHECKING:
    from vitinspect.app.canvas.tools.what_if import WhatIf
    from vitinspect.app.session.results import Results
    from vitinspect.app.session.state import State

__all__ = ["Spot", "Tool", "make_tools"]


def make_tools(state: State, results: Results, what_if: WhatIf) -> dict[str, Tool]:
    """Every tool by its id, in the order of the strip."""
    tools: tuple[Tool, ...] = (
        Pan(),
        Pin(state, results),
        Brush(state, what_if),
        Eraser(state, what_if),
    )
    return {tool.id: tool for tool in tools}
