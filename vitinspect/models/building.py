"""Building timm's modules by name, and loading weights into them with nothing left over and nothing missing."""

from __future__ import annotations

import ast
import contextlib
import difflib
import io
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import timm
import torch
from timm.models import is_model, is_model_in_modules
from torch import nn

from vitinspect.errors import ModelError, UnsupportedModelError
from vitinspect.models import limits
from vitinspect.models.labels import plain_text
from vitinspect.models.layouts import WHAT_WORKS, State

SUPPORTED_MODULES = ("vision_transformer", "deit", "eva")
"""Source files of timm in which all models are of the supported classes."""


def parse_architecture(text: str, where: str | None = None) -> tuple[str, dict[str, Any]]:
    """``vit_tiny_patch16_224(depth=6)`` as timm's name and the arguments that change it.

    ``where`` is the file that names the architecture, for errors.
    """
    match = re.fullmatch(r"\s*(?:timm:)?([\w.\-]+)\s*(?:\((.*)\))?\s*", text, re.DOTALL)
    if match is None:
        raise ModelError(
            f"{plain_text(text)!r} is not an architecture. Write a timm name, such as vit_base_patch16_224, with"
            " changes in brackets: vit_tiny_patch16_224(depth=6, num_heads=6)."
        )
    name, arguments = match.groups()
    if not arguments:
        return name, {}
    try:
        call = ast.parse(f"f({arguments})", mode="eval").body
        assert isinstance(call, ast.Call)
        if call.args:
            raise ValueError("each value needs a name")
        changes = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (SyntaxError, ValueError, TypeError, AssertionError, MemoryError, RecursionError) as error:
        raise ModelError(
            f"The changes to {name} could not be read: ({plain_text(arguments)}). Write them like"
            " (depth=6, num_heads=6)."
        ) from error
    return name, limits.check_arguments(changes, where or f"The architecture {name}")


def timm_names(pretrained: bool) -> list[str]:
    """The names of timm that are of a supported class; with the names of their weights if ``pretrained``."""
    return [n for m in SUPPORTED_MODULES for n in timm.list_models(module=m, pretrained=pretrained)]


def check_architecture(name: str) -> None:
    """Refuse a name that timm does not know, or whose class is not supported."""
    base = name.split(".")[0]
    if not is_model(base):
        known = timm_names(pretrained=False)
        close = difflib.get_close_matches(base, known, n=3, cutoff=0.6)
        hint = f" Did you mean {', '.join(close)}?" if close else ""
        raise ModelError(
            f"There is no model named {name!r} in timm {timm.__version__}.{hint} 'vitinspect models' lists them."
        )
    if is_model_in_modules(base, SUPPORTED_MODULES):
        return
    from vitinspect.models.vit import family_of

    probe = build(base, device="meta")  # its class, without its memory
    kind = type(probe).__name__
    try:
        family = family_of(probe)
    except UnsupportedModelError as error:
        raise UnsupportedModelError(
            f"{name} is a {kind}, not a Vision Transformer that vitinspect supports. {WHAT_WORKS}"
        ) from error
    if family == "other":
        # A sequence of blocks is not enough: CaiT adds the class token late, ConViT gates its attention, SAM
        # attends within windows, and a map that ignores this would be wrong without a warning.
        raise UnsupportedModelError(
            f"{name} is a {kind}, a related design that vitinspect does not support. {WHAT_WORKS}"
        )


def build(
    name: str,
    *,
    device: str | None = None,
    held: int | None = None,
    where: str | None = None,
    pretrained_cfg: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> nn.Module:
    """timm's module of this name, untrained.

    ``held`` is how many numbers its weight file has; a model that would be much larger is refused before memory is
    allocated. ``where`` names the source of the request, for errors.
    """
    where = where or f"The architecture {name}"
    arguments = {key: value for key, value in arguments.items() if value is not None}
    arguments = limits.check_arguments(arguments, where)
    if pretrained_cfg is not None:
        arguments["pretrained_cfg"] = dict(pretrained_cfg)
    try:
        with torch.device("meta"):  # its shapes, without allocating memory
            shape = timm.create_model(name, pretrained=False, **arguments)
        patch = _patch_of(shape)
        limits.check_size(_size_of(shape, patch), patch, where)
        limits.check_parameters(sum(p.numel() for p in shape.parameters()), held, where)
        return shape if device == "meta" else timm.create_model(name, pretrained=False, **arguments)
    except ModelError:
        raise
    except Exception as error:  # whatever the constructor of a module may raise about its arguments
        shown = ", ".join(f"{key}={value!r}" for key, value in arguments.items() if key != "pretrained_cfg")
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"timm could not build {name}({shown}): {reason}.") from error


def _patch_of(module: nn.Module) -> tuple[int, int] | None:
    size: Any = getattr(getattr(module, "patch_embed", None), "patch_size", None)
    if size is None:
        return None
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


def _size_of(module: nn.Module, patch: tuple[int, int] | None) -> tuple[int, int]:
    size = getattr(getattr(module, "patch_embed", None), "img_size", None) or patch or (1, 1)
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


def convert(state: State, module: nn.Module, name: str) -> State:
    """Weights with older or official names, renamed to those of ``module`` as timm does it, in float32.

    ``name`` is where the weights come from, for errors.
    """
    state = {
        key: value.float() if value.is_floating_point() else value
        for key, value in state.items()
        if isinstance(value, torch.Tensor)
    }
    names = {key for key, _ in _all_tensors(module)}
    if any(re.match(r"blocks\.0\.ls1\.gamma", key) for key in names):
        state = {re.sub(r"^(blocks\.\d+)\.gamma_([12])$", r"\1.ls\2.gamma", k): v for k, v in state.items()}
    rename = next(
        (found for cls in type(module).__mro__ if (found := getattr(sys.modules.get(cls.__module__), _FILTER, None))),
        None,
    )
    if rename is not None:
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # timm prints what it omits
                before, state = state, rename(dict(state), module)
                lost = _without_place(before, state, lambda given: rename(given, module))
        except (KeyError, RuntimeError, ValueError, IndexError, AttributeError, AssertionError) as error:
            raise ModelError(
                f"The weights in {name} could not be fitted to {type(module).__name__}: {error}."
            ) from error
        if lost:
            shown = ", ".join(plain_text(key, 80) for key in lost[:4]) + (" ..." if len(lost) > 4 else "")
            raise ModelError(
                f"The weights in {name} hold {len(lost)} arrays that have no place in {type(module).__name__}: {shown}."
                " Name the architecture that they were trained as."
            )
    return {k: v for k, v in state.items() if k in names or not HARMLESS.search(k)}


_FILTER = "checkpoint_filter_fn"

HARMLESS = re.compile(
    r"(^|\.)mask_token$"  # learned for pre-training only
    r"|(^|\.)(rope|rope_embed|rot_pos_emb)\.|(^|\.)(periods|freqs_cis|inv_freq)$"  # computed from the positions
    r"|\.bias_mask$"  # marks that keys have no bias
    r"|^(local_cls_norm|projectors)\."  # DINOv3's norm for small crops and its distillation, read by no head
    r"|(^|\.)(relative_position_index|attn_mask|num_batches_tracked)$"  # tables and counters
)
"""Arrays of a file that are ignored if the model has no place for them. All others are reported."""


def _without_place(before: State, after: State, rename: Callable[[State], Mapping[str, Any]]) -> list[str]:
    """The arrays of ``before`` that are not in ``after``, neither unchanged nor converted.

    An array whose memory is not found again was either converted into a new one (resampled, added) or left out. To see
    which, everything is renamed once more without it.
    """
    memory = {tensor.untyped_storage().data_ptr() for tensor in after.values()}
    lost = []
    for key, tensor in before.items():
        if tensor.untyped_storage().data_ptr() in memory or HARMLESS.search(key):
            continue
        if key.endswith("bias") and not bool(tensor.any()):
            continue  # a bias of zeros adds nothing
        try:
            without = rename({k: v for k, v in before.items() if k != key})
        except (KeyError, RuntimeError, ValueError, IndexError, AttributeError, AssertionError, TypeError):
            continue  # it was needed
        same = without.keys() == after.keys() and all(
            without[k].shape == after[k].shape and torch.equal(without[k], after[k]) for k in after
        )
        if same:
            lost.append(key)
    return lost


def _all_tensors(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from module.state_dict().items()


def load_into(module: nn.Module, state: Mapping[str, torch.Tensor], name: str, what: str) -> None:
    """Load all of ``state`` into all of ``module``, or a ModelError that lists what does not fit.

    ``name`` is where the weights come from and ``what`` the architecture, both for the error.
    """
    own = dict(_all_tensors(module))
    missing = [key for key in own if key not in state]
    unexpected = [key for key in state if key not in own]
    wrong = [
        f"{key} is {_shape(state[key])} instead of {_shape(own[key])}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    if missing or unexpected or wrong:
        parts = [
            _listed(wrong, "of another shape"),
            _listed(missing, "missing"),
            _listed(unexpected, "unknown to it"),
        ]
        raise ModelError(
            f"The weights in {name} do not fit {what}: {'; '.join(p for p in parts if p)}."
            " Name the architecture that they were trained as."
        )
    bad = [key for key, value in state.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    if bad:
        raise ModelError(f"The weights in {name} are damaged: {_listed(bad, 'not finite')}.")
    module.load_state_dict(state)


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _listed(items: list[str], what: str) -> str:
    if not items:
        return ""
    more = f" and {len(items) - 3} more" if len(items) > 3 else ""
    return f"{what} {', '.join(items[:3])}{more}" if what != "of another shape" else f"{'; '.join(items[:3])}{more}"


def check_resize(module: nn.Module, size: tuple[int, int]) -> None:
    """Refuse an input size that is smaller than a patch or larger than is supported."""
    patch: Any = _patch_of(module)
    limits.check_size(size, patch, f"The {type(module).__name__}")
    if size[0] < patch[0] or size[1] < patch[1]:
        raise ModelError(f"An input of {size[1]} x {size[0]} is smaller than one patch ({patch[1]} x {patch[0]}).")


def resize(module: nn.Module, size: tuple[int, int]) -> None:
    """Change the input's size in place, with timm's own resampling of the position embeddings."""
    current = getattr(module.patch_embed, "img_size", None)
    if current is not None and tuple(current) == size:
        return
    check_resize(module, size)
    try:
        module.set_input_size(img_size=size)  # type: ignore[operator]
    except Exception as error:
        raise ModelError(
            f"{type(module).__name__} cannot be changed to an input of {size[1]} x {size[0]} pixels: {error}."
        ) from error
