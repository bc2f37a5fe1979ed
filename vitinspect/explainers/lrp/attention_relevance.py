"""Computing the map from the relevance of attention, which the walk reports block by block."""

from __future__ import annotations

from typing import Any

import torch

from vitinspect.explainers.base import Run
from vitinspect.explainers.lrp.rules import net_relevance


class AttentionRelevance:
    """Multiplies the read-out row with ``mean_h relu(C)`` of each block, where C may be weighted with the gradient.

    ``roll``: the row is multiplied with ``M + I`` of all blocks; otherwise it is that of a single block. Only a chunk
    of rows of each matrix is in memory at a time.
    """

    def __init__(self, run: Run, blocks: range, weighted: bool, roll: bool) -> None:
        self.run, self.blocks, self.weighted, self.roll = run, blocks, weighted, roll
        self.row = run.trace.readout
        self._sum: torch.Tensor | None = None
        self._kept: dict[int, torch.Tensor] = {}

    def attention(self, block: int, call: int, rows: slice, relevance: torch.Tensor) -> None:
        net = net_relevance(relevance)
        if self.run.details:
            self._keep(block, call, rows, net)
        if block not in self.blocks:
            return
        called = self.run.trace.calls[block][call]
        if self.weighted:
            assert called.output_gradient is not None
            up = called.output_gradient[..., rows, :].to(net.dtype)
            positive = (up @ called.v.to(net.dtype).transpose(-2, -1)).mul_(net).clamp_(min=0)
        else:
            positive = net.clamp(min=0)
        weights = self.row[:, None, rows].to(positive.dtype) / self._heads(block)
        part = (weights @ positive.sum(1))[:, 0]
        self._sum = part if self._sum is None else self._sum + part

    def block_done(self, block: int) -> None:
        if self._sum is not None:
            self.row = self.row + self._sum if self.roll else self._sum
            self._sum = None
        if self.roll:
            self.row = self.run.trace.add_readout(self.row, block)

    def _heads(self, block: int) -> int:
        return sum(call.q.shape[1] for call in self.run.trace.calls[block])

    def _keep(self, block: int, call: int, rows: slice, relevance: torch.Tensor) -> None:
        calls = self.run.trace.calls[block]
        if block not in self._kept:
            batch, _, _, tokens = relevance.shape
            self._kept[block] = relevance.new_zeros(batch, self._heads(block), tokens, tokens)
        first = sum(c.q.shape[1] for c in calls[:call])
        self._kept[block][:, first : first + calls[call].q.shape[1], rows] = relevance

    def details(self, batch: int) -> list[dict[str, Any]] | None:
        """``attention_relevance`` (L, H, T, T) per image."""
        if not self._kept:
            return None
        blocks = [self._kept[block] for block in sorted(self._kept)]
        return [{"attention_relevance": torch.stack([b[i] for b in blocks])} for i in range(batch)]


def attention_of_read_out(run: Run) -> torch.Tensor:
    """(B, T): the attention that the head's read-out pays in the last block, averaged over heads."""
    row: torch.Tensor | None = None
    for chunk in run.trace.attention_rows(run.model.depth - 1):
        part = (run.trace.readout[:, None, chunk.rows].to(chunk.mean.dtype) @ chunk.mean)[:, 0]
        row = part if row is None else row + part
    assert row is not None
    return row
