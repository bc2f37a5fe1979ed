"""Running a model from one of its blocks on, for many token sets, and computing only what the head reads.

Methods that score altered copies of one image's tokens need the rest of the model and nothing else of it:

* ``logits_from`` runs blocks ``first`` .. L-1 and the head over a batch of token sets, of one length or padded to one
  length, with patches dropped or not;
* in the last block only the rows which the head reads are computed. With class-token pooling that is one row: one
  query, one row of the MLP, and of keys and values only what that one query makes of them;
* ``after_first_block`` shares the first block's queries, keys and values between token sets that are cut from the
  same tokens.

All of it equals a plain call of the model up to rounding. Blocks of a kind that is not known here are called as
they are.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from vitinspect.progress import CancelToken, check

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT

Map = Callable[[torch.Tensor], torch.Tensor]

SHARE_READ = 0.95
"""If the head reads more than this share of the tokens, the last block is called as it is."""


def why_not(model: ViT) -> str | None:
    """None if the blocks of this model can be run apart from it, otherwise the reason."""
    if model.family == "other":
        return (
            f"its class {type(model.module).__name__} is not one whose blocks are known to take tokens and nothing "
            "else that depends on the picture"
        )
    return None


def arithmetic(model: ViT) -> ViT:
    """The model to run many passes with: itself, or on a CPU without bfloat16 instructions a float32 copy of it.

    There torch emulates bfloat16 at a fraction of float32's speed. The copy has the same (rounded) weights; its sums
    are more exact.
    """
    if model.device.type == "cpu" and model.dtype == torch.bfloat16 and not cpu_has_bfloat16():
        return model.at_precision("float32")
    return model


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices itself."""
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    if any(getattr(torch.cpu, probe, lambda: False)() for probe in probes):
        return True
    # ARM has no such probe. On x86 oneDNN says yes to emulation too, elsewhere to real instructions only.
    if platform.machine().lower() in ("x86_64", "amd64", "i386", "i686") or not torch.backends.mkldnn.is_available():
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


# --- rotary positions ----------------------------------------------------------------------------------------


def rotary_table(model: ViT, grid: tuple[int, int]) -> torch.Tensor | None:
    """What the blocks take as ``rope``: (N, 2d), or (L, H, N, 2d) where each block has its own; None without."""
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


# --- the known kinds of block --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parts:
    """A block taken apart: ``y = x + after_attention(attention(before(x)))``, and the same with the MLP."""

    before: Map
    attention: Projections
    after_attention: Map
    before_mlp: nn.Module | None
    """The norm before the MLP; None where the block normalises after it."""
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
    """The name of timm's own class, empty for anything else (a class of the same name may do anything)."""
    cls = type(module)
    return cls.__name__ if cls.__module__ in _HOMES else ""


def _times(gamma: torch.Tensor | None) -> Map:
    return (lambda x: x) if gamma is None else (lambda x: x * gamma)


@dataclass(frozen=True)
class Projections:
    """The linear maps of an attention module, apart: weight (out, D) and bias or None each."""

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

    # Names of what is projected, by their place in ``weights``.
    QUERY, KEY, VALUE = 0, 1, 2

    def linear(self, z: torch.Tensor, what: int) -> torch.Tensor:
        """(..., D) to (..., out), before anything is done per head."""
        return F.linear(z, self.weights[what], self.biases[what])

    def per_head(self, projected: torch.Tensor, what: int) -> torch.Tensor:
        """(n, R, out) to (n, heads, R, d), with the norm of queries or keys; not yet rotated."""
        heads = self.heads if what == self.QUERY else self.key_heads
        split = projected.unflatten(-1, (heads, -1)).transpose(-3, -2)
        if what == self.VALUE:
            return split
        return self.module.q_norm(split) if what == self.QUERY else self.module.k_norm(split)

    def expand(self, keys: torch.Tensor) -> torch.Tensor:
        """Keys or values repeated for the queries that share them."""
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
        """(n, T, D) to q, k, v as attention takes them, (n, H, T, d) each."""
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
        """(n, H, R, d) to (n, R, D): what the module does after the attention itself."""
        joined = self.module.norm(heads.transpose(1, 2).flatten(2))
        if gate is not None:
            joined = joined * gate
        return self.module.proj(joined)

    def gate(self, z: torch.Tensor) -> torch.Tensor | None:
        """The gate of the attention's output, where the module has one."""
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


# --- running -------------------------------------------------------------------------------------------------


def rows_read(model: ViT, tokens: int) -> slice:
    """Which rows of the last block the head reads, of a sequence of so many tokens."""
    if model.pooling == "token":
        return slice(0, 1)
    if model.pooling == "distilled":
        return slice(0, 2)
    if model.pooling in ("avg", "max", "avgmax", "map") and not model.pools_prefix:
        return slice(model.prefix_tokens, tokens)
    return slice(0, tokens)


def call_block(
    model: ViT,
    block: int,
    x: torch.Tensor,
    rope: torch.Tensor | None = None,
    kept: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """One block as the model calls it: with the rotary table, and a key mask where sets were padded."""
    extra: dict[str, Any] = {}
    if model.family == "Eva":
        extra["rope"] = rope_of_block(model, rope, block, kept)
    if mask is not None:
        extra["attn_mask"] = mask
    return model.blocks[block](x, **extra)


def logits_from(
    model: ViT,
    first: int,
    tokens: torch.Tensor,
    *,
    rope: torch.Tensor | None = None,
    kept: torch.Tensor | None = None,
    lengths: torch.Tensor | None = None,
    cancel: CancelToken | None = None,
) -> torch.Tensor:
    """(n, C): the logits of token sets (n, T, D) that enter block ``first``.

    ``rope``: the ``rotary_table`` of the run. ``kept``: (n, K), which patches are there, in order; None for all of
    them. ``lengths``: how many tokens of each set are real, where sets of different lengths were padded at the end.
    """
    mask = key_mask(lengths, tokens.shape[1])
    x = tokens
    for block in range(first, model.depth - 1):
        check(cancel)
        x = call_block(model, block, x, rope, kept, mask)
    check(cancel)
    x, rows = last_block(model, x, rope, kept, mask)
    return head(model, x, rows, tokens.shape[1], lengths)


def key_mask(lengths: torch.Tensor | None, tokens: int) -> torch.Tensor | None:
    """(n, 1, 1, T), true where a token is real; None where all are."""
    if lengths is None or bool((lengths == tokens).all()):
        return None
    return (torch.arange(tokens, device=lengths.device) < lengths[:, None])[:, None, None]


def last_block(
    model: ViT,
    x: torch.Tensor,
    rope: torch.Tensor | None = None,
    kept: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
) -> tuple[torch.Tensor, slice]:
    """The rows of the last block that the head reads, and which rows these are."""
    block = model.depth - 1
    tokens = x.shape[1]
    rows = rows_read(model, tokens)
    parts = parts_of(model.blocks[block])
    if parts is None or rows.stop - rows.start > SHARE_READ * tokens:
        return call_block(model, block, x, rope, kept, mask), slice(0, tokens)
    z = parts.before(x)
    asking = z[:, rows]
    turn = rope_of_block(model, rope, block, kept)
    attention = parts.attention
    q = attention.rotate(attention.per_head(attention.linear(asking, 0), 0), turn, rows.start)
    if attention.folds(turn, rows.stop - rows.start):
        mixed = attention.folded(q, z, mask)
    else:
        k = attention.rotate(attention.per_head(attention.linear(z, 1), 1), turn)
        v = attention.per_head(attention.linear(z, 2), 2)
        mixed = F.scaled_dot_product_attention(q, attention.expand(k), attention.expand(v), attn_mask=mask)
    y = x[:, rows] + parts.after_attention(attention.leave(mixed, attention.gate(asking)))
    return parts.mlp_step(y), rows


def head(model: ViT, x: torch.Tensor, rows: slice, tokens: int, lengths: torch.Tensor | None = None) -> torch.Tensor:
    """The logits from rows ``rows`` of the last block, of sequences of ``tokens`` tokens."""
    module: Any = model.module
    if rows.start > 0:
        # The head counts tokens from the first; those that it does not read may be anything.
        x = torch.cat([x.new_zeros(x.shape[0], rows.start, x.shape[2]), x], dim=1)
    few = rows.stop - rows.start < tokens - rows.start
    if few or lengths is None or bool((lengths == tokens).all()):
        return module.forward_head(module.norm(x))
    result: torch.Tensor | None = None
    for length in lengths.unique().tolist():
        chosen = lengths == length
        logits = module.forward_head(module.norm(x[chosen, :length]))
        if result is None:
            result = logits.new_empty(x.shape[0], logits.shape[-1])
        result[chosen] = logits
    assert result is not None
    return result


class HeadTable:
    """Queries, keys and values of some tokens, from which those of many sets are picked."""

    def __init__(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> None:
        """(H, T, d) each."""
        self.heads = q.shape[0]
        # Token by token: picking is then copying whole rows.
        self.rows = torch.stack([q, k, v]).permute(2, 0, 1, 3).flatten(1)

    def pick(self, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(n, K) indices to q, k, v of shape (n, H, K, d)."""
        picked = pick_rows(self.rows, chosen).unflatten(-1, (3, self.heads, -1))
        q, k, v = picked.permute(2, 0, 3, 1, 4).unbind(0)
        return q, k, v


def pick_rows(table: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """(T, D) and (n, K) indices to (n, K, D). Much faster than ``table[chosen]`` on a CPU."""
    return table.index_select(0, chosen.reshape(-1)).view(*chosen.shape, -1)


class SharedFirstBlock:
    """The first block for sets that are all cut from the same tokens: norm, q, k and v are computed once."""

    def __init__(self, model: ViT, tokens: torch.Tensor, rope: torch.Tensor | None) -> None:
        self.model, self.tokens, self.rope = model, tokens, rope
        self.parts = parts_of(model.blocks[0]) if model.depth > 1 else None
        if self.parts is not None:
            z = self.parts.before(tokens[None])
            q, k, v = self.parts.attention.qkv(z, rope_of_block(model, rope, 0))
            self.table = HeadTable(q[0], k[0], v[0])
            self.gate = self.parts.attention.gate(z)

    def __call__(self, chosen: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """(n, K) indices of tokens, prefix included, to (n, K, D) after the block."""
        x = pick_rows(self.tokens, chosen)
        if self.parts is None:
            kept = chosen[:, self.model.prefix_tokens :] - self.model.prefix_tokens
            return call_block(self.model, 0, x, self.rope, kept, mask)
        mixed = F.scaled_dot_product_attention(*self.table.pick(chosen), attn_mask=mask)
        gate = None if self.gate is None else pick_rows(self.gate[0], chosen)
        y = x + self.parts.after_attention(self.parts.attention.leave(mixed, gate))
        return self.parts.mlp_step(y)


def logits_of_subsets(
    model: ViT,
    shared: SharedFirstBlock,
    chosen: torch.Tensor,
    lengths: torch.Tensor | None = None,
    cancel: CancelToken | None = None,
) -> torch.Tensor:
    """(n, C): the logits when only the ``chosen`` (n, K) tokens, prefix included, enter the first block.

    They keep their positions, since the position embedding is already in them and rotary positions follow them.
    """
    kept = chosen[:, model.prefix_tokens :] - model.prefix_tokens
    if model.depth == 1:
        return logits_from(model, 0, shared.tokens[chosen], rope=shared.rope, kept=kept, lengths=lengths)
    x = shared(chosen, key_mask(lengths, chosen.shape[1]))
    return logits_from(model, 1, x, rope=shared.rope, kept=kept, lengths=lengths, cancel=cancel)
