"""Undo and redo."""

from __future__ import annotations

import pytest

from vitinspect.app.session.history import MOST, History, Step


@pytest.fixture
def history(qapp):
    return History()


def add(history, log, name):
    history.add(Step(name, lambda: log.append(f"undo {name}"), lambda: log.append(f"redo {name}")))


def test_steps_are_undone_backwards_and_redone_forwards(history):
    log = []
    for name in "ab":
        add(history, log, name)
    history.undo()
    history.undo()
    history.undo()
    history.redo()
    assert log == ["undo b", "undo a", "redo a"]
    assert history.can_undo
    assert history.can_redo


def test_a_new_step_ends_what_could_be_redone(history):
    log = []
    add(history, log, "a")
    history.undo()
    add(history, log, "b")
    assert not history.can_redo
    history.redo()
    assert log == ["undo a"]


def test_nothing_is_undone_while_the_mouse_is_down(history):
    log = []
    add(history, log, "a")
    history.busy = True
    history.undo()
    assert log == []
    history.busy = False
    history.undo()
    assert log == ["undo a"]


def test_it_keeps_a_bounded_number_of_steps(history):
    log = []
    for i in range(MOST + 5):
        add(history, log, str(i))
    for _ in range(MOST + 5):
        history.undo()
    assert len(log) == MOST
    assert log[-1] == "undo 5"
