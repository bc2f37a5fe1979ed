"""A few plain threads for what needs no model: decoding, thumbnails, listing folders.

Jobs run newest first within their lane, because what was asked for last is what the person looks at now. A lane
has a limit on how many jobs wait in it: of thumbnails that were scrolled past, the oldest are dropped.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from vitinspect.errors import Cancelled
from vitinspect.progress import CancelToken

_log = logging.getLogger(__name__)


@dataclass
class Job:
    """Something to do in a thread; ``done(result, error)`` is called back in the thread of the pool's owner."""

    work: Callable[[CancelToken], Any]
    done: Callable[[Any, BaseException | None], None] | None = None
    dropped: Callable[[], None] | None = None
    cancel: CancelToken = field(default_factory=CancelToken)


@dataclass(frozen=True)
class Lane:
    """A kind of jobs: lower ``rank`` goes first; of more than ``most`` waiting ones the oldest are dropped."""

    name: str
    rank: int
    most: int = 1_000_000


DECODE = Lane("decode", 0, 16)
LIST = Lane("list", 1, 8)
LOOKUP = Lane("lookup", 2, 64)
OVERLAP = Lane("overlap", 3, 1)
COMPARE = Lane("compare", 4, 1)
THUMBNAIL = Lane("thumbnail", 5, 400)
AHEAD = Lane("ahead", 6, 8)
CHORES = Lane("chores", 7, 200)
LANES = (DECODE, LIST, LOOKUP, OVERLAP, COMPARE, THUMBNAIL, AHEAD, CHORES)


class Background(QObject):
    """The threads and what waits for them."""

    _finished = Signal(object)
    _posted = Signal(object)

    def __init__(self, threads: int = 2, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: dict[Lane, deque[Job]] = {lane: deque() for lane in LANES}
        self._running: set[int] = set()
        self._tokens: dict[int, CancelToken] = {}
        self._everywhere: dict[int, list[Callable[[], None]]] = {}
        """Thread -> the calls that it makes before its next job."""
        self._condition = threading.Condition()
        self._stopping = False
        self._finished.connect(self._deliver)
        self._posted.connect(self._call)
        self._threads = [
            threading.Thread(target=self._loop, name=f"vitinspect-pool-{i + 1}", daemon=True) for i in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, lane: Lane, job: Job) -> Job:
        dropped = []
        with self._condition:
            if self._stopping:
                job.cancel.cancel()
                return job
            waiting = self._waiting[lane]
            waiting.append(job)
            while len(waiting) > lane.most:
                dropped.append(waiting.popleft())
            self._condition.notify()
        for old in dropped:
            old.cancel.cancel()
            if old.dropped is not None:
                old.dropped()
        return job

    def clear(self, lane: Lane) -> None:
        """Forget what waits in ``lane``."""
        with self._condition:
            dropped = list(self._waiting[lane])
            self._waiting[lane].clear()
        for old in dropped:
            old.cancel.cancel()
            if old.dropped is not None:
                old.dropped()

    def post(self, call: Callable[[], None]) -> None:
        """From a job: have ``call`` called in the thread of the pool's owner."""
        if not self._stopping:
            self._posted.emit(call)

    def in_every_thread(self, call: Callable[[], None], timeout: float) -> None:
        """From another thread: have ``call`` called once in each thread of the pool and in its owner's, and wait until
        that was done or the time is over."""
        left = threading.Semaphore(0)

        def called() -> None:
            try:
                call()
            finally:
                left.release()

        with self._condition:
            for thread in self._threads:
                self._everywhere.setdefault(thread.ident or 0, []).append(called)
            self._condition.notify_all()
        self.post(called)
        end = time.monotonic() + timeout
        for _ in range(len(self._threads) + 1):
            left.acquire(timeout=max(0.0, end - time.monotonic()))

    @property
    def idle(self) -> bool:
        with self._condition:
            return not self._running and not any(self._waiting.values())

    def close(self, timeout: float = 1.5) -> bool:
        """Stop the threads: cancel running jobs, forget waiting ones. False if one did not end in time."""
        with self._condition:
            self._stopping = True
            for waiting in self._waiting.values():
                for job in waiting:
                    job.cancel.cancel()
                waiting.clear()
            for token in self._tokens.values():
                token.cancel()
            self._condition.notify_all()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _loop(self) -> None:
        me = threading.get_ident()
        while True:
            with self._condition:
                self._running.discard(me)
                while not self._stopping and not any(self._waiting.values()) and me not in self._everywhere:
                    self._condition.wait()
                if self._stopping:
                    return
                calls = self._everywhere.pop(me, [])
            for call in calls:
                call()
            with self._condition:
                if self._stopping or not any(self._waiting.values()):
                    continue
                job = next(self._waiting[lane] for lane in LANES if self._waiting[lane]).pop()
                self._running.add(me)
                self._tokens[me] = job.cancel
            result: Any = None
            error: BaseException | None = None
            try:
                job.cancel.check()
                result = job.work(job.cancel)
            except Cancelled as cancelled:
                error = cancelled
            except Exception as problem:
                error = problem
            if not self._stopping and job.done is not None:
                try:
                    self._finished.emit((job, result, error))
                except RuntimeError:  # the owner was deleted while this ran
                    return
            # Neither the picture nor its exception may live on in this frame until the next job comes.
            del job, result, error

    @Slot(object)
    def _deliver(self, item: tuple[Job, Any, BaseException | None]) -> None:
        job, result, error = item
        if self._stopping or isinstance(error, Cancelled) or job.done is None:
            return
        job.done(result, error)

    @Slot(object)
    def _call(self, call: Callable[[], None]) -> None:
        if not self._stopping:
            call()
