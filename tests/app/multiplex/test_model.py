"""The arrays behind the network panel."""

from __future__ import annotations

import io

import numpy as np
import pytest

from vitinspect.app.multiplex import geometry, measuring, model, raster
from vitinspect.attention_network import AttentionLayers, centralities, cut, heat_map, masks, statistics
from vitinspect.graphs import layer_graph, measure_layers, surviving_arcs


@pytest.fixture
def layers() -> AttentionLayers:
    weights = np.random.default_rng(0).random((3, 12, 12)).astype(np.float32) ** 4
    weights[1, :, 5] += 3  # one token that dominates
    return AttentionLayers(weights, "max", (3, 4), ())


@pytest.fixture
def network(layers: AttentionLayers) -> model.Network:
    return model.prepare(layers)


def test_the_places_of_the_cut_slider_are_logarithmic_and_hold_the_usual_values() -> None:
    cuts = model.cuts()
    assert cuts[0] == 0
    assert cuts[-1] == 1
    assert {0.001, 0.01, 0.1} <= set(cuts)
    assert all(model.place_of(model.cut_at(place)) == place for place in range(model.STEPS + 1))
    assert cuts == sorted(cuts)


@pytest.mark.parametrize("min_cut", [0.0, 0.01, 0.1, 0.5, 1.0, 0.0123])
def test_the_arcs_that_remain_are_those_of_the_library(network, layers, min_cut: float) -> None:
    for layer in range(3):
        expected = surviving_arcs(layers.weights[layer], min_cut)
        drawn = network.drawn(layer, min_cut, 1000)
        assert drawn.remaining == len(expected) == len(drawn)
        assert np.array_equal(drawn.source, expected.source)
        assert np.array_equal(drawn.target, expected.target)
        assert drawn.share == pytest.approx(expected.share_of_weight, rel=1e-5)


def test_the_number_of_arcs_that_are_left_out_is_shown(network, layers) -> None:
    drawn = network.drawn(0, 0.01, 10)
    strongest = np.sort(layers.weights[0], axis=None)[::-1][:10]
    assert len(drawn) == 10
    assert drawn.share == pytest.approx(strongest.sum() / layers.weights[0].sum(), rel=1e-5)
    assert "10 of" in drawn.words
    assert "% of the weight" in drawn.words


def test_of_very_many_arcs_the_strongest_are_kept_in_order() -> None:
    weights = np.random.default_rng(1).random((1, 160, 160)).astype(np.float32)
    network = model.prepare(AttentionLayers(weights, "max", (10, 16), ()))
    drawn = network.drawn(0, 0.0, 10**6)
    assert len(drawn) == model.MOST_ARCS
    assert drawn.remaining == drawn.possible == 160 * 160
    assert np.array_equal(drawn.weight, np.sort(weights, axis=None)[::-1][: model.MOST_ARCS])


@pytest.mark.parametrize("min_cut", [0.0, 0.1])
def test_centralities_are_those_of_the_library(network, layers, min_cut: float) -> None:
    received, given = centralities(cut(layers.weights.copy(), min_cut))
    for layer in range(3):
        mine = network.centralities(layer, min_cut)
        assert np.allclose(mine[0], received[layer])
        assert np.allclose(mine[1], given[layer])
    over = network.over_layers(5, min_cut)
    assert np.allclose(over[0], received[:, 5])
    assert np.allclose(over[1], given[:, 5])


def test_the_neighbours_of_a_node_are_those_of_the_graph(network, layers) -> None:
    graph = layer_graph(layers, 1, 0.1)
    received, given = network.ties(5, 1, 0.1)
    assert dict(zip(received.nodes.tolist(), received.weights.tolist(), strict=True)) == pytest.approx(
        {a: data["weight"] for a, _, data in graph.in_edges(5, data=True)}
    )
    assert set(given.nodes.tolist()) == set(graph.successors(5))
    assert list(received.weights) == sorted(received.weights, reverse=True)


def test_one_dominating_token_does_not_make_the_others_look_alike(network) -> None:
    values = network.centrality(1, 0.0, "in")
    scale = model.Scale.of(values)
    assert scale.above == 1
    assert scale.largest == values.max() > scale.high
    others = np.delete(scale(values), 5)
    assert others.max() == 1
    assert others.std() > 0.1
    assert "1 above" in scale.words


def test_a_node_is_found_under_the_point_where_it_is_drawn() -> None:
    layers = AttentionLayers(np.ones((1, 14, 14), np.float32), "max", (3, 4), ("class token", "register 1"))
    places = geometry.places(layers)
    planes = [geometry.flat((3, 4), (10, 20, 410, 300), 1.3, True), *geometry.stacked((3, 4), 5, 500, 400)]
    for plane in planes:
        for node, (x, y) in enumerate(plane(places).tolist()):
            assert geometry.node_at(plane, layers, x, y) == node
    assert geometry.node_at(planes[0], layers, -50, -50) is None


def test_nodes_line_up_through_the_planes_of_the_stack() -> None:
    planes = geometry.stacked((14, 14), 12, 600, 500)
    points = np.array([plane(np.array([3.5, 9.5])) for plane in planes])
    assert np.ptp(points[:, 0]) == pytest.approx(0)
    assert (np.diff(points[:, 1]) < 0).all()  # deeper layers above
    corners = np.concatenate([plane(np.array([[0.0, 0], [14, 0], [0, 14], [14, 14]])) for plane in planes])
    assert corners.min() >= 0
    assert corners[:, 0].max() <= 600
    assert corners[:, 1].max() <= 500


def test_arcs_begin_at_their_source_and_end_at_the_rim_of_their_target() -> None:
    xy = np.array([[0.0, 0], [100, 0]])
    lines = geometry.arcs(xy, np.array([0, 1]), np.array([1, 0]), 8, radius=np.array([10.0, 10]))
    assert np.allclose(lines[0, :, :2], xy[[0, 1]])
    assert np.allclose(lines[-1, :, 2:], [[90, 0], [10, 0]])
    # To and fro bend to different sides.
    assert lines[4, 0, 1] * lines[4, 1, 1] < 0


def test_the_raster_puts_the_ink_of_an_arc_between_its_ends() -> None:
    shapes = raster.Shapes((4, 6), 10, True)
    xy = np.array([[0.5, 0.5], [5.5, 0.5], [5.5, 3.5]])
    made = shapes.draw(xy, np.array([0]), np.array([1]), np.array([1.0]))
    column = np.arange(made.begins.shape[1])
    left, right = 10 * (0.5 + raster.MARGIN), 10 * (5.5 + raster.MARGIN)
    assert made.begins.sum() > 0
    for part, low, high in ((made.begins, left, (left + right) / 2), (made.ends, (left + right) / 2, right)):
        there = column[part.sum(0) > 0]
        assert there.min() >= low - 2
        assert there.max() <= high + 2
    # The same shape again, moved: no new one is made, and the ink adds up.
    both = shapes.draw(xy, np.array([0, 1]), np.array([1, 2]), np.array([1.0, 2.0]))
    assert both.begins.sum() > made.begins.sum()
    assert raster.colours(both).shape == both.begins.shape


def test_an_arc_to_itself_is_a_ring_near_its_node() -> None:
    shapes = raster.Shapes((4, 4), 16, True)
    made = shapes.draw(np.array([[1.5, 1.5]]), np.array([0]), np.array([0]), np.array([1.0]))
    rows, columns = np.nonzero(made.begins + made.ends)
    middle = 16 * (1.5 + raster.MARGIN)
    assert np.abs(columns - middle).max() < 16
    assert np.abs(rows - middle).max() < 16


def test_the_weighted_sum_of_the_masks_is_the_map() -> None:
    random = np.random.default_rng(2)
    values = statistics(random.random((3, 2, 5, 12)))
    kept = masks(values, 0.5)
    confidences = random.random((3, 2, 9))
    confidences[0, 0, 0] = np.nan
    kept[0, 0, 0] = False
    expected = heat_map(kept.reshape(54, 12), confidences.reshape(54)).reshape(3, 4)
    found = model.Aggregate(None, (0,), (3, 4), values, kept, confidences, expected)
    assert found.difference < 1e-12
    assert np.array_equal(model.cut_masks(values, 0.5), masks(values, 0.5))
    assert found.holding(3).sum() == kept.reshape(54, 12)[:, 3].sum()


def test_the_measuring_process_agrees_with_the_library(layers) -> None:
    sink = io.BytesIO()
    measuring.work(io.BytesIO(measuring.question(layers, 0.1, 1)), sink)
    answers = [measuring.answer(line) for line in sink.getvalue().splitlines()]
    assert [measured for measured, _ in answers] == measure_layers(layers, 0.1, starting_layer=1)
    for measured, communities in answers:
        assert len(communities) == 12
        assert communities.max() + 1 == measured.communities
