"""Light and dark, one accent colour, a 4 px grid. Data colours never follow the theme."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

GRID = 4
"""Distances are multiples of this many pixels."""


@dataclass(frozen=True)
class Theme:
    """The colours of the window's own parts."""

    name: str
    window: str
    """Behind the controls."""
    panel: str
    """Lists and fields."""
    canvas: str
    """Behind the picture: dark in both, so that pictures look the same."""
    line: str
    """Rules between parts, borders of fields."""
    text: str
    quiet: str
    """Secondary text."""
    accent: str
    on_accent: str
    hover: str
    warning: str
    """Behind messages."""
    on_warning: str
    canvas_text: str = "#d6d9dd"
    canvas_quiet: str = "#9aa1a9"


LIGHT = Theme(
    name="light",
    window="#f3f4f5",
    panel="#ffffff",
    canvas="#2a2d31",
    line="#cdd1d6",
    text="#1c2024",
    quiet="#5a626b",
    accent="#0b6bcb",
    on_accent="#ffffff",
    hover="#e4e8ec",
    warning="#fff3d1",
    on_warning="#4a3500",
)
DARK = Theme(
    name="dark",
    window="#22252a",
    # Lighter than the window: the style draws the edges of boxes darker, which on dark would not be seen.
    panel="#31363e",
    canvas="#131518",
    line="#474d56",
    text="#e2e5e9",
    quiet="#9aa2ab",
    accent="#4c9df0",
    on_accent="#0c1116",
    hover="#3a4048",
    warning="#4a3a12",
    on_warning="#ffe6a8",
)
_current = LIGHT


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
    app.setPalette(_palette(_current))
    app.setStyleSheet(_sheet(_current))
    return _current


def _palette(t: Theme) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for which, colour in (
        (role.Window, t.window),
        (role.WindowText, t.text),
        (role.Base, t.panel),
        (role.AlternateBase, t.window),
        (role.ToolTipBase, t.panel),
        (role.ToolTipText, t.text),
        (role.Text, t.text),
        (role.Button, t.window),
        (role.ButtonText, t.text),
        (role.BrightText, t.accent),
        (role.Link, t.accent),
        (role.Highlight, t.accent),
        (role.HighlightedText, t.on_accent),
        (role.PlaceholderText, t.quiet),
        (role.Mid, t.line),
        (role.Midlight, t.hover),
        (role.Dark, t.line),
        (role.Accent, t.accent),
    ):
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        faint = QColor(t.quiet)
        faint.setAlpha(150)
        palette.setColor(QPalette.ColorGroup.Disabled, which, faint)
    return palette


def _sheet(t: Theme) -> str:
    return f"""
    QToolTip {{ background: {t.panel}; color: {t.text}; border: 1px solid {t.line}; padding: 4px; }}
    QMainWindow::separator {{ background: {t.line}; width: 1px; height: 1px; }}
    QMainWindow::separator:hover {{ background: {t.accent}; }}
    QDockWidget {{ color: {t.quiet}; }}
    QDockWidget::title {{ background: {t.window}; padding: 6px 8px; text-align: left; }}
    QToolBar {{ border: 0; border-bottom: 1px solid {t.line}; spacing: 4px; padding: 4px; background: {t.window}; }}
    QToolBar::separator {{ background: {t.line}; width: 1px; margin: 4px; }}
    QToolButton {{ padding: 3px 8px; border: 1px solid transparent; border-radius: 4px; color: {t.text}; }}
    QToolButton:hover {{ background: {t.hover}; }}
    QToolButton:checked {{ background: {t.hover}; border-color: {t.line}; color: {t.accent}; }}
    QToolButton:disabled {{ color: {t.quiet}; }}
    QStatusBar {{ border-top: 1px solid {t.line}; padding-left: 6px; }}
    QStatusBar::item {{ border: 0; }}
    QMenuBar {{ border-bottom: 1px solid {t.line}; }}
    QScrollArea {{ border: 0; background: {t.window}; }}
    #controls {{ background: {t.window}; }}
    #quiet {{ color: {t.quiet}; }}
    #heading {{ font-weight: 600; }}
    #section {{ border: 0; border-top: 1px solid {t.line}; border-radius: 0; text-align: left; font-weight: 600;
        padding: 6px 8px; }}
    #section:checked {{ background: transparent; color: {t.text}; border-color: transparent;
        border-top: 1px solid {t.line}; }}
    #section:hover {{ background: {t.hover}; }}
    #message {{ background: {t.warning}; color: {t.on_warning}; border-bottom: 1px solid {t.line}; }}
    #message QLabel {{ color: {t.on_warning}; background: transparent; }}
    #message QPlainTextEdit {{ color: {t.text}; background: {t.panel}; border: 1px solid {t.line}; }}
    #message QPushButton {{ color: {t.on_warning}; background: transparent; border: 1px solid {t.on_warning};
        border-radius: 4px; padding: 2px 8px; }}
    QProgressBar {{ border: 1px solid {t.line}; border-radius: 3px; background: {t.panel}; height: 10px; }}
    QProgressBar::chunk {{ background: {t.accent}; border-radius: 2px; }}
    """


def tabular(font: QFont) -> QFont:
    """The same font with all figures of one width, so that numbers do not dance."""
    copy = QFont(font)
    set_feature = getattr(copy, "setFeature", None)
    if set_feature is not None:
        set_feature(QFont.Tag("tnum"), 1)
    return copy


def fixed() -> QFont:
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
