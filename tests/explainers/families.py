"""Tiny seeded models of every family that the wrapper supports, for tests of properties that all must have."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

import vitinspect as vi

SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 3, "num_classes": 5}
WIDE_INPUT = {**SMALL, "img_size": (24, 40)}

_BUILDERS: dict[str, Callable[[], torch.nn.Module]] = {
    "class token": lambda: VisionTransformer(**SMALL),
    "registers": lambda: VisionTransformer(**SMALL, reg_tokens=4, init_values=0.5, no_embed_class=True),
    "average pooling": lambda: VisionTransformer(**SMALL, class_token=False, global_pool="avg"),
    "registers, average pooling": lambda: VisionTransformer(
        **SMALL, class_token=False, reg_tokens=2, global_pool="avg", init_values=0.5
    ),
    "attention pooling": lambda: VisionTransformer(**SMALL, class_token=False, global_pool="map"),
    "distilled": lambda: VisionTransformerDistilled(**SMALL),
    "not square": lambda: VisionTransformer(**WIDE_INPUT),
    "dynamic size": lambda: VisionTransformer(**SMALL, dynamic_img_size=True),
    "q and k norm": lambda: VisionTransformer(**SMALL, qk_norm=True, pre_norm=True),
    "rotary": lambda: Eva(
        **SMALL, use_rot_pos_emb=True, swiglu_mlp=True, scale_mlp=True, init_values=0.5, global_pool="token"
    ),
    "rotary, registers, average pooling": lambda: Eva(
        **WIDE_INPUT, use_rot_pos_emb=True, use_abs_pos_emb=False, num_reg_tokens=2, global_pool="avg", init_values=0.5
    ),
    "norm inside attention": lambda: Eva(**SMALL, scale_attn_inner=True, qkv_fused=False),
    "norm after the branch": lambda: VisionTransformer(**SMALL, block_fn=_block("ResPostBlock"), init_values=0.5),
    "rotary, norm after the branch": lambda: Eva(**SMALL, use_post_norm=True),
    "attention beside MLP": lambda: VisionTransformer(**SMALL, block_fn=_block("ParallelScalingBlock")),
    "two attentions per block": lambda: VisionTransformer(**SMALL, block_fn=_block("ParallelThingsBlock")),
}
FAMILIES = tuple(_BUILDERS)
INPUT_SIZES = {"not square": (24, 40), "rotary, registers, average pooling": (24, 40), "dynamic size": (40, 24)}


def _block(name: str) -> type:
    import timm.models.vision_transformer as module

    return getattr(module, name)


@functools.cache
def family(name: str) -> vi.ViT:
    """A model with weights large enough that heads, classes and patches differ visibly."""
    torch.manual_seed(sum(map(ord, name)))
    module = _BUILDERS[name]().eval()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in module.parameters():
            scale = 0.25 if parameter.dim() > 1 else 0.1
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    return vi.wrap_model(module, name=name)


def images(name: str, count: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(11)
    height, width = INPUT_SIZES.get(name, (32, 32))
    return [torch.randn(1, 3, height, width, generator=generator) for _ in range(count)]
