"""Displaying maps in Python: overlay, figure, HTML for notebooks, axes of matplotlib, tables of pandas.

``displayed.py`` has the methods that users call, which are implemented here.
"""

from __future__ import annotations

import base64
import html
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitinspect.errors import DataError, ImageError, ParameterError, VitInspectError
from vitinspect.figures.cell_drawing import cell_picture
from vitinspect.figures.cells import FinishedCell, digest
from vitinspect.figures.layout import compose
from vitinspect.figures.overlay import draw_box, format_value, sees_all
from vitinspect.figures.ranges import colours_of, shared_ranges
from vitinspect.figures.specification import FigureSpec, from_dict, place
from vitinspect.images import open_image
from vitinspect.maps import AttributionMap, values_of
from vitinspect.models.placement import Placement
from vitinspect.names import shown
from vitinspect.thresholds import parse_threshold, threshold

if TYPE_CHECKING:
    from vitinspect.displayed import Origin
    from vitinspect.figures.scene import Scene

LOOKS = ("colours", "opacity", "by_value", "patches", "range", "frame", "threshold", "show")
SCREEN_DPI = 144
_ROW = 4
"""The number of maps in a row of a figure, after the picture."""


# --- picture, target and title of a map -----------------------------------------------------------------------------


def origin_of(attribution: AttributionMap) -> Origin:
    """The picture and model of the map, which only maps made by ``explain`` have."""
    if attribution.origin is None:
        raise DataError(
            f"This map ({attribution.key or attribution.method}) has no picture, since it was not made by "
            "explain; its numbers are in values."
        )
    return attribution.origin


def picture_of(origin: Origin) -> NDArray[np.uint8]:
    """The picture as height x width x 3 bytes."""
    image = origin.image
    if isinstance(image, str | os.PathLike):
        return np.asarray(open_image(image))
    if isinstance(image, Image.Image):
        return np.asarray(image.convert("RGB"))
    if origin.placement is None:
        tensor = image[0] if image.ndim == 4 else image
        values = np.asarray(tensor.detach().float().cpu().numpy(), np.float64)
        shape = (3, 1, 1)
        restored = values * np.reshape(origin.std, shape) + np.reshape(origin.mean, shape)
        return np.rint(np.clip(restored, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    return np.asarray(image)


def placement_of(origin: Origin, pixels: NDArray[np.uint8]) -> Placement:
    if origin.placement is None:
        height, width = pixels.shape[:2]
        return Placement((height, width), (height, width), (0.0, 0.0, float(width), float(height)))
    if origin.placement.original_size != pixels.shape[:2]:
        raise ImageError("The picture has changed since it was explained: it has another size now.")
    return origin.placement


def picture_name(origin: Origin) -> str:
    image = origin.image
    if isinstance(image, str | os.PathLike):
        return shown(os.path.basename(os.fspath(image)))
    named = getattr(image, "filename", "")
    return shown(os.path.basename(named)) if isinstance(named, str) and named else ""


def target_words(target: Any, labels: Sequence[str]) -> str:
    if isinstance(target, tuple):
        return " − ".join(target_words(side, labels) for side in target)
    if isinstance(target, int | np.integer):
        target = int(target)
        return str(labels[target]) if 0 <= target < len(labels) else f"class {target}"
    return str(getattr(target, "text", "") or "")


def title_of(attribution: AttributionMap) -> str:
    """The method's title in figures, with the parameters that differ from the defaults."""
    from vitinspect.explainers.registry import make_method

    if attribution.method == "fused":
        return attribution.key
    try:
        method = make_method(attribution.key or attribution.method)
    except VitInspectError:
        return attribution.key or attribution.method
    name = method.info.short or method.info.title
    parameters = method.key.partition("(")[2]
    return f"{name} ({parameters}" if parameters else name


def facts(attribution: AttributionMap) -> list[tuple[str, str]]:
    """The picture, model, method and target of a map, in words."""
    origin = origin_of(attribution)
    target = target_words(attribution.target, origin.labels)
    values = attribution.values
    return [
        ("picture", picture_name(origin) or "from memory"),
        ("model", origin.model_name),
        ("target", target or "the same for every class"),
        ("method", title_of(attribution)),
        ("raw values", f"{format_value(float(values.min()))} to {format_value(float(values.max()))}"),
    ]


def maps_in(shown_thing: Any) -> list[AttributionMap]:
    return [shown_thing] if isinstance(shown_thing, AttributionMap) else list(shown_thing.maps.values())


def one_of(explanation: Any, method: Any) -> AttributionMap:
    """The map of ``method``, or the only one."""
    if method is not None:
        return explanation[method]
    maps = maps_in(explanation)
    if len(maps) != 1:
        raise ParameterError(f"There are {len(maps)} maps: choose one with method=, of {', '.join(explanation)}.")
    return maps[0]


# --- pictures and masks ---------------------------------------------------------------------------------------------


def overlay(attribution: AttributionMap, **look: Any) -> Image.Image:
    spec, cells = _cells([attribution], look, with_picture=False)
    finished = cells["a1"]
    painted = Image.fromarray(cell_picture(finished, shared_ranges(spec, cells)["a1"]))
    assert finished.placement is not None
    if finished.cell.frame and not sees_all(finished.placement) and painted.size == _size(finished.pixels):
        draw_box(painted, finished.placement.visible_box)
    return painted


def _size(pixels: NDArray[np.uint8]) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[0]


def mask(attribution: AttributionMap, how: str) -> NDArray[np.bool_]:
    """The map cut at the model's input size, as on the command line; what the model did not see is background."""
    origin = origin_of(attribution)
    placement = origin.placement or placement_of(origin, picture_of(origin))
    mode, options = parse_threshold(how)
    cut = threshold(attribution, mode, size=placement.input_size, **options)
    return placement.map_to_original(cut.mask.astype(np.float32), "nearest", 0.0) > 0.5


# --- figures --------------------------------------------------------------------------------------------------------


def _cells(
    maps: Sequence[AttributionMap],
    look: dict[str, Any],
    *,
    with_picture: bool,
    width: str = "88mm",
    dpi: int = 300,
    labels: Sequence[str] = (),
) -> tuple[FigureSpec, dict[str, FinishedCell]]:
    """A specification and its finished cells: the picture and its maps, at most four in a row."""
    unknown = [name for name in look if name not in LOOKS]
    if unknown:
        raise ParameterError(f"Maps have no option {unknown[0]!r}; the options are {', '.join(LOOKS)}.")
    if not maps:
        raise DataError("There is no map to show.")
    origin = origin_of(maps[0])
    pixels = picture_of(origin)
    content = digest(pixels)
    model = origin.model() if origin.model is not None else None
    is_file = isinstance(origin.image, str | os.PathLike)
    image = os.fspath(origin.image) if is_file else picture_name(origin) or "picture"
    shared = {"image": image, "model": origin.model_source, "fit": origin.mode, "precision": origin.precision, **look}
    shared = {name: list(value) if isinstance(value, tuple) else value for name, value in shared.items()}
    entries: list[tuple[dict[str, Any], AttributionMap | None]] = [({"show": "picture"}, None)] if with_picture else []
    for number, one in enumerate(maps):
        entry = {"method": one.key or one.method, "label": labels[number] if labels else title_of(one)}
        if one.method == "fused":
            entry.update({name: one.params[name] for name in ("weights", "normalisation") if name in one.params})
        if isinstance(one.target, int | np.integer | tuple):
            entry["target"] = _target_spec(one.target, origin.labels)
        entries.append((entry, one))
    columns = min(len(entries), _ROW + with_picture)
    rows = -(-len(entries) // columns)
    given: dict[str, Any] = {"defaults": shared, "width": width, "dpi": dpi}
    if rows == 1:
        given["columns"] = [entry for entry, _ in entries]
    else:
        given["columns"] = [{} for _ in range(columns)]
        given["rows"] = [{"label": ""} for _ in range(rows)]
        given["cells"] = {place(i // columns, i % columns): entry for i, (entry, _) in enumerate(entries)}
    spec = from_dict(given)
    finished: dict[str, FinishedCell] = {}
    for row in range(rows):
        for column in range(columns):
            index = row * columns + column
            cell = spec.cell(row, column)
            attribution = entries[index][1] if index < len(entries) else None
            if attribution is None:
                finished[place(row, column)] = FinishedCell(cell, pixels, content)
                continue
            own = origin_of(attribution)
            finished[place(row, column)] = FinishedCell(
                cell,
                pixels,
                content,
                values=np.asarray(values_of(attribution), np.float32),
                placement=placement_of(own, pixels),
                signed=bool(attribution.signed),
                method_title=title_of(attribution),
                target_words=target_words(attribution.target, own.labels),
                model_name=own.model_name,
                fingerprint=model.fingerprint if model is not None else "",
                references=_references(attribution),
            )
    return spec, finished


def _target_spec(target: Any, labels: Sequence[str]) -> str:
    """A class or a contrast for a specification: by label if that is unique, else by index."""
    if isinstance(target, tuple):
        return " - ".join(_target_spec(side, labels) for side in target)
    name = str(labels[target]) if 0 <= target < len(labels) else ""
    return name if name and " - " not in name and list(labels).count(name) == 1 else str(int(target))


def _references(attribution: AttributionMap) -> tuple[str, ...]:
    from vitinspect.explainers.registry import methods

    return (methods()[attribution.method].citation,) if attribution.method in methods() else ()


def figure(
    shown_thing: Any, *, width: str = "", dpi: int = 300, **look: Any
) -> tuple[FigureSpec, dict[str, FinishedCell], Scene]:
    """The picture and each map with its colour bar."""
    maps = maps_in(shown_thing)
    wide = width or f"{min(44 * (1 + min(len(maps), _ROW)), 174)}mm"
    spec, cells = _cells(maps, look, with_picture=True, width=wide, dpi=dpi)
    return spec, cells, compose(spec, cells)


def save(shown_thing: Any, path: Any, *, width: str, dpi: int, anonymous: bool, recipe: bool, **look: Any) -> Path:
    from vitinspect.figures.exporting import format_of
    from vitinspect.figures.recipes import make_recipe
    from vitinspect.output import check_result, write_result

    out = Path(path)
    kind = format_of(out)
    check_result(out)
    spec, cells, scene = figure(shown_thing, width=width, dpi=dpi, **look)
    made_by = make_recipe(spec, cells, scene, anonymous=anonymous, folder=Path()) if recipe else None
    return write_result(out, kind.write(scene, spec.dpi, made_by))


def example_of_two_targets(maps: Sequence[AttributionMap]) -> bytes:
    """A PNG for the documentation: the picture, and one method's maps of two classes, labelled above."""
    from vitinspect.figures.write_raster import encode, render

    words = [target_words(one.target, origin_of(one).labels) or "any class" for one in maps]
    spec, cells = _cells(maps, {}, with_picture=True, width="132mm", labels=words)
    return encode(render(compose(spec, cells), SCREEN_DPI), "png", SCREEN_DPI)


# --- on screen ------------------------------------------------------------------------------------------------------


def png(shown_thing: Any, **look: Any) -> bytes:
    from vitinspect.figures.write_raster import encode, render

    _, _, scene = figure(shown_thing, **look)
    return encode(render(scene, SCREEN_DPI), "png", SCREEN_DPI)


def png_or_nothing(shown_thing: Any) -> bytes | None:
    """For notebooks: None for a map without a picture, which is shown by its ``repr``."""
    return png(shown_thing) if _can_be_shown(shown_thing) else None


def html_or_nothing(shown_thing: Any) -> str | None:
    """For notebooks: the picture and the map with its colour bar, and their description below."""
    if not _can_be_shown(shown_thing):
        return None
    maps = maps_in(shown_thing)
    lines = [facts(one) for one in maps]
    common = [pair for pair in lines[0] if all(pair in line for line in lines)]
    rows = [_fact_line(common)] if common else []
    if len(maps) > 1:
        rows += [_fact_line([pair for pair in line if pair not in common]) for line in lines]
    words = "; ".join(f"{name}: {value}" for line in lines for name, value in line)
    data = base64.b64encode(png(shown_thing)).decode("ascii")
    picture = (
        f'<img alt="{html.escape(words, quote=True)}" src="data:image/png;base64,{data}" '
        'style="max-width:100%;height:auto;background:#fff">'
    )
    return f'<div class="vitinspect-map">{picture}<br>{"<br>".join(rows)}</div>'


def _fact_line(pairs: Iterable[tuple[str, str]]) -> str:
    return " · ".join(f"{html.escape(name)}: <b>{html.escape(value)}</b>" for name, value in pairs)


def _can_be_shown(shown_thing: Any) -> bool:
    maps = maps_in(shown_thing)
    return bool(maps) and all(one.origin is not None and one.values.ndim == 2 for one in maps)


def show(shown_thing: Any, ax: Any = None, **look: Any) -> Any:
    if ax is not None:
        return _draw_on(maps_in(shown_thing), ax, look)
    data = png(shown_thing, **look)
    if _in_notebook():
        from IPython.display import Image as Shown
        from IPython.display import display

        display(Shown(data) if look else shown_thing)
        return None
    import io

    if not _open_viewer(Image.open(io.BytesIO(data))):
        raise VitInspectError("No image viewer was found; save('map.png') writes the figure.")
    return None


def _in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel, which shows pictures below a cell."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def _open_viewer(picture: Image.Image) -> bool:
    from PIL import ImageShow

    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    return bool(ImageShow.show(picture, title="vitinspect"))


def _draw_on(maps: Sequence[AttributionMap], ax: Any, look: dict[str, Any]) -> Any:
    """Draw on axes of matplotlib: the overlay, its title, and a colour bar with the raw values."""
    axes = list(np.ravel(np.asarray(ax, dtype=object)))
    if len(axes) != len(maps):
        raise ParameterError(f"There are {len(maps)} maps and {len(axes)} axes; each map needs its own axes.")
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    from vitinspect.figures.colormaps import colormap

    for attribution, one in zip(maps, axes, strict=True):
        spec, cells = _cells([attribution], look, with_picture=False)
        finished, ends = cells["a1"], shared_ranges(spec, cells)["a1"]
        one.imshow(np.asarray(overlay(attribution, **look)))
        one.set_axis_off()
        words = finished.target_words
        one.set_title(f"{finished.method_title}\n{words}" if words else finished.method_title)
        name = colours_of(finished.cell, finished.signed)
        colours = ListedColormap(colormap(name) / 255.0, name=f"vitinspect {name}")
        one.figure.colorbar(ScalarMappable(Normalize(ends.low, ends.high), colours), ax=one, fraction=0.046, pad=0.04)
    return ax


# --- tables ---------------------------------------------------------------------------------------------------------


def to_dataframe(shown_thing: Any) -> Any:
    try:
        import pandas
    except ImportError:
        raise VitInspectError("to_dataframe needs pandas (`pip install pandas`); values is an array.") from None

    tables = []
    for attribution in maps_in(shown_thing):
        values = attribution.values
        rows, columns = np.indices(values.shape)
        labels = attribution.origin.labels if attribution.origin is not None else ()
        tables.append(
            pandas.DataFrame(
                {
                    "method": attribution.key or attribution.method,
                    "target": target_words(attribution.target, labels),
                    "row": rows.ravel(),
                    "column": columns.ravel(),
                    "value": values.ravel(),
                }
            )
        )
    return pandas.concat(tables, ignore_index=True)
