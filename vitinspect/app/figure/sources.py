"""What can be dragged into a cell: layers, pictures, and others. No Qt."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vitinspect.app.figure import entries
from vitinspect.app.figure.entries import Shown
from vitinspect.app.session import layers as layering
from vitinspect.app.session.layers import FILE, FUSED
from vitinspect.errors import ParameterError
from vitinspect.names import shown as shown_name

MIME = "application/x-vitinspect-cell"
LAYER, PICTURE, OTHER = "layer", "picture", "cell"


@dataclass(frozen=True)
class Source:
    """One line of the list: what a cell becomes when it is dropped there."""

    kind: str
    title: str
    values: Mapping[str, Any]
    swatch: str = ""
    """The colour map of a layer."""
    tip: str = ""
    icon: str = "picture"
    """Of what has neither a colour map nor a picture."""


@dataclass(frozen=True)
class Group:
    """Lines of the list under a heading."""

    title: str
    sources: tuple[Source, ...]


def groups(shown: Shown, mine: Sequence[str], folder: Sequence[str]) -> tuple[Group, ...]:
    """The whole list: the pictures of the figure are near the layers, those of the folder at the end."""
    found = (
        Group("Layers", tuple(of_layers(shown))),
        Group("Pictures of the figure", tuple(of_pictures(mine))),
        Group("Plots and others", tuple(others(shown))),
        Group("Pictures of the folder", tuple(of_pictures(folder))),
    )
    return tuple(one for one in found if one.sources)


def of_layers(shown: Shown) -> list[Source]:
    """The visible layers that a cell can show."""
    from vitinspect.map_files import PICTURE as OF_EACH

    found = []
    for layer in shown.layers:
        if not layer.is_map:
            continue
        try:
            entry = entries.layer_entry(shown.layers, layer)
        except ParameterError:
            continue
        title = layering.title_in(shown.layers, layer)
        if layer.kind == FILE:
            own = {"image": layer.image} if layer.image and OF_EACH not in layer.path else {}
            found.append(Source(LAYER, title, {"show": "overlay", **own, **entry}, layer.colormap, layer.path))
            continue
        detail = "" if layer.kind == FUSED else layer.detail
        found.append(Source(LAYER, title, {"show": "overlay", **entry}, layer.colormap, detail or entry["method"]))
    return found


def of_pictures(paths: Sequence[str]) -> list[Source]:
    return [Source(PICTURE, shown_name(entries.file_words(path)), {"image": path}, tip=path) for path in paths]


NEEDS_FILE = {"table": "Tables (*.csv)", "ceiling": "Human ceiling (maps.json *.json)"}
"""Sources that need a file, which is asked for when they are dropped, and its kinds."""


def others(shown: Shown) -> list[Source]:
    """Sources that are neither layers nor pictures."""
    keys = []
    for layer in shown.layers:
        if layer.visible and layer.is_map:
            try:
                entry = entries.layer_entry(shown.layers, layer)
                keys += [str(entry["method"])] if "method" in entry else []
            except ParameterError:
                continue
    every = ", ".join(dict.fromkeys(keys))
    plots = []
    if every:
        tip = "Of the visible layers"
        plots = [
            Source(
                OTHER,
                "Insertion curves",
                {"show": "curves", "method": every, "curve": "insertion"},
                tip=tip,
                icon="curves",
            ),
            Source(
                OTHER,
                "Deletion curves",
                {"show": "curves", "method": every, "curve": "deletion"},
                tip=tip,
                icon="curves",
            ),
        ]
        if len(set(keys)) > 1:
            plots.append(
                Source(OTHER, "Agreement of the layers", {"show": "agreement", "method": every}, tip=tip, icon="matrix")
            )
    return [
        Source(
            OTHER,
            "Network of a block",
            {"show": "network", "block": 1},
            tip="The strongest arcs of attention",
            icon="network",
        ),
        *plots,
        Source(OTHER, "Text", {"show": "text", "text": "Text"}, tip="Words in a cell", icon="text"),
        Source(OTHER, "Table…", {"show": "table"}, tip="From a CSV file, such as saved scores", icon="table"),
        Source(
            OTHER,
            "Human ceiling…",
            {"show": "ceiling"},
            tip="From the maps.json of vitinspect agree --maps",
            icon="people",
        ),
        Source(OTHER, "The picture alone", {"show": "picture"}, tip="The cell's picture without a map"),
        Source(OTHER, "Nothing", {"show": "empty"}, tip="An empty cell", icon="empty"),
    ]


def packed(source: Source) -> bytes:
    return json.dumps({"kind": source.kind, "title": source.title, "values": dict(source.values)}).encode()


def unpacked(data: bytes) -> Source | None:
    """The source from the bytes of ``packed``; None for other bytes."""
    try:
        found = json.loads(data)
        return Source(str(found["kind"]), str(found["title"]), dict(found["values"]))
    except (ValueError, KeyError, TypeError):
        return None
