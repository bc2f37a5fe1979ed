"""The names of OpenCLIP's (and OpenAI's) weights: which are text, and the image tower's in timm's names."""

from __future__ import annotations

import re

import torch

from vitinspect.errors import ModelError

IGNORED = ("input_resolution", "context_length", "vocab_size", "attn_mask", "text.attn_mask")
"""Arrays that may be ignored: numbers in OpenAI's first files, and a mask that is computed."""

_TEXT = (
    *("transformer.", "token_embedding.", "ln_final.", "text_projection", "text."),
    *("positional_embedding", "logit_scale", "logit_bias", "attn_mask"),
)
_SWAPS = (
    (r"^conv1\.", "patch_embed.proj."),
    (r"^ln_pre\.", "norm_pre."),
    (r"^ln_post\.", "norm."),
    (r"^transformer\.resblocks\.(\d+)\.", r"blocks.\1."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.ls_([12])\.gamma$", r".ls\1.gamma"),
    (r"\.attn\.in_proj_", ".attn.qkv."),
    (r"\.attn\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.c_fc\.", ".mlp.fc1."),
    (r"\.mlp\.c_proj\.", ".mlp.fc2."),
)


def is_text(key: str) -> bool:
    """Whether an array belongs to the text side, its scale and bias included."""
    return key.startswith(_TEXT)


def visual_state(state: dict[str, torch.Tensor], where: str) -> dict[str, torch.Tensor]:
    """The image tower in timm's names; arrays without a counterpart keep theirs and are reported later."""
    own = {key.removeprefix("visual."): value for key, value in state.items() if key.startswith("visual.")}
    if any(key.startswith("trunk.") for key in own):
        names = {"head.proj.weight": "head.weight", "head.proj.bias": "head.bias"}
        return {names.get(key, key.removeprefix("trunk.")): value for key, value in own.items()}
    if own.get("conv1.weight") is None or "class_embedding" not in own:
        raise ModelError(
            f"{where} holds no Vision Transformer in OpenCLIP's layout: visual.conv1 and the class"
            " embedding are missing."
        )
    out: dict[str, torch.Tensor] = {}
    for key, value in own.items():
        if key == "proj":
            out["head.weight"] = value.T
        elif key == "class_embedding":
            out["cls_token"] = value.reshape(1, 1, -1)
        elif key == "positional_embedding":
            out["pos_embed"] = value[None]
        else:
            for pattern, replacement in _SWAPS:
                key = re.sub(pattern, replacement, key)
            out[key] = value
    return out
