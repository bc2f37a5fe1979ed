"""The methods: a list to check, and widgets for their parameters, all made from the registry's declarations."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app.panels.section import even_heights, form, quiet
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.explainers.parameters import Parameter, format_value
from vitinspect.explainers.registry import MethodInfo, methods

COSTS = {
    "none": "no pass",
    "one forward": "fwd",
    "one forward and backward": "fwd + bwd",
    "several passes": "several",
    "many passes": "many",
}


class MethodsPanel(QWidget):
    """One row per method; the parameters of a checked one fold out below it."""

    def __init__(self, state: State, results: Results, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._results = state, results
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find a method")
        self.search.setClearButtonEnabled(True)
        self.search.setToolTip("Show only methods that have this in their name or description")
        self.search.textChanged.connect(self._filter)
        layout.addWidget(self.search)
        self.rows: dict[str, MethodRow] = {}
        self._headings: dict[str, QLabel] = {}
        for info in methods():
            if info.group not in self._headings:
                heading = quiet(info.group.capitalize(), wrap=False)
                heading.setContentsMargins(0, 4, 0, 0)
                self._headings[info.group] = heading
                layout.addWidget(heading)
            row = MethodRow(info, state)
            self.rows[info.id] = row
            layout.addWidget(row)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        self._follow()

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        used = set()
        for row in self.rows.values():
            info = row.info
            about = f"{info.id} {info.title} {info.summary} {info.group}".casefold()
            row.setVisible(all(word in about for word in words))
            if all(word in about for word in words):
                used.add(info.group)
        for group, heading in self._headings.items():
            heading.setVisible(group in used)

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"methods", "parameters"}:
            self._follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"refusals", "card", "pending", "maps"}:
            self._follow()

    def _follow(self) -> None:
        card = self._results.card
        for method_id, row in self.rows.items():
            refusal = self._results.refusals.get(method_id) or (card.refusals.get(method_id) if card else None)
            row.follow(method_id in self._state.methods, refusal, method_id in self._results.pending)


class MethodRow(QWidget):
    """A check box, what the method costs, and its parameters."""

    def __init__(self, info: MethodInfo, state: State) -> None:
        super().__init__()
        self.info, self._state = info, state
        self.check = QCheckBox(info.title)
        self.check.setToolTip(info.help())
        # A long title is cut rather than the panel widened.
        self.check.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.check.toggled.connect(lambda on: state.choose(info.id, on))
        cost = quiet(COSTS.get(info.cost, info.cost), wrap=False)
        cost.setToolTip(f"Cost: {info.cost}")
        self.reset = QToolButton()
        self.reset.setText("Reset")
        self.reset.setToolTip(f"Set the parameters of {info.title} back to their defaults")
        self.reset.clicked.connect(lambda: state.reset_parameters(info.id))
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(4)
        head.addWidget(self.check, 1)
        head.addWidget(self.reset)
        head.addWidget(cost)
        self.note = quiet()
        self.note.setContentsMargins(24, 0, 0, 0)
        self.note.hide()
        self.fields: dict[str, Field] = {}
        self._form: QWidget | None = None
        self._rows = layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self.note)

    def _make_form(self) -> QWidget:
        """The widgets of the parameters, made when the method is chosen for the first time."""
        rows: QFormLayout = form()
        rows.setContentsMargins(24, 0, 0, 4)
        for parameter in self.info.parameters:
            field = make_field(parameter, self.info, self._state)
            self.fields[parameter.name] = field
            label = QLabel(parameter.name.replace("_", " "))
            label.setToolTip(f"{parameter.help} ({parameter.describe()})")
            rows.addRow(label, field.widget)
        box = QWidget()
        box.setLayout(rows)
        even_heights(box)
        self._rows.addWidget(box)
        return box

    def follow(self, chosen: bool, refusal: str | None, pending: bool) -> None:
        self.check.blockSignals(True)
        self.check.setChecked(chosen)
        self.check.blockSignals(False)
        # One that does not apply can still be taken off.
        self.check.setEnabled(chosen or not refusal)
        self.note.setVisible(bool(refusal))
        self.note.setText(refusal or "")
        own = self._state.parameters.get(self.info.id, {})
        self.reset.setVisible(chosen and bool(own))
        if chosen and self.info.parameters and self._form is None:
            self._form = self._make_form()
        if self._form is not None:
            self._form.setVisible(chosen)
        if chosen:
            for name, field in self.fields.items():
                field.show_value(own.get(name, field.parameter.default))


class Field:
    """A widget for one parameter, made from its declaration."""

    def __init__(self, parameter: Parameter, widget: QWidget) -> None:
        self.parameter, self.widget = parameter, widget
        widget.setToolTip(f"{parameter.help} ({parameter.describe()}; default {format_value(parameter.default)})")
        widget.setAccessibleName(parameter.name.replace("_", " "))

    def show_value(self, value: Any) -> None:
        raise TypeError(f"{type(self).__name__} must say how it shows a value")


class BoolField(Field):
    def __init__(self, parameter: Parameter, change: Any) -> None:
        self.box = QCheckBox()
        super().__init__(parameter, self.box)
        self.box.toggled.connect(change)

    def show_value(self, value: Any) -> None:
        self.box.blockSignals(True)
        self.box.setChecked(bool(value))
        self.box.blockSignals(False)


class ChoiceField(Field):
    def __init__(self, parameter: Parameter, change: Any) -> None:
        self.box = _Combo()
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(8)
        if parameter.optional and "none" not in parameter.choices:
            self.box.addItem("none", None)
        for choice in parameter.choices:
            self.box.addItem(choice, choice)
        super().__init__(parameter, self.box)
        self.box.activated.connect(lambda index: change(self.box.itemData(index)))

    def show_value(self, value: Any) -> None:
        self.box.setCurrentIndex(self.box.findData(value))


class NumberField(Field):
    """A spin box; an optional number has a check box before it that says whether there is one."""

    def __init__(self, parameter: Parameter, change: Any) -> None:
        self._change = change
        self.box: QSpinBox | QDoubleSpinBox
        low, high = parameter.minimum, parameter.maximum
        if parameter.type == "int":
            self.box = _Spin()
            self.box.setRange(int(low if low is not None else -(10**6)), int(high if high is not None else 10**6))
        else:
            self.box = _DoubleSpin()
            decimals = _decimals(parameter)
            self.box.setDecimals(decimals)
            self.box.setRange(low if low is not None else -1e6, high if high is not None else 1e6)
            span = (high - low) if low is not None and high is not None else 1.0
            self.box.setSingleStep(10 ** math.floor(math.log10(span / 10)) if span > 0 else 0.1)
            if parameter.logarithmic:
                self.box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        # Typing "12" is one change, not a run with 1 and another with 12.
        self.box.setKeyboardTracking(False)
        self.has: QCheckBox | None = None
        widget: QWidget = self.box
        if parameter.optional:
            widget = QWidget()
            self.has = QCheckBox("set")
            row = QHBoxLayout(widget)
            row.setContentsMargins(0, 0, 0, 0)
            row.addWidget(self.has)
            row.addWidget(self.box, 1)
            self.has.toggled.connect(lambda on: change(self.box.value() if on else None))
        super().__init__(parameter, widget)
        self.box.valueChanged.connect(change)

    def show_value(self, value: Any) -> None:
        for widget in (self.box, self.has):
            if widget is not None:
                widget.blockSignals(True)
        if value is not None:
            self.box.setValue(value)
        if self.has is not None:
            self.has.setChecked(value is not None)
            self.box.setEnabled(value is not None)
        for widget in (self.box, self.has):
            if widget is not None:
                widget.blockSignals(False)


def _decimals(parameter: Parameter) -> int:
    smallest = min((abs(v) for v in (parameter.default, parameter.minimum) if v), default=0.01)
    return max(2, min(8, 1 - math.floor(math.log10(smallest)))) if smallest else 2


def make_field(parameter: Parameter, info: MethodInfo, state: State) -> Field:
    """The widget for a parameter; what it is set to goes to the state."""

    def change(value: Any) -> None:
        state.set_parameter(info.id, parameter.name, value)

    if parameter.type == "bool":
        return BoolField(parameter, change)
    if parameter.type == "choice":
        return ChoiceField(parameter, change)
    return NumberField(parameter, change)


# The wheel scrolls the panel; it shall not start a computation because a field was under the cursor.
class _Spin(QSpinBox):
    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: Any) -> None:  # noqa: N802
        event.ignore()


class _DoubleSpin(QDoubleSpinBox):
    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: Any) -> None:  # noqa: N802
        event.ignore()


class _Combo(QComboBox):
    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: Any) -> None:  # noqa: N802
        event.ignore()
