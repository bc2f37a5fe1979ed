"""Timing on noisy machines: competitors alternate in one process, and medians of their ratios are reported."""

from __future__ import annotations

import gc
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Timing:
    """Medians in seconds, and of the ratio to the first competitor, with its quartiles."""

    name: str
    seconds: float
    ratio: float
    low: float
    high: float


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def alternate(
    competitors: Mapping[str, Callable[[], object]], *, rounds: int = 9, warm_up: int = 2
) -> dict[str, Timing]:
    """Run all competitors in turn, round after round. The others are compared with the first."""
    names = list(competitors)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for round_number in range(-warm_up, rounds):
        for name in names:
            gc.collect()
            synchronise()
            start = time.perf_counter()
            competitors[name]()
            synchronise()
            taken = time.perf_counter() - start
            if round_number >= 0:
                seconds[name].append(taken)
    result = {}
    for name in names:
        ratios = sorted(a / b for a, b in zip(seconds[name], seconds[names[0]], strict=True))
        quarter = len(ratios) // 4
        result[name] = Timing(
            name,
            statistics.median(seconds[name]),
            statistics.median(ratios),
            ratios[quarter],
            ratios[-1 - quarter],
        )
    return result


def machine() -> str:
    """The machine on which the numbers were measured, for the head of a table."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{name}, {torch.get_num_threads()} threads{gpu}, torch {torch.__version__}"
