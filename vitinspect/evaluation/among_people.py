"""Maps of an evaluation run compared with people: their masks against each annotator and the consensus, per picture.

People and maps are compared on the pixels that the model saw: masks are resampled to the model's input, and padding is
ignored. No model runs; the maps are those that the run has saved.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation.ceiling import Ceiling, ceiling_of, dice_of
from vitinspect.annotation.consensus import combined
from vitinspect.errors import DataError
from vitinspect.evaluation.items import Item
from vitinspect.evaluation.ranking import Candidate, read_saved_map
from vitinspect.evaluation.runner import open_plan_dataset
from vitinspect.evaluation.saving import Saver
from vitinspect.evaluation.store import FILE, Store
from vitinspect.files import read_metadata
from vitinspect.fusion import fuse
from vitinspect.maps import resize
from vitinspect.models.placement import Placement
from vitinspect.parallel import run_jobs
from vitinspect.progress import CancelToken, Progress
from vitinspect.scores.masks import overlap
from vitinspect.scores.threshold_curve import threshold_curve
from vitinspect.thresholds import threshold

Masks = Mapping[str, Mapping[str, Any]]
"""Annotator to picture to mask, as ``gather`` finds them."""
STATISTICS = {
    "dice": "Dice",
    "iou": "IoU",
    "f1": "F1",
    "precision": "Precision",
    "recall": "Recall",
    "pixel_accuracy": "Pixel accuracy",
    "pixel_accuracy_vitmix": "Pixel accuracy (ViTmiX)",
    "average_precision": "AP",
    "best_iou": "Best IoU",
    "best_level": "at level",
    "boundary_f1": "Boundary F1",
}
"""``dice`` is 1 for two empty masks, as among people; ``f1`` is 0 there, as in the tables of an evaluation."""
MANY = 60
"""The number of maps from which starting more processes is worthwhile."""


@dataclass(frozen=True)
class OnPicture:
    """One picture: people with each other, and every map with each person and with the consensus."""

    image: str
    path: Path
    people: Mapping[tuple[str, str], float]
    """Dice of each pair of annotators."""
    annotators: tuple[str, ...]
    maps: Mapping[str, Mapping[str, Mapping[str, float]]]
    """Map to annotator (or the kind of consensus) to the statistics."""
    curves: Mapping[str, Mapping[str, NDArray[np.float32]]] = field(repr=False)
    """Map to annotator (or the kind of consensus) to Dice over the thresholds."""


@dataclass(frozen=True)
class AmongPeople:
    """All pictures of a run for which people drew masks."""

    pictures: tuple[OnPicture, ...]
    annotators: tuple[str, ...]
    maps: tuple[str, ...]
    how: str
    """The kind of consensus."""
    waiting: int = 0
    """Pictures with masks that the run has not evaluated yet."""
    seed: int = 0

    def ceiling(self) -> Ceiling:
        people = {one.image: one.people for one in self.pictures}
        scores = {
            name: {
                one.image: {who: one.maps[name][who]["dice"] for who in one.annotators} for one in self.pictures
            }
            for name in self.maps
        }  # fmt: skip
        return ceiling_of(people, scores, self.annotators, seed=self.seed)

    def means(self, name: str) -> dict[str, dict[str, float]]:
        """Annotator (or the kind of consensus) to the mean of each statistic of a map over the pictures."""
        found = {}
        for who in (*self.annotators, self.how):
            rows = [one.maps[name][who] for one in self.pictures if who in one.maps[name]]
            if rows:
                found[who] = {key: float(np.mean([row[key] for row in rows])) for key in STATISTICS}
                found[who]["pictures"] = len(rows)
        return found

    def curve(self, name: str, against: str) -> NDArray[np.float64]:
        """Mean Dice over the pictures for each level of the map's range."""
        found = [one.curves[name][against] for one in self.pictures if against in one.curves[name]]
        return np.mean(found, axis=0, dtype=np.float64) if found else np.zeros(0)


@dataclass
class SavedMaps:
    """The maps of a run folder, and people's masks of its pictures."""

    folder: Path
    masks: Masks

    def __post_init__(self) -> None:
        with Store(self.folder / FILE) as store:
            self.plan = store.plan
            self.done = {image.image for image in store.images() if image.state == "done"}
        self.dataset = open_plan_dataset(self.plan)
        self.saver = Saver(self.folder, ("maps",), self.plan, self.dataset)
        self.annotators = tuple(sorted(self.masks))
        self._truths = _by_item(self.masks, self.dataset.items)
        if not self._truths:
            raise DataError(f"None of the masks belongs to a picture of the run {self.folder}.")

    @property
    def items(self) -> list[Item]:
        """The pictures with masks that the run has finished."""
        return [item for item in self.dataset.items if item.key in self._truths and item.key in self.done]

    @property
    def waiting(self) -> int:
        return len(self._truths) - len(self.items)

    def rows(self) -> list[Candidate]:
        """The candidates that the run itself has scored: its methods and fusions, at its threshold."""
        cutting = (self.plan.threshold, tuple(self.plan.threshold_options))
        return [
            Candidate(
                row.name,
                row.combination.keys,
                row.fuse,
                (1.0,) * row.combination.ways,
                cutting,
                self.plan.normalisation,
            )
            for row in self.saver.rows
        ]

    def inputs(self, item: Item) -> tuple[dict[str, Path], dict[str, NDArray[np.uint8]], tuple[int, int]]:
        """The files of the single methods' maps, the masks where the model looked, and the size of its input."""
        files = self.saver.files(item)
        singles = {
            row.combination.keys[0]: files["maps", row.name] for row in self.saver.rows if row.combination.ways == 1
        }
        about = read_metadata(next(iter(singles.values())))
        if "input_size" not in about:
            raise DataError(
                f"{self.folder} holds no maps of {item.key}; `vitinspect evaluate --save maps` writes them."
            )
        size = (int(about["input_size"][0]), int(about["input_size"][1]))
        truths = {}
        for who, drawn in self._truths[item.key].items():
            mask = np.asarray(drawn)
            placement = Placement(size, mask.shape[:2], tuple(about["box"]))
            truths[who] = np.where(placement.valid_mask(), placement.mask_to_input(mask), 255).astype(np.uint8)
        return singles, truths, size


def among_people(
    saved: SavedMaps,
    chosen: Sequence[Candidate] | None = None,
    *,
    how: str = "majority",
    known: Mapping[str, OnPicture] | None = None,
    processes: int | None = 1,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> AmongPeople:
    """Every candidate (by default those that the run has scored) on every picture with masks; ``known`` ones are not
    computed again. ``processes`` None uses all cores (spawned: a script then needs ``if __name__ == "__main__"``)."""
    rows = tuple(chosen) if chosen is not None else tuple(saved.rows())
    items = saved.items
    if not items:
        raise DataError(f"{saved.folder} has not evaluated a picture with a mask yet.")
    have = {item.key: known[item.key] for item in items if known and item.key in known}
    jobs = [(item.key, item.path, *saved.inputs(item)) for item in items if item.key not in have]
    # Starting a process takes about as long as processing some dozens of pictures.
    work = _Work(rows, how, saved.plan.fingerprint)
    few = len(jobs) * len(rows) < MANY
    for _, one in run_jobs(work, jobs, processes=1 if few else processes, progress=progress, cancel=cancel):
        have[one.image] = one
    found = [have[item.key] for item in items]
    names = tuple(row.name for row in rows)
    return AmongPeople(tuple(found), saved.annotators, names, how, saved.waiting, saved.plan.seed)


Job = tuple[str, Path, Mapping[str, Path], Mapping[str, NDArray[np.uint8]], tuple[int, int]]
"""A picture's key and path, and its ``inputs``."""


@dataclass(frozen=True)
class _Work:
    """The statistics of one picture, in this process or another."""

    chosen: tuple[Candidate, ...]
    how: str
    fingerprint: str

    def __call__(self, job: Job) -> OnPicture:
        image, path, files, truths, size = job
        against = {**truths, self.how: np.asarray(combined(truths, self.how))}
        maps: dict[str, dict[str, dict[str, float]]] = {}
        curves: dict[str, dict[str, NDArray[np.float32]]] = {}
        for candidate in self.chosen:
            values = fused_map(candidate, files, size, self.fingerprint)
            mask = cut(candidate, values)
            maps[candidate.name] = {who: statistics(mask, truth, values) for who, truth in against.items()}
            curves[candidate.name] = {
                who: threshold_curve(values, truth).dice.astype(np.float32) for who, truth in against.items()
            }
        people = {(a, b): dice_of(truths[a], truths[b]) for a, b in itertools.combinations(truths, 2)}
        return OnPicture(image, path, people, tuple(truths), maps, curves)


def fused_map(
    candidate: Candidate, files: Mapping[str, Path], size: tuple[int, int], fingerprint: str
) -> NDArray[np.float64]:
    """A candidate's map on the pixels of the model's input, from the files of its methods' maps."""
    missing = [key for key in candidate.keys if key not in files]
    if missing:
        raise DataError(f"The run has no maps of {', '.join(missing)}; it has {', '.join(files)}.")
    members = [read_saved_map(files[key], fingerprint) for key in candidate.keys]
    if len(members) == 1:
        return resize(members[0].values.astype(np.float64), size)
    fused = fuse(members, candidate.mode, candidate.weights, normalisation=candidate.normalisation)
    return resize(fused.values.astype(np.float64), size)


def cut(candidate: Candidate, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """A candidate's mask of its map."""
    options: dict[str, Any] = dict(candidate.cutting[1])
    return threshold(values, candidate.cutting[0], **options).mask


def statistics(mask: NDArray[np.bool_], truth: NDArray[np.uint8], values: NDArray[np.float64]) -> dict[str, float]:
    """The numbers of ``STATISTICS`` for one mask against another."""
    found = overlap(mask, truth, values, ignore=255).as_dict()
    found["dice"] = dice_of(mask.astype(np.uint8), truth)
    return {key: float(found[key]) for key in STATISTICS}


def _by_item(masks: Masks, items: Sequence[Item]) -> dict[str, dict[str, Any]]:
    """The masks of each picture of a data set: by the picture's path, or by the part of it that the masks name."""
    names: dict[str, set[str]] = {}
    for item in items:
        for name in _names(item.key):
            names.setdefault(name, set()).add(item.key)
    found: dict[str, dict[str, Any]] = {}
    for who in sorted(masks):
        for image, mask in masks[who].items():
            keys = names.get(image, set())
            if len(keys) == 1:
                found.setdefault(next(iter(keys)), {})[who] = mask[0] if isinstance(mask, list) else mask
    return found


def _names(key: str) -> Iterator[str]:
    """A picture's path and all trailing parts of it, with and without the file name's ending."""
    parts = PurePosixPath(key).parts
    for start in range(len(parts)):
        path = PurePosixPath(*parts[start:])
        yield path.as_posix()
        if path.suffix:
            yield path.with_suffix("").as_posix()
