"""The properties of the whole page: width, resolution, text, spacing, ranges, and what it contains."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from vitinspect.app.services.figures import FigureService
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.fields import CheckBox, NumberField
from vitinspect.app.widgets.rows import PropertyRow, heading, icon_button, words
from vitinspect.app.widgets.segments import Segment, Segments
from vitinspect.errors import VitInspectError
from vitinspect.figures.layout import no_spacing
from vitinspect.figures.lengths import VENUES, Venue, millimetres, points, venues

RANGES = (
    ("cell", "each map its own"),
    ("row", "shared in a row"),
    ("column", "shared in a column"),
    ("figure", "shared by all"),
)
GROUNDS = (("white", "white"), ("black", "black"), ("transparent", "transparent"))
_PER = {"mm": 25.4 / 72, "in": 1 / 72}


def venues_or_why_not() -> tuple[tuple[Venue, ...], str]:
    """The table of venues; the bundled one, and what is wrong, where a person's own file cannot be read."""
    try:
        return venues(), ""
    except VitInspectError as error:
        return VENUES, str(error)


class PageSection(QWidget):
    """Rows of properties that are the page's."""

    def __init__(self, figures: FigureService) -> None:
        super().__init__()
        self._figures = figures
        self.unit = "mm"
        known, self.trouble = venues_or_why_not()
        items = [("", "own width")]
        self._widths: dict[str, str] = {}
        for venue in known:
            for number, width in enumerate(venue.widths, 1):
                key = f"{venue.id}:{number}"
                count = "" if len(venue.widths) == 1 else ", one column" if number == 1 else f", {number} columns"
                items.append((key, f"{venue.title}{count}"))
                self._widths[key] = width
        self.venue = Choice(items, name="Venue", tip="The width of a venue's column, from its guidelines")
        for venue in known:
            for number, width in enumerate(venue.widths, 1):
                self.venue.set_detail(f"{venue.id}:{number}", width)
        if self.trouble:
            figures.say("venues", self.trouble)
        self.venue.chosen.connect(self._venue)
        self.wide = NumberField(1, 2000, 174.6, digits=4, name="Width")
        self.wide.changed.connect(self._width)
        self.units = Segments((Segment("mm", "mm"), Segment("in", "in")), name="Unit of the width")
        self.units.set_value("mm")
        self.units.chosen.connect(self._take_unit)
        self.dpi = NumberField(36, 2400, 300, whole=True, unit="dpi", name="Resolution of PNG, TIFF and JPEG")
        self.dpi.setFixedWidth(68)
        self.wide.setMinimumWidth(56)
        self.dpi.changed.connect(lambda value: figures.change_page("Resolution", {"dpi": round(value)}))
        self.spacing = NumberField(0, 50, 2.2, unit="mm", name="Spacing between cells")
        self.spacing.changed.connect(
            lambda value: figures.change_page("Spacing", {"spacing": f"{value:g}mm"}, "spacing")
        )
        self.text_size = NumberField(3, 72, 8, unit="pt", name="Size of the text")
        self.text_size.changed.connect(lambda value: figures.change_page("Text", {"font_size": value}, "size"))
        self.ranges = Choice(RANGES, name="Ranges", tip="Which maps share the raw values at the ends of their colours")
        self.ranges.chosen.connect(lambda value: figures.change_page("Ranges", {"ranges": value}))
        self.ground = Choice(GROUNDS, name="Background")
        self.ground.chosen.connect(lambda value: figures.change_page("Background", {"background": value}))
        self.boxes: dict[str, CheckBox] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(0)
        column.addWidget(self._head())
        column.addWidget(PropertyRow("Venue", self.venue))
        column.addWidget(PropertyRow("Width", self.wide, self.units, self.dpi))
        column.addWidget(PropertyRow("Spacing, text", self.spacing, self.text_size))
        column.addWidget(PropertyRow("Ranges", self.ranges))
        column.addWidget(PropertyRow("Background", self.ground))
        column.addWidget(self._check_boxes())
        column.addWidget(self._free_cells())
        figures.changed.connect(self.follow)
        self.follow()

    def _head(self) -> QWidget:
        return heading("Page")

    def _check_boxes(self) -> QWidget:
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(8, 0, 8, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(0)
        for number, (name, text, tip) in enumerate(
            (
                ("panel_letters", "Panel letters", "a, b, c beside the rows"),
                ("colour_bars", "Colour bars", "With the raw values at their ends"),
                ("scores", "Scores", "IoU and F1 of each map with the mask of its cell, where it has one"),
            )
        ):
            box = CheckBox(text, tip=tip)
            box.chosen.connect(partial(self._tick, name, text))
            self.boxes[name] = box
            grid.addWidget(box, 0, number)
        grid.setColumnStretch(3, 1)
        return holder

    def _free_cells(self) -> QWidget:
        """More or fewer rows and columns, where these are free cells."""
        self.free = QWidget()
        layout = QHBoxLayout(self.free)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self.steps: dict[tuple[str, int], Any] = {}
        row = QWidget()
        inner = QHBoxLayout(row)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(4)
        for by in ("row", "column"):
            inner.addWidget(words(f"{by}s", "quiet"))
            for step, icon, verb in ((1, "add", "Add"), (-1, "delete", "Remove")):
                made = icon_button(icon, f"{verb} a {by}", partial(self._figures.add, by, step))
                self.steps[by, step] = made
                inner.addWidget(made)
            if by == "row":
                inner.addSpacing(16)
        inner.addStretch(1)
        layout.addWidget(PropertyRow("Free cells", row))
        return self.free

    def _tick(self, name: str, text: str, on: bool) -> None:
        self._figures.change_page(text, {name: on})

    def _venue(self, key: str) -> None:
        if key:
            self._figures.change_page("Venue", {"width": self._widths[key]})
        self.follow()

    def _width(self, value: float) -> None:
        self._figures.change_page("Width", {"width": f"{value:g}{self.unit}"}, "width")

    def _space(self, value: float) -> None:
        self._figures.change_page("Spacing", {"spacing": f"{value:g}mm"}, "spacing")

    def _take_unit(self, unit: str) -> None:
        self.unit = unit
        self.follow()

    @Slot()
    def follow(self) -> None:
        spec = self._figures.spec
        width = points(spec.width)
        same = [key for key, text in self._widths.items() if abs(points(text) - width) < 0.15]
        current = self.venue.value
        self.venue.set_value(current if current in same else same[0] if same else "")
        self.wide.set_value(round(width * _PER[self.unit], 2 if self.unit == "mm" else 3))
        self.units.set_value(self.unit)
        self.dpi.set_value(spec.dpi)
        self.spacing.set_value(0.0 if no_spacing(spec.spacing) else round(millimetres(points(spec.spacing)), 2))
        self.text_size.set_value(spec.font_size)
        self.ranges.set_value(spec.ranges)
        self.ground.set_value(spec.background)
        for name, box in self.boxes.items():
            box.set_value(bool(getattr(spec, name)))
        self.boxes["scores"].setEnabled(True)
        free_rows, free_columns = spec.rows_from in ("free", ""), spec.columns_from in ("free", "")
        self.free.setVisible(free_rows or free_columns)
        for (by, step), made in self.steps.items():
            mine = free_rows if by == "row" else free_columns
            count = len(spec.rows) if by == "row" else len(spec.columns)
            made.setEnabled(mine and (step > 0 or count > 1))
