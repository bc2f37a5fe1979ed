"""Work is shown as waiting only when it takes longer than a moment."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QApplication

from vitinspect.app.widgets.lateness import PATIENCE, Lateness


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_thing_is_late_only_after_a_while(qapp: QApplication) -> None:
    clock = Clock()
    lateness = Lateness(clock=clock)
    said: list[bool] = []
    lateness.became_late.connect(lambda: said.append(True))
    lateness.follow(["map"])
    clock.now += PATIENCE / 2
    lateness.check()
    assert "map" not in lateness
    assert said == []
    clock.now += PATIENCE
    lateness.check()
    assert "map" in lateness
    assert said == [True]


def test_each_thing_has_its_own_time(qapp: QApplication) -> None:
    clock = Clock()
    lateness = Lateness(clock=clock)
    lateness.follow(["slow"])
    clock.now += 2 * PATIENCE
    lateness.follow(["slow", "quick"])
    lateness.check()
    assert "slow" in lateness
    assert "quick" not in lateness


def test_a_thing_that_arrived_and_is_asked_for_again_starts_anew(qapp: QApplication) -> None:
    clock = Clock()
    lateness = Lateness(clock=clock)
    lateness.follow(["map"])
    clock.now += 2 * PATIENCE
    lateness.check()
    lateness.follow([])
    assert "map" not in lateness
    lateness.follow(["map"])
    lateness.check()
    assert "map" not in lateness


def test_it_says_so_by_itself(qtbot: Any) -> None:
    lateness = Lateness()
    with qtbot.waitSignal(lateness.became_late, timeout=10_000):
        lateness.follow(["map"])
    assert "map" in lateness
