"""The file formats of scenes, each declared once for the command line and the window."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitinspect.errors import ParameterError
from vitinspect.figures import metadata
from vitinspect.figures.scene import Scene
from vitinspect.figures.write_pdf import write_pdf
from vitinspect.figures.write_raster import MOST_PIXELS, encode, pixel_size, render
from vitinspect.figures.write_svg import write_svg

Recipe = Mapping[str, Any]


@dataclass(frozen=True)
class ExportFormat:
    """A format in which a scene can be written."""

    id: str
    title: str
    endings: tuple[str, ...]
    vector: bool
    write: Callable[[Scene, float, Recipe | None], bytes]


def _raster(kind: str) -> Callable[[Scene, float, Recipe | None], bytes]:
    def write(scene: Scene, dpi: float, recipe: Recipe | None) -> bytes:
        return metadata.embed(encode(render(scene, dpi), kind, dpi), kind, dict(recipe) if recipe else None)

    return write


def _stored(scene: Scene, dpi: float) -> float | None:
    """For which resolution pictures are stored; None for a page that is too large for that."""
    width, height = pixel_size(scene, dpi)
    return dpi if width * height <= MOST_PIXELS else None


def _svg(scene: Scene, dpi: float, recipe: Recipe | None) -> bytes:
    return metadata.embed(write_svg(scene, dpi=_stored(scene, dpi)), "svg", dict(recipe) if recipe else None)


def _pdf(scene: Scene, dpi: float, recipe: Recipe | None) -> bytes:
    dots = _stored(scene, dpi)
    if not recipe:
        return write_pdf(scene, dpi=dots)
    text = json.dumps(dict(recipe), sort_keys=True, indent=1).encode()
    return write_pdf(scene, dpi=dots, xmp=metadata.packet(dict(recipe)), attachments={"recipe.json": text})


FORMATS: tuple[ExportFormat, ...] = (
    ExportFormat("pdf", "PDF", (".pdf",), True, _pdf),
    ExportFormat("svg", "SVG", (".svg",), True, _svg),
    ExportFormat("png", "PNG", (".png",), False, _raster("png")),
    ExportFormat("tiff", "TIFF", (".tif", ".tiff"), False, _raster("tiff")),
    ExportFormat("jpeg", "JPEG", (".jpg", ".jpeg"), False, _raster("jpeg")),
)


def format_of(path: Path) -> ExportFormat:
    """The format of a file name's ending."""
    for one in FORMATS:
        if path.suffix.casefold() in one.endings:
            return one
    endings = ", ".join(ending for one in FORMATS for ending in one.endings)
    raise ParameterError(f"{path.name}: a figure can be written as {endings}.")
