"""Heads that are used with Vision Transformers and for which timm has no class."""

from __future__ import annotations

from typing import Any

import torch
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from vitinspect.errors import ModelError
from vitinspect.models.recipes import Recipe, last_blocks, registers_of


class ClassAndMeanVisionTransformer(VisionTransformer):
    """A ``VisionTransformer`` whose linear head reads the class token and the mean of the patches, side by side.

    This is DINOv2's linear classifier of one layer (Oquab et al. 2024, "DINOv2: Learning Robust Visual Features
    without Supervision"), and what ``transformers`` calls ``Dinov2ForImageClassification``. Registers are in
    neither part.
    """

    vitinspect_pooling = "cls+mean"

    def __init__(self, *args: Any, num_classes: int = 1000, **kwargs: Any) -> None:
        super().__init__(*args, num_classes=num_classes, **kwargs)
        self.head_hidden_size = 2 * self.embed_dim
        self.reset_classifier(num_classes)

    def pool(self, x: torch.Tensor, pool_type: str | None = None) -> torch.Tensor:
        if not self.num_classes:
            return x[:, 0]  # without the head, the embedding that DINOv2 itself returns
        return torch.cat([x[:, 0], x[:, self.num_prefix_tokens :].mean(dim=1)], dim=1)

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        self.num_classes = num_classes
        like = self.patch_embed.proj.weight
        self.head = (
            nn.Linear(2 * self.embed_dim, num_classes, device=like.device, dtype=like.dtype)
            if num_classes > 0
            else nn.Identity()
        )


class _ReadsRecipe:
    """A linear head on the features of a recipe.

    If it reads several blocks, ``forward_features`` returns their tokens one block after the other, each after the
    final norm, and ``pool`` takes its parts from that sequence.
    """

    vitinspect_recipe: Recipe

    @property
    def vitinspect_pooling(self) -> str:
        recipe = self.vitinspect_recipe
        if recipe.blocks > 1 or recipe.registers:
            return "recipe"
        return "cls+mean" if recipe.class_token and recipe.mean else "token" if recipe.class_token else "avg"

    def forward_features(self: Any, x: torch.Tensor, attn_mask: torch.Tensor | None = None) -> torch.Tensor:
        if self.vitinspect_recipe.blocks == 1:
            return super().forward_features(x)  # type: ignore[misc]
        return self.norm(last_blocks(self, x, self.vitinspect_recipe.blocks))

    def forward(self: Any, x: torch.Tensor, attn_mask: torch.Tensor | None = None) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))

    def pool(self: Any, x: torch.Tensor, pool_type: str | None = None) -> torch.Tensor:
        return self.vitinspect_recipe.of(x, self.num_prefix_tokens, registers_of(self))


class VisionTransformerWithHead(_ReadsRecipe, VisionTransformer):
    """timm's ``VisionTransformer`` with a separately trained head."""


class EvaWithHead(_ReadsRecipe, Eva):
    """timm's ``Eva`` with a separately trained head."""


def attach(module: Any, weight: torch.Tensor, bias: torch.Tensor | None, recipe: Recipe, name: str) -> None:
    """Put a linear head on a backbone, in place; the module's previous head is dropped.

    ``name`` is the head's file, for errors.
    """
    plain = check_backbone(module, recipe, name)
    if weight.shape[1] != recipe.vectors * module.embed_dim:
        raise ModelError(
            f"{name} reads {weight.shape[1]} numbers, but {recipe.words} of this backbone are"
            f" {recipe.vectors} x {module.embed_dim}."
        )
    classes = int(weight.shape[0])
    head = nn.Linear(weight.shape[1], classes, bias=bias is not None)
    with torch.no_grad():
        head.weight.copy_(weight)
        if bias is not None:
            head.bias.copy_(bias)
    like = module.patch_embed.proj.weight
    module.head = head.to(like.device, like.dtype)
    module.num_classes = classes
    module.head_hidden_size = int(weight.shape[1])
    module.vitinspect_recipe = recipe
    module.vitinspect_embedding = False
    module.__class__ = plain


def check_backbone(module: Any, recipe: Recipe, name: str) -> type:
    """Refuse a backbone that cannot have a head of this recipe; otherwise return the class that it gets with one."""
    kinds = {VisionTransformer: VisionTransformerWithHead, Eva: EvaWithHead}
    plain = kinds.get(type(module)) or (
        type(module) if isinstance(module, VisionTransformerWithHead | EvaWithHead) else None
    )
    if plain is None and isinstance(module, ClassAndMeanVisionTransformer):
        plain = VisionTransformerWithHead
    if plain is None:
        raise ModelError(f"{name}: a head cannot be put on a {type(module).__name__}.")
    if getattr(module, "attn_pool", None) is not None:
        raise ModelError(
            f"{name}: the backbone pools its tokens by attention, and no linear head reads its class token."
        )
    if not isinstance(module.fc_norm, nn.Identity):
        raise ModelError(
            f"{name}: the backbone applies its final norm after the pooling, where this head expects none."
        )
    if not recipe.norm:
        raise ModelError(f"{name}: a head reads features after the final norm, not {recipe.words}.")
    return plain
