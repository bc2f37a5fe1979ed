"""Loading a module from each kind of source: timm's names, folders and hub repositories, checkpoint files."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from vitinspect.errors import ModelError
from vitinspect.models import (
    building,
    checkpoints,
    dinov3,
    from_transformers,
    hub,
    image_text,
    labels,
    layouts,
    limits,
    openclip,
    positions,
)
from vitinspect.models.preprocess import Preprocessing
from vitinspect.models.tensors import check_tensors
from vitinspect.models.text_tower import TextSide

_log = logging.getLogger(__name__)

_WEIGHT_NAMES = (
    *("model.safetensors", "pytorch_model.safetensors", "model.safetensors.index.json"),
    *("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pth", "model.pt"),
)


@dataclass
class Loaded:
    """A loaded module that is not wrapped yet."""

    module: nn.Module
    name: str
    source: str
    labels: list[str] | None = None
    preprocessing: Preprocessing | None = None
    text: TextSide | None = None
    """The text tower and the scale of an image-text model."""
    notes: list[str] = field(default_factory=list)
    """What was recognised and done, as sentences for the user: the layout, how positions were resampled."""
    warnings: list[str] = field(default_factory=list)
    """Those of the notes that cast doubt on the model's answers."""


@dataclass(frozen=True)
class Wishes:
    """What the caller requested besides the source."""

    arch: str | None
    random: bool
    num_classes: int | None
    img_size: tuple[int, int] | None


def is_timm_name(text: str) -> bool:
    from timm.models import is_model

    return is_model(text.split("(")[0].split(".")[0])


# --- timm by name ----------------------------------------------------------------------------------------------


def from_timm(text: str, wishes: Wishes) -> Loaded:
    name, changes = building.parse_architecture(text)
    building.check_architecture(name)
    size = {"img_size": wishes.img_size} if wishes.img_size else {}
    source = f"timm:{text}"
    if wishes.random:
        classes = {} if wishes.num_classes is None else {"num_classes": wishes.num_classes}
        return Loaded(building.build(name, **{**changes, **size, **classes}), text, f"{source} (untrained)")
    if changes:
        raise ModelError(f"{text}: there are no trained weights for a changed {name}. Add --random for untrained ones.")
    way = positions.way_of(name, ())
    if way != positions.TIMM and wishes.img_size is not None:
        module = _pretrained(name, {}, text)
        notes = [note for note in [positions.resize(module, wishes.img_size, way)] if note]
        return Loaded(module, text, source, notes=notes)
    module = _pretrained(name, size, text)
    if "_clip_" in name and "_ft_" not in name.partition(".")[2]:
        module.vitinspect_embedding = True  # type: ignore[assignment]  # timm keeps the projection where classes are
    return Loaded(module, text, source)


def _pretrained(name: str, size: Mapping[str, Any], asked: str) -> nn.Module:
    import timm
    from timm.models import get_pretrained_cfg

    try:
        config = get_pretrained_cfg(name)
    except RuntimeError as error:
        raise ModelError(f"timm knows no weights {name!r}. {_weights_of(name)}") from error
    if config is None or not (config.hf_hub_id or config.url or config.file):
        raise ModelError(f"timm has no trained weights for {name}. {_weights_of(name)}")
    overlay: dict[str, Any] = {}
    if config.hf_hub_id and not config.hf_hub_filename and not config.file:
        repo, revision = hub.split_revision(config.hf_hub_id)
        if repo.endswith("/"):
            repo += f"{config.architecture}.{config.tag}" if config.tag else str(config.architecture)
        path = hub.fetch_weights(repo, revision, asked=asked)
        overlay["state_dict"] = from_transformers.read_weights(path)
    elif not config.file:
        hub.require_connection(asked)
    try:
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay, **size)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{asked}: its weights could not be loaded ({reason}). {hub.WITHOUT_NETWORK}") from error


def _weights_of(name: str) -> str:
    import timm

    known = timm.list_pretrained(f"{name.split('.')[0]}.*")
    if known:
        return f"It has {', '.join(known[:4])}."
    return "Add --random for an untrained model."


# --- folders and the hub ---------------------------------------------------------------------------------------


def from_hub(text: str, wishes: Wishes, asked: str) -> Loaded:
    repo, revision = hub.split_revision(text)
    config_path = hub.fetch(repo, "config.json", revision, asked=asked)
    if config_path is None and (found := hub.fetch(repo, openclip.CONFIG, revision, asked=asked)) is not None:
        names = () if wishes.random else (*openclip.WEIGHTS, *hub.WEIGHT_FILES)
        paths = (hub.fetch(repo, name, revision, asked=asked) for name in names)
        return _from_open_clip(found, next((path for path in paths if path is not None), None), found.parent, wishes)
    if config_path is None:
        raise ModelError(f"{asked}: {repo} on the hub has no config.json, so it was not saved by timm or transformers.")
    config = checkpoints.read_json(config_path)
    preprocessor: dict[str, Any] | None = None
    if from_transformers.is_transformers_config(config):
        found = hub.fetch(repo, "preprocessor_config.json", revision, asked=asked)
        preprocessor = checkpoints.read_json(found) if found else None
    weights = None if wishes.random else hub.fetch_weights(repo, revision, asked=asked)
    return _from_config(config, preprocessor, weights, repo.split("/")[-1], asked, wishes)


def from_folder(folder: Path, wishes: Wishes) -> Loaded:
    config_path = folder / "config.json"
    if not folder.is_dir():
        raise ModelError(f"{folder}: there is no such folder.")
    if not config_path.is_file():
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in checkpoints.SUFFIXES)
        if (folder / openclip.CONFIG).is_file():
            return _from_open_clip(folder / openclip.CONFIG, _open_clip_weights(folder, wishes), folder, wishes)
        if files:
            hint = f"It holds the checkpoint {files[0].name}: name that file, with --arch if it needs one."
        else:
            hint = "A folder saved by timm or by the transformers library has one, next to model.safetensors."
        raise ModelError(f"{folder} has no config.json. {hint}")
    config = checkpoints.read_json(config_path)
    preprocessor = None
    for name in ("preprocessor_config.json", "processor_config.json"):
        if preprocessor is None and (folder / name).is_file():
            preprocessor = checkpoints.read_json(folder / name)
    weights = None if wishes.random else _weights_in(folder)
    return _from_config(config, preprocessor, weights, folder.resolve().name, str(folder), wishes)


def _open_clip_weights(folder: Path, wishes: Wishes) -> Path | None:
    if wishes.random:
        return None
    return next((folder / name for name in openclip.WEIGHTS if (folder / name).is_file()), None) or _weights_in(folder)


def _from_open_clip(config: Path, weights: Path | None, folder: Path, wishes: Wishes) -> Loaded:
    content = None if weights is None else _single_level(from_transformers.read_weights(weights))
    settings = checkpoints.read_json(config)
    try:
        module, text, preparation, notes = openclip.build(settings, content, str(folder), weights, wishes.img_size)
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RuntimeError) as error:
        raise ModelError(f"{folder}: its {config.name} cannot be used ({error}).") from error
    preparation = preparation.with_size(*_size_of(module))
    source = f"{folder} (untrained)" if weights is None else str(folder)
    return Loaded(module, folder.resolve().name, source, None, preparation, text, notes)


def _single_level(content: dict[str, Any]) -> dict[str, Any]:
    inner = content.get("state_dict")
    return inner if isinstance(inner, dict) else content


def _weights_in(folder: Path) -> Path:
    for name in _WEIGHT_NAMES:
        if (folder / name).is_file():
            return folder / name
    for suffix in checkpoints.SUFFIXES:
        found = sorted(folder.glob(f"*{suffix}"))
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(path.name for path in found[:3])
            raise ModelError(f"{folder} holds several weight files ({names}). Name the one to be used.")
    raise ModelError(f"{folder} has a config.json but no weights: there is no {' and no '.join(_WEIGHT_NAMES[::3])}.")


def _from_config(
    config: dict[str, Any],
    preprocessor: dict[str, Any] | None,
    weights: Path | None,
    name: str,
    where: str,
    wishes: Wishes,
) -> Loaded:
    source = f"{where} (untrained)" if weights is None else where
    if from_transformers.is_transformers_config(config):
        state = None if weights is None else from_transformers.read_weights(weights)
        if state is not None and weights is not None:
            check_tensors(state, weights)
        try:
            kind = str(config.get("model_type", ""))
            if kind in image_text.KINDS:
                return _image_text(config, preprocessor, state, weights, name, where, source, wishes)
            if kind == dinov3.KIND:
                return _dinov3(config, preprocessor, state, weights, name, where, source, wishes)
            module, preprocessing = from_transformers.build_from_config(
                config, preprocessor, state, where, wishes.img_size, str(weights)
            )
        except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RuntimeError) as error:
            raise ModelError(f"{where}: its configuration cannot be used ({error}).") from error
        names = labels.labels_from_id2label(config.get("id2label"), module.num_classes)  # type: ignore[arg-type]
        note = from_transformers.resampling_note(config, module, where)
        return Loaded(module, name, source, names, preprocessing, notes=[note] if note else [])
    return _from_timm_config(config, weights, name, where, source, wishes)


def _image_text(
    config: dict[str, Any],
    preprocessor: dict[str, Any] | None,
    state: layouts.State | None,
    weights: Path | None,
    name: str,
    where: str,
    source: str,
    wishes: Wishes,
) -> Loaded:
    """CLIP and SigLIP of the transformers library."""
    module, text, note = image_text.build(config, state, where, wishes.img_size, str(weights))
    kind = str(config["model_type"]).removesuffix("_vision_model")
    size = _size_of(module)
    preparation = from_transformers.preprocessing_of(kind, preprocessor, size, where).with_size(*size)
    names = labels.labels_from_id2label(config.get("id2label"), module.num_classes)
    layout = f"Weights: {(config.get('architectures') or [kind])[0]} of the transformers library."
    return Loaded(module, name, source, None if text else names, preparation, text, [n for n in (layout, note) if n])


def _dinov3(
    config: dict[str, Any],
    preprocessor: dict[str, Any] | None,
    state: layouts.State | None,
    weights: Path | None,
    name: str,
    where: str,
    source: str,
    wishes: Wishes,
) -> Loaded:
    """DINOv3 of the transformers library."""
    module = dinov3.build(config, state, where, wishes.img_size, str(weights))
    size = wishes.img_size or limits.pair(config.get("image_size", 224), "image_size", limits.MAX_SIDE, where)
    preparation = from_transformers.preprocessing_of(dinov3.KIND, preprocessor, size, where).with_size(*size)
    return Loaded(module, name, source, None, preparation, notes=["Weights: DINOv3 of the transformers library."])


def _size_of(module: Any) -> tuple[int, int]:
    height, width = module.patch_embed.img_size
    return int(height), int(width)


def _from_timm_config(
    config: dict[str, Any], weights: Path | None, name: str, where: str, source: str, wishes: Wishes
) -> Loaded:
    nested = config.get("pretrained_cfg")
    pretrained = dict(nested if isinstance(nested, dict) else config)
    arch = config.get("architecture") or pretrained.get("architecture")
    if not isinstance(arch, str) or not arch:
        raise ModelError(
            f"{where}: its config.json names no architecture, so it was not saved by timm or by transformers."
        )
    building.check_architecture(arch)
    for key in ("num_classes", "label_names", "label_descriptions", "labels"):
        if key in config:
            pretrained[key] = config[key]
    model_args = config.get("model_args") or {}
    if not isinstance(model_args, dict):
        raise ModelError(f"{where}: the model_args in its config.json are not a list of settings.")
    arguments = {
        "num_classes": pretrained.get("num_classes"),
        "global_pool": config.get("global_pool") if _is_vit(arch) else None,
        **limits.check_arguments(model_args, f"{where}: its config.json"),
    }
    settings = _known_fields(pretrained, arch, where)
    state = None if weights is None else layouts.unwrap(from_transformers.read_weights(weights), weights).state
    held = None if state is None else sum(tensor.numel() for tensor in state.values())
    module = building.build(
        arch.split(".")[0], held=held, where=f"{where}: its config.json", pretrained_cfg=settings, **arguments
    )
    if state is not None:
        _check_patches(state, module, str(weights))
        _use_own_size(module)
        building.load_into(module, building.convert(state, module, str(weights)), str(weights), arch)
    note = None
    if wishes.img_size is not None:
        note = positions.resize(module, wishes.img_size, positions.way_of(arch, state or ()))
    classes = int(getattr(module, "num_classes", 0) or 0)
    return Loaded(module, name, source, labels.labels_from_config(pretrained, classes), notes=[note] if note else [])


def _is_vit(arch: str) -> bool:
    """Whether the ``global_pool`` that timm writes beside the architecture may be passed to the constructor."""
    import timm

    return arch.split(".")[0] in timm.list_models(module=["vision_transformer", "eva"])


_SETTINGS = (
    *("num_classes", "input_size", "min_input_size", "fixed_input_size", "interpolation", "crop_pct", "crop_mode"),
    *("mean", "std", "pool_size", "first_conv", "classifier", "label_names", "label_descriptions", "license"),
)
"""The fields of a folder's ``pretrained_cfg`` that are used; the source of its weights is not among them."""


def _known_fields(pretrained: Mapping[str, Any], arch: str, where: str) -> dict[str, Any]:
    kept = {key: pretrained[key] for key in _SETTINGS if pretrained.get(key) is not None}
    if "num_classes" in kept:
        kept["num_classes"] = limits.whole(kept["num_classes"], "num_classes", 0, limits.MAX_CLASSES, where)
    for key in ("input_size", "min_input_size"):
        if key in kept:
            size = kept[key]
            if not isinstance(size, list | tuple) or len(size) != 3:
                raise ModelError(f"{where}: {key} must be three numbers (channels, height, width).")
            kept[key] = (limits.whole(size[0], key, 1, 64, where), *limits.pair(size[1:], key, limits.MAX_SIDE, where))
    return {**kept, "architecture": arch}


def _use_own_size(module: nn.Module) -> None:
    """Set the module's size as the weights' own for timm's conversion, so that it resamples nothing."""
    size = getattr(module.patch_embed, "img_size", None)
    config = getattr(module, "pretrained_cfg", None)
    if size is not None and isinstance(config, dict):
        config["input_size"] = (3, *size)


# --- checkpoint files --------------------------------------------------------------------------------------------


def from_checkpoint(path: Path, wishes: Wishes) -> Loaded:
    content = checkpoints.read_checkpoint(path)
    found = layouts.unwrap(content, path)
    state = found.state
    held = sum(tensor.numel() for tensor in state.values())
    arch = wishes.arch
    guessed = False
    if arch is None:
        arch = found.arch if found.arch and is_timm_name(found.arch) else None
    if arch is None:
        arch, guessed = layouts.guess_architecture(state, str(path)), True
        _log.warning(
            "%s does not state its architecture; its shapes fit %s, which is used. Name another with --arch.",
            path,
            arch,
        )
    name, changes = building.parse_architecture(arch, None if wishes.arch else str(path))
    building.check_architecture(name)
    arguments: dict[str, Any] = {"num_classes": layouts.classes_of(state), **changes}
    probe = building.build(name.split(".")[0], device="meta", held=held, where=str(path), **arguments)
    if _averages(state) and getattr(probe, "global_pool", None) == "token":
        arguments.setdefault("global_pool", "avg")
    arguments.setdefault("img_size", _trained_size(state, probe, found.img_size, wishes.img_size))
    module = building.build(name.split(".")[0] if guessed else name, held=held, where=str(path), **arguments)
    config = getattr(module, "pretrained_cfg", None)
    if isinstance(config, dict):
        config.update({key: getattr(found, key) for key in ("mean", "std") if getattr(found, key)})
        config["num_classes"] = arguments["num_classes"]
        for key in ("label_names", "label_descriptions", "label_offset"):
            config.pop(key, None)
    if not wishes.random:
        _check_patches(state, module, str(path))
        _use_own_size(module)
        building.load_into(module, building.convert(state, module, str(path)), str(path), arch)
    text = None
    if found.embeds:
        module.vitinspect_embedding = True  # type: ignore[assignment]
        text = None if found.scale is None else TextSide(None, found.scale, found.bias, sigmoid=found.biased)
    notes = [f"Weights: {found.layout} of {path.name}, as {arch}{' (guessed from its shapes)' * guessed}."]
    if wishes.img_size is not None:
        notes.append(positions.resize(module, wishes.img_size, positions.way_of(arch, state, dino=found.dino)) or "")
    notes = [note for note in notes if note]
    return Loaded(module, path.stem, f"{path} (untrained)" if wishes.random else str(path), text=text, notes=notes)


def _averages(state: layouts.State) -> bool:
    """A final norm after the pooling, as in fine-tuned MAE, means that the patches are averaged."""
    return "fc_norm.weight" in state and "norm.weight" not in state


def _trained_size(
    state: layouts.State, probe: Any, stated: tuple[int, int] | None, wished: tuple[int, int] | None
) -> tuple[int, int] | None:
    """The input size whose patch grid has as many positions as the weights; None for the architecture's own."""
    positions = state.get("pos_embed")
    if positions is None or positions.ndim != 3:
        return None
    height, width = (int(n) for n in probe.patch_embed.patch_size)
    prefix = int(probe.num_prefix_tokens)
    if "register_tokens" in state:
        prefix = 1  # DINOv2's own layout has a position for the class token and none for the registers
    elif getattr(probe, "no_embed_class", False):
        prefix = 0
    count = int(positions.shape[1]) - prefix
    own = getattr(probe.patch_embed, "img_size", None)
    side = math.isqrt(max(count, 0))
    square = (side * height, side * width) if side * side == count and side else None
    for size in (stated, tuple(own) if own else None, square, wished):
        if size is not None and (size[0] // height) * (size[1] // width) == count:
            return int(size[0]), int(size[1])
    return None


def _check_patches(state: layouts.State, module: nn.Module, name: str) -> None:
    """Refuse another patch size: timm would resample the patches without a warning, which makes the model worse."""
    weight = state.get("patch_embed.proj.weight")
    own = getattr(getattr(module.patch_embed, "proj", None), "weight", None)
    if weight is None or own is None or weight.ndim != 4:
        return
    if tuple(weight.shape[-2:]) != tuple(own.shape[-2:]):
        raise ModelError(
            f"The weights in {name} have patches of {weight.shape[-2]} x {weight.shape[-1]} pixels, the architecture"
            f" {own.shape[-2]} x {own.shape[-1]}. Name the architecture that they were trained as."
        )
