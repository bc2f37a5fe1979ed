"""From a cell and what is known about it to a finished cell that can be laid out. In a thread; no Qt.

The screen shows pictures as large as it needs them; a file gets them as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitinspect.annotation.figure_cells import CEILING
from vitinspect.app.compute.explaining import Mapped
from vitinspect.app.geometry import Placed
from vitinspect.figures import map_cells
from vitinspect.figures.cells import FinishedCell, digest, members, nothing, plotted, title, truth_of, with_map_file
from vitinspect.figures.plot_cells import KINDS, PlotInput
from vitinspect.figures.specification import Cell, FigureSpec

if TYPE_CHECKING:
    import numpy as np

    from vitinspect.figures.drawings import Drawing
    from vitinspect.map_files import MapFile

SMALLEST, LARGEST, ALL = 40_000, 1_500_000, 60_000_000
"""Pixels of a picture on the screen: at least, at most, and of all cells together."""


@dataclass(frozen=True, eq=False)
class FigurePicture:
    """A picture as the page shows it."""

    path: str
    content: str
    """The hash of the file's bytes."""
    pixels: np.ndarray
    size: tuple[int, int]
    """(height, width) of the file's picture."""
    digest: str
    """Of the pixels of the file's picture, as recipes have it."""


@dataclass(frozen=True)
class Known:
    """What there is for a cell: all of it, or why not."""

    cell: Cell
    size: tuple[int, int] = (1, 1)
    picture: FigurePicture | None = None
    maps: tuple[Mapped, ...] = ()
    placed: Placed | None = None
    target_words: str = ""
    model_name: str = ""
    fingerprint: str = ""
    waiting: bool = False
    problem: str = ""
    scores: bool = False
    """Whether the page has scores."""
    drawing: Drawing | None = None
    """Of a cell that shows no picture."""
    map_file: MapFile | None = None
    """What takes the place of ``maps`` in a cell whose map is from a file."""
    grid: tuple[int, int] = (0, 0)
    """The patches of the model over whose input it lies."""


def most_pixels(spec: FigureSpec) -> int:
    """How many pixels of each picture the screen needs."""
    count = max(1, len(spec.rows) * len(spec.columns))
    return max(SMALLEST, min(LARGEST, ALL // count))


def read(path: str, most: int) -> FigurePicture:
    """A picture, at most so large; an ``ImageError`` names what is wrong with it."""
    import numpy as np

    from vitinspect.app.pictures import decode

    found = decode(path)
    pixels = found.pixels
    return FigurePicture(path, found.content, reduced(np.asarray(pixels), most), found.size, digest(pixels))


def reduced(pixels: np.ndarray, most: int) -> np.ndarray:
    """No larger than so many pixels."""
    import numpy as np
    from PIL import Image

    height, width = pixels.shape[:2]
    share = (most / (height * width)) ** 0.5
    if share >= 1:
        return pixels
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.LANCZOS))


def finish(known: Known, picture: FigurePicture | None = None, truths: Mapping[str, Any] | None = None) -> FinishedCell:
    """The cell; with ``picture`` in the place of the one on the screen."""
    cell, shown = known.cell, picture or known.picture
    name = _title(cell)
    if cell.is_plot and not known.problem and not known.waiting:
        return _plot(known)
    if shown is None or known.problem:
        pixels = nothing(*known.size)
        waiting = known.waiting and not known.problem
        return FinishedCell(cell, pixels, "", method_title=name, waiting=waiting, problem=known.problem)
    finer = shown.size[1] / shown.pixels.shape[1]
    done = FinishedCell(cell, shown.pixels, shown.digest, method_title=name, finer=finer, waiting=known.waiting)
    truth = truth_of(cell, shown.path, shown.size, truths)
    if truth is not None:
        done = replace(done, truth=truth)
    if known.waiting or known.placed is None:
        return done
    if known.map_file is not None:
        return _with_map_file(done, known, shown)
    return _with_map(done, known, shown) if known.maps else done


def _plot(known: Known) -> FinishedCell:
    """A cell that shows no picture; what needs no model is read now."""
    cell = known.cell
    if known.drawing is not None and known.picture is not None:
        shown = known.picture
        return plotted(cell, known.drawing, shown.pixels, shown.digest, known.model_name, known.fingerprint)
    kind = {**KINDS, CEILING.id: CEILING}[cell.show]
    file = Path(cell.file) if cell.file else None
    return FinishedCell(cell, nothing(), "", drawing=kind.make(PlotInput(cell, file=file)))


def _title(cell: Cell) -> str:
    if cell.map_file:
        return map_cells.title(cell)
    return title(*members(cell.method)) if cell.has_map else ""


def _with_map(done: FinishedCell, known: Known, shown: FigurePicture) -> FinishedCell:
    import numpy as np

    from vitinspect.fusion import fuse
    from vitinspect.maps import AttributionMap
    from vitinspect.models.placement import Placement

    chosen, mode = members(known.cell.method)
    maps = [AttributionMap(one.values, one.method, signed=one.signed) for one in known.maps]
    if mode:
        fused = fuse(maps, mode, list(known.cell.weights) or None, normalisation=known.cell.normalisation)
    else:
        fused = maps[0]
    placed = known.placed
    assert placed is not None
    whole = Placement(placed.input_size, shown.size, placed.box)
    made = replace(
        done,
        values=np.asarray(fused.values, np.float32),
        placement=whole,
        signed=bool(fused.signed),
        target_words=known.target_words,
        model_name=known.model_name,
        fingerprint=known.fingerprint,
        references=tuple(dict.fromkeys(method.info.citation for method in chosen)),
    )
    return _reduced_with(made, known, shown)


def _with_map_file(done: FinishedCell, known: Known, shown: FigurePicture) -> FinishedCell:
    from vitinspect.models.placement import Placement

    placed = known.placed
    assert placed is not None
    assert known.map_file is not None
    whole = Placement(placed.input_size, shown.size, placed.box)
    made = map_cells.on_input(known.cell, known.map_file, known.grid, whole)
    return _reduced_with(with_map_file(done, made, known.model_name, known.fingerprint), known, shown)


def _reduced_with(made: FinishedCell, known: Known, shown: FigurePicture) -> FinishedCell:
    """With its scores on the whole picture, and its map where the picture of the screen has it."""
    from vitinspect.figures.cell_drawing import overlap
    from vitinspect.models.placement import Placement

    placed = made.placement
    assert placed is not None
    if known.scores and made.truth is not None:
        made = replace(made, overlap=overlap(made))
    height, width = shown.pixels.shape[:2]
    if (height, width) != shown.size:
        down, across = height / shown.size[0], width / shown.size[1]
        left, top, right, bottom = placed.box
        small = (left * across, top * down, right * across, bottom * down)
        made = replace(made, placement=Placement(placed.input_size, (height, width), small))
    return made
