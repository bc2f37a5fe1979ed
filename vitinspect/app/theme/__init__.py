"""The looks of the window: a table of colours (``tokens``), and the palette and style sheet made from it once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from vitinspect.app.theme import tokens
from vitinspect.app.theme.sheet import style_sheet
from vitinspect.app.theme.tokens import DARK, GRID, LIGHT, Theme

__all__ = ["DARK", "GRID", "LIGHT", "Theme", "apply", "current", "fixed", "font", "on_ground", "tabular", "use_family"]

_current = LIGHT
_family = ""


def current() -> Theme:
    return _current


def apply(app: QApplication, choice: str) -> Theme:
    """``choice`` is system, light or dark."""
    global _current
    hints = QGuiApplication.styleHints()
    if choice == "system":
        _current = DARK if hints.colorScheme() == Qt.ColorScheme.Dark else LIGHT
    else:
        _current = DARK if choice == "dark" else LIGHT
    if app.style().objectName() != "fusion":
        app.setStyle("Fusion")
    _font.cache_clear()
    app.setFont(font(tokens.TEXT_SIZE))
    app.setPalette(_palette(_current))
    app.setStyleSheet(style_sheet(_current))
    return _current


@contextmanager
def on_ground(ground: str) -> Iterator[Theme]:
    """The canvas on white, black or transparent ground, with words that can be read on it; "" as it is on the screen.

    Words on transparent ground are dark, as for a white page.
    """
    global _current
    before = _current
    if ground:
        on_dark = ground == "black"
        text, quiet, line = (DARK.text, DARK.quiet, DARK.line) if on_dark else (LIGHT.text, LIGHT.quiet, LIGHT.line)
        colour = {"white": "#ffffff", "black": "#000000", "transparent": "#00000000"}[ground]
        _current = replace(before, canvas=colour, canvas_text=text, canvas_quiet=quiet, canvas_line=line)
    try:
        yield _current
    finally:
        _current = before


def use_family(family: str) -> None:
    """Another font than the system's, as in pictures that must look the same everywhere; "" for the system's."""
    global _family
    _family = family


def _palette(t: Theme) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for which, colour in (
        (role.Window, t.window),
        (role.WindowText, t.text),
        (role.Base, t.field),
        (role.AlternateBase, t.panel),
        (role.ToolTipBase, t.field),
        (role.ToolTipText, t.text),
        (role.Text, t.text),
        (role.Button, t.field),
        (role.ButtonText, t.text),
        (role.BrightText, t.accent),
        (role.Link, t.accent),
        (role.Highlight, t.chosen),
        (role.HighlightedText, t.on_chosen),
        (role.PlaceholderText, t.quiet),
        (role.Mid, t.line),
        (role.Midlight, t.hover),
        (role.Dark, t.line),
        (role.Accent, t.accent),
    ):
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(t.quiet))
    return palette


def font(pixels: int = tokens.TEXT_SIZE, *, bold: bool = False) -> QFont:
    """The system's font at a size of the design, with figures of one width."""
    return QFont(_font(pixels, bold))


@lru_cache(maxsize=32)
def _font(pixels: int, bold: bool) -> QFont:
    # Asked for at each painting of each row.
    chosen = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    if _family:
        chosen.setFamily(_family)
        chosen.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    chosen.setPixelSize(pixels)
    chosen.setBold(bold)
    return tabular(chosen)


def tabular(font: QFont) -> QFont:
    """The same font with all figures of one width, so that numbers do not move as they change."""
    copy = QFont(font)
    set_feature = getattr(copy, "setFeature", None)
    if set_feature is not None:
        set_feature(QFont.Tag("tnum"), 1)
    return copy


def fixed() -> QFont:
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
