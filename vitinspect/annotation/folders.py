"""Finding the picture and the annotator of a mask file.

``NAME.png``, ``ANNOTATOR/NAME.png`` or ``NAME_ANNOTATOR.png``. Names may contain underscores: the picture is the
longest name that exists among the pictures.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from vitinspect.annotation.store import SIDECAR, pictures_in
from vitinspect.errors import DataError
from vitinspect.images import is_image_name

NOBODY = ""
"""The annotator of a mask whose name gives none."""


@dataclass(frozen=True)
class MaskFile:
    """A mask file with its picture."""

    path: Path
    image: Path
    annotator: str


def owner_of(mask: str, names: Container[str]) -> tuple[str, str] | None:
    """The picture that a mask belongs to and its annotator, by names without endings; None if it matches none."""
    if mask in names:
        return mask, NOBODY
    folder, _, rest = mask.partition("/")
    if rest in names:
        return rest, folder
    end = mask.rfind("_")
    while end > 0:
        behind = mask[end + 1 :]
        if behind and "/" not in behind and mask[:end] in names:
            return mask[:end], behind
        end = mask.rfind("_", 0, end)
    return None


def is_mask_name(name: str) -> bool:
    """Whether a file in a folder of masks is a mask, by its name."""
    ending = Path(name).suffix.casefold()
    return is_image_name(name) or ending == ".npy" or (ending in (".json", ".xml") and not name.endswith(SIDECAR))


def find_masks(folder: Path, images: Path) -> tuple[list[MaskFile], list[Path]]:
    """The mask files of a folder with their pictures in another one, and those that match no picture."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder.")
    pictures: dict[str, Path] = {}
    for path in pictures_in(images):
        if folder not in path.parents:
            pictures.setdefault(path.relative_to(images).with_suffix("").as_posix(), path)
    if not pictures:
        raise DataError(f"{images} has no pictures.")
    found: list[MaskFile] = []
    unmatched: list[Path] = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        if not is_mask_name(path.name):
            continue
        owner = owner_of(path.relative_to(folder).with_suffix("").as_posix(), pictures)
        if owner is None:
            unmatched.append(path)
        else:
            found.append(MaskFile(path, pictures[owner[0]], owner[1]))
    return found, unmatched
