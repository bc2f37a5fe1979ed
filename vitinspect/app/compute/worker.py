"""The one thread in which models live.

Requests are of a few kinds. A new request replaces a waiting one of its kind and cancels a running one. A kind of
lower rank goes first; it interrupts a request of a higher rank, which is started again afterwards.
Results come back by signals with the request's id; the caller ignores those of an id that is no longer wanted.

Arrays are handed over: the thread keeps nothing of what it has sent, and the window writes to nothing it got.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, Qt, QThread, Signal, Slot

from vitinspect.errors import Cancelled, VitInspectError, is_out_of_memory
from vitinspect.progress import CancelToken

_log = logging.getLogger(__name__)

KINDS = (
    *("load", "load_b", "texts", "probe", "explain", "explain_b", "attention", "features"),
    *("network", "scores", "aggregate", "tiles", "figure", "training", "folder", "batch", "report"),
)
"""Kinds of requests, in the order in which they go; those of slot B end in _b."""
RANKS = {kind: rank for rank, kind in enumerate(KINDS)}
"""Lower goes first."""


@dataclass(frozen=True)
class Problem:
    """Something went wrong: a sentence for the person, and the traceback for the details."""

    message: str
    details: str
    expected: bool = False
    """Whether vitinspect foresaw it and says what to do."""
    choices: tuple[str, ...] = ()
    """The choices that a person has to solve it."""


def problem_of(error: BaseException, doing: str = "") -> Problem:
    """A problem in words. An error that nobody foresaw is called that."""
    details = "".join(traceback.format_exception(error))
    if isinstance(error, VitInspectError):
        return Problem(str(error), details, True, tuple(getattr(error, "choices", ())))
    name = type(error).__name__
    if is_out_of_memory(error):
        what = f" while {doing}" if doing else ""
        return Problem(
            f"There was not enough memory{what}. A smaller model, fewer methods at a time or the precision "
            "bfloat16 need less.",
            details,
            True,
        )
    what = f" while {doing}" if doing else ""
    return Problem(f"Something unexpected went wrong{what}: {error or name} ({name}).", details)


@dataclass
class Request:
    """A call ``work(context, hand_over, cancel, progress)`` in the worker's thread."""

    kind: str
    work: Callable[..., Any]
    doing: str
    """What it is, for the status bar: "loading demo"."""
    id: int = 0
    cancel: CancelToken = field(default_factory=CancelToken)
    wanted: bool = True


class Context:
    """What the thread keeps between requests: one model for each slot that is in use, and no more."""

    def __init__(self) -> None:
        self.models: dict[tuple[str, str], Any] = {}
        """Source and device of each model that is loaded; two slots with the same share it."""
        self.cards: dict[tuple[str, str], Any] = {}
        """What the window knows of each of them, which takes a while to find out."""
        self.named = False
        self.prepared: dict[Any, Any] = {}
        """The last pictures as the models get them, by what they were made from."""
        self.tokens: Any = None
        """Address of an input and the tokens of all blocks, for the next view of the same features."""


class _Runner(QObject):
    """Lives in the thread and processes the queue."""

    started = Signal(int, str)
    progressed = Signal(int, int, int)
    part = Signal(int, object)
    finished = Signal(int, object)
    failed = Signal(int, object)
    ended = Signal(int)

    def __init__(self, queue: _Queue) -> None:
        super().__init__()
        self._queue = queue
        self._context = Context()

    @Slot()
    def run(self) -> None:
        while (request := self._queue.take()) is not None:
            self._run_one(request)
            self._queue.release(request)
            self.ended.emit(request.id)
            del request

    def _run_one(self, request: Request) -> None:
        self.started.emit(request.id, request.doing)

        def progress(done: int, total: int) -> None:
            if not request.cancel.cancelled:
                self.progressed.emit(request.id, done, total)

        def hand_over(part: Any) -> None:
            request.cancel.check()
            self.part.emit(request.id, part)

        try:
            request.cancel.check()
            result = request.work(self._context, hand_over, request.cancel, progress)
            request.cancel.check()
            self.finished.emit(request.id, result)
        except Cancelled:
            pass
        except BaseException as error:
            # SystemExit too: nothing that a model's code does may end the thread.
            if not request.cancel.cancelled:
                _log.exception("Request %s failed while %s", request.id, request.doing)
                self.failed.emit(request.id, problem_of(error, request.doing))

    @Slot()
    def forget(self) -> None:
        self._context = Context()


class _Queue:
    """At most one waiting request of each kind, and the one that runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, Request] = {}
        self._current: Request | None = None
        self._closed = False
        self._last_id = 0

    def put(self, request: Request) -> int | None:
        """Give a request its id and let it wait. Returns the id of the one that it replaced."""
        with self._lock:
            self._last_id += 1
            request.id = self._last_id
            if self._closed:
                request.cancel.cancel()
                return None
            replaced = self._waiting.get(request.kind)
            self._waiting[request.kind] = request
            current = self._current
            if current is not None:
                if current.kind == request.kind:
                    current.wanted = False
                    current.cancel.cancel()
                elif RANKS[current.kind] > RANKS[request.kind]:
                    current.cancel.cancel()
            return None if replaced is None else replaced.id

    def take(self) -> Request | None:
        with self._lock:
            if self._closed or not self._waiting:
                return None
            kind = min(self._waiting, key=RANKS.__getitem__)
            self._current = self._waiting.pop(kind)
            return self._current

    def release(self, request: Request) -> None:
        with self._lock:
            self._current = None
            interrupted = request.cancel.cancelled and request.wanted and not self._closed
            if interrupted and request.kind not in self._waiting:
                request.cancel = CancelToken()
                self._waiting[request.kind] = request

    def cancel(self, kind: str | None = None) -> list[int]:
        """Returns the ids of those that waited and now never run."""
        with self._lock:
            forgotten = [self._waiting.pop(name) for name in list(self._waiting) if kind in (None, name)]
            for request in forgotten:
                request.cancel.cancel()
            if self._current is not None and kind in (None, self._current.kind):
                self._current.wanted = False
                self._current.cancel.cancel()
            return [request.id for request in forgotten]

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self.cancel()

    def knows(self, request_id: int) -> bool:
        with self._lock:
            known = [*self._waiting.values()] + ([self._current] if self._current else [])
            return any(r.id == request_id and r.wanted for r in known)

    @property
    def busy(self) -> bool:
        with self._lock:
            return self._current is not None or bool(self._waiting)


class Worker(QObject):
    """The window's access to the thread: submit requests, listen for results."""

    started = Signal(int, str)
    progressed = Signal(int, int, int)
    part = Signal(int, object)
    finished = Signal(int, object)
    failed = Signal(int, object)
    ended = Signal(int)
    """A request has ended: finished, failed or cancelled, also before it was started."""
    _wake = Signal()
    _forgotten = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue = _Queue()
        self._thread = QThread()
        self._thread.setObjectName("vitinspect-worker")
        self._runner = _Runner(self._queue)
        self._runner.moveToThread(self._thread)
        self._wake.connect(self._runner.run, Qt.ConnectionType.QueuedConnection)
        for name in ("started", "progressed", "part", "finished", "failed", "ended"):
            getattr(self._runner, name).connect(getattr(self, name), Qt.ConnectionType.QueuedConnection)
        # Later: whoever asks for something newer learns the new id before the end of the old one.
        self._forgotten.connect(self.ended, Qt.ConnectionType.QueuedConnection)
        self._thread.start()

    def submit(self, kind: str, work: Callable[..., Any], doing: str) -> int:
        """Ask for ``work`` and get its id. It replaces what waits or runs of the same kind."""
        request = Request(kind, work, doing)
        replaced = self._queue.put(request)
        if replaced is not None:
            self._forgotten.emit(replaced)
        self._wake.emit()
        return request.id

    def cancel(self, kind: str | None = None) -> None:
        """Drop waiting requests and stop the running one, of one kind or all."""
        for request_id in self._queue.cancel(kind):
            self._forgotten.emit(request_id)

    def knows(self, request_id: int) -> bool:
        """Whether this request waits or runs and was not cancelled."""
        return self._queue.knows(request_id)

    @property
    def busy(self) -> bool:
        return self._queue.busy

    def close(self, timeout: float = 1.5) -> bool:
        """Stop and wait. False if the thread is in a call that cannot be interrupted, such as an import."""
        self._queue.close()
        self._thread.quit()
        return self._thread.wait(max(1, round(timeout * 1000)))
