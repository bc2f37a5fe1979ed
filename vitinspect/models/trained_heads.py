"""Heads that ``vitinspect probe`` writes: a safetensors file with classes, recipe and the backbone's fingerprint.

Unlike the heads of other tools they say which backbone they belong to, and they are refused on another one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vitinspect.errors import ModelError, ParameterError
from vitinspect.models.head_files import Head
from vitinspect.models.recipes import Recipe
from vitinspect.models.tensors import check_tensors

KEY = "vitinspect_head"
"""The name of the record among the file's metadata, a JSON text."""
VERSION = 1
_HEADS = ("head.", "head_dist.", "fc_norm.")
_POSITIONS = ("pos_embed",)


@dataclass(frozen=True)
class HeadRecord:
    """The record in a head that vitinspect wrote."""

    classes: tuple[str, ...]
    recipe: str
    backbone: str
    """Fingerprint of the backbone without its head and its position embeddings."""
    positions: str
    """Fingerprint of the position embeddings at ``input_size``."""
    input_size: tuple[int, int]
    mode: str
    """How pictures were fitted into the input: crop, squash or pad."""
    model: str
    """The backbone's source, for people."""
    loss: str
    C: float

    def text(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, ensure_ascii=False)


def backbone_fingerprint(module: nn.Module) -> str:
    """The hash of everything but the head and the position embeddings, which change with the input size."""
    kinds = [
        f"{name}:{type(part).__name__}"
        for name, part in module.named_modules()
        if name and not f"{name}.".startswith(_HEADS)
    ]
    digest = hashlib.sha256("\n".join(kinds).encode())
    _add(digest, module, lambda name: not name.startswith((*_HEADS, *_POSITIONS)))
    return digest.hexdigest()[:16]


def positions_fingerprint(module: nn.Module) -> str:
    """The hash of the position embeddings at the module's input size."""
    digest = hashlib.sha256()
    _add(digest, module, lambda name: name.startswith(_POSITIONS))
    return digest.hexdigest()[:16]


def _add(digest: Any, module: nn.Module, wanted: Any) -> None:
    with torch.no_grad():
        for name, tensor in sorted(module.state_dict().items()):
            if wanted(name):
                plain = tensor.detach().to("cpu").contiguous()
                digest.update(f"{name}{tuple(plain.shape)}{plain.dtype}".encode())
                digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)


def head_bytes(weight: np.ndarray, bias: np.ndarray, record: HeadRecord) -> bytes:
    """The file: ``weight`` (K, D) and ``bias`` (K,) in float32, and the record."""
    from safetensors.numpy import save

    if weight.shape != (len(record.classes), weight.shape[-1]) or bias.shape != (len(record.classes),):
        raise ParameterError(
            f"A head of {len(record.classes)} classes has a row of weights and a bias for each, not {weight.shape} and"
            f" {bias.shape}."
        )
    arrays = {"weight": np.ascontiguousarray(weight, np.float32), "bias": np.ascontiguousarray(bias, np.float32)}
    return save(arrays, metadata={KEY: record.text(), "format": "pt"})


def record_of(content: Mapping[Any, Any], path: Path) -> HeadRecord | None:
    """The record in a checkpoint's content; None if vitinspect did not write the file."""
    metadata = content.get("__metadata__")
    text = metadata.get(KEY) if isinstance(metadata, Mapping) else None
    if text is None:
        return None
    try:
        found = json.loads(text)
        if found["version"] != VERSION:
            raise ModelError(f"{path} is a head of a later version of vitinspect ({found['version']!r}).")
        height, width = (int(side) for side in found["input_size"])
        return HeadRecord(
            classes=tuple(str(name) for name in found["classes"]),
            recipe=str(Recipe.parse(str(found["recipe"]))),
            backbone=str(found["backbone"]),
            positions=str(found["positions"]),
            input_size=(height, width),
            mode=str(found["mode"]),
            model=str(found["model"]),
            loss=str(found["loss"]),
            C=float(found["C"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ParameterError) as error:
        raise ModelError(f"{path} is damaged: its record of the head cannot be read ({error}).") from error


def read(path: Path, content: Mapping[Any, Any], record: HeadRecord) -> Head:
    """The head, checked against its record."""
    tensors = {key: value for key, value in content.items() if isinstance(value, torch.Tensor)}
    check_tensors(tensors, path)
    weight, bias = tensors.get("weight"), tensors.get("bias")
    fits = (
        set(tensors) == {"weight", "bias"}
        and weight is not None
        and bias is not None
        and weight.ndim == 2
        and bias.shape == (len(record.classes),) == weight.shape[:1]
    )
    if not fits or weight is None or bias is None:
        raise ModelError(f"{path} is damaged: it should hold 'weight' and 'bias' for {len(record.classes)} classes.")
    if not (torch.isfinite(weight).all() and torch.isfinite(bias).all()):
        raise ModelError(f"{path} is damaged: the weights of its head are not finite.")
    recipe = Recipe.parse(record.recipe)
    fitted = "" if record.mode == "crop" else f", on pictures fitted by {record.mode}"
    layout = f"head of vitinspect, trained on {record.model} with {record.loss}{fitted}; it reads {recipe.words}"
    return Head(weight.float(), bias.float(), recipe, layout)


def check_belongs(path: Path, record: HeadRecord, module: nn.Module, input_size: tuple[int, int], name: str) -> str:
    """Refuse a head that was trained on another backbone; return a sentence if the input size differs, else ''."""
    same_size = tuple(input_size) == record.input_size
    if backbone_fingerprint(module) != record.backbone or (
        same_size and positions_fingerprint(module) != record.positions
    ):
        raise ModelError(
            f"{path} was trained on another backbone ({record.model}): the weights of {name} have another fingerprint."
        )
    if same_size:
        return ""
    was, now = ("{} x {}".format(*size) for size in (record.input_size, input_size))
    return f"{path.name} was trained on inputs of {was} pixels and is used on {now}."
