"""The attention network as networkx graphs: their content, their measures, and that files preserve them."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

import vitinspect as vi
from tests.goldens import arrays, golden_model, inputs_p, inputs_q
from vitinspect import graphs
from vitinspect.attention_network import AttentionLayers
from vitinspect.explainers.attention_layers import attention_layers


def some_layers(depth: int = 3, grid: tuple[int, int] = (3, 4)) -> AttentionLayers:
    rng = np.random.default_rng(0)
    n = grid[0] * grid[1]
    return AttentionLayers(rng.dirichlet(np.ones(n) * 0.3, (depth, n)), "max", grid, ())


@pytest.mark.parametrize("operator", ["min", "max", "sum"])
def test_the_graph_holds_the_golden_adjacency(operator):
    golden = arrays("p1_mutex")[f"i0_adjacency_{operator}_c0.01"]
    graph = vi.attention_graph(golden_model("p1"), inputs_p("p1", 0), min_cut=0.01, operator=operator)
    assert isinstance(graph, nx.MultiDiGraph)
    found = np.zeros_like(golden)
    for a, b, layer, weight in graph.edges(data="weight", keys=True):
        found[layer, a, b] = weight
    np.testing.assert_allclose(found, golden, atol=1e-4 * golden.max())
    assert graph.nodes[9]["row"] == 1
    assert graph.nodes[9]["column"] == 1


def test_one_layer_is_a_digraph_and_all_of_them_a_list():
    model, x = golden_model("p1"), inputs_p("p1", 0)
    one = vi.attention_graph(model, x, layer=-1)
    many = vi.attention_graph(model, x, per_layer=True, starting_layer=1)
    assert type(one) is nx.DiGraph
    assert [g.graph["layer"] for g in many] == [1, 2, 3]
    assert nx.utils.graphs_equal(one, many[-1])
    with pytest.raises(vi.ParameterError, match="not a block"):
        vi.attention_graph(model, x, layer=4)


def test_prefix_tokens_are_nodes_on_request():
    graph = vi.attention_graph(golden_model("q3"), inputs_q("q3", 0), prefix=True)
    assert [graph.nodes[i]["name"] for i in range(5)] == ["class", *(f"register {i}" for i in range(1, 5))]


def test_a_higher_cut_keeps_fewer_arcs_and_the_counts_for_the_slider_agree():
    layers = some_layers()
    cuts = [0.0, 0.001, 0.01, 0.1, 0.5, 1.0]
    counts = graphs.count_arcs(layers.weights, cuts)
    for layer in range(3):
        assert counts[layer].tolist() == [len(graphs.surviving_arcs(layers.weights[layer], c)) for c in cuts]
        assert (np.diff(counts[layer]) <= 0).all()
    assert (counts[:, -1] >= 1).all()


def test_the_share_of_weight_that_is_drawn_is_reported():
    arcs = graphs.surviving_arcs(some_layers().weights[0], 0.0)
    assert arcs.share_of_weight == pytest.approx(1)
    few = arcs.strongest(5)
    assert 0 < few.share_of_weight < 1
    assert few.weight.min() >= arcs.weight[5:].max()


def test_pagerank_and_reciprocity_are_networkxs():
    graph = graphs.layer_graph(some_layers(), 1, 0.05)
    graph.remove_edges_from(list(graph.out_edges(0)))  # a dead end
    ours, theirs = graphs.pagerank(graph), nx.pagerank(graph, tol=1e-12, max_iter=1000)
    assert ours == pytest.approx(theirs, abs=1e-8)


def test_measures_of_known_graphs():
    weights = np.zeros((2, 4, 4))
    weights[0, 0, 1] = weights[0, 1, 0] = 1.0
    weights[1, 0, 3] = 2.0
    first, second = graphs.measure_layers(AttentionLayers(weights, "max", (2, 2), ()), 0.0)
    assert (first.arcs, first.reciprocity, first.components, first.largest_component) == (2, 1.0, 3, 2)
    assert first.mean_arc_length == pytest.approx(1.0)
    assert first.attention_entropy == 0
    assert second.mean_arc_length == pytest.approx(np.sqrt(2))
    assert first.overlap_with_next == 0
    assert second.reciprocity == 0


def test_even_attention_has_full_entropy_and_no_concentration():
    even = AttentionLayers(np.full((1, 9, 9), 1 / 9), "max", (3, 3), ())
    (measured,) = graphs.measure_layers(even, 0.0)
    assert measured.attention_entropy == pytest.approx(1)
    assert measured.pagerank_concentration == pytest.approx(0, abs=1e-9)
    to_one = np.zeros((1, 9, 9))
    to_one[0, :, 4] = 1
    (star,) = graphs.measure_layers(AttentionLayers(to_one, "max", (3, 3), ()), 0.0)
    assert star.pagerank_concentration > 0.5
    assert star.attention_entropy == 0


def test_communities_follow_their_seed_and_find_two_cliques():
    weights = np.zeros((1, 6, 6))
    weights[0, :3, :3] = weights[0, 3:, 3:] = 1
    weights[0, 0, 5] = 0.1
    graph = graphs.layer_graph(AttentionLayers(weights, "max", (2, 3), ()), 0, 0.0)
    assert sorted(map(sorted, graphs.louvain(graph))) == [[0, 1, 2], [3, 4, 5]]
    assert graphs.louvain(graph, 3) == graphs.louvain(graph, 3)


def test_measuring_reports_and_can_be_cancelled():
    steps = []
    graphs.measure_layers(some_layers(), 0.1, progress=lambda *s: steps.append(s))
    assert steps == [(1, 3), (2, 3), (3, 3)]
    token = vi.CancelToken()
    token.cancel()
    with pytest.raises(vi.Cancelled):
        graphs.measure_layers(some_layers(), 0.1, cancel=token)


@pytest.mark.parametrize("ending", list(graphs.FORMATS))
@pytest.mark.parametrize("whole", [True, False])
def test_files_give_the_graph_back(tmp_path, ending, whole):
    layers = some_layers()
    graph = graphs.multilayer_graph(layers, 0.05) if whole else graphs.layer_graph(layers, 2, 0.05)
    back = graphs.read_graph(graphs.write_graph(graph, tmp_path / f"g{ending}"))
    arcs = {(a, b, d["layer"]): d["weight"] for a, b, d in graph.edges(data=True)}
    assert {(a, b, d["layer"]): d["weight"] for a, b, d in back.edges(data=True)} == pytest.approx(arcs)
    if ending in (".graphml", ".gexf", ".json"):
        assert back.is_multigraph() == whole
        for node, data in graph.nodes(data=True):
            assert {k: back.nodes[node][k] for k in ("row", "column", "x", "y")} == {
                k: data[k] for k in ("row", "column", "x", "y")
            }
    if whole and ending == ".json":
        assert nx.utils.graphs_equal(graph, back)


def test_networkx_alone_opens_the_files(tmp_path):
    graph = graphs.multilayer_graph(some_layers(), 0.05)
    for ending, read in ((".graphml", nx.read_graphml), (".gexf", nx.read_gexf)):
        path = graphs.write_graph(graph, tmp_path / f"g{ending}")
        assert read(path).number_of_edges() == graph.number_of_edges()


def test_unknown_endings_are_refused(tmp_path):
    with pytest.raises(vi.ParameterError, match="graphml"):
        graphs.write_graph(graphs.layer_graph(some_layers(), 0, 0.0), tmp_path / "g.pdf")


def test_a_single_head_is_an_operator():
    layers = attention_layers(golden_model("p1"), inputs_p("p1", 0), operator="head 2")
    largest = attention_layers(golden_model("p1"), inputs_p("p1", 0), operator="max")
    assert (layers.weights <= largest.weights + 1e-7).all()
