"""An answer is shown only for what was asked for last: each service alone, with a scripted worker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QObject, Signal

from vitinspect.app.compute.addresses import AttentionAddress, InputAddress, WhatIfAddress
from vitinspect.app.compute.head_attention import HeadAttention
from vitinspect.app.compute.what_if import WithoutRegion
from vitinspect.app.heat import Heat
from vitinspect.app.services.attention import AttentionService
from vitinspect.app.services.derived_maps import DerivedMaps
from vitinspect.app.services.overlaps import OverlapService
from vitinspect.app.services.pictures import PictureService
from vitinspect.app.services.what_if import WhatIfService
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import READY, Results
from vitinspect.app.session.state import State

WHERE = InputAddress("content", "model", "float32", "crop")


class ScriptedWorker(QObject):
    """Accepts requests and answers none by itself."""

    started = Signal(int, str)
    part = Signal(int, object)
    finished = Signal(int, object)
    failed = Signal(int, object)
    ended = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []

    def submit(self, kind: str, work: Any, doing: str) -> int:
        self.requests.append(work)
        return len(self.requests)

    def cancel(self, kind: str | None = None) -> None:
        pass

    def knows(self, request_id: int) -> bool:
        return request_id == len(self.requests)


class ScriptedPool:
    """Keeps jobs instead of doing them."""

    def __init__(self) -> None:
        self.jobs: list[Any] = []

    def submit(self, kind: Any, job: Any) -> None:
        self.jobs.append(job)

    def clear(self, kind: Any) -> None:
        pass


@pytest.fixture
def window(qapp: Any) -> SimpleNamespace:
    """State and results as they are when a picture, a model and its prediction are there."""
    state, results = State(), Results()
    state.set(image="a.png", plots=True, plot="layers")
    results.picture = SimpleNamespace(path="a.png", content=WHERE.content, pixels=None)  # type: ignore[assignment]
    results.card = SimpleNamespace(fingerprint=WHERE.model, grid=(2, 2), prefix_names=("class",))  # type: ignore[assignment]
    results.model_state, results.predicted_for = READY, WHERE
    state.set(precision=WHERE.precision, fit=WHERE.fit)
    return SimpleNamespace(state=state, results=results, worker=ScriptedWorker(), problems=Problems())


def region(address: WhatIfAddress) -> WithoutRegion:
    return WithoutRegion(address, np.zeros(3), np.zeros((2, 2, 3)), np.zeros((2, 2), bool))


def test_without_a_region_shows_the_answer_for_the_region_that_was_painted_last(window: SimpleNamespace) -> None:
    service = WhatIfService(window.state, window.results, window.worker, window.problems)
    first, second = np.eye(2, dtype=bool), np.ones((2, 2), dtype=bool)
    service.paint_out(first)
    service.paint_out(second)
    old, new = (work.keywords["address"] for work in window.worker.requests)
    assert old != new
    window.worker.finished.emit(1, region(old))
    assert window.results.probed is None
    window.worker.finished.emit(2, region(new))
    assert window.results.probed.address == new
    window.worker.finished.emit(1, region(old))
    assert window.results.probed.address == new


def test_the_attention_shown_is_that_of_the_token_that_is_pinned_now(window: SimpleNamespace) -> None:
    service = AttentionService(window.state, window.results, window.worker, window.problems)
    window.state.set(pinned=(0, 1))
    window.state.set(pinned=(1, 1))
    shape = np.zeros((1, 1, 2, 2))
    for token, shown in ((2, None), (4, 4), (2, 4)):
        window.worker.finished.emit(1, HeadAttention(AttentionAddress(WHERE, token), shape, np.zeros((1, 1))))
        found = window.results.attention
        assert (found.token if found else None) == shown
    service.deleteLater()


def test_a_picture_that_is_decoded_late_is_not_shown_for_the_next_one(window: SimpleNamespace) -> None:
    pool = ScriptedPool()
    listing = SimpleNamespace(around=lambda image: [])
    window.results.picture = None
    service = PictureService(window.state, window.results, listing, pool, 1 << 20)  # type: ignore[arg-type]
    service.start()
    window.state.set(image="b.png")
    first, second = pool.jobs
    pictures = [SimpleNamespace(path=p, content=p, nbytes=1, pixels=np.zeros((1, 1, 3))) for p in ("a.png", "b.png")]
    first.done(pictures[0], None)
    assert window.results.picture is None
    second.done(pictures[1], None)
    assert window.results.picture.path == "b.png"
    first.done(pictures[0], None)
    assert window.results.picture.path == "b.png"


def shown_map(target: tuple[int, ...]) -> SimpleNamespace:
    ramp = np.linspace(0.0, 1.0, 100).reshape(10, 10)
    return SimpleNamespace(id="layer", address=WHERE.of("lrp", target), placed=None, heat=Heat(ramp, False, ramp.shape))


def test_a_map_of_another_target_is_not_scored(window: SimpleNamespace) -> None:
    service = OverlapService(window.state, window.results, ScriptedPool())  # type: ignore[arg-type]
    window.results.target = (2,)
    assert service._fits(shown_map((2,)))
    assert service._fits(shown_map(()))
    assert not service._fits(shown_map((1,)))
    window.results.predicted_for = None
    assert not service._fits(shown_map((2,)))


def test_each_level_has_its_own_cut(window: SimpleNamespace) -> None:
    derived = DerivedMaps(window.state, window.results)
    window.state.set(threshold_mode="fixed")
    shares = []
    for level in (0.2, 0.8, 0.2):
        window.state.set(threshold_value=level)
        shares.append(derived.cut(shown_map(())).share)  # type: ignore[arg-type]
    derived.close()
    assert shares == [0.8, 0.2, 0.8]
