"""How a map is drawn: colours, range, opacity, smooth or patch by patch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app.widgets import rows
from vitinspect.app.widgets.choice import Choice, ColourMapChoice
from vitinspect.app.widgets.fields import NumberField, SliderField
from vitinspect.app.widgets.properties.choices import OPACITIES, RANGES
from vitinspect.app.widgets.segments import Segment, Segments
from vitinspect.figures.names import colormap_names

CHOICE_WIDTH = 92
NUMBER_WIDTH = 54


@dataclass(frozen=True)
class DisplayValues:
    """What the form shows. ``low`` and ``high`` are raw values at the ends of the colour bar."""

    colormap: str = "auto"
    signed: bool = False
    range_mode: str = "automatic"
    low: float | None = 0.0
    high: float | None = 1.0
    """None for both while the map is being computed."""
    opacity_mode: str = "growing"
    opacity: float = 0.9
    smooth: bool = True
    on_patches: bool = True
    """A map with a value for each pixel has no patches to show."""
    shown_as: str = "overlay"
    """Or "heat" for the map alone, which is opaque, or "image" for the picture alone."""


IN_MAP = "The map alone hides the picture"
IN_PICTURE = "The picture is shown without maps"


class DisplayForm(QWidget):
    """``changed`` gives the name of a value of ``DisplayValues``; ``range_typed`` gives both ends."""

    changed = Signal(str, object)
    range_typed = Signal(float, float)

    def __init__(self, *, ranges: Sequence[tuple[str, str]] = RANGES, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.colours = ColourMapChoice(("auto", *colormap_names()), tip="The colours of the map")
        self.range = Choice(ranges, name="Range", tip="Which values the ends of the colour bar have")
        for shared in ("layers", "pictures"):
            if shared in dict(ranges):
                self.range.set_short(shared, shared)
        self.low = NumberField(
            name="Lowest value", most_characters=6, tip="The raw value at the low end of the colours"
        )
        self.high = NumberField(
            name="Highest value", most_characters=6, tip="The raw value at the high end of the colours"
        )
        for field in (self.low, self.high):
            field.setFixedWidth(NUMBER_WIDTH)
        self.grows = Choice(
            OPACITIES,
            name="Opacity",
            tip="Whether low values show more of the picture",
        )
        self.grows.setFixedWidth(CHOICE_WIDTH)
        self.opacity = SliderField(0.0, 1.0, 0.9, percent=True, name="Opacity", width=48)
        self.drawn = Segments(
            [
                Segment(True, "Smooth", tip="Interpolated between the patches"),
                Segment(False, "Patches", tip="One colour for each patch"),
            ],
            name="Drawn",
            fill=True,
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(rows.heading("Display"))
        self._colours_row = rows.PropertyRow("Colours", self.colours)
        column.addWidget(self._colours_row)
        self._range_row = rows.PropertyRow("Range", self.range, self.low, self.high)
        column.addWidget(self._range_row)
        self._opacity_row = rows.PropertyRow("Opacity", self.opacity)
        self._opacity_row.layout().insertWidget(1, self.grows)  # type: ignore[union-attr]
        column.addWidget(self._opacity_row)
        self._drawn_row = rows.PropertyRow("Drawn", self.drawn)
        column.addWidget(self._drawn_row)
        for name, choice in (("colormap", self.colours), ("range_mode", self.range), ("opacity_mode", self.grows)):
            choice.chosen.connect(lambda value, name=name: self.changed.emit(name, value))
        self.drawn.chosen.connect(lambda value: self.changed.emit("smooth", value))
        self.opacity.changed.connect(lambda value: self.changed.emit("opacity", value))
        for field in (self.low, self.high):
            field.changed.connect(lambda _: self.range_typed.emit(self.low.value(), self.high.value()))

    def set_values(self, values: DisplayValues) -> None:
        """Show these, without a signal."""
        self.colours.set_signed(values.signed)
        self.colours.set_value(values.colormap)
        self.range.set_value(values.range_mode)
        self.low.set_value(values.low)
        self.high.set_value(values.high)
        self.grows.set_value(values.opacity_mode)
        self.opacity.set_value(values.opacity)
        self.drawn.set_value(values.smooth)
        no_map = IN_PICTURE if values.shown_as == "image" else ""
        no_opacity = IN_MAP if values.shown_as == "heat" else no_map
        no_patches = no_map or ("" if values.on_patches else "This map has a value for each pixel of the input")
        for row, why_not in (
            (self._colours_row, no_map),
            (self._range_row, no_map),
            (self._opacity_row, no_opacity),
            (self._drawn_row, no_patches),
        ):
            row.setEnabled(not why_not)
            row.setToolTip(why_not)
