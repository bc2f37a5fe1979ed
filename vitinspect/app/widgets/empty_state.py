"""What is shown where there is nothing yet: one sentence and two buttons."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.widgets import icons, rows


class EmptyState(QWidget):
    """On the canvas or in a panel; ``say`` replaces the words and the buttons."""

    def __init__(self, *, on_canvas: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._on_canvas, self._icon = on_canvas, ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.sentence = rows.words(wrap=True)
        self.hint = rows.words(wrap=True)
        self.buttons: list[QPushButton] = []
        self._line = QHBoxLayout()
        self._line.setSpacing(8)
        self._line.addStretch(1)
        self._line.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        column.addStretch(1)
        self._gap = QWidget()
        self._gap.setFixedHeight(28)
        column.addWidget(self._gap)
        for label in (self.sentence, self.hint):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            column.addWidget(label)
        column.addLayout(self._line)
        self.more = rows.words(wrap=True)
        self.more.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.more_buttons: list[QPushButton] = []
        self._more_line = QHBoxLayout()
        self._more_line.setSpacing(8)
        self._more_line.addStretch(1)
        self._more_line.addStretch(1)
        column.addSpacing(16)
        column.addWidget(self.more)
        column.addLayout(self._more_line)
        column.addStretch(1)
        self.more.hide()

    def say(self, sentence: str, hint: str = "", *actions: tuple[str, Callable[[], object]], icon: str = "") -> None:
        self.sentence.setText(sentence)
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
        self._icon = icon
        self._gap.setVisible(bool(icon))
        self.buttons = self._exchange(self._line, self.buttons, actions)
        self.say_more("")
        self.update()

    def say_more(self, sentence: str, *actions: tuple[str, Callable[[], object]]) -> None:
        """A second sentence with buttons of its own, below the first; nothing without buttons."""
        self.more.setText(sentence)
        self.more.setVisible(bool(actions))
        self.more_buttons = self._exchange(self._more_line, self.more_buttons, actions)

    def _exchange(
        self, line: QHBoxLayout, old: list[QPushButton], actions: Sequence[tuple[str, Callable[[], object]]]
    ) -> list[QPushButton]:
        for button in old:
            line.removeWidget(button)
            button.hide()
            button.deleteLater()
        made = []
        for text, call in actions:
            button = rows.button(text, call)
            if self._on_canvas:
                button.setProperty("kind", "canvas")
            made.append(button)
            line.insertWidget(line.count() - 1, button)
        return made

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(320, 160)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        text, quiet = (t.canvas_text, t.canvas_quiet) if self._on_canvas else (t.text, t.quiet)
        for label, colour in ((self.sentence, text), (self.hint, quiet), (self.more, quiet)):
            palette = label.palette()
            if palette.color(label.foregroundRole()) != QColor(colour):
                palette.setColor(label.foregroundRole(), QColor(colour))
                label.setPalette(palette)
        painter = QPainter(self)
        if self._on_canvas:
            painter.fillRect(self.rect(), QColor(t.canvas))
        if self._icon:
            icons.paint(painter, self._icon, quiet, QPoint(self.width() // 2, self.sentence.y() - 24), 24)
        painter.end()
