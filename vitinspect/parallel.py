"""Work on all cores: jobs in spawned processes, in no particular order, with progress and cancellation."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from vitinspect.errors import Cancelled, DataError
from vitinspect.progress import CancelToken, Progress, check

Job = TypeVar("Job")
Result = TypeVar("Result")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def _leave_interrupts_to_the_parent() -> None:
    # Ctrl-C reaches the whole process group; the parent decides, and the workers end with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Block Ctrl-C while workers are started: they inherit this, so that it cannot end them before they ignore it
    themselves."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _threads_for_each(count: int) -> Iterator[None]:
    """Limit numpy's threads in processes started meanwhile, which read the limit when they load numpy. More threads
    than cores wait for each other, and take many times as long."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def in_threads(work: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    """The results in the jobs' order, by a few threads: for large arrays, in whose work numpy frees Python's lock."""
    with ThreadPoolExecutor(max_workers=max(1, min(4, os.cpu_count() or 1))) as pool:
        return list(pool.map(work, jobs))


def run_jobs(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    sizes: Sequence[int] | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Iterator[tuple[int, Result]]:
    """Yield (job's number, result) as the jobs finish.

    `sizes` says how much each job counts in the progress. With one process the work is done here. After a
    cancellation or an error the jobs under way are finished, and no other is begun.
    """
    check(cancel)
    counts = list(sizes) if sizes is not None else [1] * len(jobs)
    total, done = sum(counts), 0
    workers = min(processes or os.cpu_count() or 1, len(jobs))
    if workers <= 1:
        for number, job in enumerate(jobs):
            check(cancel)
            result = work(job)
            done += counts[number]
            if progress is not None:
                progress(done, total)
            yield number, result
        return
    # Spawned workers behave alike on every system and inherit neither threads nor locks.
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_leave_interrupts_to_the_parent
    )
    try:
        with _interrupts_held_back(), _threads_for_each(max(1, (os.cpu_count() or 1) // workers)):
            futures = {pool.submit(work, job): number for number, job in enumerate(jobs)}
        for future in as_completed(futures):
            if cancel is not None and cancel.cancelled:
                raise Cancelled
            number = futures[future]
            done += counts[number]
            if progress is not None:
                progress(done, total)
            yield number, future.result()
    except BrokenProcessPool as error:
        raise DataError(
            "A worker process ended without a message, most likely because memory ran out. Try fewer processes "
            "or a smaller size."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
