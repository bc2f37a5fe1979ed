"""Colour bars of a figure, with the raw values at their ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitinspect.figures.colormaps import colormap
from vitinspect.figures.fonts import text_width
from vitinspect.figures.overlay import ValueRange, format_value
from vitinspect.figures.ranges import Shared
from vitinspect.figures.scene import Colour, ColourBar, Scene, Text, rectangle

_OPACITY = 1.6
"""The part of a bar's thickness that shows the opacity."""
THICK = 5.0
"""The height of a horizontal bar, the width of a vertical one."""
GAP = 2.5
"""Between a picture and its bar."""
SMALLEST = 5.0
"""The minimum size of text, in points."""


def lying_height(size: float) -> float:
    """The height of a horizontal bar with its numbers below a picture, for a text size."""
    return GAP + THICK + size * 1.3


def upright_width(size: float) -> float:
    """The width of a vertical bar with its numbers beside a row."""
    return GAP + THICK + 2.0 + text_width("−0.00e-00", size * 0.85)


def lying(
    scene: Scene,
    shared: Shared,
    x: float,
    y: float,
    wide: float,
    size: float,
    ink: Colour,
    opacity: NDArray[np.uint8] | None = None,
) -> None:
    """Draw a horizontal bar from the lowest value at the left to the highest at the right, with zero if it is between.

    ``opacity`` of each colour is shown below the colours, if it is given: black is opaque, white is transparent.
    """
    if opacity is None:
        scene.add(ColourBar(colormap(shared.colours), (x, y, wide, THICK), upright=False))
    else:
        greys = np.repeat(255 - opacity[:, None], 3, 1)
        scene.add(
            ColourBar(colormap(shared.colours), (x, y, wide, THICK - _OPACITY), upright=False),
            ColourBar(greys, (x, y + THICK - _OPACITY, wide, _OPACITY), upright=False),
            rectangle((x, y + THICK - _OPACITY, wide, _OPACITY), ink, 0.25),
        )
    if shared.range is None:
        return
    small = size * 0.85
    low, high = number(shared.range.low), number(shared.range.high)
    room = wide - text_width(low + "  " + high, small)
    if room < 0:
        small = max(small * wide / max(text_width(low + "  " + high, small), 1e-6), min(SMALLEST, size))
    base = y + THICK + small
    scene.add(Text(low, (x, base), small, "start", False, ink), Text(high, (x + wide, base), small, "end", False, ink))
    if room > text_width(" 0 ", small) * 2 and (at := _zero(shared.range)) is not None:
        scene.add(Text("0", (x + wide * at, base), small, "middle", False, ink))


def upright(scene: Scene, shared: Shared, x: float, y: float, high: float, size: float, ink: Colour) -> None:
    """Draw a vertical bar from the lowest value at the bottom to the highest at the top."""
    scene.add(ColourBar(colormap(shared.colours), (x, y, THICK, high), upright=True))
    if shared.range is None:
        return
    small = size * 0.85
    left = x + THICK + 2.0
    scene.add(
        Text(number(shared.range.high), (left, y + small * 0.75), small, "start", False, ink),
        Text(number(shared.range.low), (left, y + high), small, "start", False, ink),
    )
    at = _zero(shared.range)
    if at is not None and high > 5 * small:
        scene.add(Text("0", (left, y + high * (1 - at) + small * 0.35), small, "start", False, ink))


def _zero(value_range: ValueRange) -> float | None:
    """The position of zero along the bar; None if it is at an end or outside."""
    if not value_range.low < 0 < value_range.high:
        return None
    return -value_range.low / (value_range.high - value_range.low)


def number(value: float) -> str:
    return format_value(value).replace("-", "−")
