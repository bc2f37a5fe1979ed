"""Numbers that are typed or dragged, and a check box."""

from __future__ import annotations

import math

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QValidator, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)

from vitinspect.app import theme
from vitinspect.app.theme.tokens import FIELD_HEIGHT
from vitinspect.app.widgets import numbers

_ALLOWED = frozenset("0123456789.,eE+-−– %\u2009\u00a0\u202f")


class NumberField(QDoubleSpinBox):
    """A number to type, without arrows. Up and Down step; the wheel does only while the field has the focus."""

    changed = Signal(float)
    """A person has set another value; ``set_value`` emits nothing."""
    refused = Signal(str)
    """Why the typed text cannot be accepted; empty once it can."""

    def __init__(
        self,
        low: float = -1e300,
        high: float = 1e300,
        value: float = 0.0,
        *,
        whole: bool = False,
        percent: bool = False,
        unit: str = "",
        digits: int = 3,
        most_characters: int = 0,
        step: float | None = None,
        name: str = "",
        tip: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._whole, self._percent, self._digits = whole, percent, digits
        self._most_characters = most_characters
        self._unit = " %" if percent else f" {unit}" if unit else ""
        self._reason = ""
        self.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self.setCorrectionMode(QAbstractSpinBox.CorrectionMode.CorrectToPreviousValue)
        self.setKeyboardTracking(False)  # typing "12" is one change, not 1 and then 12
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setFixedHeight(FIELD_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setDecimals(0 if whole else 30)
        self.setAccessibleName(name or tip)
        self.setToolTip(tip)
        self.setFont(theme.tabular(self.font()))
        self._step = step
        self._range: tuple[float, float] | None = None
        self.set_range(low, high)
        self.set_value(value)
        self.valueChanged.connect(self.changed)
        self.editingFinished.connect(lambda: self._say(""))

    def set_range(self, low: float, high: float) -> None:
        if (low, high) == self._range:
            return
        self._range = low, high
        self.blockSignals(True)
        self.setRange(low, high)
        self.blockSignals(False)
        span = high - low
        step = (
            self._step if self._step else 1 if self._whole else 10.0 ** math.floor(math.log10(span / 50)) if span else 1
        )
        self.setSingleStep(step if math.isfinite(step) and step < 1e200 else 0.1)

    def set_value(self, value: float | None) -> None:
        """None for a number that is not known yet: the field is empty and cannot be edited."""
        self.setEnabled(value is not None)
        # Qt writes and paints the text again for the same value too.
        if value is None or value != self.value() or self.text() != self.textFromValue(value):
            self.blockSignals(True)
            if value is None:
                self.clear()
            else:
                self.setValue(value)
            self.blockSignals(False)
        self._say("")

    def textFromValue(self, value: float) -> str:  # noqa: N802
        if self._whole:
            return numbers.whole(round(value)) + self._unit
        if self._percent:
            shown = f"{100 * value:.1f}".removesuffix(".0")
            return numbers.true_minus(shown) + self._unit
        text = numbers.number(value, self._digits)
        if self._most_characters and len(text) > self._most_characters:
            text = numbers.number(value, 2)
        return text + self._unit

    def valueFromText(self, text: str) -> float:  # noqa: N802
        # What is shown has few digits; leaving the field untouched must not round the value to them.
        if text == self.textFromValue(self.value()):
            return self.value()
        found = self._parsed(text)
        return self.value() if found is None else found

    def _parsed(self, text: str) -> float | None:
        bare = text.strip().removesuffix(self._unit.strip()) if self._unit else text
        found = numbers.parse(bare)
        return found / 100 if found is not None and self._percent else found

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        rest = text.strip().removesuffix(self._unit.strip()) if self._unit else text
        if not set(rest) <= _ALLOWED:
            return QValidator.State.Invalid, text, position
        found = self._parsed(text)
        if found is None:
            return QValidator.State.Intermediate, text, position
        shown = text == self.textFromValue(self.value())
        if self._whole and found != round(found) and not shown:
            self._say("a whole number")
            return QValidator.State.Intermediate, text, position
        if not self.minimum() <= found <= self.maximum() and not shown:
            self._say(self._range_text())
            return QValidator.State.Intermediate, text, position
        self._say("")
        return QValidator.State.Acceptable, text, position

    def _range_text(self) -> str:
        low, high = self.minimum(), self.maximum()
        if low <= -1e200:
            return f"at most {self.textFromValue(high)}"
        if high >= 1e200:
            return f"at least {self.textFromValue(low)}"
        return f"{self.textFromValue(low)} to {self.textFromValue(high)}"

    @property
    def reason(self) -> str:
        """Why the typed text cannot be accepted; empty where it can."""
        return self._reason

    def _say(self, reason: str) -> None:
        if reason == self._reason:
            return
        self._reason = reason
        self.update()
        self.refused.emit(reason)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        on = self.isEnabled()
        edge = t.on_error if self._reason else t.accent if self.hasFocus() else t.border if on else t.line
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(edge), 2 if self._reason else 1))
        painter.setBrush(QColor(t.field if on else t.panel))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        painter.end()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(64, FIELD_HEIGHT)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(44, FIELD_HEIGHT)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class Slider(QSlider):
    """A groove of four pixels, filled up to a small handle; a click moves the handle there."""

    def __init__(self, steps: int = 1000, *, name: str = "", tip: str = "", parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(0, steps)
        self.setPageStep(max(1, steps // 10))
        self.setSingleStep(max(1, steps // 100))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedHeight(16)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name or tip)
        self.setToolTip(tip)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(96, 16)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(40, 16)

    def _position(self, x: float) -> int:
        room = max(1, self.width() - 8)
        return round((x - 4) / room * (self.maximum() - self.minimum())) + self.minimum()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self.setValue(self._position(event.position().x()))
            event.accept()
        else:
            event.ignore()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self.isSliderDown():
            self.setValue(self._position(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.setSliderDown(False)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        span = max(1, self.maximum() - self.minimum())
        x = 4 + (self.width() - 8) * (self.sliderPosition() - self.minimum()) / span
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = self.height() // 2 - 2
        painter.fillRect(QRectF(0, top, self.width(), 4), QColor(t.line))
        painter.fillRect(QRectF(0, top, x, 4), QColor(t.accent if self.isEnabled() else t.border))
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver) and self.isEnabled()
        painter.setPen(QPen(QColor(t.border), 1))
        painter.setBrush(QColor(t.hover if hovered else t.field))
        painter.drawRoundedRect(QRectF(x - 3.5, top - 3.5, 7, 11), 2, 2)
        painter.end()


class SliderField(QWidget):
    """A slider and the same value to type. ``changed`` while it moves, ``finished`` when it rests."""

    changed = Signal(float)
    finished = Signal(float)
    STEPS = 1000

    def __init__(
        self,
        low: float = 0.0,
        high: float = 1.0,
        value: float = 0.0,
        *,
        logarithmic: bool = False,
        whole: bool = False,
        percent: bool = False,
        unit: str = "",
        step: float | None = None,
        name: str = "",
        tip: str = "",
        width: int = 60,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._low, self._high, self._whole = low, high, whole
        self._logarithmic = logarithmic
        steps = int(min(self.STEPS, high - low)) if whole else self.STEPS
        self.slider = Slider(max(1, steps), name=name, tip=tip)
        self.field = NumberField(
            low, high, value, whole=whole, percent=percent, unit=unit, step=step, name=name, tip=tip
        )
        self.field.setFixedWidth(width)
        self.setFixedHeight(FIELD_HEIGHT)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.field)
        self.setFocusProxy(self.slider)
        self.slider.valueChanged.connect(self._slid)
        self.slider.sliderReleased.connect(lambda: self.finished.emit(self.value))
        self.field.changed.connect(self._typed)
        self.set_value(value)

    @property
    def value(self) -> float:
        return self.field.value()

    def set_value(self, value: float) -> None:
        self.field.set_value(value)
        self._place(value)

    def set_range(self, low: float, high: float) -> None:
        value = self.value
        self._low, self._high = low, high
        self.field.set_range(low, high)
        self._place(value)

    def _place(self, value: float) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(self._to_position(value))
        self.slider.blockSignals(False)

    def _to_position(self, value: float) -> int:
        low, high, value = self._low, self._high, min(max(value, self._low), self._high)
        if high <= low:
            return 0
        share = (value - low) / (high - low)
        if self._logarithmic:
            # A range that begins at 0 has no logarithm; the cube gives small values as much space.
            share = math.log(value / low) / math.log(high / low) if low > 0 else share ** (1 / 3)
        return round(share * self.slider.maximum())

    def _to_value(self, position: int) -> float:
        share = position / max(1, self.slider.maximum())
        if self._logarithmic and self._low > 0:
            value = self._low * (self._high / self._low) ** share
        else:
            value = self._low + (self._high - self._low) * (share**3 if self._logarithmic else share)
        return float(round(value)) if self._whole else value

    def _slid(self, position: int) -> None:
        value = self._to_value(position)
        self.field.set_value(value)
        self.changed.emit(value)
        if not self.slider.isSliderDown():
            self.finished.emit(value)

    def _typed(self, value: float) -> None:
        self._place(value)
        self.changed.emit(value)
        self.finished.emit(value)


class CheckBox(QCheckBox):
    """A box of 14 pixels with its words. ``chosen`` is emitted when a person changes it."""

    chosen = Signal(bool)

    def __init__(self, text: str = "", *, tip: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setToolTip(tip)
        self.setAccessibleName(text or tip)
        self.setFixedHeight(FIELD_HEIGHT)
        self.clicked.connect(self.chosen)

    def set_value(self, on: bool) -> None:
        self.blockSignals(True)
        self.setChecked(on)
        self.blockSignals(False)

    def sizeHint(self) -> QSize:  # noqa: N802
        text = self.fontMetrics().horizontalAdvance(self.text()) + 7 if self.text() else 0
        return QSize(15 + text, FIELD_HEIGHT)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self.sizeHint()

    def hitButton(self, point: QPoint) -> bool:  # noqa: N802
        return self.rect().contains(point)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        box = QRect(0, (self.height() - 14) // 2, 14, 14)
        paint_box(painter, box, self.isChecked(), enabled=self.isEnabled(), hovered=self.underMouse())
        if self.text():
            painter.setPen(QColor(theme.current().text if self.isEnabled() else theme.current().quiet))
            painter.drawText(self.rect().adjusted(20, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self.text())
        painter.end()


def paint_box(painter: QPainter, box: QRect, on: bool, *, enabled: bool = True, hovered: bool = False) -> None:
    """The box of a check box, for delegates too."""
    t = theme.current()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    edge = t.line if not enabled else t.accent if on else t.border
    ground = (t.accent if enabled else t.border) if on else t.hover if hovered and enabled else t.field
    painter.setPen(QPen(QColor(edge), 1))
    painter.setBrush(QColor(ground))
    painter.drawRoundedRect(QRectF(box).adjusted(0.5, 0.5, -0.5, -0.5), 2, 2)
    if on:
        pen = QPen(QColor(t.on_accent), 1.6)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        x, y = box.left(), box.top()
        painter.drawPolyline([QPoint(x + 3, y + 7), QPoint(x + 6, y + 10), QPoint(x + 11, y + 4)])
    painter.restore()
