"""The sheet of shortcuts: a list of the actions, menu by menu, in straight columns."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from vitinspect.app.shell.keys import show_keys
from vitinspect.app.shell.menus.record import Action, Menu

COLUMN_OF = {"File": 0, "Edit": 0, "Go": 0, "Layer": 1, "View": 2}
"""The column of each menu; others are in the last."""


class ShortcutSheet(QDialog):
    """All shortcuts, menu by menu."""

    def __init__(self, menus: Sequence[Menu], parent: QWidget, tools: Sequence[tuple[str, str]] = ()) -> None:
        """``tools``: key and name of each tool of the workspace that is shown."""
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        columns = QHBoxLayout()
        columns.setSpacing(20)
        grids = [QGridLayout() for _ in range(4)]
        for menu in menus:
            grid = grids[COLUMN_OF.get(menu.name, 3)]
            chosen = [entry for entry in menu.entries if isinstance(entry, Action) and (entry.keys or entry.soft)]
            _add_block(grid, menu.name, [(show_keys(record), record.text.rstrip("…")) for record in chosen])
        mouse = [
            (["wheel"], "Zoom at the cursor"),
            (["drag"], "Move picture or swipe line"),
            (["double-click"], "Fit"),
            (["Space+drag"], "Move with any tool"),
            *(([key], name) for key, name in tools),
            (["[", "]"], "Narrower and wider brush"),
            (["hold H"], "Hide the heat map"),
        ]
        _add_block(grids[3], "On the picture", mouse)
        for grid in grids:
            grid.setHorizontalSpacing(16)
            grid.setVerticalSpacing(4)
            grid.setRowStretch(grid.rowCount(), 1)
            columns.addLayout(grid)
        inside = QWidget()
        inside.setLayout(columns)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(scroll)
        self.resize(1240, 500)


def _add_block(grid: QGridLayout, title: str, rows: list[tuple[list[str], str]]) -> None:
    heading = QLabel(title)
    heading.setObjectName("heading")
    heading.setContentsMargins(0, 8 if grid.count() else 0, 0, 0)
    top = grid.rowCount()
    grid.addWidget(heading, top, 0, 1, 2)
    for i, (keys, text) in enumerate(rows, top + 1):
        label = QLabel("  ".join(keys))
        label.setObjectName("quiet")
        grid.addWidget(QLabel(text), i, 0)
        grid.addWidget(label, i, 1)
