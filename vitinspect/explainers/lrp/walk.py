"""Propagating relevance through a model, from the score of the target to the patches.

It reads the activations that the shared trace recorded and does not run the model again. The attention of a block is
rebuilt in chunks of query rows, and its relevance is reported to the method chunk by chunk (``Sink``), so that the
T x T matrices are never kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import nn

from vitinspect.explainers.attention_calls import (
    ALL_ROWS,
    AttentionCall,
    chunk_bytes,
    join_heads,
    masked_softmax,
    split_heads,
)
from vitinspect.explainers.base import Run
from vitinspect.explainers.lrp import embedding, heads
from vitinspect.explainers.lrp import plan as plans
from vitinspect.explainers.lrp.rules import STABILISER, Rules, add, clone, halves, linear, safe_quotient
from vitinspect.progress import check


class Sink(Protocol):
    """What the walk reports to a method."""

    def attention(self, block: int, call: int, rows: slice, relevance: torch.Tensor) -> None:
        """Relevance (P, B, H, R, T) of some query rows of a block's attention. Rows that are not reported have none."""

    def block_done(self, block: int) -> None:
        """All of the block's attention has been reported."""


Observer = Callable[[str, torch.Tensor, slice], None]
"""Called with the relevance (P, B, R, D) at each place of the walk, for tests: place, relevance, token rows."""


class Walk:
    """One walk for a batch. ``relevance`` is (P, B, R, D) for the token ``rows``; all others have none."""

    def __init__(
        self, run: Run, plan: plans.Plan, sink: Sink, rules: Rules = "chefer", observe: Observer | None = None
    ) -> None:
        self.run, self.plan, self.sink, self.rules = run, plan, sink, rules
        self.trace = run.trace
        self.module = run.model.module
        self.dtype = torch.float64 if run.model.dtype == torch.float64 else torch.float32
        self.exact = run.model.dtype == self.dtype
        """Whether the recorded outputs are precise enough to be used; those of bfloat16 are not."""
        self._observe = observe
        self._rotation: list[torch.Tensor | None] | None = None
        self.waiting: dict[int, torch.Tensor] = {}
        """Relevance (P, B, T, D) that the head gives to the tokens that leave an earlier block, by block."""
        self.relevance, self.rows = heads.head(self)
        self.observe("features")

    # --- reading the trace -----------------------------------------------------------------------------------

    def wide(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(self.dtype)

    def entered(self, place: int | str) -> torch.Tensor:
        """The input of a module, or the tokens of that index."""
        return self.wide(self.trace.tokens[place] if isinstance(place, int) else self.trace.inputs[place])

    def left(self, name: str) -> torch.Tensor:
        """The output of a module."""
        return self.wide(self.trace.outputs[name])

    def part(self, name: str) -> nn.Module:
        return self.module.get_submodule(name)

    def observe(self, place: str) -> None:
        if self._observe is not None:
            self._observe(place, self.relevance, self.rows)

    # --- block by block --------------------------------------------------------------------------------------

    def to_attention_of(self, lowest: int) -> None:
        """Walk down to the relevance of attention in block ``lowest``, and no further."""
        self._blocks(lowest, enter_lowest=False)

    def to_pixels(self) -> torch.Tensor:
        """Walk down to the pixels: (P, B, H, W)."""
        self._blocks(0, enter_lowest=True)
        return embedding.pixel_relevance(self)

    def _blocks(self, lowest: int, enter_lowest: bool) -> None:
        depth = len(self.plan.blocks)
        for block in range(depth - 1, lowest - 1, -1):
            direct = self.waiting.pop(block, None)
            if direct is not None:
                self.relevance = clone(
                    self.entered(block + 1)[:, self.rows], self.relevance + direct[..., self.rows, :]
                )
            self.observe(f"blocks.{block}.output")
            stages = self.plan.blocks[block]
            for position in range(len(stages) - 1, -1, -1):
                deeper = enter_lowest or block > lowest or position > 0
                self._stage(stages[position], block, deeper)
                if deeper:
                    self.observe(f"blocks.{block}.stage.{position}")
            self.sink.block_done(block)
            self.run.report(depth - block, depth)

    def _stage(self, stage: plans.Stage, block: int, deeper: bool) -> None:
        stream = self.entered(stage.enters)
        rows = self.rows
        outputs = [self.left(branch.leaves)[:, rows] for branch in stage.branches]
        whole = self.entered(stage.leaves)[:, rows]
        joined = outputs[0] if len(outputs) == 1 else torch.stack(outputs).sum(0)
        kept, given = add(self.relevance, whole, [stream[:, rows], joined], self.rules)
        shares = [given] if len(outputs) == 1 else add(given, joined, outputs, self.rules)
        total: torch.Tensor | None = None
        for branch, share in zip(stage.branches, shares, strict=True):
            back, self.rows = self._core(branch.core, share, rows, block, deeper)
            if back is not None:
                total = back if total is None else total + back
        if not deeper:
            return
        assert total is not None
        if self.rows == rows:
            total = total + kept
        else:
            total[..., rows, :] += kept
        self.relevance = clone(stream[:, self.rows], total)

    def _core(
        self,
        core: plans.Attention | plans.Mlp | plans.Parallel,
        relevance: torch.Tensor,
        rows: slice,
        block: int,
        deeper: bool,
    ) -> tuple[torch.Tensor | None, slice]:
        """Relevance of a branch's input, and the rows that have any."""
        if isinstance(core, plans.Mlp):
            return self.mlp(core, relevance, rows), rows
        if isinstance(core, plans.Attention):
            return self._attention(core, relevance, rows, block, deeper), ALL_ROWS
        return self._parallel(core, relevance, rows, block, deeper), ALL_ROWS

    # --- linear layers and MLPs ------------------------------------------------------------------------------

    def linear(self, name: str, relevance: torch.Tensor, rows: slice = ALL_ROWS) -> torch.Tensor:
        """Relevance of the input of a linear layer whose input and output were recorded."""
        layer = self.part(name)
        assert isinstance(layer, nn.Linear)
        output = self.left(name)[:, rows]
        return self.linear_rule(self.entered(name)[:, rows], layer.weight, layer.bias, output, relevance)

    def linear_rule(
        self,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        output: torch.Tensor,
        relevance: torch.Tensor,
    ) -> torch.Tensor:
        product: torch.Tensor | None = None
        if self.exact:
            product = output if bias is None else output - bias
        return linear(x, self.wide(weight), relevance, product, self.rules)

    def mlp(self, mlp: plans.Mlp, relevance: torch.Tensor, rows: slice) -> torch.Tensor:
        relevance = self.linear(f"{mlp.path}.{mlp.last}", relevance, rows)
        if mlp.packed:
            half = halves(relevance)
            relevance = torch.cat((half, half), dim=-1)
        elif len(mlp.first) == 2:
            half = halves(relevance)
            x = self.entered(f"{mlp.path}.{mlp.first[0]}")[:, rows]
            received = []
            for name in mlp.first:
                layer, output = self.part(f"{mlp.path}.{name}"), self.left(f"{mlp.path}.{name}")[:, rows]
                assert isinstance(layer, nn.Linear)
                received.append(self.linear_rule(x, layer.weight, layer.bias, output, half))
            return received[0] + received[1]
        return self.linear(f"{mlp.path}.{mlp.first[0]}", relevance, rows)

    # --- attention -------------------------------------------------------------------------------------------

    def _attention(
        self, plan: plans.Attention, relevance: torch.Tensor, rows: slice, block: int, deeper: bool
    ) -> torch.Tensor | None:
        path = plan.path
        relevance = self.linear(f"{path}.proj", relevance, rows)
        if plan.gated:
            relevance = halves(relevance)
            gate = relevance
        call = self.trace.calls[block][plan.call]
        output = self.entered(plan.joined)[:, rows]
        received = self.products(call, output, relevance, rows, self._reporter(block, plan.call), deeper)
        if not deeper:
            return None
        to_q, to_k, to_v = received
        q, k, v = self.wide(call.q), self.wide(call.k), self.wide(call.v)
        if plan.groups > 1:
            # Heads of a group share one k and v, which receive the sum of the heads' relevance.
            to_k, to_v = (g.unflatten(2, (-1, plan.groups)).sum(3) for g in (to_k, to_v))
            k, v = k[:, :: plan.groups], v[:, :: plan.groups]
        if plan.rotary:
            q, k = self.left(f"{path}.q_norm"), self.left(f"{path}.k_norm")
            to_q, to_k = self._rotated_back(path, block, to_q, rows), self._rotated_back(path, block, to_k, ALL_ROWS)
        to_q, to_k, to_v = q[:, :, rows] * to_q / 2, k * to_k / 2, v * to_v / 2
        before_q = self.entered(f"{path}.q_norm") if plan.rotary or plan.q_norm else q
        before_k = self.entered(f"{path}.k_norm") if plan.rotary or plan.k_norm else k
        outputs = [join_heads(t) for t in (before_q, before_k, v)]
        shares = [join_heads(t) for t in (to_q, to_k, to_v)]
        x = self.entered(path)
        total = self._projections(plan, x, outputs, shares, rows)
        if plan.gated:
            layer = self.part(f"{path}.gate")
            assert isinstance(layer, nn.Linear)
            opened = self.left(f"{path}.gate")[:, rows]
            total[..., rows, :] += self.linear_rule(x[:, rows], layer.weight, layer.bias, opened, gate)
        return total

    def _projections(
        self,
        plan: plans.Attention,
        x: torch.Tensor,
        outputs: list[torch.Tensor],
        shares: list[torch.Tensor],
        rows: slice,
    ) -> torch.Tensor:
        """Relevance of the input of the layers that made q (of which only ``rows`` have any), k and v."""
        attn: Any = self.part(plan.path)
        if plan.separate:
            layers = [getattr(attn, f"{letter}_proj") for letter in "qkv"]
            pairs = [(layer.weight, layer.bias) for layer in layers]
        else:
            weight, bias = attn.qkv.weight, _joint_bias(attn)
            if rows == ALL_ROWS:
                return self.linear_rule(x, weight, bias, torch.cat(outputs, -1), torch.cat(shares, -1))
            biases = (None, None, None) if bias is None else bias.chunk(3)
            pairs = list(zip(weight.chunk(3), biases, strict=True))
        total = self.linear_rule(x, *pairs[1], outputs[1], shares[1])
        total = total + self.linear_rule(x, *pairs[2], outputs[2], shares[2])
        total[..., rows, :] += self.linear_rule(x[:, rows], *pairs[0], outputs[0][:, rows], shares[0])
        return total

    def _reporter(self, block: int, call: int) -> Callable[[slice, torch.Tensor], None]:
        return lambda rows, relevance: self.sink.attention(block, call, rows, relevance)

    def products(
        self,
        call: AttentionCall,
        output: torch.Tensor,
        relevance: torch.Tensor,
        rows: slice,
        tell: Callable[[slice, torch.Tensor], None] | None = None,
        deeper: bool = True,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Through ``A V``, the softmax and ``Q K^T``, in chunks of query rows.

        Returns the factors by which q, k and v must be multiplied to give twice their relevance, (P, B, H, ., d); if
        the walk ends here (not ``deeper``), they are not meaningful.
        """
        q, k, v = self.wide(call.q), self.wide(call.k), self.wide(call.v)
        batch, heads, tokens, _ = q.shape
        share = safe_quotient(split_heads(relevance, heads), split_heads(output, heads))
        halved = share / 2
        # The softmax needs q k^T scaled, the rule unscaled: the scale is applied to the smaller tensor.
        scale = float(call.scale)
        scaled = q * scale
        first, last, _ = rows.indices(tokens)
        row_bytes = relevance.shape[0] * batch * heads * k.shape[-2] * q.element_size()
        step = max(1, chunk_bytes(q.device) // row_bytes)
        to_q, to_k, to_v = [], q.new_zeros(()), q.new_zeros(())
        for start in range(first, last, step):
            check(self.run.cancel)
            chunk = slice(start, min(start + step, last))
            here = slice(chunk.start - first, chunk.stop - first)
            scores = scaled[..., chunk, :] @ k.transpose(-2, -1)
            attention = masked_softmax(call, scores, chunk)
            of_attention = (halved[..., here, :] @ v.transpose(-2, -1)).mul_(attention)
            if tell is not None:
                tell(chunk, of_attention)
            if deeper:
                again = safe_quotient(of_attention, scores, STABILISER * scale)
                to_q.append(again @ k)
                to_k = to_k + again.transpose(-2, -1) @ q[..., chunk, :]
                to_v = to_v + attention.transpose(-2, -1) @ share[..., here, :]
        if not deeper:
            return share, to_k, to_v
        return torch.cat(to_q, dim=-2).mul_(scale), to_k.mul_(scale), to_v

    def _rotated_back(self, path: str, block: int, given: torch.Tensor, rows: slice) -> torch.Tensor:
        """The factor of the rotated q or k, transformed back to before the rotation (the rotation transposed)."""
        from timm.layers import apply_rot_embed_cat

        if self._rotation is None:
            self._rotation = embedding.rotations(self)
        rotation = self._rotation[block]
        if rotation is None:
            return given
        attn = self.part(path)
        prefix = int(attn.num_prefix_tokens)  # type: ignore[arg-type]
        sine, cosine = self.wide(rotation).chunk(2, dim=-1)
        first, last, _ = rows.indices(prefix + sine.shape[-2])
        inverse = torch.cat((-sine, cosine), dim=-1)[..., max(0, first - prefix) : max(0, last - prefix), :]
        cut = max(0, min(last, prefix) - first)
        half = bool(getattr(attn, "rotate_half", False))
        turned = apply_rot_embed_cat(given[..., cut:, :], inverse, half=half)
        return torch.cat((given[..., :cut, :], turned), dim=-2)

    # --- attention and MLP from one projection ---------------------------------------------------------------

    def _parallel(
        self, plan: plans.Parallel, relevance: torch.Tensor, rows: slice, block: int, deeper: bool
    ) -> torch.Tensor | None:
        path = plan.path
        call = self.trace.calls[block][0]
        heads = call.q.shape[1]
        width = heads * call.q.shape[-1]
        if plan.fused:
            mixed = self.linear(f"{path}.out_proj", relevance, rows)
            of_attention, of_hidden = mixed[..., :width], mixed[..., width:]
            output = self.entered(f"{path}.out_proj")[:, rows, :width]
        else:
            names = [f"{path}.attn_out_proj", f"{path}.mlp_out_proj"]
            parts = [self.left(name)[:, rows] for name in names]
            shares = add(relevance, parts[0] + parts[1], parts, self.rules)
            of_attention = self.linear(names[0], shares[0], rows)
            of_hidden = self.linear(names[1], shares[1], rows) if deeper else shares[1]
            output = self.entered(names[0])[:, rows]
        received = self.products(call, output, of_attention, rows, self._reporter(block, 0), deeper)
        if not deeper:
            return None
        q, k, v = self.wide(call.q)[:, :, rows], self.wide(call.k), self.wide(call.v)
        to_q, to_k, to_v = (join_heads(x * to / 2) for x, to in zip((q, k, v), received, strict=True))
        x, together = self.entered(f"{path}.in_proj"), self.left(f"{path}.in_proj")
        layer = self.part(f"{path}.in_proj")
        assert isinstance(layer, nn.Linear)
        # The MLP's part and q have relevance in ``rows`` only; they are concatenated in the projection.
        cut = plan.hidden + width

        def rule(x: torch.Tensor, columns: slice, out: torch.Tensor, relevance: torch.Tensor) -> torch.Tensor:
            bias = None if layer.bias is None else layer.bias[columns]
            return self.linear_rule(x, layer.weight[columns], bias, out[..., columns], relevance)

        total = rule(x, slice(cut, None), together, torch.cat((to_k, to_v), -1))
        total[..., rows, :] += rule(x[:, rows], slice(0, cut), together[:, rows], torch.cat((of_hidden, to_q), -1))
        return total


def _joint_bias(attn: Any) -> torch.Tensor | None:
    """The bias of a joint q, k, v layer; Eva's attention has it in three separate parts."""
    if getattr(attn, "q_bias", None) is not None:
        return torch.cat((attn.q_bias, attn.k_bias, attn.v_bias))
    return attn.qkv.bias
