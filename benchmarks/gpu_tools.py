"""Shared by the steps of the GPU table: the device, its memory and its clock, tables."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Setting:
    """The device of the steps, and whether their small forms run."""

    device: str
    quick: bool

    @property
    def cuda(self) -> bool:
        return self.device.startswith("cuda")


def row(*cells: Any) -> None:
    """One row of a table, shown at once."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def head(*cells: str, numbers: int = 0) -> None:
    """The head of a table whose last ``numbers`` columns contain numbers."""
    row(*cells)
    row(*["---"] * (len(cells) - numbers), *["---:"] * numbers)


def synchronise(setting: Setting) -> None:
    if setting.cuda:
        import torch

        torch.cuda.synchronize(setting.device)


def seconds(setting: Setting, work: Callable[[], object], rounds: int = 5, warm_up: int = 1) -> float:
    """The median time of a call, with all of its work on the device done."""
    taken = []
    for number in range(-warm_up, rounds):
        synchronise(setting)
        start = time.perf_counter()
        work()
        synchronise(setting)
        if number >= 0:
            taken.append(time.perf_counter() - start)
    return statistics.median(taken)


@contextlib.contextmanager
def tf32(convolutions: bool) -> Iterator[None]:
    """Whether float32 convolutions may round their factors to ten bits, as torch lets them by default on a GPU."""
    import torch

    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = convolutions
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def mib(number: float) -> str:
    return f"{number / 2**20:,.0f}"


def correlation(a: Any, b: Any) -> float:
    """Pearson's correlation of two arrays; 1 if both are constant."""
    import numpy as np

    x, y = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale > 0 else 1.0


def largest(values: Sequence[float]) -> float:
    return max(values, default=0.0)
