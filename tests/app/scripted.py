"""A worker and a pool that do their work when a test says so: late, in any order, and the same at each run.

Both replace the real ones, whose threads begin and end at any time. Here a request is processed in the test's own
thread, and its messages are delivered one after the other, whenever ``advance`` is called.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from vitinspect.app.compute.thread_pool import LANES, Background, Job, Lane
from vitinspect.app.compute.worker import Context, Request, _Queue, problem_of
from vitinspect.errors import Cancelled

Message = tuple[str, tuple[Any, ...]]


class ScriptedWorker(QObject):
    """The worker's interface and its queue, without its thread.

    A request that is taken is processed at once, and its messages wait. If it is cancelled or replaced before all of
    them were delivered, some still arrive: those that a thread had sent before it noticed.
    """

    started = Signal(int, str)
    progressed = Signal(int, int, int)
    part = Signal(int, object)
    finished = Signal(int, object)
    failed = Signal(int, object)
    ended = Signal(int)

    def __init__(self, chance: random.Random | None = None) -> None:
        super().__init__()
        self.chance = chance or random.Random(0)
        self.context = Context()
        self.taken: list[Request] = []
        """Every request that was begun."""
        self._queue = _Queue()
        self._current: Request | None = None
        self._messages: list[Message] = []
        self._late: list[Message] = []

    # --- what the window calls -----------------------------------------------------------------------------------

    def submit(self, kind: str, work: Callable[..., Any], doing: str) -> int:
        request = Request(kind, work, doing)
        replaced = self._queue.put(request)
        if replaced is not None:
            self._late.append(("ended", (replaced,)))
        return request.id

    def cancel(self, kind: str | None = None) -> None:
        self._late += [("ended", (number,)) for number in self._queue.cancel(kind)]

    def knows(self, request_id: int) -> bool:
        return self._queue.knows(request_id)

    @property
    def busy(self) -> bool:
        return self._queue.busy

    def close(self, timeout: float = 1.5) -> bool:
        self._queue.close()
        return True

    # --- what the test calls -------------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        return not (self._queue.busy or self._current or self._messages or self._late)

    def advance(self) -> bool:
        """Begin a request or deliver one message; False if there is nothing to do."""
        if self._late and (self.chance.random() < 0.4 or not (self._messages or self._queue.busy)):
            self._deliver(self._late.pop(0))
            return True
        if self._messages:
            assert self._current is not None
            if self._current.cancel.cancelled:
                self._abandon()
            else:
                self._deliver(self._messages.pop(0))
            if not self._messages:
                self._release()
            return True
        if self._current is not None:
            self._release()
            return True
        request = self._queue.take()
        if request is None:
            return False
        self._begin(request)
        return True

    def run(self) -> None:
        """Do everything that was asked for, and deliver it."""
        while self.advance():
            pass

    def _deliver(self, message: Message) -> None:
        name, arguments = message
        getattr(self, name).emit(*arguments)

    def _abandon(self) -> None:
        """A thread that is told to stop has sent some messages already; they arrive when others are asked for."""
        sent = self.chance.randint(0, len(self._messages))
        self._late += [m for m in self._messages[:sent] if m[0] in ("part", "progressed")]
        self._messages = []

    def _release(self) -> None:
        request, self._current = self._current, None
        assert request is not None
        self._queue.release(request)
        self._deliver(("ended", (request.id,)))

    def _begin(self, request: Request) -> None:
        self._current = request
        self.taken.append(request)
        number, messages = request.id, self._messages
        messages.append(("started", (number, request.doing)))
        try:
            result = request.work(
                self.context,
                lambda part: messages.append(("part", (number, part))),
                request.cancel,
                lambda done, total: None,
            )
            messages.append(("finished", (number, result)))
        except Cancelled:
            pass
        except BaseException as error:
            messages.append(("failed", (number, problem_of(error, request.doing))))


class ScriptedPool(Background):
    """The pool without threads: a job runs, or its result is delivered, when the test says so."""

    def __init__(self, chance: random.Random | None = None) -> None:
        super().__init__(0)
        self.chance = chance or random.Random(0)
        self._results: list[Callable[[], None]] = []

    def post(self, call: Callable[[], None]) -> None:
        self._results.append(call)

    @property
    def idle(self) -> bool:
        return not self._results and not any(self._waiting.values())

    def advance(self) -> bool:
        """Run one job or deliver one result; False if there is nothing to do."""
        lanes = [lane for lane in LANES if self._waiting[lane]]
        if self._results and (not lanes or self.chance.random() < 0.5):
            self._results.pop(self.chance.randrange(len(self._results)))()
            return True
        if not lanes:
            return False
        # Mostly the most urgent one; another thread of the pool may have taken any other.
        lane = lanes[0] if self.chance.random() < 0.6 else self.chance.choice(lanes)
        self._run(lane, self._waiting[lane].pop())
        return True

    def run(self) -> None:
        while self.advance():
            pass

    def _run(self, lane: Lane, job: Job) -> None:
        result: Any = None
        error: BaseException | None = None
        try:
            job.cancel.check()
            result = job.work(job.cancel)
        except Exception as problem:
            error = problem
        if job.done is not None:
            self._results.append(lambda: self._deliver((job, result, error)))


class FakeWorker(QObject):
    """Runs nothing: it keeps what was asked for, and emits what a test wants it to emit."""

    started = Signal(int, str)
    progressed = Signal(int, int, int)
    part = Signal(int, object)
    finished = Signal(int, object)
    failed = Signal(int, object)
    ended = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, str, Any]] = []
        """Number, kind and work of each request, in order."""
        self.alive: dict[int, str] = {}

    def submit(self, kind: str, work: Callable[..., Any], doing: str) -> int:
        self.cancel(kind)
        number = len(self.asked) + 1
        self.asked.append((number, kind, work))
        self.alive[number] = kind
        return number

    def cancel(self, kind: str | None = None) -> None:
        for number in [n for n, k in self.alive.items() if kind in (None, k)]:
            del self.alive[number]
            self.ended.emit(number)

    def knows(self, request_id: int) -> bool:
        return request_id in self.alive

    @property
    def busy(self) -> bool:
        return bool(self.alive)

    def last(self, kind: str) -> tuple[int, Any]:
        """Number and keywords of the newest request of a kind."""
        number, _, work = next(request for request in reversed(self.asked) if request[1] == kind)
        return number, getattr(work, "keywords", work)

    def finish(self, number: int, result: Any = None) -> None:
        self.finished.emit(number, result)
        self.alive.pop(number, None)
        self.ended.emit(number)

    def fail(self, number: int, problem: Any) -> None:
        self.failed.emit(number, problem)
        self.alive.pop(number, None)
        self.ended.emit(number)
