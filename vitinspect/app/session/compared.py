"""Which layer is compared in each slot, from the list and its marks. No Qt."""

from __future__ import annotations

from dataclasses import replace

from vitinspect.app.session.layers import FUSED, MAP, Layer, Layers, find, marked


def layer_of_a(layers: Layers, selected: str) -> Layer | None:
    """The visible map that is marked A, else the selected one, else the first."""
    maps = [layer for layer in layers if layer.is_map and layer.visible]
    wanted = [layer for layer in (marked(maps, "A"), find(maps, selected)) if layer is not None]
    return next(iter((*wanted, *maps)), None)


def layer_of_b(layers: Layers, selected: str) -> Layer | None:
    """The map that is marked B, else the same as in A: one method with one set of parameters for both models."""
    own = marked([layer for layer in layers if layer.is_map], "B")
    return own or layer_of_a(layers, selected)


def methods_of(layers: Layers, layer: Layer | None) -> tuple[tuple[Layer, float], ...]:
    """The layers of methods that a map is made of, with their weights; nothing where it is made of anything else."""
    if layer is None or layer.kind not in (MAP, FUSED):
        return ()
    if layer.kind == MAP:
        return ((layer, 1.0),)
    members = [(find(layers, member.layer), member.weight) for member in layer.members if member.weight > 0]
    found = tuple((one, weight) for one, weight in members if one is not None and one.kind == MAP)
    return found if len(found) == len(members) > 1 else ()


def layers_of_b(layers: Layers, selected: str) -> Layers:
    """What slot B computes: the layer that is compared, and the members of a fused one."""
    shown = layer_of_b(layers, selected)
    if shown is None:
        return ()
    members = shown.weights if shown.kind == FUSED else {}
    # Numbers and members are found by the place in the list, so that the order stays.
    return tuple(
        replace(layer, visible=layer.id == shown.id) for layer in layers if layer.id == shown.id or layer.id in members
    )


def exchanged(layers: Layers, selected: str) -> Layers:
    """What is compared in B is compared in A, and the other way round; the same where it is one layer for both."""
    first, second = layer_of_a(layers, selected), layer_of_b(layers, selected)
    if first is None or second is None or first.id == second.id:
        return layers
    marks = {first.id: "B", second.id: "A"}
    return tuple(
        replace(layer, mark=marks.get(layer.id, ""), visible=layer.visible or layer.id == second.id) for layer in layers
    )
