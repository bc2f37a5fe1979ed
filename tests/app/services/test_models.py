"""The working model stays when another cannot be loaded, and errors are cleared with their cause."""

from __future__ import annotations

import pytest

from tests.app.services.conftest import card
from vitinspect.app.compute.worker import Problem
from vitinspect.app.services.models import ModelService
from vitinspect.app.session.results import FAILED, LOADING, READY


@pytest.fixture
def service(bench):
    bench.results.update(card=None, model_state="none")
    made = ModelService(bench.state, bench.results, bench.pool, bench.worker, bench.problems, remember=False)
    made.start()
    return made


def loaded(bench, name, fingerprint="f1"):
    number, asked = bench.worker.last("load")
    assert asked["source"] == name
    bench.worker.finish(number, card(fingerprint, name))


def test_a_model_is_shown_when_it_is_loaded(bench, service):
    assert bench.results.model_state == LOADING
    loaded(bench, "demo")
    assert bench.results.model_state == READY
    assert bench.results.card.name == "demo"
    assert bench.state.recent_models == ("demo",)


def test_the_earlier_model_stays_on_screen_while_another_is_loaded(bench, service):
    loaded(bench, "demo")
    bench.state.set(model="other")
    assert bench.results.model_state == LOADING
    assert bench.results.card.name == "demo"
    loaded(bench, "other", "f2")
    assert bench.results.card.name == "other"


def test_the_working_model_stays_when_another_cannot_be_loaded(bench, service):
    loaded(bench, "demo")
    bench.state.set(model="bad")
    bench.worker.fail(bench.worker.last("load")[0], Problem("bad is no model.", "", True))
    assert bench.state.model == "demo"
    loaded(bench, "demo")
    assert bench.results.card.name == "demo"
    assert bench.results.model_state == READY
    assert bench.results.model_error == "bad is no model."
    assert "bad" not in bench.state.recent_models
    assert [problem.message for problem in bench.problems.current.values()] == ["bad is no model."]


def test_the_error_is_cleared_when_another_model_is_loaded(bench, service):
    loaded(bench, "demo")
    bench.state.set(model="bad")
    bench.worker.fail(bench.worker.last("load")[0], Problem("bad is no model.", "", True))
    loaded(bench, "demo")
    bench.state.set(model="good")
    loaded(bench, "good", "f2")
    assert bench.problems.current == {}
    assert bench.results.model_error == ""


def test_try_again_loads_the_model_that_could_not_be_loaded(bench, service):
    loaded(bench, "demo")
    bench.state.set(model="bad")
    bench.worker.fail(bench.worker.last("load")[0], Problem("The network is down.", "", True))
    loaded(bench, "demo")
    service.retry()
    assert bench.worker.last("load")[1]["source"] == "bad"


def test_without_a_working_model_the_failure_is_shown(bench, service):
    bench.worker.fail(bench.worker.last("load")[0], Problem("demo is missing.", "", True))
    assert bench.results.model_state == FAILED
    assert bench.results.model_error == "demo is missing."


def test_a_late_answer_to_an_older_request_is_not_used(bench, service):
    first = bench.worker.last("load")[0]
    bench.state.set(model="other")
    bench.worker.finished.emit(first, card("f1", "demo"))
    assert bench.results.card is None
    loaded(bench, "other", "f2")
    assert bench.results.card.name == "other"
