"""``vitinspect figure``, ``recipe`` and ``replay``: figures for papers, and how they were made."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitinspect.figures.cells import FinishedCell
    from vitinspect.figures.scene import Scene
    from vitinspect.figures.specification import FigureSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", type=Path, help="the figure's specification, as JSON or TOML")
    parser.add_argument("--out", "-o", metavar="FILE", type=Path, required=True, help=".pdf, .svg, .png, .tiff or .jpg")
    parser.add_argument(
        "--width", metavar="LENGTH", help="width, such as 88mm or 3.25in, instead of the specification's"
    )
    parser.add_argument("--venue", metavar="NAME", help="the column of a venue: cvpr, cvpr:2, neurips, nature:2, ...")
    parser.add_argument(
        "--dpi", type=int, metavar="N", help="resolution of PNG, TIFF and JPEG, instead of the specification's"
    )
    parser.add_argument("--caption", action="store_true", help="print a drafted caption and the references")
    add_recipe_options(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, ... (default: auto)")


def add_recipe_options(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--anonymous", action="store_true", help="do not store paths and names of pictures in the file")
    parser.add_argument("--no-recipe", action="store_true", help="do not store a recipe in the file")


def run(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from vitinspect.errors import ParameterError
    from vitinspect.figures.lengths import venue_width
    from vitinspect.figures.specification import read_specification

    try:
        text = arguments.spec.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{arguments.spec} cannot be read: {error}.") from None
    spec = read_specification(text, str(arguments.spec))
    if arguments.width and arguments.venue:
        raise ParameterError("--width and --venue both set the figure's width; give one.")
    if arguments.width or arguments.venue:
        spec = replace(spec, width=arguments.width or venue_width(arguments.venue))
    if arguments.dpi:
        spec = replace(spec, dpi=arguments.dpi)
    make(
        spec,
        arguments.out,
        folder=arguments.spec.parent,
        device=arguments.device,
        anonymous=arguments.anonymous,
        with_recipe=not arguments.no_recipe,
        caption=arguments.caption,
    )
    return 0


def make(
    spec: FigureSpec,
    out: Path,
    *,
    folder: Path,
    device: str = "auto",
    anonymous: bool = False,
    with_recipe: bool = True,
    caption: bool = False,
    sources: Any = None,
) -> dict[str, Any]:
    """Compute, check, write; returns the recipe."""
    from vitinspect.annotation.figure_cells import CEILING
    from vitinspect.figures.cells import Sources, finish_cells
    from vitinspect.figures.exporting import format_of
    from vitinspect.figures.layout import compose
    from vitinspect.figures.recipes import make_recipe
    from vitinspect.names import shown
    from vitinspect.output import check_result, write_result
    from vitinspect.progress import ProgressLine

    kind = format_of(out)
    check_result(out)
    sources = sources or Sources(folder, device=device)
    sources.plots = {CEILING.id: CEILING}
    with ProgressLine("computing", unit="cells") as progress:
        cells = finish_cells(spec, sources, progress)
    scene = compose(spec, cells)
    recipe = make_recipe(spec, cells, scene, anonymous=anonymous, folder=folder)
    data = kind.write(scene, spec.dpi, recipe if with_recipe else None)
    path = write_result(out, data)
    warn(scene, cells, kind.id, data)
    print(f"{shown(path)}: {scene.width / 72 * 25.4:.1f} × {scene.height / 72 * 25.4:.1f} mm")
    if caption:
        from vitinspect.figures.captions import caption as drafted
        from vitinspect.figures.captions import list_references

        print(drafted(spec, cells))
        for number, reference in enumerate(list_references(cells), 1):
            print(f"[{number}] {reference}")
    return recipe


def warn(scene: Scene, cells: dict[str, FinishedCell], kind: str, data: bytes) -> None:
    """Warn of problems that a publisher would reject."""
    from vitinspect.cli.frame import complain
    from vitinspect.figures.preflight import check

    for finding in check(scene, cells, kind == "jpeg", len(data), data if kind == "pdf" else None):
        if not finding.good:
            complain(f"{finding.what.lower()}: {finding.value}")


def print_recipe(arguments: argparse.Namespace) -> int:
    from vitinspect.errors import DataError
    from vitinspect.figures.metadata import find

    found = find(arguments.file)
    if found is None:
        raise DataError(f"{arguments.file} contains no recipe of vitinspect.")
    print(json.dumps(found, indent=1, sort_keys=True))
    return 0
