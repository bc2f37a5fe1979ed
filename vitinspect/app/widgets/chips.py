"""Filters as small buttons: one that is on is filled and has a cross; one that needs a value opens a menu."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import icons
from vitinspect.app.widgets.flow import FlowLayout

HEIGHT = 20
Choices = tuple[tuple[Any, str], ...]


@dataclass(frozen=True)
class Chip:
    """With ``choices``, (value, words), the chip opens a menu; without them it is on or off."""

    id: str
    text: str
    tip: str = ""
    choices: Choices | Callable[[], Choices] | None = None
    """A function is asked each time when the menu opens; none at all is a chip that is on or off."""
    empty: str = "Nothing to choose from"
    """What the menu says where there are none."""


class Chips(QWidget):
    """A row of filters that wraps. ``changed`` gives the chip and its value: True, one of the choices, or None."""

    changed = Signal(str, object)

    def __init__(
        self, chips: Sequence[Chip] = (), parent: QWidget | None = None, *, last: QWidget | None = None
    ) -> None:
        """``last`` flows behind the filters."""
        super().__init__(parent)
        self.buttons: dict[str, ChipButton] = {}
        self._last = last
        self._flow = FlowLayout(self, spacing=4)
        self.setAccessibleName("Filters")
        self.set_chips(chips)

    def set_chips(self, chips: Sequence[Chip]) -> None:
        """Replace the chips or their choices; values that are set stay."""
        before = {name: button.value for name, button in self.buttons.items()}
        while (item := self._flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None and widget is not self._last:
                widget.hide()
                widget.deleteLater()
        self.buttons = {}
        for chip in chips:
            button = ChipButton(chip, self.changed.emit)
            self.buttons[chip.id] = button
            self._flow.addWidget(button)
            button.set_value(before.get(chip.id))
        if self._last is not None:
            self._flow.addWidget(self._last)
        self.updateGeometry()

    def set_value(self, chip: str, value: Any) -> None:
        """Set a value without a signal."""
        self.buttons[chip].set_value(value)
        self._flow.invalidate()

    def value(self, chip: str) -> Any:
        return self.buttons[chip].value


class ChipButton(QToolButton):
    """One filter."""

    def __init__(self, chip: Chip, value_changed: Callable[[str, Any], None]) -> None:
        super().__init__()
        self.chip, self._value_changed = chip, value_changed
        self._value: Any = None
        self._words = ""
        self.setFixedHeight(HEIGHT)
        self.setToolTip(chip.tip)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFont(theme.font(tokens.SMALL_SIZE))
        self.clicked.connect(self._clicked)
        self.set_value(None)

    @property
    def value(self) -> Any:
        return self._value

    @property
    def is_on(self) -> bool:
        return self._value not in (None, False)

    @property
    def choices(self) -> Choices:
        found = self.chip.choices
        return found() if callable(found) else found or ()

    def set_value(self, value: Any) -> None:
        if value != self._value or not self._words:
            self._value = value
            self._words = next((w for v, w in self.choices if v == value), "") if self.is_on else ""
        words = self._words
        self.setText(words or self.chip.text)
        self.setAccessibleName(f"{self.chip.text}: {words or ('on' if self.is_on else 'off')}")
        self.updateGeometry()
        self.update()

    def menu_of(self) -> QMenu:
        """The values to choose from."""
        menu = QMenu(self)
        for value, words in self.choices:
            action = menu.addAction(words.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(value == self._value)
            action.triggered.connect(lambda _=False, v=value: self._take(v))
        if menu.isEmpty():
            menu.addAction(self.chip.empty).setEnabled(False)
        return menu

    def _clicked(self) -> None:
        if self.is_on:
            self._take(None)
        elif self.chip.choices is not None:
            menu = self.menu_of()
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.mapToGlobal(QPoint(0, self.height())))
        else:
            self._take(True)

    def _take(self, value: Any) -> None:
        self.set_value(value)
        self._value_changed(self.chip.id, value)

    def sizeHint(self) -> QSize:  # noqa: N802
        extra = 18 if self.is_on or self.chip.choices is not None else 0
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 14 + extra, HEIGHT)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.is_on
        painter.setPen(QPen(QColor(t.accent if on else t.border if self.underMouse() else t.line), 1))
        painter.setBrush(QColor(t.chosen if on else t.hover if self.underMouse() else t.field))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        colour = t.on_chosen if on else t.text if self.isEnabled() else t.quiet
        painter.setPen(QColor(colour))
        painter.drawText(self.rect().adjusted(7, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), self.text())
        if on or self.chip.choices is not None:
            name = "cancel" if on else "chevron-down"
            icons.paint(painter, name, colour if on else t.quiet, QPoint(self.width() - 13, HEIGHT // 2), 12)
        painter.end()
