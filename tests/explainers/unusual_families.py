"""Seeded models with the layers that few families have: gates, other norms, other heads, other attentions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from timm.layers import AttentionRope, GluMlp, GroupNormAct, RmsNorm, SwiGLU, SwiGLUPacked
from timm.models.eva import Eva
from timm.models.vision_transformer import (
    DiffParallelScalingBlock,
    ParallelScalingBlock,
    VisionTransformer,
)
from timm.models.vision_transformer_hybrid import HybridEmbed
from torch import nn

import vitinspect as vi
from tests.explainers.families import SMALL
from vitinspect.models.heads import ClassAndMeanVisionTransformer

_BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "CLIP tower": lambda: VisionTransformer(**SMALL, pre_norm=True, act_layer="quick_gelu", norm_layer=_layer_norm),
    "packed SwiGLU": lambda: VisionTransformer(**SMALL, mlp_layer=SwiGLUPacked, act_layer=nn.SiLU),
    "SwiGLU and RMS norm": lambda: VisionTransformer(
        **SMALL, mlp_layer=SwiGLU, act_layer="silu", norm_layer=RmsNorm, qkv_bias=False, global_pool="avg"
    ),
    "sigmoid gate": lambda: VisionTransformer(**SMALL, mlp_layer=GluMlp, act_layer=nn.Sigmoid),
    "torch's RMS norm of q and k": lambda: VisionTransformer(**SMALL, norm_layer=nn.RMSNorm, qk_norm=True),
    "norms inside": lambda: VisionTransformer(**SMALL, scale_attn_norm=True, scale_mlp_norm=True),
    "gated attention": lambda: _with_gated_attention(Eva(**SMALL, attn_type="rope", use_rot_pos_emb=True)),
    "grouped heads": lambda: Eva(
        **{**SMALL, "num_heads": 2, "embed_dim": 32},
        attn_type="rope",
        num_kv_heads=1,
        qkv_fused=False,
        use_rot_pos_emb=True,
        qk_norm=True,
    ),
    "separate bias": lambda: _with_separate_bias(Eva(**SMALL, swiglu_mlp=True)),
    "attention pooling with a class token": lambda: Eva(**SMALL, global_pool="map", use_rot_pos_emb=True),
    "attention pooling over registers": lambda: VisionTransformer(
        **SMALL, class_token=False, reg_tokens=2, global_pool="map"
    ),
    "refined pooling": lambda: VisionTransformer(**SMALL, global_pool="prr"),
    "maximum pooling": lambda: VisionTransformer(**SMALL, global_pool="avgmax"),
    "class and mean head": lambda: ClassAndMeanVisionTransformer(**SMALL, reg_tokens=1),
    "no final norm": lambda: VisionTransformer(**SMALL, final_norm=False, proj_bias=False),
    "attention beside MLP, one projection": lambda: VisionTransformer(
        **SMALL, block_fn=partial(ParallelScalingBlock, fuse_out_proj=True), qkv_bias=False, qk_norm=True
    ),
    "convolutional stem": lambda: VisionTransformer(**{**SMALL, "patch_size": 1}, embed_layer=_hybrid),
    "embedding without classes": lambda: VisionTransformer(**{**SMALL, "num_classes": 0}),
}
UNUSUAL = tuple(_BUILDERS)
_DIFFERENTIAL = {
    "differential attention": lambda: VisionTransformer(**{**SMALL, "num_heads": 2}, attn_layer="diff"),
    "differential attention beside MLP": lambda: VisionTransformer(
        **{**SMALL, "num_heads": 2}, block_fn=DiffParallelScalingBlock
    ),
}
DIFFERENTIAL = tuple(_DIFFERENTIAL)

_layer_norm = partial(nn.LayerNorm, eps=1e-5)


def _with_separate_bias(module: Eva) -> Eva:
    for block in module.blocks:
        block.attn.qkv_bias_separate = True
    return module


def _hybrid(**kwargs: Any) -> HybridEmbed:
    stem = nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=4, padding=1), GroupNormAct(16, num_groups=4), nn.Conv2d(16, 16, 3, 2, 1)
    )
    return HybridEmbed(stem, **{key: value for key, value in kwargs.items() if key != "dynamic_img_pad"})


def _with_gated_attention(module: Eva) -> Eva:
    for block in module.blocks:
        block.attn = AttentionRope(24, num_heads=3, gated=True)
    return module


@functools.cache
def unusual(name: str) -> vi.ViT:
    """A model with weights large enough that heads, classes and patches differ visibly."""
    torch.manual_seed(sum(map(ord, name)))
    module = {**_BUILDERS, **_DIFFERENTIAL}[name]().eval()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in module.parameters():
            scale = 0.25 if parameter.dim() > 1 else 0.1
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    return vi.wrap_model(module, name=name)
