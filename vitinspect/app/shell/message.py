"""Messages in the window: what went wrong, details on request, a button that copies them. Never a modal box."""

from __future__ import annotations

import logging

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.compute.worker import Problem

_log = logging.getLogger(__name__)
MOST = 50


class MessageBar(QWidget):
    """Shows the newest problem and how many came before it; it goes when it is closed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.problems: list[Problem] = []
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setFont(theme.fixed())
        self.details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.details.setFixedHeight(168)
        self.details.hide()
        self.expand = _button("Details", "Show where it happened", self._toggle)
        self.copy = _button("Copy", "Copy the message and its details", self._copy)
        self.dismiss = _button("Close", "Close this message", self.clear)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.text, 1)
        for button in (self.expand, self.copy, self.dismiss):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(8)
        layout.addLayout(row)
        layout.addWidget(self.details)
        self.hide()

    @Slot(object)
    def show_problem(self, problem: Problem) -> None:
        if self.problems and self.problems[-1].message == problem.message:
            return  # the same again says nothing new
        self.problems = [*self.problems, problem][-MOST:]
        _log.warning("Shown: %s", problem.message)
        self._show_newest()

    @Slot(object)
    def forget(self, problem: Problem) -> None:
        """Its cause is gone: it goes, and those that came before it show again."""
        self.problems = [p for p in self.problems if p is not problem]
        if self.problems:
            self._show_newest()
        else:
            self.clear()

    def _show_newest(self) -> None:
        problem = self.problems[-1]
        count = len(self.problems)
        before = f"   ({count - 1} before this)" if count > 1 else ""
        self.text.setText(problem.message + before)
        self.details.setPlainText("\n\n".join(p.details or p.message for p in reversed(self.problems)))
        self.expand.setVisible(bool(problem.details))
        self.show()

    def clear(self) -> None:
        self.problems = []
        self.details.hide()
        self.expand.setText("Details")
        self.hide()

    def _toggle(self) -> None:
        shown = self.details.isHidden()
        self.details.setVisible(shown)
        self.expand.setText("Less" if shown else "Details")

    def _copy(self) -> None:
        text = "\n\n".join(f"{p.message}\n{p.details}".strip() for p in reversed(self.problems))
        QGuiApplication.clipboard().setText(text)


def _button(text: str, tip: str, call: object) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.clicked.connect(call)
    return button
