"""Choosing the number format in which many passes are fastest on this processor."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT


def without_emulation(model: ViT) -> ViT:
    """The model to run many passes with: itself, or on a CPU without bfloat16 instructions a float32 copy of it.

    Without these instructions torch emulates bfloat16 at a fraction of float32's speed. The copy has the same (rounded)
    weights; its sums are more exact.
    """
    if model.device.type == "cpu" and model.dtype == torch.bfloat16 and not cpu_has_bfloat16():
        return model.at_precision("float32")
    return model


def cpu_has_bfloat16() -> bool:
    """Whether this CPU has instructions for products of bfloat16 matrices."""
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    if any(getattr(torch.cpu, probe, lambda: False)() for probe in probes):
        return True
    # ARM has no such query. On x86 oneDNN's answer includes emulation, elsewhere only real instructions.
    if platform.machine().lower() in ("x86_64", "amd64", "i386", "i686") or not torch.backends.mkldnn.is_available():
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
