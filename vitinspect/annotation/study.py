"""A study: which annotators draw which pictures in which order, some of them twice, blind or not, with instructions.

``DATA/study.json`` holds the settings, and the orders follow from it and the names of the pictures, so that each
annotator gets the same order on every machine. A repeated picture comes again after at least a third of the others
(if at most two thirds are repeated), and nothing on screen shows that it is a repeat.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitinspect.annotation.document import Label, labels_from_names
from vitinspect.annotation.store import AnnotatorFolder, pictures_in
from vitinspect.errors import DataError
from vitinspect.names import restored, stored
from vitinspect.output import write_result
from vitinspect.regular_files import read_regular

FILE = "study.json"


@dataclass(frozen=True)
class Turn:
    """One picture in an annotator's order."""

    image: str
    """Its path below the folder of pictures."""
    repeated: bool = False
    """Whether it is drawn for the second time."""


@dataclass(frozen=True)
class Study:
    """The settings of a study, for all annotators."""

    name: str
    images: tuple[str, ...]
    annotators: tuple[str, ...]
    seed: int
    repeat: int
    blind: bool
    instruction: str = ""
    labels: tuple[Label, ...] = labels_from_names(["foreground"])

    def order(self, annotator: str) -> list[Turn]:
        """The pictures in this annotator's order, with repeats among the later ones."""
        if annotator not in self.annotators:
            raise DataError(
                f"{annotator!r} is not an annotator of the study; its annotators are {', '.join(self.annotators)}."
            )
        # A hash of the text, not Python's own hash, so that the order is the same in every process.
        mixed = hashlib.sha256(f"{self.seed}\n{annotator}".encode("utf-8", "surrogateescape")).digest()
        chance = random.Random(int.from_bytes(mixed[:8], "big"))
        turns = [Turn(image) for image in self.images]
        chance.shuffle(turns)
        apart = max(len(turns) // 3, 1)
        # Preferably earlier pictures, so that others come in between; the rest only if that many repeats are requested.
        early = chance.sample(range(len(turns) - apart), len(turns) - apart)
        again = (early + chance.sample(range(len(turns) - apart, len(turns)), apart))[: self.repeat]
        places = {turns[index].image: index for index in again}
        for image in sorted(places, key=lambda name: places[name]):
            first = next(i for i, turn in enumerate(turns) if turn.image == image and not turn.repeated)
            earliest = min(first + apart + 1, len(turns))
            turns.insert(chance.randint(earliest, len(turns)), Turn(image, True))
        return turns


def init_study(
    data: Path,
    annotators: Sequence[str],
    *,
    seed: int = 0,
    repeat: int = 0,
    blind: bool = True,
    instruction: str = "",
    labels: Sequence[str] = ("foreground",),
    name: str = "",
) -> Study:
    """Write ``study.json`` into a folder of pictures; an existing study is not changed."""
    names = list(dict.fromkeys(annotators))
    if not names or len(names) != len(annotators):
        raise DataError("A study needs at least one annotator, and no two of the same name.")
    for annotator in names:
        AnnotatorFolder(data, annotator)  # refuses names that are not possible
    root = pictures_folder(data)
    chosen = [p.relative_to(root) for p in pictures_in(root)]
    if not chosen:
        raise DataError(f"{root} has no pictures.")
    if not 0 <= repeat <= len(chosen):
        raise DataError(f"{repeat} of {len(chosen)} pictures cannot be repeated.")
    study = Study(
        name or data.resolve().name,
        tuple(p.as_posix() for p in chosen),
        tuple(names),
        seed,
        repeat,
        blind,
        instruction,
        labels_from_names(labels),
    )
    path = data / FILE
    if path.exists():
        raise DataError(f"{path} exists already; a study is not replaced.")
    record = {
        "vitinspect": "study",
        "name": study.name,
        "seed": seed,
        "repeat": repeat,
        "blind": blind,
        "instruction": instruction,
        "labels": [label.name for label in study.labels],
        "annotators": [stored(n) for n in names],
        "images": [stored(n) for n in study.images],
    }
    write_result(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    return study


def pictures_folder(data: Path) -> Path:
    """``DATA/images`` if it exists, else ``DATA`` itself."""
    inside = data / "images"
    return inside if inside.is_dir() else data


def read_study(data: Path) -> Study | None:
    """The study of a folder; None if it has none."""
    path = data / FILE
    if not path.exists():
        return None
    try:
        found: Any = json.loads(read_regular(path))
        if found.get("vitinspect") != "study":
            return None
        return Study(
            str(found["name"]),
            tuple(restored(str(n)) for n in found["images"]),
            tuple(restored(str(n)) for n in found["annotators"]),
            int(found["seed"]),
            min(max(int(found["repeat"]), 0), len(found["images"])),
            bool(found["blind"]),
            str(found.get("instruction", "")),
            labels_from_names([str(n) for n in found.get("labels", ["foreground"])]),
        )
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} is not a readable study ({error}).") from error


@dataclass(frozen=True)
class StudyProgress:
    """The progress of one annotator."""

    done: int
    total: int
    seconds: float
    """Seconds spent on finished masks."""

    @property
    def seconds_left(self) -> float | None:
        """Estimated from the mean over finished pictures; None before the first."""
        return self.seconds / self.done * (self.total - self.done) if self.done else None


def progress(data: Path, study: Study, annotator: str) -> StudyProgress:
    root = pictures_folder(data)
    folders = {again: AnnotatorFolder(data, annotator, again) for again in (False, True)}
    done, seconds = 0, 0.0
    turns = study.order(annotator)
    for turn in turns:
        sidecar = folders[turn.repeated].sidecar(root / turn.image)
        if sidecar.status in ("done", "nothing"):
            done += 1
            seconds += sidecar.origin.seconds
    return StudyProgress(done, len(turns), seconds)
