"""Checking the arrays of a checkpoint: dense real numbers, no more than their file can hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vitinspect.errors import ModelError
from vitinspect.models.labels import plain_text

_REAL = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_WHOLE_NUMBERS = re.compile(
    r"(^|[._])(position_ids|num_batches_tracked|relative_position_index|rel_pos_index|n_averaged|attn_mask|step)$"
)
"""Counters and tables of indices, which are not weights."""


def check_tensors(tensors: Mapping[str, Any], path: Path) -> None:
    """Refuse weights that are not plain real numbers, or that need more bytes than ``path`` has."""
    total = 0
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            continue
        problem = _problem(tensor) if not _WHOLE_NUMBERS.search(name) else _odd_storage(tensor)
        if problem:
            raise ModelError(f"{path}: {plain_text(name, 80)} {problem}. Weights are dense arrays of real numbers.")
        total += tensor.numel() * tensor.element_size()
    held = path.stat().st_size
    if total > 2 * held + 1_000_000:  # weights that two names share are stored once
        raise ModelError(f"{path} is damaged: it names {total:,} bytes of weights, but the file has {held:,}.")


def _problem(tensor: torch.Tensor) -> str | None:
    odd = _odd_storage(tensor)
    if odd is not None or tensor.dtype in _REAL:
        return odd
    kind = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_complex():
        return f"holds complex numbers ({kind})"
    if tensor.is_floating_point():
        return f"holds numbers of the format {kind}; float64, float32, float16 and bfloat16 can be read"
    return f"holds whole numbers ({kind}), as quantised weights do"


def _odd_storage(tensor: torch.Tensor) -> str | None:
    if tensor.layout is not torch.strided or tensor.is_nested:
        return "is a sparse or nested array"
    if tensor.is_quantized:
        return "is quantised"
    if tensor.device.type != "cpu":
        return "holds no numbers: it was saved from the meta device"
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer):
        return f"is a {type(tensor).__name__}"
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        return "repeats one number to fill an array"
    return None
