"""Work in chunks that fit memory: a chunk that does not is halved, and the work goes on.

Methods that score hundreds of masked copies of one image run them in batches. How large a batch may be is known
only by trying, so it is tried.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING

from vitinspect.errors import NotEnoughMemory, is_out_of_memory
from vitinspect.progress import CancelToken, Progress, check

if TYPE_CHECKING:
    from vitinspect.explainers.base import Run
    from vitinspect.models.vit import ViT

CPU_CHUNK_OPERATIONS = 8e9
"""Floating-point operations of one chunk on a CPU: some tens of milliseconds, so that a cancel is heard soon."""
CPU_SMALLEST, CPU_LARGEST = 4, 64
"""Below four images a CPU loses speed to reading the weights; above sixty-four nothing is gained."""
GPU_CHUNK_OPERATIONS = 4e12
"""The same on a GPU, where a chunk takes some tens of milliseconds too."""
GPU_SMALLEST, GPU_LARGEST = 8, 256
GPU_MEMORY_SHARE = 4
"""A chunk may take a quarter of the memory that is free."""


def run_chunks(
    total: int,
    start_size: int,
    work: Callable[[slice], None],
    *,
    report: Progress | None = None,
    cancel: CancelToken | None = None,
) -> int:
    """Call ``work`` on consecutive slices of ``range(total)``, ``start_size`` long, and halve them on out-of-memory.

    ``work`` may be called again on the first half of a slice on which it ran out of memory, so it must write its
    results by index and not append them. ``report(done, total)`` is called after each slice, and may raise to stop.
    Returns the size that was arrived at: a good start for the next call.
    """
    size = max(1, min(start_size, total))
    done = 0
    while done < total:
        check(cancel)
        chunk = slice(done, min(done + size, total))
        if not _fits(work, chunk):
            length = chunk.stop - chunk.start
            if length == 1:
                raise NotEnoughMemory(
                    "There is not enough memory for even one image at a time. A smaller input size, a smaller "
                    'model or precision="bfloat16" needs less.'
                )
            size = length // 2
            release_memory()
            continue
        done = chunk.stop
        if cancel is not None:
            wait_for_gpu()
        if report is not None:
            report(done, total)
    return size


def _fits(work: Callable[[slice], None], chunk: slice) -> bool:
    # The exception is dropped on return, and with it the frames that hold what was allocated so far.
    try:
        work(chunk)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def release_memory() -> None:
    """Give back what is no longer used, before the next try."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def wait_for_gpu() -> None:
    """Let a GPU finish what it was given, so that a cancel does not come behind a long queue."""
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.current_stream().synchronize()


def forward_batch_size(model: ViT, run: Run) -> int:
    """With how many images a chunk of forward passes should start on this model and device."""
    rows, columns = run.grid
    return batch_size_for(model, model.prefix_tokens + rows * columns)


def gradient_batch_size(model: ViT, run: Run) -> int:
    """The same for passes forward and back, which take three times as long and keep their activations.

    A CPU gets no fewer images than forward passes begin with: one at a time reads all weights for one image, which on
    ViT-B/16 costs a twelfth.
    """
    size = forward_batch_size(model, run) // 3
    return max(CPU_SMALLEST if model.device.type == "cpu" else 1, size)


def batch_size_for(model: ViT, tokens: int, blocks: int | None = None) -> int:
    """The same for sequences of ``tokens`` tokens that pass through ``blocks`` blocks (all of them by default)."""
    width = model.dim
    depth = model.depth if blocks is None else blocks
    operations = 2.0 * tokens * depth * (12 * width * width + 2 * tokens * width)
    if model.device.type == "cpu":
        return max(CPU_SMALLEST, min(CPU_LARGEST, int(CPU_CHUNK_OPERATIONS / max(operations, 1.0))))
    if model.device.type == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(model.device)
        # Tokens, q, k, v, attention output and the two widths of the MLP are alive at once; never less than a half.
        item = tokens * width * 16 * max(2, model.dtype.itemsize)
        quick = max(GPU_SMALLEST, int(GPU_CHUNK_OPERATIONS / max(operations, 1.0)))
        return max(1, min(GPU_LARGEST, quick, int(free / GPU_MEMORY_SHARE / item)))
    return 16
