"""Slot B: only what is compared is computed, under addresses of its own, in step with the state."""

from __future__ import annotations

import pytest

from tests.app.services.conftest import card, mapped, predicted
from vitinspect.app.compute.addresses import InputAddress
from vitinspect.app.services.maps import MapService
from vitinspect.app.services.models import LoadedCards
from vitinspect.app.services.second_slot import SecondSlot
from vitinspect.app.services.two_maps import TwoMaps
from vitinspect.app.session import layers as layering
from vitinspect.app.session.results import READY, Results


@pytest.fixture
def second(bench):
    maps = MapService(
        bench.state, bench.results, bench.pool, bench.worker, bench.problems,
        memory_bytes=1 << 20, disk_bytes=0, use_disk=False,
    )  # fmt: skip
    made = SecondSlot(
        bench.state, bench.results, bench.pool, bench.worker, bench.problems, maps, LoadedCards(), use_disk=False
    )
    bench.maps = maps
    yield made
    made.close()
    maps.close()


def load_b(bench, fingerprint="f2"):
    number, asked = bench.worker.last("load_b")
    bench.worker.finish(number, card(fingerprint, asked["source"]))


def compare(bench, second, fingerprint="f2", **slot):
    """Show Compare with this in slot B, whose model is there."""
    bench.state.set(workspace="compare", slot_b={"model": "other", **slot})
    load_b(bench, fingerprint)
    second.maps.refresh()


def test_nothing_is_asked_before_compare_is_shown(bench, second):
    bench.state.set(slot_b={"model": "other"})
    assert [kind for _, kind, _ in bench.worker.asked] == []
    assert second.holds is None


def test_its_model_is_loaded_beside_that_of_slot_a(bench, second):
    bench.state.set(workspace="compare", slot_b={"model": "other"})
    _, asked = bench.worker.last("load_b")
    assert (asked["source"], asked["beside"]) == ("other", ("demo", "auto"))
    assert second.holds == ("other", "auto")


def test_an_empty_slot_begins_as_slot_a(bench, second):
    bench.state.set(target=(1,), fit="pad")
    second.fill()
    assert bench.state.slot_b == bench.state.slot_a
    bench.state.set(slot_b={"model": "other"})
    second.fill()
    assert bench.state.slot_b.model == "other", "a filled one stays"


def test_its_request_carries_its_own_address(bench, second):
    compare(bench, second, fit="squash", precision="float64", target=(2,))
    request = bench.worker.last("explain_b")[1]["request"]
    assert request.input == InputAddress("content of a", "f2", "float64", "squash")
    assert request.asked == (2,)
    assert [method.id for method in request.methods] == ["rollout"]


def test_only_the_layer_that_is_compared_is_computed(bench, second):
    bench.state.add_map("legrad")
    bench.state.add_map("lrp")
    compare(bench, second)
    assert [m.id for m in bench.worker.last("explain_b")[1]["request"].methods] == ["lrp"]
    bench.state.set(selected="legrad")
    second.maps.refresh()
    assert [m.id for m in bench.worker.last("explain_b")[1]["request"].methods] == ["legrad"]


def test_an_answer_is_shown_in_the_slot_whose_address_it_has(bench, second):
    compare(bench, second)
    number, asked = bench.worker.last("explain_b")
    where = asked["request"].input
    bench.worker.part.emit(number, predicted(where, best=2))
    bench.worker.part.emit(number, mapped(where.of("rollout"), 3.0))
    assert second.results.predictions[0].index == 2
    assert second.results.maps["rollout"].address == where.of("rollout")
    assert bench.results.maps == {}
    assert bench.results.predictions == ()


def test_what_slot_a_has_computed_slot_b_does_not_compute_again(bench, second):
    where = InputAddress("content of a", "f1", "float32", "crop")
    bench.maps.memory.put(predicted(where))
    bench.maps.memory.put(mapped(where.of("rollout")))
    bench.state.set(workspace="compare", slot_b={"model": "other"})
    load_b(bench, "f1")
    second.maps.refresh()
    assert "rollout" in second.results.maps
    assert not [kind for _, kind, _ in bench.worker.asked if kind == "explain_b"]


def test_what_slot_b_computes_for_the_same_input_lets_slot_a_continue(bench, second):
    """The prediction of slot A was cancelled, and slot B computes it: the maps of A need not wait for it any longer."""
    bench.maps.start()
    bench.maps.refresh()
    bench.maps.cancel()
    assert "prediction" in bench.results.stopped
    compare(bench, second, "f1")
    number, asked = bench.worker.last("explain_b")
    where = asked["request"].input
    bench.state.set(target=(0,), methods=("legrad",))
    bench.maps.refresh()
    bench.worker.part.emit(number, predicted(where))
    assert bench.maps.is_due
    bench.maps.refresh()
    assert [m.id for m in bench.worker.last("explain")[1]["request"].methods] == ["legrad"]


def test_what_is_chosen_in_its_row_is_what_the_state_says(bench, second):
    compare(bench, second)
    second.state.set(target=(1,), precision="float64")
    assert (bench.state.slot_b.target, bench.state.slot_b.precision) == ((1,), "float64")
    second.state.set(model="third", target=())
    assert bench.state.slot_b.model == "third"
    assert bench.worker.last("load_b")[1]["source"] == "third"
    assert bench.state.model == "demo"


def test_outside_of_compare_it_asks_for_nothing_and_keeps_its_model(bench, second):
    compare(bench, second)
    bench.state.set(workspace="inspect")
    second.maps.refresh()
    assert "explain_b" not in bench.worker.alive.values()
    bench.state.set(image="/pictures/b.png")
    second.maps.refresh()
    assert "explain_b" not in bench.worker.alive.values()
    assert second.holds == ("other", "auto")


def test_a_model_that_fails_in_slot_b_replaces_neither_the_earlier_one_nor_slot_a(bench, second):
    from vitinspect.app.compute.worker import Problem

    compare(bench, second)
    second.state.set(model="bad")
    bench.worker.fail(bench.worker.last("load_b")[0], Problem("bad is no model.", "", True))
    assert bench.state.slot_b.model == "other"
    assert bench.state.model == "demo"
    assert bench.results.model_state == READY
    assert set(bench.problems.current) == {"model_b"}


@pytest.fixture
def two_maps(bench, second):
    return TwoMaps(bench.state, bench.results, second, bench.pool)


class Cuts:
    """What ``DerivedMaps`` knows about slot A, whose service is missing here."""

    def __init__(self, level):
        self.level = level


def answer(bench, second, *, value=2.0):
    """Maps for both slots."""
    where = InputAddress("content of a", "f1", "float32", "crop")
    bench.maps.memory.put(predicted(where))
    bench.maps.memory.put(mapped(where.of("rollout"), value))
    bench.maps.refresh()
    number, asked = bench.worker.last("explain_b")
    own = asked["request"].input
    bench.worker.part.emit(number, predicted(own))
    bench.worker.part.emit(number, mapped(own.of("rollout")))


def test_the_difference_and_the_agreement_are_those_of_the_two_maps(bench, second, two_maps):
    compare(bench, second)
    answer(bench, second)
    bench.results.update(cuts={"rollout": Cuts(1.0)})
    found = bench.results.difference
    assert (found.address.first.model, found.address.second.model) == ("f1", "f2")
    assert not found.values.any(), "scaled, both are the same"
    assert bench.results.compared.agreement.iou == 1.0
    assert bench.results.compared.levels[0] == 1.0


def test_there_is_no_difference_once_a_map_is_gone_or_compare_is_left(bench, second, two_maps):
    compare(bench, second)
    answer(bench, second)
    assert bench.results.difference is not None
    bench.state.edit("Hide", layering.change(bench.state.layers, "rollout", visible=False))
    bench.maps.refresh()
    bench.results.update(shown_layers=())
    assert bench.results.difference is None
    bench.results.update(shown_layers=("rollout",))
    bench.state.edit("Show", layering.change(bench.state.layers, "rollout", visible=True))
    bench.maps.refresh()
    assert bench.results.difference is not None
    bench.state.set(workspace="inspect")
    assert bench.results.difference is None
    assert isinstance(bench.results, Results)
