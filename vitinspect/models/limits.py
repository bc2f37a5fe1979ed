"""Limits for the description of a model: known settings, numbers in bounds, no more than its file holds.

Configurations and checkpoints are untrusted. Everything here is checked before memory is allocated: a single
number in a ``config.json`` could otherwise demand all available memory, and a single name could make timm open
any file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from vitinspect.errors import ModelError

MAX_DEPTH = 512
MAX_WIDTH = 32_768
MAX_HEADS = 1024
MAX_PREFIX = 1024
MAX_CLASSES = 1_000_000
MAX_SIDE = 16_384
"""Pixels on one side of an input."""
MAX_PATCHES = 65_536
"""Patches of one input: 4096 x 4096 pixels in patches of 16."""
MAX_PARAMETERS = 12_000_000_000
"""The largest public Vision Transformer has 7 thousand million."""
MAX_JSON = 64 * 1024 * 1024
"""Bytes of a configuration; the longest lists of weight files have a few megabytes."""

_SPARE_PARAMETERS = 64_000_000
"""By how much a model may be larger than its file: position embeddings that are resampled to a larger grid."""

_WHOLE = {
    **dict.fromkeys(("depth",), (1, MAX_DEPTH)),
    **dict.fromkeys(("embed_dim",), (1, MAX_WIDTH)),
    **dict.fromkeys(("num_heads", "num_kv_heads", "attn_pool_num_heads"), (1, MAX_HEADS)),
    **dict.fromkeys(("reg_tokens", "num_reg_tokens"), (0, MAX_PREFIX)),
    **dict.fromkeys(("num_classes",), (0, MAX_CLASSES)),
    **dict.fromkeys(("in_chans",), (1, 64)),
    **dict.fromkeys(("swiglu_align_to",), (0, 1024)),
}
_PAIRS = {"img_size": MAX_SIDE, "patch_size": 4096, "ref_feat_shape": MAX_SIDE}
_NUMBERS = {
    **dict.fromkeys(("mlp_ratio", "attn_pool_mlp_ratio"), (0.0, 64.0)),
    **dict.fromkeys(("init_values", "head_init_scale"), (-1e6, 1e6)),
    **dict.fromkeys(
        ("drop_rate", "pos_drop_rate", "patch_drop_rate", "proj_drop_rate", "attn_drop_rate", "drop_path_rate"),
        (0.0, 0.999),
    ),
    **dict.fromkeys(("rope_temperature", "rope_grid_offset"), (-1e9, 1e9)),
    **dict.fromkeys(("rope_shift_coords", "rope_jitter_coords", "rope_rescale_coords"), (-1e6, 1e6)),
}
_SWITCHES = (
    *("qkv_bias", "qkv_fused", "qk_norm", "scale_attn_norm", "scale_mlp_norm", "proj_bias", "class_token"),
    *("no_embed_class", "pre_norm", "final_norm", "fc_norm", "pool_include_prefix", "dynamic_img_size"),
    *("dynamic_img_pad", "fix_init", "swiglu_mlp", "scale_mlp", "scale_attn_inner", "attn_only_layer_scale"),
    *("use_abs_pos_emb", "use_rot_pos_emb", "rope_rotate_half", "use_post_norm", "use_pre_transformer_norm"),
    *("use_post_transformer_norm", "use_fc_norm", "use_rel_pos_bias", "use_shared_rel_pos_bias", "shared_rel_pos"),
)
_WORDS = (
    *("global_pool", "pos_embed", "weight_init", "norm_layer", "embed_norm_layer", "act_layer"),
    *("attn_type", "rope_type", "rope_grid_indexing"),
)
_LISTS = ("rope_mrope_section",)

ARGUMENTS = tuple(sorted((*_WHOLE, *_PAIRS, *_NUMBERS, *_SWITCHES, *_WORDS, *_LISTS)))
"""Settings of a timm architecture that may be changed. Names of files and of downloads are not among them."""


def check_arguments(arguments: Mapping[Any, Any], where: str) -> dict[str, Any]:
    """Arguments of one of timm's constructors, each known and in its bounds; a ModelError otherwise."""
    checked: dict[str, Any] = {}
    for name, value in arguments.items():
        if not isinstance(name, str) or name not in ARGUMENTS:
            raise ModelError(
                f"{where} sets {_shown(name)}, which is not a setting of a Vision Transformer that may be changed;"
                f" these are depth, embed_dim, num_heads, img_size and {len(ARGUMENTS) - 4} more."
            )
        checked[name] = None if value is None else _checked(name, value, where)
    return checked


def _checked(name: str, value: Any, where: str) -> Any:
    if name in _WHOLE:
        return whole(value, name, *_WHOLE[name], where)
    if name in _PAIRS:
        if isinstance(value, list | tuple):
            return pair(value, name, _PAIRS[name], where)
        return whole(value, name, 1, _PAIRS[name], where)
    if name in _NUMBERS:
        return number(value, name, *_NUMBERS[name], where)
    if name in _SWITCHES:
        if isinstance(value, bool) or value in (0, 1):
            return bool(value)
        raise ModelError(f"{where}: {name} must be true or false, not {_shown(value)}.")
    if name in _WORDS:
        if isinstance(value, str) and len(value) <= 64:
            return value
        raise ModelError(f"{where}: {name} must be a word, not {_shown(value)}.")
    if isinstance(value, list | tuple) and len(value) <= 8:
        return [whole(item, name, 0, MAX_WIDTH, where) for item in value]
    raise ModelError(f"{where}: {name} must be a short list of whole numbers, not {_shown(value)}.")


def whole(value: Any, name: str, low: int, high: int, where: str) -> int:
    """``value`` as a whole number from ``low`` to ``high``; a ModelError otherwise."""
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not low <= value <= high or value != int(value):
        raise ModelError(f"{where}: {name} must be a whole number from {low} to {high}, not {_shown(value)}.")
    return int(value)


def number(value: Any, name: str, low: float, high: float, where: str) -> float:
    """``value`` as a finite number from ``low`` to ``high``; a ModelError otherwise."""
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not low <= value <= high:
        raise ModelError(f"{where}: {name} must be a number from {low:g} to {high:g}, not {_shown(value)}.")
    return float(value)


def pair(value: Any, name: str, high: int, where: str) -> tuple[int, int]:
    """``value`` as two whole numbers (a single one is used for both); a ModelError otherwise."""
    if isinstance(value, list | tuple):
        if len(value) != 2:
            raise ModelError(f"{where}: {name} must be one number or two, not {_shown(value)}.")
        return whole(value[0], name, 1, high, where), whole(value[1], name, 1, high, where)
    one = whole(value, name, 1, high, where)
    return one, one


def check_size(size: tuple[int, int], patch: tuple[int, int] | None, where: str) -> None:
    """Check an input size in pixels, and the number of patches that it gives."""
    pair(size, "the input size", MAX_SIDE, where)
    if patch is not None:
        patches = math.ceil(size[0] / patch[0]) * math.ceil(size[1] / patch[1])
        if patches > MAX_PATCHES:
            raise ModelError(
                f"{where}: an input of {size[1]} x {size[0]} pixels would be {patches:,} patches of {patch[1]} x"
                f" {patch[0]}; the maximum is {MAX_PATCHES:,}."
            )


def check_parameters(count: int, held: int | None, where: str) -> None:
    """Check a model's number of parameters against what its weight file holds (None for an untrained model)."""
    if count > MAX_PARAMETERS:
        raise ModelError(f"{where} describes a model of {count:,} parameters; the maximum is {MAX_PARAMETERS:,}.")
    if held is not None and count > held + held // 4 + _SPARE_PARAMETERS:
        raise ModelError(
            f"{where}: the model would have {count:,} parameters, but its weight file holds {held:,}. The two do not"
            " belong together."
        )


def _shown(value: Any) -> str:
    """A value for an error message, short and on one line."""
    if isinstance(value, str | int | float | bool) or value is None:
        text = repr(value if not isinstance(value, str) else value[:60])
        return text if len(text) < 80 else text[:77] + "..."
    if isinstance(value, list | tuple) and len(value) <= 4 and all(isinstance(v, int | float) for v in value):
        return _shown(str(value)).strip("'")
    return f"a {type(value).__name__}"
