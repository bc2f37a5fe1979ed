"""Values that repeat for all layers what each layer says about itself, kept in step with the list of layers. No Qt.

``methods``, ``fusion``, ``active`` and ``second`` name what is in the list. ``parameters``, ``weights``, ``colormap``
and the like are what a new layer begins with; setting one of them sets it in every layer that has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from vitinspect.app.session.layers import FUSED, MAP, Layer, Layers, Member, find, map_layer, marked, own_parameters

if TYPE_CHECKING:
    from vitinspect.app.session.state import Values

NAMED = ("methods", "fusion", "active", "second")
"""What follows from the list alone, and is not saved beside it."""
LOOKS = {
    "colormap": "colormap",
    "opacity": "opacity",
    "grows": "opacity_mode",
    "smooth": "smooth",
    "threshold_mode": "threshold_mode",
    "threshold_value": "threshold_value",
}
"""Name of the value to the name in a layer."""
_FUSION = {"fusion_mode": "fusion_mode", "fusion_normalise": "normalisation"}
_FROM_VALUES = frozenset({*NAMED, *LOOKS, *_FUSION, "parameters", "weights", "outline"})


def in_step(old: Values, new: Values) -> Values:
    """The new values, in which the list of layers and the values that repeat it agree."""
    changed = {each.name for each in fields(new) if getattr(old, each.name) != getattr(new, each.name)}
    if "layers" not in changed and changed & _FROM_VALUES:
        new = replace(new, layers=_layers_of(new, changed))
        if "active" in changed:
            new = replace(new, selected=new.active)
        changed.add("layers")
    if changed & {"layers", "selected"}:
        new = replace(new, **_values_of(new))
    return new


def tabs_in_step(old: Values, changes: dict[str, Any]) -> dict[str, Any]:
    """The changes, with what they mean for the tabs below the view: each workspace keeps its own open or collapsed."""
    if not changes.keys() & {"workspace", "plots"} or "open_tabs" in changes:
        return changes
    now = {*old.open_tabs} - {old.workspace} | ({old.workspace} if old.plots else set())
    workspace = changes.get("workspace", old.workspace)
    plots = changes.get("plots", workspace in now)
    if isinstance(workspace, str) and isinstance(plots, bool):
        now = now - {workspace} | ({workspace} if plots else set())
    return {**changes, "plots": plots, "open_tabs": tuple(sorted(now))}


def look_of(values: Values) -> dict[str, Any]:
    """How a new layer looks."""
    look = {own: getattr(values, name) for name, own in LOOKS.items()}
    return {**look, "shown_as": "outline" if values.outline else ""}


# --- the list from the values ------------------------------------------------------------------------------------


def _layers_of(values: Values, changed: set[str]) -> Layers:
    layers = values.layers
    if "methods" in changed:
        layers = _with_methods(values, layers)
    if "parameters" in changed:
        layers = _first_maps(layers, lambda one: replace(one, parameters=_given(values.parameters, one.method)))
    if "fusion" in changed:
        layers = _with_fusion(values, layers)
    if changed & {*_FUSION, "weights"}:
        layers = _with_fusion_values(values, layers)
    looks = {own: getattr(values, name) for name, own in LOOKS.items() if name in changed}
    if "outline" in changed:
        looks["shown_as"] = "outline" if values.outline else ""
    if looks:
        layers = tuple(replace(layer, **looks) for layer in layers)
    if "second" in changed:
        layers = tuple(
            replace(one, mark="B" if one.id == values.second else "" if one.mark == "B" else one.mark) for one in layers
        )
    return layers


def _given(parameters: Mapping[str, Mapping[str, Any]], method: str) -> dict[str, Any]:
    return own_parameters(method, parameters.get(method, {}))


def _first_maps(layers: Layers, make: Any) -> Layers:
    """With the first map of each method rebuilt by ``make``."""
    seen: set[str] = set()
    made = []
    for layer in layers:
        first = layer.kind == MAP and layer.method not in seen
        seen.add(layer.method)
        made.append(make(layer) if first else layer)
    return tuple(made)


def _with_methods(values: Values, layers: Layers) -> Layers:
    wanted = list(values.methods)
    maps = [layer for layer in layers if layer.kind == MAP and layer.method in wanted]
    others = [layer for layer in layers if layer.kind != MAP]
    fused = next((layer for layer in others if layer.kind == FUSED), None)
    members = list(fused.members) if fused is not None else []
    have = {layer.method for layer in maps}
    for method in wanted:
        if method not in have:
            new = map_layer((*maps, *others), method, values.parameters.get(method, {}), **look_of(values))
            maps.append(new)
            members.append(Member(new.id, values.weights.get(method, 1.0)))
    maps.sort(key=lambda layer: wanted.index(layer.method))
    ids = {layer.id for layer in maps} | {layer.id for layer in others}
    if fused is not None:
        others = [replace(one, members=tuple(members)) if one is fused else one for one in others]
    others = [replace(one, members=tuple(m for m in one.members if m.layer in ids)) for one in others]
    return (*maps, *others)


def _with_fusion(values: Values, layers: Layers) -> Layers:
    if not values.fusion:
        return tuple(layer for layer in layers if layer.kind != FUSED)
    if any(layer.kind == FUSED for layer in layers):
        return layers
    members = tuple(Member(m.id, values.weights.get(m.method, 1.0)) for m in layers if m.kind == MAP)
    look = look_of(values)
    fused = Layer(FUSED, FUSED, members=members, **{own: getattr(values, n) for n, own in _FUSION.items()}, **look)
    place = max((i for i, layer in enumerate(layers, 1) if layer.is_map), default=0)
    return (*layers[:place], fused, *layers[place:])


def _with_fusion_values(values: Values, layers: Layers) -> Layers:
    fused = next((layer for layer in layers if layer.kind == FUSED), None)
    if fused is None:
        return layers
    members = []
    for member in fused.members:
        layer = find(layers, member.layer)
        weight = values.weights.get(layer.method, 1.0) if layer is not None else member.weight
        members.append(replace(member, weight=weight))
    made = replace(fused, members=tuple(members), **{own: getattr(values, n) for n, own in _FUSION.items()})
    return tuple(made if layer is fused else layer for layer in layers)


# --- the values from the list ------------------------------------------------------------------------------------


def _values_of(values: Values) -> dict[str, Any]:
    layers = values.layers
    maps = [layer for layer in layers if layer.kind == MAP]
    fused = next((layer for layer in layers if layer.kind == FUSED), None)
    selected = find(layers, values.selected)
    shown = selected if selected is not None and selected.is_map else next((m for m in layers if m.is_map), None)
    second = marked(layers, "B")
    parameters = dict(values.parameters)
    for layer in reversed(maps):
        parameters.pop(layer.method, None)
        if layer.parameters:
            parameters[layer.method] = dict(layer.parameters)
    found: dict[str, Any] = {
        "methods": tuple(dict.fromkeys(layer.method for layer in maps)),
        "parameters": parameters,
        "fusion": fused is not None,
        "active": values.selected if selected is not None else "",
        "selected": values.selected if selected is not None else "",
        "second": second.id if second is not None else "",
    }
    if shown is not None:
        found |= {name: getattr(shown, own) for name, own in LOOKS.items()}
        found["outline"] = shown.shown_as == "outline"
    if fused is not None:
        found |= {name: getattr(fused, own) for name, own in _FUSION.items()}
        weights = dict(values.weights)
        for member in fused.members:
            owner = find(layers, member.layer)
            if owner is not None and owner.method:
                weights.pop(owner.method, None)
                if member.weight != 1.0:
                    weights[owner.method] = member.weight
        found["weights"] = weights
    return found
