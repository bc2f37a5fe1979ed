"""The raw values at the ends of a figure's colours: each map's own, or those that several maps share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vitinspect.figures.cells import FinishedCell
from vitinspect.figures.colormaps import DIVERGING
from vitinspect.figures.names import default_colormap
from vitinspect.figures.overlay import ValueRange
from vitinspect.figures.specification import Cell, FigureSpec, place


@dataclass(frozen=True)
class Shared:
    """Cells that share a colour bar."""

    group: object
    """Their place, or their row or column; 0 for the whole figure."""
    places: tuple[str, ...]
    colours: str
    range: ValueRange | None
    """None if none of their maps is computed yet."""


def colours_of(cell: Cell, signed: bool) -> str:
    return default_colormap(signed=signed) if cell.colours == "auto" else cell.colours


def range_groups(spec: FigureSpec, cells: Mapping[str, FinishedCell]) -> list[Shared]:
    """One group for each colour bar. Maps in other colours, or with a given range, do not share."""
    found: dict[tuple[object, str, tuple[float, ...]], list[str]] = {}
    groups: dict[tuple[object, str, tuple[float, ...]], object] = {}
    for row in range(len(spec.rows)):
        for column in range(len(spec.columns)):
            where = place(row, column)
            finished = cells[where]
            if not finished.cell.has_map or finished.problem:
                continue
            group: object = {"cell": where, "row": row, "column": column, "figure": 0}[spec.ranges]
            key = (group, colours_of(finished.cell, finished.signed), finished.cell.range)
            found.setdefault(key, []).append(where)
            groups[key] = group
    return [
        Shared(groups[key], tuple(places), key[1], _joint([cells[w] for w in places], key[1]))
        for key, places in found.items()
    ]


def _joint(finished: list[FinishedCell], colours: str) -> ValueRange | None:
    own = []
    for one in finished:
        if one.cell.range:
            low, high = one.cell.range
            return ValueRange(low, high, centred=colours in DIVERGING)
        if one.values is not None:
            own.append(ValueRange.of(one.values, centred=colours in DIVERGING))
    if not own:
        return None
    return ValueRange(min(r.low for r in own), max(r.high for r in own), centred=any(r.centred for r in own))


def shared_ranges(spec: FigureSpec, cells: Mapping[str, FinishedCell]) -> dict[str, ValueRange]:
    """The range of each cell whose map is computed."""
    return {
        where: one.range
        for one in range_groups(spec, cells)
        for where in one.places
        if one.range is not None and cells[where].values is not None
    }
