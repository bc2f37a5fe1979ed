"""A recorded call of fused attention, and rebuilding rows of its probabilities and of their gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

CHUNK_BYTES = {"cpu": 8 << 20, "cuda": 256 << 20}
"""The maximum size of a rebuilt piece of attention. On a CPU it should not exceed the caches by much."""
ALL_ROWS = slice(0, None)
_LARGE_BLOCK = 31 << 20


def keep_freed_memory() -> None:
    """Make glibc keep freed memory, up to twice this size, instead of returning it to the system at once.

    Its allocator adapts to the largest mapped block that is freed (mallopt(3), M_MMAP_THRESHOLD: at most 32 MiB).
    Otherwise each rebuilt matrix is fresh memory that the system must clear first, which takes a quarter of the time
    of all attention methods on a small model. Nothing is written to the block, so this takes no time and no memory.
    """
    torch.empty(_LARGE_BLOCK, dtype=torch.uint8)  # freed at once


keep_freed_memory()


@dataclass
class AttentionCall:
    """Inputs and output of one attention: (B, H, T, d) each."""

    q: torch.Tensor
    k: torch.Tensor
    v: torch.Tensor
    scale: float
    mask: torch.Tensor | None = None
    output: torch.Tensor | None = None
    """Part of the autograd graph until the backward pass is over."""
    output_gradient: torch.Tensor | None = None


def as_call(
    output: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> AttentionCall:
    """An ``AttentionCall`` from the arguments of ``scaled_dot_product_attention``."""
    if enable_gqa:
        groups = query.shape[-3] // key.shape[-3]
        key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
    if is_causal:
        attn_mask = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device).tril()
    return AttentionCall(
        query, key, value, scale if scale is not None else 1 / math.sqrt(query.shape[-1]), attn_mask, output
    )


def chunk_bytes(device: torch.device) -> int:
    """The maximum size of a rebuilt piece of attention on this device."""
    return CHUNK_BYTES.get(device.type, CHUNK_BYTES["cpu"])


def wide(tensor: torch.Tensor) -> torch.Tensor:
    """``tensor``, in float32 if it is bfloat16, whose eight bits of mantissa are too few for sums over tokens."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor


def rebuilt_attention(call: AttentionCall, rows: slice) -> torch.Tensor:
    """(B, H, R, T): some query rows of A = softmax(q k^T scale)."""
    return masked_softmax(call, (wide(call.q[..., rows, :]) * call.scale) @ wide(call.k).transpose(-2, -1), rows)


def masked_softmax(call: AttentionCall, scores: torch.Tensor, rows: slice) -> torch.Tensor:
    """Attention probabilities of some query rows from their scores (..., R, T), with the call's mask."""
    if call.mask is not None:
        mask = call.mask[..., rows, :] if call.mask.shape[-2] > 1 else call.mask
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    return scores.softmax(-1)


def rebuilt_gradient(call: AttentionCall, rows: slice) -> torch.Tensor:
    """(B, H, R, T): some query rows of dA = dO v^T."""
    assert call.output_gradient is not None
    return wide(call.output_gradient[..., rows, :]) @ wide(call.v).transpose(-2, -1)


def split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(..., T, H d) to (..., H, T, d)."""
    return x.unflatten(-1, (heads, -1)).transpose(-3, -2)


def join_heads(x: torch.Tensor) -> torch.Tensor:
    """(..., H, T, d) to (..., T, H d)."""
    return x.transpose(-3, -2).flatten(-2)
