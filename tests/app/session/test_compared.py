"""Which layer is compared in which slot follows from the list, its marks and the selection."""

from __future__ import annotations

from dataclasses import replace

from vitinspect.app.session.compared import exchanged, layer_of_a, layer_of_b, layers_of_b
from vitinspect.app.session.layers import Layer, Member
from vitinspect.app.session.state import State

ROLLOUT, LRP = Layer("rollout", method="rollout"), Layer("lrp", method="lrp")
FUSED = Layer("fused", "fused", members=(Member("rollout"), Member("lrp")))


def test_without_marks_both_slots_have_the_selected_layer():
    assert layer_of_a((ROLLOUT, LRP), "lrp") == LRP
    assert layer_of_b((ROLLOUT, LRP), "lrp") == LRP
    assert layer_of_a((ROLLOUT, LRP), "") == ROLLOUT


def test_marks_say_which_layer_is_compared_in_which_slot():
    layers = (replace(ROLLOUT, mark="B"), LRP)
    assert layer_of_a(layers, "lrp") == LRP
    assert layer_of_b(layers, "lrp").id == "rollout"
    assert layer_of_a((replace(ROLLOUT, mark="A"), LRP), "lrp").id == "rollout"


def test_a_hidden_layer_is_compared_in_b_alone():
    layers = (replace(ROLLOUT, mark="A", visible=False), LRP)
    assert layer_of_a(layers, "rollout") == LRP
    (shown,) = layers_of_b((replace(ROLLOUT, mark="B", visible=False), LRP), "lrp")
    assert shown.visible


def test_b_computes_what_is_compared_and_the_members_of_a_fused_map():
    assert [one.id for one in layers_of_b((ROLLOUT, LRP), "lrp")] == ["lrp"]
    layers = layers_of_b((ROLLOUT, LRP, FUSED), "fused")
    assert [(one.id, one.visible) for one in layers] == [("rollout", False), ("lrp", False), ("fused", True)]
    assert layers_of_b((), "") == ()


def test_exchanging_exchanges_what_is_compared():
    layers = exchanged((replace(ROLLOUT, mark="B", visible=False), LRP), "lrp")
    assert (layer_of_a(layers, "lrp").id, layer_of_b(layers, "lrp").id) == ("rollout", "lrp")
    assert exchanged((ROLLOUT, LRP), "lrp") == (ROLLOUT, LRP), "one layer for both stays that"


def test_exchanging_twice_changes_nothing(qapp):
    state = State()
    state.set(model="first", target=(1,), fit="pad", slot_b={"model": "second", "precision": "float64"})
    before = (state.slot_a, state.slot_b)
    state.exchange_slots()
    assert (state.slot_b, state.slot_a) == before
    assert (state.model, state.precision) == ("second", "float64")
    state.exchange_slots()
    assert (state.slot_a, state.slot_b) == before
