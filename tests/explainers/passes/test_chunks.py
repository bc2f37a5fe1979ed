"""Chunks cover everything once, are halved when memory runs out, and stop when cancelled."""

from __future__ import annotations

import weakref
from types import SimpleNamespace

import pytest
import torch

from tests.families import family_model
from tests.goldens import golden_model
from vitinspect.errors import Cancelled, VitInspectError
from vitinspect.explainers.passes import chunks
from vitinspect.explainers.passes.chunks import batch_size_for, run_chunks
from vitinspect.progress import CancelToken

MEMORY_ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 123 bytes."),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 123 bytes."),
    MemoryError(),
]


class Worker:
    """Work that fits into memory up to a limit."""

    def __init__(self, limit: int, error: BaseException) -> None:
        self.limit, self.error = limit, error
        self.done: list[int] = []
        self.sizes: list[int] = []

    def __call__(self, chunk: slice) -> None:
        size = chunk.stop - chunk.start
        self.sizes.append(size)
        if size > self.limit:
            raise self.error
        self.done += range(chunk.start, chunk.stop)


@pytest.mark.parametrize(("total", "size"), [(10, 4), (10, 100), (1, 1), (7, 1), (0, 4)])
def test_every_item_is_processed_once_and_in_order(total, size):
    worker = Worker(1000, MemoryError())
    run_chunks(total, size, worker)
    assert worker.done == list(range(total))


@pytest.mark.parametrize("error", MEMORY_ERRORS, ids=lambda error: type(error).__name__)
def test_a_chunk_halves_on_out_of_memory_and_goes_on(error):
    worker = Worker(3, error)
    arrived = run_chunks(21, 16, worker)
    assert worker.done == list(range(21))
    assert worker.sizes[:4] == [16, 8, 4, 2]
    assert arrived == 2


def test_a_last_piece_that_is_smaller_than_the_size_halves_from_its_own_length():
    calls = []

    def work(chunk: slice) -> None:
        length = chunk.stop - chunk.start
        calls.append(length)
        if chunk.start >= 8 and length > 1:
            raise MemoryError

    run_chunks(11, 8, work)
    assert calls == [8, 3, 1, 1, 1]


def test_one_item_that_does_not_fit_is_an_error_with_a_sentence():
    with pytest.raises(VitInspectError, match="not enough memory for even one image"):
        run_chunks(4, 4, Worker(0, MemoryError()))


def test_other_errors_pass_through():
    with pytest.raises(RuntimeError, match="size of tensor"):
        run_chunks(4, 4, Worker(0, RuntimeError("The size of tensor a must match")))


def test_the_memory_of_a_failed_chunk_is_released_before_the_next_try():
    held: list[weakref.ref] = []
    alive: list[int] = []

    def work(chunk: slice) -> None:
        alive.append(sum(ref() is not None for ref in held))
        big = torch.zeros(1000)
        held.append(weakref.ref(big))
        if chunk.stop - chunk.start > 1:
            raise MemoryError

    run_chunks(4, 4, work)
    assert set(alive) == {0}


def test_progress_is_reported_after_each_chunk_and_cancel_stops_between_two():
    told = []
    run_chunks(10, 4, Worker(100, MemoryError()), report=lambda done, total: told.append((done, total)))
    assert told == [(4, 10), (8, 10), (10, 10)]
    token = CancelToken()
    worker = Worker(100, MemoryError())
    with pytest.raises(Cancelled):
        run_chunks(10, 4, worker, report=lambda *_: token.cancel(), cancel=token)
    assert worker.done == [0, 1, 2, 3]


def test_chunks_are_smaller_for_longer_sequences():
    model = golden_model("p1")
    sizes = [batch_size_for(model, tokens) for tokens in (65, 1025, 16385)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1] >= 1


def test_backward_passes_take_fewer_images_but_never_one_alone_on_a_cpu():
    model = family_model("plain")
    run = SimpleNamespace(grid=model.grid)
    assert chunks.gradient_batch_size(model, run) == chunks.forward_batch_size(model, run) // 3
    giant = SimpleNamespace(dim=1280, depth=32, prefix_tokens=1, device=torch.device("cpu"), dtype=torch.float32)
    run = SimpleNamespace(grid=(37, 37))
    assert chunks.forward_batch_size(giant, run) == chunks.gradient_batch_size(giant, run) == chunks.CPU_SMALLEST
