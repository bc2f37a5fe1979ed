"""Running one block for all masked copies of its tokens, using the structure of ViT-ReciproCAM's masks.

Copy t keeps the prefix tokens and at most nine patches, each scaled; every other token of the block's normalised
input is zero. The residual stream is not masked. So, exactly:

* a token is scaled by one of at most three factors: queries, keys and values of all copies are rows of one small
  table, computed once;
* the zeroed tokens have the same key and value. In the softmax they count as one key with a multiplicity, whose
logarithm is added to the score;
* the zeroed tokens have the same query, so attention adds the same row ``a_t`` to all of them;
* with that, the input of the MLP's first linear map is ``LN(X_i + a_t)``, which is linear in ``X_i`` and ``a_t`` up to
  the division by its spread: ``W LN(X_i + a_t) + b = (P_i + Q_t) / s_it + c``, P from the tokens, Q from the copies.

For each copy, only the activation and the second linear map of the MLP remain to be computed. With rotary positions,
queries and keys depend on the position; then only the first point holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from vitinspect.explainers.passes.block_parts import HeadTable, Parts, pick_rows

if TYPE_CHECKING:
    from vitinspect.explainers.passes.block_parts import Projections

KERNEL = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 16


@dataclass(frozen=True)
class Masks:
    """The masked copies: which tokens of each are not zero, and their factors."""

    tokens: torch.Tensor
    """(N, S) indices of tokens, prefix included; entries whose ``factors`` is 0 are unused."""
    factors: torch.Tensor
    """(N, S)"""
    total: int
    """The number of tokens."""

    @classmethod
    def around_each_patch(
        cls, grid: tuple[int, int], prefix: int, gaussian: bool, cls_token: bool, device: torch.device
    ) -> Masks:
        """The kernel centred on each patch, cut at the borders, and the prefix tokens with factor 1 or 0."""
        rows, columns = grid
        kernel = KERNEL.to(device) if gaussian else torch.ones(1, 1, device=device)
        reach = kernel.shape[0] // 2
        offsets = torch.arange(-reach, reach + 1, device=device)
        row = torch.arange(rows, device=device)[:, None, None, None] + offsets[:, None]
        column = torch.arange(columns, device=device)[:, None, None] + offsets
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        place = prefix + row.clamp(0, rows - 1) * columns + column.clamp(0, columns - 1)
        tokens = place.reshape(rows * columns, -1)
        factors = (kernel * inside).reshape(rows * columns, -1)
        if cls_token and prefix:
            first = torch.arange(prefix, device=device).expand(len(tokens), prefix)
            tokens = torch.cat([first, tokens], dim=1)
            factors = torch.cat([factors.new_ones(len(factors), prefix), factors], dim=1)
        return cls(tokens, factors, prefix + rows * columns)

    def dense(self, chunk: slice) -> torch.Tensor:
        """(n, T): the factor of every token."""
        tokens, factors = self.tokens[chunk], self.factors[chunk]
        return factors.new_zeros(len(tokens), self.total).scatter_add(1, tokens, factors)


class MaskedBlock:
    """A pre-norm block (with ``Parts.before_mlp``) for all masked copies of the tokens that enter it."""

    def __init__(self, parts: Parts, tokens: torch.Tensor, rope: torch.Tensor | None, masks: Masks) -> None:
        """``tokens``: (T, D), the block's input; ``rope``: the block's own rotary table."""
        self.parts, self.tokens, self.rope, self.masks = parts, tokens, rope, masks
        attention = parts.attention
        z = parts.before(tokens[None])[0]
        # One row per token and factor; the last row is that of a token that is masked to zero.
        levels = masks.factors.unique()
        levels = levels[levels > 0]
        table = torch.cat([*(z * level.to(z.dtype) for level in levels), z.new_zeros(1, z.shape[1])])[None]
        self.zero = table.shape[1] - 1
        self.table = HeadTable(*(heads[0] for heads in attention.qkv(table, None)))
        gates = attention.gate(table)
        self.gates = None if gates is None else gates[0]
        level = torch.searchsorted(levels, masks.factors.contiguous())
        self.entry = torch.where(masks.factors > 0, level * masks.total + masks.tokens, self.zero)
        self.mlp = None if rope is not None else SplitMlp.of(parts, tokens)

    def __call__(self, chunk: slice) -> torch.Tensor:
        """(n, T, D): the block's output for the copies of this chunk."""
        if self.rope is not None:
            return self.parts.mlp_step(self.tokens + self._attend_everywhere(chunk, self.rope))
        added = self._attend(chunk)
        index, real = self.masks.tokens[chunk], self.masks.factors[chunk] > 0
        special = pick_rows(self.tokens, index) + added[:, :-1]
        common = added[:, -1]
        y = self.tokens + common[:, None]
        copy, slot = real.nonzero(as_tuple=True)
        place = (copy, index[copy, slot])
        y[place] = special[copy, slot]
        if self.mlp is None:
            return self.parts.mlp_step(y)
        return y.add_(self.parts.after_mlp(self.mlp(common, place, special[copy, slot])))

    def rows(self, chunk: slice, rows: slice, masked: bool) -> torch.Tensor:
        """(n, R, D): the output for some of the prefix tokens, which have factor 0 or 1 in all copies."""
        if self.rope is not None:
            return self.parts.mlp_step(self.tokens[rows] + self._attend_everywhere(chunk, self.rope)[:, rows])
        added = self._attend(chunk)
        return self.parts.mlp_step(self.tokens[rows] + (added[:, -1:] if masked else added[:, rows]))

    def _attend(self, chunk: slice) -> torch.Tensor:
        """(n, S + 1, D): what attention adds to the tokens that are not zero and, last, to all that are."""
        entry = self.entry[chunk]
        entry = torch.cat([entry, entry.new_full((len(entry), 1), self.zero)], dim=1)
        real = self.masks.factors[chunk] > 0
        # An unused entry is not a key; the zeroed tokens are one key, counted as often as there are of them.
        q, k, v = (_wide(heads) for heads in self.table.pick(entry))
        weight = q.new_zeros(entry.shape)
        weight[:, :-1].masked_fill_(~real, -math.inf)
        weight[:, -1] = (self.masks.total - real.sum(1)).to(weight.dtype).log()
        # Only a dozen rows: a fused call would not be faster, and would round the weights to the model's precision.
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1) + weight[:, None, None]
        return self._leave((scores.softmax(-1) @ v).to(self.tokens.dtype), entry)

    def _attend_everywhere(self, chunk: slice, rope: torch.Tensor) -> torch.Tensor:
        """(n, T, D): what attention adds to each token, if positions rotate queries and keys."""
        entry = self.entry.new_full((len(self.entry[chunk]), self.masks.total), self.zero)
        copy, slot = (self.masks.factors[chunk] > 0).nonzero(as_tuple=True)
        entry[copy, self.masks.tokens[chunk][copy, slot]] = self.entry[chunk][copy, slot]
        q, k, v = self.table.pick(entry)
        turn: Projections = self.parts.attention
        mixed = F.scaled_dot_product_attention(turn.rotate(q, rope), turn.rotate(k, rope), v)
        return self._leave(mixed, entry)

    def _leave(self, mixed: torch.Tensor, entry: torch.Tensor) -> torch.Tensor:
        gate = None if self.gates is None else pick_rows(self.gates, entry)
        return self.parts.after_attention(self.parts.attention.leave(mixed, gate))


class SplitMlp:
    """An MLP after a LayerNorm, for tokens that are a sum of one row per token and one row per copy."""

    def __init__(
        self,
        norm: nn.LayerNorm,
        linears: list[nn.Linear],
        rest: Callable[[list[torch.Tensor]], torch.Tensor],
        tokens: torch.Tensor,
    ) -> None:
        self.norm, self.linears, self.rest = norm, linears, rest
        centred = tokens - tokens.mean(-1, keepdim=True)
        self.centred = _wide(centred)
        self.variance = self.centred.square().mean(-1)
        scale = norm.weight if norm.weight is not None else tokens.new_ones(tokens.shape[-1])
        self.weights = [(linear.weight * scale).detach() for linear in linears]
        self.constants: list[torch.Tensor | None] = [linear.bias for linear in linears]
        if norm.bias is not None:
            self.constants = [F.linear(norm.bias, linear.weight, linear.bias) for linear in linears]
        self.of_tokens = [F.linear(centred, weight) for weight in self.weights]

    @classmethod
    def of(cls, parts: Parts, tokens: torch.Tensor) -> SplitMlp | None:
        """The split MLP; None if the norm or the MLP is of another kind."""
        norm, mlp = parts.before_mlp, parts.mlp
        kind = type(mlp).__name__ if type(mlp).__module__ == "timm.layers.mlp" else ""
        if not isinstance(norm, nn.LayerNorm) or len(norm.normalized_shape) != 1:
            return None
        m: Any = mlp
        if kind == "Mlp":
            linears, rest = [m.fc1], lambda hidden: m.fc2(m.norm(m.act(hidden[0])))
        elif kind == "GluMlp":
            linears, rest = [m.fc1], lambda hidden: m.fc2(m.norm(_gated(m, hidden[0])))
        elif kind == "SwiGLU":
            linears, rest = [m.fc1_g, m.fc1_x], lambda hidden: m.fc2(m.norm(m.act(hidden[0]).mul_(hidden[1])))
        else:
            return None
        if any(type(linear) is not nn.Linear for linear in linears):
            return None
        return cls(norm, linears, rest, tokens)

    def __call__(
        self, common: torch.Tensor, place: tuple[torch.Tensor, torch.Tensor], special: torch.Tensor
    ) -> torch.Tensor:
        """(n, T, D): the MLP of ``tokens + common`` (n, D), but at ``place`` of the rows ``special`` (K, D)."""
        centred = common - common.mean(-1, keepdim=True)
        wide = _wide(centred)
        # The variance of a sum; eight bits of mantissa are too few for sums of squares.
        variance = wide.square().mean(-1)[:, None] + self.variance
        variance += (wide @ self.centred.T) * (2 / common.shape[-1])
        shrink = (variance.clamp_(min=0) + self.norm.eps).rsqrt_()[..., None].to(common.dtype)
        normed = self.norm(special)
        hidden = []
        for linear, weight, constant, of_tokens in zip(
            self.linears, self.weights, self.constants, self.of_tokens, strict=True
        ):
            both = of_tokens + F.linear(centred, weight)[:, None]
            both = both.mul_(shrink) if constant is None else torch.addcmul(constant, both, shrink, out=both)
            both[place] = linear(normed)
            hidden.append(both)
        return self.rest(hidden)


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor


def _gated(mlp: Any, hidden: torch.Tensor) -> torch.Tensor:
    first, second = hidden.chunk(2, dim=-1)
    return first * mlp.act(second) if mlp.gate_last else mlp.act(first) * second
