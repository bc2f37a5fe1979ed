"""Placeholders for visible maps that are missing: awaited, cancelled or refused. Their panes keep their places."""

from __future__ import annotations

from dataclasses import dataclass

from vitinspect.app.session.layers import FUSED, MAP, Layer, find, title_in
from vitinspect.app.session.results import FAILED, Results
from vitinspect.app.session.state import State
from vitinspect.explainers.parameters import format_value
from vitinspect.explainers.registry import methods


@dataclass(frozen=True)
class Missing:
    """The placeholder in the pane of a layer that has no map."""

    id: str
    title: str
    short: str
    detail: str = ""
    signed: bool = False
    reason: str = ""
    """Why there is none; empty while it is awaited."""
    refused: bool = False
    progress: float | None = None
    """The share that is done; None while it waits."""


def missing_maps(state: State, results: Results) -> dict[str, Missing]:
    """Layer id -> the placeholder for its map, in the order of the layers."""
    if results.picture is None:
        return {}
    present = results.all_maps
    return {
        layer.id: _missing(state, results, layer)
        for layer in state.layers
        if layer.is_map and layer.visible and layer.id not in present
    }


def _missing(state: State, results: Results, layer: Layer) -> Missing:
    title = title_in(state.layers, layer)
    reason, refused = _reason(state, results, layer)
    info = methods()[layer.method] if layer.kind == MAP and layer.method in methods() else None
    return Missing(
        layer.id,
        title,
        (info.short or title) if info is not None and title == info.title else title,
        ", ".join(f"{name} {format_value(value)}" for name, value in layer.parameters.items()),
        bool(info is not None and info.signed),
        reason,
        refused,
        _progress(results, layer) if not reason else None,
    )


def _reason(state: State, results: Results, layer: Layer) -> tuple[str, bool]:
    refusals = {**results.refusals, **results.file_refusals}
    if layer.id in refusals:
        return refusals[layer.id], True
    if layer.kind == FUSED:
        members = [m for m in layer.members if m.weight > 0 and find(state.layers, m.layer) is not None]
        for member in members:
            other = find(state.layers, member.layer)
            if other is not None and member.layer in refusals:
                return f"{title_in(state.layers, other)}: {refusals[member.layer]}", True
        if len(members) < 2:
            return "A fused map needs two members with a weight: choose them in its properties", False
        there = {**results.maps, **results.file_maps}
        if len({there[member.layer].placed for member in members if member.layer in there}) > 1:
            return "Its members lie on different parts of the picture: a map in tiles is fused with maps in tiles", True
        if any(member.layer in results.stopped for member in members):
            return "Cancelled: Ctrl+R computes it", False
    if results.model_state == FAILED:
        return "The model could not be loaded: choose another one above", True
    if layer.id in results.stopped:
        return "Cancelled: Ctrl+R computes it", False
    return "", False


def _progress(results: Results, layer: Layer) -> float | None:
    progress = results.progress
    if progress is None or not progress.total or layer.id not in results.pending:
        return None
    own = len(results.pending) == 1 or layer.title in progress.text
    return progress.done / progress.total if own else None
