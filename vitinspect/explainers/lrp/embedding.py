"""The end of the relevance walk: from the tokens that enter the first block to the pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from vitinspect.explainers.base import Needs
from vitinspect.explainers.lrp.plan import NoRule, passes
from vitinspect.explainers.lrp.rules import add, pixels

if TYPE_CHECKING:
    from vitinspect.explainers.lrp.walk import Walk
    from vitinspect.models.vit import ViT


def pixel_needs(model: ViT) -> Needs:
    """What must be recorded to propagate relevance through the embedding; ``NoRule`` if that is not possible."""
    embed: Any = model.module.patch_embed
    name, conv = type(embed).__name__, getattr(embed, "proj", None)
    others = [child for part, child in embed.named_children() if part != "proj"]
    if not isinstance(conv, nn.Conv2d) or not all(passes(child) for child in others):
        raise NoRule(f"relevance cannot reach the pixels: its patches come from {name}, not from one convolution")
    if conv.stride != conv.kernel_size or conv.padding != (0, 0) or conv.dilation != (1, 1) or conv.groups != 1:
        raise NoRule(f"relevance cannot reach the pixels: the convolution of its {name} lets patches overlap")
    has_norm = isinstance(getattr(model.module, "norm_pre", None), nn.Module)
    return Needs(inputs=("norm_pre",) if has_norm else (), outputs=("patch_embed",))


def rotations(walk: Walk) -> list[torch.Tensor | None]:
    """The rotary positions of each block. They are only angles, so they are computed by the model once more."""
    module: Any = walk.module
    _, rotation = module._pos_embed(walk.trace.outputs["patch_embed"])
    depth = len(walk.plan.blocks)
    if rotation is None:
        return [None] * depth
    return [rotation[i] for i in range(depth)] if getattr(module, "rope_mixed", False) else [rotation] * depth


def pixel_relevance(walk: Walk) -> torch.Tensor:
    """From the tokens that enter block 0 to the pixels, (P, B, H, W)."""
    module: Any = walk.module
    inputs, prefix = walk.wide(walk.run.inputs), walk.run.prefix
    tokens = walk.entered("norm_pre" if "norm_pre" in walk.trace.inputs else 0)
    walk.observe("embedding")
    if getattr(module, "pos_embed", None) is not None:
        patches = walk.left("patch_embed")
        patches = patches.flatten(1, 2) if patches.dim() == 4 else patches
        apart = bool(getattr(module, "no_embed_class", False))
        names = () if apart else ("cls_token", "dist_token", "reg_token")
        learned = [getattr(module, name, None) for name in names]
        before = [walk.wide(p).expand(tokens.shape[0], -1, -1) for p in learned if p is not None]
        # Where prefix tokens have no position, nothing is added to them.
        rows = slice(prefix if apart else 0, None)
        content, whole = torch.cat([*before, patches], dim=1), tokens[:, rows]
        walk.relevance[..., rows, :] = add(walk.relevance[..., rows, :], whole, [content, whole - content], walk.rules)[
            0
        ]
    walk.observe("tokens_before_pos")
    grid = walk.relevance[..., prefix:, :].transpose(-2, -1).unflatten(-1, walk.run.grid)
    conv = module.patch_embed.proj
    height, width = inputs.shape[-2:]
    covered = [n * p for n, p in zip(walk.run.grid, conv.kernel_size, strict=True)]
    # The grid may extend beyond the picture (padding) or end before it (a remainder smaller than a patch).
    padded = F.pad(inputs, (0, max(0, covered[1] - width), 0, max(0, covered[0] - height)))
    seen = padded[..., : covered[0], : covered[1]]
    low, high = inputs.amin((1, 2, 3), keepdim=True), inputs.amax((1, 2, 3), keepdim=True)
    result = pixels(seen, low, high, walk.wide(conv.weight), grid, conv.stride)[..., :height, :width]
    return F.pad(result, (0, width - result.shape[-1], 0, height - result.shape[-2]))
