"""Properties of the selected cell, its row or its column: what it shows, the class, colours, range, outline, inset."""

from __future__ import annotations

import os
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app.figure import sources
from vitinspect.app.figure.entries import THRESHOLDS
from vitinspect.app.services.figures import FigureService
from vitinspect.app.session.results import Results
from vitinspect.app.widgets import tips
from vitinspect.app.widgets.choice import Choice, ColourMapChoice
from vitinspect.app.widgets.fields import CheckBox, NumberField
from vitinspect.app.widgets.rows import PropertyRow, button, heading, words
from vitinspect.app.widgets.segments import Segment, Segments
from vitinspect.figures.names import colormap_names
from vitinspect.figures.specification import Cell
from vitinspect.names import shown as shown_name

SHOWN = (
    ("overlay", "Overlay", "The map over the picture"),
    ("map", "Map", "The map alone"),
    ("picture", "Picture", "The picture alone"),
)


class CellSection(QWidget):
    """Changes go to the cell, or to all cells of its row or column."""

    def __init__(self, figures: FigureService, results: Results) -> None:
        super().__init__()
        self._figures, self._results = figures, results
        self.title = heading("Cell")
        self.scope = Segments(
            (
                Segment("cell", "Cell", tip="Changes below apply to this cell"),
                Segment("row", "Row", tip="Changes below apply to all cells of its row"),
                Segment("column", "Column", tip="Changes below apply to all cells of its column"),
            ),
            name="Changes apply to",
        )
        self.scope.set_value("cell")
        self._scope = "cell"
        self.scope.chosen.connect(self._take_scope)
        self.layer = Choice((), name="Map", tip="The map that the cell shows")
        self.layer.chosen.connect(self._take_layer)
        self.show_ = Segments([Segment(v, text, tip=tip) for v, text, tip in SHOWN], name="Shown as", fill=True)
        self.show_.chosen.connect(lambda value: self._change("Shown as", show=value))
        self.target = QComboBox()
        self.target.setEditable(True)
        self.target.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.target.setAccessibleName("Class")
        self.target.setToolTip("The class that the map explains, or two as a - b; empty for the predicted one")
        line = self.target.lineEdit()
        assert line is not None
        line.setPlaceholderText("predicted")
        line.editingFinished.connect(self._target)
        self.target.activated.connect(lambda _: self._target())
        self.colours = ColourMapChoice(("auto", *colormap_names()))
        self.colours.chosen.connect(lambda value: self._change("Colours", colours=value))
        self.patches = CheckBox("Patches", tip="Exact patches instead of a smooth map")
        self.patches.chosen.connect(lambda on: self._change("Patches", patches=on))
        self.own_range = CheckBox("", tip="Give the raw values at the ends of the colours, instead of the map's own")
        self.own_range.chosen.connect(self._own_range)
        self.low = NumberField(digits=3, most_characters=9, name="Lowest value")
        self.high = NumberField(digits=3, most_characters=9, name="Highest value")
        self.low.changed.connect(lambda _: self._range())
        self.high.changed.connect(lambda _: self._range())
        self.outline = Choice([("", "none"), *THRESHOLDS], name="Outline", tip="Outline of the map above a threshold")
        self.outline.chosen.connect(lambda value: self._change("Outline", threshold=value))
        self.inset = words("none", "quiet")
        self.inset.setToolTip(
            "A part of the cell, shown larger in its corner: drag over the part with the tool Inset (J)"
        )
        self.inset.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.no_inset = button("Remove", self._remove_inset)
        self.label = QLineEdit()
        self.label.setAccessibleName("Label")
        self.label.editingFinished.connect(self._label)
        self.text = QLineEdit()
        self.text.setAccessibleName("Text of the cell")
        self.text.editingFinished.connect(self._text)
        self.curve = Segments(
            (Segment("insertion", "Insertion"), Segment("deletion", "Deletion")), name="Curve", fill=True
        )
        self.curve.chosen.connect(lambda value: self._change("Curve", curve=value))
        self.block = NumberField(1, 1000, 1, whole=True, name="Block")
        self.block.changed.connect(lambda value: self._change("Block", block=round(value)))
        self.file = words("", "quiet")
        self.file.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.rows: dict[str, PropertyRow] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(0)
        head = QHBoxLayout()
        head.setContentsMargins(0, 4, 8, 0)
        head.addWidget(self.title, 1)
        head.addWidget(self.scope)
        column.addLayout(head)
        self._add(column, "map", PropertyRow("Map", self.layer))
        self._add(column, "show", PropertyRow("Shown as", self.show_))
        self._add(column, "target", PropertyRow("Class", self.target))
        self._add(column, "colours", PropertyRow("Colours", self.colours, self.patches))
        self._add(column, "range", PropertyRow("Own range", self.own_range, self.low, self.high, stretch=False))
        self._add(column, "outline", PropertyRow("Outline", self.outline))
        self._add(column, "inset", PropertyRow("Inset", self.inset, self.no_inset))
        self._add(column, "text", PropertyRow("Text", self.text))
        self._add(column, "curve", PropertyRow("Curve", self.curve))
        self._add(column, "block", PropertyRow("Block", self.block))
        self._add(column, "file", PropertyRow("File", self.file))
        self._add(column, "label", PropertyRow("Label", self.label))
        figures.changed.connect(self.follow)
        figures.page_made.connect(self.follow)
        self.follow()

    def _add(self, column: QVBoxLayout, name: str, row: PropertyRow) -> None:
        self.rows[name] = row
        column.addWidget(row)

    # --- changes -------------------------------------------------------------------------------------------------

    def _change(self, title: str, **values: Any) -> None:
        self._figures.change_cells(title, self._scope, values)
        self.follow()

    def _take_scope(self, scope: str) -> None:
        self._scope = scope
        self.follow()

    def _take_layer(self, title: str) -> None:
        one = next((s for s in sources.of_layers(self._figures.shown()) if s.title == title), None)
        if one is None:
            return
        if self._scope == "cell":
            self._figures.drop(one.title, dict(one.values), self._figures.selected)
        else:
            self._figures.change_cells("Map", self._scope, dict(one.values))
        self.follow()

    def _target(self) -> None:
        text = self.target.currentText().strip()
        if text != self._cell.target:
            self._change("Class", target=text)

    def _own_range(self, on: bool) -> None:
        if not on:
            self._change("Own range", range=None if self._scope != "cell" else [])
            return
        low, high = self._ends()
        self._change("Own range", range=[low, high])

    def _range(self) -> None:
        low, high = self.low.value(), self.high.value()
        if low < high and self.own_range.isChecked():
            self._figures.change_cells("Range", self._scope, {"range": [low, high]}, merge="range")

    def _ends(self) -> tuple[float, float]:
        """The raw values at the ends of the map's colours as they are now."""
        made = self._figures.page
        done = made.cells.get(self._figures.selected) if made is not None else None
        if self._cell.range:
            return self._cell.range[0], self._cell.range[1]
        if done is None or done.values is None:
            return 0.0, 1.0
        low, high = float(done.values.min()), float(done.values.max())
        return (low, high) if low < high else (low, low + 1.0)

    def _remove_inset(self) -> None:
        self._change("Remove the inset", inset=[])

    def _label(self) -> None:
        row, column = self._figures.place_of(self._figures.selected)
        by = "row" if self._scope == "row" else "column"
        text = self.label.text().strip()
        if text != self._label_now(by):
            self._figures.label(by, row if by == "row" else column, text)

    def _label_now(self, by: str) -> str:
        made, (row, column) = self._figures.page, self._figures.place_of(self._figures.selected)
        index = row if by == "row" else column
        if made is None:
            return ""
        return next((one.text for one in made.page.labels if (one.axis, one.index) == (by, index)), "")

    # --- what is shown -------------------------------------------------------------------------------------------

    @property
    def _cell(self) -> Cell:
        figures = self._figures
        return figures.spec.cell(*figures.place_of(figures.selected))

    @Slot()
    def follow(self) -> None:
        figures, cell = self._figures, self._cell
        made = figures.page
        done = made.cells.get(figures.selected) if made is not None else None
        self.title.setText(f"Cell {figures.selected}")
        has_map, layered = cell.has_map, cell.has_picture
        self._follow_layers(cell)
        self.show_.set_value(cell.show)
        self._follow_target(cell)
        self.colours.set_signed(bool(done.signed) if done is not None else False)
        self.colours.set_value(cell.colours)
        self.patches.set_value(cell.patches)
        low, high = self._ends()
        self.own_range.set_value(bool(cell.range))
        for field, value in ((self.low, low), (self.high, high)):
            if not field.hasFocus() or not cell.range:
                field.set_value(value)
            field.setEnabled(bool(cell.range))
        if cell.threshold and self.outline._row_of(cell.threshold) < 0:
            self.outline.set_items([("", "none"), *THRESHOLDS, (cell.threshold, cell.threshold)])
        self.outline.set_value(cell.threshold)
        self.inset.setText(_inset_words(cell) if cell.inset else "none")
        self.no_inset.setVisible(bool(cell.inset))
        self.label.setPlaceholderText("none")
        by = "row" if self._scope == "row" else "column"
        self.rows["label"].label.setText("Row label" if by == "row" else "Column label")
        if not self.label.hasFocus():
            self.label.setText(self._label_now(by))
        for name in ("target", "colours", "range", "outline"):
            self.rows[name].setEnabled(has_map or (name == "target" and cell.show in ("curves", "agreement")))
        for name in ("inset", "show"):
            self.rows[name].setEnabled(layered)
        self._follow_plot(cell)

    def _follow_plot(self, cell: Cell) -> None:
        """Show the rows that apply to a cell without a picture, instead of those that do not."""
        for name in ("map", "show", "colours", "range", "outline", "inset"):
            self.rows[name].setVisible(not cell.is_plot)
        self.rows["target"].setVisible(not cell.is_plot or cell.show in ("curves", "agreement"))
        for name, show in (("text", "text"), ("curve", "curves"), ("block", "network")):
            self.rows[name].setVisible(cell.show == show)
        self.rows["file"].setVisible(cell.show in ("table", "ceiling"))
        if not self.text.hasFocus():
            self.text.setText(cell.text)
        self.curve.set_value(cell.curve)
        self.block.set_value(cell.block)
        self.file.setText(shown_name(os.path.basename(cell.file)))
        self.file.setToolTip(tips.plain(cell.file))

    def _text(self) -> None:
        if self.text.text() != self._cell.text:
            self._change("Text", text=self.text.text())

    def _follow_layers(self, cell: Cell) -> None:
        found = sources.of_layers(self._figures.shown())
        items = [(one.title, one.title) for one in found]
        kind, wanted = ("map_file", cell.map_file) if cell.map_file else ("method", cell.method)
        mine = next((one.title for one in found if one.values.get(kind) == wanted), "") if wanted else ""
        if not mine:
            items.insert(0, ("", shown_name(os.path.basename(wanted)) if cell.map_file else wanted or "none"))
        if [(self.layer.itemData(i), self.layer.itemText(i)) for i in range(self.layer.count())] != items:
            self.layer.set_items(items)
        self.layer.set_value(mine)

    def _follow_target(self, cell: Cell) -> None:
        line = self.target.lineEdit()
        if line is None or line.hasFocus():
            return
        names = ["", *self._figures.shown().predicted]
        if [self.target.itemText(i) for i in range(self.target.count())] != names:
            self.target.clear()
            self.target.addItems(names)
        self.target.setCurrentText(cell.target)


def _inset_words(cell: Cell) -> str:
    left, top, wide, high = cell.inset
    return f"{100 * wide:.0f} × {100 * high:.0f} % at {100 * left:.0f}, {100 * top:.0f} %"
