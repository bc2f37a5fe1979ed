"""Layers: records and what is done with a list of them, without Qt."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from vitinspect.app.session import layers as layering
from vitinspect.app.session.edits import Edit, Edits
from vitinspect.app.session.layer_files import from_plain, restore, to_plain
from vitinspect.app.session.layers import ANNOTATOR, FUSED, Layer, Member
from vitinspect.errors import ParameterError


@pytest.fixture
def three():
    """Two maps of one method with different parameters, and another one."""
    layers = layering.add((), layering.map_layer((), "rollout"))
    layers = layering.add(layers, layering.map_layer(layers, "rollout", {"start_layer": 1}))
    return layering.add(layers, layering.map_layer(layers, "legrad"))


def ids(layers):
    return [layer.id for layer in layers]


def test_the_same_method_may_be_listed_twice(three):
    assert ids(three) == ["rollout", "rollout 2", "legrad"]
    assert [layer.as_method().key for layer in three[:2]] == ["rollout", "rollout(start_layer=1)"]


def test_a_layers_number_is_its_place(three):
    assert layering.number(three, "legrad") == 3
    assert layering.number(layering.move(three, "legrad", 0), "legrad") == 1
    assert layering.number(three, "nobody") == 0


def test_a_parameter_at_its_default_is_not_kept(three):
    changed = layering.set_parameter(three, "rollout 2", "start_layer", 0)
    assert layering.find(changed, "rollout 2").parameters == {}
    with pytest.raises(ParameterError, match="no parameter 'depth'"):
        layering.set_parameter(three, "rollout", "depth", 1)


def test_operations_do_not_change_the_list_that_they_are_given(three):
    before = tuple(three)
    layering.rename(three, "rollout", "mine")
    layering.solo(three, "legrad")
    layering.remove(three, "rollout")
    assert three == before


def test_removing_a_layer_removes_it_from_fused_maps(three):
    fused = layering.fused_layer(three, ["rollout", "legrad"])
    layers = layering.add(three, fused)
    left = layering.remove(layers, "legrad")
    assert layering.find(left, FUSED).members == (Member("rollout"),)
    assert layering.find(layering.remove(left, "rollout"), FUSED) is None


def test_several_fused_maps_may_be_listed(three):
    layers = layering.add(three, layering.fused_layer(three, ["rollout", "legrad"]))
    layers = layering.add(layers, layering.fused_layer(layers, ["rollout", "rollout 2"], fusion_mode="max"))
    assert ids(layers)[-2:] == ["fused", "fused 2"]


def test_setting_a_weight_makes_a_layer_a_member(three):
    layers = layering.add(three, layering.fused_layer(three, ["rollout"]))
    layers = layering.set_weight(layers, FUSED, "legrad", 0.25)
    assert layering.find(layers, FUSED).weights == {"rollout": 1.0, "legrad": 0.25}
    assert layering.find(layering.drop_member(layers, FUSED, "rollout"), FUSED).weights == {"legrad": 0.25}
    for wrong in (FUSED, "rollout"):
        with pytest.raises(ParameterError):
            layering.set_weight(layers, FUSED, wrong, 2.0)


def test_a_copy_is_below_its_original_and_has_no_mark(three):
    layers, copy = layering.duplicate(layering.change(three, "rollout 2", mark="A"), "rollout 2")
    assert ids(layers) == ["rollout", "rollout 2", "rollout 3", "legrad"]
    assert copy == "rollout 3"
    assert layering.find(layers, copy).parameters == {"start_layer": 1}
    assert layering.find(layers, copy).mark == ""


def test_each_mark_is_at_one_layer(three):
    layers = layering.change(layering.change(three, "rollout", mark="A"), "legrad", mark="A")
    assert [layer.mark for layer in layers] == ["", "", "A"]
    assert layering.marked(layers, "A").id == "legrad"


def test_solo_shows_one_alone_and_then_all_again(three):
    alone = layering.solo(three, "legrad")
    assert [layer.visible for layer in alone] == [False, False, True]
    assert [layer.visible for layer in layering.solo(alone, "legrad")] == [True, True, True]


def test_an_order_needs_each_layer_once(three):
    assert ids(layering.reorder(three, ["legrad", "rollout", "rollout 2"])) == ["legrad", "rollout", "rollout 2"]
    with pytest.raises(ParameterError, match="each of"):
        layering.reorder(three, ["legrad", "legrad", "rollout"])


def test_next_goes_round_the_maps_that_are_shown(three):
    layers = layering.change(three, "rollout 2", visible=False)
    layers = layering.add(layers, Layer("mask", ANNOTATOR, group="ann"))
    assert layering.next_visible(layers, "rollout") == "legrad"
    assert layering.next_visible(layers, "legrad") == "rollout"
    assert layering.next_visible(layers, "rollout", -1) == "legrad"


def test_hidden_maps_are_computed_only_for_a_fused_map_that_is_shown(three):
    layers = tuple(replace(layer, visible=layer.id == "rollout") for layer in three)
    assert ids(layering.computed(layers)) == ["rollout"]
    fused = layering.fused_layer(layers, [Member("legrad"), Member("rollout 2", 0.0)])
    assert ids(layering.computed(layering.add(layers, fused))) == ["rollout", "legrad"]
    assert ids(layering.computed(layering.add(layers, replace(fused, visible=False)))) == ["rollout"]


@pytest.mark.parametrize(
    "change",
    [{"kind": "ghost"}, {"opacity": "much"}, {"method": "of_the_past"}, {"mark": "C"}, {"threshold_mode": "guess"}],
)
def test_a_value_that_does_not_fit_is_refused(three, change):
    with pytest.raises(ParameterError):
        layering.change(three, "rollout", **change)


def test_titles_say_what_a_layer_is_unless_it_has_a_name(three):
    assert three[0].title == "Attention rollout"
    assert three[1].detail == "start_layer 1"
    assert layering.rename(three, "rollout", " mine ")[0].title == "mine"
    assert Layer("t", ANNOTATOR, group="anna").title == "anna"
    assert Layer("t", ANNOTATOR, group="anna", label="leaf").title == "anna: leaf"


def test_layers_are_restored_from_json(three):
    layers = layering.add(three, layering.fused_layer(three, [Member("rollout", 0.5), "legrad"], fusion_mode="max"))
    layers = layering.change(layers, "legrad", opacity=0.4, mark="B", visible=False, name="LeGrad again")
    text = json.dumps([to_plain(layer) for layer in layers])
    assert restore(json.loads(text)) == (layers, [])


def test_a_layer_that_cannot_be_read_is_left_out_also_of_fused_maps(three):
    plain = [to_plain(layer) for layer in three]
    plain.append({"id": "fused", "kind": "fused", "members": [["rollout", 1], ["legrad", 1]]})
    plain[2]["method"] = "of_the_past"
    plain.append({"kind": "map"})
    layers, problems = restore(plain)
    assert ids(layers) == ["rollout", "rollout 2", "fused"]
    assert layers[-1].weights == {"rollout": 1.0}
    assert len(problems) == 2
    assert "of_the_past" in problems[0]


@pytest.mark.parametrize("plain", [{"id": 3}, {"id": "a", "opacity": True}, {"id": "a", "members": 1}, "rollout"])
def test_invalid_layers_are_refused_with_a_sentence(plain):
    with pytest.raises(ParameterError):
        from_plain(plain)


def test_undo_and_redo_walk_through_the_edits(three):
    edits = Edits()
    second = layering.rename(three, "rollout", "mine")
    third = layering.remove(second, "legrad")
    assert edits.add(Edit("Rename", three, second))
    assert edits.add(Edit("Delete", second, third))
    assert edits.undo_text == "Delete"
    assert edits.undo(third) == second
    assert edits.undo(second) == three
    assert edits.undo(three) == three
    assert edits.redo(three) == second
    edits.add(Edit("Solo", second, layering.solo(second, "legrad")))
    assert edits.redo_text == ""


def test_one_drag_of_a_slider_is_one_edit(three):
    edits = Edits()
    now = three
    for opacity in (0.8, 0.7, 0.6):
        after = layering.change(now, "rollout", opacity=opacity)
        edits.add(Edit("Opacity", now, after, merge="opacity of rollout"))
        now = after
    edits.rest()
    after = layering.change(now, "rollout", opacity=0.1)
    edits.add(Edit("Opacity", now, after, merge="opacity of rollout"))
    assert edits.undo(after) == now
    assert edits.undo(now) == three


def test_the_records_need_neither_qt_nor_numpy():
    code = "import sys, vitinspect.app.session.layers, vitinspect.app.session.edits, vitinspect.app.session.slots\n"
    code += "print(*sorted({m.split('.')[0] for m in sys.modules} & {'PySide6', 'numpy', 'torch'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_layer_from_a_file_is_named_after_the_file_or_after_the_folder_of_all() -> None:
    one = layering.file_layer((), "/maps/cat_cam.npy", "/images/cat.jpg")
    every = layering.file_layer((one,), "/maps/{picture}_cam.npy")
    assert (one.id, one.title, every.id, every.title) == ("file", "cat_cam.npy", "file 2", "maps/…_cam.npy")
    fused = layering.fused_layer((one, every), ["file 2"])
    shown = (replace(one, visible=False), replace(every, visible=False), fused)
    assert [layer.id for layer in layering.needed(shown, "file")] == ["file 2"]
    with pytest.raises(ParameterError, match="has the path"):
        layering.checked(replace(one, path=""))
