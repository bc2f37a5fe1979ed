"""Tiny random models of every family that vitinspect supports, for properties that need no authors' numbers.

All weights are random, also those that timm starts at zero or one (biases, norms, LayerScale, position embeddings):
a rule that ignores one of them is detected.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import timm.models.vision_transformer as vt
import torch
from timm.layers import GluMlp, RmsNorm, SwiGLU, SwiGLUPacked
from timm.models.beit import Beit
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.vision_transformer_relpos import ResPostRelPosBlock, VisionTransformerRelPos
from torch import nn

import vitinspect as vi
from vitinspect.models.heads import ClassAndMeanVisionTransformer

SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 3, "num_heads": 3, "num_classes": 7}
GLU = partial(GluMlp, act_layer=nn.SiLU)


class GatedAttention(vt.Attention):
    """Attention whose output is multiplied with a sigmoid of its input."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, gated=True, **kwargs)


_vit = partial(vt.VisionTransformer, **SMALL)
_eva = partial(Eva, **SMALL)

FAMILIES: dict[str, Callable[[], nn.Module]] = {
    "plain": _vit,
    "no biases": partial(_vit, qkv_bias=False, proj_bias=False),
    "quick gelu, norm before (CLIP)": partial(_vit, act_layer="quick_gelu", pre_norm=True),
    "layer scale, registers": partial(_vit, init_values=1e-2, reg_tokens=4, no_embed_class=True),
    "average pooling": partial(_vit, global_pool="avg", class_token=False),
    "average pooling, registers": partial(_vit, global_pool="avg", class_token=False, reg_tokens=2),
    "average pooling past a class token": partial(_vit, global_pool="avg", fc_norm=False),
    "average with the prefix": partial(_vit, global_pool="avg", pool_include_prefix=True),
    "maximum pooling": partial(_vit, global_pool="max"),
    "average and maximum": partial(_vit, global_pool="avgmax"),
    "attention pooling": partial(_vit, global_pool="map", class_token=False),
    "refining pooling": partial(_vit, global_pool="prr"),
    "refining pooling, mean": partial(_vit, global_pool="prr", class_token=False),
    "distilled": partial(VisionTransformerDistilled, **SMALL),
    "class token and mean": partial(ClassAndMeanVisionTransformer, **SMALL),
    "no classifier": partial(_vit, **{**SMALL, "num_classes": 0}),
    "q and k normed, attention and MLP normed": partial(_vit, qk_norm=True, scale_attn_norm=True, scale_mlp_norm=True),
    "SwiGLU": partial(_vit, mlp_layer=SwiGLU),
    "SwiGLU packed": partial(_vit, mlp_layer=SwiGLUPacked),
    "GLU, gate last": partial(_vit, mlp_layer=GLU),
    "norm after the branch": partial(_vit, block_fn=vt.ResPostBlock, init_values=0.5),
    "parallel": partial(_vit, block_fn=vt.ParallelScalingBlock, init_values=0.1),
    "parallel, no bias, q and k normed": partial(
        _vit, block_fn=vt.ParallelScalingBlock, qkv_bias=False, qk_norm=True, norm_layer=RmsNorm
    ),
    "parallel, one projection out": partial(_vit, block_fn=partial(vt.ParallelScalingBlock, fuse_out_proj=True)),
    "parallel things": partial(_vit, block_fn=vt.ParallelThingsBlock, init_values=0.1),
    "parallel things, three": partial(_vit, block_fn=partial(vt.ParallelThingsBlock, num_parallel=3)),
    "gated attention": partial(_vit, attn_layer=GatedAttention),
    "any input size": partial(_vit, dynamic_img_size=True),
    "Eva": _eva,
    "Eva, rotary, SwiGLU, normed (EVA-02)": partial(
        _eva, use_rot_pos_emb=True, swiglu_mlp=True, scale_mlp=True, scale_attn_inner=True, qkv_fused=False
    ),
    "Eva, norm after the branch": partial(_eva, use_post_norm=True, global_pool="token"),
    "rotary, layer scale, registers (DINOv3)": partial(
        _eva,
        use_rot_pos_emb=True,
        use_abs_pos_emb=False,
        rope_type="dinov3",
        rope_rotate_half=True,
        num_reg_tokens=4,
        init_values=1e-2,
        dynamic_img_size=True,
    ),
    "rotary, mixed": partial(_eva, use_rot_pos_emb=True, rope_type="mixed", attn_type="rope", global_pool="token"),
    "rotary, grouped heads, q and k normed": partial(
        _eva,
        use_rot_pos_emb=True,
        attn_type="rope",
        qkv_fused=False,
        num_kv_heads=1,
        qk_norm=True,
        swiglu_mlp=True,
        swiglu_align_to=8,
        init_values=0.1,
        attn_only_layer_scale=True,
    ),
    "rotary, of three axes": partial(
        _eva, use_rot_pos_emb=True, attn_type="rope", rope_type="mrope", rope_mrope_section=(2, 3, 3)
    ),
    "rotary, attention pooling, norm before (PE)": partial(
        _eva, use_rot_pos_emb=True, attn_type="rope", global_pool="map", use_pre_transformer_norm=True
    ),
    "Beit, positions in the scores": partial(Beit, **SMALL, use_rel_pos_bias=True, init_values=0.1),
    "Beit, class token, positions shared": partial(
        Beit, **SMALL, use_abs_pos_emb=True, use_shared_rel_pos_bias=True, global_pool="token"
    ),
    "relative positions": partial(VisionTransformerRelPos, **SMALL, class_token=True, qk_norm=True, init_values=0.1),
    "relative positions, norm after the branch": partial(
        VisionTransformerRelPos, **SMALL, block_fn=ResPostRelPosBlock, shared_rel_pos=True
    ),
}


def tiny_module(family: str, seed: int = 0, **changes: object) -> nn.Module:
    """A random model of a family, in evaluation mode."""
    torch.manual_seed(seed)
    module = FAMILIES[family](**changes)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.dim() > 1 and "token" not in name and "embed" not in name and "latent" not in name:
                parameter.normal_(std=1.5 * parameter[0].numel() ** -0.5)
            elif name.endswith(("gamma", "gamma_1", "gamma_2")):
                parameter.mul_(torch.empty_like(parameter).uniform_(0.5, 1.5))
            elif name.endswith("weight"):
                parameter.uniform_(0.5, 1.5)
            else:
                parameter.normal_(std=0.3)
    return module.eval()


def tiny_model(family: str, seed: int = 0, **changes: object) -> vi.ViT:
    """The same, wrapped."""
    return vi.wrap_model(tiny_module(family, seed, **changes), name=family)


def tiny_inputs(count: int = 1, seed: int = 1, size: tuple[int, int] = (32, 32)) -> torch.Tensor:
    """(count, 3, H, W), values as a model sees them."""
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(seed))
