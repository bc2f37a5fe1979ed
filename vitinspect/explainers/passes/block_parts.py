"""The parts of timm's blocks: norms, projections and MLP, so that a part of a block can be run separately.

Blocks of an unknown kind have no parts, and are called as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT

Map = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Parts:
    """The parts of a block: ``y = x + after_attention(attention(before(x)))``, and the same with the MLP."""

    before: Map
    attention: Projections
    after_attention: Map
    before_mlp: nn.Module | None
    """The norm before the MLP; None if the block normalises after it."""
    mlp: nn.Module
    after_mlp: Map

    def mlp_step(self, y: torch.Tensor) -> torch.Tensor:
        z = y if self.before_mlp is None else self.before_mlp(y)
        return y + self.after_mlp(self.mlp(z))


def parts_of(block: nn.Module) -> Parts | None:
    """The parts of a timm block with one attention and one MLP; None for every other kind."""
    kind = _timm_name(block)
    attention = Projections.of(getattr(block, "attn", None))
    if attention is None:
        return None
    b: Any = block
    if kind == "Block":
        return Parts(b.norm1, attention, b.ls1, b.norm2, b.mlp, b.ls2)
    if kind == "EvaBlock":
        return Parts(b.norm1, attention, _times(b.gamma_1), b.norm2, b.mlp, _times(b.gamma_2))
    if kind in ("ResPostBlock", "EvaBlockPostNorm"):
        return Parts(nn.Identity(), attention, b.norm1, None, b.mlp, b.norm2)
    return None


_HOMES = ("timm.layers.attention", "timm.models.vision_transformer", "timm.models.eva")


def _timm_name(module: nn.Module | None) -> str:
    """The name of timm's own class; empty for other classes, even of the same name."""
    cls = type(module)
    return cls.__name__ if cls.__module__ in _HOMES else ""


def _times(gamma: torch.Tensor | None) -> Map:
    return (lambda x: x) if gamma is None else (lambda x: x * gamma)


@dataclass(frozen=True)
class Projections:
    """The separate linear maps of an attention module: weight (out, D) and bias or None each."""

    module: Any
    heads: int
    key_heads: int
    weights: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    biases: tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]

    @classmethod
    def of(cls, module: nn.Module | None) -> Projections | None:
        if _timm_name(module) not in ("Attention", "AttentionRope", "EvaAttention"):
            return None
        m: Any = module
        heads, key_heads = m.num_heads, getattr(m, "num_kv_heads", m.num_heads)
        if getattr(m, "qkv", None) is not None:
            if type(m.qkv) is not nn.Linear:
                return None
            wq, wk, wv = m.qkv.weight.chunk(3)
            if getattr(m, "q_bias", None) is not None:
                bq, bk, bv = m.q_bias, m.k_bias, m.v_bias
            else:
                bq, bk, bv = m.qkv.bias.chunk(3) if m.qkv.bias is not None else (None, None, None)
        else:
            linears = (m.q_proj, m.k_proj, m.v_proj)
            if any(type(linear) is not nn.Linear for linear in linears):
                return None
            wq, wk, wv = (linear.weight for linear in linears)
            bq, bk, bv = (linear.bias for linear in linears)
        return cls(m, heads, key_heads, (wq, wk, wv), (bq, bk, bv))

    # What is projected, as indices in ``weights``.
    QUERY, KEY, VALUE = 0, 1, 2

    def linear(self, z: torch.Tensor, what: int) -> torch.Tensor:
        """(..., D) to (..., out), before splitting into heads."""
        return F.linear(z, self.weights[what], self.biases[what])

    def per_head(self, projected: torch.Tensor, what: int) -> torch.Tensor:
        """(n, R, out) to (n, heads, R, d), with the norm of queries or keys; not yet rotated."""
        heads = self.heads if what == self.QUERY else self.key_heads
        split = projected.unflatten(-1, (heads, -1)).transpose(-3, -2)
        if what == self.VALUE:
            return split
        return self.module.q_norm(split) if what == self.QUERY else self.module.k_norm(split)

    def expand(self, keys: torch.Tensor) -> torch.Tensor:
        """Keys or values, repeated for the query heads that share them."""
        groups = self.heads // self.key_heads
        return keys if groups == 1 else keys.repeat_interleave(groups, dim=1)

    def rotate(self, heads: torch.Tensor, rope: torch.Tensor | None, first: int = 0) -> torch.Tensor:
        """Rotary positions on rows ``first`` .. of the sequence; prefix tokens have none."""
        if rope is None:
            return heads
        from timm.layers import apply_rot_embed_cat

        plain = max(0, self.module.num_prefix_tokens - first)
        if plain >= heads.shape[-2]:
            return heads
        start = max(0, first - self.module.num_prefix_tokens)
        count = heads.shape[-2] - plain
        turned = apply_rot_embed_cat(
            heads[..., plain:, :],
            rope[..., start : start + count, :],
            half=bool(getattr(self.module, "rotate_half", False)),
        )
        return torch.cat([heads[..., :plain, :], turned], dim=-2).type_as(heads)

    def qkv(self, z: torch.Tensor, rope: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(n, T, D) to the inputs q, k, v of attention, (n, H, T, d) each."""
        if getattr(self.module, "qkv", None) is not None:
            q, k, v = F.linear(z, self.module.qkv.weight, self._joint_bias()).chunk(3, dim=-1)
        else:
            q, k, v = (self.linear(z, what) for what in (self.QUERY, self.KEY, self.VALUE))
        return (
            self.rotate(self.per_head(q, self.QUERY), rope),
            self.expand(self.rotate(self.per_head(k, self.KEY), rope)),
            self.expand(self.per_head(v, self.VALUE)),
        )

    def _joint_bias(self) -> torch.Tensor | None:
        q, k, v = self.biases
        return None if q is None or k is None or v is None else torch.cat((q, k, v))

    def leave(self, heads: torch.Tensor, gate: torch.Tensor | None) -> torch.Tensor:
        """(n, H, R, d) to (n, R, D): the module's computation after attention itself."""
        joined = self.module.norm(heads.transpose(1, 2).flatten(2))
        if gate is not None:
            joined = joined * gate
        return self.module.proj(joined)

    def gate(self, z: torch.Tensor) -> torch.Tensor | None:
        """The gate of the attention's output, if the module has one."""
        gate = getattr(self.module, "gate", None)
        return None if gate is None else gate(z).sigmoid()

    def folds(self, rope: torch.Tensor | None, queries: int) -> bool:
        """Whether keys and values need not be computed: few queries, and keys linear in the tokens."""
        keys_are_linear = rope is None and type(self.module.k_norm) is nn.Identity and self.heads == self.key_heads
        return keys_are_linear and 2 * queries * self.heads <= self.weights[0].shape[0]

    def folded(self, q: torch.Tensor, z: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Attention of few queries (n, H, R, d) over tokens z (n, T, D), without their keys and values.

        ``q · (Wk z_j + b) = (Wkᵀ q) · z_j + const``, and softmax does not see the constant; and
        ``sum_j a_j (Wv z_j + b) = Wv (sum_j a_j z_j) + b``. So two products with z itself do.
        """
        n, heads, rows, d = q.shape
        wk, wv = (self.weights[i].view(heads, d, -1) for i in (self.KEY, self.VALUE))
        # One matrix product per head over all sets: (H, n R, d) @ (H, d, D).
        turned = (q * self.module.scale).transpose(0, 1).reshape(heads, n * rows, d) @ wk
        turned = turned.view(heads, n, rows, -1).permute(1, 0, 2, 3).reshape(n, heads * rows, -1)
        scores = turned @ z.transpose(1, 2)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, 0], -torch.inf)
        mixed = scores.softmax(-1) @ z
        mixed = mixed.view(n, heads, rows, -1).permute(1, 0, 2, 3).reshape(heads, n * rows, -1)
        values = (mixed @ wv.transpose(1, 2)).view(heads, n, rows, d)
        bias = self.biases[self.VALUE]
        if bias is not None:
            values = values + bias.view(heads, 1, 1, d)
        return values.transpose(0, 1)


# --- picking rows --------------------------------------------------------------------------------------------


class HeadTable:
    """Queries, keys and values of some tokens, from which those of many sets are picked."""

    def __init__(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> None:
        """(H, T, d) each."""
        self.heads = q.shape[0]
        # Token by token, so that picking copies whole rows.
        self.rows = torch.stack([q, k, v]).permute(2, 0, 1, 3).flatten(1)

    def pick(self, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(n, K) indices to q, k, v of shape (n, H, K, d)."""
        picked = pick_rows(self.rows, chosen).unflatten(-1, (3, self.heads, -1))
        q, k, v = picked.permute(2, 0, 3, 1, 4).unbind(0)
        return q, k, v


def pick_rows(table: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """(T, D) and (n, K) indices to (n, K, D). Much faster than ``table[chosen]`` on a CPU."""
    return table.index_select(0, chosen.reshape(-1)).view(*chosen.shape, -1)


# --- rotary positions ----------------------------------------------------------------------------------------


def rotary_table(model: ViT, grid: tuple[int, int]) -> torch.Tensor | None:
    """The ``rope`` argument of the blocks: (N, 2d), or (L, H, N, 2d) if each block has its own; None without."""
    module: Any = model.module
    if getattr(module, "rope", None) is None:
        return None
    like = next(model.module.parameters())
    shape = (1, *grid, model.dim) if getattr(module, "dynamic_img_size", False) else (1, grid[0] * grid[1], model.dim)
    return module._pos_embed(like.new_zeros(shape))[1]


def rope_of_block(
    model: ViT, table: torch.Tensor | None, block: int, kept: torch.Tensor | None = None
) -> torch.Tensor | None:
    """The table of one block; with ``kept`` (n, K) its rows for the patches of each set, (n, 1 or H, K, 2d)."""
    if table is None:
        return None
    own = table[block] if getattr(model.module, "rope_mixed", False) else table
    if kept is None:
        return own
    rows = own[..., kept, :]
    return rows[:, None] if own.dim() == 2 else rows.transpose(0, 1)
