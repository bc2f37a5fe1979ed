"""Full float32 precision: no product or convolution may round its factors to fewer bits.

By default, torch lets cuDNN's convolutions round factors to ten bits (TF32), and with
``set_float32_matmul_precision`` matrix products too, on some processors to bfloat16. On a GPU the patch embedding of a
"float32" model is computed that way: maps of input gradients then miss their authors' numbers by a thousandth.

The flags belong to the process. They are set when the first computation begins and restored when the last one ends, so
that two threads do not change them for each other; a caller's own float32 work meanwhile is exact too.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch

_guard = threading.Lock()
_inside = 0
_put_back: list[Callable[[], None]] = []


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Inside, float32 is computed in full precision; all flags are restored afterwards."""
    global _inside
    with _guard:
        _inside += 1
        if _inside == 1:
            _put_back[:] = _turn_off()
    try:
        yield
    finally:
        with _guard:
            _inside -= 1
            if _inside == 0:
                while _put_back:
                    _put_back.pop()()


def _turn_off() -> list[Callable[[], None]]:
    """Turn off the rounding, and return functions that restore the flags."""
    return [*_convolutions(), *_products()]


def _convolutions() -> list[Callable[[], None]]:
    cudnn: Any = torch.backends.cudnn
    try:
        before = cudnn.allow_tf32
    except RuntimeError:  # set by the newer names, which the older ones refuse to read
        return _newer_names((cudnn.conv, _mkldnn("conv")))
    if not before:
        return []
    cudnn.allow_tf32 = False
    return [lambda: setattr(cudnn, "allow_tf32", before)]


def _products() -> list[Callable[[], None]]:
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:
        return _newer_names((torch.backends.cuda.matmul, _mkldnn("matmul")))
    if before == "highest":
        return []
    torch.set_float32_matmul_precision("highest")
    return [lambda: torch.set_float32_matmul_precision(before)]


def _mkldnn(name: str) -> Any:
    return getattr(torch.backends.mkldnn, name, None)


def _newer_names(places: tuple[Any, ...]) -> list[Callable[[], None]]:
    undo: list[Callable[[], None]] = []
    for place in places:
        before = getattr(place, "fp32_precision", None)
        if before in (None, "ieee"):
            continue
        place.fp32_precision = "ieee"
        undo.append(lambda place=place, before=before: setattr(place, "fp32_precision", before))  # type: ignore[misc]
    return undo
