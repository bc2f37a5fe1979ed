"""The checkpoints of a training run in order, and the onset of a score. Names and numbers only."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vitinspect.errors import DataError

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
_NUMBER = re.compile(r"(\d+)([kKmM](?![a-zA-Z]))?")


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint of the run: a file, or a folder with a model in it."""

    path: str
    step: int | None
    """The last number in its name; None if it has none."""

    @property
    def title(self) -> str:
        """``step 2000``, or its name."""
        return f"step {self.step:,}".replace(",", "\u2009") if self.step is not None else Path(self.path).stem


def step_of(name: str) -> int | None:
    """The last number in a name, which is the step or epoch: ``vit16-epoch_003``, ``step-20k``."""
    found = _NUMBER.findall(re.sub(rf"({'|'.join(map(re.escape, SUFFIXES))})$", "", name))
    if not found:
        return None
    number, unit = found[-1]
    return int(number) * {"": 1, "k": 1000, "m": 1_000_000}[unit.casefold()]


def checkpoints_in(folder: str | os.PathLike[str]) -> list[Checkpoint]:
    """The checkpoints of a folder by their numbers; those without one come last, by name."""
    place = Path(folder)
    if not place.is_dir():
        raise DataError(f"{folder} is not a folder.")
    found = []
    for path in place.iterdir():
        is_file = path.is_file() and path.suffix.casefold() in SUFFIXES
        is_model = path.is_dir() and (path / "config.json").is_file()
        if (is_file or is_model) and not path.name.startswith("."):
            found.append(Checkpoint(str(path), step_of(path.name)))
    if not found:
        raise DataError(f"There are no checkpoints in {folder}: files ({', '.join(SUFFIXES)}) or folders of models.")
    return sorted(found, key=lambda one: (one.step is None, one.step or 0, one.path))


def axis_of(checkpoints: Sequence[Checkpoint]) -> list[float]:
    """The position of each on an axis: its step, or its index if a step is missing or occurs twice."""
    steps = [one.step for one in checkpoints]
    if None in steps or len(set(steps)) < len(steps):
        return [float(i) for i in range(len(checkpoints))]
    return [float(step) for step in steps if step is not None]


def onset(steps: Sequence[float], values: Sequence[float], share: float = 0.5) -> float | None:
    """The first step at which a score has reached ``share`` of its maximum; None without a score."""
    known = [value for value in values if math.isfinite(value)]
    if not known or max(known) <= 0:
        return None
    return next(s for s, v in zip(steps, values, strict=True) if math.isfinite(v) and v >= share * max(known))
