"""The keys of the Masks workspace, as a table."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QWidget

from vitinspect.app.masks.tools import MASK_TOOLS
from vitinspect.app.widgets.rows import words

KEYS = (
    ("[  ]  Alt + wheel", "size of the brush"),
    ("X, right button", "swap draw and erase"),
    ("Shift + drag", "a straight line; from the end of the last stroke"),
    ("1 to 9", "label; 9 is ignore"),
    ("0", "nothing here"),
    ("Space + drag, wheel", "move and zoom the picture"),
    ("Ctrl+Z, Ctrl+Shift+Z", "undo and redo, stroke by stroke"),
    ("Esc", "cancel the current stroke"),
)


class KeysTable(QScrollArea):
    """Each entry is as high as its words; where there is no room for all of them, they scroll."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        inside.setProperty("kind", "panel")
        self.setWidget(inside)
        grid = QGridLayout(inside)
        grid.setContentsMargins(12, 8, 12, 8)
        grid.setHorizontalSpacing(16)
        entries = [(kind.key, f"{kind.title}: {kind.tip}") for kind in MASK_TOOLS] + list(KEYS)
        half = (len(entries) + 1) // 2
        for index, (key, text) in enumerate(entries):
            column = 2 * (index // half)
            grid.addWidget(words(key, "heading"), index % half, column)
            grid.addWidget(words(text, "", wrap=True), index % half, column + 1)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        grid.setRowStretch(half, 1)
