"""From what the window shows to a figure: layers as cells, and rows and columns made of pictures, layers, classes, ...

Plain functions over the state, without Qt. The result is a specification as ``vitinspect figure`` takes it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.session import layer_cells
from vitinspect.app.session import layers as layering
from vitinspect.app.session.layers import FILE, MAP, Layer, Layers
from vitinspect.errors import ParameterError, VitInspectError
from vitinspect.figures.specification import Cell, FigureSpec, from_dict

Entry = dict[str, Any]

AXES: dict[str, str] = {
    "pictures": "pictures",
    "layers": "layers",
    "targets": "classes",
    "models": "models",
    "thresholds": "thresholds",
    "fusions": "ways of fusing",
    "annotators": "annotators",
    "blocks": "blocks",
    "free": "free cells",
}
"""What rows and columns can be made of."""
THRESHOLDS = (("otsu", "Otsu"), ("mean", "mean"), ("top_fraction=0.2", "top 20 %"), ("fixed=0.5", "half of the range"))
FREE = 3
"""How many rows or columns of free cells there are at first."""


@dataclass(frozen=True)
class Shown:
    """What the window has that a figure can be made of."""

    layers: Layers
    selected: str
    image: str
    model: str
    fit: str = "crop"
    precision: str = "float32"
    target: str = ""
    """The class that is explained, in words; empty for the one that is predicted."""
    predicted: tuple[str, ...] = ()
    """The classes of the present picture, the most probable first."""
    models: tuple[str, ...] = ()
    """Sources of models that were used, the present one first."""
    annotators: Mapping[str, str] = field(default_factory=dict)
    """The annotators of the present picture, and the paths of their masks, with ``{stem}`` and ``{folder}`` where they
    follow the picture."""
    depth: int = 0
    """Blocks of the model."""


def model_entry(line: str) -> Entry:
    """How a specification names a model of the window."""
    try:
        return layer_cells.model_entry(line)
    except VitInspectError:
        return {"model": line}


def layer_entry(layers: Layers, layer: Layer) -> Entry:
    """A layer as a cell shows it, as far as it differs from a new cell; ``ParameterError`` for one that a figure cannot
    hold."""
    entry = _file_entry(layer) if layer.kind == FILE else layer_cells.layer_entry(layers, layer)
    weights, usual = entry.pop("weights", []), Cell()
    entry = {name: value for name, value in entry.items() if value != getattr(usual, name)}
    if len(set(weights)) > 1:
        entry["weights"] = weights
    return {**entry, "label": layer.name} if layer.name else entry


def _file_entry(layer: Layer) -> Entry:
    """A map from a file: one of each picture, or of the one that it belongs to."""
    from vitinspect.map_files import PICTURE

    return {"map_file": layer.path.replace(PICTURE, "{stem}"), **layer_cells.look_entry(layer)}


def usable(layers: Layers, pictures: Sequence[str] = ()) -> list[tuple[Layer, Entry]]:
    """The visible layers that a figure of some pictures can hold, as its cells."""
    from vitinspect.map_files import PICTURE

    found = []
    for layer in layers:
        if layer.kind == FILE and PICTURE not in layer.path and any(one != layer.image for one in pictures):
            continue  # it says nothing about another picture
        if layer.visible:
            try:
                found.append((layer, layer_entry(layers, layer)))
            except ParameterError:
                continue
    return found


# --- rows and columns ---------------------------------------------------------------------------------------------


def axis(kind: str, shown: Shown, pictures: Sequence[str], count: int = FREE) -> list[Entry]:
    """The entries of the rows or columns of a kind."""
    if kind == "pictures":
        return [{"image": path} for path in pictures or ((shown.image,) if shown.image else ())]
    if kind == "layers":
        return [{"show": "picture"}, *(entry for _, entry in usable(shown.layers, pictures or [shown.image]))]
    if kind == "targets":
        return [{"target": name, "label": name} for name in shown.predicted[:3]]
    if kind == "models":
        return [{**model_entry(line), "label": short_model(line)} for line in shown.models[:4]]
    if kind == "thresholds":
        return [{"threshold": words, "label": title} for words, title in THRESHOLDS]
    if kind == "fusions":
        return _fusions(shown)
    if kind == "annotators":
        return [
            {"show": "picture", "truth": path, "label": who, "method": ""} for who, path in shown.annotators.items()
        ]
    if kind == "blocks":
        return [{"show": "network", "block": n, "label": f"block {n}"} for n in range(1, shown.depth + 1)]
    return [{"show": "empty"} for _ in range(count)]


def _fusions(shown: Shown) -> list[Entry]:
    """The visible maps of methods, fused in each way."""
    keys = [layer.as_method().key for layer in shown.layers if layer.visible and layer.kind == MAP]
    if len(keys) < 2:
        return []
    return [{"method": f"{' + '.join(keys)} [{mode}]", "label": mode} for mode in layering.FUSIONS]


def short_model(line: str) -> str:
    try:
        return ModelSource.parse(line).short
    except VitInspectError:
        return line


def defaults(shown: Shown, rows: str, columns: str, pictures: Sequence[str]) -> Entry:
    """What applies to all cells: the model, and what neither rows nor columns say."""
    entry: Entry = {}
    if shown.fit != "crop":
        entry["fit"] = shown.fit
    if shown.precision != "float32":
        entry["precision"] = shown.precision
    kinds = {rows, columns}
    if "models" not in kinds:
        entry |= {k: v for k, v in model_entry(shown.model).items() if (k, v) != ("model", "demo")}
    if "pictures" not in kinds:
        first = next(iter(pictures), shown.image)
        if first:
            entry["image"] = first
    if shown.target and "targets" not in kinds:
        entry["target"] = shown.target
    if not kinds & {"layers", "fusions", "free", "annotators", "blocks"}:
        chosen = usable(shown.layers, pictures or [shown.image])
        mine = next((one for layer, one in chosen if layer.id == shown.selected), chosen[0][1] if chosen else {})
        entry |= {name: value for name, value in mine.items() if name != "label"}
    return entry


def compose(
    shown: Shown, rows: str, columns: str, pictures: Sequence[str], page: Mapping[str, Any] | None = None
) -> FigureSpec:
    """A figure of what the window shows. ``page`` has the values of the page: width, font size, spacing, ..."""
    return from_dict(
        {
            **(page or {}),
            "rows": axis(rows, shown, pictures) or [{}],
            "columns": axis(columns, shown, pictures) or [{}],
            "defaults": defaults(shown, rows, columns, pictures),
            "rows_from": rows,
            "columns_from": columns,
        }
    )


def page_of(spec: FigureSpec) -> Entry:
    """The values of the page, without its contents."""
    return {
        name: value
        for name, value in spec.to_dict().items()
        if name not in ("rows", "columns", "cells", "defaults", "rows_from", "columns_from", "title")
    }


def pictures_of(spec: FigureSpec) -> list[str]:
    """The pictures that a figure shows, each once, in their order."""
    found: list[str] = []
    for row in range(len(spec.rows)):
        for column in range(len(spec.columns)):
            image = spec.cell(row, column).image
            if image and image not in found:
                found.append(image)
    return found


# --- edits --------------------------------------------------------------------------------------------------------


def changed(spec: FigureSpec, scope: str, row: int, column: int, values: Mapping[str, Any]) -> FigureSpec:
    """With other values in a cell, its row, its column or all cells. A value of None removes the entry, so that
    the wider scope applies."""
    from vitinspect.figures.specification import place

    where = place(row, column)
    if scope == "cell":
        cells = {**spec.cells, where: _put(spec.cells.get(where, {}), values)}
        return _checked(replace(spec, cells={key: value for key, value in cells.items() if value}))
    # Other values of single cells in the row or column are removed, since they would hide the change.
    inside = {
        "row": [place(row, c) for c in range(len(spec.columns))],
        "column": [place(r, column) for r in range(len(spec.rows))],
        "all": [place(r, c) for r in range(len(spec.rows)) for c in range(len(spec.columns))],
    }[scope]
    cells = {
        key: {name: value for name, value in one.items() if key not in inside or name not in values}
        for key, one in spec.cells.items()
    }
    rows, columns, common = list(spec.rows), list(spec.columns), dict(spec.defaults)
    if scope == "row":
        rows[row] = _put(rows[row], values)
        # A column overrides a row: where it sets the same value, the cell itself must be changed.
        for c, other in enumerate(columns):
            hidden = {name: value for name, value in values.items() if name in other}
            cells[place(row, c)] = _put(cells.get(place(row, c), {}), hidden)
    elif scope == "column":
        columns[column] = _put(columns[column], values)
    else:
        rows = [_put(one, dict.fromkeys(values)) for one in rows]
        columns = [_put(one, dict.fromkeys(values)) for one in columns]
        common = _put(common, values)
    kept = {key: value for key, value in cells.items() if value}
    return _checked(replace(spec, rows=tuple(rows), columns=tuple(columns), cells=kept, defaults=common))


NEED_PICTURE = ("overlay", "picture", "curves", "agreement", "network")
"""What is shown of a picture."""
_LOOK: Entry = {
    "weights": [],
    "normalisation": "minmax",
    "colours": "auto",
    "opacity": 0.9,
    "by_value": True,
    "patches": False,
    "range": [],
    "threshold": "",
}
"""What belongs to a layer, with the values of a new cell."""


def dropped(spec: FigureSpec, row: int, column: int, values: Mapping[str, Any], image: str) -> FigureSpec:
    """With a layer, a picture or something else in a cell: a picture keeps the map that is there, a layer the picture.

    ``image`` is for a cell that has none.
    """
    from vitinspect.figures.specification import place

    there = spec.cell(row, column)
    changes: Entry = {name: value for name, value in values.items() if name != "label"}
    around = {**spec.defaults, **spec.rows[row], **spec.columns[column]}
    if "method" in changes:
        changes.setdefault("map_file", "" if around.get("map_file") else None)
    if "method" in changes or "map_file" in values:
        for name, plain in _LOOK.items():
            changes.setdefault(name, plain if name in around else None)
    if "image" in changes and there.show == "empty":
        changes["show"] = "picture"
    if not there.image and "image" not in changes and changes.get("show") in NEED_PICTURE and image:
        changes["image"] = image
    changes = {
        name: None
        if name in around and around[name] == value and name not in spec.cells.get(place(row, column), {})
        else value
        for name, value in changes.items()
    }
    return changed(spec, "cell", row, column, changes)


def labelled(spec: FigureSpec, by: str, index: int, text: str) -> FigureSpec:
    """With another label of a row or a column; the empty one is none."""
    if by == "row":
        rows = [{**one, "label": text} if i == index else one for i, one in enumerate(spec.rows)]
        return replace(spec, rows=tuple(rows))
    columns = [{**one, "label": text} if i == index else one for i, one in enumerate(spec.columns)]
    return replace(spec, columns=tuple(columns))


def resized(spec: FigureSpec, by: str, step: int) -> FigureSpec:
    """With one more row or column of free cells, or one less."""
    from vitinspect.figures.specification import place

    entries = spec.rows if by == "row" else spec.columns
    more = (*entries, {"show": "empty"}) if step > 0 else entries[:-1]
    if not more:
        raise ParameterError(f"A figure has at least one {by}.")
    made = replace(spec, rows=more) if by == "row" else replace(spec, columns=more)
    there = {place(r, c) for r in range(len(made.rows)) for c in range(len(made.columns))}
    return _checked(replace(made, cells={key: one for key, one in made.cells.items() if key in there}))


def _put(entry: Mapping[str, Any], values: Mapping[str, Any]) -> Entry:
    merged = {**entry, **values}
    return {name: value for name, value in merged.items() if value is not None}


def _checked(spec: FigureSpec) -> FigureSpec:
    """The same, or a ``ParameterError``."""
    return from_dict(spec.to_dict())


def file_words(path: str) -> str:
    """A picture's name without its ending."""
    return os.path.splitext(os.path.basename(path))[0]
