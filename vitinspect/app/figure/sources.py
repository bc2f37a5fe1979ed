"""What can be dragged into a cell: layers, pictures, and what is neither. No Qt."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vitinspect.app.figure import entries
from vitinspect.app.figure.entries import Shown
from vitinspect.app.session import layers as layering
from vitinspect.app.session.layers import FUSED
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


def of_layers(shown: Shown) -> list[Source]:
    """The visible layers that a cell can show."""
    found = []
    for layer in shown.layers:
        if not layer.is_map:
            continue
        try:
            entry = entries.layer_entry(shown.layers, layer)
        except ParameterError:
            continue
        title = layering.title_in(shown.layers, layer)
        detail = "" if layer.kind == FUSED else layer.detail
        found.append(Source(LAYER, title, {"show": "overlay", **entry}, layer.colormap, detail or entry["method"]))
    return found


def of_pictures(paths: Sequence[str]) -> list[Source]:
    return [Source(PICTURE, shown_name(entries.file_words(path)), {"image": path}, tip=path) for path in paths]


def others() -> list[Source]:
    """What is no layer and no picture."""
    return [
        Source(OTHER, "The picture alone", {"show": "picture"}, tip="The cell's picture without a map"),
        Source(OTHER, "Nothing", {"show": "empty"}, tip="An empty cell"),
    ]


def packed(source: Source) -> bytes:
    return json.dumps({"kind": source.kind, "title": source.title, "values": dict(source.values)}).encode()


def unpacked(data: bytes) -> Source | None:
    """What ``packed`` gave; None for anything else."""
    try:
        found = json.loads(data)
        return Source(str(found["kind"]), str(found["title"]), dict(found["values"]))
    except (ValueError, KeyError, TypeError):
        return None
