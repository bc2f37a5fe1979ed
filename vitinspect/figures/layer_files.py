"""One map of one picture as a file: overlay, heat map alone, mask, or raw values."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitinspect.errors import ParameterError
from vitinspect.figures import metadata
from vitinspect.figures.cells import FinishedCell
from vitinspect.figures.exporting import format_of
from vitinspect.figures.layout import compose
from vitinspect.figures.overlay import ValueRange, levels, place, rgba_table
from vitinspect.figures.ranges import colours_of, shared_ranges
from vitinspect.figures.recipes import make_recipe
from vitinspect.figures.specification import FigureSpec, from_dict
from vitinspect.files import npz_bytes
from vitinspect.thresholds import parse_threshold, threshold


@dataclass(frozen=True)
class Kind:
    """A kind of file of a map."""

    id: str
    title: str
    endings: tuple[str, ...]
    """The endings of its formats, the default first."""
    needs_map: bool = True


KINDS: tuple[Kind, ...] = (
    Kind("overlay", "Picture with the map", (".png", ".tiff", ".jpg", ".svg", ".pdf"), needs_map=False),
    Kind("heat", "Heat map alone, transparent", (".png", ".tiff")),
    Kind("mask", "Mask above the threshold", (".png",)),
    Kind("raw", "Raw map", (".npy", ".npz", ".tiff", ".png")),
)
"""Raw maps: NumPy, NumPy with the recipe, 32-bit floats, and 16 bits between the lowest and the highest value."""


@dataclass(frozen=True)
class FileKind:
    """A kind in a format: ``overlay.pdf``."""

    kind: str
    ending: str

    def __str__(self) -> str:
        return self.kind + self.ending

    @classmethod
    def parse(cls, text: str) -> FileKind:
        name, dot, ending = text.strip().partition(".")
        kind = next((one for one in KINDS if one.id == name), None)
        if kind is None:
            raise ParameterError(f"There is no kind of file {name!r}; the kinds are {', '.join(k.id for k in KINDS)}.")
        ending = {".jpeg": ".jpg", ".tif": ".tiff"}.get(f".{ending}", f".{ending}") if dot else kind.endings[0]
        if ending not in kind.endings:
            raise ParameterError(f"{name} is written as {', '.join(kind.endings)}, not as {ending}.")
        return cls(name, ending)


@dataclass(frozen=True)
class Page:
    """The page of a picture with its map."""

    width: str = ""
    """The width, such as 88mm or 3.25in; empty for the picture's own pixels."""
    dpi: int = 96
    font_size: float = 8.0
    background: str = "white"
    colour_bar: bool = False
    opacity_scale: bool = False
    """Whether the opacity of each colour is shown below the colour bar."""
    title: str = ""
    label: str = ""
    """Parts of the title above the picture: method, target, model, scores."""


def single(entry: Mapping[str, Any], page: Page, size: tuple[int, int]) -> FigureSpec:
    """A figure of one cell; ``size`` is the picture's height and width."""
    width = page.width or f"{size[1] / page.dpi:.6f}in"
    return from_dict(
        {
            "rows": [{}],
            "columns": [{**entry, "label": page.label}],
            "width": width,
            "dpi": page.dpi,
            "font_size": page.font_size,
            "background": page.background,
            "colour_bars": page.colour_bar,
            "opacity_scale": page.opacity_scale,
            "title": page.title,
        }
    )


@dataclass(frozen=True)
class Carried:
    """What a file records about how it was made."""

    recipe: bool = True
    anonymous: bool = False
    folder: Path | None = None
    """The folder of relative paths of pictures."""
    view: Mapping[str, Any] | None = None
    """The view of the window in which it was made."""


def write_layer(
    spec: FigureSpec, finished: FinishedCell, kind: FileKind, carried: Carried | None = None
) -> dict[str, bytes]:
    """The bytes of a file by its ending, with a ``.json`` file if the format cannot contain a recipe."""
    carried = carried or Carried()
    scene = compose(spec, {"a1": finished})
    recipe: dict[str, Any] | None = None
    if carried.recipe:
        recipe = make_recipe(
            spec, {"a1": finished}, scene, anonymous=carried.anonymous, folder=carried.folder or Path.cwd()
        )
        recipe["shows"] = kind.kind
        if carried.view is not None:
            recipe["view"] = dict(carried.view)
    if kind.kind == "overlay":
        trimmed = scene if spec.colour_bars else _without_margin(scene)
        return {kind.ending: format_of(Path("x" + kind.ending)).write(trimmed, spec.dpi, recipe)}
    if finished.values is None or finished.placement is None:
        raise ParameterError("There is no map to write.")
    if kind.kind == "heat":
        return {kind.ending: _encoded(Image.fromarray(heat_alone(spec, finished)), kind.ending, recipe)}
    if kind.kind == "mask":
        mask = Image.fromarray(np.where(mask_of(finished), np.uint8(255), np.uint8(0)))
        return {kind.ending: _encoded(mask, kind.ending, recipe)}
    return _raw(finished, kind.ending, recipe)


def _without_margin(scene: Any) -> Any:
    """The scene with the page cut at the bottom of its lowest picture."""
    lowest = max((one.box[1] + one.box[3] for one in scene.pictures), default=scene.height)
    scene.height = min(scene.height, lowest)
    return scene


def heat_alone(spec: FigureSpec, finished: FinishedCell) -> NDArray[np.uint8]:
    """The map's colours with their opacity, on the picture's pixels; transparent where the model saw nothing."""
    assert finished.values is not None
    assert finished.placement is not None
    cell = finished.cell
    value_range = shared_ranges(spec, {"a1": finished})["a1"]
    heat = place(finished.values, finished.placement, smooth=not cell.patches)
    name = colours_of(cell, finished.signed)
    opacity = 1.0 if cell.show == "map" else cell.opacity
    grows = cell.by_value and cell.show != "map"
    table = rgba_table(name, opacity=opacity, grows="growing" if grows else "uniform")
    painted = table[levels(heat, value_range)]
    painted[np.isnan(heat)] = 0
    return painted


def mask_of(finished: FinishedCell) -> NDArray[np.bool_]:
    """The mask above the map's threshold (Otsu's by default), on the picture's pixels."""
    assert finished.values is not None
    assert finished.placement is not None
    mode, options = parse_threshold(finished.cell.threshold or "otsu")
    cut = threshold(finished.values, mode, size=finished.placement.input_size, **options)
    return finished.placement.map_to_original(cut.mask.astype(np.float32), "nearest", 0.0) > 0.5


def _encoded(picture: Image.Image, ending: str, recipe: dict[str, Any] | None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    kind = "PNG" if ending == ".png" else "TIFF"
    if kind == "TIFF" and picture.mode != "F":
        options["compression"] = "tiff_adobe_deflate"
    picture.save(buffer, kind, **options)
    return metadata.embed(buffer.getvalue(), kind.casefold(), recipe)


def _raw(finished: FinishedCell, ending: str, recipe: dict[str, Any] | None) -> dict[str, bytes]:
    """The method's raw values, on patches or on pixels of the model's input."""
    assert finished.values is not None
    values = np.asarray(finished.values, np.float32)
    low, high = float(values.min()), float(values.max())
    beside = json.dumps(
        {"low": low, "high": high, "rows": values.shape[0], "columns": values.shape[1], "recipe": recipe}, indent=1
    ).encode()
    if ending == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        return {".npy": buffer.getvalue(), **({".json": beside} if recipe is not None else {})}
    if ending == ".npz":
        facts = {} if recipe is None else {"recipe": recipe}
        return {".npz": npz_bytes({"values": values}, {"kind": "map", **facts})}
    if ending == ".tiff":
        return {".tiff": _encoded(Image.fromarray(values), ".tiff", recipe)}
    scaled = ValueRange(low, high).stretch(values)
    levels16 = np.rint(np.asarray(scaled, np.float64) * 65535).astype(np.uint16)
    # Sixteen bits mean nothing without the values at both ends, so these are always written beside them.
    return {".png": _encoded(Image.fromarray(levels16), ".png", recipe), ".json": beside}
