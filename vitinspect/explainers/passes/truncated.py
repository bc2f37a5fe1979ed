"""Running a model from one block on, for many token sets, and computing only what the head reads.

Methods that score modified copies of one image's tokens need only the rest of the model:

* ``logits_from`` runs blocks ``first`` .. L-1 and the head over a batch of token sets, of one length or padded to one
  length, with patches dropped or not;
* in the last block only the rows that the head reads are computed. With class-token pooling that is one row: one
query, one row of the MLP, and of keys and values only what that query needs;
* ``after_first_block`` shares the first block's queries, keys and values between token sets that are cut from the
  same tokens.

The results equal a plain call of the model up to rounding. Blocks of an unknown kind are called as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from vitinspect.explainers.passes.block_parts import HeadTable, parts_of, pick_rows, rope_of_block
from vitinspect.progress import CancelToken, check

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT

SHARE_READ = 0.95
"""If the head reads more than this share of the tokens, the last block is called as it is."""


def why_not(model: ViT) -> str | None:
    """None if the blocks of this model can be run separately, otherwise the reason."""
    if model.family == "other":
        return (
            f"blocks of the class {type(model.module).__name__} are not known to depend on the picture by their tokens "
            "alone"
        )
    return None


def rows_read(model: ViT, tokens: int) -> slice:
    """The rows of the last block that the head reads, for a sequence of this many tokens."""
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
    """Call one block as the model does: with the rotary table, and a key mask if sets were padded."""
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
    earlier: Sequence[torch.Tensor] = (),
) -> torch.Tensor:
    """(n, C): the logits of token sets (n, T, D) that enter block ``first``.

    ``rope``: the ``rotary_table`` of the run. ``kept``: (n, K), indices of the kept patches, in order; None for all.
    ``lengths``: the number of real tokens of each set, if sets of different lengths were padded at the end.
    ``earlier``: outputs of blocks before ``first - 1``, (T, D) each, if the head reads them: see ``read_before``.
    """
    mask = key_mask(lengths, tokens.shape[1])
    if model.read_blocks > 1:
        return _logits_of_several_blocks(model, first, tokens, rope, kept, lengths, mask, cancel, earlier)
    x = tokens
    for block in range(first, model.depth - 1):
        check(cancel)
        x = call_block(model, block, x, rope, kept, mask)
    check(cancel)
    x, rows = last_block(model, x, rope, kept, mask)
    return head(model, x, rows, tokens.shape[1], lengths)


def read_before(model: ViT, first: int, trace: Any, image: int) -> list[torch.Tensor]:
    """The outputs, for the unmodified picture, of blocks that the head reads and that are before ``first - 1``.

    They are not changed if tokens are modified from block ``first - 1`` on.
    """
    blocks = range(model.depth - model.read_blocks, first - 1)
    return [trace.tokens[block + 1][image].to(model.dtype) for block in blocks]


def _logits_of_several_blocks(
    model: ViT,
    first: int,
    x: torch.Tensor,
    rope: torch.Tensor | None,
    kept: torch.Tensor | None,
    lengths: torch.Tensor | None,
    mask: torch.Tensor | None,
    cancel: CancelToken | None,
    earlier: Sequence[torch.Tensor],
) -> torch.Tensor:
    read = model.depth - model.read_blocks
    outputs = [tokens.expand(x.shape[0], -1, -1) for tokens in earlier]
    if first - 1 >= read:
        outputs.append(x)
    for block in range(first, model.depth):
        check(cancel)
        x = call_block(model, block, x, rope, kept, mask)
        if block >= read:
            outputs.append(x)
    return head_of_several_blocks(model, outputs, lengths)


def head_of_several_blocks(
    model: ViT, outputs: Sequence[torch.Tensor], lengths: torch.Tensor | None = None
) -> torch.Tensor:
    """(n, C): the logits from the outputs of the blocks that the head reads, (n, T, D) each."""
    if len(outputs) != model.read_blocks:
        raise ValueError(f"The head reads {model.read_blocks} blocks, and {len(outputs)} were given.")
    module: Any = model.module

    def logits(chosen: Any, length: int) -> torch.Tensor:
        return module.forward_head(module.norm(torch.cat([tokens[chosen, :length] for tokens in outputs], dim=1)))

    if lengths is None or bool((lengths == outputs[-1].shape[1]).all()):
        return logits(slice(None), outputs[-1].shape[1])
    parts = {length: lengths == length for length in lengths.unique().tolist()}
    found = {length: logits(chosen, length) for length, chosen in parts.items()}
    first = next(iter(found.values()))
    result = first.new_empty(len(lengths), first.shape[-1])
    for length, chosen in parts.items():
        result[chosen] = found[length]
    return result


def key_mask(lengths: torch.Tensor | None, tokens: int) -> torch.Tensor | None:
    """(n, 1, 1, T), true where a token is real; None if all are."""
    if lengths is None or bool((lengths == tokens).all()):
        return None
    return (torch.arange(tokens, device=lengths.device) < lengths[:, None])[:, None, None]


def last_block(
    model: ViT,
    x: torch.Tensor,
    rope: torch.Tensor | None = None,
    kept: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    *,
    fold: bool = True,
) -> tuple[torch.Tensor, slice]:
    """The rows of the last block that the head reads, and which rows these are.

    ``fold``: whether attention may be computed without keys and values, and so without torch's own function.
    """
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
    if fold and attention.folds(turn, rows.stop - rows.start):
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
        # The head counts tokens from the first; the values of those that it does not read are irrelevant.
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

    They keep their positions: the position embedding is already added, and rotary positions are selected with them.
    """
    kept = chosen[:, model.prefix_tokens :] - model.prefix_tokens
    if model.depth == 1:
        return logits_from(model, 0, shared.tokens[chosen], rope=shared.rope, kept=kept, lengths=lengths)
    x = shared(chosen, key_mask(lengths, chosen.shape[1]))
    return logits_from(model, 1, x, rope=shared.rope, kept=kept, lengths=lengths, cancel=cancel)
