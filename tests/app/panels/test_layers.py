"""The right panel: the list of layers, adding to it, and the properties of the selected one."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QToolTip

from vitinspect import presets
from vitinspect.app.panels.layer_facts import detail_of, name_of, rows_of
from vitinspect.app.session.layers import FUSED, RANGE_MODES, Layer, Member
from vitinspect.app.widgets.properties.choices import meaning
from vitinspect.fusion import fuse
from vitinspect.maps import AttributionMap
from vitinspect.thresholds import threshold


@pytest.fixture
def panel(shown):
    return shown.layers_panel


@pytest.fixture
def several(shown, backend, settle):
    """The window with three maps, one of them signed and on pixels."""
    backend.state.set(methods=("rollout", "attention_gradcam", "input_x_gradient"))
    settle()
    return shown.layers_panel


def rows(panel) -> list:
    QApplication.processEvents()  # what results changed is followed before the next painting
    return list(panel.list.layers.rows)


def ids(backend) -> list[str]:
    return [layer.id for layer in backend.state.layers]


def texts(menu) -> list[str]:
    return [action.text().split("\t")[0] for action in menu.actions() if action.text()]


def test_each_layer_has_a_row_with_its_number_and_the_pane_the_same(several, backend) -> None:
    assert [(row.number, row.id) for row in rows(several)] == [
        (1, "rollout"),
        (2, "attention_gradcam"),
        (3, "input_x_gradient"),
    ]
    assert [backend.state.number(row.id) for row in rows(several)] == [1, 2, 3]


def test_a_click_selects_a_layer_and_its_properties_follow(several, backend, qtbot) -> None:
    place = several.list.visualRect(several.list.layers.index_of("input_x_gradient")).center()
    qtbot.mouseClick(several.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert backend.state.selected == "input_x_gradient"
    assert several.properties.head.name == "Input times gradient"
    assert list(several.properties.parameters.rows) == ["resolution"]
    assert not several.properties.display.drawn.isEnabled()


def test_a_changed_parameter_is_shown_in_the_row(panel, backend, settle) -> None:
    panel.properties.parameters.rows["start_layer"].field.setValue(1)
    settle()
    assert rows(panel)[0].detail == "start_layer 1"
    assert panel.properties.parameters.rows["start_layer"].row.note.text() == meaning("start_layer", 1, 2)
    panel.properties.reset.click()
    settle()
    assert rows(panel)[0].detail == ""


def test_duplicating_renaming_ordering_and_deleting_layers_is_undone(several, backend, shown) -> None:
    before = backend.state.layers
    several.duplicate_layer("rollout")
    copy = backend.state.selected
    assert ids(backend)[1] == copy
    several.list.renamed.emit(copy, "mine")
    assert name_of(backend.state.layers, backend.state.layer(copy)) == "mine"
    several.list.ordered.emit(tuple(reversed(ids(backend))))
    assert ids(backend)[-1] == "rollout"
    several.remove("rollout")
    assert "rollout" not in ids(backend)
    for _ in range(4):
        shown.actions_["undo"].trigger()
    assert backend.state.layers == before


def test_the_eye_hides_and_alt_shows_one_alone(several, backend, qtbot) -> None:
    several.list.eye_toggled.emit("rollout")
    assert not backend.state.layer("rollout").visible
    several.list.solo_wanted.emit("attention_gradcam")
    assert [layer.id for layer in backend.state.layers if layer.visible] == ["attention_gradcam"]


def test_one_layer_has_each_mark(several, backend) -> None:
    several.list.mark_wanted.emit("rollout", "A")
    several.list.mark_wanted.emit("input_x_gradient", "A")
    assert [row.mark for row in rows(several)] == ["", "", "A"]
    several.list.mark_wanted.emit("input_x_gradient", "")
    assert [row.mark for row in rows(several)] == ["", "", ""]


def test_deleting_the_selected_layer_selects_the_next(several, backend) -> None:
    backend.state.set(selected="attention_gradcam")
    several.delete.click()
    assert backend.state.selected == "input_x_gradient"
    several.delete.click()
    assert backend.state.selected == "rollout"
    several.delete.click()
    assert backend.state.layers == ()
    assert not several.delete.isEnabled()
    assert several.properties.note.isHidden()  # the list says that there is none


def test_the_menu_of_a_layer_offers_what_applies_to_it(several, backend) -> None:
    assert texts(several.menu("rollout")) == [
        "Solo",
        "Rename",
        "Duplicate",
        "Mark as A",
        "Mark as B",
        "Fuse with selected",
        "Copy as Python",
        "Export…",
        "Delete",
    ]
    assert texts(several.menu("")) == ["Add layers"]


def test_a_map_as_python_computes_the_same_map(several, backend, tiny, monkeypatch) -> None:
    import vitinspect as vi

    several.copy_as_python("attention_gradcam")
    code = QGuiApplication.clipboard().text()
    monkeypatch.setattr(vi, "load_model", lambda *a, **k: tiny)
    found: dict = {}
    exec(code, found)
    assert np.allclose(found["values"], backend.results.maps["attention_gradcam"].values, atol=1e-6)


def test_a_preset_of_fused_maps_adds_their_members_hidden_and_once(panel, backend, settle, shown) -> None:
    panel.add_layers((("lrp",), ("lrp", "rollout"), ("rollout", "attention_gradcam")))
    kinds = [(layer.kind, layer.visible) for layer in backend.state.layers]
    assert kinds.count((FUSED, True)) == 2
    assert [layer.method for layer in backend.state.layers if layer.kind == "map"].count("rollout") == 1
    assert not next(layer for layer in backend.state.layers if layer.method == "attention_gradcam").visible
    assert rows(panel)[-1].name == "Rollout × GradCAM"
    assert rows(panel)[-1].detail == "fused"
    shown.actions_["undo"].trigger()
    assert ids(backend) == ["rollout"]


def test_the_same_method_can_be_added_twice(panel, backend, settle) -> None:
    panel.add_layers((("rollout(start_layer=1)",),))
    assert [detail_of(layer) for layer in backend.state.layers] == ["", "start_layer 1"]
    assert len(set(ids(backend))) == 2


def test_the_picker_opens_by_key_beside_the_panel_and_knows_what_is_shown(panel, shown, backend, qtbot) -> None:
    shown.actions_["add_layers"].trigger()
    assert panel.picker.isVisible()
    assert panel.picker.geometry().right() <= panel.mapTo(shown, QPoint(0, 0)).x()
    shown_rows = [row for row in panel.picker._everything if row.shown]
    assert [row.layer for row in shown_rows] == [("rollout",)]
    qtbot.keyClick(panel.picker.search, Qt.Key.Key_Escape)
    assert not panel.picker.isVisible()


def test_a_preset_is_saved_by_name_and_listed_the_next_time(panel, shown) -> None:
    panel.open_picker()
    panel.picker.preset_saved.emit("mine", (("lrp",), ("lrp", "rollout")))
    own, problems = presets.read_own()
    assert ([preset.title for preset in own], problems) == (["mine"], [])
    panel.picker.preset_deleted.emit("mine")
    assert presets.read_own() == ((), [])
    panel.picker.close_picker()


def test_the_fused_map_equals_the_library(several, backend, settle) -> None:
    several.fuse(ids(backend))
    assert backend.state.selected == FUSED
    maps = [
        AttributionMap(m.values, m.id, signed=m.signed, resolution=m.resolution) for m in backend.results.maps.values()
    ]
    expected = fuse(maps, "geometric", normalisation="minmax")
    assert np.allclose(backend.results.all_maps[FUSED].values, expected.values, atol=1e-6)


def test_a_weight_of_zero_and_a_removed_member_leave_the_fusion(several, backend, qtbot) -> None:
    requests = []
    backend.worker.started.connect(lambda *a: requests.append(a))
    several.fuse(ids(backend))
    form = several.properties.fusion
    assert list(form.members) == ["rollout", "attention_gradcam", "input_x_gradient"]
    form.members["input_x_gradient"].slide.slider.setValue(0)
    assert backend.state.layer(FUSED).weights["input_x_gradient"] == 0
    assert backend.results.all_maps[FUSED].values.shape == (8, 8)
    qtbot.mouseClick(form.members["rollout"].remove, Qt.MouseButton.LeftButton)
    assert "rollout" not in backend.state.layer(FUSED).weights
    qtbot.wait(50)
    assert requests == []


def test_the_threshold_is_that_of_the_library(several, backend) -> None:
    shown = backend.results.maps["rollout"]
    expected = threshold(shown.heat.fine, "otsu")
    assert backend.results.cuts["rollout"].level == pytest.approx(expected.level)
    assert several.properties.threshold.share.text().startswith(f"{100 * expected.share:.1f} % of the picture")


@pytest.mark.parametrize("mode", ["fixed", "percentile", "top_fraction", "mean", "mean_std", "otsu"])
def test_each_mode_of_threshold_gives_a_cut(several, backend, mode) -> None:
    several.properties.threshold.mode_chosen.emit(mode)
    assert backend.state.layer("rollout").threshold_mode == mode
    assert "rollout" in backend.results.cuts


def test_dragging_the_line_in_the_histogram_moves_the_level_in_one_step(several, backend, qtbot, shown) -> None:
    histogram = several.properties.threshold.histogram
    start, end = (QPoint(round(histogram.width() * share), 20) for share in (0.4, 0.8))
    qtbot.mousePress(histogram, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(histogram, (start + end) / 2)
    qtbot.mouseMove(histogram, end)
    qtbot.mouseRelease(histogram, Qt.MouseButton.LeftButton, pos=end)
    layer = backend.state.layer("rollout")
    assert (layer.threshold_mode, layer.shown_as) == ("fixed", "outline")
    assert layer.threshold_value == pytest.approx(0.8, abs=0.02)
    fine = backend.results.maps["rollout"].heat.fine
    assert backend.results.cuts["rollout"].level == pytest.approx(
        fine.min() + 0.8 * (fine.max() - fine.min()), rel=0.05
    )
    shown.actions_["undo"].trigger()
    assert backend.state.layer("rollout").threshold_mode == "otsu"


def test_a_typed_range_begins_with_what_is_seen_and_must_have_a_width(panel, backend) -> None:
    display = panel.properties.display
    seen = backend.results.maps["rollout"].heat.range
    display.changed.emit("range_mode", "typed")
    layer = backend.state.layer("rollout")
    assert (layer.low, layer.high) == (pytest.approx(seen.low), pytest.approx(seen.high))
    display.range_typed.emit(0.5, 0.1)
    assert backend.state.layer("rollout").low == layer.low
    display.range_typed.emit(0.0, 0.5)
    assert (backend.state.layer("rollout").low, backend.state.layer("rollout").high) == (0.0, 0.5)


def test_a_refused_layer_says_why_in_its_row(panel, backend) -> None:
    backend.results.update(refusals={"rollout": "it has no attention"})
    row = rows(panel)[0]
    assert (row.state, row.reason) == ("refused", "it has no attention")


def test_a_mask_is_a_layer_without_a_number(backend) -> None:
    truth = Layer("truth", "truth", group="masks-second", found=True)
    backend.state.set(layers=(*backend.state.layers, truth))
    row = rows_of(backend.state, backend.results)[-1]
    assert (row.number, row.swatch.kind, row.can_mark, row.can_rename) == (0, "truth", False, False)


def test_a_fused_layer_of_many_is_called_by_their_number(backend) -> None:
    backend.state.set(methods=("rollout", "lrp", "legrad", "gmar"))
    members = tuple(Member(layer.id) for layer in backend.state.layers)
    fused = Layer("f", FUSED, members=members)
    assert name_of((*backend.state.layers, fused), fused) == "4 maps"


def test_the_properties_do_not_scroll_at_1280_by_800(shown, backend, settle) -> None:
    shown.resize(1280, 800)
    for method in ("rollout", "lrp", "rise", "occlusion", "smoothgrad", "random"):
        backend.state.set(methods=(method,))
        shown.layers_panel.follow()
        properties, listed = shown.layers_panel.properties, shown.layers_panel.list
        assert properties.height() >= properties.sizeHint().height(), method
        assert listed.height() >= 3 * 28, method
        bottom = properties.mapTo(shown, QPoint(0, properties.height()))
        assert bottom.y() <= 800
    settle()


def test_a_row_shows_the_time_of_its_map_or_that_it_was_cached(panel, backend) -> None:
    row = rows(panel)[0]
    assert row.state == "ready"
    assert row.seconds is not None
    assert 0 <= row.seconds < 60
    backend.results.update(seconds={})
    assert rows(panel)[0].state == "cached"


def test_the_picker_shows_measured_times_of_this_model_only(panel, backend) -> None:
    backend.results.update(measured={**backend.results.measured, ("another model", "lrp"): 7.0})
    panel.open_picker()
    found = {row.layer: row for row in panel.picker._everything}
    assert found[("rollout",)].measured
    assert not found[("lrp",)].measured
    panel.picker.close_picker()


def test_a_layer_has_one_name_everywhere(several, backend, settle) -> None:
    several.fuse(["rollout", "attention_gradcam"])
    settle()
    assert rows(several)[-1].name == "Rollout × GradCAM"
    assert backend.results.all_maps[FUSED].title == "Rollout × GradCAM"
    assert several.properties.head.name == "Rollout × GradCAM"
    several.list.renamed.emit(FUSED, "both")
    settle()
    assert backend.results.all_maps[FUSED].title == "both"


def test_each_range_and_each_way_to_show_the_threshold_can_be_chosen_and_is_painted(
    panel, backend, shown, settle
) -> None:
    form, canvas = panel.properties, shown.canvas
    assert [form.display.range.itemData(i) for i in range(form.display.range.count())] == list(RANGE_MODES)
    pictures = [bytes(canvas.grab().toImage().constBits())]
    for way in ("outline", "shade", "mask"):
        form.threshold.shown_as.buttons[way].click()
        assert backend.state.layer("rollout").shown_as == way
        pictures.append(bytes(canvas.grab().toImage().constBits()))
    assert len(set(pictures)) == 4
    form.threshold.shown_as.buttons["mask"].click()
    assert backend.state.layer("rollout").shown_as == ""
    high = backend.results.maps["rollout"].heat.range.high
    form.display.range_typed.emit(0.0, 2 * high)
    assert backend.state.layer("rollout").range_mode == "typed"
    assert canvas.range_of(backend.results.maps["rollout"]) == (0.0, 2 * high)
    assert form.display.high.value() == pytest.approx(2 * high)
    form.display.changed.emit("range_mode", "pictures")
    assert canvas.range_of(backend.results.maps["rollout"])[1] == high
    shown.actions_["next"].trigger()
    settle()
    next_high = backend.results.maps["rollout"].heat.range.high
    assert canvas.range_of(backend.results.maps["rollout"])[1] == max(high, next_high)


def test_the_help_of_a_method_is_shown_as_plain_text(panel, qtbot) -> None:
    panel.properties.about.click()
    assert "Abnar &amp; Zuidema" in QToolTip.text()
    QToolTip.hideText()


def test_a_long_name_in_the_head_of_the_properties_takes_more_lines(panel, shown, backend, settle):
    head = panel.properties.head
    short = head.height()
    backend.state.edit_layer(
        "rollout", name="a map with a name that is far longer than one line of the panel has room for"
    )
    settle()
    assert head.height() > short
    _, _, lines = head._wrapped()
    assert lines >= 2
    backend.state.edit_layer("rollout", name="")
    settle()
    assert head.height() == short
