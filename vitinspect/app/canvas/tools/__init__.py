"""The tools of the canvas, one module each. A new one is a class with the interface of ``tool.Tool``, listed here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vitinspect.app.canvas.tools.pan import Pan
from vitinspect.app.canvas.tools.pin import Pin
from vitinspect.app.canvas.tools.tool import Spot, Tool
from vitinspect.app.canvas.tools.what_if_brush import Brush, Eraser

if TYPE_CHECKING:
    from vitinspect.app.canvas.tools.what_if import WhatIf
    from vitinspect.app.session.results import Results
    from vitinspect.app.session.state import State

__all__ = ["TOOLS", "Spot", "Tool", "make_tools"]

TOOLS: tuple[Callable[[State, Results, WhatIf], Tool], ...] = (
    lambda state, results, what_if: Pan(),
    lambda state, results, what_if: Pin(state, results),
    lambda state, results, what_if: Brush(state, what_if),
    lambda state, results, what_if: Eraser(state, what_if),
)
"""What makes each of them."""


def make_tools(state: State, results: Results, what_if: WhatIf) -> dict[str, Tool]:
    """Every tool by its id."""
    return {tool.id: tool for tool in (make(state, results, what_if) for make in TOOLS)}
