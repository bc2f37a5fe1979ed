"""A layer, a model and a target as the specification of a figure describes them. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.session.layers import FUSED, MAP, Layer, Layers, Member, find, title_in
from vitinspect.errors import ParameterError


def model_entry(line: str) -> dict[str, Any]:
    """The model of a line; a ``ParameterError`` for one that a specification cannot describe."""
    asked = ModelSource.parse(line)
    if asked.random or asked.image_size:
        raise ParameterError("A recipe cannot describe untrained weights or a chosen input size.")
    source = asked.source
    if asked.head:
        source += f" with the head {asked.head}" + (f" ({asked.head_name})" if asked.head_name else "")
    return {"model": source, **({"arch": asked.arch} if asked.arch else {})}


def target_words(target: Sequence[int], labels: Sequence[str]) -> str:
    """A target as the command line takes it; empty for the predicted class."""
    return " - ".join(_class_words(index, labels) for index in target)


def _class_words(index: int, labels: Sequence[str]) -> str:
    label = labels[index] if index < len(labels) else ""
    plain = label and " - " not in label and not label.isdecimal() and labels.count(label) == 1
    return label if plain and label == label.strip() else str(index)


def layer_entry(layers: Layers, layer: Layer) -> dict[str, Any]:
    """What a cell shows of a layer; a ``ParameterError`` for a layer that no method gives."""
    entry = {"method": method_words(layers, layer), **look_entry(layer)}
    if layer.kind == FUSED:
        entry["weights"] = [member.weight for member in members_of(layer)]
        entry["normalisation"] = layer.normalisation
    return entry


def look_entry(layer: Layer) -> dict[str, Any]:
    """How a layer's map looks in a cell, whatever gives its values."""
    entry: dict[str, Any] = {
        "colours": layer.colormap,
        "opacity": layer.opacity,
        "by_value": layer.opacity_mode == "growing",
        "patches": not layer.smooth,
    }
    if layer.range_mode == "typed" and layer.low < layer.high:
        entry["range"] = [layer.low, layer.high]
    if layer.shown_as:
        entry["threshold"] = threshold_words(layer)
    return entry


def threshold_words(layer: Layer) -> str:
    """``otsu``, ``percentile=80``."""
    from vitinspect.thresholds import OPTION_OF

    mode = layer.threshold_mode
    number = repr(layer.threshold_value).removesuffix(".0")
    return f"{mode}={number}" if mode in OPTION_OF else mode


def method_words(layers: Layers, layer: Layer) -> str:
    """``lrp(start_layer=1) + rollout [geometric]``."""
    if layer.kind == MAP:
        return layer.as_method().key
    keys = [one.as_method().key for one in fused_maps(layers, layer)]
    return f"{' + '.join(keys)} [{layer.fusion_mode}]"


def members_of(layer: Layer) -> list[Member]:
    """Of a fused map, those that take part."""
    return [member for member in layer.members if member.weight > 0]


def fused_maps(layers: Layers, layer: Layer) -> list[Layer]:
    found = [find(layers, member.layer) for member in members_of(layer)] if layer.kind == FUSED else []
    maps = [one for one in found if one is not None and one.kind == MAP]
    if len(maps) < 2 or len(maps) != len(found):
        raise ParameterError(f"{title_in(layers, layer)} is not made by methods alone, and cannot be computed again.")
    return maps
