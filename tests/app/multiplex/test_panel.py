"""The network panel in the window: driven by mouse, wheel, keys and state."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtWidgets import QApplication

from vitinspect.app.multiplex import export
from vitinspect.app.multiplex.charts import figure
from vitinspect.app.multiplex.controls import round_arcs
from vitinspect.app.shell.menus.layer import cancel
from vitinspect.app.widgets.numbers import number, whole
from vitinspect.graphs import FORMATS, layer_graph, multilayer_graph, read_graph


@pytest.fixture
def panel(shown, backend, qtbot):
    """The panel, open, with its layers read."""
    shown.resize(1400, 900)
    shown.actions_["network"].trigger()
    qtbot.waitUntil(lambda: backend.networks.network is not None, timeout=30_000)
    panel = shown.network_panel
    qtbot.waitUntil(lambda: panel.layer_view.width() > 700)
    return panel


def wheel(view, steps, at=None):
    at = QPointF(view.rect().center() if at is None else at)
    event = QWheelEvent(
        at,
        view.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120 * steps),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view, event)


def at_node(panel, node):
    network = panel.networks.network
    plane = panel.layer_view.plane(network, panel.layer_view.width(), panel.layer_view.height())
    from vitinspect.app.multiplex import geometry

    return QPointF(*plane(geometry.places(network.layers)[node]).tolist()).toPoint()


def test_the_panel_is_built_when_it_is_first_shown(shown, backend, qtbot):
    assert shown._network_panel is None
    requests = []
    backend.worker.started.connect(lambda *a: requests.append(a))
    backend.state.set(network_operator="sum")
    qtbot.wait(30)
    assert requests == []


def test_the_cut_slider_shows_at_once_how_many_arcs_remain(panel, backend):
    network = backend.networks.network
    panel.controls.cut.field.setValue(0.316)
    expected = network.remaining(0, backend.networks.min_cut)
    assert backend.networks.min_cut == pytest.approx(0.316)
    assert panel.controls.remaining.text().startswith(f"{expected:,}".replace(",", "\u2009"))
    before = panel.layer_view.grab().toImage()
    panel.controls.cut.field.setValue(1.0)
    assert panel.layer_view.grab().toImage() != before
    assert network.remaining(0, 1.0) == 1


def test_the_share_of_the_weight_is_always_shown(panel, backend):
    panel.controls.arcs.slider.setValue(1)
    panel.controls.arcs.slider.setValue(0)
    assert backend.state.network_arcs == 10
    drawn = backend.networks.network.drawn(0, backend.networks.min_cut, 10)
    assert f"{100 * drawn.share:.1f} % of the weight" in panel.controls.share.text()
    assert f"{100 * drawn.share:.1f} % of the weight" in panel.layer_view.caption


def test_keys_and_the_slider_step_through_the_blocks(panel, backend, qtbot):
    qtbot.keyClick(panel.layer_view, Qt.Key.Key_Down)
    assert backend.state.network_layer == 1
    qtbot.keyClick(panel.layer_view, Qt.Key.Key_Down)
    assert backend.state.network_layer == 1  # there are two
    qtbot.keyClick(panel.layer_view, Qt.Key.Key_Up)
    assert backend.state.network_layer == 0
    slider = panel.blocks
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(20, round(slider.centre(1))))
    assert backend.state.network_layer == 1
    wheel(slider, 1)
    assert backend.state.network_layer == 0
    panel.window().actions_["next_block"].trigger()
    assert slider.block == 1
    assert "Block 2 of 2" in panel.layer_view.caption


def test_the_wheel_zooms_at_the_cursor_and_the_hand_moves_the_graph(panel, backend, shown, qtbot):
    view = panel.layer_view
    at = at_node(panel, 12)
    wheel(view, 3, at)
    assert view.zoom > 1.5
    assert at_node(panel, 12) == at
    shown.select_tool("pan")
    before = view.centre
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseMove(view, at + QPoint(25, 10))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at + QPoint(25, 10))
    assert view.centre != before
    assert (at_node(panel, 12) - at - QPoint(25, 10)).manhattanLength() <= 2
    assert backend.state.pinned == ()
    shown.actions_["fit"].trigger()
    assert (view.zoom, view.centre) == (1.0, (0.5, 0.5))


def places_of(view, node):
    """Where a node is in each block of a view of several."""
    from vitinspect.app.multiplex import geometry

    network, width, height = view.networks.network, view.width(), view.height()
    if view.name == "stack":
        planes = view.planes(network, width, height)
    else:
        planes = [view._plane(network, box, width, height) for _, box in view.boxes(network, width, height)]
    return [QPointF(*plane(geometry.places(network.layers)[node]).tolist()).toPoint() for plane in planes]


@pytest.mark.parametrize("name", ["stack", "multiples"])
def test_views_of_several_blocks_zoom_at_the_cursor_and_are_moved_with_the_hand(panel, backend, shown, qtbot, name):
    backend.state.set(network_view=name)
    view = panel.view
    qtbot.waitUntil(lambda: view.resting and view._kept is not None)
    fitted = view.grab().toImage()
    at, other = places_of(view, 12)
    apart = (other - at).manhattanLength()
    wheel(view, 2, at)
    here, there = places_of(view, 12)
    assert (here - at).manhattanLength() <= 1
    assert (there - here).manhattanLength() == pytest.approx(1.25**2 * apart, abs=3)
    assert view.node_at(at.x(), at.y()) == 12
    assert view.grab().toImage() != fitted
    shown.select_tool("pan")
    by = QPoint(-9, 7)
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseMove(view, at + by)
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at + by)
    assert (places_of(view, 12)[0] - here - by).manhattanLength() <= 2
    assert backend.state.network_view == name, "a drag shows no block alone"
    assert backend.state.pinned == ()
    shown.actions_["fit"].trigger()
    assert places_of(view, 12) == [at, other]
    qtbot.waitUntil(lambda: view.resting and view._kept is not None)
    assert view.grab().toImage() == fitted


def test_a_click_with_the_hand_shows_a_block_alone_where_it_was_enlarged_to(panel, backend, shown, qtbot):
    backend.state.set(network_view="multiples")
    view = panel.view
    shown.select_tool("pan")
    wheel(view, 2, places_of(view, 12)[1])
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=places_of(view, 12)[1])
    assert (backend.state.network_view, backend.state.network_layer) == ("layer", 1)
    qtbot.mouseClick(panel.layer_view, Qt.MouseButton.LeftButton, pos=at_node(panel, 12))
    assert backend.state.pinned == (), "the hand pins nothing"


def test_the_status_bar_says_how_large_the_graph_is(panel, backend, shown, qtbot):
    zoom = shown.status.zoom
    fitted = panel.scale
    qtbot.waitUntil(lambda: zoom.text() == f"{100 * fitted:.0f} %")
    wheel(panel.layer_view, 3, at_node(panel, 12))
    assert panel.scale > 1.5 * fitted
    qtbot.waitUntil(lambda: zoom.text() == f"{100 * panel.scale:.0f} %")
    backend.state.set(network_view="stack")
    assert zoom.text() == ""
    backend.state.set(network_view="layer")
    qtbot.waitUntil(lambda: zoom.text() == f"{100 * panel.scale:.0f} %")


def test_only_what_the_view_obeys_can_be_set(panel, backend):
    controls = panel.controls
    rows = {
        "cut": controls.cut,
        "arcs": controls.arcs,
        "heads": controls.operator,
        "ratio": controls.ratio,
        "first": controls.first,
        "size": controls.direction,
    }
    expected = {
        "layer": {"cut", "arcs", "heads", "size"},
        "stack": {"cut", "arcs", "heads", "size", "first"},
        "multiples": {"cut", "arcs", "heads", "size", "first"},
        "aggregate": {"cut", "ratio", "first"},
        "measures": {"cut", "heads", "first"},
    }
    for view, names in expected.items():
        backend.state.set(network_view=view)
        assert {name for name, row in rows.items() if row.isVisible()} == names, view


def test_selection_is_one_thing_shared_with_the_canvas(panel, backend, shown, qtbot):
    qtbot.mouseClick(panel.layer_view, Qt.MouseButton.LeftButton, pos=at_node(panel, 8 * 2 + 3))
    assert backend.state.pinned == (2, 3)
    assert "Row 3, column 4" in panel.inspector.title.text()
    backend.state.set(pinned=(5, 1))
    assert backend.networks.selected == 41
    assert panel.inspector.node == 41
    qtbot.keyClick(panel.layer_view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert backend.state.pinned == (5, 2)
    qtbot.mouseClick(panel.layer_view, Qt.MouseButton.LeftButton, pos=at_node(panel, 42))
    assert backend.state.pinned == ()


def test_hovering_lists_the_neighbours_with_their_weights(panel, backend, shown, qtbot):
    view = panel.layer_view
    point = QPointF(at_node(panel, 20))
    view.setMouseTracking(True)
    qtbot.mouseMove(view, point.toPoint() + QPoint(2, 1))
    qtbot.mouseMove(view, point.toPoint())
    assert view.hover == 20
    received, given = backend.networks.network.ties(20, 0, backend.networks.min_cut)
    assert panel.inspector.given.rowCount() == min(60, len(given.nodes))
    assert panel.inspector.received.item(0, 2).text() == number(float(received.weights[0]))
    assert len(panel.inspector.chart.lines) == 2
    assert len(panel.inspector.chart.lines[0].values) == 2
    # The patch is framed on the main picture too.
    assert shown.canvas.cursor_at is not None
    QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
    assert shown.canvas.cursor_at is None


def test_a_patch_under_the_cursor_of_the_canvas_is_highlighted_here(panel, backend, shown):
    left, top, right, bottom = backend.results.placed.cell_box(3, 4, (8, 8))
    shown.canvas.hovered.emit(((left + right) / 2, (top + bottom) / 2))
    assert panel.layer_view.hover == 3 * 8 + 4
    shown.canvas.hovered.emit(None)
    assert panel.layer_view.hover is None


def test_prefix_tokens_become_nodes_that_can_be_selected(panel, backend, qtbot):
    panel.controls.prefix.click()
    qtbot.waitUntil(
        lambda: backend.networks.network is not None and backend.networks.network.prefix == 1, timeout=20_000
    )
    assert backend.networks.network.nodes == 65
    qtbot.mouseClick(panel.layer_view, Qt.MouseButton.LeftButton, pos=at_node(panel, 0))
    assert backend.networks.selected == 0
    assert backend.state.pinned == ()
    backend.state.set(pinned=(0, 0))
    assert backend.networks.selected == 1


def test_a_single_head_can_be_shown(panel, backend, qtbot):
    panel.controls.operator.chosen.emit("head 1")
    qtbot.waitUntil(lambda: backend.networks.network.layers.operator == "head 1", timeout=20_000)
    # One head's rows add up to one with the class token, so to less without.
    assert (backend.networks.network.layers.weights.sum(-1) < 1).all()


def test_going_back_to_an_operator_runs_no_model(panel, backend, qtbot):
    backend.state.set(network_operator="min")
    qtbot.waitUntil(lambda: backend.networks.network.layers.operator == "min", timeout=20_000)
    requests = []
    backend.worker.started.connect(lambda *a: requests.append(a))
    backend.state.set(network_operator="max")
    assert backend.networks.network.layers.operator == "max"
    qtbot.wait(50)
    assert requests == []


def test_a_thumbnail_is_enlarged_by_a_click(panel, backend, qtbot):
    backend.state.set(network_view="multiples")
    view = panel.multiples_view
    view.grab()
    _, (left, top, right, bottom) = view.boxes(backend.networks.network, view.width(), view.height())[1]
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(int((left + right) / 2), int((top + bottom) / 2)))
    assert (backend.state.network_view, backend.state.network_layer) == ("layer", 1)


def test_the_stack_follows_a_node_and_begins_at_the_starting_layer(panel, backend):
    backend.state.set(network_view="stack", pinned=(1, 1))
    view = panel.stack_view
    both = view.grab().toImage()
    assert len(view.planes(backend.networks.network, view.width(), view.height())) == 2
    panel.controls.first.field.setValue(1)
    assert backend.state.parameters["multiplex"]["starting_layer"] == 1
    assert len(view.planes(backend.networks.network, view.width(), view.height())) == 1
    assert view.grab().toImage() != both


def test_the_aggregate_is_the_methods_map_and_a_mask_shows_on_the_picture(panel, backend, qtbot):
    backend.state.set(network_view="aggregate")
    qtbot.waitUntil(lambda: backend.networks.aggregate is not None, timeout=60_000)
    found = backend.networks.aggregate
    assert found.masks.shape == (3, 2, 9, 64)
    assert found.difference < 1e-5
    view = panel.aggregate_view
    before = view.grab().toImage()
    _, mask = view.cell_box((2, 1, 4), view.width(), view.height())
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=mask.center().toPoint())
    assert view.chosen == (2, 1, 4)
    assert view.grab().toImage() != before
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=mask.center().toPoint())
    assert view.chosen is None


def test_another_token_ratio_shows_its_masks_before_their_confidences(panel, backend, qtbot):
    backend.state.set(network_view="aggregate")
    qtbot.waitUntil(lambda: backend.networks.aggregate is not None, timeout=60_000)
    before = backend.networks.aggregate
    panel.controls.ratio.field.setValue(0.8)
    assert not backend.networks.aggregate_is_current
    masks = panel.aggregate_view.masks(before)
    assert masks.sum() < before.masks.sum()
    qtbot.waitUntil(lambda: backend.networks.aggregate_is_current, timeout=60_000)
    assert np.array_equal(backend.networks.aggregate.masks, masks)


def test_measures_arrive_layer_by_layer_and_can_colour_the_nodes(panel, backend, qtbot):
    backend.networks.set_parameter("min_cut", 0.5)
    backend.state.set(network_view="measures")
    qtbot.waitUntil(lambda: len(backend.networks.measures) == 2 and backend.networks.measuring is None, timeout=60_000)
    view = panel.measures_view
    assert view.table.rowCount() == 2
    assert view.table.item(0, 1).text() == whole(backend.networks.network.remaining(0, 0.5))
    assert view.table.item(1, 9).text() == ""  # the last layer overlaps with no next one
    view.grab()
    backend.state.set(network_view="layer")
    plain = panel.layer_view.grab().toImage()
    backend.state.set(network_colour="communities")
    assert set(backend.networks.communities) == {0, 1}
    assert panel.layer_view.grab().toImage() != plain


def test_measuring_can_be_cancelled(panel, backend, qtbot):
    backend.state.set(network_view="measures")
    backend.networks.measure()
    assert backend.networks.measuring is not None
    panel.measures_view.button.click()
    assert backend.networks.measuring is None
    assert backend.networks._process is None
    assert panel.measures_view.button.text() == "Measure again"


@pytest.mark.parametrize("name", ["layer", "stack", "multiples", "measures"])
@pytest.mark.parametrize("ending", list(export.PICTURES))
def test_the_picture_of_a_view_is_written(panel, backend, tmp_path, qtbot, name, ending):
    backend.networks.set_parameter("min_cut", 0.5)
    backend.state.set(network_view=name, network_arcs=100, pinned=(2, 2))
    if name == "measures":
        qtbot.waitUntil(lambda: len(backend.networks.measures) == 2, timeout=60_000)
    path = tmp_path / f"network{ending}"
    panel.save_picture(str(path))
    data = path.read_bytes()
    if ending == ".png":
        image = QImage(str(path))
        assert image.width() == 2 * panel.view.width()
    elif ending == ".svg":
        text = data.decode()
        assert text.count("<p") > 20  # paths and polylines, not one picture
    else:
        assert data.startswith(b"%PDF")
        assert b"DCTDecode" not in data  # photographs are not made into JPEG


@pytest.mark.parametrize("ending", list(FORMATS))
@pytest.mark.parametrize("one", [True, False])
def test_the_network_is_written_in_the_background_and_read_again(panel, backend, tmp_path, qtbot, ending, one):
    backend.networks.set_parameter("min_cut", 0.5)
    path = tmp_path / f"network{ending}"
    panel.save_graph(str(path), one)
    qtbot.waitUntil(lambda: path.exists() and backend.background.idle, timeout=30_000)
    layers = backend.networks.network.layers
    expected = layer_graph(layers, 0, 0.5) if one else multilayer_graph(layers, 0.5)
    assert read_graph(path).number_of_edges() == expected.number_of_edges()


def test_another_picture_has_another_network(panel, backend, shown, qtbot, settle):
    before = backend.networks.network
    shown.actions_["next"].trigger()
    assert backend.networks.network is None or backend.networks.network is before
    settle()
    qtbot.waitUntil(lambda: backend.networks.network is not None, timeout=20_000)
    assert backend.networks.network is not before


def test_the_numbers_of_arcs_are_round():
    assert [round_arcs(n) for n in (3, 10, 47.3, 512, 1234, 1e6)] == [10, 10, 47, 510, 1200, 20000]


def test_the_workspace_is_kept_in_the_state(panel, backend, shown):
    assert backend.state.workspace == "network"
    shown.actions_["inspect"].trigger()
    assert backend.state.workspace == "inspect"
    assert not panel.isVisible()
    shown.actions_["network"].trigger()
    assert panel.isVisible()


def test_cancelling_is_reported_and_can_be_followed_by_another_try(panel, backend, shown, qtbot):
    backend.state.set(network_view="aggregate")
    backend.networks._rested()  # without waiting for the slider to rest
    assert backend.worker.knows(backend.networks._ids["aggregate"])
    cancel(shown)
    assert "Cancelled" in backend.networks.aggregate_error
    qtbot.wait(100)
    assert backend.networks.aggregate is None
    shown.actions_["retry"].trigger()
    qtbot.waitUntil(lambda: backend.networks.aggregate is not None, timeout=60_000)
    assert backend.networks.aggregate_error == ""


def test_a_window_that_opens_in_the_workspace_shows_the_network(shown, backend, qtbot):
    from vitinspect.app.shell.window import MainWindow

    backend.state.set(workspace="network")
    qtbot.waitUntil(lambda: backend.networks.network is not None, timeout=20_000)
    second = MainWindow(backend)
    second.show()
    assert second.network_panel.isVisible()
    second.close()
    second.deleteLater()


def test_arcs_are_plain_where_those_of_a_pinned_patch_stand_out(panel, backend):
    view = panel.layer_view
    assert not view.plain
    free = view.grab().toImage()
    backend.state.set(pinned=(2, 2))
    assert view.plain
    assert view.grab().toImage() != free
    assert "the strongest others" in [text for _, text in view._line_words()]
    assert not panel.multiples_view.plain


def test_the_method_becomes_a_layer_with_the_parameters_of_the_view(panel, backend):
    backend.networks.set_parameter("min_cut", 0.25)
    panel.add_layer()
    added = backend.state.selected_layer
    assert (added.method, added.parameters) == ("multiplex", {"min_cut": 0.25})


def test_counts_and_measures_have_thin_spaces_and_three_digits():
    assert [figure(v) for v in (36460, 0.81, 3, -0.5)] == ["36\u2009460", "0.810", "3", "−0.500"]
