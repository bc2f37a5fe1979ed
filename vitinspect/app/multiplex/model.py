"""The network as the panel needs it: arrays without Qt, in which moving a slider needs a look-up and no computation.

The arcs of each layer are sorted once, in the worker's thread. A cut, a number of arcs and the share of the weight
that they carry are then places in that order.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vitinspect.progress import CancelToken, Progress, check

if TYPE_CHECKING:
    from vitinspect.attention_network import AttentionLayers

MOST_ARCS = 20_000
"""The strongest arcs of a layer that are kept in order; no more of them can be drawn."""
STEPS = 200
"""Steps of the slider of ``min_cut``; the first is 0, the others go from 0.00001 to 1, forty per factor of ten."""
_PER_DECADE = 40
_KEPT_CENTRALITIES = 96


def cut_at(place: int) -> float:
    """``min_cut`` at a place of its slider. Three figures, so that 0.01 is 0.01."""
    if place <= 0:
        return 0.0
    return float(f"{10 ** ((min(place, STEPS) - STEPS) / _PER_DECADE):.3g}")


def place_of(min_cut: float) -> int:
    """The nearest place of the slider."""
    if min_cut <= 0:
        return 0
    return int(min(max(round(STEPS + _PER_DECADE * np.log10(min_cut)), 1), STEPS))


def cuts() -> list[float]:
    return [cut_at(place) for place in range(STEPS + 1)]


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is drawn of one layer, and what is not."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    remaining: int
    """Arcs that the cut leaves."""
    possible: int
    """Arcs before the cut."""
    share: float
    """Of the layer's whole weight, how much the drawn arcs carry."""

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def words(self) -> str:
        """One line that says what is drawn and what is left out."""
        drawn = f"{len(self):,} of {self.remaining:,} arcs drawn".replace(",", "\u202f")
        return f"{drawn}, {100 * self.share:.1f} % of the weight"


@dataclass(frozen=True, eq=False)
class Strongest:
    """The strongest arcs of one layer, in order."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    up_to: np.ndarray
    """The weight of the first, of the first two, ..."""
    maximum: float
    total: float


@dataclass(frozen=True, eq=False)
class Ties:
    """The arcs of one node in one layer, the strongest first."""

    nodes: np.ndarray
    weights: np.ndarray


class Network:
    """The layers of one picture under one operator."""

    def __init__(
        self, layers: AttentionLayers, strongest: tuple[Strongest, ...], counts: np.ndarray, key: Any = None
    ) -> None:
        self.layers, self.strongest, self.counts, self.key = layers, strongest, counts, key
        self._centralities: OrderedDict[tuple[int, float], tuple[np.ndarray, np.ndarray]] = OrderedDict()

    # --- facts -------------------------------------------------------------------------------------------------------

    @property
    def depth(self) -> int:
        return len(self.layers.weights)

    @property
    def nodes(self) -> int:
        return self.layers.nodes

    @property
    def prefix(self) -> int:
        return len(self.layers.prefix_names)

    @property
    def nbytes(self) -> int:
        ordered = sum(s.source.nbytes + s.target.nbytes + s.weight.nbytes + s.up_to.nbytes for s in self.strongest)
        return int(self.layers.weights.nbytes + self.counts.nbytes + ordered)

    def name(self, node: int) -> str:
        place = self.layers.position(node)
        return self.layers.prefix_names[node] if place is None else f"row {place[0] + 1}, column {place[1] + 1}"

    def node_of(self, row: int, column: int) -> int | None:
        rows, columns = self.layers.grid
        if 0 <= row < rows and 0 <= column < columns:
            return self.prefix + row * columns + column
        return None

    # --- arcs --------------------------------------------------------------------------------------------------------

    def remaining(self, layer: int, min_cut: float) -> int:
        """How many arcs a cut leaves."""
        place = place_of(min_cut)
        if cut_at(place) == min_cut:
            return int(self.counts[layer, place])
        weights = self.layers.weights[layer]
        return int(((weights >= min_cut * self.strongest[layer].maximum) & (weights > 0)).sum())

    def drawn(self, layer: int, min_cut: float, most: int) -> Drawn:
        """The ``most`` strongest of the arcs that the cut leaves."""
        ordered = self.strongest[layer]
        # The numbers descend, and searchsorted needs them to ascend.
        above = int(np.searchsorted(-ordered.weight, -self._limit(layer, min_cut), side="right"))
        count = min(most, above)
        share = float(ordered.up_to[count - 1] / ordered.total) if count and ordered.total > 0 else 0.0
        return Drawn(
            ordered.source[:count],
            ordered.target[:count],
            ordered.weight[:count],
            self.remaining(layer, min_cut),
            int(self.counts[layer, 0]),
            share,
        )

    def _limit(self, layer: int, min_cut: float) -> Any:
        return np.asarray(min_cut * self.strongest[layer].maximum).astype(self.layers.weights.dtype)

    # --- nodes -------------------------------------------------------------------------------------------------------

    def centralities(self, layer: int, min_cut: float) -> tuple[np.ndarray, np.ndarray]:
        """What each node receives and what it gives, over the arcs that the cut leaves."""
        key = (layer, min_cut)
        found = self._centralities.get(key)
        if found is None:
            weights = self.layers.weights[layer]
            kept = np.where(weights >= self._limit(layer, min_cut), weights, 0) if min_cut > 0 else weights
            found = kept.sum(0), kept.sum(1)
            self._centralities[key] = found
            while len(self._centralities) > _KEPT_CENTRALITIES:
                self._centralities.popitem(last=False)
        return found

    def centrality(self, layer: int, min_cut: float, direction: str) -> np.ndarray:
        return self.centralities(layer, min_cut)[direction == "out"]

    def over_layers(self, node: int, min_cut: float) -> tuple[np.ndarray, np.ndarray]:
        """What one node receives and gives in each layer."""
        received, given = np.empty(self.depth), np.empty(self.depth)
        for layer, weights in enumerate(self.layers.weights):
            limit = self._limit(layer, min_cut)
            column, row = weights[:, node], weights[node]
            received[layer], given[layer] = column[column >= limit].sum(), row[row >= limit].sum()
        return received, given

    def ties(self, node: int, layer: int, min_cut: float) -> tuple[Ties, Ties]:
        """The nodes that a node receives from, and those that it gives to, over the arcs that the cut leaves."""
        weights = self.layers.weights[layer]
        limit = self._limit(layer, min_cut)
        return _ties(weights[:, node], limit), _ties(weights[node], limit)


def _ties(weights: np.ndarray, limit: Any) -> Ties:
    nodes = np.flatnonzero((weights >= limit) & (weights > 0))
    nodes = nodes[np.argsort(-weights[nodes], kind="stable")]
    return Ties(nodes, weights[nodes])


def prepare(
    layers: AttentionLayers, key: Any = None, progress: Progress | None = None, cancel: CancelToken | None = None
) -> Network:
    """Sort the arcs and count what each place of the slider leaves. Not for the window's own thread."""
    from vitinspect.graphs import count_arcs

    strongest, counts = [], []
    for layer, weights in enumerate(layers.weights):
        check(cancel)
        strongest.append(_strongest(weights))
        counts.append(count_arcs(weights[None], cuts())[0])
        if progress is not None:
            progress(layer + 1, len(layers.weights))
    return Network(layers, tuple(strongest), np.stack(counts), key)


def _strongest(weights: np.ndarray) -> Strongest:
    flat = weights.ravel()
    if len(flat) > MOST_ARCS:
        # Sorting two million numbers to draw a few thousand would take ten times as long.
        places = np.argpartition(-flat, MOST_ARCS - 1)[:MOST_ARCS]
    else:
        places = np.arange(len(flat))
    places = places[flat[places] > 0]
    places = np.sort(places)
    places = places[np.argsort(-flat[places], kind="stable")]
    source, target = np.divmod(places.astype(np.int32), np.int32(weights.shape[1]))
    weight = flat[places]
    return Strongest(
        source,
        target,
        weight,
        np.cumsum(weight, dtype=np.float64),
        float(flat.max()) if flat.size else 0.0,
        float(flat.sum(dtype=np.float64)),
    )


# --- scales ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    """From centralities to 0..1. One dominating token must not make all others look alike, so it may end early."""

    low: float
    high: float
    above: int
    """Nodes beyond the end of the scale."""
    largest: float

    @classmethod
    def of(cls, values: np.ndarray) -> Scale:
        if not values.size:
            return cls(0.0, 1.0, 0, 0.0)
        largest, low = float(values.max()), float(values.min())
        usual = float(np.quantile(values, 0.95, method="lower"))
        high = largest
        if largest > 3 * usual:
            # The largest among the usual ones, so that the end is a value that some node has.
            high = float(values[values <= 3 * usual].max())
        high = high if high > low else low + max(abs(low), 1.0) * 1e-6
        return cls(low, high, int((values > high).sum()), largest)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return np.clip((values - self.low) / (self.high - self.low), 0, 1)

    @property
    def words(self) -> str:
        text = f"{self.low:.3g} to {self.high:.3g}"
        if self.above:
            text += f"; {self.above} above (ringed), up to {self.largest:.3g}"
        return text


# --- the aggregate ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Aggregate:
    """The intermediate results of the multiplex method, which explain its map."""

    key: Any
    target: tuple[int, ...]
    grid: tuple[int, int]
    statistics: np.ndarray
    """(3, 2, 9, N): operator, direction, statistic, patch."""
    masks: np.ndarray
    """(3, 2, 9, N)"""
    confidences: np.ndarray
    """(3, 2, 9)"""
    method_map: np.ndarray
    """The map as the method made it."""

    @property
    def kept(self) -> np.ndarray:
        """How many masks keep each patch."""
        return self.masks.reshape(-1, self.masks.shape[-1]).sum(0)

    @property
    def weighted_sum(self) -> np.ndarray:
        """(rows, columns): the masks times their confidences, divided by how many of them keep the patch."""
        masks = self.masks.reshape(-1, self.masks.shape[-1])
        # A mask that keeps nothing may have no confidence, and adds nothing.
        weights = np.where(masks, self.confidences.reshape(-1, 1).astype(np.float64), 0)
        return (weights.sum(0) / np.maximum(masks.sum(0), 1)).reshape(self.grid)

    @property
    def difference(self) -> float:
        """How far the weighted sum is from the method's own map."""
        return float(np.abs(self.weighted_sum - self.method_map).max())

    def holding(self, patch: int) -> np.ndarray:
        """(3, 2, 9): which masks keep a patch."""
        return self.masks[..., patch]


def cut_masks(statistics: np.ndarray, token_ratio: float) -> np.ndarray:
    """The masks that another ``token_ratio`` cuts: known at once, unlike their confidences."""
    from vitinspect.attention_network import masks

    return masks(np.ascontiguousarray(statistics), token_ratio)
