"""``load_model``: loading a model from every supported source.

- ``demo``: the bundled model;
- ``vit_base_patch16_224`` or ``timm:NAME``, with or without the ``.tag`` of its weights: a model of timm, with its
  weights from the hub, or untrained on request;
- ``hf-hub:OWNER/NAME``, ``OWNER/NAME``: a model on the hub, saved by timm or by the transformers library;
- a folder saved by timm or by the transformers library;
- a checkpoint file (``.safetensors``, ``.pth``, ``.pt``), with ``arch`` if it does not state its architecture.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vitinspect.errors import ModelError, VitInspectError
from vitinspect.models import building, checkpoints, head_files, heads, limits, trained_heads
from vitinspect.models.labels import imagenet_labels
from vitinspect.models.loading import Loaded, Wishes, from_checkpoint, from_folder, from_hub, from_timm, is_timm_name
from vitinspect.models.preprocess import Preprocessing
from vitinspect.models.vit import ViT, wrap_model
from vitinspect.plugins import plugins

_log = logging.getLogger(__name__)

Size = int | tuple[int, int]
_WITH_HEAD = re.compile(r"(.+) with the head (.+?)(?: \(([^()]*)\))?")


def load_model(
    source: str | os.PathLike[str] = "demo",
    arch: str | None = None,
    head: str | os.PathLike[str] | None = None,
    head_name: str | None = None,
    img_size: Size | None = None,
    device: str | torch.device = "auto",
    *,
    random: bool = False,
    num_classes: int | None = None,
    labels: Sequence[str] | None = None,
) -> ViT:
    """Load a Vision Transformer from any source and wrap it.

    ``arch`` is timm's name of the architecture of a checkpoint that does not state it, with changes in brackets:
    ``vit_tiny_patch16_224(depth=6)``. ``random`` leaves the weights untrained. ``num_classes`` is the expected
    number (0 leaves the head out), ``img_size`` an input size other than the model's own, ``labels`` the
    names of the classes. ``device`` is ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    ``head`` is a file with a linear head for a backbone. ``head_name`` selects one of several heads, or the features
    that a head reads where its width is ambiguous: ``class``, ``mean``, ``class+mean``, ``interleaved``, ``class:4``.
    What was recognised is in the model's ``notes``. ``SOURCE with the head FILE``, the source of such a model, can be
    loaded too.
    """
    chosen = choose_device(device)
    if head is None and isinstance(source, str) and (parts := _WITH_HEAD.fullmatch(source.strip())):
        source, head, head_name = parts[1], parts[2], head_name or parts[3]
    wishes = Wishes(arch, random, num_classes, _as_size(img_size))
    loaded = _load(source, wishes)
    module = loaded.module
    if head is not None:
        _put_head_on(loaded, Path(head).expanduser(), head_name)
    elif head_name is not None:
        raise ModelError(f"The head {head_name!r} was named, but no file with heads.")
    if num_classes is not None:
        _set_classes(module, num_classes, loaded.source, trained=not random)
    embeds = bool(getattr(module, "vitinspect_embedding", False))
    outputs = 0 if embeds else int(getattr(module, "num_classes", 0) or 0)
    names = list(labels) if labels is not None else loaded.labels
    if names is not None and outputs and len(names) != outputs:
        if labels is not None:
            raise ModelError(f"{loaded.source} has {outputs} classes, but {len(names)} labels were given.")
        names = None
    if names is None and outputs:
        names = imagenet_labels(outputs, module)
    model = wrap_model(
        module.eval().to(chosen),
        labels=names if outputs else None,
        device=chosen,
        preprocessing=loaded.preprocessing or _preparation(module, loaded.source),
        name=loaded.name,
        source=loaded.source,
    )
    model.notes, model.warnings, model.text = loaded.notes, loaded.warnings, loaded.text
    if model.text is not None and model.text.tower is not None:
        model.text.tower.to(chosen)
    for note in loaded.notes:
        if note.startswith("Position"):
            _log.warning("%s", note)
    return model


def _put_head_on(loaded: Loaded, path: Path, name: str | None) -> None:
    """Replace the module's head by the one in ``path``; only heads of vitinspect say which backbone they belong to."""
    module: Any = loaded.module
    content = checkpoints.read_checkpoint(path)
    record = trained_heads.record_of(content, path)
    if record is not None:
        if name is not None:
            raise ModelError(f"{path} holds a single head that states what it reads; leave {name!r} out.")
        size = (loaded.preprocessing or _preparation(module, loaded.source)).input_size
        resized = trained_heads.check_belongs(path, record, module, size, loaded.name)
        own = trained_heads.read(path, content, record)
        heads.attach(module, own.weight, own.bias, own.recipe, str(path))
        loaded.notes.append(f"Head: {path.name}: {own.layout}.")
        if resized:
            _log.warning("%s", resized)
            loaded.notes.append(resized)
            loaded.warnings.append(resized)
        _rename(loaded, path, None, list(record.classes))
        return
    found = head_files.read_head(path, name, int(module.embed_dim), content)
    heads.attach(module, found.weight, found.bias, found.recipe, str(path))
    fits = f"{path.name}: {found.layout}. Its width fits {loaded.name}, but nothing in it proves that it belongs there."
    _log.warning("%s", fits)
    loaded.notes.append(f"Head: {fits}")
    loaded.warnings.append(fits)
    _rename(loaded, path, name, None)


def _rename(loaded: Loaded, path: Path, name: str | None, labels: list[str] | None) -> None:
    """Name the model as backbone with head, with the head's classes."""
    loaded.source = f"{loaded.source} with the head {path}" + (f" ({name})" if name else "")
    loaded.name = f"{loaded.name} + {path.stem}"
    loaded.labels, loaded.text = labels, None
    if isinstance(config := getattr(loaded.module, "pretrained_cfg", None), dict):
        for key in ("label_names", "label_descriptions"):
            config.pop(key, None)


def _load(source: str | os.PathLike[str], wishes: Wishes) -> Loaded:
    """Find out what kind of source it is, and load it."""
    text = os.fspath(source)
    if not isinstance(text, str) or not text.strip():
        raise ModelError(f"{source!r} names no model. Try demo, a timm name, a folder or a checkpoint file.")
    text = text.strip()
    if text == "demo":
        from vitinspect.resources import demo_model_folder

        return dataclasses.replace(from_folder(demo_model_folder(), wishes), name="demo", source="demo")
    if (of_plugin := plugins.loader(text)) is not None:
        return from_plugin(*of_plugin, text, wishes)
    kind, colon, rest = text.partition(":")
    if colon and kind in ("timm", "hf-hub", "hf_hub", "hf", "local-dir"):
        if not rest:
            raise ModelError(f"{text!r} names no model: something must follow the colon.")
        if kind == "timm":
            return from_timm(rest, wishes)
        if kind == "local-dir":
            return _from_path(Path(rest).expanduser(), wishes)
        return from_hub(rest, wishes, text)
    if match := re.fullmatch(r"https?://huggingface\.co/([\w.\-]+/[\w.\-]+)/?.*", text):
        return from_hub(match[1], wishes, text)
    path = Path(text).expanduser()
    if not isinstance(source, str) or (path.exists() and not is_timm_name(text)):
        return _from_path(path, wishes)
    if path.is_absolute() or text.startswith((".", "~")) or path.suffix.lower() in checkpoints.SUFFIXES:
        raise ModelError(f"{text}: there is no such file or folder.")
    if re.fullmatch(r"[\w.\-]+/[\w.\-]+(@[\w.\-]+)?", text):
        return from_hub(text, wishes, text)
    if "/" in text or os.sep in text:
        raise ModelError(f"{text}: there is no such file or folder.")
    return from_timm(text, wishes)


def from_plugin(plugin: str, rest: str, load: Callable[[str], Any], text: str, wishes: Wishes) -> Loaded:
    """What a plug-in's function returns for ``prefix:rest``: a timm module, or a wrapped model."""
    if wishes.arch or wishes.random or wishes.img_size:
        raise ModelError(
            f"{text}: the plug-in {plugin} loads its models as they are; --arch, --random and --image-size are for "
            "other sources."
        )
    try:
        found = load(rest)
    except VitInspectError:
        raise
    except Exception as error:
        raise ModelError(f"{text}: the plug-in {plugin} ended with {type(error).__name__}: {error}") from error
    if isinstance(found, ViT):
        labels = found.labels if found.has_labels else None
        return Loaded(found.module, found.name, text, labels, found.preprocessing, found.text, list(found.notes))
    if not isinstance(found, nn.Module):
        raise ModelError(f"{text}: the plug-in {plugin} returned {type(found).__name__}, not a timm module.")
    return Loaded(found, rest or text, text)


def _from_path(path: Path, wishes: Wishes) -> Loaded:
    if not path.is_dir():
        return from_checkpoint(path, wishes)
    if wishes.arch is not None:
        raise ModelError(f"{path} states its architecture in its config.json; --arch is for single checkpoint files.")
    return from_folder(path, wishes)


def _preparation(module: nn.Module, source: str) -> Preprocessing:
    try:
        return Preprocessing.from_module(module)
    except (VitInspectError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise ModelError(f"{source}: its preprocessing cannot be used ({error}).") from error


# --- classes, size, device -----------------------------------------------------------------------------------------


def _set_classes(module: nn.Module, wanted: int, source: str, *, trained: bool) -> None:
    have = int(getattr(module, "num_classes", 0) or 0)
    if wanted == have:
        return
    if wanted == 0 or not trained:
        module.reset_classifier(wanted)  # type: ignore[operator]
        return
    raise ModelError(
        f"{source} has {have} classes, not {wanted}. A new head would be untrained, and its maps would mean nothing."
    )


def _as_size(size: Size | None) -> tuple[int, int] | None:
    if size is None:
        return None
    return limits.pair(size, "img_size", limits.MAX_SIDE, "The input")


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """The device of this name, if this computer has it; ``auto`` takes a GPU where there is one."""
    if isinstance(device, torch.device):
        device = str(device)
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ModelError(f"{device!r} is not a device. Use auto, cpu, cuda, cuda:1 or mps.") from error
    if chosen.type == "cpu":
        return torch.device("cpu")
    if chosen.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not count:
            why = "this torch was built without it" if torch.version.cuda is None else "no GPU was found"
            raise ModelError(f"CUDA was requested, but {why}. Use --device cpu or auto.")
        if (chosen.index or 0) >= count:
            raise ModelError(f"{device} was requested, but there are {count} GPUs, counted from 0.")
        return chosen
    if chosen.type == "mps" and torch.backends.mps.is_available():
        return chosen
    if chosen.type == "xpu" and hasattr(torch, "xpu") and torch.xpu.is_available():
        return chosen
    raise ModelError(f"{device} was requested, but this torch does not find it. Use --device cpu or auto.")


# --- lists of devices and models -----------------------------------------------------------------------------------


def list_devices() -> list[str]:
    """The devices of this machine, each GPU by its number if there are several."""
    found = ["cpu"]
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found += ["cuda"] if count == 1 else [f"cuda:{i}" for i in range(count)]
    if torch.backends.mps.is_available():
        found.append("mps")
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        found.append("xpu")
    return found


def list_models(search: str = "") -> list[str]:
    """``demo`` and the names of timm that can be loaded, those that have all words of ``search``.

    A name with a dot has trained weights on the hub; one without has none and can be loaded untrained.
    """
    words = search.casefold().split()
    trained = building.timm_names(pretrained=True)
    have_weights = {name.split(".")[0] for name in trained}
    untrained = [name for name in building.timm_names(pretrained=False) if name not in have_weights]
    of_plugins = [name for name in plugins.model_names() if all(word in name.casefold() for word in words)]
    return [
        *["demo"] * all(w in "demo" for w in words),
        *of_plugins,
        *(name for name in sorted([*trained, *untrained]) if all(word in name for word in words)),
    ]
