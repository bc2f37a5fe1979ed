"""A few choices side by side, one of them chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from vitinspect.app import theme
from vitinspect.app.theme.tokens import FIELD_HEIGHT
from vitinspect.app.widgets import icons


@dataclass(frozen=True)
class Segment:
    """One of the choices."""

    value: Any
    text: str
    icon: str = ""
    tip: str = ""


class Segments(QWidget):
    """``chosen`` is emitted when a person picks one; ``set_value`` emits nothing. ``fill`` shares all the width;
    with ``optional`` a click on the chosen one chooses nothing, which is emitted as None."""

    chosen = Signal(object)

    def __init__(
        self,
        segments: Sequence[Segment],
        *,
        name: str = "",
        fill: bool = False,
        optional: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._optional = optional
        self._last: Any = None
        self.setFixedHeight(FIELD_HEIGHT)
        self.setAccessibleName(name)
        horizontal = QSizePolicy.Policy.Expanding if fill else QSizePolicy.Policy.Fixed
        self.setSizePolicy(horizontal, QSizePolicy.Policy.Fixed)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self.buttons: dict[Any, _Button] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for i, segment in enumerate(segments):
            button = _Button(segment, first=i == 0, last=i == len(segments) - 1)
            self._group.addButton(button)
            self.buttons[segment.value] = button
            layout.addWidget(button, 1 if fill else 0)
            button.clicked.connect(lambda _=False, value=segment.value: self._clicked(value))
        if segments and not optional:
            self.set_value(segments[0].value)

    @property
    def value(self) -> Any:
        return next((value for value, button in self.buttons.items() if button.isChecked()), None)

    def _clicked(self, value: Any) -> None:
        if self._optional and value == self._last:
            self.set_value(None)
            self.chosen.emit(None)
            return
        self._last = value
        self.chosen.emit(value)

    def set_value(self, value: Any) -> None:
        """Nothing is chosen where no segment has this value."""
        self._last = value
        self._group.setExclusive(False)
        for own, button in self.buttons.items():
            button.setChecked(own == value)
        self._group.setExclusive(True)

    def show_words(self, shown: bool) -> None:
        """Without words only the icons are shown; a segment that has no icon keeps its word."""
        for button in self.buttons.values():
            button.show_words(shown)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(t.line), 1))
        painter.setBrush(QColor(t.panel))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.end()


class _Button(QToolButton):
    def __init__(self, segment: Segment, *, first: bool, last: bool) -> None:
        super().__init__()
        self._first, self._last, self._icon = first, last, segment.icon
        self.setText(segment.text)
        self.setCheckable(True)
        self.setToolTip(segment.tip or segment.text)
        self.setAccessibleName(segment.text)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedHeight(FIELD_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._words = True

    def show_words(self, shown: bool) -> None:
        self._words = shown or not self._icon
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        width = 16
        if self._icon:
            width += 16
        if self._words:
            width += self.fontMetrics().horizontalAdvance(self.text()) + (4 if self._icon else 0) + 1
        return QSize(width, FIELD_HEIGHT)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inner = QRectF(self.rect()).adjusted(1 if self._first else 0, 1, -1 if self._last else 0, -1)
        if self.isChecked() or (self.underMouse() and self.isEnabled()):
            painter.fillPath(self._shape(inner), QColor(t.chosen if self.isChecked() else t.hover))
        if not self._first:
            painter.fillRect(QRectF(0, 1, 1, self.height() - 2), QColor(t.line))
        colour = t.on_chosen if self.isChecked() else t.quiet if self.isEnabled() else t.border
        painter.setPen(QColor(colour))
        words = self.text() if self._words else ""
        width = painter.fontMetrics().horizontalAdvance(words)
        whole = width + (16 if self._icon else 0) + (4 if self._icon and words else 0)
        left = (self.width() - whole) / 2
        if self._icon:
            icons.paint(painter, self._icon, colour, QPoint(round(left) + 8, self.height() // 2))
            left += 20
        if words:
            painter.drawText(QRectF(left, 0, width + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, words)
        painter.end()

    def _shape(self, rect: QRectF) -> QPainterPath:
        path = QPainterPath()
        path.setFillRule(Qt.FillRule.WindingFill)
        path.addRoundedRect(rect, 3, 3)
        if not self._first:
            path.addRect(rect.adjusted(0, 0, -rect.width() / 2, 0))
        if not self._last:
            path.addRect(rect.adjusted(rect.width() / 2, 0, 0, 0))
        return path
