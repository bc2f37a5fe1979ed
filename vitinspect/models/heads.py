"""Heads that people have trained on Vision Transformers and that timm has no class for."""

from __future__ import annotations

from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn


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
            return x[:, 0]  # without the head, the embedding that DINOv2 itself gives
        return torch.cat([x[:, 0], x[:, self.num_prefix_tokens :].mean(dim=1)], dim=1)

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        self.num_classes = num_classes
        like = self.patch_embed.proj.weight
        self.head = (
            nn.Linear(2 * self.embed_dim, num_classes, device=like.device, dtype=like.dtype)
            if num_classes > 0
            else nn.Identity()
        )
