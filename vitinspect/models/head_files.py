"""Heads in files of their own, read as data by the layouts in which their authors publish them.

DINOv2's linear heads (``*_linear_head.pth``, ``*_linear4_head.pth``), its and DINOv3's evaluation files with many heads
(``classifiers_dict.NAME``), DINO's ``eval_linear`` files, and any file with one matrix. None of them says which
backbone it belongs to, and a width may fit more than one reading; then the user has to name the reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vitinspect.errors import HeadChoiceNeeded, ModelError
from vitinspect.models.checkpoints import read_checkpoint
from vitinspect.models.labels import plain_text
from vitinspect.models.recipes import Recipe
from vitinspect.models.tensors import check_tensors

READINGS = {
    "class": Recipe(),
    "mean": Recipe(class_token=False, mean=True),
    "class+mean": Recipe(mean=True),
    "interleaved": Recipe(mean=True),
    "class:2": Recipe(blocks=2),
    "class:4": Recipe(blocks=4),
    "class:4+mean": Recipe(blocks=4, mean=True),
}
"""The readings by name. ``interleaved`` is DINO's: class token and mean in alternation (c0 m0 c1 m1 ...)."""

_DICT = re.compile(r"(?:^|\.)classifiers_dict\.([^.]+)\.(?:linear\.)?(weight|bias)$")
_ONE = re.compile(r"(?:^|\.)(?:(?:linear|head|classifier|fc|linear_head)\.)?(weight|bias)$")
_NAMED = re.compile(r"(\d+)_blocks_avgpool_(True|False)", re.IGNORECASE)


@dataclass(frozen=True)
class Head:
    """A linear head that was read, and what it reads."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    recipe: Recipe
    layout: str
    """A sentence for the user: what the file was recognised as."""


def read_head(path: Path, name: str | None, width: int, content: Mapping[Any, Any] | None = None) -> Head:
    """The head in a file, for a backbone of this width; ``content`` if the file was already read.

    ``name`` chooses one of many heads, or a reading, or both: ``NAME:READING``.
    """
    content = read_checkpoint(path) if content is None else content
    tensors = {key: value for key, value in _flat(content) if isinstance(value, torch.Tensor)}
    many: dict[str, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        if match := _DICT.search(key):
            many.setdefault(match[1], {})[match[2]] = value
    wanted, reading = _split(name)
    if many:
        parts, stated, layout = _choose(path, many, wanted)
    else:
        if wanted is not None:
            raise ModelError(f"{path} holds a single head; {plain_text(wanted)!r} is not one of the ways to read it.")
        parts, stated, layout = _single(path, tensors)
    check_tensors(parts, path)
    weight, bias = parts.get("weight"), parts.get("bias")
    if weight is None or weight.ndim != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        raise ModelError(
            f"{path} holds no linear head: a matrix 'weight' with a 'bias' for each of its rows is expected."
        )
    if not torch.isfinite(weight).all() or (bias is not None and not torch.isfinite(bias).all()):
        raise ModelError(f"{path} is damaged: the weights of its head are not finite.")
    return _as_read(path, weight.float(), None if bias is None else bias.float(), width, stated, reading, layout)


def _flat(content: Mapping[Any, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if not isinstance(key, str) or key in ("optimizer", "scheduler", "__metadata__"):
            continue
        if isinstance(value, Mapping) and depth < 6:
            yield from _flat(value, f"{prefix}{key}.", depth + 1)
        else:
            yield f"{prefix}{key}", value


def _split(name: str | None) -> tuple[str | None, str | None]:
    """``NAME``, ``READING`` or ``NAME:READING``; readings have colons of their own."""
    if not name:
        return None, None
    if name in READINGS:
        return None, name
    for reading in sorted(READINGS, key=len, reverse=True):
        if name.endswith(f":{reading}"):
            return name.removesuffix(f":{reading}"), reading
    return name, None


Found = tuple[dict[str, torch.Tensor], "Recipe | None", str]


def _choose(path: Path, many: Mapping[str, dict[str, torch.Tensor]], wanted: str | None) -> Found:
    if wanted is None and len(many) == 1:
        wanted = next(iter(many))
    if wanted is None or wanted not in many:
        listed = ", ".join(plain_text(name, 80) for name in list(many)[:40])
        more = f" and {len(many) - 40} more" if len(many) > 40 else ""
        missing = "" if wanted is None else f", but none named {plain_text(wanted, 80)!r}"
        raise HeadChoiceNeeded(
            f"{path} holds {len(many)} heads{missing}; name one with --head-name: {listed}{more}.", tuple(many)
        )
    stated = None
    if match := _NAMED.search(wanted):
        blocks, mean = int(match[1]), match[2].casefold() == "true"
        if not 1 <= blocks <= 64:
            raise ModelError(f"{path}: the head {plain_text(wanted, 80)!r} names {blocks} blocks.")
        stated = Recipe(blocks=blocks, mean=mean)
    return many[wanted], stated, f"evaluation file of DINOv2's or DINOv3's layout, head {plain_text(wanted, 80)}"


def _single(path: Path, tensors: Mapping[str, torch.Tensor]) -> Found:
    found: dict[str, torch.Tensor] = {}
    keys: list[str] = []
    for key, value in tensors.items():
        if match := _ONE.search(key):
            if match[1] in found:
                found = {}
                break
            found[match[1]] = value
            keys.append(key)
    if "weight" not in found or len(tensors) > len(found):
        shown = ", ".join(plain_text(key, 60) for key in list(tensors)[:4]) or "no arrays"
        raise ModelError(
            f"{path} holds no head in a known layout; it has {shown}. Expected is one matrix 'weight' with its"
            " 'bias' (DINOv2's *_linear_head.pth), 'linear.weight' (DINO's eval_linear), or 'classifiers_dict.NAME'."
        )
    if path.name.endswith(("_linear4_head.pth", "_linear4_head.safetensors")):
        return found, Recipe(blocks=4, mean=True), "DINOv2's linear head of four blocks"
    if path.name.endswith(("_linear_head.pth", "_linear_head.safetensors")):
        return found, Recipe(mean=True), "DINOv2's linear head of one block"
    if keys[0].endswith("linear.weight"):
        return found, None, "linear head of DINO's eval_linear"
    return found, None, "one linear head"


def _as_read(
    path: Path,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    width: int,
    stated: Recipe | None,
    reading: str | None,
    layout: str,
) -> Head:
    columns = int(weight.shape[1])
    times = columns // width
    if columns % width or not 1 <= times <= 64:
        raise ModelError(
            f"{path} reads {columns} numbers, which is not a multiple of the backbone's width {width}: it belongs to"
            " another backbone."
        )
    if stated is None:
        stated, reading = _by_width(path, times, width, reading, eval_linear="eval_linear" in layout)
    elif reading is not None and READINGS[reading] != stated:
        raise ModelError(f"{path}: it states that it reads {stated.words}, not {READINGS[reading].words}.")
    if stated.vectors != times:
        raise ModelError(
            f"{path} reads {columns} numbers, but as {layout} it should read {stated.vectors} x {width} on this"
            " backbone: it belongs to another one."
        )
    if reading == "interleaved":
        weight = weight.reshape(len(weight), width, 2).permute(0, 2, 1).reshape(len(weight), columns)
        layout += ", class token and mean interleaved"
    return Head(weight.contiguous(), bias, stated, f"{layout}; it reads {stated.words}")


def _by_width(
    path: Path, times: int, width: int, reading: str | None, *, eval_linear: bool
) -> tuple[Recipe, str | None]:
    """The reading of a head that does not state it, if only one fits its width."""
    possible = [name for name, recipe in READINGS.items() if recipe.vectors == times]
    if reading is not None:
        if reading not in possible:
            fitting = f" Possible readings: {', '.join(possible)}." if possible else ""
            raise ModelError(f"{path} reads {times} x {width} numbers, which is not {reading}.{fitting}")
        return READINGS[reading], reading
    if times == 1 and eval_linear:
        return READINGS["class"], None  # eval_linear always reads the class token
    if len(possible) == 1:
        return READINGS[possible[0]], None
    if not possible:
        raise ModelError(
            f"{path} reads {times} x {width} numbers, for which no reading is known; known are {', '.join(READINGS)}."
        )
    raise HeadChoiceNeeded(
        f"{path} reads {times} x {width} numbers, which may be {' or '.join(possible)}, and nothing in it says which."
        f" Name the reading with --head-name: {', '.join(possible)}.",
        tuple(possible),
    )
