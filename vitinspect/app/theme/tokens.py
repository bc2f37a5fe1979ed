"""The colours of the window by what they are for, light and dark. No Qt; nothing is shown by colour alone.

Data colours (A and B, hit and miss, for and against, masks) are the same in both themes.
"""

from __future__ import annotations

from dataclasses import dataclass

GRID = 4
"""Distances are multiples of this many pixels."""

FIELD_HEIGHT = 24
ROW_HEIGHT = 28
TABLE_ROW_HEIGHT = 22
LABEL_WIDTH = 84
"""The label column of the properties."""
TEXT_SIZE = 12
SMALL_SIZE = 11
"""Tables, secondary text, status."""
AXIS_SIZE = 10
LARGE_SIZE = 16
"""The text on an empty canvas."""

A_FILL = "#56b4e9"
B_FILL = "#e69f00"
MARK_LETTER = "#111111"
HIT = "#4fa3e0"
MISS = "#f2d544"
FALSE_ALARM = "#c8452b"
AGAINST = "#2166ac"
NEITHER = "#f7f7f7"
FOR = "#b2182b"
FIRST_MASK = "#35d0ba"


@dataclass(frozen=True)
class Theme:
    """The colours of the window's own parts."""

    name: str
    window: str
    """Menus, status, behind the panels."""
    panel: str
    """Lists and properties."""
    field: str
    """What can be typed into or pressed."""
    hover: str
    line: str
    """Separates parts; it never bounds a control."""
    border: str
    """Around fields, buttons, check boxes."""
    text: str
    quiet: str
    """Secondary text: labels, states, units."""
    accent: str
    on_accent: str
    chosen: str
    """Behind the selected row, a pressed button, a fixed target."""
    on_chosen: str
    bar: str
    """Predictions."""
    bar_explained: str
    """The prediction that the maps explain."""
    warning_ground: str
    on_warning: str
    error_ground: str
    on_error: str
    canvas: str
    """Behind the picture: dark in both, so that pictures look the same."""
    canvas_text: str
    canvas_quiet: str
    canvas_line: str
    plot: str
    plot_grid: str
    a_line: str
    """A in charts and tables."""
    b_line: str
    lines: tuple[str, ...]
    """Layers 1 to 5 in curves; from the fourth on they are dashed too."""


LIGHT = Theme(
    name="light",
    window="#eceef0",
    panel="#f7f8f9",
    field="#ffffff",
    hover="#e3e7eb",
    line="#d2d6db",
    border="#767e88",
    text="#1c2024",
    quiet="#565d66",
    accent="#1a63bf",
    on_accent="#ffffff",
    chosen="#dce8f8",
    on_chosen="#12498f",
    bar="#c9ddf5",
    bar_explained="#a9cbf2",
    warning_ground="#fff3d6",
    on_warning="#7a4f00",
    error_ground="#fce8e6",
    on_error="#b3261e",
    canvas="#24272b",
    canvas_text="#e6e8ea",
    canvas_quiet="#a9afb6",
    canvas_line="#3a3f45",
    plot="#ffffff",
    plot_grid="#e4e7ea",
    a_line="#00649e",
    b_line="#a34f00",
    lines=("#1c2024", "#c04a00", "#1a63bf", "#0b8a6f", "#9a3e8c"),
)
DARK = Theme(
    name="dark",
    window="#1a1c1f",
    panel="#212428",
    field="#2a2e33",
    hover="#2f343a",
    line="#363b41",
    border="#7e868f",
    text="#e5e7e9",
    quiet="#a6adb5",
    accent="#6fb0fa",
    on_accent="#10151b",
    chosen="#22384f",
    on_chosen="#b7d6fb",
    bar="#2c4763",
    bar_explained="#2a527e",
    warning_ground="#3a2f17",
    on_warning="#f0c36a",
    error_ground="#402322",
    on_error="#ff9e92",
    canvas="#141618",
    canvas_text="#e6e8ea",
    canvas_quiet="#a9afb6",
    canvas_line="#33383d",
    plot="#1e2124",
    plot_grid="#2e3237",
    a_line="#56b4e9",
    b_line="#e69f00",
    lines=("#e5e7e9", "#ff8a70", "#6fb0fa", "#e8d44d", "#9aa5b1"),
)


def contrast(first: str, second: str) -> float:
    """The contrast of two colours by WCAG 2: 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
