"""Collecting people's masks from folders, for agreement, and reporting which are left out.

A folder may be one annotator's, hold a folder for each annotator, or files ``NAME_ANNOTATOR.png``; or it is a folder of
pictures with ``masks/`` (and ``repeats/`` for those drawn twice) beside them. Masks that are not finished, that started
from a map, or whose annotator could see maps, predictions or other masks are left out by default, since they may be
influenced by what was shown. A mask without a sidecar was drawn with another tool, and is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vitinspect.annotation.ceiling import counted
from vitinspect.annotation.coding import IGNORE
from vitinspect.annotation.folders import find_masks, is_mask_name
from vitinspect.annotation.masks import load_with_white
from vitinspect.annotation.packed import PackedMask
from vitinspect.annotation.store import MASKS, REPEATS, SIDECAR, pictures_in, read_sidecar
from vitinspect.errors import DataError
from vitinspect.parallel import run_jobs
from vitinspect.progress import CancelToken, Progress

IMAGES = "images"
CHUNK = 25
MANY = 300
"""Files from which more processes are worth their start."""


@dataclass
class Gathered:
    """The masks for ``agreement``, and what was left out."""

    masks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Annotator to picture to ``PackedMask``, or to a list of them where it was drawn several times."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Reason to number of masks."""
    unmatched: list[Path] = field(default_factory=list)
    """Files that match no picture."""
    white: dict[str, _White] = field(default_factory=dict)
    """Annotator to what 255 is in their masks."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about it for a report."""
        found = notes_of(self.left_out)
        found += [f"The file {path.name} matches no picture." for path in self.unmatched]
        found += _notes_of_white(self.white)
        return tuple(found)


@dataclass
class _White:
    """What 255 is in the grey masks of one person, where a file alone can be read in two ways."""

    ignored: int = 0
    """Masks with 1 and 255: 255 is what is ignored."""
    alone: list[tuple[str, int]] = field(default_factory=list)
    """Masks with 255 and no 1: picture, and place in the list of its masks."""

    @property
    def settled(self) -> bool:
        return bool(self.ignored and self.alone)


def _notes_of_white(white: Mapping[str, _White]) -> list[str]:
    ignoring = [who for who, own in white.items() if own.ignored]
    found = []
    for who, own in white.items():
        where = f"In {counted(len(own.alone), 'mask')} of {who} 255 is taken as"
        if own.settled:
            found.append(f"{where} ignored, without a 1 beside it: other masks of theirs have both.")
        elif own.alone and ignoring:
            found.append(f"{where} foreground: none of theirs has a 1; those of {', '.join(ignoring)} have both.")
    return found


def notes_of(left_out: Mapping[str, int]) -> list[str]:
    """Sentences about masks that were left out, from reason to number."""
    return [
        f"{count} masks were left out: {reason}." if count > 1 else f"1 mask was left out ({reason})."
        for reason, count in left_out.items()
    ]


@dataclass(frozen=True)
class _File:
    """A mask file that is to be read."""

    path: Path
    annotator: str
    image: str
    picture: Path | None


def gather(
    folders: Sequence[Path],
    images: Path | None = None,
    *,
    coding: str = "auto",
    everything: bool = False,
    may_be_none: bool = False,
    processes: int | None = 1,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Gathered:
    """The masks in these folders. ``images``: the folder of their pictures; ``everything``: leave no mask out.

    It is an error if there is no mask at all, unless ``may_be_none``. With ``processes`` None many files are read
    on all cores (spawned: a script that calls it so needs a guard for its main part).
    """
    result = Gathered()
    files: list[_File] = []
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"{folder} is not a folder of masks.")
        drawn = folder / MASKS if (folder / MASKS).is_dir() else folder
        pictures = images or _pictures_beside(drawn)
        if pictures is None:
            _refuse_pictures(drawn, alone=len(folders) == 1)
        again = drawn.parent / REPEATS
        for root in (drawn, again) if drawn.name == MASKS and again.is_dir() else (drawn,):
            files += _files_of(root, pictures, result)
    kept = files if everything else [file for file in files if _counts(file, result)]
    _read_all(kept, result, coding, processes, progress, cancel)
    _settle_white(result)
    if not may_be_none and not any(result.masks.values()):
        why = f" {' '.join(result.notes)}" if result.notes else ""
        raise DataError(f"There are no masks to compare in {', '.join(str(f) for f in folders)}.{why}")
    return result


def _refuse_pictures(folder: Path, *, alone: bool) -> None:
    """Refuse a folder of pictures: without annotators' names, pictures and masks cannot be distinguished."""
    what = ""
    if (folder / IMAGES).is_dir():
        what = f"{folder} has pictures in {IMAGES}/, but no {MASKS}/ beside them."
    elif alone and any(path.is_file() and is_mask_name(path.name) for path in folder.iterdir()):
        what = f"{folder} has no {MASKS}/ and no folder for each annotator: its files may be pictures."
    if what:
        raise DataError(
            f"{what} Expected are masks in {MASKS}/ANNOTATOR/NAME.png or {MASKS}/NAME_ANNOTATOR.png beside the "
            "pictures, a folder of masks with --images, or one folder of masks for each of several annotators."
        )


def _pictures_beside(folder: Path) -> Path | None:
    """The pictures of ``DATA/masks``: in ``DATA/images``, or in ``DATA`` itself."""
    if folder.name != MASKS:
        return None
    beside = folder.parent / IMAGES
    if beside.is_dir():
        return beside
    return folder.parent if pictures_in(folder.parent) else None


def _files_of(root: Path, images: Path | None, result: Gathered) -> list[_File]:
    if images is not None:
        found, unmatched = find_masks(root, images)
        result.unmatched += unmatched
        return [_File(f.path, f.annotator or root.name, f.image.relative_to(images).as_posix(), f.image) for f in found]
    files = []
    for path in sorted(p for p in root.rglob("*") if p.is_file() and not p.name.startswith(".")):
        if is_mask_name(path.name):
            parts = path.relative_to(root).with_suffix("").parts
            who = parts[0] if len(parts) > 1 else root.name
            files.append(_File(path, who, "/".join(parts[1:] or parts), None))
    return files


def _counts(file: _File, result: Gathered) -> bool:
    reason = why_left_out(file.path)
    if reason:
        result.left_out[reason] = result.left_out.get(reason, 0) + 1
    return not reason


def _read_all(
    files: Sequence[_File],
    result: Gathered,
    coding: str,
    processes: int | None,
    progress: Progress | None,
    cancel: CancelToken | None,
) -> None:
    chunks = [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]
    read: dict[int, list[_Read]] = {}
    jobs = run_jobs(
        partial(_read, coding=coding),
        chunks,
        sizes=[len(chunk) for chunk in chunks],
        processes=processes if len(files) >= MANY else 1,
        progress=progress,
        cancel=cancel,
    )
    for number, found in jobs:
        read[number] = found
    for number, chunk in enumerate(chunks):
        for file, (mask, white) in zip(chunk, read[number], strict=True):
            own = result.masks.setdefault(file.annotator, {})
            before = own.get(file.image)
            own[file.image] = mask if before is None else [*_listed(before), mask]
            if white == "foreground":
                alone = result.white.setdefault(file.annotator, _White()).alone
                alone.append((file.image, len(_listed(own[file.image])) - 1))
            elif white == "ignored":
                result.white.setdefault(file.annotator, _White()).ignored += 1


_Read = tuple[PackedMask, str]


def _read(files: Sequence[_File], coding: str) -> list[_Read]:
    """Some masks, in this process or another, and what 255 was taken for in each."""
    found: list[_Read] = []
    for file in files:
        mask, white = load_with_white(file.path, file.picture, coding)
        found.append((PackedMask.of(mask), white))
    return found


def _settle_white(result: Gathered) -> None:
    """Make 255 mean "ignored" in all masks of an annotator who has used both 1 and 255, also without foreground."""
    for who, white in result.white.items():
        for image, place in white.alone if white.settled else ():
            masks = _listed(result.masks[who][image])
            masks[place] = PackedMask.of(np.asarray(masks[place]) * np.uint8(IGNORE))
            result.masks[who][image] = masks if len(masks) > 1 else masks[0]


def _listed(masks: Any) -> list[Any]:
    return masks if isinstance(masks, list) else [masks]


def why_left_out(path: Path) -> str:
    """Why a mask may be influenced by what was shown, or is not finished; empty for one that is used."""
    sidecar = read_sidecar(path.with_name(path.stem + SIDECAR))
    if sidecar is None:
        return ""
    if sidecar.status != "done":
        return "they are not finished"
    if not sidecar.origin.independent:
        return "they started from a map"
    return "" if sidecar.origin.blind else "maps, predictions or other masks could be seen while they were drawn"
