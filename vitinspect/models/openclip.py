"""OpenCLIP's models: a folder with ``open_clip_config.json``, or a bare file whose architecture is named.

The activation (GELU or CLIP's quick GELU) and the width of a head are only in the configuration; weights do not
show them. A bare file therefore needs ``arch``, and its text tower is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from timm.layers import LayerNorm, get_act_layer
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from vitinspect.errors import ModelError, UnsupportedModelError
from vitinspect.models import building, limits
from vitinspect.models.building import load_into
from vitinspect.models.image_text import CLIP_MEAN, CLIP_STD, exact_ratio, make_tower
from vitinspect.models.labels import plain_text
from vitinspect.models.layouts import State
from vitinspect.models.openclip_names import IGNORED, is_text, visual_state
from vitinspect.models.preprocess import Preprocessing
from vitinspect.models.tensors import check_tensors
from vitinspect.models.text_tower import TextSettings, TextSide

CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")

_OTHER_DESIGNS = (
    *("attentional_pool", "qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc"),
    *("final_ln_after_pool", "embed_cls"),
)
"""Settings that change what a tower computes and that are not read here."""


def build(
    config: Mapping[str, Any], content: Mapping[str, Any] | None, name: str, weights: Path | None, size: Any
) -> tuple[VisionTransformer, TextSide | None, Preprocessing, list[str]]:
    """The image tower, the text side, the preprocessing, and notes."""
    model = _settings(config, "model_cfg", name)
    vision = _settings(model, "vision_cfg", name)
    embedding = limits.whole(model.get("embed_dim", 512), "embed_dim of the model_cfg", 1, limits.MAX_WIDTH, name)
    quick = bool(model.get("quick_gelu", False))
    state = None if content is None else {k: v for k, v in content.items() if isinstance(v, torch.Tensor)}
    if state is not None and weights is not None:
        check_tensors(state, weights)
        state = {re.sub(r"^module\.", "", key): value.float() for key, value in state.items() if _is_real(value)}
    held = None if state is None else sum(tensor.numel() for tensor in state.values())
    timms = isinstance(vision.get("timm_model_name"), str)
    module = _timm_tower(vision, embedding, held, name) if timms else _own_tower(vision, embedding, quick, held, name)
    notes = [f"Weights: OpenCLIP, {'timm' if timms else 'its own'} image tower, by its {CONFIG}."]
    text = None
    if state is not None:
        _refuse_unknown(state, str(weights))
        tower = visual_state(state, str(weights))
        load_into(module, _completed(tower, module), str(weights), f"the image tower that its {CONFIG} describes")
        text, note = _text_side(model, state, embedding, quick, name, str(weights))
        notes += [note] if note else []
    module.vitinspect_embedding = True
    if size is not None:
        from vitinspect.models import positions

        resampled = positions.resize(module, size)
        notes += [resampled] if resampled else []
    return module, text, _preparation(config, module, name), notes


def _settings(config: Mapping[str, Any], key: str, name: str) -> Mapping[str, Any]:
    found = config.get(key)
    if not isinstance(found, Mapping):
        raise ModelError(f"{name}: its {CONFIG} has no settings {key!r}.")
    return found


def _is_real(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point()


def _refuse_other_designs(settings: Mapping[str, Any], what: str, name: str) -> None:
    odd = [key for key in _OTHER_DESIGNS if settings.get(key)]
    odd += ["block_type"] if settings.get("block_type") not in (None, "", "default") else []
    odd += ["pos_embed_type"] if settings.get("pos_embed_type") not in (None, "learnable") else []
    if odd:
        raise UnsupportedModelError(
            f"{name}: the {what} of its {CONFIG} sets {', '.join(odd)}, which is not supported."
        )


# --- the image tower ---------------------------------------------------------------------------------------------


def _own_tower(
    vision: Mapping[str, Any], embedding: int, quick: bool, held: int | None, name: str
) -> VisionTransformer:
    _refuse_other_designs(vision, "vision_cfg", name)
    if isinstance(vision.get("layers", 12), list):
        raise UnsupportedModelError(f"{name} holds a ResNet of OpenCLIP's, not a Vision Transformer.")
    width = limits.whole(vision.get("width", 768), "width", 1, limits.MAX_WIDTH, name)
    head_width = limits.whole(vision.get("head_width", 64), "head_width", 1, limits.MAX_WIDTH, name)
    if width % head_width:
        raise ModelError(f"{name}: its width {width} is not a multiple of its head_width {head_width}.")
    pool = vision.get("pool_type", "tok")
    if pool not in ("tok", "avg"):
        raise UnsupportedModelError(f"{name}: the pool_type {plain_text(str(pool), 20)!r} is not supported.")
    hidden = int(width * limits.number(vision.get("mlp_ratio", 4.0), "mlp_ratio", 0.01, 64, name))
    patch = limits.pair(vision.get("patch_size", 16), "patch_size", 4096, name)
    arguments: dict[str, Any] = {
        "img_size": limits.pair(vision.get("image_size", 224), "image_size", limits.MAX_SIDE, name),
        "patch_size": patch,
        "embed_dim": width,
        "depth": limits.whole(vision.get("layers", 12), "layers", 1, limits.MAX_DEPTH, name),
        "num_heads": width // head_width,
        "mlp_ratio": exact_ratio(hidden, width),
        "act_layer": activation(vision, quick),
        "norm_layer": partial(LayerNorm, eps=_epsilon(vision, name)),
        "pre_norm": True,
        "global_pool": "token" if pool == "tok" else "avg",
        "fc_norm": False,
        "num_classes": embedding,
    }
    if vision.get("ls_init_value") is not None:
        arguments["init_values"] = limits.number(vision["ls_init_value"], "ls_init_value", -1e6, 1e6, name)
    limits.check_size(arguments["img_size"], patch, name)
    try:
        with torch.device("meta"):
            count = sum(parameter.numel() for parameter in VisionTransformer(**arguments).parameters())
        limits.check_parameters(count, held, f"{name}: its {CONFIG}")
        module = VisionTransformer(**arguments)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{name}: no model can be built from its {CONFIG}: {error}.") from error
    if vision.get("no_ln_pre"):
        module.norm_pre = nn.Identity()
    module.head = nn.Linear(width, embedding, bias=False)
    return module


def activation(settings: Mapping[str, Any], quick: bool) -> Any:
    """GELU, CLIP's quick GELU, or GELU by tanh (``act_kwargs`` of SigLIP)."""
    if quick:
        return get_act_layer("quick_gelu")
    given = settings.get("act_kwargs") or {}
    tanh = isinstance(given, Mapping) and given.get("approximate") == "tanh"
    return partial(nn.GELU, approximate="tanh") if tanh else nn.GELU


def _epsilon(settings: Mapping[str, Any], name: str) -> float:
    given = settings.get("norm_kwargs") or {}
    value = given.get("eps", 1e-5) if isinstance(given, Mapping) else 1e-5
    return limits.number(value, "eps", 0, 1, name)


def _timm_tower(vision: Mapping[str, Any], embedding: int, held: int | None, name: str) -> VisionTransformer:
    arch, pool, projection = (vision.get(f"timm_{key}") for key in ("model_name", "pool", "proj"))
    if projection not in (None, "", "none", "linear") or pool not in (None, "", "token", "avg", "map"):
        raise UnsupportedModelError(f"{name}: timm_pool {pool!r} with timm_proj {projection!r} is not supported.")
    building.check_architecture(str(arch))
    module: Any = building.build(
        str(arch).split(".")[0],
        held=held,
        where=f"{name}: its {CONFIG}",
        num_classes=0,
        global_pool=pool or None,  # its size is the architecture's own, whatever image_size says, as in OpenCLIP
    )
    if projection == "linear":
        module.head = nn.Linear(module.embed_dim, embedding, bias=bool(vision.get("timm_proj_bias", False)))
        module.num_classes = embedding
    return module


def _completed(state: State, module: Any) -> State:
    """The state with a bias of zeros for the head if timm's layer has one and the file has none."""
    if isinstance(module.head, nn.Linear) and module.head.bias is not None and "head.weight" in state:
        state.setdefault("head.bias", torch.zeros(len(state["head.weight"])))
    return state


def _refuse_unknown(state: State, weights: str) -> None:
    unknown = [key for key in state if not key.startswith("visual.") and not is_text(key) and key not in IGNORED]
    if unknown:
        shown = ", ".join(plain_text(key, 80) for key in unknown[:4])
        raise ModelError(
            f"The weights in {weights} hold {len(unknown)} arrays that have no place in the model: {shown}."
        )


# --- the text side, pictures -------------------------------------------------------------------------------------


def _text_side(
    model: Mapping[str, Any], state: State, embedding: int, quick: bool, name: str, weights: str
) -> tuple[TextSide | None, str]:
    if "logit_scale" not in state:
        return None, ""
    scale = float(state["logit_scale"].reshape(-1)[0].exp())
    bias = float(state["logit_bias"].reshape(-1)[0]) if "logit_bias" in state else 0.0
    text = _settings(model, "text_cfg", name)
    side = partial(TextSide, scale=scale, bias=bias, sigmoid="logit_bias" in state)
    if text.get("hf_model_name") or any(text.get(key) for key in _OTHER_DESIGNS) or text.get("ls_init_value"):
        return side(None), "Text tower: its design is not supported; embeddings of texts can be given instead."
    own = {re.sub(r"^text\.", "", key): value for key, value in state.items() if is_text(key)}
    if "token_embedding.weight" not in own:
        return side(None), ""
    width = limits.whole(text.get("width", 512), "width of text", 1, limits.MAX_WIDTH, name)
    pool = text.get("pool_type", "argmax")
    if pool not in ("argmax", "last", "eos"):
        return side(None), f"Text tower: its pool_type {plain_text(str(pool), 20)!r} is not supported."
    hidden = int(width * limits.number(text.get("mlp_ratio", 4.0), "mlp_ratio of text", 0.01, 64, name))
    linear = "text_projection.weight" in own
    projection = "linear" if "text_projection.bias" in own else "matrix"
    settings = TextSettings(
        vocabulary=limits.whole(text.get("vocab_size", 49408), "vocab_size", 1, 10_000_000, name),
        length=limits.whole(text.get("context_length", 77), "context_length", 1, 100_000, name),
        width=width,
        depth=limits.whole(text.get("layers", 12), "layers of text", 1, limits.MAX_DEPTH, name),
        heads=limits.whole(text.get("heads", 8), "heads of text", 1, limits.MAX_HEADS, name),
        hidden=hidden,
        outputs=embedding,
        activation=activation(text, quick),
        epsilon=_epsilon(text, name),
        causal=not text.get("no_causal_mask", False),
        pooling={"argmax": "largest", "last": "last", "eos": "end"}[pool],
        end=limits.whole(text.get("eos_id", 2), "eos_id", 0, 10_000_000, name),
        projection=projection if linear or "text_projection" in own else "none",
    )
    return side(make_tower(settings, _text_state(own), name, weights)), ""


def _text_state(own: State) -> State:
    names = {"token_embedding.weight": "tokens.weight", "positional_embedding": "positions"}
    names |= {"ln_final.weight": "norm.weight", "ln_final.bias": "norm.bias"}
    names |= {"text_projection.weight": "projection.weight", "text_projection.bias": "projection.bias"}
    inner = {"ln_1": "norm1", "ln_2": "norm2", "attn.out_proj": "proj", "mlp.c_fc": "fc1", "mlp.c_proj": "fc2"}
    out: State = {}
    for key, value in own.items():
        if key in (*IGNORED, "logit_scale", "logit_bias"):
            continue
        match = re.match(r"^transformer\.resblocks\.(\d+)\.(.+)$", key)
        if key == "text_projection":
            out["projection.weight"] = value.T
        elif match is None:
            out[names.get(key, key)] = value
        elif joint := re.fullmatch(r"attn\.in_proj_(weight|bias)", match[2]):
            out[f"blocks.{match[1]}.qkv.{joint[1]}"] = value
        else:
            stem, _, ending = match[2].rpartition(".")
            out[f"blocks.{match[1]}.{inner.get(stem, stem)}.{ending}"] = value
    return out


def _preparation(config: Mapping[str, Any], module: Any, name: str) -> Preprocessing:
    given = config.get("preprocess_cfg")
    settings: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    height, width = module.patch_embed.img_size
    mode = {"shortest": "center", "longest": "center", "squash": "squash"}.get(
        str(settings.get("resize_mode", "shortest")), "center"
    )
    try:
        return Preprocessing(
            (int(height), int(width)),
            tuple(float(v) for v in settings.get("mean") or CLIP_MEAN),  # type: ignore[arg-type]
            tuple(float(v) for v in settings.get("std") or CLIP_STD),  # type: ignore[arg-type]
            str(settings.get("interpolation") or "bicubic"),
            1.0,
            mode,
        )
    except Exception as error:
        raise ModelError(f"{name}: the preprocess_cfg of its {CONFIG} cannot be used: {error}") from error
