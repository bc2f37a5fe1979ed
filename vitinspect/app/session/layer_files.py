"""Layers to JSON and back; one that cannot be read is left out. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from vitinspect.app.session.layers import FILE, FUSED, MAP, Layer, Layers, Member, check_all, checked, find
from vitinspect.errors import ParameterError


def to_plain(layer: Layer) -> dict[str, Any]:
    """As JSON keeps it: what differs from a new layer."""
    plain: dict[str, Any] = {"id": layer.id, "kind": layer.kind}
    for each in fields(Layer):
        value = getattr(layer, each.name)
        if each.name == "members":
            value = [[member.layer, member.weight] for member in layer.members]
        elif each.name == "parameters":
            value = dict(layer.parameters)
        if each.name not in plain and value != _DEFAULTS.get(each.name):
            plain[each.name] = value
    return plain


def from_plain(plain: Mapping[str, Any]) -> Layer:
    """The layer that ``to_plain`` wrote; a ``ParameterError`` for an invalid one."""
    if not isinstance(plain, Mapping) or not isinstance(plain.get("id"), str) or not plain["id"]:
        raise ParameterError(f"A layer has an id; {plain!r} has none.")
    known = {each.name: each for each in fields(Layer)}
    values: dict[str, Any] = {}
    for name, value in plain.items():
        if name not in known:
            continue
        expected = _TYPES[name]
        if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
            raise ParameterError(f"{value!r} cannot be the {name} of the layer {plain['id']}.")
        values[name] = value
    try:
        values["members"] = tuple(Member(str(key), float(weight)) for key, weight in values.get("members", ()))
    except (TypeError, ValueError) as error:
        raise ParameterError(f"The members of the layer {plain['id']} cannot be read: {error}.") from None
    return checked(Layer(**values))


def restore(found: Any) -> tuple[Layers, list[str]]:
    """The layers of a saved list, and a sentence for each that could not be used."""
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise ParameterError("The layers must be a list.")
    kept: list[Layer] = []
    problems = []
    for plain in found:
        try:
            layer = plain if isinstance(plain, Layer) else from_plain(plain)
            if find(kept, layer.id) is not None:
                raise ParameterError(f"The layer {layer.id} is listed twice.")
            kept.append(layer)
        except ParameterError as error:
            problems.append(str(error))
    maps = {layer.id for layer in kept if layer.kind in (MAP, FILE)}
    kept = [replace(layer, members=tuple(m for m in layer.members if m.layer in maps)) for layer in kept]
    kept = [layer for layer in kept if layer.kind != FUSED or layer.members]
    return check_all(kept), problems


_DEFAULTS: dict[str, Any] = {
    **{each.name: getattr(Layer("x"), each.name) for each in fields(Layer)},
    "parameters": {},
    "members": [],
}
_TYPES: dict[str, Any] = {
    "parameters": Mapping,
    "members": Sequence,
    **dict.fromkeys(("opacity", "low", "high", "threshold_value"), int | float),
    **dict.fromkeys(("found", "visible", "smooth"), bool),
    **{each.name: str for each in fields(Layer) if isinstance(getattr(Layer("x"), each.name), str)},
}
