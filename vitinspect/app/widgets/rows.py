"""The parts that properties are made of: headings, rows with a label column, notes, small buttons."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from vitinspect.app.theme.tokens import FIELD_HEIGHT, LABEL_WIDTH, ROW_HEIGHT
from vitinspect.app.widgets import icons
from vitinspect.app.widgets.fields import NumberField, SliderField
from vitinspect.app.widgets.wrapping import soft

HEADING_HEIGHT = 26
EDGE = 8


def words(text: str = "", kind: str = "", *, wrap: bool = False) -> QLabel:
    """Plain text: no part of the name of a class, file or folder is read as markup."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    label.setWordWrap(wrap)
    if kind:
        label.setProperty("kind", kind)
    return label


def heading(text: str) -> QLabel:
    """Above a group of rows."""
    label = words(text, "section")
    label.setFixedHeight(HEADING_HEIGHT)
    label.setAlignment(Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft)
    label.setContentsMargins(EDGE, 0, EDGE, 4)
    return label


def note(text: str = "") -> QLabel:
    """A sentence below a row."""
    label = words(text, "note", wrap=True)
    label.setContentsMargins(EDGE, 4, EDGE, 4)
    return label


def line() -> QFrame:
    """Separates two parts."""
    frame = QFrame()
    frame.setProperty("kind", "separator")
    frame.setFixedHeight(1)
    return frame


def upright_line() -> QFrame:
    frame = QFrame()
    frame.setProperty("kind", "separator")
    frame.setFixedWidth(1)
    return frame


class PropertyRow(QWidget):
    """A label of 84 pixels and its fields. Why typed text is not accepted is written after it, in place of the note."""

    def __init__(self, label: str, *fields: QWidget, tip: str = "", note: str = "", stretch: bool = True) -> None:
        super().__init__()
        self.setMinimumHeight(ROW_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.fields = fields
        self.label = words(soft(label) if "_" in label else label, "quiet", wrap="_" in label)
        self.label.setFixedWidth(LABEL_WIDTH)
        self.label.setToolTip(tip)
        self.note = words(note, "quiet")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(EDGE, 2, EDGE, 2)
        layout.setSpacing(8)
        layout.addWidget(self.label)
        for i, field in enumerate(fields):
            layout.addWidget(field, 1 if stretch and i == 0 else 0)
            target = field.field if isinstance(field, SliderField) else field
            if isinstance(target, NumberField):
                target.refused.connect(self._refused)
        layout.addWidget(self.note)
        if not stretch:
            layout.addStretch(1)
        self.note.setVisible(bool(note))
        self._note = note
        if fields:
            self.label.setBuddy(fields[0])

    def set_note(self, text: str) -> None:
        """What the value means: "from block 2 of 6"."""
        self._note = text
        self._refused("")

    def _refused(self, reason: str) -> None:
        self.note.setText(reason or self._note)
        kind = "error" if reason else "quiet"
        if self.note.property("kind") != kind:
            self.note.setProperty("kind", kind)
            self.note.style().unpolish(self.note)
            self.note.style().polish(self.note)
        self.note.setVisible(bool(reason or self._note))


def scrolled(part: QWidget) -> QScrollArea:
    """``part`` in an area that scrolls where it does not fit, on the background of what is around it."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidget(part)
    area.viewport().setAutoFillBackground(False)
    part.setAutoFillBackground(False)
    return area


def button(
    text: str, call: Callable[[], object] | None = None, *, icon: str = "", tip: str = "", main: bool = False
) -> QPushButton:
    """A button with words. ``main`` fills it: only the one thing that the view is for."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setAutoDefault(False)
    if icon:
        made.setIcon(icons.icon(icon, "on_accent" if main else "text", "on_accent" if main else "on_chosen"))
        made.setIconSize(QSize(16, 16))
    if main:
        made.setProperty("kind", "main")
    made.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    if call is not None:
        made.clicked.connect(lambda: call())
    return made


def icon_button(
    icon: str, name: str, call: Callable[[], object] | None = None, *, tip: str = "", size: int = FIELD_HEIGHT
) -> QToolButton:
    """A button with an icon alone; its name is read aloud and shown in the tool tip."""
    made = QToolButton()
    made.setProperty("kind", "icon")
    made.setIcon(icons.icon(icon))
    made.setIconSize(QSize(18, 18) if size > FIELD_HEIGHT else QSize(16, 16))
    made.setFixedSize(size, size)
    made.setAccessibleName(name)
    made.setToolTip(tip or name)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if call is not None:
        made.clicked.connect(lambda: call())
    return made
