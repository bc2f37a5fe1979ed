"""What a folder holds: people's masks, how well people agree, and which results a run has so far. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation.store import MASKS, REPEATS
from vitinspect.app.services import own_gallery
from vitinspect.errors import DataError

if TYPE_CHECKING:
    from vitinspect.annotation.ceiling import Ceiling
    from vitinspect.annotation.gather import Gathered
    from vitinspect.evaluation.among_people import AmongPeople, OnPicture
    from vitinspect.evaluation.ranking import Candidate

MEASURES = ("dice", "iou", "kappa", "precision", "recall", "hd95_pooled", "hd95_max", "nsd", "boundary_f1")
"""Of two people, in the order of the choice."""
Stamp = tuple[tuple[str, int, int], ...]
"""The files of the masks with their times and sizes."""


@dataclass(frozen=True)
class PeopleAgreement:
    """How well people agree on their masks as they are: the numbers of ``vitinspect agree``."""

    annotators: tuple[str, ...]
    pictures: int
    """That two people or more drew."""
    matrices: Mapping[tuple[str, str], NDArray[np.float64]]
    """Measure and region to (annotators, annotators); not a number where two people share no picture."""
    fleiss: Mapping[str, float]
    alpha: Mapping[str, float]
    """By region."""
    ceiling: Ceiling | None = None
    """How well people agree with each other, which is known before an evaluation of maps."""
    trouble: str = ""
    """Why there are no numbers."""


@dataclass(frozen=True)
class Masks:
    """People's masks in the folder, and how well they agree."""

    stamp: Stamp
    gathered: Gathered
    agreement: PeopleAgreement


@dataclass(frozen=True)
class Found:
    """What the window knows about the people and the maps so far."""

    data: Path
    masks: Masks
    among: AmongPeople | None
    """None while no picture with masks is evaluated."""
    ceiling: Ceiling | None
    done: int
    total: int

    def path_of(self, image: str) -> Path:
        """The path of a picture, by the name that its masks have."""
        inside = self.data / "images"
        return own_gallery.as_opened((inside if inside.is_dir() else self.data) / image)

    @property
    def gathered(self) -> Gathered:
        return self.masks.gathered

    @property
    def agreement(self) -> PeopleAgreement:
        return self.masks.agreement


def look(
    data: Path,
    folder: Path | None,
    chosen: tuple[Candidate, ...],
    how: str,
    everything: bool,
    known: Mapping[str, OnPicture],
    before: Masks | None,
    cancel: Any,
) -> Found:
    """The masks of a folder, read again where their files changed, and the results that the run has."""
    from vitinspect.evaluation.among_people import SavedMaps, among_people
    from vitinspect.evaluation.store import FILE

    stamp = stamp_of(data)
    changed = before is None or before.stamp != stamp
    masks = _read(data, stamp, everything, cancel) if before is None or changed else before
    gathered = masks.gathered
    if folder is None or not (folder / FILE).is_file() or not gathered.masks or not chosen:
        return Found(data, masks, None, None, 0, 0)
    saved = SavedMaps(folder, gathered.masks)
    done, total = len(saved.done), len(saved.dataset.items)
    if not saved.items:
        return Found(data, masks, None, None, done, total)
    among = among_people(saved, chosen, how=how, known={} if changed else known, cancel=cancel)
    return Found(data, masks, among, among.ceiling(), done, total)


def stamp_of(data: Path) -> Stamp:
    found = []
    for folder in (data / MASKS, data / REPEATS):
        for path in folder.rglob("*"):
            if path.is_file():
                status = path.stat()
                found.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(sorted(found))


def _read(data: Path, stamp: Stamp, everything: bool, cancel: Any) -> Masks:
    from vitinspect.annotation.gather import Gathered, gather

    gathered = Gathered()
    # Without the folder of masks, the pictures themselves would be read as masks.
    if (data / MASKS).is_dir():
        gathered = gather([data], everything=everything, may_be_none=True, cancel=cancel)
    return Masks(stamp, gathered, agreement_of(gathered))


def agreement_of(gathered: Gathered) -> PeopleAgreement:
    """All pairs by all measures; a reason where masks of one picture do not fit each other."""
    from vitinspect.annotation import reliability
    from vitinspect.annotation.agreement import REGIONS, agreement_of_files
    from vitinspect.annotation.ceiling import ceiling_of

    if not gathered.masks:
        return PeopleAgreement((), 0, {}, {}, {})
    try:
        found = agreement_of_files(gathered.masks)
    except DataError as error:
        return PeopleAgreement(tuple(gathered.masks), 0, {}, {}, {}, trouble=str(error))
    several = sum(len(picture.people) > 1 for picture in found.pictures.values())
    matrices = {(measure, region): found.matrix(measure, region) for measure in MEASURES for region in REGIONS}
    people = {
        image: {pair: reliability.dice(*both.frame[:3]) for pair, both in picture.pairs.items()}
        for image, picture in found.pictures.items()
    }
    ceiling = ceiling_of(people, {}, found.annotators)
    return PeopleAgreement(found.annotators, several, matrices, found.fleiss, found.alpha, ceiling)
