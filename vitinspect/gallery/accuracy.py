"""Measure the bundled model on fresh scenes: `python -m vitinspect.gallery.accuracy --count 2000 --seed 7`.

Three questions, each on scenes that were not used in training:

- How accurate is it, in total and for each class, on scenes with one object drawn as in training?
- How does the badge's class do without its badge, and other classes with the badge pasted onto them? The same
scenes are measured twice, and differ in the badge alone.
- In scenes with two objects, are both classes the two most probable ones?
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vitinspect.errors import DataError
from vitinspect.parallel import run_jobs
from vitinspect.progress import CancelToken, Progress, ProgressLine, check
from vitinspect.resources import demo_model_folder

from .fresh import Wanted, paint_batch, questions
from .model import load_bundled, to_input
from .scene import BADGE_CLASS, TWIN_CLASS
from .shapes import CLASSES

_BATCH = 16
Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class BadgeEffect:
    """The same scenes of some classes without and with the badge."""

    scenes: int
    right_without: float
    right_with: float
    badge_class_without: float
    """Mean probability of the badge's class."""
    badge_class_with: float
    taken_with: float
    """Share of the scenes that the model predicts as the badge's class once they have the badge."""


@dataclass(frozen=True)
class AccuracyReport:
    """The measurements; all but the counts are shares in 0..1."""

    seed: int
    count: int
    total: float
    per_class: dict[str, float]
    per_class_count: dict[str, int]
    badge_class: BadgeEffect
    twin: BadgeEffect
    others: BadgeEffect
    two_objects_count: int
    two_objects_both_first: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        lines = [
            f"{self.count} fresh scenes with one object, seed {self.seed}",
            "",
            f"{'class':<12}{'scenes':>8}{'right':>9}",
        ]
        for name in CLASSES:
            if self.per_class_count[name]:
                lines.append(f"{name:<12}{self.per_class_count[name]:>8}{self.per_class[name]:>9.1%}")
        lines += [f"{'all':<12}{self.count:>8}{self.total:>9.1%}", ""]
        mean = f"mean p({BADGE_CLASS})"
        lines.append(f"{'the badge':<20}{'scenes':>8}{'right':>16}{mean:>20}{'called ' + BADGE_CLASS:>16}")
        lines.append(f"{'':<20}{'':>8}{'without   with':>16}{'without   with':>20}{'with':>16}")
        for title, effect in (
            (f"on {BADGE_CLASS}", self.badge_class),
            (f"pasted on {TWIN_CLASS}", self.twin),
            ("pasted on others", self.others),
        ):
            lines.append(
                f"{title:<20}{effect.scenes:>8}"
                f"{effect.right_without:>9.1%}{effect.right_with:>7.1%}"
                f"{effect.badge_class_without:>13.3f}{effect.badge_class_with:>7.3f}{effect.taken_with:>16.1%}"
            )
        lines += [
            "",
            f"{self.two_objects_count} scenes with two objects: both classes are the two most probable ones in "
            f"{self.two_objects_both_first:.1%}",
        ]
        return "\n".join(lines)


def _module(model: Any) -> torch.nn.Module:
    if isinstance(model, (str, Path)):
        return load_bundled(Path(model))
    module = getattr(model, "module", model)
    width = getattr(module, "num_classes", len(CLASSES))
    if width != len(CLASSES):
        raise DataError(
            f"The scenes have {len(CLASSES)} classes and the model has {width}: only a model trained on them, such "
            "as the bundled one, can be measured."
        )
    return module


@torch.inference_mode()
def _probabilities(module: torch.nn.Module, images: NDArray[np.uint8]) -> Probabilities:
    parameter = next(module.parameters())
    batch = to_input(images).to(parameter.device, parameter.dtype)
    return module(batch).float().softmax(1).cpu().numpy()


def measure_accuracy(
    model: Any = None,
    count: int = 2000,
    seed: int = 7,
    *,
    processes: int | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> AccuracyReport:
    """Measure a model of the bundled world: a folder, a module, a wrapped model, or the bundled one by default.

    `count` scenes with one object, a quarter as many with two, and a tenth as many for each row of the badge's
    table. Any seed gives fresh scenes.
    """
    if count < 1:
        raise DataError(f"At least one scene is needed to measure, not {count}.")
    if seed < 0:
        raise DataError(f"A seed must be a whole number from 0 on, not {seed}.")
    module = _module(model if model is not None else demo_model_folder())
    groups = questions(count)
    jobs: list[tuple[int, list[Wanted]]] = []
    owners: list[tuple[str, int]] = []
    for name, wanted in groups.items():
        for start in range(0, len(wanted), _BATCH):
            jobs.append((seed, wanted[start : start + _BATCH]))
            owners.append((name, start))
    found = {name: np.zeros((len(wanted), len(CLASSES)), np.float32) for name, wanted in groups.items()}
    truth: dict[str, list[tuple[int, ...]]] = {name: [()] * len(wanted) for name, wanted in groups.items()}
    was_training = module.training
    module.eval()
    try:
        sizes = [len(job[1]) for job in jobs]
        for number, (images, labels) in run_jobs(
            paint_batch, jobs, sizes=sizes, processes=processes, progress=progress, cancel=cancel
        ):
            check(cancel)
            name, start = owners[number]
            found[name][start : start + len(images)] = _probabilities(module, images)
            truth[name][start : start + len(images)] = labels
    finally:
        module.train(was_training)
    return _report(seed, found, truth)


def _report(seed: int, found: dict[str, Probabilities], truth: dict[str, list[tuple[int, ...]]]) -> AccuracyReport:
    first = np.array([labels[0] for labels in truth["one"]])
    right = found["one"].argmax(1) == first
    counts = {name: int((first == number).sum()) for number, name in enumerate(CLASSES)}
    per_class = {
        name: float(right[first == number].mean()) if counts[name] else float("nan")
        for number, name in enumerate(CLASSES)
    }
    best_two = np.sort(np.argsort(-found["two"], axis=1)[:, :2], axis=1)
    both = (best_two == np.sort(np.array(truth["two"]), axis=1)).all(1)
    return AccuracyReport(
        seed=seed,
        count=len(first),
        total=float(right.mean()),
        per_class=per_class,
        per_class_count=counts,
        badge_class=_effect("badge", found, truth),
        twin=_effect("twin", found, truth),
        others=_effect("others", found, truth),
        two_objects_count=len(both),
        two_objects_both_first=float(both.mean()),
    )


def _effect(name: str, found: dict[str, Probabilities], truth: dict[str, list[tuple[int, ...]]]) -> BadgeEffect:
    without, with_badge = found[f"{name} never"], found[f"{name} always"]
    label = np.array([labels[0] for labels in truth[f"{name} never"]])
    badge = CLASSES.index(BADGE_CLASS)
    return BadgeEffect(
        scenes=len(label),
        right_without=float((without.argmax(1) == label).mean()),
        right_with=float((with_badge.argmax(1) == label).mean()),
        badge_class_without=float(without[:, badge].mean()),
        badge_class_with=float(with_badge[:, badge].mean()),
        taken_with=float((with_badge.argmax(1) == badge).mean()),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m vitinspect.gallery.accuracy", description="Measure the bundled model."
    )
    parser.add_argument("--count", type=int, default=2000, help="scenes with one object (default %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="seed of the scenes (default %(default)s)")
    parser.add_argument("--model", type=Path, default=None, help="folder of a model (default: the bundled one)")
    options = parser.parse_args(arguments)
    with ProgressLine("measuring", unit="scenes") as line:
        report = measure_accuracy(options.model, options.count, options.seed, progress=line)
    print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
