"""Working in chunks that fit into memory: a chunk that does not fit is halved, and the work continues.

Methods that score hundreds of masked copies of one image run them in batches. The largest possible batch can only be
found by trying.
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
"""Floating-point operations of one chunk on a CPU: some tens of milliseconds, for a prompt cancel."""
CPU_SMALLEST, CPU_LARGEST = 4, 64
"""With fewer than four images a CPU is slowed down by reading the weights; more than sixty-four are no faster."""
GPU_CHUNK_OPERATIONS = 4e12
"""The same on a GPU, where a chunk takes some tens of milliseconds too."""
GPU_SMALLEST, GPU_LARGEST = 8, 256
GPU_MEMORY_SHARE = 4
"""A chunk may use a quarter of the free memory."""


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
    Returns the final chunk size, a good start for the next call.
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
    """Release unused memory before the next try."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def wait_for_gpu() -> None:
    """Wait until the GPU has finished its queue, so that a cancel does not wait for a long one."""
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.current_stream().synchronize()


def forward_batch_size(model: ViT, run: Run) -> int:
    """The number of images with which a chunk of forward passes should start on this model and device."""
    rows, columns = run.grid
    return batch_size_for(model, model.prefix_tokens + rows * columns)


def gradient_batch_size(model: ViT, run: Run) -> int:
    """The same for forward and backward passes, which take three times as long and keep their activations.

    A CPU gets no fewer images than forward passes start with: with one at a time all weights are read for one image,
    which on ViT-B/16 costs a twelfth of the time.
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
        # Tokens, q, k, v, attention output and the two widths of the MLP are in memory at once; never less than a half.
        item = tokens * width * 16 * max(2, model.dtype.itemsize)
        quick = max(GPU_SMALLEST, int(GPU_CHUNK_OPERATIONS / max(operations, 1.0)))
        return max(1, min(GPU_LARGEST, quick, int(free / GPU_MEMORY_SHARE / item)))
    return 16
