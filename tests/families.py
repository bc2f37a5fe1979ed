"""One small model of each kind that timm builds, with weights that are not trivial, in float64."""

from __future__ import annotations

import functools

import torch
from timm.layers import Attention, LayerNorm, RmsNorm, SwiGLUPacked
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.vision_transformer import (
    ParallelScalingBlock,
    ParallelThingsBlock,
    ResPostBlock,
    VisionTransformer,
)

import vitinspect as vi
from vitinspect.models.heads import ClassAndMeanVisionTransformer

BASE = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 3, "num_classes": 5}
_vit = functools.partial(VisionTransformer, **BASE)
_eva = functools.partial(Eva, **BASE, norm_layer=functools.partial(LayerNorm, eps=1e-6))


def _gated() -> VisionTransformer:
    module = _vit(reg_tokens=1)
    for block in module.blocks:
        block.attn = Attention(BASE["embed_dim"], BASE["num_heads"], qkv_bias=True, gated=True)
    return module


KINDS = {
    "plain": _vit,
    "registers": functools.partial(_vit, reg_tokens=3, init_values=0.3, no_embed_class=True),
    "distilled": functools.partial(VisionTransformerDistilled, **BASE),
    "average": functools.partial(_vit, class_token=False, reg_tokens=2, global_pool="avg"),
    "class_token_average": functools.partial(_vit, global_pool="avg", fc_norm=False),
    "maximum": functools.partial(_vit, global_pool="avgmax"),
    "attention_pool": functools.partial(_vit, class_token=False, global_pool="map"),
    "refining_pool": functools.partial(_vit, global_pool="prr"),
    "class_and_mean": functools.partial(ClassAndMeanVisionTransformer, **BASE),
    "norms_and_gates": functools.partial(
        _vit, qk_norm=True, scale_attn_norm=True, scale_mlp_norm=True, pre_norm=True, mlp_layer=SwiGLUPacked
    ),
    "no_biases": functools.partial(_vit, qkv_bias=False, proj_bias=False),
    "gated": _gated,
    "rms_norm": functools.partial(_vit, norm_layer=RmsNorm),
    "not_square": functools.partial(_vit, img_size=(24, 40)),
    "post_norm": functools.partial(_vit, block_fn=ResPostBlock, init_values=0.5),
    "parallel_scaling": functools.partial(_vit, block_fn=ParallelScalingBlock, qkv_bias=True),
    "parallel_things": functools.partial(_vit, block_fn=ParallelThingsBlock),
    "eva_rope": functools.partial(
        _eva, use_rot_pos_emb=True, swiglu_mlp=True, scale_mlp=True, init_values=0.4, global_pool="avg"
    ),
    "eva_rope_class": functools.partial(
        _eva, use_rot_pos_emb=True, global_pool="token", swiglu_mlp=True, num_reg_tokens=2, qkv_fused=False
    ),
    "eva_absolute": functools.partial(_eva, global_pool="token", init_values=0.4, swiglu_mlp=True, scale_mlp=True),
    "eva_rope_mixed": functools.partial(
        _eva, use_rot_pos_emb=True, rope_type="mixed", attn_type="rope", global_pool="token", use_abs_pos_emb=False
    ),
    "eva_rope_dynamic": functools.partial(
        _eva,
        use_rot_pos_emb=True,
        rope_type="dinov3",
        rope_rotate_half=True,
        dynamic_img_size=True,
        num_reg_tokens=4,
        use_abs_pos_emb=False,
        init_values=0.4,
        global_pool="avg",
    ),
    "eva_grouped": functools.partial(
        _eva, use_rot_pos_emb=True, attn_type="rope", qkv_fused=False, num_kv_heads=1, global_pool="token", qk_norm=True
    ),
    "eva_attention_pool": functools.partial(_eva, use_rot_pos_emb=True, global_pool="map"),
    "eva_post_norm": functools.partial(_eva, use_post_norm=True, global_pool="token"),
}
FAMILIES = tuple(KINDS)


@functools.cache
def family_model(name: str) -> vi.ViT:
    """A wrapped float64 model of this kind; every parameter is drawn, also those that timm starts at zero or one."""
    module = KINDS[name]()
    generator = torch.Generator().manual_seed(sum(name.encode()))
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            spread = 0.25 if parameter.dim() < 2 else 0.9 * parameter.shape[-1] ** -0.5
            parameter.copy_((parameter if parameter.dim() < 2 else 0) + spread * noise)
    return vi.wrap_model(module.double().eval(), name=name)


def family_input(model: vi.ViT, count: int = 1) -> torch.Tensor:
    """(count, 3, H, W) float64."""
    generator = torch.Generator().manual_seed(7)
    return torch.randn(count, 3, *model.input_size, generator=generator, dtype=torch.float64)
