"""The pool of threads, and what each of them is asked to do once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from vitinspect.app.compute.thread_pool import CHORES, Background, Job


@pytest.fixture
def pool(qapp: QApplication) -> Iterator[Background]:
    made = Background(2)
    yield made
    assert made.close(10)
    made.deleteLater()


def ask(pool: Background, called: list[int], timeout: float) -> threading.Thread:
    """Ask for it from a thread that is not one of the pool's, as the worker is."""
    note = lambda: called.append(threading.get_ident())  # noqa: E731
    asking = threading.Thread(target=pool.in_every_thread, args=(note, timeout))
    asking.start()
    return asking


def test_a_call_reaches_each_thread_of_the_pool_and_its_owner_once(pool: Background, qtbot: Any) -> None:
    called: list[int] = []
    asking = ask(pool, called, 30.0)
    qtbot.waitUntil(lambda: not asking.is_alive(), timeout=30_000)
    assert len(called) == len(set(called)) == 3
    assert threading.get_ident() in called


def test_a_thread_that_is_busy_is_asked_before_its_next_job(pool: Background, qtbot: Any) -> None:
    go, began = threading.Event(), threading.Event()
    order: list[str] = []

    def long_job(cancel: Any) -> None:
        began.set()
        go.wait(30)
        order.append(f"job {threading.get_ident()}")

    pool.submit(CHORES, Job(long_job))
    assert began.wait(30)
    called: list[int] = []
    asking = ask(pool, called, 0.2)
    qtbot.waitUntil(lambda: not asking.is_alive(), timeout=30_000)
    assert len(called) == 2, "the busy one has not answered, and nobody waits for it"
    go.set()
    qtbot.waitUntil(lambda: len(called) == 3, timeout=30_000)
    assert order[0] == f"job {called[-1]}"
    assert pool.idle
