"""The attention of one token in every block and head, in the worker's thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitinspect.app.compute.addresses import AttentionAddress
from vitinspect.app.compute.explaining import HandOver, Report
from vitinspect.app.compute.model_input import model_for, prepared
from vitinspect.app.compute.worker import Context
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class HeadAttention:
    """The attention of one token in every block and head."""

    address: AttentionAddress
    values: np.ndarray
    """(blocks, heads, rows, columns)"""
    prefix: np.ndarray
    """(blocks, heads): how much goes to the tokens before the patches."""

    @property
    def token(self) -> int:
        return self.address.token


def head_attention(
    context: Context,
    hand_over: HandOver,
    cancel: CancelToken,
    progress: Report,
    *,
    address: AttentionAddress,
    pixels: np.ndarray,
) -> HeadAttention:
    """The attention row of the token in each block and head."""
    import numpy as np
    import torch

    from vitinspect.explainers.base import Needs
    from vitinspect.explainers.trace import record

    model = model_for(context, address.input).at_precision(address.input.precision)
    tensor = prepared(context, pixels, address.input).tensor[None].to(model.device, model.dtype)
    token = address.token
    with torch.no_grad():
        trace, _ = record(model, tensor, lambda logits: None, Needs(attention=True), cancel=cancel)
        grid = model.grid_for(*tensor.shape[-2:])
        before = model.prefix_tokens
        values, prefix = [], []
        for block in range(trace.depth):
            cancel.check()
            progress(block, trace.depth)
            for chunk in trace.attention_rows(block):
                if chunk.rows.start <= token < chunk.rows.stop:
                    row = chunk.attention[0, :, token - chunk.rows.start].float().cpu()
                    values.append(row[:, before:].reshape(-1, *grid).numpy().copy())
                    prefix.append(row[:, :before].sum(-1).numpy().copy())
                    break
    return HeadAttention(address, np.stack(values), np.stack(prefix))
