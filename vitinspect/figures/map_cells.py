"""Maps from files in the cells of a figure: which file a cell means, and its values over the model's input."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from vitinspect.figures.specification import Cell, FigureSpec, place
from vitinspect.names import shown

if TYPE_CHECKING:
    from vitinspect.map_files import MapFile
    from vitinspect.models.placement import Placement


@dataclass(frozen=True, eq=False)
class CellMap:
    """A map from a file, as a cell shows it."""

    values: Any
    placement: Placement
    signed: bool
    title: str
    digest: str
    """Of the file's bytes."""
    model: str = ""
    """The model that made it, where the file says so."""


def map_name(cell: Cell) -> str:
    """The file of a cell's map; ``{folder}`` and ``{stem}`` in it are those of its picture. Empty where it has none."""
    picture = PurePath(cell.image)
    return cell.map_file.replace("{folder}", str(picture.parent)).replace("{stem}", picture.stem)


def map_names(spec: FigureSpec) -> dict[str, str]:
    """Place of a cell -> the file of its map."""
    every = {place(r, c): spec.cell(r, c) for r in range(len(spec.rows)) for c in range(len(spec.columns))}
    return {where: map_name(cell) for where, cell in every.items() if cell.has_map and cell.map_file}


def title(cell: Cell) -> str:
    """The title above it: the file's name without its ending, and without that of the picture."""
    stem, picture = PurePath(cell.map_file).stem, PurePath(cell.image).stem
    if "{stem}" in stem:
        stem = stem.replace("{stem}", "")
    elif picture and picture != stem:
        stem = stem.replace(picture, "")
    return shown(stem.strip(" _-.") or PurePath(map_name(cell)).stem)


def on_input(cell: Cell, found: MapFile, grid: tuple[int, int], placement: Placement) -> CellMap:
    """The map over the model's input, by its size; a ``DataError`` where the size fits no input."""
    from vitinspect.map_files import fit
    from vitinspect.models.placement import Placement

    fitted = fit(found, grid, placement)
    if fitted.place is not None:
        placement = Placement(fitted.place.input_size, fitted.place.original_size, fitted.place.box)
    made = fitted.place.model if fitted.place is not None else ""
    return CellMap(fitted.values, placement, fitted.signed, title(cell), found.digest, made)
