"""The worker: new requests replace old ones, cancelled work stops, errors become sentences, closing ends the thread."""

from __future__ import annotations

import threading
import time

import pytest

from vitinspect.app.compute.worker import Worker, problem_of
from vitinspect.errors import ModelError


@pytest.fixture
def worker(qapp):
    made = Worker()
    yield made
    assert made.close(5)


def collect(signal):
    got = []
    signal.connect(lambda *arguments: got.append(arguments))
    return got


def slow(log, name, steps=500):
    def work(context, hand_over, cancel, progress):
        log.append(name)
        for i in range(steps):
            cancel.check()
            progress(i, steps)
            time.sleep(0.01)
        return name

    return work


def quick(result):
    return lambda context, hand_over, cancel, progress: result


def test_work_runs_in_another_thread_and_its_result_comes_back(worker, qtbot):
    finished = collect(worker.finished)
    wanted = worker.submit("explain", lambda *_: threading.get_ident(), "working")
    qtbot.waitUntil(lambda: bool(finished))
    assert finished[0][0] == wanted
    assert finished[0][1] != threading.get_ident()


def test_every_request_ends_also_one_that_never_began(worker, qtbot):
    log, ended = [], collect(worker.ended)
    running = worker.submit("explain", slow(log, "runs"), "runs")
    qtbot.waitUntil(lambda: log == ["runs"])
    replaced = worker.submit("scores", quick(1), "waits")
    waiting = worker.submit("scores", quick(2), "waits")
    assert ended == []
    worker.cancel()
    qtbot.waitUntil(lambda: sorted(i for (i,) in ended) == [running, replaced, waiting], timeout=5000)
    assert log == ["runs"]


def test_a_new_request_of_a_kind_replaces_the_older_ones(worker, qtbot):
    log = []
    finished = collect(worker.finished)
    old = worker.submit("explain", slow(log, "old"), "old")
    qtbot.waitUntil(lambda: log == ["old"])
    assert worker.knows(old)
    worker.submit("explain", slow(log, "between"), "between")
    assert not worker.knows(old)
    last = worker.submit("explain", quick("new"), "new")
    qtbot.waitUntil(lambda: bool(finished))
    assert finished == [(last, "new")]
    assert "between" not in log


def test_a_more_urgent_kind_interrupts_and_the_other_is_started_again(worker, qtbot):
    log = []
    finished = collect(worker.finished)
    scores = worker.submit("scores", slow(log, "scores", 20), "scoring")
    qtbot.waitUntil(lambda: log == ["scores"])
    probe = worker.submit("probe", quick("probe"), "probing")
    qtbot.waitUntil(lambda: len(finished) == 2, timeout=5000)
    assert finished == [(probe, "probe"), (scores, "scores")]
    assert log == ["scores", "scores"]


def test_cancelled_work_stops_and_reports_nothing_more(worker, qtbot):
    log = []
    finished, failed, ended = collect(worker.finished), collect(worker.failed), collect(worker.ended)
    number = worker.submit("explain", slow(log, "long"), "long")
    qtbot.waitUntil(lambda: bool(log))
    worker.cancel()
    qtbot.waitUntil(lambda: bool(ended))
    assert ended == [(number,)]
    assert finished == []
    assert failed == []
    assert not worker.busy


def test_an_error_comes_back_in_words_and_the_thread_continues(worker, qtbot):
    failed, finished = collect(worker.failed), collect(worker.finished)

    def broken(*_):
        raise ModelError("There is no model of that name.")

    worker.submit("explain", broken, "loading")
    qtbot.waitUntil(lambda: bool(failed))
    problem = failed[0][1]
    assert problem.message == "There is no model of that name."
    assert "broken" in problem.details
    worker.submit("explain", quick(1), "again")
    qtbot.waitUntil(lambda: bool(finished))


def test_even_a_model_that_calls_exit_does_not_end_the_thread(worker, qtbot):
    failed = collect(worker.failed)

    def leave(*_):
        raise SystemExit(3)

    worker.submit("load", leave, "loading")
    qtbot.waitUntil(lambda: bool(failed))
    assert "loading" in failed[0][1].message


def test_lack_of_memory_says_what_to_do():
    problem = problem_of(MemoryError(), "loading a giant")
    assert "memory while loading a giant" in problem.message
    assert "smaller model" in problem.message


def test_closing_in_the_middle_of_work_is_quick(qapp, qtbot):
    worker = Worker()
    log = []
    worker.submit("explain", slow(log, "long"), "long")
    qtbot.waitUntil(lambda: bool(log))
    start = time.monotonic()
    assert worker.close(2)
    assert time.monotonic() - start < 1
    assert worker.submit("explain", quick(1), "late") > 0
    assert not worker.busy


def test_closing_reports_a_thread_that_cannot_be_interrupted(qapp, qtbot):
    worker = Worker()
    begun, go = threading.Event(), threading.Event()

    def stubborn(*_):
        begun.set()
        go.wait(10)

    worker.submit("load", stubborn, "importing")
    assert begun.wait(5)
    assert not worker.close(0.05)
    go.set()
    assert worker.close(5)


def test_a_hundred_thousand_signals_do_not_lose_a_reference(qapp, qtbot):
    # Some releases of PySide6 drop a reference to None at each emit and end the interpreter after enough of them.
    import sys

    from PySide6.QtCore import QObject, Signal

    class Source(QObject):
        said = Signal(object)

    source = Source()
    before = sys.getrefcount(None)
    count = 0

    def listen(value):
        nonlocal count
        count += 1

    source.said.connect(listen)
    for _ in range(100_000):
        source.said.emit(None)
    assert count == 100_000
    assert abs(sys.getrefcount(None) - before) < 10_000
