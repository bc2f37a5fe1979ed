"""Plain code: methods written as they are defined, pass by pass, without the engine.

The engine is compared with it, for its numbers (tests) and for its time (benchmarks). The comparison is fair: tokens
are dropped where the method drops them, autograd is off, the embedding is computed once; but each masked forward pass
runs separately, through whole blocks, by the model's own code.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn


def embed(module: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The tokens that enter the first block, and the rotary table or None."""
    tokens = module.patch_embed(x)
    rope = None
    if getattr(module, "rope", None) is not None or type(module).__name__ == "Eva":
        tokens, rope = module._pos_embed(tokens)
    else:
        tokens = module._pos_embed(tokens)
    return module.norm_pre(tokens), rope


def run_block(
    module: Any, index: int, tokens: torch.Tensor, rope: torch.Tensor | None, patches: torch.Tensor | None = None
) -> torch.Tensor:
    """One block, with the rotary positions of the patches that are kept."""
    if rope is None:
        return module.blocks[index](tokens)
    own = rope[index] if getattr(module, "rope_mixed", False) else rope
    return module.blocks[index](tokens, rope=own if patches is None else own[..., patches, :])


@contextlib.contextmanager
def attention_kept(module: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Every block's attention after softmax, by computing it unfused."""
    kept: list[torch.Tensor] = []
    attentions = [block.attn for block in module.blocks]  # type: ignore[union-attr]
    fused = [attention.fused_attn for attention in attentions]
    handles = [a.attn_drop.register_forward_hook(lambda _m, _a, output: kept.append(output)) for a in attentions]
    for attention in attentions:
        attention.fused_attn = False
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()
        for attention, flag in zip(attentions, fused, strict=True):
            attention.fused_attn = flag


# --- MUTEX ---------------------------------------------------------------------------------------------------


def plain_statistics(centrality: torch.Tensor) -> torch.Tensor:
    """(n, N) to (9, N), node by node."""
    n, nodes = centrality.shape
    result = centrality.new_empty(9, nodes)
    for node in range(nodes):
        c = centrality[:, node]
        total, mean = c.sum(), c.mean()
        p = c / total if total > 0 else torch.zeros_like(c)
        coherence = -sum((v * v.log() for v in p if v > 0), start=c.new_zeros(()))
        m2, m3, m4 = (((c - mean) ** power).mean() for power in (2, 3, 4))
        std = (((c - mean) ** 2).sum() / (n - 1)).sqrt() if n > 1 else c.new_full((), math.nan)
        flat = bool(m2 <= (torch.finfo(c.dtype).eps * mean) ** 2)
        result[:, node] = torch.stack(
            [
                coherence,
                c.max(),
                c.min(),
                total,
                std,
                total / (std + 1e-8),
                c.sort().values[(n - 1) // 2],
                c.new_full((), math.nan) if flat else m3 / m2**1.5,
                c.new_full((), math.nan) if flat else m4 / m2**2 - 3,
            ]
        )
    return result


def plain_masks(
    attentions: list[torch.Tensor], prefix: int, min_cut: float, token_ratio: float, starting_layer: int
) -> dict[str, torch.Tensor]:
    """From the blocks' attention (1, H, T, T) to the 54 masks, with all steps between."""
    adjacency, ins, outs, statistics, masks = [], [], [], [], []
    for operator in ("min", "max", "sum"):
        layers = []
        for attention in attentions:
            heads = attention[0, :, prefix:, prefix:]
            fused = {"min": heads.amin(0), "max": heads.amax(0), "sum": heads.sum(0)}[operator]
            layers.append(torch.where(fused < min_cut * fused.max(), 0, fused))
        adjacency.append(torch.stack(layers))
        used = adjacency[-1][starting_layer:]
        ins.append(used.sum(1))
        outs.append(used.sum(2))
        statistics.append(torch.stack([plain_statistics(ins[-1]), plain_statistics(outs[-1])]))
    values = torch.stack(statistics)
    for value in values.reshape(54, -1):
        threshold = value.sort().values[math.ceil(len(value) * token_ratio) - 1]
        masks.append(value >= threshold)
    return {
        "adjacency": torch.stack(adjacency),
        "centrality_in": torch.stack(ins),
        "centrality_out": torch.stack(outs),
        "statistics": values,
        "masks": torch.stack(masks),
    }


def plain_masked_forward(
    module: Any, tokens: torch.Tensor, rope: torch.Tensor | None, mask: torch.Tensor
) -> torch.Tensor:
    """(1, C): the logits when only the masked-in patches, and all prefix tokens, enter the first block."""
    patches = mask.nonzero()[:, 0]
    prefix = tokens.shape[1] - len(mask)
    x = torch.cat([tokens[:, :prefix], tokens[:, prefix:][:, patches]], dim=1)
    for index in range(len(module.blocks)):
        x = run_block(module, index, x, rope, patches)
    return module.forward_head(module.norm(x))


@torch.no_grad()
def plain_masked_forwards(module: Any, x: torch.Tensor, masks: torch.Tensor, target: int) -> torch.Tensor:
    """(K,): the target's probability under each mask (K, N), one forward pass after the other."""
    tokens, rope = embed(module, x)
    logits = [plain_masked_forward(module, tokens, rope, mask) for mask in masks]
    return torch.cat(logits).softmax(-1)[:, target]


@torch.no_grad()
def plain_multiplex(
    module: Any,
    x: torch.Tensor,
    target: int,
    min_cut: float = 0.01,
    token_ratio: float = 0.5,
    starting_layer: int = 0,
) -> dict[str, torch.Tensor]:
    """MUTEX of one image (1, 3, H, W): one pass that keeps attention, 54 masked passes one after the other."""
    with attention_kept(module) as attentions:
        module(x)
    result = plain_masks(attentions, module.num_prefix_tokens, min_cut, token_ratio, starting_layer)
    confidences = plain_masked_forwards(module, x, result["masks"], target)
    weights = result["masks"].to(confidences.dtype)
    result["confidences"] = confidences
    result["map"] = (weights * confidences[:, None]).sum(0) / weights.sum(0).clamp(min=1)
    return result


# --- ViT-ReciproCAM ------------------------------------------------------------------------------------------


def plain_reciprocam_masks(grid: tuple[int, int], prefix: int, gaussian: bool, cls_token: bool) -> torch.Tensor:
    """(N, T): the factor of each token in each masked copy."""
    rows, columns = grid
    kernel = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 16
    masks = torch.zeros(rows * columns, prefix + rows * columns)
    for row in range(rows):
        for column in range(columns):
            mask = torch.zeros(rows, columns)
            for i in (-1, 0, 1):
                for j in (-1, 0, 1):
                    if 0 <= row + i < rows and 0 <= column + j < columns:
                        mask[row + i, column + j] = kernel[1 + i, 1 + j] if gaussian else float(i == 0 and j == 0)
            masks[row * columns + column, prefix:] = mask.flatten()
    masks[:, :prefix] = float(cls_token)
    return masks


@torch.no_grad()
def plain_reciprocam(
    module: Any,
    x: torch.Tensor,
    target: int,
    grid: tuple[int, int],
    block: int = -2,
    gaussian: bool = True,
    cls_token: bool = True,
    batch: int = 0,
) -> torch.Tensor:
    """(rows, columns): the probability of each masked copy; ``batch`` of them at a time, 0 for all together.

    As in the authors' code: the first norm of the block returns all masked copies after the unmasked tokens, and
    everything after it runs on N+1 items.
    """
    index = block % len(module.blocks)
    tokens, rope = embed(module, x)
    for i in range(index):
        tokens = run_block(module, i, tokens, rope)
    masks = plain_reciprocam_masks(grid, module.num_prefix_tokens, gaussian, cls_token)
    masks = torch.cat([torch.ones(1, masks.shape[1]), masks]).to(tokens)
    parts = masks.split(batch or len(masks))
    found = []
    for part in parts:

        def copies(_module: nn.Module, _args: Any, output: torch.Tensor, part: torch.Tensor = part) -> torch.Tensor:
            return output * part[:, :, None]

        handle = module.blocks[index].norm1.register_forward_hook(copies)
        try:
            y = run_block(module, index, tokens, rope)
        finally:
            handle.remove()
        for i in range(index + 1, len(module.blocks)):
            y = run_block(module, i, y, rope)
        found.append(module.forward_head(module.norm(y)).softmax(-1)[:, target])
    return torch.cat(found)[1:].reshape(grid)
