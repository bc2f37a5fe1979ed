"""The start of the relevance walk: from the target through the head to the tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vitinspect.explainers.attention_calls import ALL_ROWS, join_heads
from vitinspect.explainers.base import Needs
from vitinspect.explainers.lrp import plan as plans
from vitinspect.explainers.lrp.plan import NoRule, passes
from vitinspect.explainers.lrp.rules import add, clone, linear, safe_quotient
from vitinspect.explainers.targets import Contrast, TextEmbedding

if TYPE_CHECKING:
    from vitinspect.explainers.lrp.walk import Walk
    from vitinspect.models.vit import ViT

KNOWN = ("Beit", "VisionTransformerRelPos")
"""Classes whose computation from picture to output is that of a plain one, in addition to the supported families."""
POOLINGS = ("token", "avg", "max", "avgmax", "cls+mean", "recipe")
"""Poolings that the model's own ``pool`` computes without weights."""


# --- what to record ------------------------------------------------------------------------------------------


def head_needs(model: ViT) -> Needs:
    """What must be recorded to propagate relevance through the head; ``NoRule`` if that is not possible."""
    module: Any = model.module
    if model.family == "other" and not any(cls.__name__ in KNOWN for cls in type(module).__mro__):
        raise NoRule(f"it is a {type(module).__name__}, for which no rule is known")
    _chain(module.head)
    if model.pooling == "distilled":
        _chain(module.head_dist)
        return Needs(outputs=("norm", "head", "head_dist"), inputs=("head", "head_dist"))
    if not passes(module.fc_norm):
        raise NoRule(f"its fc_norm is {type(module.fc_norm).__name__}, for which no rule is known")
    needs = Needs(outputs=("norm",), inputs=("head", "fc_norm"))
    pool = getattr(module, "attn_pool", None)
    if pool is None:
        if model.pooling not in POOLINGS:
            raise NoRule(f"its head pools the tokens by {model.pooling!r}, for which no rule is known")
        return needs
    needs |= Needs(inputs=("attn_pool",))
    if model.pooling == "prr":
        return needs | Needs(outputs=("attn_pool.pre_norm", "attn_pool.post_norm"), inputs=("attn_pool.post_norm",))
    if model.pooling != "map" or pool.pool not in ("token", "avg") or not hasattr(pool, "latent"):
        raise NoRule(f"its pooling head is a {type(pool).__name__}, for which no rule is known")
    needs |= Needs(
        inputs=("attn_pool.kv", "attn_pool.k_norm", "attn_pool.proj", "attn_pool.norm"),
        outputs=("attn_pool.kv", "attn_pool.k_norm", "attn_pool.proj"),
    )
    return needs if pool.mlp is None else needs | plans.mlp_of(pool.mlp, "attn_pool.mlp").needs()


# --- the head ------------------------------------------------------------------------------------------------


def start(walk: Walk) -> torch.Tensor:
    """(P, B, 1, C): relevance of the outputs. 1 at the class, as the authors start, not the logit's value.

    For a contrast, the class that is subtracted is propagated separately, because the rule for sums multiplies by the
    total relevance, which is zero for a difference. A text is one more linear layer, from the outputs to one score.
    """
    logits = walk.wide(walk.trace.logits)
    weights = walk.run.targets.weights(logits)
    positive, negative = weights.clamp(min=0), (-weights).clamp(min=0)
    for row, target in enumerate(walk.run.targets.items):
        if isinstance(target, TextEmbedding):
            one = weights.new_ones(1, 1, 1, 1)
            positive[row] = linear(logits[row][None, None], weights[row][None], one, None, walk.rules)[0, 0, 0]
            negative[row] = 0
    two_sided = any(isinstance(target, Contrast) for target in walk.run.targets.items)
    return torch.stack((positive, negative) if two_sided else (positive,))[:, :, None]


def head(walk: Walk) -> tuple[torch.Tensor, slice]:
    """Relevance of the tokens that leave the final norm, (P, B, R, D), and which rows they are."""
    relevance = start(walk)
    features = walk.left("norm")
    pooling, module = walk.run.model.pooling, walk.module
    if pooling == "distilled":
        parts = [walk.left(name)[:, None] / 2 for name in ("head", "head_dist")]
        shares = add(relevance, walk.wide(walk.trace.logits)[:, None], parts, walk.rules)
        rows = [_through_chain(walk, name, share) for name, share in zip(("head", "head_dist"), shares, strict=True)]
        # Each head reads its own token: the pooling rule of the class token, twice.
        relevance = torch.cat(rows, dim=-2)
        return clone(features[:, :2], relevance), slice(0, 2)
    relevance = _through_chain(walk, "head", relevance)
    pooled = walk.entered("fc_norm")[:, None]
    if getattr(module, "attn_pool", None) is None:
        relevance = unpooled(_pool(walk), features, pooled, relevance)
    elif pooling == "prr":
        relevance = _refining_pool(walk, pooled, relevance)
    else:
        relevance = _latent_pool(walk, pooled, relevance)
    blocks = walk.run.model.read_blocks
    if blocks > 1:
        # One block's tokens after the other, the earliest first: each part is added when the walk reaches its block.
        *earlier, relevance = relevance.chunk(blocks, dim=-2)
        depth = walk.run.model.depth
        walk.waiting.update(zip(range(depth - blocks, depth - 1), earlier, strict=True))
        return relevance, slice(0, None)
    total = features.shape[1]
    first = 0
    if pooling == "token":
        return relevance[..., :1, :], slice(0, 1)
    if pooling in ("avg", "max", "avgmax") and not walk.run.model.pools_prefix:
        first = walk.run.prefix
        relevance = relevance[..., first:, :]
    elif relevance.shape[-2] != total:
        first = total - relevance.shape[-2]
    return relevance, slice(first, None)


def _pool(walk: Walk) -> Callable[[torch.Tensor], torch.Tensor]:
    """The model's own pooling function, or an equivalent for models that have none."""
    module, prefix = walk.module, walk.run.prefix
    own = getattr(module, "pool", None)
    if callable(own):
        return own
    if walk.run.model.pooling == "token":
        return lambda tokens: tokens[:, 0]
    return lambda tokens: tokens[:, prefix:].mean(1)


def unpooled(pool: Any, features: torch.Tensor, pooled: torch.Tensor, relevance: torch.Tensor) -> torch.Tensor:
    """Tokens times the gradient of <S, pooled>, S = sq(R, pooled): the authors' rule for all poolings."""
    share = safe_quotient(relevance, pooled)[..., 0, :]
    with torch.enable_grad():
        tokens = features.detach().requires_grad_(True)
        result = pool(tokens)
        gradients = [torch.autograd.grad(result, tokens, side, retain_graph=True)[0] for side in share]
    return features * torch.stack(gradients)


def _chain(module: nn.Module) -> list[nn.Module]:
    """The linear layers of a head, and its modules that pass relevance on unchanged."""
    if isinstance(module, nn.Sequential):
        return [part for child in module for part in _chain(child)]
    if isinstance(module, nn.Linear) or passes(module):
        return [module]
    raise NoRule(f"its head holds a {type(module).__name__}, for which no rule is known")


def _through_chain(walk: Walk, name: str, relevance: torch.Tensor) -> torch.Tensor:
    parts = _chain(walk.part(name))
    inputs = [walk.trace.inputs[name][:, None]]
    for part in parts[:-1]:
        inputs.append(part(inputs[-1]))
    for part, x in zip(reversed(parts), reversed(inputs), strict=True):
        if isinstance(part, nn.Linear):
            relevance = linear(walk.wide(x), walk.wide(part.weight), relevance, None, walk.rules)
    return relevance


def _refining_pool(walk: Walk, pooled: torch.Tensor, relevance: torch.Tensor) -> torch.Tensor:
    """Attention without weights over all tokens, of which one or the mean is read (``AttentionPoolPrr``)."""
    pool: Any = walk.module.attn_pool
    mean = pool.pool == "avg"
    read = unpooled(
        lambda tokens: tokens.mean(1) if mean else tokens[:, 0], walk.left("attn_pool.post_norm"), pooled, relevance
    )
    rows = ALL_ROWS if mean else slice(0, 1)
    call = walk.trace.pool_calls[0]
    output = walk.entered("attn_pool.post_norm")[:, rows]
    received = walk.products(call, output, read[..., rows, :], rows)
    to_q, to_k, to_v = (join_heads(t) / 2 for t in received)
    x = walk.left("attn_pool.pre_norm")
    total = x * (to_k + to_v)
    total[..., rows, :] += x[:, rows] * to_q
    return clone(x, total)


def _latent_pool(walk: Walk, pooled: torch.Tensor, relevance: torch.Tensor) -> torch.Tensor:
    """A learned query that attends to the tokens, then an MLP (``AttentionPoolLatent``)."""
    pool: Any = walk.module.attn_pool
    stream = walk.left("attn_pool.proj")
    mlp = None if pool.mlp is None else plans.mlp_of(pool.mlp, "attn_pool.mlp")
    added = None if mlp is None else walk.left(f"{mlp.path}.{mlp.last}")
    whole = stream if added is None else stream + added
    mean = pool.pool == "avg"
    relevance = unpooled(lambda tokens: tokens.mean(1) if mean else tokens[:, 0], whole, pooled, relevance)
    if mlp is not None and added is not None:
        kept, given = add(relevance, whole, [stream, added], walk.rules)
        relevance = clone(stream, kept + walk.mlp(mlp, given, ALL_ROWS))
    if isinstance(pool.proj, nn.Linear):
        relevance = walk.linear("attn_pool.proj", relevance)
    call = walk.trace.pool_calls[0]
    _, to_k, to_v = walk.products(call, walk.entered("attn_pool.proj"), relevance, ALL_ROWS)
    # The query is a parameter, part of a linear map of k: there is one factor only, and nothing to halve.
    to_k = join_heads(walk.wide(call.k) * to_k)
    to_v = join_heads(walk.wide(call.v) * to_v / 2)
    relevance = walk.linear("attn_pool.kv", torch.cat((to_k, to_v), -1))
    if pool.pos_embed is not None:
        x = walk.entered("attn_pool.kv")
        position = walk.wide(pool.pos_embed).expand_as(x)
        relevance = add(relevance, x, [walk.entered("attn_pool"), position], walk.rules)[0]
    return relevance
