"""Layers: what lies over the picture, as plain records, and what can be done with a list of them. No Qt, no numpy.

Everything that shows, scores, exports or compares takes layers. A layer says what it is (``kind`` and what belongs to
it) and how it looks; what was computed for it is found in the results under its ``id``. A layer's number is its place
in the list, counted from 1.

Each operation takes a list and gives a new one, so that undo is going back to the list before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vitinspect.errors import ParameterError
from vitinspect.explainers.registry import Method, make_method, methods

MAP, FUSED, FILE = "map", "fused", "file"
TRUTH, ANNOTATOR, CONSENSUS, DRAWN = "truth", "annotator", "consensus", "drawn"
KINDS = (MAP, FUSED, FILE, TRUTH, ANNOTATOR, CONSENSUS, DRAWN)
MAP_KINDS = (MAP, FUSED, FILE)
"""Layers with a value at each place; the others are masks."""

# The same as in vitinspect.thresholds, vitinspect.fusion and vitinspect.maps, which would import numpy.
THRESHOLDS = ("otsu", "fixed", "percentile", "top_fraction", "mean", "mean_std")
FUSIONS = ("geometric", "product", "sqrt", "arithmetic", "harmonic", "min", "max", "rank")
NORMALISATIONS = ("none", "minmax", "percentile", "rank")
OPACITY_MODES = ("growing", "uniform")
RANGE_MODES = ("automatic", "typed", "layers", "pictures")
SHOWN_AS = ("", "outline", "shade", "mask")
MARKS = ("", "A", "B")
MASK_COLOURS = ("#35d0ba", "#e8d44d", "#6fb0fa", "#ff8a70", "#c79bf2", "#9be564")
_CHOICES: dict[str, Sequence[str]] = {
    "kind": KINDS,
    "fusion_mode": FUSIONS,
    "normalisation": NORMALISATIONS,
    "opacity_mode": OPACITY_MODES,
    "range_mode": RANGE_MODES,
    "threshold_mode": THRESHOLDS,
    "shown_as": SHOWN_AS,
    "mark": MARKS,
}


@dataclass(frozen=True)
class Member:
    """A layer that enters a fused map, with its weight from 0 to 1; one of weight 0 does not take part."""

    layer: str
    weight: float = 1.0


@dataclass(frozen=True)
class Layer:
    """One layer: what it is, and how it looks."""

    id: str
    """Its name in the results; it stays while the layer exists, whatever it is called."""
    kind: str = MAP

    # what it is
    method: str = ""
    """Of a map: the id of the method."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Of a map: what differs from the defaults that the method declares."""
    members: tuple[Member, ...] = ()
    """Of a fused map."""
    fusion_mode: str = "geometric"
    normalisation: str = "minmax"
    path: str = ""
    """Of a map from a file; ``{picture}`` in it stands for the base name of each picture that has a map of its own."""
    image: str = ""
    """Of a map from a file: the path of the picture that it is a map of, where it is one picture's."""
    group: str = ""
    """Of a mask: whose it is, the folder that it lies in, or how a consensus is made."""
    label: str = ""
    """Of a mask: the class that it shows, where that is known."""
    found: bool = False
    """Of a mask: whether it was found beside the picture, and not added by the person."""

    # how it looks
    name: str = ""
    """What the person calls it; empty for its own title."""
    visible: bool = True
    colormap: str = "auto"
    colour: str = ""
    """Of a mask; empty for the one that follows from its place among the masks."""
    opacity: float = 0.9
    opacity_mode: str = "growing"
    """``growing`` with the value, or ``uniform``."""
    smooth: bool = True
    range_mode: str = "automatic"
    low: float = 0.0
    high: float = 1.0
    """The raw values at the ends of the colour bar, where ``range_mode`` is ``typed``."""
    threshold_mode: str = "otsu"
    threshold_value: float = 0.5
    shown_as: str = ""
    """How the threshold is shown: outline, shade (outside), mask, or not at all."""
    mark: str = ""
    """A and B for swipe and compare; at most one layer has each."""

    @property
    def is_map(self) -> bool:
        return self.kind in MAP_KINDS

    @property
    def weights(self) -> dict[str, float]:
        """Of a fused map: the id of each member and its weight."""
        return {member.layer: member.weight for member in self.members}

    def as_method(self) -> Method:
        """The method with its parameters."""
        return make_method(self.method, self.parameters)

    @property
    def title(self) -> str:
        """Its own name, or what it is."""
        if self.name:
            return self.name
        if self.kind == MAP:
            return methods()[self.method].title
        if self.kind == FILE:
            parts = self.path.replace("\\", "/").split("/")
            return "/".join(parts[-2:]).replace("{picture}", "…") if "{picture}" in parts[-1] else parts[-1]
        if self.kind in (TRUTH, ANNOTATOR, CONSENSUS):
            whose = {TRUTH: "Truth", ANNOTATOR: self.group or "Mask", CONSENSUS: "Consensus"}[self.kind]
            return f"{whose}: {self.label}" if self.label else whose
        words = {FUSED: "Fused", DRAWN: "Drawn mask"}
        return f"{words[self.kind]} ({self.group})" if self.group else words[self.kind]

    @property
    def detail(self) -> str:
        """What differs from the defaults, in a few words, for the list."""
        if self.kind == MAP:
            return ", ".join(f"{name} {value}" for name, value in self.parameters.items())
        if self.kind == FUSED:
            return f"{len(self.members)} layers, {self.fusion_mode}"
        return ""


Layers = tuple[Layer, ...]


# --- finding -----------------------------------------------------------------------------------------------------


def find(layers: Iterable[Layer], layer_id: str) -> Layer | None:
    return next((layer for layer in layers if layer.id == layer_id), None)


def number(layers: Sequence[Layer], layer_id: str) -> int:
    """The place in the list from 1; 0 for one that is not in it."""
    return next((i for i, layer in enumerate(layers, 1) if layer.id == layer_id), 0)


def title_in(layers: Iterable[Layer], layer: Layer) -> str:
    """What a layer is called among the others: a fused one without a name by its members, as "LRP × Rollout"."""
    if layer.kind != FUSED or layer.name:
        return layer.title
    every = list(layers)
    members = [find(every, member.layer) for member in layer.members if member.weight > 0]
    names = [_short_title(member) for member in members if member is not None]
    if not names:
        return layer.title
    return " × ".join(names) if len(names) <= 3 else f"{len(names)} maps"


def _short_title(layer: Layer) -> str:
    if layer.kind == MAP and not layer.name:
        info = methods()[layer.method]
        return info.short or info.title
    return layer.title


def marked(layers: Iterable[Layer], mark: str) -> Layer | None:
    """The layer with the mark A or B."""
    return next((layer for layer in layers if layer.mark == mark), None)


def needed(layers: Layers, kind: str) -> Layers:
    """The layers of a kind whose values are needed: those that are shown, and members of shown fused maps."""
    ids = {layer.id for layer in layers if layer.visible}
    for layer in layers:
        if layer.kind == FUSED and layer.id in ids:
            ids |= {member.layer for member in layer.members if member.weight > 0}
    return tuple(layer for layer in layers if layer.kind == kind and layer.id in ids)


def computed(layers: Layers) -> Layers:
    """The maps of methods that are needed."""
    return needed(layers, MAP)


def free_id(layers: Iterable[Layer], wanted: str) -> str:
    """``wanted``, with a number behind it where a layer has that id."""
    taken = {layer.id for layer in layers}
    if wanted not in taken:
        return wanted
    return next(f"{wanted} {i}" for i in range(2, len(taken) + 3) if f"{wanted} {i}" not in taken)


# --- making ------------------------------------------------------------------------------------------------------


def map_layer(layers: Iterable[Layer], method: str, parameters: Mapping[str, Any] | None = None, **look: Any) -> Layer:
    """A new layer for a method's map; the same method may be in the list already."""
    return Layer(free_id(layers, method), MAP, method, own_parameters(method, parameters or {}), **look)


def file_layer(layers: Iterable[Layer], path: str, image: str = "", **look: Any) -> Layer:
    """A new layer for a map from a file: that of one picture, or by a path with ``{picture}`` one of each."""
    return Layer(free_id(layers, FILE), FILE, path=path, image=image, **look)


def fused_layer(layers: Iterable[Layer], members: Iterable[str | Member], **look: Any) -> Layer:
    """A new layer that fuses others."""
    all_members = tuple(member if isinstance(member, Member) else Member(member) for member in members)
    return Layer(free_id(layers, FUSED), FUSED, members=all_members, **look)


def consensus_layer(layers: Iterable[Layer], how: str) -> Layer:
    """A new layer for what several annotators have in common: by majority, STAPLE, union or intersection."""
    return Layer(free_id(layers, CONSENSUS), CONSENSUS, group=how, shown_as="outline")


def mask_colour(layers: Iterable[Layer], layer: Layer) -> str:
    """A mask's own colour, else the one that follows from its place among the masks."""
    masks = [one.id for one in layers if one.kind in (ANNOTATOR, CONSENSUS, DRAWN)]
    place = masks.index(layer.id) if layer.id in masks else 0
    return layer.colour or MASK_COLOURS[place % len(MASK_COLOURS)]


def own_parameters(method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those that differ from the defaults, checked, in the order in which the method declares them."""
    declared = {parameter.name: parameter for parameter in methods()[method].parameters}
    for name in given:
        if name not in declared:
            raise ParameterError(f"{method} has no parameter {name!r}; it has {', '.join(declared) or 'none'}.")
    checked = {name: p.validate(given[name], method) for name, p in declared.items() if name in given}
    return {name: value for name, value in checked.items() if value != declared[name].default}


# --- operations --------------------------------------------------------------------------------------------------


def add(layers: Layers, *new: Layer, at: int | None = None) -> Layers:
    """With new layers at the end, or before the place ``at`` (from 0)."""
    taken = {layer.id for layer in layers}
    for layer in new:
        if layer.id in taken:
            raise ParameterError(f"There is a layer {layer.id!r} already.")
        taken.add(layer.id)
    place = len(layers) if at is None else at
    return _marks_once((*layers[:place], *new, *layers[place:]), new)


def remove(layers: Layers, *ids: str) -> Layers:
    """Without some layers. Fused maps lose them as members; a fused map without members is removed too."""
    left = []
    for layer in layers:
        if layer.id in ids:
            continue
        if layer.kind == FUSED and any(member.layer in ids for member in layer.members):
            layer = replace(layer, members=tuple(m for m in layer.members if m.layer not in ids))
            if not layer.members:
                continue
        left.append(layer)
    return tuple(left)


def duplicate(layers: Layers, layer_id: str) -> tuple[Layers, str]:
    """With a copy below the layer; and the id of the copy. The copy has no mark."""
    original = _need(layers, layer_id)
    if original.found:
        raise ParameterError(f"{original.title} was found beside the picture, and can be in the list only once.")
    copy = replace(original, id=free_id(layers, original.method or original.kind), mark="", found=False)
    place = number(layers, layer_id)
    return (*layers[:place], copy, *layers[place:]), copy.id


def change(layers: Layers, layer_id: str, **changes: Any) -> Layers:
    """With other values in one layer. A mark is taken from the layer that had it."""
    layer = checked(replace(_need(layers, layer_id), **changes))
    changed = tuple(layer if other.id == layer_id else other for other in layers)
    return _marks_once(changed, (layer,)) if changes.get("mark") else changed


def rename(layers: Layers, layer_id: str, name: str) -> Layers:
    """Another name; the empty one is the layer's own title."""
    return change(layers, layer_id, name=name.strip())


def set_parameter(layers: Layers, layer_id: str, name: str, value: Any) -> Layers:
    """One parameter of a map's method; one at its default is not kept."""
    layer = _need(layers, layer_id)
    return change(layers, layer_id, parameters=own_parameters(layer.method, {**layer.parameters, name: value}))


def set_weight(layers: Layers, fused_id: str, member: str, weight: float) -> Layers:
    """The weight of one member of a fused map; a layer that is not a member becomes one."""
    fused = _need(layers, fused_id)
    if member == fused_id or _need(layers, member).kind not in (MAP, FILE):
        raise ParameterError(f"{member} cannot be fused: only maps of methods and from files can.")
    if not 0.0 <= weight <= 1.0:
        raise ParameterError(f"A weight is between 0 and 1; {weight} is not.")
    known = fused.weights
    known[member] = float(weight)
    return change(layers, fused_id, members=tuple(Member(key, value) for key, value in known.items()))


def drop_member(layers: Layers, fused_id: str, member: str) -> Layers:
    """A fused map without one of its members."""
    fused = _need(layers, fused_id)
    return change(layers, fused_id, members=tuple(m for m in fused.members if m.layer != member))


def reorder(layers: Layers, ids: Sequence[str]) -> Layers:
    """In this order; all ids, each once."""
    by_id = {layer.id: layer for layer in layers}
    if sorted(ids) != sorted(by_id):
        raise ParameterError(f"The order needs each of {', '.join(by_id)} once; it is {', '.join(ids)}.")
    return tuple(by_id[layer_id] for layer_id in ids)


def move(layers: Layers, layer_id: str, to: int) -> Layers:
    """To the place ``to``, counted from 0."""
    rest = [layer.id for layer in layers if layer.id != layer_id]
    _need(layers, layer_id)
    rest.insert(max(0, min(to, len(rest))), layer_id)
    return reorder(layers, rest)


def solo(layers: Layers, layer_id: str) -> Layers:
    """This layer alone is visible; where it was alone already, all are."""
    _need(layers, layer_id)
    alone = [layer.id for layer in layers if layer.visible] == [layer_id]
    return tuple(replace(layer, visible=alone or layer.id == layer_id) for layer in layers)


def next_visible(layers: Sequence[Layer], selected: str, step: int = 1) -> str:
    """The id of the next visible map after the selected one, the first after the last; the same if it is alone."""
    shown = [layer.id for layer in layers if layer.visible and layer.is_map]
    if not shown:
        return selected
    if selected not in shown:
        return shown[0]
    return shown[(shown.index(selected) + step) % len(shown)]


def _need(layers: Iterable[Layer], layer_id: str) -> Layer:
    found = find(layers, layer_id)
    if found is None:
        raise ParameterError(f"There is no layer {layer_id!r}.")
    return found


def _marks_once(layers: Layers, owners: Iterable[Layer]) -> Layers:
    taken = {owner.mark: owner.id for owner in owners if owner.mark}
    return tuple(
        replace(layer, mark="") if layer.mark and taken.get(layer.mark, layer.id) != layer.id else layer
        for layer in layers
    )


# --- checked ----------------------------------------------------------------------------------------------------


def checked(layer: Layer) -> Layer:
    """The layer with its values in their ranges, or a ``ParameterError`` that names the value."""
    for name, choices in _CHOICES.items():
        value = getattr(layer, name)
        if value not in choices:
            raise ParameterError(f"The {name} of a layer is one of {', '.join(choices)}; {value!r} is not.")
    numbers: dict[str, Any] = {}
    for name in ("opacity", "low", "high", "threshold_value"):
        value = getattr(layer, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise ParameterError(f"The {name} of a layer is a number; {value!r} is not.")
        numbers[name] = float(value)
    numbers["opacity"] = min(1.0, max(0.0, numbers["opacity"]))
    parameters = dict(layer.parameters)
    if layer.kind == MAP:
        if layer.method not in methods():
            raise ParameterError(f"There is no method {layer.method!r}.")
        parameters = own_parameters(layer.method, parameters)
    if layer.kind == FILE and not layer.path:
        raise ParameterError("A map from a file has the path of the file.")
    if any(not 0.0 <= member.weight <= 1.0 for member in layer.members):
        raise ParameterError("The weights of a fused map are between 0 and 1.")
    same = all(type(getattr(layer, name)) is float and getattr(layer, name) == value for name, value in numbers.items())
    # The very same object where nothing differs, so that comparing layers is quick.
    return layer if same and parameters == layer.parameters else replace(layer, parameters=parameters, **numbers)


def check_all(layers: Iterable[Layer]) -> Layers:
    """Each layer checked, no id twice, members that exist, each mark once."""
    found = tuple(checked(layer) for layer in layers)
    ids = [layer.id for layer in found]
    if len(set(ids)) != len(ids):
        raise ParameterError("Two layers have the same id.")
    maps = {layer.id for layer in found if layer.kind in (MAP, FILE)}
    for layer in found:
        strangers = [member.layer for member in layer.members if member.layer not in maps]
        if strangers:
            raise ParameterError(f"The layer {layer.id} fuses {strangers[0]}, which is not a map in the list.")
    return _marks_once(found, [m for mark in ("A", "B") if (m := marked(found, mark)) is not None])
