"""The main scores of the selected layer in one line, for the row of tabs that is collapsed."""

from __future__ import annotations

from vitinspect.app.panels import layer_facts as facts
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.widgets import numbers


def summary(state: State, results: Results) -> str:
    """As "3 LRP: IoU 0.390, deletion 0.003, insertion 0.219"; empty where nothing was scored."""
    layer = state.selected_layer
    if layer is None or layer.id not in results.all_maps:
        return ""
    curves, overlap = results.curves.get(layer.id), results.overlaps.get(layer.id)
    scores = []
    if overlap is not None:
        scores.append(("IoU", float(overlap.iou)))
    if curves is not None:
        scores += [("deletion", float(curves.deletion_auc)), ("insertion", float(curves.insertion_auc))]
    if not scores:
        return ""
    name = facts.name_of(state.layers, layer)
    return f"{state.number(layer.id)} {name}: " + ", ".join(f"{word} {numbers.number(value)}" for word, value in scores)
