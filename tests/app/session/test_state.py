"""The state holds what is shown, says what changed, and is restored from JSON. No widget is needed."""

from __future__ import annotations

import dataclasses
import json

import pytest

from vitinspect.app.session.slots import Slot
from vitinspect.app.session.state import NAMES, State, Values
from vitinspect.errors import ParameterError


@pytest.fixture
def state(qapp):
    return State()


def heard(state):
    names = []
    state.changed.connect(names.append)
    return names


def test_a_change_is_announced_once_by_its_name(state):
    names = heard(state)
    state.set(swipe=0.3, layout="grid")
    assert names == [frozenset({"swipe", "layout"})]
    assert (state.swipe, state.layout) == (0.3, "grid")


def test_values_that_stay_the_same_are_not_announced(state):
    names = heard(state)
    state.set(opacity=state.opacity, layout="single")
    assert names == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("layout", "spiral"), ("opacity", "much"), ("smooth", 1), ("methods", [3]), ("target", [1.5]), ("nothing", 1)],
)
def test_a_value_that_does_not_fit_is_refused_with_a_sentence(state, name, value):
    before = state.values
    with pytest.raises(ParameterError, match=name):
        state.set(**{name: value})
    assert state.values == before


def test_numbers_are_held_in_their_range(state):
    state.set(opacity=7)
    assert state.opacity == 1.0


def test_methods_keep_the_order_in_which_they_were_chosen(state):
    state.choose("raw_attention", True)
    state.choose("rollout", False)
    state.choose("rollout", True)
    assert [m.id for m in state.chosen()] == ["raw_attention", "rollout"]


def test_a_parameter_at_its_default_is_not_kept(state):
    state.set_parameter("rollout", "start_layer", 1)
    assert state.method("rollout").key == "rollout(start_layer=1)"
    state.set_parameter("rollout", "start_layer", 0)
    assert state.parameters == {}
    assert state.method("rollout").key == "rollout"


def test_a_parameter_out_of_range_is_refused(state):
    with pytest.raises(ParameterError, match="discard_ratio"):
        state.set_parameter("rollout", "discard_ratio", 2.0)


def test_what_was_saved_is_restored(state, qapp):
    state.set(folder="/pictures", methods=["rollout", "raw_attention"], target=[2, 1], weights={"rollout": 0.5})
    state.set_parameter("rollout", "head_fusion", "max")
    other = State()
    assert other.restore(state.to_json()) == []
    assert other.values == state.values


def test_momentary_values_are_not_restored(state, qapp):
    state.set(filter="cat", pinned=(1, 2), tool="brush")
    other = State()
    other.restore(state.to_json())
    assert (other.filter, other.pinned, other.tool) == ("", (), "pan")


def test_only_a_broken_value_is_left_out(state):
    document = json.loads(state.to_json()) | {"opacity": "high", "layout": "grid", "from_the_future": 1}
    problems = state.restore(json.dumps(document))
    assert len(problems) == 1
    assert "opacity" in problems[0]
    assert (state.layout, state.opacity) == ("grid", Values().opacity)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null"])
def test_a_file_that_is_not_a_state_leaves_the_defaults(state, text):
    assert state.restore(text)
    assert state.values == Values()


def test_a_method_that_is_no_longer_known_is_left_out(state):
    document = json.loads(state.to_json()) | {"methods": ["rollout", "of_the_past"], "parameters": {"of_the_past": {}}}
    assert state.restore(json.dumps(document)) == []
    assert state.methods == ("rollout",)


def test_every_value_fits_its_own_check(state):
    state.set(**{name: getattr(Values(), name) for name in NAMES})
    assert state.values == Values()


BAD = {
    "threshold_value": [1e12, -1e12, float("inf"), float("-inf"), float("nan"), "x", [], {}, None, True, 10**400],
    "opacity": [7, -1, float("inf"), None],
    "network_layer": [10**30, float("inf"), 1e300, "3"],
    "target": [[10**30], [-1], [1, 2, 3], 5, [[1]], "ab", [float("inf")]],
    "methods": [3, {}, [None], [[]], "rollout", ["\0"]],
    "parameters": [3, {"rollout": 3}, {"rollout": {"start_layer": 1e999}}, [[1, 2, 3]]],
    "weights": [3, {"a": "x"}, {"a": float("nan")}, {"a": 1e400}, [1], {"a": None}, {"a": [[]]}],
    "folder": [3, None, "a\0b", ["x"]],
    "recent_folders": ["abc", [1], ["a\0b"], {"a": 1}],
    "layout": ["spiral", 3, None, []],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_value_of_a_saved_session_is_left_out_with_a_sentence(state, name, value):
    before = state.values
    problems = state.take_over({name: value, "show": "heat"})
    assert len(problems) == 1, problems
    assert len(problems[0]) < 500
    assert state.values == dataclasses.replace(before, show="heat")


def test_a_level_that_fits_only_another_threshold_is_left_out(state):
    assert state.take_over({"threshold_mode": "fixed", "threshold_value": 75.0})
    assert state.threshold_value <= 1
    assert state.take_over({"threshold_mode": "percentile", "threshold_value": 75.0}) == []
    assert state.threshold_value == 75.0


def test_json_that_is_nested_too_deeply_is_reported(state):
    assert state.restore("[" * 200_000)
    assert state.restore('{"weights": ' + '{"a": ' * 200_000)


def test_names_that_are_not_text_are_saved_and_restored(state):
    state.set(folder="/pictures/b\udce9", image="/pictures/b\udce9/\udcff.png")
    text = state.to_json()
    text.encode("utf-8")
    other = State()
    assert other.restore(text) == []
    assert (other.folder, other.image) == (state.folder, state.image)


# --- layers and slots --------------------------------------------------------------------------------------------


def test_a_chosen_method_is_a_layer_and_a_layer_is_a_chosen_method(state):
    state.choose("legrad", True)
    assert [layer.id for layer in state.layers] == ["rollout", "legrad"]
    second = state.add_map("rollout", {"start_layer": 1})
    assert second == "rollout 2"
    assert state.methods == ("rollout", "legrad")
    assert state.selected == second
    state.choose("rollout", False)
    assert [layer.id for layer in state.layers] == ["legrad"]


def test_fusion_is_a_fused_layer(state):
    state.choose("legrad", True)
    state.set(weights={"legrad": 0.5}, fusion=True, fusion_mode="max")
    fused = state.layer("fused")
    assert fused.weights == {"rollout": 1.0, "legrad": 0.5}
    assert fused.fusion_mode == "max"
    state.edit_layer("fused", fusion_mode="rank")
    assert state.fusion_mode == "rank"
    state.set(fusion=False)
    assert state.layer("fused") is None


def test_a_look_for_all_layers_is_set_in_each_and_a_layers_own_in_that_one(state):
    state.choose("legrad", True)
    state.set(opacity=0.4, outline=True)
    assert [(layer.opacity, layer.shown_as) for layer in state.layers] == [(0.4, "outline")] * 2
    state.edit_layer("legrad", opacity=0.8)
    assert [layer.opacity for layer in state.layers] == [0.4, 0.8]
    assert state.opacity == 0.4
    state.set(selected="legrad")
    assert (state.opacity, state.active) == (0.8, "legrad")


def test_edits_of_layers_are_undone_and_redone(state):
    said = []
    state.edited.connect(said.append)
    state.add_map("legrad")
    state.edit_layer("legrad", "Opacity", opacity=0.5, merge="opacity")
    state.edit_layer("legrad", "Opacity", opacity=0.2, merge="opacity")
    assert said == ["Add LeGrad", "Opacity"]
    state.undo()
    assert state.layer("legrad").opacity == Values().opacity
    state.undo()
    assert state.layer("legrad") is None
    state.redo()
    state.redo()
    assert state.layer("legrad").opacity == 0.2


def test_layers_and_the_second_slot_are_saved_and_restored(state, qapp):
    state.add_map("rollout", {"start_layer": 1})
    state.add_fused(["rollout", "rollout 2"])
    state.edit_layer("rollout 2", mark="B", name="later blocks")
    state.set(slot_b=Slot("other", fit="pad", target=(2,)))
    other = State()
    assert other.restore(state.to_json()) == []
    assert other.values == state.values
    assert other.slot_b.target == (2,)
    other.exchange_slots()
    assert (other.model, other.fit, other.target) == ("other", "pad", (2,))
    assert other.slot_b == Slot()


def test_a_file_from_before_layers_gives_the_same_maps(state):
    old = {
        "methods": ["rollout", "legrad"],
        "parameters": {"rollout": {"start_layer": 1}},
        "fusion": True,
        "weights": {"legrad": 0.25},
        "fusion_mode": "rank",
        "opacity": 0.3,
        "grows": "uniform",
        "outline": True,
        "active": "legrad",
    }
    assert state.restore(json.dumps(old)) == []
    assert [layer.id for layer in state.layers] == ["rollout", "legrad", "fused"]
    assert state.layer("rollout").parameters == {"start_layer": 1}
    assert state.layer("fused").weights == {"rollout": 1.0, "legrad": 0.25}
    assert state.layer("fused").fusion_mode == "rank"
    assert {layer.opacity for layer in state.layers} == {0.3}
    assert {layer.opacity_mode for layer in state.layers} == {"uniform"}
    assert state.selected == "legrad"


def test_saved_layers_that_are_not_a_list_are_left_out(state):
    problems = state.restore(json.dumps({"layers": 3, "layout": "grid"}))
    assert len(problems) == 1
    assert "layers" in problems[0]
    assert state.layout == "grid"
    assert [layer.id for layer in state.layers] == ["rollout"]
