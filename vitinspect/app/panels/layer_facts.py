"""What is known about a layer, from the state and the results, as the list, the properties and the tables show it."""

from __future__ import annotations

from collections.abc import Callable

from vitinspect.app.session.layers import (
    CONSENSUS,
    FILE,
    FUSED,
    MAP,
    TRUTH,
    Layer,
    mask_colour,
    title_in,
)
from vitinspect.app.session.results import Results, ShownMap
from vitinspect.app.session.state import State
from vitinspect.app.widgets import numbers
from vitinspect.app.widgets.layer_rows import CACHED, READY, REFUSED, RUNNING, WAITING, LayerRow, Swatch
from vitinspect.app.widgets.method_rows import short_paper
from vitinspect.app.widgets.swatches import named
from vitinspect.explainers.parameters import format_value
from vitinspect.explainers.registry import methods


def shown_map(results: Results, layer: Layer) -> ShownMap | None:
    """The map of a layer, if it is there."""
    return results.all_maps.get(layer.id)


def name_of(layers: tuple[Layer, ...], layer: Layer) -> str:
    """What a layer is called, in the list, the pane's title and the tables."""
    return title_in(layers, layer)


def detail_of(layer: Layer) -> str:
    """What differs from the defaults; how a map was fused."""
    if layer.kind == MAP:
        return ", ".join(f"{name} {format_value(value)}" for name, value in layer.parameters.items())
    if layer.kind == FUSED:
        return "fused"
    return layer.group if layer.kind in (TRUTH, CONSENSUS) else ""


def is_scored(results: Results, layer: Layer) -> bool:
    """Whether maps are scored against this mask."""
    mask, truth = results.masks.get(layer.id), results.truth
    return mask is not None and truth is not None and truth.mask == mask.mask


def is_signed(results: Results, layer: Layer) -> bool:
    shown = shown_map(results, layer)
    if shown is not None:
        return bool(shown.signed)
    return layer.kind == MAP and methods()[layer.method].signed


def paper_of(layer: Layer) -> str:
    """As "Chefer et al. 2021"."""
    return short_paper(methods()[layer.method].citation) if layer.kind == MAP else ""


def swatch_of(state: State, results: Results, layer: Layer) -> Swatch:
    if layer.is_map:
        if layer.kind == FILE and shown_map(results, layer) is None:
            return Swatch("missing")
        return Swatch("colormap", named(layer.colormap, signed=is_signed(results, layer)))
    if layer.kind == TRUTH:
        return Swatch("truth")
    return Swatch("mask", mask_colour(state.layers, layer))


def row_of(state: State, results: Results, layer: Layer, *, late: bool = True) -> LayerRow:
    """The row of the layer list. It says that its map is awaited only where that is ``late``."""
    kind, seconds, progress, note, reason = _state_of(results, layer)
    if kind in (WAITING, RUNNING) and not late:
        kind, progress = READY, 0.0
    about = []
    if layer.kind == MAP:
        about.append(methods()[layer.method].summary)
    shown = shown_map(results, layer)
    if is_scored(results, layer):
        about.append("maps are scored against it")
    if layer.kind == FILE:
        about.append(layer.path)
    elif shown is not None:
        about.append(f"explains {shown.target_text}" if shown.target_text else "the same for every class")
    return LayerRow(
        id=layer.id,
        name=name_of(state.layers, layer),
        detail=detail_of(layer),
        number=state.number(layer.id) if layer.is_map else 0,
        swatch=swatch_of(state, results, layer),
        shown=layer.visible,
        state=kind,
        seconds=seconds,
        progress=progress,
        note=note,
        reason=reason,
        mark=layer.mark,
        can_mark=layer.is_map,
        can_rename=not layer.found,
        paper=paper_of(layer),
        about="; ".join(part for part in about if part),
    )


def rows_of(state: State, results: Results, late: Callable[[str], bool] = lambda layer: True) -> list[LayerRow]:
    return [row_of(state, results, layer, late=late(layer.id)) for layer in state.layers]


def _state_of(results: Results, layer: Layer) -> tuple[str, float | None, float, str, str]:
    """State, seconds, progress, note, reason."""
    nothing: tuple[str, float | None, float, str, str] = (READY, None, 0.0, "", "")
    if not layer.is_map:
        problem = results.mask_problems.get(layer.id, "")
        if problem:
            return REFUSED, None, 0.0, "", problem
        mask = results.masks.get(layer.id)
        return nothing if mask is None else (READY, None, 0.0, numbers.percent(mask.share), "")
    refusal = results.refusals.get(layer.id, "") or results.file_refusals.get(layer.id, "")
    if refusal:
        return REFUSED, None, 0.0, "", refusal
    if layer.id in results.pending:
        progress = results.progress
        if progress is not None and progress.total and layer.visible and _runs(results, layer):
            return RUNNING, None, progress.done / progress.total, "", ""
        return WAITING, None, 0.0, "", ""
    if layer.id in results.stopped:
        return READY, None, 0.0, "cancelled", ""
    shown = shown_map(results, layer)
    if shown is None:
        return nothing
    seconds = results.seconds.get(shown.address.text)
    if seconds is not None:
        return READY, seconds, 0.0, "", ""
    return (CACHED, None, 0.0, "", "") if layer.kind == MAP else nothing


def _runs(results: Results, layer: Layer) -> bool:
    """Whether the worker is computing this layer."""
    return len(results.pending) == 1 or layer.title in (results.progress.text if results.progress else "")
