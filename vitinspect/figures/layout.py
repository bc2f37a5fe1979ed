"""Laying out finished cells as a scene: the positions of pictures, labels, colour bars and outlines on the page.

Positions follow from the specification and the sizes of the pictures alone, so that nothing moves on screen while maps
are still being computed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from vitinspect.errors import ParameterError
from vitinspect.figures import colour_bars
from vitinspect.figures.cell_drawing import Kept, draw_cell
from vitinspect.figures.cells import FinishedCell
from vitinspect.figures.fonts import text_width
from vitinspect.figures.lengths import points
from vitinspect.figures.overlay import Opacity, rgba_table
from vitinspect.figures.ranges import Shared, range_groups
from vitinspect.figures.resampling import on_whole_pixels
from vitinspect.figures.scene import BLACK, WHITE, Box, Colour, Scene, Text
from vitinspect.figures.specification import BACKGROUNDS, FigureSpec
from vitinspect.figures.specification import place as place_of

ROW, COLUMN = "row", "column"
_BETWEEN_BARS = 1.5


@dataclass(frozen=True)
class CellBox:
    """The position of a cell on the page, for the window: hit areas and the frame of the selected one."""

    where: str
    box: Box


@dataclass(frozen=True)
class LabelBox:
    """The position of the label of a row or a column, whether it has text or not."""

    axis: str
    index: int
    box: Box
    text: str


@dataclass
class Page:
    """A scene, and the positions of its cells and labels."""

    scene: Scene
    cells: list[CellBox] = field(default_factory=list)
    labels: list[LabelBox] = field(default_factory=list)

    def cell_at(self, x: float, y: float) -> CellBox | None:
        return next((c for c in self.cells if _holds(c.box, x, y)), None)

    def label_at(self, x: float, y: float) -> LabelBox | None:
        return next((c for c in self.labels if _holds(c.box, x, y)), None)


def _holds(box: Box, x: float, y: float) -> bool:
    return box[0] <= x < box[0] + box[2] and box[1] <= y < box[1] + box[3]


def compose(spec: FigureSpec, cells: Mapping[str, FinishedCell]) -> Scene:
    """The whole page."""
    return lay_out(spec, cells).scene


def lay_out(spec: FigureSpec, cells: Mapping[str, FinishedCell], kept: Kept | None = None) -> Page:
    """The whole page, with the positions of cells and labels. ``kept`` holds painted parts of the previous layout."""
    page = _Layout(spec, cells, kept or Kept()).page()
    if kept is not None:
        kept.turn_over()
    return page


class _Layout:
    def __init__(self, spec: FigureSpec, cells: Mapping[str, FinishedCell], kept: Kept) -> None:
        self.spec, self.cells, self.kept = spec, cells, kept
        self.size = spec.font_size
        self.spacing = 0.0 if no_spacing(spec.spacing) else points(spec.spacing)
        background = BACKGROUNDS[spec.background]
        self.ink: Colour = WHITE if background == BLACK else BLACK
        self.rows, self.columns = range(len(spec.rows)), range(len(spec.columns))
        self.row_labels = [_row_label(spec, cells, row) for row in self.rows]
        self.column_labels = [_column_label(spec, cells, column) for column in self.columns]
        self.groups = range_groups(spec, cells) if spec.colour_bars else []
        width, size = points(spec.width), self.size
        letters = size * 1.2 if spec.panel_letters else 0.0
        self.label_width = size * 1.5 if has_row_labels(spec) else 0.0
        self.left = letters + self.label_width
        right = colour_bars.upright_width(size) if self.groups and spec.ranges == "row" else 0.0
        self.wide = (width - self.left - right - self.spacing * (len(self.columns) - 1)) / len(self.columns)
        if self.wide < 10:
            raise_too_narrow(width, len(self.columns))
        self.scene = Scene(width, 0.0, background=background, title=spec.title)
        self.result = Page(self.scene)

    def x(self, column: int) -> float:
        return self.left + column * (self.wide + self.spacing)

    def on_pixels(self, x: float, y: float, high: float) -> Box:
        """The box of a cell on whole pixels of the figure's resolution, for pictures, outlines and frames alike: there,
        no program places a picture between two pixels."""
        return on_whole_pixels((x, y, self.wide, high), self.spec.dpi)

    def page(self) -> Page:
        y = self._heads()
        ranges = {where: one.range for one in self.groups for where in one.places}
        if not self.spec.colour_bars:
            ranges = {where: one.range for one in range_groups(self.spec, self.cells) for where in one.places}
        for row in self.rows:
            high = _row_height([self.cells[place_of(row, column)] for column in self.columns], self.wide)
            self._row_head(row, y, high)
            for column in self.columns:
                where = place_of(row, column)
                finished = self.cells[where]
                box = self.on_pixels(self.x(column), y, _height(finished, self.wide, high))
                self.result.cells.append(CellBox(where, box))
                draw_cell(self.scene, finished, box, ranges.get(where), self.spec, self.kept)
            y = self._bars_of_row(row, y, high)
            if row + 1 < len(self.rows):
                y += self.spacing
        # Whole pixels too: browsers stretch a page to such.
        self.scene.height = math.ceil((self._bars_below(y) + 1.0) * self.spec.dpi / 72 - 1e-6) * 72 / self.spec.dpi
        return self.result

    def _heads(self) -> float:
        """Draw the title and the labels of the columns; returns where the first row begins."""
        spec, size = self.spec, self.size
        y = 0.0
        if spec.title:
            middle = self.left + (self.scene.width - self.left) / 2
            _fitted(self.scene, spec.title, (middle, size * 1.2), size * 1.1, self.scene.width, self.ink, bold=True)
            y += size * 1.7
        head = size * 1.5 if any(self.column_labels) or not _are_off(spec.columns) else 0.0
        for column, label in enumerate(self.column_labels):
            box = (self.x(column), y, self.wide, head)
            self.result.labels.append(LabelBox(COLUMN, column, box, label))
            if label:
                at = (self.x(column) + self.wide / 2, y + head - size * 0.5)
                _fitted(self.scene, label, at, size, self.wide + self.spacing, self.ink)
        return y + head

    def _row_head(self, row: int, y: float, high: float) -> None:
        size = self.size
        box = (self.left - self.label_width, y, self.label_width, high)
        self.result.labels.append(LabelBox(ROW, row, box, self.row_labels[row]))
        if self.row_labels[row]:
            _fitted(
                self.scene, self.row_labels[row], (self.left - size * 0.5, y + high / 2), size, high, self.ink, 90.0
            )
        if self.spec.panel_letters:
            letter = chr(97 + row % 26)
            self.scene.add(Text(letter, (0.0, y + size * 0.9), size, "start", True, self.ink))

    def _bars_of_row(self, row: int, y: float, high: float) -> float:
        """Draw bars below each cell, or one beside the row; returns where the next element begins."""
        how = self.spec.ranges
        if how == "row":
            beside = [one for one in self.groups if one.group == row]
            share = (high - 2 * self.size * (len(beside) - 1)) / max(1, len(beside))
            for number, one in enumerate(beside):
                x = self.x(len(self.columns) - 1) + self.wide + colour_bars.GAP
                top = y + number * (share + 2 * self.size)
                colour_bars.upright(self.scene, one, x, top, share, self.size, self.ink)
        if how != "cell" or not self.groups:
            return y + high
        below = {where: one for one in self.groups for where in one.places}
        found = False
        for column in self.columns:
            where = place_of(row, column)
            if where in below:
                found = True
                top = y + high + colour_bars.GAP
                x, _, wide, _ = self.on_pixels(self.x(column), y, high)
                self._lying(below[where], x, top, wide)
        return y + high + (colour_bars.lying_height(self.size) if found else 0.0)

    def _bars_below(self, y: float) -> float:
        """Draw bars that columns or the whole figure share, below it."""
        if self.spec.ranges not in ("column", "figure") or not self.groups:
            return y
        lowest = y
        places: dict[object, int] = {}
        total = self.wide * len(self.columns) + self.spacing * (len(self.columns) - 1)
        for one in self.groups:
            number = places.get(one.group, 0)
            places[one.group] = number + 1
            top = y + colour_bars.GAP + number * (colour_bars.lying_height(self.size) + _BETWEEN_BARS)
            x, length = self._below(one, total)
            self._lying(one, x, top, length)
            lowest = max(lowest, top - colour_bars.GAP + colour_bars.lying_height(self.size))
        return lowest

    def _lying(self, one: Shared, x: float, top: float, wide: float) -> None:
        """Draw a bar, with its scale of opacity if that is requested and its maps lie over pictures."""
        cell, opacity = self.cells[one.places[0]].cell, None
        if self.spec.opacity_scale and cell.show == "overlay":
            grows: Opacity = "growing" if cell.by_value else "uniform"
            opacity = rgba_table(one.colours, opacity=cell.opacity, grows=grows)[:, 3]
        colour_bars.lying(self.scene, one, x, top, wide, self.size, self.ink, opacity)

    def _below(self, one: Shared, total: float) -> tuple[float, float]:
        if self.spec.ranges == "column":
            assert isinstance(one.group, int)
            x, _, wide, _ = self.on_pixels(self.x(one.group), 0.0, 1.0)
            return x, wide
        length = min(total, max(self.wide, total / 2))
        return self.left + (total - length) / 2, length


def no_spacing(text: str) -> bool:
    digits = text.strip().rstrip("mcinpthx ")
    return digits.replace(".", "", 1).isdigit() and float(digits) == 0


def raise_too_narrow(width: float, count: int) -> None:
    raise ParameterError(
        f"{count} columns do not fit into {width / 72 * 25.4:.0f} mm: each would be less than 4 mm wide."
    )


# --- sizes --------------------------------------------------------------------------------------------------------


def _row_height(cells: list[FinishedCell], wide: float) -> float:
    """The height of the highest picture; square if there is none."""
    return max((_height(one, wide, wide) for one in cells if one.cell.has_picture), default=wide)


def _height(finished: FinishedCell, wide: float, row: float) -> float:
    if not finished.cell.has_picture:
        return row
    height, width = finished.pixels.shape[:2]
    return wide * height / width


# --- labels -------------------------------------------------------------------------------------------------------


def _are_off(entries: tuple[Mapping[str, object], ...]) -> bool:
    """Whether every label was removed on purpose."""
    return all(entry.get("label") == "" for entry in entries)


def has_row_labels(spec: FigureSpec) -> bool:
    """Whether there is space beside the rows, for given labels or for the classes that maps explain."""
    if any(entry.get("label") for entry in spec.rows):
        return True
    if len(spec.rows) == 1 or _are_off(spec.rows):
        return False
    for row in range(len(spec.rows)):
        mapped = [cell for column in range(len(spec.columns)) if (cell := spec.cell(row, column)).has_map]
        if mapped and len({cell.target for cell in mapped}) == 1:
            return True
    return False


def _row_label(spec: FigureSpec, cells: Mapping[str, FinishedCell], row: int) -> str:
    given = spec.rows[row].get("label")
    if given is not None:
        return str(given)
    if len(spec.rows) == 1:
        return ""
    found = {cells[place_of(row, c)].target_words for c in range(len(spec.columns))} - {""}
    return found.pop() if len(found) == 1 else ""


def _column_label(spec: FigureSpec, cells: Mapping[str, FinishedCell], column: int) -> str:
    given = spec.columns[column].get("label")
    if given is not None:
        return str(given)
    first = cells[place_of(0, column)]
    if not first.cell.has_map:
        return "Picture" if first.cell.has_picture else _plot_title(first) if first.cell.is_plot else ""
    titles = {cells[place_of(r, column)].method_title for r in range(len(spec.rows))}
    return first.method_title if len(titles) == 1 else ""


def _plot_title(finished: FinishedCell) -> str:
    cell = finished.cell
    words = {"curves": cell.curve.capitalize(), "agreement": "Agreement", "network": f"Block {cell.block}"}
    return words.get(cell.show, "")


def _fitted(
    scene: Scene,
    text: str,
    at: tuple[float, float],
    size: float,
    room: float,
    ink: Colour,
    turn: float = 0.0,
    bold: bool = False,
) -> None:
    """A label, as large as fits into its space, at least 5 points."""
    wide = text_width(text, size, bold)
    small = size if wide <= room else max(size * room / wide, min(5.0, size))
    scene.add(Text(text, at, small, "middle", bold, ink, turn))
