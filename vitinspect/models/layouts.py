"""Recognising a checkpoint by its names and shapes: which mapping in it is the weights, and of what model.

Training programs wrap weights in different ways: beside optimiser states, with a prefix ``module.`` or
``_orig_mod.``, as a moving average beside the last step, inside a larger model. Here they are unwrapped into the
names that timm uses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vitinspect.errors import ModelError, UnsupportedModelError
from vitinspect.models import openclip_names
from vitinspect.models.labels import plain_text
from vitinspect.models.tensors import check_tensors

State = dict[str, torch.Tensor]

# The moving average first, as in timm: it is what people evaluate.
_AVERAGES = ("state_dict_ema", "model_ema", "ema_state_dict", "model_ema_state_dict", "ema_model", "ema")
_WEIGHTS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params"),
    *("teacher", "student", "module", "target_encoder", "encoder", "backbone"),
)

WHAT_WORKS = (
    "Supported are timm's VisionTransformer (ViT, DeiT, DINOv2, MAE, CLIP and SigLIP towers) and Eva (EVA-02, DINOv3)."
)


@dataclass
class Checkpoint:
    """Weights in timm's names, and the file's other information."""

    state: State
    layout: str = "state_dict"
    """The key under which the weights were found, and the layout that was recognised."""
    arch: str | None = None
    img_size: tuple[int, int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    embeds: bool = False
    """The head is the projection of an image-text model, and its outputs are not classes."""
    scale: float | None = None
    """The factor by which such a model multiplies cosines, and the bias that it adds."""
    bias: float = 0.0
    biased: bool = False
    dino: bool = False
    """Whether the file also holds DINO's projection head: then positions are resampled in DINO's way."""


def unwrap(content: Mapping[str, Any], path: Path) -> Checkpoint:
    """The weights in the content of the file at ``path``."""
    name = str(path)
    found = _find_weights(content)
    if found is None:
        keys = ", ".join(_described(key, content[key]) for key in list(content)[:5])
        raise ModelError(f"{name} holds no weights that could be recognised; it has {keys or 'nothing'}.")
    layout, state = found
    check_tensors(state, path)
    checkpoint = _open_clip(state, layout, name)
    if checkpoint is None:
        own, others = _clean(state)
        dino = any(".last_layer." in f".{key}" for key in others)
        checkpoint = Checkpoint(own, layout + _left_out(others), dino=dino)
    if _fold_batch_norm(checkpoint.state, name):
        checkpoint.layout += ", linear probe of MAE's layout (a BatchNorm before the head, folded into it)"
    _read_facts(content, checkpoint)
    _refuse_foreign(checkpoint.state, name)
    return checkpoint


def _described(key: str, value: Any) -> str:
    """An entry of a file that holds no weights, for the error: its name, and its kind where weights should be."""
    shown = repr(plain_text(key, 40))
    return f"{shown} (a {type(value).__name__}, not a dict)" if key in (*_AVERAGES, *_WEIGHTS) else shown


def _find_weights(content: Mapping[Any, Any], depth: int = 0) -> tuple[str, State] | None:
    tensors = {k: v for k, v in content.items() if isinstance(k, str) and isinstance(v, torch.Tensor)}
    if len(tensors) > 3:
        return "state_dict", tensors
    if depth < 3:
        for key in (*_AVERAGES, *_WEIGHTS):
            inner = content.get(key)
            if isinstance(inner, Mapping):
                found = _find_weights(inner, depth + 1)
                if found is not None:
                    return (key if found[0] == "state_dict" else f"{key}.{found[0]}"), found[1]
    return None


_WRAPPERS = ("module.", "_orig_mod.")
_PATCHES = "patch_embed.proj.weight"
# Where a file holds several networks, the one that is evaluated: a teacher before its student.
_PREFERRED = ("", "teacher.", "ema.", "base_encoder.", "student.", "encoder.", "backbone.", "model.")


def _left_out(others: list[str]) -> str:
    """The end of a sentence, naming arrays of other networks or of a pre-training; empty if there are none."""
    if not others:
        return ""
    shown = ", ".join(plain_text(key, 60) for key in others[:3]) + (", ..." if len(others) > 3 else "")
    return f", without {len(others)} arrays of other parts ({shown})"


def _clean(state: State) -> tuple[State, list[str]]:
    """The weights of the one network that is loaded, without prefixes, and the names of those left out."""
    cleaned: State = {}
    others: list[str] = []
    for key, value in state.items():
        while key.startswith(_WRAPPERS):
            key = key.removeprefix("module.").removeprefix("_orig_mod.")
        cleaned[key] = value
    prefixes = sorted(
        (key.removesuffix(_PATCHES) for key in cleaned if key.endswith(_PATCHES)),
        key=lambda p: (_rank(p), len(p)),
    )
    if prefixes and prefixes[0]:
        prefix = prefixes[0]
        inner = {key.removeprefix(prefix): v for key, v in cleaned.items() if key.startswith(prefix)}
        # A backbone's head may be saved beside it.
        outer = {k: v for k, v in cleaned.items() if k.startswith(("head.", "fc_norm.")) and k not in inner}
        others = [key for key in cleaned if not key.startswith(prefix) and key not in outer]
        cleaned = {**inner, **outer}
    cleaned = _from_torchvision(cleaned)
    others += [key for key in cleaned if _is_left_over(key)]
    return {key: value for key, value in cleaned.items() if not _is_left_over(key)}, others


def _open_clip(state: State, layout: str, name: str) -> Checkpoint | None:
    """The image tower in OpenCLIP's or OpenAI's names, without the text side; None for other layouts."""
    plain = {key.removeprefix("module."): value for key, value in state.items()}
    if not any(key.startswith("visual.") for key in plain):
        return None
    unknown = [k for k in plain if not k.startswith("visual.") and not openclip_names.is_text(k)]
    unknown = [key for key in unknown if key not in openclip_names.IGNORED]
    if unknown:
        shown = ", ".join(plain_text(key, 80) for key in unknown[:4])
        raise ModelError(f"{name} holds {len(unknown)} arrays that have no place in the model: {shown}.")
    tower = openclip_names.visual_state(plain, name)
    if "head.weight" in tower:
        tower.setdefault("head.bias", torch.zeros(len(tower["head.weight"])))
    scale, bias = plain.get("logit_scale"), plain.get("logit_bias")
    return Checkpoint(
        tower,
        f"{layout}, the image tower of OpenCLIP's names (the text tower needs its open_clip_config.json)",
        embeds=True,
        scale=None if scale is None else float(scale.reshape(-1)[0].exp()),
        bias=0.0 if bias is None else float(bias.reshape(-1)[0]),
        biased=bias is not None,
    )


_BATCH_NORM_EPS = 1e-6
"""MAE's ``main_linprobe.py``: ``torch.nn.BatchNorm1d(width, affine=False, eps=1e-6)`` before the linear layer."""


def _fold_batch_norm(state: State, name: str) -> bool:
    """Fold ``head.0`` (a BatchNorm) and ``head.1`` (a linear layer) into the linear layer that equals both."""
    if "head.1.weight" not in state or "head.0.running_var" not in state:
        return False
    weight, bias = state["head.1.weight"].double(), state.get("head.1.bias")
    mean, variance = state.get("head.0.running_mean"), state["head.0.running_var"].double()
    if mean is None or weight.ndim != 2 or mean.shape != variance.shape or weight.shape[1] != len(variance):
        raise ModelError(f"{name}: its BatchNorm head.0 and its linear layer head.1 do not fit together.")
    scale = (variance + _BATCH_NORM_EPS).rsqrt()
    shift = -mean.double() * scale
    if "head.0.weight" in state:
        scale, shift = scale * state["head.0.weight"].double(), shift * state["head.0.weight"].double()
    if "head.0.bias" in state:
        shift = shift + state["head.0.bias"].double()
    folded = weight @ shift
    state["head.weight"] = (weight * scale).float()
    state["head.bias"] = (folded if bias is None else folded + bias.double()).float()
    for key in [key for key in state if key.startswith(("head.0.", "head.1."))]:
        del state[key]
    return True


def _rank(prefix: str) -> int:
    return next((i for i, p in enumerate(_PREFERRED) if prefix.endswith(p) and (p or not prefix)), len(_PREFERRED))


def _is_left_over(key: str) -> bool:
    """Parts of a pre-training that the encoder does not need: a decoder, a projection, counters."""
    return (
        key.startswith(("decoder_", "decoder.", "head.mlp.", "head.last_layer", "predictor.", "projector."))
        or key in ("n_averaged", "head.weight_g", "head.weight_v")
        or key.startswith("head.prototypes")
    )


_TORCHVISION = (
    (r"^class_token$", "cls_token"),
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^encoder\.pos_embedding$", "pos_embed"),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
    (r"^encoder\.ln\.", "norm."),
    (r"^heads\.head\.", "head."),
    (r"\.ln_1\.", ".norm1."),
    (r"\.ln_2\.", ".norm2."),
    (r"\.self_attention\.in_proj_", ".attn.qkv."),
    (r"\.self_attention\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.(?:0|linear_1)\.", ".mlp.fc1."),
    (r"\.mlp\.(?:3|linear_2)\.", ".mlp.fc2."),
)


def _from_torchvision(state: State) -> State:
    if "conv_proj.weight" not in state or "encoder.pos_embedding" not in state:
        return state
    renamed: State = {}
    for key, value in state.items():
        for pattern, replacement in _TORCHVISION:
            key = re.sub(pattern, replacement, key)
        renamed[key] = value
    return renamed


# --- other information in the file -----------------------------------------------------------------------------


def _settings(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield content
    for key in ("args", "config", "cfg", "hparams", "hyper_parameters", "opt", "__metadata__"):
        value = content.get(key)
        if isinstance(value, Mapping):
            yield value
        elif hasattr(value, "__dict__"):
            yield vars(value)


def _read_facts(content: Mapping[str, Any], checkpoint: Checkpoint) -> None:
    for settings in _settings(content):
        for key in ("arch", "architecture", "model_name", "model", "backbone"):
            value = settings.get(key)
            if checkpoint.arch is None and isinstance(value, str) and value:
                checkpoint.arch = _timm_name(value, settings.get("patch_size"))
        size = settings.get("img_size") or settings.get("input_size") or settings.get("image_size")
        if checkpoint.img_size is None and (pair := _pair(size)) is not None:
            checkpoint.img_size = pair
        for key in ("mean", "std"):
            colour: Any = settings.get(key)
            if getattr(checkpoint, key) is None and _is_colour(colour) and (key == "mean" or min(colour) > 0):
                setattr(checkpoint, key, tuple(float(v) for v in colour))


def _pair(size: Any) -> tuple[int, int] | None:
    if isinstance(size, int) and size > 0:
        return size, size
    if isinstance(size, list | tuple) and len(size) in (2, 3) and all(isinstance(n, int) and n > 0 for n in size):
        return size[-2], size[-1]
    return None


def _is_colour(value: Any) -> bool:
    good = isinstance(value, list | tuple) and len(value) == 3 and all(isinstance(v, int | float) for v in value)
    return good and all(math.isfinite(v) for v in value)


def _timm_name(value: str, patch_size: Any) -> str:
    """timm's name for an architecture as the programs of MAE and DINO name it."""
    from timm.models import is_model

    name = value.removeprefix("timm/").removeprefix("mae_")
    candidates = [name, f"{name}_224"]
    if isinstance(patch_size, int):
        candidates.append(f"{name}_patch{patch_size}_224")
    return next((c for c in candidates if is_model(c.split(".")[0])), value)


# --- recognising the model by its shapes -------------------------------------------------------------------------

_FOREIGN = (
    (r"^layer1\.0\.conv1\.weight$", "a ResNet"),
    (r"^layers\.0\.blocks\.0\.attn\.(relative_position_bias_table|logit_scale)$", "a Swin Transformer"),
    (r"^(features\.\d+\.\d+\.attn|features\.0\.0\.weight|features\.0\.weight)", "a network of torchvision"),
    (r"^stages\.\d+\.(blocks\.)?\d+\.(conv_dw|dwconv|gamma)", "a ConvNeXt"),
    (r"^(downsample_layers|stages)\.\d+\.\d+\.", "a convolutional network in stages"),
    (r"^(conv_stem\.weight|blocks\.0\.0\.conv_dw)", "an EfficientNet or MobileNet"),
    (r"^(bert|roberta|transformer\.h|model\.layers|lm_head|shared\.weight)", "a language model"),
    (r"^(unet|model\.diffusion_model|first_stage_model)", "a diffusion model"),
    (r"lora_[AB]|lora_down", "a LoRA adapter, not a whole model"),
    (r"(^|\.)conv\d*\.weight$|\.bn\d\.weight$", "a convolutional network"),
)


def _refuse_foreign(state: State, name: str) -> None:
    if _PATCHES in state and "blocks.0.norm1.weight" in state:
        return
    for pattern, what in _FOREIGN:
        if any(re.search(pattern, key) for key in state):
            raise UnsupportedModelError(
                f"{name} holds the weights of {what}, not of a Vision Transformer. {WHAT_WORKS}"
            )
    shown = ", ".join(plain_text(key, 60) for key in list(state)[:4])
    raise UnsupportedModelError(
        f"{name} does not hold a Vision Transformer under known names: there are no {_PATCHES!r} and"
        f" 'blocks.0.norm1.weight', but {shown}."
        f" {WHAT_WORKS}"
    )


@dataclass(frozen=True)
class Shapes:
    """The sizes of a Vision Transformer that can be read from its weights. They do not show the number of heads."""

    dim: int
    depth: int
    patch: tuple[int, int]
    mlp: int
    num_classes: int
    positions: int

    def __str__(self) -> str:
        return f"{self.depth} blocks of width {self.dim}, patches of {self.patch[0]} x {self.patch[1]} pixels"


def shapes_of(state: State) -> Shapes:
    """Read the sizes from weights in timm's names."""
    weight = state[_PATCHES]
    dim = int(weight.shape[0])
    patch = (int(weight.shape[-2]), int(weight.shape[-1])) if weight.ndim == 4 else (0, 0)
    depth = 1 + max((int(m[1]) for key in state if (m := re.match(r"blocks\.(\d+)\.", key))), default=-1)
    mlp = state.get("blocks.0.mlp.fc1.weight", state.get("blocks.0.mlp.w12.weight"))
    positions = state.get("pos_embed")
    return Shapes(
        dim=dim,
        depth=depth,
        patch=patch,
        mlp=int(mlp.shape[0]) if mlp is not None else 0,
        num_classes=classes_of(state),
        positions=int(positions.shape[1]) if positions is not None else 0,
    )


def classes_of(state: State) -> int:
    """The number of classes by the shape of the head; 0 if there is none."""
    for key in ("head.weight", "head.fc.weight", "visual.head.proj.weight", "head_dist.weight"):
        if key in state and state[key].ndim == 2:
            return int(state[key].shape[0])
    return 0


_SIZES = {(192, 12): "tiny", (384, 12): "small", (768, 12): "base", (1024, 24): "large", (1280, 32): "huge"}
_UNUSUAL = (
    *("norm_pre.", "attn_pool.", "storage_tokens", "rope.", "blocks.0.mlp.w1.", "blocks.0.mlp.fc1_g."),
    *("blocks.0.attn.norm.", "blocks.0.attn.q_norm.", "blocks.0.attn.q_bias", "blocks.0.attn.q_proj."),
)


def guess_architecture(state: State, name: str) -> str:
    """The one standard architecture that fits the shapes, or a ModelError that asks the user to name it.

    Shapes do not show the number of heads, the activation or the normalisation, so only sizes that exist in one
    form are guessed: those of the papers on ViT, DeiT and DINOv2.
    """
    from timm.models import is_model

    shapes = shapes_of(state)
    size = _SIZES.get((shapes.dim, shapes.depth))
    plain = not any(key.startswith(_UNUSUAL) for key in state)
    candidate = None
    if size and plain and shapes.mlp == 4 * shapes.dim and shapes.patch[0] == shapes.patch[1]:
        patch = shapes.patch[0]
        registers = state.get("reg_token", state.get("register_tokens"))
        if "dist_token" in state:
            candidate = f"deit_{size}_distilled_patch{patch}_224"
        elif "blocks.0.ls1.gamma" in state and patch == 14:
            candidate = f"vit_{size}_patch14_" + ("reg4_dinov2" if registers is not None else "dinov2")
        elif ("blocks.0.ls1.gamma" in state or "blocks.0.gamma_1" in state) and registers is None:
            candidate = f"deit3_{size}_patch{patch}_224"
        elif registers is None and "cls_token" in state:
            candidate = f"vit_{size}_patch{patch}_224"
    if candidate is None or not is_model(candidate):
        hidden = ", nor its activation and the width of its heads" if "norm_pre.weight" in state else ""
        raise ModelError(
            f"{name} does not state its architecture{hidden}. It is a Vision Transformer of {shapes}; name the"
            " architecture, for example with --arch 'vit_base_patch16_224', or"
            f" --arch 'vit_base_patch16_224(embed_dim={shapes.dim}, depth={shapes.depth}, num_heads=...)'."
        )
    return candidate
