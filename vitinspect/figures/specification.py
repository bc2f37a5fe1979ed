"""The specification of a composed figure, as plain data: rows, columns, and single cells.

A cell combines the figure's ``defaults``, its row, its column and its own entry, where later ones override earlier
ones. So rows can be pictures and columns methods, or targets, models, thresholds, masks of annotators: anything that
an entry can contain. A specification may come from an untrusted file, so every part is checked and limited, and it is
only data.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vitinspect.errors import ParameterError
from vitinspect.figures.lengths import points, venue_width
from vitinspect.figures.names import colormap_names

VERSION = 1
MOST_CELLS = 1000
LARGEST_TEXT = 4_000_000
MOST_LETTERS = 5_000
"""Of a title, a label, or the text of a cell."""
SHOWS = ("overlay", "map", "picture", "empty", "text", "curves", "agreement", "network", "table", "ceiling")
CURVES = ("insertion", "deletion")
RANGES = ("cell", "row", "column", "figure")
BACKGROUNDS: dict[str, tuple[int, int, int] | None] = {
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "transparent": None,
}


@dataclass(frozen=True)
class Cell:
    """One cell of the figure."""

    image: str = ""
    """A path; relative ones start at the specification's folder."""
    model: str = "demo"
    arch: str = ""
    target: str = ""
    """A class, or a contrast "a - b"; empty for the predicted class."""
    method: str = ""
    """A method with its parameters, or several fused: "lrp + rollout [geometric]"."""
    map_file: str = ""
    """In the place of a method: the path of a map that another tool wrote, with ``{folder}`` and ``{stem}`` of the
    picture."""
    weights: tuple[float, ...] = ()
    normalisation: str = "minmax"
    """The normalisation of maps before fusion."""
    show: str = "overlay"
    colours: str = "auto"
    opacity: float = 0.9
    by_value: bool = True
    patches: bool = False
    """Exact patches instead of a smooth map."""
    range: tuple[float, ...] = ()
    """Raw values at the ends of the colour bar; empty for the map's own."""
    threshold: str = ""
    """``otsu``, ``fixed=0.5``, ...: its outline is drawn."""
    truth: str = ""
    """The path of a mask, whose outline is drawn dashed."""
    fit: str = "crop"
    precision: str = "float32"
    frame: bool = True
    """Whether to draw a line around what the model saw, if that is a part of the picture."""
    inset: tuple[float, ...] = ()
    """Left, top, width, height of a part of the picture, from 0 to 1, shown larger in a corner."""
    text: str = ""
    """The text of a text cell."""
    curve: str = "insertion"
    """The kind of curves: insertion or deletion."""
    block: int = 1
    """The block whose network is shown, counted from 1."""
    file: str = ""
    """The file of a table (CSV) or a human ceiling (``maps.json`` of ``vitinspect agree --maps``)."""
    label: str = ""
    """The label above the column, or beside the row."""

    @property
    def has_map(self) -> bool:
        return self.show in ("overlay", "map") and bool(self.method or self.map_file)

    @property
    def has_picture(self) -> bool:
        """Whether it shows a picture, alone or with a map over it."""
        return self.show in ("overlay", "map", "picture")

    @property
    def is_plot(self) -> bool:
        """Whether it is neither a picture nor empty."""
        return self.show != "empty" and not self.has_picture


@dataclass(frozen=True)
class FigureSpec:
    """A grid of cells and the appearance of the page."""

    rows: tuple[Mapping[str, Any], ...]
    columns: tuple[Mapping[str, Any], ...]
    cells: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Single cells by place: ``a1`` is the first row's first column."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    width: str = "174.6mm"
    dpi: int = 300
    font_size: float = 8.0
    spacing: str = "2.2mm"
    background: str = "white"
    panel_letters: bool = False
    colour_bars: bool = True
    ranges: str = "cell"
    scores: bool = False
    """Whether to write the overlap with the truth under each cell that has one."""
    opacity_scale: bool = False
    """Whether to show below a colour bar how opaque each colour is: black is opaque, white is transparent."""
    title: str = ""
    rows_from: str = ""
    """What the window uses as rows, such as pictures; only the window reads it."""
    columns_from: str = ""

    def cell(self, row: int, column: int) -> Cell:
        merged: dict[str, Any] = {}
        for source in (self.defaults, self.rows[row], self.columns[column], self.cells.get(place(row, column), {})):
            merged.update(source)
        return _cell(merged, place(row, column))

    def to_dict(self) -> dict[str, Any]:
        """The specification as stored in files; only what differs from the defaults."""
        result: dict[str, Any] = {"vitinspect": "figure", "version": VERSION}
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            default = one.default if one.default is not dataclasses.MISSING else {}
            if value != default:
                result[one.name] = [dict(v) for v in value] if isinstance(value, tuple) else value
        return result


def place(row: int, column: int) -> str:
    """``a1``, ``b3``; rows beyond z are ``r27`` and so on."""
    letter = chr(97 + row) if row < 26 else f"r{row + 1}_"
    return f"{letter}{column + 1}"


def read_specification(text: str, name: str = "The specification") -> FigureSpec:
    """A specification from JSON or TOML text."""
    if len(text) > LARGEST_TEXT:
        raise ParameterError(f"{name} has {len(text):,} characters, more than a figure needs.")
    try:
        if text.lstrip().startswith("{"):
            found = json.loads(text)
        else:
            import tomllib

            found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ParameterError(f"{name} is neither readable JSON nor readable TOML ({error}).") from None
    return from_dict(found, name)


def from_dict(found: Any, name: str = "The specification") -> FigureSpec:
    if not isinstance(found, dict) or found.get("vitinspect", "figure") != "figure":
        raise ParameterError(f"{name} is not the specification of a figure.")
    version = found.get("version", VERSION)
    if version != VERSION:
        raise ParameterError(f"{name} is of version {version!r}; this vitinspect reads version {VERSION}.")
    known = {one.name for one in dataclasses.fields(FigureSpec)} | {"vitinspect", "version", "venue"}
    unknown = [key for key in found if key not in known]
    if unknown:
        raise ParameterError(f"{name}: {unknown[0]!r} is not known; the entries are {', '.join(sorted(known))}.")
    try:
        spec = FigureSpec(
            rows=_entries(found.get("rows", [{}]), "rows"),
            columns=_entries(found.get("columns", [{}]), "columns"),
            cells={str(k): _entry(v, f"cell {k}") for k, v in dict(found.get("cells", {})).items()},
            defaults=_entry(found.get("defaults", {}), "defaults"),
            **_plain(found),
        )
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} cannot be read: {error}.") from None
    _check(spec, name)
    return spec


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for one in dataclasses.fields(FigureSpec):
        if one.name in ("rows", "columns", "cells", "defaults") or one.name not in found:
            continue
        value, kind = found[one.name], type(one.default)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if kind is str and isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if type(value) is not kind:
            raise ParameterError(f"{one.name} must be {_word(kind)}, not {value!r}.")
        result[one.name] = value
    if "venue" in found:
        result["width"] = venue_width(str(found["venue"]))
    return result


def _word(kind: type) -> str:
    return {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}.get(kind, kind.__name__)


def _entries(value: Any, what: str) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, list) or not value:
        raise ParameterError(f"The {what} of a figure must be a list with at least one entry.")
    return tuple(_entry(one, f"{what}[{index}]") for index, one in enumerate(value))


def _entry(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ParameterError(f"{what} is not a table of names and values.")
    _cell(dict(value), what)
    return dict(value)


def _cell(given: Mapping[str, Any], what: str) -> Cell:
    fields = {one.name: one for one in dataclasses.fields(Cell)}
    good: dict[str, Any] = {}
    for key, value in given.items():
        if key not in fields:
            raise ParameterError(f"{what}: a cell has no entry {key!r}; its entries are {', '.join(fields)}.")
        kind = type(fields[key].default)
        if kind is tuple:
            if not isinstance(value, list | tuple) or not all(_is_number(v) for v in value):
                raise ParameterError(f"{what}: {key} must be a list of numbers, not {value!r}.")
            value = tuple(float(v) for v in value)
        elif kind is float and _is_number(value):
            value = float(value)
        elif type(value) is not kind:
            raise ParameterError(f"{what}: {key} must be {_word(kind)}, not {value!r}.")
        good[key] = value
    cell = Cell(**good)
    _check_cell(cell, what)
    return cell


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_cell(cell: Cell, what: str) -> None:
    choices = {
        "show": SHOWS,
        "curve": CURVES,
        "colours": ("auto", *colormap_names()),
        "fit": ("crop", "squash", "pad"),
        "precision": ("float32", "float64", "bfloat16"),
    }
    for name, allowed in choices.items():
        if getattr(cell, name) not in allowed:
            raise ParameterError(f"{what}: {name} must be one of {', '.join(allowed)}, not {getattr(cell, name)!r}.")
    for name in ("text", "label"):
        _check_length(getattr(cell, name), f"{what}: {name}")
    if not 0 <= cell.opacity <= 1:
        raise ParameterError(f"{what}: opacity must be between 0 and 1, not {cell.opacity:g}.")
    if cell.range and (len(cell.range) != 2 or not cell.range[0] < cell.range[1]):
        raise ParameterError(f"{what}: range must be a lower and a higher value, not {list(cell.range)}.")
    if cell.inset:
        inside = len(cell.inset) == 4 and min(cell.inset) >= 0 and min(cell.inset[2:]) > 0
        if not inside or cell.inset[0] + cell.inset[2] > 1 or cell.inset[1] + cell.inset[3] > 1:
            raise ParameterError(f"{what}: inset must be left, top, width and height from 0 to 1.")


def _check_length(text: str, what: str) -> None:
    if len(text) > MOST_LETTERS:
        raise ParameterError(f"{what} has {len(text):,} characters, more than {MOST_LETTERS:,}.")


def _check(spec: FigureSpec, name: str) -> None:
    _check_length(spec.title, f"{name}: title")
    count = len(spec.rows) * len(spec.columns)
    if count > MOST_CELLS:
        raise ParameterError(f"{name} has {count} cells, more than {MOST_CELLS}.")
    if spec.ranges not in RANGES:
        raise ParameterError(f"{name}: ranges must be one of {', '.join(RANGES)}, not {spec.ranges!r}.")
    if spec.background not in BACKGROUNDS:
        raise ParameterError(f"{name}: background must be one of {', '.join(BACKGROUNDS)}, not {spec.background!r}.")
    if not 36 <= spec.dpi <= 2400:
        raise ParameterError(f"{name}: dpi must be between 36 and 2400, not {spec.dpi}.")
    if not 3 <= spec.font_size <= 72:
        raise ParameterError(f"{name}: font_size must be between 3 and 72 points, not {spec.font_size:g}.")
    points(spec.width)
    if spec.spacing not in ("0", "0mm", "0pt"):
        points(spec.spacing, "A spacing")
    places = {place(r, c) for r in range(len(spec.rows)) for c in range(len(spec.columns))}
    for key in spec.cells:
        if key not in places:
            raise ParameterError(f"{name}: there is no cell {key!r}; cells are a1 to {max(places)}.")
    for row in range(len(spec.rows)):
        for column in range(len(spec.columns)):
            spec.cell(row, column)
