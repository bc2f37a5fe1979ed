"""Plot cells: text, curves of deletion and insertion, agreement, the network of a block, tables.

Each kind is declared once, with what it needs; ``cells`` computes them for the command line, the window in its worker.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.errors import DataError, ParameterError
from vitinspect.figures.drawings import Curve, Curves, Drawing, Matrix, Network, Table, Words
from vitinspect.figures.specification import Cell
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT

ARCS = 300
"""The number of strongest arcs of a block that are drawn."""
STEPS = 50
_MOST_ROWS, _MOST_COLUMNS = 40, 12
_LARGEST_FILE = 4_000_000


@dataclass(frozen=True, eq=False)
class PlotInput:
    """The inputs of a cell; those that its kind does not need are None."""

    cell: Cell
    pixels: NDArray[np.uint8] | None = None
    model: ViT | None = None
    truth: NDArray[np.bool_] | None = None
    file: Path | None = None
    cancel: CancelToken | None = None


@dataclass(frozen=True)
class PlotKind:
    """A kind of plot cells."""

    id: str
    title: str
    make: Callable[[PlotInput], Drawing]
    needs_model: bool = False
    needs_file: bool = False
    tip: str = ""


def _words(given: PlotInput) -> Drawing:
    return Words(given.cell.text)


def _explained(given: PlotInput) -> tuple[list[tuple[str, Any]], Any, ViT]:
    """The maps of a cell with their names, what was explained, and the model."""
    from vitinspect.explainers.engine import explain
    from vitinspect.figures.cell_methods import title
    from vitinspect.fusion import fuse, parse_maps

    cell, model = given.cell, given.model
    assert model is not None
    assert given.pixels is not None
    asked = parse_maps(cell.method)
    methods = {method.key: method for one in asked for method in one.methods}
    explanation = explain(
        model,
        given.pixels,
        list(methods.values()),
        cell.target or None,
        cell.precision,
        mode=cell.fit,
        cancel=given.cancel,
    )
    found = dict(explanation.items())
    maps = []
    for one in asked:
        arrays = [found[method.key] for method in one.methods]
        made = fuse(arrays, one.mode, normalisation=cell.normalisation) if one.mode else arrays[0]
        maps.append((title(list(one.methods), one.mode), made))
    return maps, explanation, model


def _curves(given: PlotInput) -> Drawing:
    from vitinspect.scores.perturbation import faithfulness

    maps, _, model = _explained(given)
    cell = given.cell
    curves = []
    for name, values in maps:
        measured = faithfulness(
            model.at_precision(cell.precision),
            given.pixels,
            values,
            cell.target or None,
            metrics=(cell.curve,),
            steps=STEPS,
            fill="mean",
            mode=cell.fit,
            cancel=given.cancel,
        )
        up, area = getattr(measured, f"{cell.curve}_curve"), getattr(measured, f"{cell.curve}_auc")
        curves.append(Curve(name, np.asarray(measured.shares), np.asarray(up), float(area)))
    across = "pixels removed, %" if cell.curve == "deletion" else "pixels shown, %"
    return Curves(tuple(curves), across, "probability")


def _agreement(given: PlotInput) -> Drawing:
    from vitinspect.scores.pairs import agreement
    from vitinspect.thresholds import parse_threshold, threshold

    maps, explanation, _ = _explained(given)
    if len(maps) < 2:
        raise ParameterError("Agreement needs at least two maps, as in `lrp, rollout`.")
    mode, options = parse_threshold(given.cell.threshold or "otsu")
    size = explanation.placement.input_size
    masks = {name: threshold(np.asarray(m.values, np.float32), mode, size=size, **options).mask for name, m in maps}
    values = np.eye(len(maps))
    names = [name for name, _ in maps]
    for pair in agreement(dict(maps), masks):
        a, b = names.index(pair.first), names.index(pair.second)
        values[a, b] = values[b, a] = pair.spearman
    return Matrix(tuple(names), values)


def _network(given: PlotInput) -> Drawing:
    from vitinspect.explainers.attention_layers import attention_layers
    from vitinspect.graphs import surviving_arcs

    cell, model, pixels = given.cell, given.model, given.pixels
    assert model is not None
    assert pixels is not None
    if not 1 <= cell.block <= model.depth:
        raise ParameterError(f"{model.name} has blocks 1 to {model.depth}, not {cell.block}.")
    layers = attention_layers(model, pixels, precision=cell.precision, mode=cell.fit, cancel=given.cancel)
    weights = np.array(layers.weights[cell.block - 1])
    np.fill_diagonal(weights, 0.0)
    arcs = surviving_arcs(weights, 0.0).strongest(ARCS)
    places = model.preprocess(pixels, cell.fit).placement
    rows, columns = layers.grid
    height, width = pixels.shape[:2]

    def at(nodes: NDArray[Any]) -> NDArray[np.float64]:
        down, right = np.divmod(nodes, columns)
        x, y = places.input_to_original(
            (right + 0.5) * places.input_size[1] / columns, (down + 0.5) * places.input_size[0] / rows
        )
        return np.stack([np.asarray(x) / width, np.asarray(y) / height], axis=1)

    order = np.argsort(arcs.weight, kind="stable")
    return Network(pixels, at(arcs.source[order]), at(arcs.target[order]), arcs.weight[order].astype(float))


def _table(given: PlotInput) -> Drawing:
    if given.file is None:
        raise ParameterError('A table needs a file: file = "scores.csv".')
    try:
        if given.file.stat().st_size > _LARGEST_FILE:
            raise DataError(f"{given.file} is too large for a table in a figure.")
        text = given.file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{given.file} cannot be read: {error}.") from None
    rows = [tuple(cell.strip() for cell in row[:_MOST_COLUMNS]) for row in csv.reader(io.StringIO(text)) if row]
    if not rows:
        raise DataError(f"{given.file} has no rows.")
    return Table(tuple(tuple(_shortened(cell) for cell in row) for row in rows[:_MOST_ROWS]))


def _shortened(text: str) -> str:
    """A number with many digits, shortened to three."""
    try:
        value = float(text)
    except ValueError:
        return text
    plain = len(text) <= 6 or not np.isfinite(value)
    return text if plain else f"{value:.3g}".replace("-", "−")


KINDS: Mapping[str, PlotKind] = {
    kind.id: kind
    for kind in (
        PlotKind("text", "Text", _words, tip="Text in a cell"),
        PlotKind("curves", "Deletion or insertion curves", _curves, needs_model=True, tip="Curves of the cell's maps"),
        PlotKind("agreement", "Agreement of maps", _agreement, needs_model=True, tip="Rank correlations of maps"),
        PlotKind("network", "Network of a block", _network, needs_model=True, tip="The strongest attention arcs"),
        PlotKind("table", "Table from a CSV file", _table, needs_file=True, tip="For example saved scores"),
    )
}
