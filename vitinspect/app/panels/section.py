"""A part of the controls that folds, and a few small widgets that several panels use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSlider,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app import theme
from vitinspect.app.session.state import State

FIELD = 26


class Section(QWidget):
    """A heading that folds what is below it. Which ones are folded is part of the state."""

    def __init__(self, title: str, content: QWidget, state: State, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title, self.content, self._state = title, content, state
        self.button = QToolButton(self)
        self.button.setObjectName("section")
        self.button.setText(title)
        self.button.setToolTip(f"Fold or unfold {title}")
        self.button.setCheckable(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.button)
        holder = QWidget(self)
        inside = QVBoxLayout(holder)
        inside.setContentsMargins(8, 0, 8, 12)
        inside.addWidget(content)
        self._holder = holder
        layout.addWidget(holder)
        self.button.toggled.connect(self._toggled)
        state.changed.connect(self._state_changed)
        self._follow()

    def open(self) -> None:
        """Unfold it."""
        self._state.set(folded=tuple(t for t in self._state.folded if t != self.title))

    def _toggled(self, on: bool) -> None:
        rest = tuple(t for t in self._state.folded if t != self.title)
        self._state.set(folded=rest if on else (*rest, self.title))

    def _state_changed(self, names: frozenset[str]) -> None:
        if "folded" in names:
            self._follow()

    def _follow(self) -> None:
        shown = self.title not in self._state.folded
        self.button.blockSignals(True)
        self.button.setChecked(shown)
        self.button.blockSignals(False)
        self.button.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self._holder.setVisible(shown)


def form() -> QFormLayout:
    """Labels at the left, fields that take the rest."""
    layout = QFormLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(8)
    layout.setVerticalSpacing(4)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return layout


def quiet(text: str = "", *, wrap: bool = True) -> QLabel:
    """Secondary text."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setObjectName("quiet")
    label.setWordWrap(wrap)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


class Choice(QComboBox):
    """A combo box bound to one value of the state; ``items`` are (value, words)."""

    def __init__(self, state: State, name: str, items: list[tuple[str, str]], tip: str) -> None:
        super().__init__()
        self._state, self._name = state, name
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        for value, words in items:
            self.addItem(words, value)
        self._follow()
        self.activated.connect(lambda index: state.set(**{name: self.itemData(index)}))
        state.changed.connect(self._state_changed)

    def wheelEvent(self, event: object) -> None:  # noqa: N802
        # The wheel scrolls the controls; a value shall not change because it was under the cursor.
        event.ignore()  # type: ignore[attr-defined]

    def _state_changed(self, names: frozenset[str]) -> None:
        if self._name in names:
            self._follow()

    def _follow(self) -> None:
        index = self.findData(getattr(self._state, self._name))
        if index >= 0:
            self.setCurrentIndex(index)


class Slide(QWidget):
    """A slider with its value in figures. ``moved`` while it is dragged."""

    moved = Signal(float)

    def __init__(
        self,
        low: float,
        high: float,
        steps: int,
        show: Callable[[float], str],
        tip: str,
        *,
        width: int = 52,
    ) -> None:
        super().__init__()
        self._low, self._high, self._steps, self._show = low, high, steps, show
        self.slider = _Slider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, steps)
        self.slider.setPageStep(max(1, steps // 10))
        self.slider.setToolTip(tip)
        self.slider.setAccessibleName(tip)
        self.figure = QLabel()
        self.figure.setFont(theme.tabular(self.figure.font()))
        self.figure.setMinimumWidth(width)
        self.figure.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.figure)
        self.slider.valueChanged.connect(self._changed)
        self.set_value(low)

    @property
    def value(self) -> float:
        return self._low + (self._high - self._low) * self.slider.value() / self._steps

    def set_value(self, value: float) -> None:
        """Show ``value`` without telling anybody."""
        span = self._high - self._low
        position = round((value - self._low) / span * self._steps) if span else 0
        self.slider.blockSignals(True)
        self.slider.setValue(position)
        self.slider.blockSignals(False)
        self.figure.setText(self._show(value))

    def set_range(self, low: float, high: float) -> None:
        self._low, self._high = low, high

    def _changed(self, position: int) -> None:
        self.figure.setText(self._show(self.value))
        self.moved.emit(self.value)


class _Slider(QSlider):
    def wheelEvent(self, event: object) -> None:  # noqa: N802
        event.ignore()  # type: ignore[attr-defined]


def set_columns(table: QTableWidget, columns: Sequence[tuple[str, str]]) -> None:
    """Headings with their tool tips; the first column is text, and its heading stands at the left."""
    for number, (heading, tip) in enumerate(columns):
        item = QTableWidgetItem(heading)
        item.setToolTip(tip)
        side = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
        item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        table.setHorizontalHeaderItem(number, item)


def even_heights(parent: QWidget) -> None:
    """Fields, spin boxes and combo boxes of one height, whatever the style makes of them."""
    for kind in (QLineEdit, QAbstractSpinBox, QComboBox):
        for widget in parent.findChildren(kind):
            if not isinstance(widget.parent(), QAbstractSpinBox | QComboBox):
                widget.setFixedHeight(FIELD)
