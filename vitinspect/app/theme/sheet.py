"""Qt's style sheet, made from the table of colours. Solid fills, lines of one pixel, radii of 2 to 4."""

from __future__ import annotations

from vitinspect.app.theme.tokens import SMALL_SIZE, TABLE_ROW_HEIGHT, Theme


def style_sheet(t: Theme) -> str:
    """Looks of Qt's own controls. A property ``kind`` on a widget picks one of the looks named below."""
    return _controls(t) + _lists(t) + _frames(t)


def _controls(t: Theme) -> str:
    return f"""
    QToolTip {{ background: {t.field}; color: {t.text}; border: 1px solid {t.border}; padding: 4px 6px; }}
    QPushButton {{ min-height: 22px; max-height: 22px; padding: 0 10px; border: 1px solid {t.border};
        border-radius: 3px; background: {t.field}; color: {t.text}; }}
    QPushButton:hover {{ background: {t.hover}; }}
    QPushButton:pressed, QPushButton:checked {{ background: {t.chosen}; color: {t.on_chosen};
        border-color: {t.accent}; }}
    QPushButton:disabled {{ background: {t.panel}; color: {t.quiet}; border-color: {t.line}; }}
    QPushButton[kind="main"] {{ background: {t.accent}; border-color: {t.accent}; color: {t.on_accent};
        font-weight: bold; }}
    QPushButton[kind="main"]:disabled {{ background: {t.panel}; border-color: {t.line}; color: {t.quiet}; }}
    QPushButton[kind="canvas"] {{ background: {t.canvas}; color: {t.canvas_text}; border-color: {t.canvas_quiet}; }}
    QPushButton[kind="canvas"]:hover {{ background: {t.canvas_line}; }}
    QPushButton[kind="small"] {{ min-height: 18px; max-height: 18px; padding: 0 6px; font-size: {SMALL_SIZE}px; }}
    QLineEdit {{ min-height: 22px; max-height: 22px; padding: 0 5px; border: 1px solid {t.border};
        border-radius: 3px; background: {t.field}; color: {t.text}; selection-background-color: {t.accent};
        selection-color: {t.on_accent}; }}
    QAbstractSpinBox QLineEdit {{ border: 0; padding: 0 2px; background: transparent; min-height: 0;
        max-height: 1000px; }}
    QLineEdit:focus {{ border-color: {t.accent}; }}
    QLineEdit:disabled {{ color: {t.quiet}; border-color: {t.line}; background: {t.panel}; }}
    QLineEdit[fixed="true"] {{ background: {t.chosen}; border-color: {t.accent}; color: {t.on_chosen};
        font-weight: bold; }}
    QLineEdit[wrong="true"] {{ border: 1px solid {t.on_error}; }}
    QToolButton {{ border: 0; border-radius: 3px; padding: 3px 6px; color: {t.text}; background: transparent; }}
    QToolButton:hover {{ background: {t.hover}; }}
    QToolButton:checked {{ background: {t.chosen}; color: {t.on_chosen}; }}
    QToolButton:disabled {{ color: {t.quiet}; }}
    QToolButton[kind="icon"] {{ padding: 0; }}
    QToolButton::menu-indicator {{ image: none; width: 0; }}
    QComboBox {{ color: {t.text}; combobox-popup: 0; }}
    QProgressBar {{ border: 1px solid {t.line}; border-radius: 0; background: {t.window}; }}
    QProgressBar::chunk {{ background: {t.accent}; }}
    QLabel[kind="quiet"], #quiet {{ color: {t.quiet}; }}
    QLabel[kind="note"] {{ color: {t.quiet}; font-size: {SMALL_SIZE}px; }}
    QLabel[kind="error"] {{ color: {t.on_error}; font-size: {SMALL_SIZE}px; }}
    QLabel[kind="heading"], #heading {{ font-weight: bold; }}
    QLabel[kind="section"] {{ color: {t.quiet}; font-size: {SMALL_SIZE}px; font-weight: bold; }}
    """


def _lists(t: Theme) -> str:
    return f"""
    QAbstractItemView {{ background: {t.panel}; color: {t.text}; border: 0; outline: 0;
        selection-background-color: {t.chosen}; selection-color: {t.on_chosen}; }}
    QComboBox QAbstractItemView {{ background: {t.field}; border: 1px solid {t.border}; }}
    QTableView {{ gridline-color: transparent; font-size: {SMALL_SIZE}px; }}
    QHeaderView {{ background: {t.panel}; }}
    QHeaderView::section {{ background: {t.panel}; color: {t.quiet}; border: 0; border-bottom: 1px solid {t.line};
        height: {TABLE_ROW_HEIGHT}px; padding: 0 5px; font-size: {SMALL_SIZE}px; font-weight: normal; }}
    QMenu {{ background: {t.field}; color: {t.text}; border: 1px solid {t.border}; padding: 4px 0; }}
    QListWidget[kind="rows"]::item {{ padding: 0 5px; border: 0; }}
    QListWidget[kind="rows"]::item:selected {{ background: {t.chosen}; color: {t.on_chosen}; }}
    QMenu::item {{ padding: 5px 24px 5px 12px; }}
    QMenu::icon {{ padding-left: 10px; }}
    QMenu::item:selected {{ background: {t.chosen}; color: {t.on_chosen}; }}
    QMenu::item:disabled {{ color: {t.quiet}; }}
    QMenu::separator {{ height: 1px; background: {t.line}; margin: 4px 0; }}
    QMenuBar {{ background: {t.window}; color: {t.text}; border: 0; }}
    QMenuBar::item {{ padding: 4px 8px; background: transparent; border-radius: 3px; }}
    QMenuBar::item:selected {{ background: {t.hover}; }}
    QScrollBar:vertical {{ width: 8px; background: transparent; margin: 0; }}
    QScrollBar:horizontal {{ height: 8px; background: transparent; margin: 0; }}
    QScrollBar::handle {{ background: {t.border}; border-radius: 2px; min-height: 24px; min-width: 24px; }}
    QScrollBar::handle:vertical {{ margin: 2px; }}
    QScrollBar::handle:horizontal {{ margin: 2px; }}
    QScrollBar::handle:disabled {{ background: transparent; }}
    QScrollBar::handle:hover {{ background: {t.quiet}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    """


def _frames(t: Theme) -> str:
    return f"""
    QMainWindow::separator {{ background: {t.line}; width: 1px; height: 1px; }}
    QMainWindow::separator:hover {{ background: {t.accent}; }}
    QSplitter::handle {{ background: {t.line}; }}
    QSplitter::handle:horizontal {{ width: 1px; }}
    QSplitter::handle:vertical {{ height: 1px; }}
    QDockWidget {{ color: {t.quiet}; }}
    QDockWidget::title {{ background: {t.window}; padding: 6px 8px; text-align: left; }}
    QToolBar {{ border: 0; border-bottom: 1px solid {t.line}; spacing: 4px; padding: 4px; background: {t.window}; }}
    QToolBar::separator {{ background: {t.line}; width: 1px; margin: 4px; }}
    QStatusBar {{ background: {t.window}; border-top: 1px solid {t.line}; padding-left: 6px; color: {t.quiet};
        font-size: {SMALL_SIZE}px; }}
    QStatusBar::item {{ border: 0; }}
    QStatusBar QLabel {{ font-size: {SMALL_SIZE}px; }}
    QScrollArea {{ border: 0; background: {t.panel}; }}
    QTabBar::tab {{ padding: 0 12px; min-height: 24px; background: transparent; color: {t.quiet};
        border: 0; border-top: 2px solid transparent; border-bottom: 2px solid transparent; }}
    QTabBar::tab:selected {{ color: {t.text}; font-weight: bold; border-bottom-color: {t.accent}; }}
    QTabBar[collapsed="true"]::tab:selected {{ color: {t.quiet}; font-weight: normal;
        border-bottom-color: transparent; }}
    QTabBar::tab:hover:!selected {{ background: {t.hover}; }}
    QTabWidget::pane {{ border: 0; border-top: 1px solid {t.line}; }}
    *[kind="panel"] {{ background: {t.panel}; }}
    *[kind="popup"] {{ background: {t.panel}; border: 1px solid {t.border}; border-radius: 4px; }}
    *[kind="separator"] {{ background: {t.line}; border: 0; }}
    """
