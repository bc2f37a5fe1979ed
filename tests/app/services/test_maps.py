"""Maps are kept and shown by the address that comes with them, whatever the window shows by then."""

from __future__ import annotations

import pytest

from tests.app.services.conftest import card, mapped, picture, predicted
from vitinspect.app.compute.addresses import InputAddress
from vitinspect.app.compute.explaining import MapsRequest, Refused
from vitinspect.app.compute.worker import Problem
from vitinspect.app.services.maps import MapService

CROP = InputAddress("content of a", "f1", "float32", "crop")
SQUASH = InputAddress("content of a", "f1", "float32", "squash")


@pytest.fixture
def service(bench):
    made = MapService(
        bench.state,
        bench.results,
        bench.pool,
        bench.worker,
        bench.problems,
        memory_bytes=1 << 20,
        disk_bytes=0,
        use_disk=False,
    )
    made.start()
    made.refresh()
    yield made
    made.close()


def request(bench) -> MapsRequest:
    return bench.worker.last("explain")[1]["request"]


def answer(bench, *parts):
    number = bench.worker.last("explain")[0]
    for part in parts:
        bench.worker.part.emit(number, part)


def test_a_request_carries_its_whole_address(bench, service):
    bench.state.set(target=(2,))
    service.refresh()
    asked = request(bench)
    assert asked.input == CROP
    assert [method.key for method in asked.methods] == ["rollout"]
    assert asked.asked == (2,)


def test_an_answer_is_shown_when_it_is_what_is_asked_for(bench, service):
    answer(bench, predicted(CROP), mapped(CROP.of("rollout")))
    assert bench.results.target == (1,)
    assert bench.results.maps["rollout"].address == CROP.of("rollout")
    assert bench.results.pending == frozenset()


def test_a_crop_answer_after_the_fit_changed_is_kept_as_the_crops(bench, service):
    bench.state.set(fit="squash")
    answer(bench, predicted(CROP), mapped(CROP.of("rollout"), 1.0))
    assert bench.results.maps == {}
    assert service.memory.get(SQUASH.of("rollout").text) is None
    assert service.memory.get(CROP.of("rollout").text) is not None
    service.refresh()
    assert request(bench).input == SQUASH
    answer(bench, predicted(SQUASH), mapped(SQUASH.of("rollout"), 2.0))
    assert bench.results.maps["rollout"].values.max() == 2.0
    bench.state.set(fit="crop")
    before = len(bench.worker.asked)
    service.refresh()
    assert bench.results.maps["rollout"].values.max() == 1.0
    assert len(bench.worker.asked) == before, "what is known is not asked for again"


def test_an_answer_for_another_picture_is_not_shown(bench, service):
    other = InputAddress("content of b", "f1", "float32", "crop")
    answer(bench, predicted(other, best=0), mapped(other.of("rollout"), 7.0))
    assert bench.results.predictions == ()
    assert bench.results.maps == {}
    assert service.memory.get(other.of("rollout").text) is not None


def test_an_answer_to_an_older_request_is_not_shown_for_the_newer_one(bench, service):
    bench.state.set(layers=(), target=(0,))
    bench.state.add_map("legrad")
    service.refresh()
    old = bench.worker.last("explain")[0]
    bench.state.set(target=(2,))
    service.refresh()
    assert request(bench).asked == (2,)
    bench.worker.part.emit(old, predicted(CROP))
    bench.worker.part.emit(old, mapped(CROP.of("legrad", (0,)), 5.0))
    assert "legrad" not in bench.results.maps
    answer(bench, mapped(CROP.of("legrad", (2,)), 3.0))
    assert bench.results.maps["legrad"].values.max() == 3.0
    assert bench.results.maps["legrad"].target_text == "cat"


def test_two_objects_of_one_picture_are_the_same_picture(bench, service):
    number = bench.worker.last("explain")[0]
    bench.results.update(picture=picture())
    answer(bench, predicted(CROP), mapped(CROP.of("rollout")))
    assert "rollout" in bench.results.maps
    assert bench.worker.last("explain")[0] == number


def test_another_file_of_the_same_content_has_the_maps_under_its_own_name(bench, service):
    answer(bench, predicted(CROP), mapped(CROP.of("rollout")))
    bench.state.set(image="/pictures/copy.png")
    bench.results.update(picture=picture("/pictures/copy.png"))
    service.refresh()
    assert bench.results.maps["rollout"].image == "copy.png"


def test_a_cancelled_layer_says_so_and_try_again_asks_for_it(bench, service):
    answer(bench, predicted(CROP))
    service.cancel()
    assert bench.results.stopped == {"rollout"}
    assert bench.results.pending == frozenset()
    before = len(bench.worker.asked)
    service.refresh()
    assert len(bench.worker.asked) == before
    service.retry()
    assert bench.results.stopped == frozenset()
    assert len(bench.worker.asked) == before + 1


def test_a_refused_method_gives_its_reason_and_is_not_asked_for_again(bench, service):
    answer(bench, predicted(CROP), Refused(CROP.of("rollout"), "rollout", "It cannot be.", ""))
    assert bench.results.refusals == {"rollout": "It cannot be."}
    bench.worker.finish(bench.worker.last("explain")[0])
    before = len(bench.worker.asked)
    service.refresh()
    assert len(bench.worker.asked) == before
    assert bench.results.refusals == {"rollout": "It cannot be."}


def test_a_failure_is_reported_once_and_cleared_by_try_again(bench, service):
    raised, gone = [], []
    bench.problems.raised.connect(raised.append)
    bench.problems.gone.connect(gone.append)
    bench.worker.fail(bench.worker.last("explain")[0], Problem("Out of order.", ""))
    assert [problem.message for problem in raised] == ["Out of order."]
    assert bench.results.refusals == {"rollout": "Out of order."}
    service.retry()
    assert gone == raised


def test_the_same_method_twice_with_the_same_parameters_is_computed_once(bench, service):
    bench.state.add_map("rollout", {})
    bench.state.add_map("rollout", {"start_layer": 1})
    service.refresh()
    assert [method.key for method in request(bench).methods] == ["rollout", "rollout(start_layer=1)"]
    answer(bench, predicted(CROP), mapped(CROP.of("rollout")), mapped(CROP.of("rollout(start_layer=1)"), 2.0))
    assert list(bench.results.maps) == ["rollout", "rollout 2", "rollout 3"]
    assert bench.results.maps["rollout 3"].values.max() == 2.0


def test_a_model_that_is_being_loaded_is_not_asked(bench, service):
    before = len(bench.worker.asked)
    bench.results.update(card=card("f2"), model_state="loading")
    service.refresh()
    assert len(bench.worker.asked) == before
    assert bench.results.pending == {"rollout"}


def test_a_small_memory_still_shows_all_maps(bench, service):
    service.memory.bound(1)
    bench.state.add_map("raw_attention")
    service.refresh()
    answer(bench, predicted(CROP), mapped(CROP.of("rollout")), mapped(CROP.of("raw_attention")))
    bench.worker.finish(bench.worker.last("explain")[0])
    before = len(bench.worker.asked)
    service.refresh()
    assert set(bench.results.maps) == {"rollout", "raw_attention"}
    assert len(bench.worker.asked) == before


def test_how_a_map_is_shown_asks_for_nothing_and_another_parameter_does(bench, service):
    for changes in ({"opacity": 0.4}, {"threshold_value": 0.3}, {"shown_as": "outline"}, {"colormap": "grey"}):
        bench.state.edit_layer("rollout", **changes)
        assert not service.is_due, changes
    bench.state.edit_layer("rollout", parameters={"start_layer": 1})
    assert service.is_due
    service.refresh()
    assert [method.key for method in request(bench).methods] == ["rollout(start_layer=1)"]
    bench.state.edit_layer("rollout", visible=False)
    assert service.is_due


def test_a_layer_whose_values_are_in_order_stays_the_same_object(bench):
    (before,) = bench.state.layers
    bench.state.add_map("legrad")
    assert bench.state.layers[0] is before
