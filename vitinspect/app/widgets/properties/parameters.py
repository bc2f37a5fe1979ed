"""One row for each parameter of a method, made from its declaration, under the name that its paper gives it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app.widgets import rows, tips
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.fields import CheckBox, NumberField, SliderField
from vitinspect.app.widgets.properties.choices import FROM_BLOCK, OF_BLOCK, meaning
from vitinspect.explainers.parameters import Parameter, format_value

NUMBER_WIDTH = 56
_WIDE = 1e6
"""Whole numbers up to this have a field of their own and no slider."""

Change = Callable[[Any], None]


class ParameterForm(QWidget):
    """``changed`` gives a parameter's name and its new value."""

    changed = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: dict[str, ParameterRow] = {}
        self._parameters: tuple[Parameter, ...] = ()
        self._depth = 0
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_parameters(self, parameters: Sequence[Parameter], values: Mapping[str, Any], *, depth: int = 0) -> None:
        """Show these values; those that are missing are at their defaults. ``depth`` is the number of blocks."""
        wanted = tuple(parameters)
        if (wanted, depth) != (self._parameters, self._depth):
            self._parameters, self._depth = wanted, depth
            self._build()
        for name, row in self.rows.items():
            row.set_value(values.get(name, row.parameter.default))

    def _build(self) -> None:
        for row in self.rows.values():
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = {}
        for parameter in self._parameters:
            row = ParameterRow(parameter, self._depth)
            row.changed.connect(lambda value, name=parameter.name: self.changed.emit(name, value))
            self.rows[parameter.name] = row
            self._column.addWidget(row)


class ParameterRow(QWidget):
    """Label, field, and what the value means."""

    changed = Signal(object)

    def __init__(self, parameter: Parameter, depth: int = 0) -> None:
        super().__init__()
        self.parameter, self._depth = parameter, depth
        self._set: Change = lambda value: None
        make = {"bool": self._make_box, "choice": self._make_choice}.get(parameter.type, self._make_number)
        field, stretch = make()
        self.field = field
        default = format_value(parameter.default)
        tip = tips.plain(f"{parameter.help}\n{parameter.describe()}; default {default}")
        field.setToolTip(tip)
        self.row = rows.PropertyRow(parameter.name, field, tip=tip, stretch=stretch)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.row)

    def set_value(self, value: Any) -> None:
        """Show a value, without a signal."""
        self._set(value)
        self._say_meaning(value)

    def _say_meaning(self, value: Any) -> None:
        self.row.set_note(meaning(self.parameter.name, value, self._depth))

    def _emit_value(self, value: Any) -> None:
        self._say_meaning(value)
        self.changed.emit(value)

    def _make_box(self) -> tuple[QWidget, bool]:
        box = CheckBox()
        box.setAccessibleName(self.parameter.name)
        box.chosen.connect(self._emit_value)
        self._set = lambda value: box.set_value(bool(value))
        return box, False

    def _make_choice(self) -> tuple[QWidget, bool]:
        parameter = self.parameter
        items: list[tuple[Any, str]] = [(choice, choice) for choice in parameter.choices]
        if parameter.optional and "none" not in parameter.choices:
            items.insert(0, (None, "none"))
        choice = Choice(items, name=parameter.name)
        choice.chosen.connect(self._emit_value)
        self._set = choice.set_value
        return choice, True

    def _make_number(self) -> tuple[QWidget, bool]:
        parameter = self.parameter
        whole = parameter.type == "int"
        low = -math.inf if parameter.minimum is None else parameter.minimum
        high = math.inf if parameter.maximum is None else parameter.maximum
        if parameter.name in FROM_BLOCK + OF_BLOCK and self._depth:
            low, high = max(low, -self._depth), min(high, self._depth - 1)
        if math.isfinite(low) and math.isfinite(high) and not whole and not parameter.optional and high - low <= 10:
            slide = SliderField(low, high, parameter.default, name=parameter.name, logarithmic=parameter.logarithmic)
            slide.finished.connect(self._emit_value)
            self._set = slide.set_value
            return slide, True
        field = NumberField(max(low, -1e300), min(high, 1e300), 0.0, whole=whole, name=parameter.name)
        field.setFixedWidth(NUMBER_WIDTH if high - low < _WIDE else NUMBER_WIDTH + 40)
        convert: Callable[[float], Any] = round if whole else float
        if not parameter.optional:
            field.changed.connect(lambda value: self._emit_value(convert(value)))
            self._set = field.set_value
            return field, False
        return self._make_optional(field, convert), False

    def _make_optional(self, field: NumberField, convert: Callable[[float], Any]) -> QWidget:
        """A box that says whether there is a number at all."""
        has = CheckBox("set")
        has.chosen.connect(lambda on: self._emit_value(convert(field.value()) if on else None))
        field.changed.connect(lambda value: self._emit_value(convert(value)))

        def show(value: Any) -> None:
            has.set_value(value is not None)
            field.setEnabled(value is not None)
            if value is not None:
                field.set_value(value)

        self._set = show
        has.chosen.connect(field.setEnabled)
        both = QWidget()
        line = QHBoxLayout(both)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(has)
        line.addWidget(field)
        both.setFocusProxy(has)
        return both
