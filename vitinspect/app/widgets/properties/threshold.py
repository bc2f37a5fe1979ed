"""Where a map is cut into a mask, and how that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app.widgets import numbers, rows
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.fields import NumberField
from vitinspect.app.widgets.histogram import Histogram
from vitinspect.app.widgets.properties.choices import OWN_NUMBER, SHOWN_AS, THRESHOLDS
from vitinspect.app.widgets.properties.display import IN_PICTURE
from vitinspect.app.widgets.segments import Segment, Segments

NUMBER_WIDTH = 96


@dataclass(frozen=True)
class ThresholdValues:
    """``value`` is the number of a mode that has one of its own; ``level`` is where the map is cut, in its values."""

    mode: str = "otsu"
    value: float = 0.0
    level: float | None = None
    share: float = 0.0
    """Of the picture, above the level."""
    shown_as: str = ""
    counts: Sequence[float] = ()
    low: float = 0.0
    high: float = 1.0
    drawn: bool = True
    """Whether the view draws maps at all: the picture alone has no outline either."""


class ThresholdForm(QWidget):
    """``mode_chosen``; ``value_typed`` for the number of a mode; ``level_moved`` for a value of the map, while the line
    is dragged, and ``level_set`` when it rests or was typed; ``shown_as_chosen``, empty for not at all."""

    mode_chosen = Signal(str)
    value_typed = Signal(float)
    level_moved = Signal(float)
    level_set = Signal(float)
    shown_as_chosen = Signal(str)

    def __init__(self, *, ways: Sequence[tuple[str, str, str]] = SHOWN_AS, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._mode = "otsu"
        self.mode = Choice(THRESHOLDS, name="Level", tip="How the level is found")
        self.mode.set_short("fixed", "Fixed")
        self.number = NumberField(name="Level", tip="The value above which the map is part of the mask")
        self.number.setFixedWidth(NUMBER_WIDTH)
        self.histogram = Histogram()
        self.share = rows.words(kind="note")
        self.shown_as = Segments(
            [Segment(value, text, tip=tip) for value, text, tip in ways],
            name="Show the threshold as",
            fill=True,
            optional=True,
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(rows.heading("Threshold"))
        column.addWidget(rows.PropertyRow("Level", self.mode, self.number))
        for widget, margins in (
            (self.histogram, (8, 4, 8, 0)),
            (self.share, (8, 4, 8, 4)),
            (self.shown_as, (8, 2, 8, 8)),
        ):
            line = QHBoxLayout()
            line.setContentsMargins(*margins)
            line.addWidget(widget)
            column.addLayout(line)
        self.mode.chosen.connect(lambda value: self.mode_chosen.emit(value))
        self.number.changed.connect(self._typed)
        self.histogram.moved.connect(self.level_moved)
        self.histogram.finished.connect(self.level_set)
        self.shown_as.chosen.connect(lambda value: self.shown_as_chosen.emit(value or ""))

    def _typed(self, value: float) -> None:
        (self.value_typed if self._mode in OWN_NUMBER else self.level_set).emit(value)

    def set_values(self, values: ThresholdValues) -> None:
        """Show these, without a signal."""
        self._mode = values.mode
        self.mode.set_value(values.mode)
        own = OWN_NUMBER.get(values.mode)
        low, high, tip = (
            own if own is not None else (-1e300, 1e300, "The value above which the map is part of the mask")
        )
        self.number.set_range(low, high)
        self.number.set_value(values.value if own is not None else values.level)
        self.number.setToolTip(tip)
        self.histogram.set_counts(values.counts, values.low, values.high)
        self.histogram.set_level(values.level)
        self.shown_as.set_value(values.shown_as or None)
        self.shown_as.setEnabled(values.drawn)
        self.shown_as.setToolTip("" if values.drawn else IN_PICTURE)
        self.share.setText("" if values.level is None else self.sentence(values))

    @staticmethod
    def sentence(values: ThresholdValues) -> str:
        """2.0 % of the picture lies above 0.00257"""
        assert values.level is not None
        return f"{numbers.percent(values.share)} of the picture lies above {numbers.number(values.level)}"
