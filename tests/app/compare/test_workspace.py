"""The Compare workspace as a person uses it: another model in B, its map beside A's, numbers, swipe, exchange."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPointF, Qt

from vitinspect.app.compare.canvas import CompareCanvas
from vitinspect.app.session.results import READY
from vitinspect.errors import ModelError


@pytest.fixture(scope="module")
def other(tiny):
    """Another model: other patches, other classes."""
    import timm
    import torch

    import vitinspect as vi

    torch.manual_seed(7)
    module = timm.create_model(
        "vit_tiny_patch16_224", img_size=64, patch_size=16, embed_dim=24, depth=3, num_heads=2, num_classes=3
    )
    return vi.wrap_model(module.eval(), labels=["owl", "yak", "bee"], name="other")


@pytest.fixture
def loader(tiny, other):
    known = {"demo": tiny, "other": other}

    def load(source, device="cpu"):
        if source not in known:
            raise ModelError(f"{source} is no model.")
        return known[source]

    return load


@pytest.fixture
def compare(shown, backend, settle):
    """Compare, with the other model in slot B and everything computed."""
    shown.resize(1440, 900)
    backend.state.set(workspace="compare")
    backend.second.state.set(model="other")
    settle()
    return shown


def canvas_of(window):
    return window.view_in("compare")


def test_a_deleted_canvas_is_no_longer_called(shown, backend, settle):
    canvas = CompareCanvas(backend.state, backend.results, backend.second)
    canvas.deleteLater()
    QCoreApplication.sendPostedEvents(canvas, QEvent.Type.DeferredDelete)
    backend.second.results.changed.emit(frozenset({"maps"}))  # an exception in a slot fails the test
    backend.results.changed.emit(frozenset({"maps"}))
    backend.state.changed.emit(frozenset({"image"}))


def test_at_first_both_slots_are_the_same_and_it_says_so(shown, backend, settle):
    backend.state.set(workspace="compare")
    settle()
    assert backend.state.slot_b == backend.state.slot_a
    panel = shown.properties.part("compare").compared
    assert "the same so far" in panel.note.text()
    assert panel.look.texts["Rank correlation (Spearman)"] == ["1.00"]
    assert not backend.results.difference.values.any()


def test_another_model_in_b_is_shown_beside_a_with_the_difference(compare, backend):
    canvas = canvas_of(compare)
    first, second, difference = canvas.panes()
    assert (first.slot, second.slot, difference.slot) == ("A", "B", "")
    assert (first.map.model, second.map.model) == ("tiny", "other")
    assert first.map.values.shape == (8, 8)
    assert second.map.values.shape == (4, 4)
    assert difference.map is backend.results.difference
    assert difference.map.values.shape == (8, 8)
    low, high = canvas.range_of(difference.map)
    assert -low == high == pytest.approx(np.abs(difference.map.values).max())


def test_both_rows_say_their_own_predictions(compare, backend):
    rows = compare.contexts["compare"].rows
    for slot, results in (("A", backend.results), ("B", backend.second.results)):
        assert rows[slot].bars.bars[0].label == results.predictions[0].label
    assert {bar.label for bar in rows["B"].bars.bars} <= {"owl", "yak", "bee"}


def test_a_click_on_a_bar_of_b_explains_that_class_in_b_alone(compare, backend, settle, qtbot):
    backend.state.choose("legrad", True)
    backend.state.set(selected="legrad")
    settle()
    before = backend.results.maps["legrad"]
    bars = compare.contexts["compare"].rows["B"].bars
    index = bars.bars[1].index
    qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=bars.bar_rect(1).center())
    settle()
    assert backend.state.slot_b.target == (index,)
    assert backend.state.target == ()
    assert backend.second.results.maps["legrad"].address.target == (index,)
    assert backend.results.maps["legrad"] is before


def test_a_parameter_applies_to_both_slots_as_long_as_they_have_one_layer(compare, backend, settle):
    panel = compare.properties.part("compare").compared
    panel.parameters["A"].changed.emit("start_layer", 1)
    settle()
    keys = [r.maps["rollout"].address.method for r in (backend.results, backend.second.results)]
    assert keys[0] == keys[1]
    assert "start_layer" in keys[0]


def test_b_can_have_another_layer_with_parameters_of_its_own(compare, backend, settle):
    panel = compare.properties.part("compare").compared
    backend.state.choose("legrad", True)
    panel.in_b.chosen.emit("legrad")
    settle()
    assert [pane.map.method for pane in canvas_of(compare).panes()[:2]] == ["rollout", "legrad"]
    assert not panel.heads["B"].isHidden()
    panel.in_b.chosen.emit("")
    settle()
    assert [pane.map.method for pane in canvas_of(compare).panes()[:2]] == ["rollout", "rollout"]


def test_x_exchanges_the_slots_and_keeps_everything_else(compare, backend, settle, monkeypatch):
    backend.state.set(fit="pad", compare_view="side", opacity=0.4)
    backend.second.state.set(precision="float64")
    settle()
    slots = backend.state.slot_a, backend.state.slot_b
    addresses = backend.results.maps["rollout"].address, backend.second.results.maps["rollout"].address
    asked, submit = [], backend.worker.submit

    def recorded(kind, work, doing):
        asked.append(kind)
        return submit(kind, work, doing)

    monkeypatch.setattr(backend.worker, "submit", recorded)
    compare.actions_["exchange_marks"].trigger()
    settle()
    assert (backend.state.slot_b, backend.state.slot_a) == slots
    assert set(asked) == {"load", "load_b"}, "nothing is computed again"
    assert (backend.second.results.maps["rollout"].address, backend.results.maps["rollout"].address) == addresses
    assert (backend.state.compare_view, backend.state.opacity, backend.state.workspace) == ("side", 0.4, "compare")
    assert [pane.map.model for pane in canvas_of(compare).panes()] == ["other", "tiny"]


def test_exchanging_puts_both_maps_on_screen_before_the_models_answer(compare, backend, settle):
    """The maps are in memory and the models are known, so nothing is waited for."""
    compare.actions_["exchange_marks"].trigger()
    backend.maps.refresh()
    backend.second.maps.refresh()
    assert [pane.map.model for pane in canvas_of(compare).panes()[:2]] == ["other", "tiny"]
    settle()


def test_exchanging_back_and_forth_does_nothing_twice(compare, backend, settle, monkeypatch):
    """Derived results are found again, and panels are updated once for all changes, or not at all while hidden."""
    import vitinspect.thresholds
    from vitinspect.app.compare.panel import ComparedProperties
    from vitinspect.app.panels.properties import PropertiesPanel
    from vitinspect.app.services import overlaps, two_maps

    counts = Counter()

    def count(where, name):
        real = getattr(where, name)

        def counted(*given, **named):
            counts[name] += 1
            return real(*given, **named)

        monkeypatch.setattr(where, name, counted)

    for _ in range(2):
        compare.actions_["exchange_marks"].trigger()
        settle()
    count(ComparedProperties, "_follow_numbers")
    count(PropertiesPanel, "_follow_threshold")
    count(vitinspect.thresholds, "threshold")
    count(two_maps, "_difference")
    count(two_maps, "_overlaps")
    count(overlaps, "overlaps_of")
    before = [pane.map for pane in canvas_of(compare).panes()]
    compare.actions_["exchange_marks"].trigger()
    backend.maps.refresh()
    backend.second.maps.refresh()
    assert counts["_follow_numbers"] == 0, "it waits for the end of the event"
    settle()
    after = [pane.map for pane in canvas_of(compare).panes()]
    assert counts.pop("_follow_numbers") <= 3, "once for the maps, once for each model that says it is there"
    assert counts == {}
    assert (after[0].heat, after[1].heat) == (before[1].heat, before[0].heat)


def test_properties_that_are_not_seen_follow_when_they_are_shown(compare, backend, settle):
    backend.state.set(workspace="inspect", selected="rollout")
    settle()
    shown = compare.layers_panel.properties
    backend.state.set(workspace="compare")
    settle()
    backend.state.edit_layer("rollout", "Threshold", threshold_mode="mean")
    settle()
    assert shown.threshold.mode.value != "mean"
    backend.state.set(workspace="inspect")
    assert shown.threshold.mode.value == "mean"


def test_swipe_shows_one_map_over_the_other(compare, backend):
    compare.properties.part("compare").compared.swipe.click()
    (pane,) = canvas_of(compare).panes()
    assert (pane.map.model, pane.second.model) == ("tiny", "other")
    compare.properties.part("compare").compared.swipe.click()
    assert len(canvas_of(compare).panes()) == 3


def test_the_panes_are_linked(compare, backend):
    canvas = canvas_of(compare)
    canvas.zoom_by(3.0)
    first, second, _ = canvas.panes()
    at = canvas.picture_point(QPointF(first.picture.center()), first)
    assert canvas.picture_point(QPointF(second.picture.center()), second) == pytest.approx(at)


def test_a_shared_range_gives_both_colour_bars_the_same_ends(compare, backend):
    canvas = canvas_of(compare)
    first, second, _ = canvas.panes()
    own = [canvas.range_of(pane.map) for pane in (first, second)]
    compare.properties.part("compare").compared.range.chosen.emit("shared")
    assert own[0] != own[1]
    assert canvas.range_of(first.map) == canvas.range_of(second.map)
    assert canvas.range_of(first.map)[1] == max(high for _, high in own)


def test_the_status_bar_says_both_patches_and_all_values(compare, backend):
    canvas = canvas_of(compare)
    canvas._set_cursor((20.0, 20.0))
    place = compare.readout.place_text()
    assert "A row" in place
    assert "B row" in place
    assert [name for name, _ in compare.readout.values()] == ["A", "B", "B − A"]
    backend.state.set(workspace="inspect")
    assert "B row" not in compare.readout.place_text()


def test_a_model_that_cannot_be_loaded_in_b_leaves_the_comparison(compare, backend, settle):
    before = backend.second.results.maps["rollout"]
    backend.second.state.set(model="no model")
    settle()
    assert backend.state.slot_b.model == "other"
    assert backend.second.results.model_state == READY
    assert backend.second.results.maps["rollout"].values is before.values
    assert "no model is no model." in [problem.message for problem in backend.problems.current.values()]


def test_a_missing_map_says_why_in_its_pane(compare, backend, settle, monkeypatch):
    from vitinspect.errors import VitInspectError
    from vitinspect.explainers.methods import attention

    explain = attention.RawAttention.maps

    def failing(self, run, sweep=None, early=None):
        if run.model.name == "other":
            raise VitInspectError("This method fails for the other model.")
        return explain(self, run, sweep, early)

    monkeypatch.setattr(attention.RawAttention, "maps", failing)
    backend.state.choose("raw_attention", True)
    backend.state.set(selected="raw_attention")
    settle()
    first, second, difference = canvas_of(compare).panes()
    assert first.map.method == "raw_attention"
    assert second.missing.reason == "This method fails for the other model."
    assert difference.missing is not None


def test_the_next_picture_is_compared_too(compare, backend, settle):
    compare.actions_["next"].trigger()
    settle()
    content = backend.results.picture.content
    assert backend.results.difference.address.first.content == content
    assert backend.results.difference.address.second.content == content


def test_slot_b_is_restored_after_a_restart(compare, backend):
    from vitinspect.app.session.state import State

    other = State()
    assert other.restore(backend.state.to_json()) == []
    assert other.slot_b == backend.state.slot_b
    assert other.workspace == "compare"
