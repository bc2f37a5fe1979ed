"""The box above the view: the three sentences of a guided example; at the first start, where to begin."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.shell.examples import EXAMPLES, Example, next_example
from vitinspect.app.widgets import rows

WELCOME = (
    "These pictures come with vitinspect, and so does the model that explains them. Three short examples show what "
    "maps can and cannot tell you; or open a folder of your own."
)


class Guide(QWidget):
    """Hidden until there is something to say; it stays until a person closes it or goes on to the next."""

    def __init__(
        self,
        open_example: Callable[[Example], object],
        open_folder: Callable[[], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._open, self._open_folder = open_example, open_folder
        self.example: Example | None = None
        self.title = rows.heading("")
        self.title.setContentsMargins(0, 0, 0, 0)
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # The height of a label that wraps depends on its width; beside buttons it must be asked for it.
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.text.setSizePolicy(policy)
        self.buttons: list[QPushButton] = []
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 4, 4, 6)
        column.setSpacing(2)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.title)
        top.addLayout(self._buttons, 1)
        top.addWidget(rows.icon_button("cancel", "Close the example", self.close_guide))
        column.addLayout(top)
        column.addWidget(self.text)
        self.hide()

    def show_example(self, example: Example) -> None:
        self.example = example
        following = next_example(example)
        self._say(
            f"Example: {example.title}",
            " ".join(example.sentences),
            [(f"Next: {following.title}", partial(self._open, following))],
        )

    def show_welcome(self) -> None:
        self.example = None
        begin: list[tuple[str, Callable[[], object]]] = [(one.title, partial(self._open, one)) for one in EXAMPLES]
        self._say("Welcome", WELCOME, [*begin, ("Open folder", self._open_folder)])

    def close_guide(self) -> None:
        self.example = None
        self.hide()

    def _say(self, title: str, text: str, actions: list[tuple[str, Callable[[], object]]]) -> None:
        self.title.setText(title)
        self.text.setText(text)
        for button in self.buttons:
            self._buttons.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.buttons = [rows.button(words, call) for words, call in actions]
        for button in self.buttons:
            self._buttons.addWidget(button)
        self.setAccessibleName(f"{title}. {text}")
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(t.panel))
        painter.setPen(QPen(QColor(t.line), 1))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)
        painter.end()
