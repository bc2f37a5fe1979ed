"""The multilayer attention network as networkx graphs: building, measuring, writing, reading.

Nodes are patches (and the tokens before them on request), arcs run from the patch that attends to the one attended to,
one layer per block. Only arcs that survive the cut are ever built.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

from vitinspect.errors import DataError, ParameterError
from vitinspect.files import write_atomic
from vitinspect.progress import CancelToken, Progress, check

if TYPE_CHECKING:
    from vitinspect.attention_network import AttentionLayers
    from vitinspect.models.vit import ViT

FORMATS = {
    ".graphml": "GraphML",
    ".gexf": "GEXF",
    ".json": "JSON node-link",
    ".csv": "CSV list of arcs",
    ".edges": "multilayer list of arcs (node layer node layer weight, as muxViz and pymnet read)",
}


# --- building ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arcs:
    """The arcs of one layer that survive the cut, the strongest first."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    total_weight: float
    """Of the whole layer, including what is cut, so that the share left out can be reported."""

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def share_of_weight(self) -> float:
        return float(self.weight.sum() / self.total_weight) if self.total_weight > 0 else 0.0

    def strongest(self, count: int) -> Arcs:
        return Arcs(self.source[:count], self.target[:count], self.weight[:count], self.total_weight)


def surviving_arcs(weights: np.ndarray, min_cut: float) -> Arcs:
    """The arcs of an (N, N) layer at or above ``min_cut`` times its maximum; zeros are no arcs."""
    if not 0 <= min_cut <= 1:
        raise ParameterError(f"min_cut must be between 0 and 1, not {min_cut}.")
    limit = min_cut * float(weights.max())
    source, target = np.nonzero((weights >= limit) & (weights > 0))
    values = weights[source, target]
    order = np.argsort(-values, kind="stable")
    return Arcs(source[order], target[order], values[order], float(weights.sum()))


def count_arcs(weights: np.ndarray, min_cuts: Sequence[float]) -> np.ndarray:
    """(layers, cuts): how many arcs of (L, N, N) remain at each cut; one sort per layer, for a slider."""
    counts = np.empty((len(weights), len(min_cuts)), dtype=np.int64)
    for layer, matrix in enumerate(weights):
        values = np.sort(matrix[matrix > 0], axis=None)
        limits = np.asarray(min_cuts) * (float(matrix.max()) if matrix.size else 0.0)
        counts[layer] = len(values) - np.searchsorted(values, limits.astype(values.dtype), side="left")
    return counts


def _add_nodes(graph: nx.DiGraph, layers: AttentionLayers) -> None:
    for node in range(layers.nodes):
        place = layers.position(node)
        if place is None:
            graph.add_node(node, name=layers.prefix_names[node], row=-1, column=-1, x=-1.0, y=float(node))
        else:
            row, column = place
            # The centre of the patch, in patches, with y downwards as in the picture.
            graph.add_node(node, name=f"patch {row},{column}", row=row, column=column, x=column + 0.5, y=row + 0.5)


def layer_graph(layers: AttentionLayers, layer: int, min_cut: float, strongest: int | None = None) -> nx.DiGraph:
    """One block as a ``DiGraph``."""
    arcs = surviving_arcs(layers.weights[layer], min_cut)
    if strongest is not None:
        arcs = arcs.strongest(strongest)
    graph = nx.DiGraph(**_facts(layers, min_cut), layer=layer)
    _add_nodes(graph, layers)
    graph.add_weighted_edges_from(
        zip(arcs.source.tolist(), arcs.target.tolist(), map(float, arcs.weight), strict=True), layer=layer
    )
    return graph


def multilayer_graph(layers: AttentionLayers, min_cut: float, starting_layer: int = 0) -> nx.MultiDiGraph:
    """All blocks from ``starting_layer`` on as one ``MultiDiGraph``; an arc's key is its layer."""
    graph = nx.MultiDiGraph(**_facts(layers, min_cut), starting_layer=starting_layer)
    _add_nodes(graph, layers)
    for layer in range(starting_layer, len(layers.weights)):
        arcs = surviving_arcs(layers.weights[layer], min_cut)
        graph.add_edges_from(
            (s, t, layer, {"weight": float(w), "layer": layer})
            for s, t, w in zip(arcs.source.tolist(), arcs.target.tolist(), arcs.weight, strict=True)
        )
    return graph


def _facts(layers: AttentionLayers, min_cut: float) -> dict[str, Any]:
    rows, columns = layers.grid
    return {
        "operator": layers.operator,
        "min_cut": float(min_cut),
        "grid_rows": rows,
        "grid_columns": columns,
        "layers": len(layers.weights),
    }


def attention_graph(
    model: ViT,
    image: Any,
    *,
    min_cut: float = 0.01,
    operator: str = "max",
    layer: int | None = None,
    per_layer: bool = False,
    starting_layer: int = 0,
    prefix: bool = False,
    precision: str = "float32",
    mode: str = "crop",
) -> Any:
    """The attention of a picture as a network.

    Returns a ``MultiDiGraph`` with one arc per layer between two patches (its key and its ``layer``); with ``layer``
    the ``DiGraph`` of that block; with ``per_layer`` a list of them. Arcs carry ``weight``, nodes ``row``, ``column``,
    ``x`` and ``y`` in patches. ``operator``: min, max or sum over heads, or ``"head 3"``. Arcs below ``min_cut`` times
    their layer's maximum are left out.
    """
    from vitinspect.explainers.attention_layers import attention_layers

    layers = attention_layers(model, image, operator=operator, prefix=prefix, precision=precision, mode=mode)
    depth = len(layers.weights)
    for name, value in (("layer", layer), ("starting_layer", starting_layer)):
        if value is not None and not -depth <= value < depth:
            raise ParameterError(f"{name}={value} is not a block of {model.name}, which has blocks 0 to {depth - 1}.")
    if layer is not None:
        return layer_graph(layers, layer % depth, min_cut)
    first = starting_layer % depth
    if per_layer:
        return [layer_graph(layers, index, min_cut) for index in range(first, depth)]
    return multilayer_graph(layers, min_cut, first)


# --- measuring -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LayerMeasures:
    """Numbers of one layer's filtered graph."""

    layer: int
    arcs: int
    density: float
    reciprocity: float
    """The share of arcs whose reverse exists too; loops are left out."""
    components: int
    """Weakly connected."""
    largest_component: int
    mean_arc_length: float
    """In patches, weighted; over arcs between patches."""
    attention_entropy: float
    """Mean over nodes of the entropy of the attention that they give, over the log of their number: 0 to 1."""
    pagerank_concentration: float
    """The Gini coefficient of PageRank: 0 evenly spread, towards 1 all on one node."""
    overlap_with_next: float
    """Jaccard index with the arcs of the next layer; 0 for the last."""
    communities: int
    modularity: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def measure_layers(
    layers: AttentionLayers,
    min_cut: float,
    *,
    starting_layer: int = 0,
    communities: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> list[LayerMeasures]:
    """Measure every layer; slow on dense graphs (Louvain is plain Python), so it reports and can be cancelled."""
    total = len(layers.weights) - starting_layer
    found = []
    for measured, _ in each_layer_measured(
        layers, min_cut, starting_layer=starting_layer, communities=communities, seed=seed, cancel=cancel
    ):
        found.append(measured)
        if progress is not None:
            progress(len(found), total)
    return found


def each_layer_measured(
    layers: AttentionLayers,
    min_cut: float,
    *,
    starting_layer: int = 0,
    communities: bool = True,
    seed: int = 0,
    cancel: CancelToken | None = None,
) -> Iterator[tuple[LayerMeasures, list[set[Any]]]]:
    """Yield the measures of one layer after the other, each with its communities, so that they can be shown early."""
    following: nx.DiGraph | None = None
    for layer in range(starting_layer, len(layers.weights)):
        check(cancel)
        graph = following if following is not None else layer_graph(layers, layer, min_cut)
        following = layer_graph(layers, layer + 1, min_cut) if layer + 1 < len(layers.weights) else None
        groups = louvain(graph, seed) if communities else []
        yield _measure(graph, following, layer, groups), groups


def _measure(graph: nx.DiGraph, following: nx.DiGraph | None, layer: int, groups: list[set[Any]]) -> LayerMeasures:
    parts = [len(c) for c in nx.weakly_connected_components(graph)]
    plain = graph.edge_subgraph([(a, b) for a, b in graph.edges if a != b])
    return LayerMeasures(
        layer=layer,
        arcs=graph.number_of_edges(),
        density=nx.density(graph),
        reciprocity=nx.overall_reciprocity(plain) if plain.number_of_edges() else 0.0,
        components=len(parts),
        largest_component=max(parts, default=0),
        mean_arc_length=mean_arc_length(graph),
        attention_entropy=attention_entropy(graph),
        pagerank_concentration=gini(list(pagerank(graph).values())),
        overlap_with_next=0.0 if following is None else jaccard(set(graph.edges), set(following.edges)),
        communities=len(groups),
        modularity=nx.community.modularity(graph, groups) if groups and graph.number_of_edges() else 0.0,
    )


def mean_arc_length(graph: nx.DiGraph) -> float:
    """How far attention reaches, in patches."""
    weight = length = 0.0
    place = graph.nodes
    for a, b, w in graph.edges(data="weight"):
        if place[a]["row"] >= 0 and place[b]["row"] >= 0:
            weight += w
            length += w * math.hypot(place[a]["row"] - place[b]["row"], place[a]["column"] - place[b]["column"])
    return length / weight if weight > 0 else 0.0


def attention_entropy(graph: nx.DiGraph) -> float:
    """How evenly nodes spread the attention that they give, 0 (all to one) to 1 (evenly over all)."""
    count = graph.number_of_nodes()
    if count < 2:
        return 0.0
    found = []
    for node in graph:
        weights = np.array([w for *_, w in graph.out_edges(node, data="weight")])
        if weights.sum() > 0:
            shares = weights / weights.sum()
            found.append(float(-(shares * np.log(shares)).sum()) / math.log(count))
    return float(np.mean(found)) if found else 0.0


def pagerank(graph: nx.DiGraph, damping: float = 0.85, tolerance: float = 1e-10) -> dict[Any, float]:
    """Weighted PageRank. networkx's own needs SciPy, which nothing else here does."""
    nodes = list(graph)
    count = len(nodes)
    if count == 0:
        return {}
    index = {node: i for i, node in enumerate(nodes)}
    matrix = np.zeros((count, count))
    for a, b, w in graph.edges(data="weight", default=1.0):
        matrix[index[a], index[b]] += w
    sums = matrix.sum(1, keepdims=True)
    dangling = sums[:, 0] == 0
    matrix = np.divide(matrix, sums, out=np.zeros_like(matrix), where=sums > 0)
    rank = np.full(count, 1 / count)
    for _ in range(500):
        # The weight of nodes without outgoing arcs is spread evenly.
        moved = damping * (rank @ matrix + rank[dangling].sum() / count) + (1 - damping) / count
        if np.abs(moved - rank).sum() < tolerance:
            return dict(zip(nodes, moved.tolist(), strict=True))
        rank = moved
    return dict(zip(nodes, rank.tolist(), strict=True))


def gini(values: Sequence[float]) -> float:
    """The Gini coefficient of non-negative numbers."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    total = ordered.sum()
    if ordered.size == 0 or total <= 0:
        return 0.0
    places = np.arange(1, ordered.size + 1)
    return float((2 * places - ordered.size - 1) @ ordered / (ordered.size * total))


def jaccard(a: set[Any], b: set[Any]) -> float:
    union = len(a | b)
    return len(a & b) / union if union else 0.0


def louvain(graph: nx.DiGraph, seed: int = 0) -> list[set[Any]]:
    """Communities by the Louvain method, the largest first; a seed makes them the same every time."""
    groups = nx.community.louvain_communities(graph, weight="weight", seed=seed)
    return sorted((set(g) for g in groups), key=lambda g: (-len(g), min(g)))


# --- writing and reading -------------------------------------------------------------------------------------


def write_graph(graph: nx.DiGraph | nx.MultiDiGraph, path: str | Path, kind: str | None = None) -> Path:
    """Write a graph in the format of the file's ending (or of ``kind``, an ending too)."""
    path = Path(path)
    ending = (kind if kind is None or kind.startswith(".") else f".{kind}") or path.suffix.lower()
    write_atomic(path, graph_bytes(graph, ending))
    return path


def graph_bytes(graph: nx.DiGraph | nx.MultiDiGraph, ending: str) -> bytes:
    """A graph in the format of ``ending``, with its dot."""
    if ending not in FORMATS:
        raise ParameterError(
            f"A graph is written as {', '.join(FORMATS)}, not {ending or 'a file without an ending'!r}."
        )
    return _WRITERS[ending](graph)


def _through(write: Callable[[Any, Any], None]) -> Callable[[Any], bytes]:
    def made(graph: Any) -> bytes:
        stream = io.BytesIO()
        write(graph, stream)
        return stream.getvalue()

    return made


def _as_json(graph: Any) -> bytes:
    return json.dumps(nx.node_link_data(graph, edges="edges")).encode()


def _arcs(graph: Any) -> list[tuple[Any, Any, int, float]]:
    return [(a, b, int(data["layer"]), float(data["weight"])) for a, b, data in graph.edges(data=True)]


def _as_csv(graph: Any) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    columns = ("source", "target", "layer", "weight", "source_row", "source_column", "target_row", "target_column")
    writer.writerow(columns)
    place = graph.nodes
    for a, b, layer, weight in _arcs(graph):
        ends = [place[n][k] for n in (a, b) for k in ("row", "column")]
        writer.writerow([a, b, layer, repr(weight), *ends])
    return stream.getvalue().encode()


def _as_multilayer(graph: Any) -> bytes:
    """Node and layer numbers from 1, as muxViz's extended edge lists have them."""
    lines = [f"{a + 1} {layer + 1} {b + 1} {layer + 1} {weight!r}" for a, b, layer, weight in _arcs(graph)]
    return ("\n".join(lines) + "\n").encode()


_WRITERS: dict[str, Callable[[Any], bytes]] = {
    ".graphml": _through(nx.write_graphml_xml),
    ".gexf": _through(nx.write_gexf),
    ".json": _as_json,
    ".csv": _as_csv,
    ".edges": _as_multilayer,
}


def read_graph(path: str | Path) -> Any:
    """Open a graph that ``write_graph`` wrote, with the same nodes, arcs, weights and layers."""
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in _READERS:
        raise DataError(f"{path} has none of the endings {', '.join(FORMATS)}.")
    try:
        return _READERS[ending](path)
    except Exception as error:  # damaged files make the readers of XML, JSON and networkx fail in many ways
        raise DataError(f"{path} cannot be read as {FORMATS[ending]}: {error or type(error).__name__}.") from error


def _from_csv(path: Path) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph()
    with path.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        if "source" not in (rows.fieldnames or ()):
            raise DataError(f"{path} has no column 'source'")
        for row in rows:
            layer = int(row["layer"])
            for end in ("source", "target"):
                graph.add_node(int(row[end]), row=int(row[f"{end}_row"]), column=int(row[f"{end}_column"]))
            graph.add_edge(int(row["source"]), int(row["target"]), layer, weight=float(row["weight"]), layer=layer)
    return graph


def _from_multilayer(path: Path) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph()
    for line in path.read_text(encoding="utf-8").splitlines():
        a, layer, b, _, weight = line.split()
        graph.add_edge(int(a) - 1, int(b) - 1, int(layer) - 1, weight=float(weight), layer=int(layer) - 1)
    return graph


def _from_gexf(path: Path) -> Any:
    graph = nx.read_gexf(path, node_type=int)
    # GEXF has no keys for parallel arcs, but each has its layer.
    if not graph.is_multigraph():
        return graph
    keyed = nx.MultiDiGraph(**graph.graph)
    keyed.add_nodes_from(graph.nodes(data=True))
    keyed.add_edges_from((a, b, data["layer"], data) for a, b, data in graph.edges(data=True))
    return keyed


_READERS: dict[str, Callable[[Path], Any]] = {
    ".graphml": lambda path: nx.read_graphml(path, node_type=int, edge_key_type=int),
    ".gexf": _from_gexf,
    ".json": lambda path: nx.node_link_graph(json.loads(path.read_text(encoding="utf-8")), edges="edges"),
    ".csv": _from_csv,
    ".edges": _from_multilayer,
}
