"""The page of a figure from what is known about its cells: for the screen, and as a file. In a thread; no Qt."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from vitinspect.app.figure.cells import FigurePicture, Known, finish
from vitinspect.errors import VitInspectError
from vitinspect.figures.captions import bibtex, caption
from vitinspect.figures.cell_drawing import Kept
from vitinspect.figures.cells import FinishedCell
from vitinspect.figures.exporting import FORMATS, ExportFormat
from vitinspect.figures.layout import Page, lay_out
from vitinspect.figures.preflight import Finding, check, check_fonts
from vitinspect.figures.resampling import stored_count
from vitinspect.figures.scene import ColourBar, Picture, Scene
from vitinspect.figures.specification import FigureSpec

Report = Callable[[int, int], None]
Named = TypeVar("Named", Known, FinishedCell)
"""What has a cell that names a picture."""


@dataclass(frozen=True, eq=False)
class MadePage:
    """A page with what is said about it."""

    spec: FigureSpec
    page: Page
    cells: Mapping[str, FinishedCell]
    scene: Scene
    """What is painted: that of the page, or as a person who is colour-blind sees it."""
    findings: tuple[Finding, ...]
    caption: str
    bibtex: str
    references: tuple[str, ...]
    waiting: int
    problems: Mapping[str, str]
    """Place of a cell -> why it cannot be shown."""


def make_page(spec: FigureSpec, known: Mapping[str, Known], kept: Kept, colour_blind: str, cancel: Any) -> MadePage:
    """Lay out what there is."""
    from vitinspect.figures.captions import list_references

    cells = {}
    for where, one in known.items():
        cancel.check()
        cells[where] = kept.get(one, lambda one=one: _finished(one))  # type: ignore[misc]
    page = lay_out(spec, cells, kept)
    cancel.check()
    scene = page.scene
    if colour_blind:
        from vitinspect.figures.colour_blindness import seen_with

        scene = replace(scene, elements=[_seen(e, colour_blind, seen_with) for e in scene.elements])
    return MadePage(
        spec,
        page,
        cells,
        scene,
        tuple(check(page.scene, cells)),
        caption(spec, cells),
        bibtex(cells),
        tuple(list_references(cells)),
        sum(cell.waiting for cell in cells.values()),
        {where: cell.problem for where, cell in cells.items() if cell.problem},
    )


def _finished(known: Known) -> FinishedCell:
    try:
        return finish(known)
    except VitInspectError as error:
        return finish(replace(known, problem=str(error)))


def _seen(element: Any, kind: str, seen_with: Callable[..., Any]) -> Any:
    if isinstance(element, Picture):
        return replace(element, pixels=seen_with(element.pixels, kind))
    if isinstance(element, ColourBar):
        return replace(element, colours=seen_with(element.colours[None], kind)[0])
    return element


def format_named(kind: str) -> ExportFormat:
    return next(one for one in FORMATS if one.id == kind)


@dataclass(frozen=True)
class Measured:
    """What is known about the file before it is written."""

    size: int
    """About how many bytes it has."""
    fonts: Finding | None = None
    """Of a PDF, whether its fonts are in it."""
    recipe: Mapping[str, Any] | None = None
    """What it records about how it was made, without the digest of its pixels; None for nothing."""


def measure(made: MadePage, kind: str, dpi: int, recipe: str, cancel: Any) -> Measured:
    """Write the file to memory. Pictures that are reduced on the screen are counted as they are."""
    cancel.check()
    form, found = format_named(kind), None
    if recipe != "none":
        found = _recipe(made, recipe == "anonymous")
    data = form.write(made.page.scene, dpi, found)
    size, fonts = len(data), check_fonts(data) if kind == "pdf" else None
    if form.vector:
        pictures = made.page.scene.pictures
        here = sum(stored_count(one, dpi) for one in pictures)
        there = sum(max(stored_count(one, dpi), _whole_count(one)) for one in pictures)
        size = round(size * there / here) if here else size
    return Measured(size, fonts, found)


def _recipe(made: MadePage, anonymous: bool) -> dict[str, Any]:
    from vitinspect.figures.recipes import make_recipe

    spec, cells, folder = beside(made.spec, made.cells)
    found = make_recipe(spec, cells, made.page.scene, anonymous=anonymous, folder=folder)
    del found["pixels"]  # those of the screen
    return found


def _whole_count(picture: Picture) -> int:
    """How many pixels of the picture one pixel of the screen shows."""
    return round(picture.pixels.shape[0] * picture.pixels.shape[1] * max(1.0, picture.finer) ** 2)


def write(spec: FigureSpec, known: Mapping[str, Known], path: str, recipe: str, progress: Report, cancel: Any) -> None:
    """The figure as a file, with its pictures as they are. All of it or nothing."""
    from vitinspect.figures.exporting import format_of
    from vitinspect.figures.recipes import make_recipe
    from vitinspect.files import write_atomic

    target = Path(path)
    form = format_of(target)
    spec, known, folder = beside(spec, known)
    cells: dict[str, FinishedCell] = {}
    whole: dict[str, FigurePicture] = {}
    for number, (where, one) in enumerate(known.items()):
        cancel.check()
        progress(number, len(known) + 1)
        cells[where] = finish(one, _whole(one, whole))
    scene = lay_out(spec, cells).scene
    cancel.check()
    progress(len(known), len(known) + 1)
    found = None
    if recipe != "none":
        found = make_recipe(spec, cells, scene, anonymous=recipe == "anonymous", folder=folder)
    data = form.write(scene, spec.dpi, found)
    cancel.check()
    write_atomic(target, data)


def _within(path: str, folder: Path) -> str:
    """A path in the folder or below it without the folder; others stay."""
    inside = os.path.isabs(path) and Path(path).is_relative_to(folder)
    return str(Path(path).relative_to(folder)) if inside else path


def _whole(known: Known, read_before: dict[str, FigurePicture]) -> FigurePicture | None:
    """The picture of a cell as its file has it."""
    picture = known.picture
    if picture is None or tuple(picture.pixels.shape[:2]) == tuple(picture.size):
        return picture
    if picture.path not in read_before:
        from vitinspect.app.figure.cells import read

        read_before[picture.path] = read(picture.path, picture.size[0] * picture.size[1])
    return read_before[picture.path]


def beside(spec: FigureSpec, known: Mapping[str, Named]) -> tuple[FigureSpec, dict[str, Named], Path]:
    """With pictures named from the folder that they have in common, as in a file that is passed on to others."""
    paths = [one.cell.image for one in known.values() if one.cell.image]
    if not paths or not all(os.path.isabs(path) for path in paths):
        return spec, dict(known), Path()
    folder = Path(os.path.commonpath([os.path.dirname(path) for path in paths]))

    def named(entry: Mapping[str, Any]) -> dict[str, Any]:
        made = dict(entry)
        if made.get("image"):
            made["image"] = os.path.relpath(made["image"], folder)
        if made.get("map_file"):
            made["map_file"] = _within(made["map_file"], folder)
        return made

    spec = replace(
        spec,
        rows=tuple(map(named, spec.rows)),
        columns=tuple(map(named, spec.columns)),
        cells={where: named(entry) for where, entry in spec.cells.items()},
        defaults=named(spec.defaults),
    )
    return (
        spec,
        {
            where: replace(
                one,
                cell=replace(
                    one.cell,
                    image=os.path.relpath(one.cell.image, folder),
                    map_file=_within(one.cell.map_file, folder),
                ),
            )
            if one.cell.image
            else one
            for where, one in known.items()
        },
        folder,
    )
