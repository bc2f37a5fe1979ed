"""Folders saved by the ``transformers`` library, read without it: its names and settings mapped to timm's.

Read are the image classifiers ViT, DeiT (with and without teacher), DINOv2 and DINOv2 with registers, the same models
without a head, and MAE's encoder; ``dinov3`` and ``image_text`` read the others. ``config.json`` gives the sizes,
``id2label`` the names of the classes and ``preprocessor_config.json`` the preprocessing of pictures. Version 5 of the
library renamed its modules but writes the old names; both are understood.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import LayerNorm, SwiGLUPacked
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from vitinspect.errors import ModelError, UnsupportedModelError
from vitinspect.models import limits
from vitinspect.models.activations import activation_of
from vitinspect.models.building import load_into
from vitinspect.models.checkpoints import read_checkpoint, read_json
from vitinspect.models.heads import ClassAndMeanVisionTransformer
from vitinspect.models.image_text import CLIP_MEAN, CLIP_STD, exact_ratio
from vitinspect.models.labels import plain_text
from vitinspect.models.layouts import WHAT_WORKS, State
from vitinspect.models.preprocess import Preprocessing

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MODEL_TYPES = ("vit", "deit", "vit_mae", "dinov2", "dinov2_with_registers")

_PREFIXES = ("vit.", "deit.", "dinov2.", "dinov2_with_registers.")
_HEADS = ("classifier.", "cls_classifier.", "distillation_classifier.")


def is_transformers_config(config: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is the transformers library's and not timm's."""
    return "architecture" not in config and ("model_type" in config or "architectures" in config)


def build_from_config(
    config: Mapping[str, Any],
    preprocessor: Mapping[str, Any] | None,
    state: State | None,
    name: str,
    img_size: tuple[int, int] | None = None,
    weights: str | None = None,
) -> tuple[nn.Module, Preprocessing]:
    """A timm module like the one that ``config`` describes, and its preprocessing.

    ``state`` is what the file ``weights`` holds, in the names of the transformers library; without one the module
    stays untrained. ``img_size`` is an input size other than the model's own. ``name`` is used in errors.
    """
    kind = _supported_kind(config, name)
    native = limits.pair(config.get("image_size", 224), "image_size", limits.MAX_SIDE, name)
    preprocessing = preprocessing_of(kind, preprocessor, native, name)
    # DINOv2 takes any size that its preprocessor produces, the others only their own.
    size = img_size or (preprocessing.input_size if kind.startswith("dinov2") else native)
    preprocessing = preprocessing.with_size(*size)

    mapped = None if state is None else _rename(state, config, name)
    module = _make(kind, config, mapped, size, name)
    if mapped is not None:
        _fit_positions(mapped, module, kind, native)
        load_into(module, mapped, weights or name, f"the {type(module).__name__} that its config.json describes")
    classes = module.num_classes
    module.pretrained_cfg = module.default_cfg = {
        "architecture": f"transformers {kind}",
        "input_size": (3, *size),
        "fixed_input_size": True,
        "mean": preprocessing.mean,
        "std": preprocessing.std,
        "interpolation": preprocessing.interpolation,
        "crop_pct": preprocessing.crop_pct,
        "crop_mode": preprocessing.crop_mode,
        "num_classes": classes,
        "first_conv": "patch_embed.proj",
        "classifier": "head",
    }
    return module, preprocessing


def _supported_kind(config: Mapping[str, Any], name: str) -> str:
    kind = str(config.get("model_type", ""))
    architectures = config.get("architectures") or []
    architecture = str(architectures[0]) if architectures else ""
    if not kind:
        kind = next((t for t in reversed(MODEL_TYPES) if architecture.lower().startswith(t.replace("_", ""))), "")
    fitting = ("ForImageClassification", "ForImageClassificationWithTeacher", "Model", "ViTMAEForPreTraining")
    if kind not in MODEL_TYPES or (architecture and not architecture.endswith(fitting)):
        what = architecture or kind or "model of an unknown kind"
        raise UnsupportedModelError(
            f"{name} holds a {what} of the transformers library. Of that library, the kinds ViT, DeiT, ViTMAE,"
            f" DINOv2, DINOv3, CLIP and SigLIP can be read. {WHAT_WORKS}"
        )
    channels = limits.whole(config.get("num_channels", 3), "num_channels", 1, 64, name)
    if channels != 3:
        raise UnsupportedModelError(f"{name} takes pictures of {channels} channels; only models with 3 are supported.")
    return kind


# --- the module ------------------------------------------------------------------------------------------------


def _make(
    kind: str, config: Mapping[str, Any], state: State | None, size: tuple[int, int], name: str
) -> VisionTransformer:
    dino = kind.startswith("dinov2")
    dim = limits.whole(config.get("hidden_size", 768), "hidden_size", 1, limits.MAX_WIDTH, name)
    if dino:
        hidden = int(dim * limits.number(config.get("mlp_ratio", 4), "mlp_ratio", 0.01, 64, name))
    else:
        hidden = limits.whole(
            config.get("intermediate_size", 3072), "intermediate_size", 1, 16 * limits.MAX_WIDTH, name
        )
    arguments: dict[str, Any] = {
        "img_size": size,
        "patch_size": limits.pair(config.get("patch_size", 14 if dino else 16), "patch_size", 4096, name),
        "embed_dim": dim,
        "depth": limits.whole(config.get("num_hidden_layers", 12), "num_hidden_layers", 1, limits.MAX_DEPTH, name),
        "num_heads": limits.whole(
            config.get("num_attention_heads", 12), "num_attention_heads", 1, limits.MAX_HEADS, name
        ),
        "qkv_bias": bool(config.get("qkv_bias", True)),
        "norm_layer": partial(LayerNorm, eps=_epsilon(config, 1e-6 if dino else 1e-12, name)),
        "act_layer": activation_of(config.get("hidden_act", "gelu"), name),
        "num_classes": limits.whole(_num_classes(config, state), "the number of classes", 0, limits.MAX_CLASSES, name),
        "global_pool": "token",
    }
    cls: type[VisionTransformer] = VisionTransformer
    if dino:
        arguments["init_values"] = limits.number(
            config.get("layerscale_value", 1.0), "layerscale_value", -1e6, 1e6, name
        )
        if arguments["num_classes"]:
            cls = ClassAndMeanVisionTransformer
        if kind == "dinov2_with_registers":
            registers = limits.whole(
                config.get("num_register_tokens", 4), "num_register_tokens", 0, limits.MAX_PREFIX, name
            )
            arguments.update(reg_tokens=registers, no_embed_class=True)
        if config.get("use_swiglu_ffn", False):
            hidden = 2 * ((int(hidden * 2 / 3) + 7) // 8 * 8)
            arguments.update(mlp_layer=SwiGLUPacked, act_layer=nn.SiLU)
    elif kind == "deit":
        if _has_teacher(config, state):
            cls = VisionTransformerDistilled
        else:
            # The distillation token is there and is attended to, but no head reads it: what timm calls a register.
            arguments["reg_tokens"] = 1
    arguments["mlp_ratio"] = exact_ratio(hidden, dim)
    limits.check_size(size, arguments["patch_size"], name)
    try:
        with torch.device("meta"):  # its shapes, without allocating memory
            count = sum(parameter.numel() for parameter in cls(**arguments).parameters())
        held = None if state is None else sum(tensor.numel() for tensor in state.values())
        limits.check_parameters(count, held, f"{name}: its config.json")
        module = cls(**arguments)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{name}: no model can be built from its config.json: {error}.") from error
    if kind == "deit" and cls is VisionTransformer:
        module.vitinspect_prefix_names = ("class", "distillation")
    return module


def _epsilon(config: Mapping[str, Any], default: float, name: str) -> float:
    return limits.number(config.get("layer_norm_eps", default), "layer_norm_eps", 0, 1, name)


def _has_teacher(config: Mapping[str, Any], state: State | None) -> bool:
    if state is not None:
        return "head_dist.weight" in state
    return any(str(a).endswith("WithTeacher") for a in config.get("architectures") or [])


def _num_classes(config: Mapping[str, Any], state: State | None) -> int:
    if state is not None:
        head = state.get("head.weight")
        return int(head.shape[0]) if head is not None else 0
    if any(str(a).endswith(("Model", "ForPreTraining")) for a in config.get("architectures") or []):
        return 0
    return len(config.get("id2label") or {}) or int(config.get("num_labels", 2))


# --- the weights -------------------------------------------------------------------------------------------------

_LAYER = re.compile(r"^(?:encoder\.)?layers?\.(\d+)\.(.+)$")
_IN_LAYER = {
    "attention.output.dense": "attn.proj",
    "attention.o_proj": "attn.proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
    "mlp.weights_in": "mlp.fc1",
    "mlp.weights_out": "mlp.fc2",
    "mlp.down_proj": "mlp.fc2",
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "norm1": "norm1",
    "norm2": "norm2",
}
_QKV = re.compile(r"^attention\.(?:attention\.)?(query|key|value|q_proj|k_proj|v_proj)\.(weight|bias)$")
_GATED = re.compile(r"^mlp\.(gate_proj|up_proj)\.(weight|bias)$")
_ON_TOP = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.register_tokens": "reg_token",
    "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
    "layernorm.weight": "norm.weight",
    "layernorm.bias": "norm.bias",
    "classifier.weight": "head.weight",
    "classifier.bias": "head.bias",
    "cls_classifier.weight": "head.weight",
    "cls_classifier.bias": "head.bias",
    "distillation_classifier.weight": "head_dist.weight",
    "distillation_classifier.bias": "head_dist.bias",
}


_HARMLESS = ("pooler.", "embeddings.mask_token", "embeddings.position_ids", "decoder.")
"""Arrays that may be ignored: no classifier reads the pooler; the mask token and MAE's decoder are for pre-training; a
table of indices."""


def _rename(state: State, config: Mapping[str, Any], name: str) -> State:
    """The weights in timm's names, in float32; arrays without a counterpart keep their name and are reported later."""
    out: State = {}
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for key, value in state.items():
        if not isinstance(value, torch.Tensor):
            continue
        value = value.float() if value.is_floating_point() else value
        plain = key
        for prefix in _PREFIXES:
            plain = plain.removeprefix(prefix)
        if plain.startswith(_HARMLESS):
            continue
        match = _LAYER.match(plain)
        if match is None:
            out[_ON_TOP.get(plain, plain)] = value
            continue
        block, inner = f"blocks.{match[1]}", match[2]
        if qkv := _QKV.match(inner):
            parts.setdefault(f"{block}.attn.qkv.{qkv[2]}", {})[qkv[1][0]] = value
        elif gated := _GATED.match(inner):
            parts.setdefault(f"{block}.mlp.fc1.{gated[2]}", {})[gated[1][0]] = value
        elif inner.startswith("layer_scale"):
            out[f"{block}.ls{inner[len('layer_scale')]}.gamma"] = value
        else:
            stem, _, ending = inner.rpartition(".")
            out[f"{block}.{_IN_LAYER.get(stem, stem)}.{ending}"] = value
    for key, pieces in parts.items():
        order = "gu" if ".mlp." in key else "qkv"
        if set(pieces) != set(order):
            raise ModelError(f"The weights in {name} are incomplete: of {key} there is only {', '.join(pieces)}.")
        out[key] = torch.cat([pieces[letter] for letter in order])
    _place_distillation_token(out, config)
    return out


def _place_distillation_token(state: State, config: Mapping[str, Any]) -> None:
    token = state.pop("embeddings.distillation_token", None)
    if token is not None:
        state["dist_token" if _has_teacher(config, state) else "reg_token"] = token


def _fit_positions(state: State, module: VisionTransformer, kind: str, native: tuple[int, int]) -> None:
    """Position embeddings for the module's own grid, resampled as the transformers library does it."""
    positions = state.get("pos_embed")
    if positions is None or positions.ndim != 3:
        return
    grid: tuple[int, int] = module.patch_embed.grid_size
    patch: tuple[int, int] = module.patch_embed.patch_size
    prefix = 2 if kind == "deit" else 1
    before = (native[0] // patch[0], native[1] // patch[1])
    first, patches = positions[:, :prefix], positions[:, prefix:]
    if patches.shape[1] != before[0] * before[1]:
        side = math.isqrt(patches.shape[1])
        before = (side, side)
    if before != grid and before[0] * before[1] == patches.shape[1]:
        patches = patches.reshape(1, *before, -1).permute(0, 3, 1, 2)
        # Only the version with registers uses antialiasing when it shrinks.
        smooth = kind == "dinov2_with_registers"
        patches = F.interpolate(patches, size=grid, mode="bicubic", align_corners=False, antialias=smooth)
        patches = patches.permute(0, 2, 3, 1).flatten(1, 2)
    if kind == "dinov2_with_registers" and "cls_token" in state:
        # Here timm adds positions to patches only, so that of the class token is added to the token itself.
        state["cls_token"] = state["cls_token"] + first
        state["pos_embed"] = patches
    else:
        state["pos_embed"] = torch.cat([first, patches], dim=1)


def resampling_note(config: Mapping[str, Any], module: Any, name: str) -> str:
    """A sentence on how the position embeddings were resampled; nothing where they were not."""
    native = limits.pair(config.get("image_size", 224), "image_size", limits.MAX_SIDE, name)
    patch, after = module.patch_embed.patch_size, module.patch_embed.grid_size
    before = (native[0] // patch[0], native[1] // patch[1])
    if before == tuple(after):
        return ""
    way = "smoothed where it shrinks" if config.get("model_type") == "dinov2_with_registers" else "not smoothed"
    return (
        f"Position embeddings: resampled from {before[0]} x {before[1]} to {after[0]} x {after[1]} patches as the"
        f" transformers library does it (bicubic to the grid's size, {way})."
    )


def read_weights(path: Path) -> dict[str, Any]:
    """The content of a weight file, or of all files that an ``.index.json`` lists."""
    if not path.name.endswith(".index.json"):
        return read_checkpoint(path)
    listed = read_json(path).get("weight_map")
    if not isinstance(listed, dict) or not all(isinstance(piece, str) for piece in listed.values()):
        raise ModelError(f"{path} is not a list of weight files, or it is damaged: it has no 'weight_map' of names.")
    pieces = sorted(set(listed.values()))
    content: dict[str, Any] = {}
    for piece in pieces:
        if Path(piece).name != piece:
            raise ModelError(f"{path} names a weight file outside of its folder: {plain_text(piece)}.")
        content.update(read_checkpoint(path.parent / piece))
    return content


# --- preprocessing ---------------------------------------------------------------------------------------------

_RESAMPLING = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}


_DEFAULTS: dict[str, tuple[Any, Any, str, float, str]] = {
    # Mean, deviation, interpolation, crop fraction and resizing mode, by the beginning of the kind.
    "vit": ((0.5,) * 3, (0.5,) * 3, "bilinear", 1.0, "squash"),
    "vit_mae": (IMAGENET_MEAN, IMAGENET_STD, "bicubic", 0.875, "squash"),
    "deit": (IMAGENET_MEAN, IMAGENET_STD, "bicubic", 0.875, "squash"),
    "dinov3_vit": (IMAGENET_MEAN, IMAGENET_STD, "bilinear", 1.0, "squash"),
    "clip": (CLIP_MEAN, CLIP_STD, "bicubic", 1.0, "center"),
    "siglip": ((0.5,) * 3, (0.5,) * 3, "bicubic", 1.0, "squash"),
    "siglip2": ((0.5,) * 3, (0.5,) * 3, "bilinear", 1.0, "squash"),
}


def preprocessing_of(
    kind: str, preprocessor: Mapping[str, Any] | None, native: tuple[int, int], name: str
) -> Preprocessing:
    """What the library's image processor does, in timm's terms."""
    mean, std, interpolation, part, mode = _DEFAULTS.get(
        kind, (IMAGENET_MEAN, IMAGENET_STD, "bicubic", 0.875, "center")
    )
    if preprocessor is None:
        return Preprocessing(native, mean, std, interpolation, part, mode)
    settings = preprocessor.get("image_processor", preprocessor)
    mean, std = settings.get("image_mean") or mean, settings.get("image_std") or std
    if settings.get("do_normalize") is False:
        mean, std = (0.0,) * 3, (1.0,) * 3
    if not isinstance(settings, Mapping):
        raise ModelError(f"{name}: its preprocessor_config.json cannot be used: it holds no settings.")
    square = bool(settings.get("default_to_square", not kind.startswith(("dinov2", "clip"))))
    size, squash = _target(settings.get("size"), square, name)
    crop = settings.get("crop_size") if settings.get("do_center_crop") else None
    final = native
    crop_pct = 1.0
    if crop is not None:
        final = limits.pair(
            [crop["height"], crop["width"]] if isinstance(crop, Mapping) else crop, "crop_size", limits.MAX_SIDE, name
        )
        if size is not None:
            crop_pct = _crop_pct(final[0], size[0])
    elif size is not None and squash:
        final = size
    resample = settings.get("resample", 2 if interpolation == "bilinear" else 3)
    try:
        return Preprocessing(
            input_size=final,
            mean=_colour(mean),
            std=_colour(std),
            interpolation=_RESAMPLING.get(resample, "bicubic"),
            crop_pct=crop_pct,
            crop_mode="squash" if squash else "center",
        )
    except Exception as error:
        raise ModelError(f"{name}: its preprocessor_config.json cannot be used: {error}") from error


def _colour(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in values)
    return red, green, blue


def _target(size: Any, square: bool, name: str) -> tuple[tuple[int, int] | None, bool]:
    """The size to which a picture is resized, and whether its aspect ratio is given up for it."""
    if isinstance(size, Mapping):
        if "shortest_edge" in size:
            return limits.pair(size["shortest_edge"], "shortest_edge", limits.MAX_SIDE, name), False
        if "height" in size and "width" in size:
            return limits.pair([size["height"], size["width"]], "size", limits.MAX_SIDE, name), True
        return None, square
    if isinstance(size, int):
        return limits.pair(size, "size", limits.MAX_SIDE, name), square
    if isinstance(size, list | tuple) and len(size) == 2:
        return limits.pair(size, "size", limits.MAX_SIDE, name), True
    return None, square


def _crop_pct(crop: int, size: int) -> float:
    """The fraction by which timm's ``floor(crop / fraction)`` gives exactly ``size``."""
    fraction = crop / size
    while math.floor(crop / fraction) < size:
        fraction = math.nextafter(fraction, 0.0)
    return fraction
