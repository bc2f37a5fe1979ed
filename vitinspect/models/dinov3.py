"""DINOv3's Vision Transformers as the ``transformers`` library saves them, as timm's ``Eva``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from timm.layers import LayerNorm
from timm.models.eva import Eva
from torch import nn

from vitinspect.errors import ModelError, UnsupportedModelError
from vitinspect.models import limits
from vitinspect.models.activations import activation_of
from vitinspect.models.building import load_into
from vitinspect.models.image_text import exact_ratio
from vitinspect.models.layouts import State

KIND = "dinov3_vit"

_LAYER = re.compile(r"^(?:model\.|encoder\.)*layers?\.(\d+)\.(.+)$")
_IN_LAYER = {
    "norm1": "norm1",
    "norm2": "norm2",
    "attention.o_proj": "attn.proj",
    "mlp.down_proj": "mlp.fc2",
}
_ON_TOP = {
    "embeddings.cls_token": "cls_token",
    "embeddings.register_tokens": "reg_token",
    "embeddings.patch_embeddings.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.bias": "patch_embed.proj.bias",
    "norm.weight": "norm.weight",
    "norm.bias": "norm.bias",
}
_HARMLESS = ("embeddings.mask_token", "rope_embeddings.inv_freq")
"""Arrays that are for pre-training, or computed from the configuration."""


def build(config: Mapping[str, Any], state: State | None, name: str, size: tuple[int, int] | None, weights: str) -> Eva:
    """The backbone; its output is the class token after the final norm, as the library's ``pooler_output``."""
    architecture = str((config.get("architectures") or ["DINOv3ViTModel"])[0])
    if architecture != "DINOv3ViTModel":
        raise UnsupportedModelError(
            f"{name} holds a {architecture} of the transformers library, which is not supported."
        )
    channels = limits.whole(config.get("num_channels", 3), "num_channels", 1, 64, name)
    if channels != 3:
        raise UnsupportedModelError(f"{name} takes pictures of {channels} channels; only models with 3 are supported.")
    width = limits.whole(config.get("hidden_size", 384), "hidden_size", 1, limits.MAX_WIDTH, name)
    hidden = limits.whole(config.get("intermediate_size", 1536), "intermediate_size", 1, 16 * limits.MAX_WIDTH, name)
    heads = limits.whole(config.get("num_attention_heads", 6), "num_attention_heads", 1, limits.MAX_HEADS, name)
    gated = bool(config.get("use_gated_mlp", False))
    activation = activation_of(config.get("hidden_act", "gelu"), name)
    if activation is not (nn.SiLU if gated else nn.GELU):
        raise ModelError(
            f"{name}: an MLP with the activation {config.get('hidden_act')!r} is not supported for DINOv3."
        )
    patch = limits.pair(config.get("patch_size", 16), "patch_size", 4096, name)
    arguments: dict[str, Any] = {
        "img_size": size or limits.pair(config.get("image_size", 224), "image_size", limits.MAX_SIDE, name),
        "patch_size": patch,
        "embed_dim": width,
        "depth": limits.whole(config.get("num_hidden_layers", 12), "num_hidden_layers", 1, limits.MAX_DEPTH, name),
        "num_heads": heads,
        "mlp_ratio": exact_ratio(hidden, width),
        "swiglu_mlp": gated,
        "qkv_bias": any(bool(config.get(f"{part}_bias", part != "key")) for part in ("query", "key", "value")),
        "init_values": limits.number(config.get("layerscale_value", 1.0), "layerscale_value", -1e6, 1e6, name),
        "rope_type": "dinov3",
        "rope_temperature": limits.number(config.get("rope_theta", 100.0), "rope_theta", 1e-3, 1e9, name),
        "rope_rotate_half": True,
        "use_rot_pos_emb": True,
        "use_abs_pos_emb": False,
        "num_reg_tokens": limits.whole(
            config.get("num_register_tokens", 4), "num_register_tokens", 0, limits.MAX_PREFIX, name
        ),
        "use_fc_norm": False,
        "norm_layer": partial(
            LayerNorm, eps=limits.number(config.get("layer_norm_eps", 1e-5), "layer_norm_eps", 0, 1, name)
        ),
        "global_pool": "token",
        "dynamic_img_size": True,
        "num_classes": 0,
    }
    limits.check_size(arguments["img_size"], patch, name)
    try:
        with torch.device("meta"):
            count = sum(parameter.numel() for parameter in Eva(**arguments).parameters())
        held = None if state is None else sum(t.numel() for t in state.values() if isinstance(t, torch.Tensor))
        limits.check_parameters(count, held, f"{name}: its config.json")
        module = Eva(**arguments)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{name}: no model can be built from its config.json: {error}.") from error
    if state is not None:
        load_into(module, _rename(state, module, gated, weights), weights, "the DINOv3 that its config.json describes")
    return module


def _rename(state: State, module: Any, gated: bool, weights: str) -> State:
    out: State = {}
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for key, value in state.items():
        plain = re.sub(r"^(?:dinov3_vit|dinov3|model)\.(?=embeddings|norm|layer|model|rope)", "", key)
        if not isinstance(value, torch.Tensor) or plain.endswith(_HARMLESS):
            continue
        value = value.float() if value.is_floating_point() else value
        match = _LAYER.match(plain)
        if match is None:
            out[_ON_TOP.get(plain, plain)] = value
            continue
        block, inner = f"blocks.{match[1]}", match[2]
        stem, _, ending = inner.rpartition(".")
        if stem in ("attention.q_proj", "attention.k_proj", "attention.v_proj"):
            parts.setdefault(f"{block}.attn.{ending}", {})[stem[len("attention.")]] = value
        elif stem in ("mlp.gate_proj", "mlp.up_proj"):
            parts.setdefault(f"{block}.mlp.fc1.{ending}", {})[stem[len("mlp.")]] = value
        elif stem.startswith("layer_scale"):
            out[f"{block}.gamma_{stem[-1]}"] = value
        else:
            out[f"{block}.{_IN_LAYER.get(stem, stem)}.{ending}"] = value
    own = module.state_dict()
    for key, pieces in parts.items():
        block, _, ending = key.rpartition(".")
        if ".mlp." in key:
            order = "gu" if gated else "u"
            out[key] = torch.cat([pieces[letter] for letter in order if letter in pieces])
        elif ending == "weight":
            if set(pieces) != set("qkv"):
                raise ModelError(
                    f"The weights in {weights} are incomplete: of {key} there is only {', '.join(pieces)}."
                )
            out[f"{block}.qkv.weight"] = torch.cat([pieces[letter] for letter in "qkv"])
        else:
            if "k" in pieces and bool((pieces["k"] != 0).any()):
                raise ModelError(f"{weights}: its keys have biases, for which DINOv3 has no place.")
            for letter in "qv":
                if f"{block}.{letter}_bias" in own:
                    zeros = torch.zeros_like(own[f"{block}.{letter}_bias"])
                    out[f"{block}.{letter}_bias"] = pieces.get(letter, zeros)
    for key, value in own.items():
        # A configuration may omit biases that timm's layers always have.
        if key not in out and key.endswith(("proj.bias", "fc1.bias", "fc2.bias", "k_bias")):
            out[key] = torch.zeros_like(value)
    return out
