"""Curves belong to a map, a target, a fill and a number of steps; interrupted ones continue where they were."""

from __future__ import annotations

import numpy as np
import pytest

from tests.app.services.conftest import PLACED
from tests.app.services.test_derived_maps import CROP, shown
from vitinspect.app.compute.addresses import CurvesAddress
from vitinspect.app.compute.curves import Curves, CurvesWork
from vitinspect.app.compute.worker import Context, Problem
from vitinspect.app.services.curves import CurveService
from vitinspect.errors import Cancelled
from vitinspect.progress import CancelToken


@pytest.fixture
def service(bench):
    made = CurveService(bench.state, bench.results, bench.worker, bench.problems)
    bench.results.update(
        maps={"rollout": shown("rollout", 1)}, predicted_for=CROP, target=(1,), placed=PLACED, shown_layers=("rollout",)
    )
    return made


def curves(address):
    return Curves(address, np.linspace(0, 1, 3), np.zeros(3), np.ones(3), 0.1, 0.9)


def test_curves_are_shown_for_what_they_were_asked_for(bench, service):
    service.compute()
    number, work = bench.worker.last("scores")
    (address,) = work._maps
    assert address == CurvesAddress(CROP.of("rollout"), (1,), "mean", 50)
    bench.worker.part.emit(number, curves(address))
    assert bench.results.curves["rollout"].address == address
    bench.state.set(score_fill="black")
    assert bench.results.curves == {}
    bench.state.set(score_fill="mean")
    assert bench.results.curves["rollout"].address == address, "what was computed is not computed again"


def test_late_curves_of_another_target_are_not_shown(bench, service):
    service.compute()
    number, work = bench.worker.last("scores")
    (address,) = work._maps
    bench.results.update(target=(2,))
    bench.worker.part.emit(number, curves(address))
    assert bench.results.curves == {}
    bench.results.update(target=(1,))
    assert set(bench.results.curves) == {"rollout"}


def test_a_failure_is_reported_once(bench, service):
    raised = []
    bench.problems.raised.connect(raised.append)
    service.compute()
    bench.worker.fail(bench.worker.last("scores")[0], Problem("No curves.", ""))
    assert [problem.message for problem in raised] == ["No curves."]
    assert not bench.results.scoring


def test_interrupted_curves_continue_where_they_were(tiny):
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    where = CROP.__class__("content", tiny.fingerprint, "float32", "crop")
    maps = {
        CurvesAddress(where.of(name), (1,), "mean", 3): np.random.default_rng(i).random((8, 8))
        for i, name in enumerate(("rollout", "legrad"))
    }
    work = CurvesWork(where, pixels, maps)
    context = Context()
    context.models["tiny", "cpu"] = tiny
    parts, seen = [], []

    def stop_in_the_third(part, whole):
        seen.append(part)
        if part > 2000:
            raise Cancelled

    with pytest.raises(Cancelled):
        work(context, parts.append, CancelToken(), stop_in_the_third)
    assert len(parts) == 1
    first = parts[0]
    seen.clear()
    work(context, parts.append, CancelToken(), lambda part, whole: seen.append(part))
    assert min(seen) >= 2000, "the first map is not scored again"
    assert [part.address for part in parts] == list(maps)
    assert parts[0] is first
