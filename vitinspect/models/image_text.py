"""CLIP, SigLIP and SigLIP 2 as the ``transformers`` library saves them: image tower, text tower, classifier.

The image tower becomes timm's ``VisionTransformer`` and the projection its head; the text tower is ours. Read are
CLIPModel, CLIPVisionModel with or without projection, CLIPForImageClassification, and the same of SigLIP. Names are
matched by their endings, so the prefixes of the library's versions do not matter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import LayerNorm
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from vitinspect.errors import ModelError, UnsupportedModelError
from vitinspect.models import limits
from vitinspect.models.activations import activation_of
from vitinspect.models.building import load_into
from vitinspect.models.labels import plain_text
from vitinspect.models.layouts import State
from vitinspect.models.text_tower import TextSettings, TextSide, TextTower

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
KINDS = ("clip", "clip_vision_model", "siglip", "siglip_vision_model", "siglip2", "siglip2_vision_model")

_LAYER = re.compile(r"^encoder\.layers\.(\d+)\.(.+)$")
_IN_LAYER = {
    "layer_norm1": "norm1",
    "layer_norm2": "norm2",
    "self_attn.out_proj": "attn.proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
_QKV = re.compile(r"^self_attn\.([qkv])_proj\.(weight|bias)$")
_ON_TOP = {
    "embeddings.patch_embedding.weight": "patch_embed.proj.weight",
    "embeddings.patch_embedding.bias": "patch_embed.proj.bias",
    "pre_layrnorm.weight": "norm_pre.weight",
    "pre_layrnorm.bias": "norm_pre.bias",
    "post_layernorm.weight": "norm.weight",
    "post_layernorm.bias": "norm.bias",
    "head.probe": "attn_pool.latent",
    "head.attention.out_proj.weight": "attn_pool.proj.weight",
    "head.attention.out_proj.bias": "attn_pool.proj.bias",
    "head.layernorm.weight": "attn_pool.norm.weight",
    "head.layernorm.bias": "attn_pool.norm.bias",
    "head.mlp.fc1.weight": "attn_pool.mlp.fc1.weight",
    "head.mlp.fc1.bias": "attn_pool.mlp.fc1.bias",
    "head.mlp.fc2.weight": "attn_pool.mlp.fc2.weight",
    "head.mlp.fc2.bias": "attn_pool.mlp.fc2.bias",
}
_TABLES = ("position_ids",)
"""Arrays that may be ignored: tables of indices, which older versions of the library saved."""


def build(
    config: Mapping[str, Any], state: State | None, name: str, size: tuple[int, int] | None, weights: str
) -> tuple[VisionTransformer, TextSide | None, str]:
    """The image tower, the text side, and a sentence on how positions were resampled (or an empty one)."""
    kind = str(config["model_type"]).removesuffix("_vision_model")
    vision = config.get("vision_config") if "vision_config" in config else config
    if not isinstance(vision, Mapping):
        raise ModelError(f"{name}: the vision_config in its config.json holds no settings.")
    architecture = str((config.get("architectures") or [""])[0])
    classifies = architecture.endswith("ForImageClassification")
    parts = None if state is None else _parts(state, name)
    module = _image_tower(kind, config, vision, parts, classifies, size, name)
    note = ""
    if parts is not None:
        _refuse_unknown(parts["top"], weights)
        tower, note = _tower_state(parts, module, kind, vision, classifies, weights)
        load_into(module, tower, weights, f"the {architecture or kind} that its config.json describes")
    module.vitinspect_embedding = not classifies
    return module, _text_side(kind, config, parts, name, weights), note


def _parts(state: State, name: str) -> dict[str, State]:
    """The weights by tower: ``vision``, ``text``, and ``top`` for those outside of both."""
    parts: dict[str, State] = {"vision": {}, "text": {}, "top": {}}
    prefixes = {
        "vision": _prefix(state, "embeddings.patch_embedding.weight"),
        "text": _prefix(state, "embeddings.token_embedding.weight"),
    }
    if prefixes["vision"] is None:
        raise ModelError(f"{name}: its weights hold no image tower: there is no embeddings.patch_embedding.weight.")
    for key, value in state.items():
        if not isinstance(value, torch.Tensor) or key.endswith(_TABLES):
            continue
        value = value.float() if value.is_floating_point() else value
        for part in ("text", "vision"):
            prefix = prefixes[part]
            if prefix and key.startswith(prefix):
                parts[part][key.removeprefix(prefix)] = value
                break
        else:
            outside = not prefixes["vision"] and not key.startswith(("classifier.", "visual_projection."))
            parts["vision" if outside else "top"][key] = value
    return parts


_KNOWN_ON_TOP = re.compile(
    r"^(logit_scale|logit_bias|text_projection\.weight|visual_projection\.weight|classifier\.(weight|bias))$"
)


def _refuse_unknown(top: State, weights: str) -> None:
    unknown = [key for key in top if not _KNOWN_ON_TOP.match(key)]
    if unknown:
        shown = ", ".join(plain_text(key, 80) for key in unknown[:4])
        raise ModelError(
            f"The weights in {weights} hold {len(unknown)} arrays that have no place in the model: {shown}."
        )


def _prefix(state: State, ending: str) -> str | None:
    return next((key.removesuffix(ending) for key in state if key.endswith(ending)), None)


# --- the image tower ---------------------------------------------------------------------------------------------


def _image_tower(
    kind: str,
    config: Mapping[str, Any],
    vision: Mapping[str, Any],
    parts: Mapping[str, State] | None,
    classifies: bool,
    size: tuple[int, int] | None,
    name: str,
) -> VisionTransformer:
    clip = kind == "clip"
    channels = limits.whole(vision.get("num_channels", 3), "num_channels", 1, 64, name)
    if channels != 3:
        raise UnsupportedModelError(f"{name} takes pictures of {channels} channels; only models with 3 are supported.")
    width = limits.whole(vision.get("hidden_size", 768), "hidden_size", 1, limits.MAX_WIDTH, name)
    hidden = limits.whole(vision.get("intermediate_size", 3072), "intermediate_size", 1, 16 * limits.MAX_WIDTH, name)
    heads = limits.whole(vision.get("num_attention_heads", 12), "num_attention_heads", 1, limits.MAX_HEADS, name)
    patch = limits.pair(vision.get("patch_size", 32 if clip else 16), "patch_size", 4096, name)
    native = native_size(kind, vision, patch, name)
    pools = not clip and not classifies and bool(vision.get("vision_use_head", True))
    arguments: dict[str, Any] = {
        "img_size": size or native,
        "patch_size": patch,
        "embed_dim": width,
        "depth": limits.whole(vision.get("num_hidden_layers", 12), "num_hidden_layers", 1, limits.MAX_DEPTH, name),
        "num_heads": heads,
        "mlp_ratio": exact_ratio(hidden, width),
        "norm_layer": _norm(vision, 1e-5 if clip else 1e-6, name),
        "act_layer": activation_of(vision.get("hidden_act", "quick_gelu" if clip else "gelu_pytorch_tanh"), name),
        "class_token": clip,
        "pre_norm": clip,
        "global_pool": "map" if pools else "token" if clip and not classifies else "avg",
        "fc_norm": False,
        # The library's classifier averages CLIP's patches after the last block, without the final norm.
        "final_norm": not (clip and classifies),
        "num_classes": _outputs(config, vision, parts, classifies, name),
    }
    if not clip and not classifies and not pools:
        raise UnsupportedModelError(f"{name} has no pooling head (vision_use_head is false), and so no single output.")
    limits.check_size(arguments["img_size"], patch, name)
    try:
        with torch.device("meta"):
            count = sum(parameter.numel() for parameter in VisionTransformer(**arguments).parameters())
        held = None if parts is None else sum(t.numel() for part in parts.values() for t in part.values())
        limits.check_parameters(count, held, f"{name}: its config.json")
        module = VisionTransformer(**arguments)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{name}: no model can be built from its config.json: {error}.") from error
    if module.num_classes and not classifies:
        module.head = nn.Linear(width, module.num_classes, bias=False)
    return module


def native_size(kind: str, vision: Mapping[str, Any], patch: tuple[int, int], name: str) -> tuple[int, int]:
    """Height and width of the input that the position embeddings were made for."""
    if kind == "siglip2":
        count = limits.whole(vision.get("num_patches", 256), "num_patches", 1, limits.MAX_PATCHES, name)
        side = math.isqrt(count)
        return side * patch[0], side * patch[1]
    return limits.pair(vision.get("image_size", 224), "image_size", limits.MAX_SIDE, name)


def _outputs(
    config: Mapping[str, Any],
    vision: Mapping[str, Any],
    parts: Mapping[str, State] | None,
    classifies: bool,
    name: str,
) -> int:
    if parts is not None:
        key = "classifier.weight" if classifies else "visual_projection.weight"
        return int(parts["top"][key].shape[0]) if key in parts["top"] else 0
    if classifies:
        return len(config.get("id2label") or {}) or 2
    architecture = str((config.get("architectures") or [""])[0])
    projects = config.get("model_type") == "clip" or architecture.endswith("WithProjection")
    if projects:
        return limits.whole(config.get("projection_dim", 512), "projection_dim", 1, limits.MAX_WIDTH, name)
    return 0


def exact_ratio(hidden: int, width: int) -> float:
    """A ratio by which timm's ``int(width * ratio)`` gives exactly ``hidden``."""
    ratio = hidden / width
    while int(width * ratio) < hidden:
        ratio = math.nextafter(ratio, math.inf)
    return ratio


def _norm(settings: Mapping[str, Any], default: float, name: str) -> Any:
    from functools import partial

    return partial(LayerNorm, eps=limits.number(settings.get("layer_norm_eps", default), "layer_norm_eps", 0, 1, name))


def _tower_state(
    parts: Mapping[str, State],
    module: VisionTransformer,
    kind: str,
    vision: Mapping[str, Any],
    classifies: bool,
    weights: str,
) -> tuple[State, str]:
    out: State = {}
    pieces: dict[str, dict[str, torch.Tensor]] = {}
    for key, value in parts["vision"].items():
        match = _LAYER.match(key)
        if match is None:
            out[_ON_TOP.get(key, key)] = value
        elif qkv := _QKV.match(match[2]):
            pieces.setdefault(f"blocks.{match[1]}.attn.qkv.{qkv[2]}", {})[qkv[1]] = value
        else:
            stem, _, ending = match[2].rpartition(".")
            out[f"blocks.{match[1]}.{_IN_LAYER.get(stem, stem)}.{ending}"] = value
    for key, three in pieces.items():
        if set(three) != set("qkv"):
            raise ModelError(f"The weights in {weights} are incomplete: of {key} there is only {', '.join(three)}.")
        out[key] = torch.cat([three[letter] for letter in "qkv"])
    if "embeddings.class_embedding" in out:
        out["cls_token"] = out.pop("embeddings.class_embedding").reshape(1, 1, -1)
    _pooling_head(out, module)
    if kind == "siglip2" and (flat := out.get("patch_embed.proj.weight")) is not None and flat.ndim == 2:
        # It multiplies patches flattened as rows of pixels, each of three colours.
        rows, columns = module.patch_embed.patch_size
        out["patch_embed.proj.weight"] = flat.reshape(len(flat), rows, columns, 3).permute(0, 3, 1, 2)
    for source, target in (("visual_projection.weight", "head.weight"), ("classifier.weight", "head.weight")):
        if source in parts["top"] and module.num_classes:
            out[target] = parts["top"][source]
    if classifies and "classifier.bias" in parts["top"]:
        out["head.bias"] = parts["top"]["classifier.bias"]
    if classifies:
        # The library saves these with a classifier but never uses them.
        unread = ("norm.",) if kind == "clip" else ("attn_pool.", "head.attention.")
        out = {key: value for key, value in out.items() if not key.startswith(unread)}
    return out, _fit_positions(out, module, kind, native_size(kind, vision, module.patch_embed.patch_size, weights))


def _pooling_head(out: State, module: VisionTransformer) -> None:
    width = module.embed_dim
    for kind in ("weight", "bias"):
        joint = out.pop(f"head.attention.in_proj_{kind}", None)
        if joint is not None and joint.shape[0] == 3 * width:
            out[f"attn_pool.q.{kind}"], out[f"attn_pool.kv.{kind}"] = joint[:width], joint[width:]


def _fit_positions(out: State, module: VisionTransformer, kind: str, native: tuple[int, int]) -> str:
    """The table of positions for the module's grid, resampled as the library does it."""
    table = out.pop("embeddings.position_embedding.weight", None)
    if table is None or table.ndim != 2:
        return ""
    prefix = module.num_prefix_tokens
    patch, grid = module.patch_embed.patch_size, module.patch_embed.grid_size
    before = (native[0] // patch[0], native[1] // patch[1])
    first, patches = table[:prefix], table[prefix:]
    note = ""
    if before != tuple(grid) and before[0] * before[1] == len(patches):
        square = patches.reshape(1, *before, -1).permute(0, 3, 1, 2)
        way: dict[str, Any] = {"mode": "bicubic"}
        if kind == "siglip2":
            way = {"mode": "bilinear", "antialias": True}
        new = F.interpolate(square, size=tuple(grid), align_corners=False, **way)
        patches = new.permute(0, 2, 3, 1).reshape(grid[0] * grid[1], -1)
        note = (
            f"Position embeddings: resampled from {before[0]} x {before[1]} to {grid[0]} x {grid[1]} patches as the"
            f" transformers library does it ({way['mode']}, {'smoothed' if 'antialias' in way else 'not smoothed'})."
        )
    out["pos_embed"] = torch.cat([first, patches])[None]
    return note


# --- the text side -----------------------------------------------------------------------------------------------


def _text_side(
    kind: str, config: Mapping[str, Any], parts: Mapping[str, State] | None, name: str, weights: str
) -> TextSide | None:
    if parts is None or not parts["text"] or "logit_scale" not in parts["top"]:
        return None
    text = config.get("text_config")
    if not isinstance(text, Mapping):
        raise ModelError(f"{name}: its weights hold a text tower, but its config.json has no text_config.")
    clip = kind == "clip"
    projection = parts["top"].get("text_projection.weight") if clip else parts["text"].get("head.weight")
    if projection is None:
        raise ModelError(f"{weights}: the projection of its text tower is missing.")
    width = limits.whole(text.get("hidden_size", 512), "hidden_size of text", 1, limits.MAX_WIDTH, name)
    end = text.get("eos_token_id", 49407)
    settings = TextSettings(
        vocabulary=limits.whole(text.get("vocab_size", 49408), "vocab_size", 1, 10_000_000, name),
        length=limits.whole(text.get("max_position_embeddings", 77), "max_position_embeddings", 1, 100_000, name),
        width=width,
        depth=limits.whole(text.get("num_hidden_layers", 12), "num_hidden_layers of text", 1, limits.MAX_DEPTH, name),
        heads=limits.whole(
            text.get("num_attention_heads", 8), "num_attention_heads of text", 1, limits.MAX_HEADS, name
        ),
        hidden=limits.whole(
            text.get("intermediate_size", 2048), "intermediate_size of text", 1, 16 * limits.MAX_WIDTH, name
        ),
        outputs=int(projection.shape[0]),
        activation=activation_of(text.get("hidden_act", "quick_gelu" if clip else "gelu_pytorch_tanh"), name),
        epsilon=limits.number(text.get("layer_norm_eps", 1e-5 if clip else 1e-6), "layer_norm_eps", 0, 1, name),
        causal=clip,
        # The library takes the largest id if the configuration still has the end token of the first release.
        pooling=("largest" if end == 2 else "end") if clip else "last",
        end=limits.whole(end, "eos_token_id", 0, 10_000_000, name) if clip else 0,
        projection="matrix" if clip else "linear",
    )
    state = _text_state(parts, clip, weights)
    tower = make_tower(settings, state, name, weights)
    scale = float(parts["top"]["logit_scale"].reshape(-1)[0].exp())
    bias = float(parts["top"]["logit_bias"].reshape(-1)[0]) if "logit_bias" in parts["top"] else 0.0
    return TextSide(tower, scale, bias, sigmoid=not clip)


def make_tower(settings: TextSettings, state: State, name: str, weights: str) -> TextTower:
    """A text tower with these weights, its size checked before memory is allocated."""
    held = sum(tensor.numel() for tensor in state.values())
    if settings.width % settings.heads:
        raise ModelError(f"{name}: a text tower of width {settings.width} cannot have {settings.heads} heads.")
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in TextTower(settings).parameters())
    limits.check_parameters(count, held, f"{name}: its text tower")
    tower = TextTower(settings)
    load_into(tower, state, weights, "the text tower that its configuration describes")
    return tower.eval()


def _text_state(parts: Mapping[str, State], clip: bool, weights: str) -> State:
    out: State = {}
    pieces: dict[str, dict[str, torch.Tensor]] = {}
    on_top = {
        "embeddings.token_embedding.weight": "tokens.weight",
        "embeddings.position_embedding.weight": "positions",
        "final_layer_norm.weight": "norm.weight",
        "final_layer_norm.bias": "norm.bias",
        "head.weight": "projection.weight",
        "head.bias": "projection.bias",
    }
    in_layer = {"layer_norm1": "norm1", "layer_norm2": "norm2", "self_attn.out_proj": "proj"}
    in_layer |= {"mlp.fc1": "fc1", "mlp.fc2": "fc2"}
    for key, value in parts["text"].items():
        match = _LAYER.match(key)
        if match is None:
            out[on_top.get(key, key)] = value
        elif qkv := _QKV.match(match[2]):
            pieces.setdefault(f"blocks.{match[1]}.qkv.{qkv[2]}", {})[qkv[1]] = value
        else:
            stem, _, ending = match[2].rpartition(".")
            out[f"blocks.{match[1]}.{in_layer.get(stem, stem)}.{ending}"] = value
    for key, three in pieces.items():
        if set(three) != set("qkv"):
            raise ModelError(f"The weights in {weights} are incomplete: of {key} there is only {', '.join(three)}.")
        out[key] = torch.cat([three[letter] for letter in "qkv"])
    if clip:
        out["projection.weight"] = parts["top"]["text_projection.weight"]
    return out
