"""What went wrong, in one line with an action. A message stays until its cause is gone or a person closes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QToolButton, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.widgets import icons, rows

WARNING, ERROR = "warning", "error"


@dataclass(frozen=True)
class Message:
    """``cause`` names what it is about: a new message of the same cause replaces the old one."""

    cause: str
    text: str
    kind: str = WARNING
    action: str = ""
    """The words of a button, if something can be done about it."""
    details: str = ""


class Messages(QWidget):
    """One line for each message, the newest at the top; nothing at all while there is none."""

    action_wanted = Signal(str)
    """The cause of the message whose button was pressed."""
    closed = Signal(str)
    MOST = 3

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.messages: tuple[Message, ...] = ()
        self.lines: dict[str, MessageLine] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._more = rows.note()
        self._layout.addWidget(self._more)
        self._more.hide()
        self.hide()

    def show_message(self, message: Message) -> None:
        """Show it; the same message again changes nothing."""
        if message in self.messages:
            return
        self.messages = (message, *(m for m in self.messages if m.cause != message.cause))
        self._follow()

    def clear(self, cause: str | None = None) -> None:
        """The cause is gone; without a name, all are."""
        self.messages = tuple(m for m in self.messages if cause is not None and m.cause != cause)
        self._follow()

    def _follow(self) -> None:
        shown = self.messages[: self.MOST]
        for cause, line in list(self.lines.items()):
            if line.message not in shown:
                self._layout.removeWidget(line)
                line.hide()
                line.deleteLater()
                del self.lines[cause]
        for at, message in enumerate(shown):
            if message.cause not in self.lines:
                self.lines[message.cause] = MessageLine(message, self.action_wanted.emit, self._close)
            self._layout.insertWidget(at, self.lines[message.cause])
            self.lines[message.cause].show()
        rest = len(self.messages) - len(shown)
        self._more.setText(f"and {rest} more")
        self._more.setVisible(rest > 0)
        self.setVisible(bool(self.messages))

    def _close(self, cause: str) -> None:
        self.clear(cause)
        self.closed.emit(cause)


class MessageLine(QWidget):
    """An icon, a sentence, an action, details on demand, and a cross."""

    def __init__(self, message: Message, act: Callable[[str], None], close: Callable[[str], None]) -> None:
        super().__init__()
        self.message = message
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setText(message.text)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        line = QHBoxLayout()
        line.setContentsMargins(30, 0, 4, 0)
        line.setSpacing(8)
        line.addWidget(self.text, 1)
        self.action: QPushButton | None = None
        if message.action:
            self.action = rows.button(message.action, lambda: act(message.cause))
            line.addWidget(self.action)
        self.details: QPlainTextEdit | None = None
        if message.details:
            self.expand = rows.button("Details", self._toggle, tip="Show where it happened")
            line.addWidget(self.expand)
            line.addWidget(rows.button("Copy", self._copy, tip="Copy the message and its details"))
        self.cross: QToolButton = rows.icon_button("cancel", "Close this message", lambda: close(message.cause))
        line.addWidget(self.cross)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 4, 0, 4)
        self._column.setSpacing(4)
        self._column.addLayout(line)
        self.setMinimumHeight(32)
        self.setAccessibleName(f"{message.kind.capitalize()}: {message.text}")
        self._colour()

    def _colour(self) -> None:
        t = theme.current()
        palette = self.text.palette()
        palette.setColor(self.text.foregroundRole(), QColor(t.on_error if self.message.kind == ERROR else t.on_warning))
        self.text.setPalette(palette)

    def _toggle(self) -> None:
        if self.details is None:
            self.details = QPlainTextEdit(self.message.details)
            self.details.setReadOnly(True)
            self.details.setFont(theme.fixed())
            self.details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
            self.details.setFixedHeight(168)
            self.details.hide()
            self._column.addWidget(self.details)
        shown = self.details.isHidden()
        self.details.setVisible(shown)
        self.expand.setText("Less" if shown else "Details")

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(f"{self.message.text}\n{self.message.details}")

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(320, super().sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        self._colour()
        t = theme.current()
        bad = self.message.kind == ERROR
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(t.error_ground if bad else t.warning_ground))
        painter.setPen(QPen(QColor(t.line), 1))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)
        colour = t.on_error if bad else t.on_warning
        middle = self.text.geometry().center()
        middle.setX(15)
        icons.paint(painter, "warning" if bad else "info", colour, middle)
        painter.end()
