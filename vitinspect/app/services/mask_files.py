"""Which masks a picture has, and which of them is the truth of a target. By names: no mask is decoded here.

Masks lie in ``masks/`` beside the folder of pictures, or below it: one file of the picture's base name; one for each
annotator or each class in a folder of that name; or ``NAME_ANNOTATOR.png`` side by side. ``labels.csv`` says which
class the masks show. A Pascal VOC devkit has a class per value, and the bundled gallery a mask of the second object.
labelme keeps the shapes of a picture in ``NAME.json``, beside it or in ``masks/``. COCO and CVAT keep those of many
in one file (``annotation_files``), which is read once, in the pool.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vitinspect.app.services import annotation_files, own_gallery
from vitinspect.app.services.annotation_files import AnnotationFile, FolderAnnotations
from vitinspect.errors import DataError

if TYPE_CHECKING:
    import numpy as np

SECOND = "second object"
SHAPES = "labelme"
"""The group of such a file where the picture has another mask too."""
_PEEK = 1 << 16
_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".jpg", ".jpeg")


@dataclass(frozen=True)
class MaskFile:
    """One mask of a picture."""

    path: str
    label: str = ""
    """The class that it shows; empty where nothing says it."""
    group: str = ""
    """The annotator, or the class, whose folder or suffix it has."""
    value: int | None = None
    """The one value that is meant, in a file that has a class per value."""
    picture: str = ""
    """In a file about many pictures, the path of this one; ``label`` says which shapes of it are meant."""
    how: str = ""
    """Of a consensus: how it is made of the masks ``of``."""
    of: tuple[MaskFile, ...] = ()

    @property
    def second(self) -> bool:
        """Whether it is the gallery's mask of the second object."""
        return self.group == SECOND


@dataclass(frozen=True)
class TruthChoice:
    """The mask that maps are scored against, or why there is none; ``rule`` says it in words."""

    mask: MaskFile | None
    rule: str

    @property
    def path(self) -> str:
        return self.mask.path if self.mask is not None else ""


def choose_truth(
    masks: Sequence[MaskFile], target: str, model_labels: Sequence[str], annotator: str = ""
) -> TruthChoice:
    """The truth of ``target`` (a class's name) among the masks of a picture.

    A mask of that class comes first; then one whose class is not given or unknown to the model. A mask
    of another class that the model knows is not the target's, and is not used.
    """
    if not masks:
        return TruthChoice(None, "Overlap: no mask in masks/.")
    known = {name for label in model_labels for name in _names(label)}
    wanted = _names(target)
    usable, others = [], []
    for mask in masks:
        label = mask.label or (mask.group if mask.group.casefold() in known else "")
        if label and label.casefold() not in known:
            label = ""
        if not label:
            usable.append((1, mask, ""))
        elif label.casefold() in wanted:
            usable.append((0, mask, label))
        else:
            others.append(label)
    if annotator and any(mask.group == annotator for _, mask, _ in usable):
        usable = [item for item in usable if item[1].group == annotator]
    if not usable:
        shown = ", ".join(dict.fromkeys(others))
        return TruthChoice(None, f"Overlap: none. The mask shows {shown}, and {target} is explained.")
    _, mask, label = min(usable, key=lambda item: (item[0], bool(item[1].group), item[1].group))
    parts = Path(mask.path).parts
    name = "/".join(parts[-3:] if mask.group and mask.group in parts[-2:-1] else parts[-2:])
    what = f"the mask of {label}" if label else "whose class is not given"
    person = mask.group and mask.group not in (SECOND, SHAPES) and mask.group.casefold() not in known
    who = f", annotator {mask.group}" if person else ""
    return TruthChoice(mask, f"Overlap: with {name}, {what}{who}.")


def chosen_truth(mask: MaskFile, target: str) -> TruthChoice:
    """A mask that the person chose, whatever it shows."""
    if mask.how:
        people = ", ".join(one.group for one in mask.of)
        return TruthChoice(mask, f"Overlap: with the consensus ({mask.how}) of {people}, as chosen.")
    name = "/".join(Path(mask.path).parts[-3 if mask.group and not mask.second else -2 :])
    what = f", the mask of {mask.label}" if mask.label else ""
    other = f" The maps explain {target}." if mask.label and mask.label.casefold() not in _names(target) else ""
    return TruthChoice(mask, f"Overlap: with {name}{what}, as chosen.{other}")


def consensus_of(masks: Sequence[MaskFile], how: str) -> MaskFile:
    """One mask out of those of several annotators; it is made when it is read."""
    return MaskFile("", next((mask.label for mask in masks if mask.label), ""), how=how, of=tuple(masks))


def read_mask(mask: MaskFile, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bytes of 0, 1 and 255 for what is not scored; a ``DataError`` where it does not fit the picture."""
    from vitinspect.evaluation.mask_codings import IGNORED, INDEX, MaskCoding

    if mask.how:
        from vitinspect.annotation.consensus import combined

        if len(mask.of) < 2:
            raise DataError("A consensus needs masks of two annotators; this picture has fewer.")
        return combined({one.group: read_mask(one, size) for one in mask.of}, mask.how).mask
    if mask.picture:
        return annotation_files.draw(mask.path, mask.picture, mask.label, size)
    if mask.path.lower().endswith(".json"):
        from vitinspect.annotation.masks import load

        return _fitting(load(mask.path), mask, size)
    coding = MaskCoding() if mask.value is None else MaskCoding(INDEX, (mask.value,), IGNORED)
    return _fitting(coding.read(Path(mask.path)), mask, size)


def _fitting(found: np.ndarray, mask: MaskFile, size: tuple[int, int]) -> np.ndarray:
    if found.shape != size:
        raise DataError(
            f"The mask {mask.path} has {found.shape[1]} × {found.shape[0]} pixels, the picture {size[1]} × {size[0]}."
        )
    return found


def is_label(name: str, labels: Sequence[str]) -> bool:
    """Whether it is the name of a class, or a synonym."""
    return name.casefold() in {one for label in labels for one in _names(label)}


def _names(label: str) -> set[str]:
    """A class's name, and each of its synonyms ("tench, Tinca tinca")."""
    whole = label.casefold().strip()
    return {whole, *(part.strip() for part in whole.split(","))} - {""}


class MaskFinder:
    """The masks of pictures, with what was read of their folders kept."""

    def __init__(self) -> None:
        self._known: dict[str, _Folder] = {}

    def find(self, image: str) -> str:
        """The first mask of a picture; empty where there is none."""
        masks = self.masks(image)
        return masks[0].path if masks else ""

    def masks(self, image: str) -> tuple[MaskFile, ...]:
        """All masks of a picture, the one without an annotator first."""
        return self._folder(image).of(os.path.basename(image))

    def unread(self, image: str) -> list[AnnotationFile]:
        """The files about many pictures that have to be read before all masks of this one are known."""
        return self._folder(image).annotations.unread

    def _folder(self, image: str) -> _Folder:
        folder = os.path.dirname(image)
        if folder not in self._known:
            if len(self._known) > 1000:
                self._known.clear()
            self._known[folder] = _Folder(folder)
        return self._known[folder]

    def forget(self) -> None:
        """Read the folders again: files may have been added or removed."""
        self._known.clear()

    def filter(self) -> Callable[[str], bool]:
        self._known.clear()
        return lambda path: bool(self.find(path))


class _Folder:
    """The masks that belong to the pictures of one folder."""

    def __init__(self, folder: str) -> None:
        above = str(own_gallery.masks_beside(Path(os.path.dirname(folder))))
        self._path = folder
        self.annotations = FolderAnnotations(folder)
        self._shapes = [folder, os.path.join(above, "masks"), os.path.join(folder, "masks")]
        self._labels = _labels_of(above) or _labels_of(folder)
        self._top: dict[str, str] = {}
        self._groups: dict[str, dict[str, str]] = {}
        for place in (os.path.join(above, "masks"), os.path.join(folder, "masks")):
            files, folders = _contents(place)
            self._top.update(files)
            for name in folders:
                self._groups[name] = _contents(os.path.join(place, name))[0]
        self._second = _contents(os.path.join(above, "masks-second"))[0]
        self._second_labels = _second_labels(above) if self._second else {}
        self._voc = _contents(os.path.join(above, "SegmentationClass"))[0]

    def of(self, name: str) -> tuple[MaskFile, ...]:
        stem = os.path.splitext(name)[0]
        label = self._labels.get(name, "")
        found = []
        if stem in self._top:
            found.append(MaskFile(self._top[stem], label))
        for group in sorted(self._groups):
            if stem in self._groups[group]:
                found.append(MaskFile(self._groups[group][stem], label, group))
        if stem not in self._top:
            for other, path in sorted(self._top.items()):
                if other.startswith(f"{stem}_"):
                    found.append(MaskFile(path, label, other[len(stem) + 1 :]))
        shapes = next((p for place in self._shapes if _holds_shapes(p := os.path.join(place, f"{stem}.json"))), "")
        if shapes:
            found.append(MaskFile(shapes, label, SHAPES if found else ""))
        picture = os.path.join(self._path, name)
        path, shown = self.annotations.labels(picture)
        found += [MaskFile(path, one, picture=picture) for one in shown]
        if stem in self._second:
            found.append(MaskFile(self._second[stem], self._second_labels.get(name, ""), SECOND))
        if stem in self._voc:
            from vitinspect.evaluation.datasets import VOC_CLASSES

            found += [MaskFile(self._voc[stem], label, value=i) for i, label in enumerate(VOC_CLASSES, 1)]
        return tuple(found)


def _holds_shapes(path: str) -> bool:
    """Whether a file is one of labelme's, as its first lines say: other tools keep other things in such files."""
    try:
        with open(path, "rb") as file:
            begin = file.read(_PEEK)
    except OSError:
        return False
    return b'"shapes"' in begin


def _contents(folder: str) -> tuple[dict[str, str], list[str]]:
    """Base name to path of the masks in a folder, and the names of the folders in it."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return {}, []
    files = {}
    for name, is_folder in sorted(found):
        stem, ending = os.path.splitext(name)
        if not is_folder and ending.lower() in _SUFFIXES:
            files[stem] = os.path.join(folder, name)
    return files, [name for name, is_folder in sorted(found) if is_folder]


def _rows(path: str) -> list[dict[str, str]]:
    """The rows of a table; empty where there is none or it cannot be read."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as lines:
            return list(csv.DictReader(lines))
    except (OSError, ValueError, csv.Error):
        return []


def _labels_of(folder: str) -> dict[str, str]:
    """Name of the picture to its class."""
    return {
        os.path.basename(row["image"]): row["label"]
        for row in _rows(os.path.join(folder, "labels.csv"))
        if row.get("image") and row.get("label")
    }


def _second_labels(folder: str) -> dict[str, str]:
    """Name of the picture to the class of its second object."""
    return {
        os.path.basename(row["image"]): row["label"]
        for row in _rows(os.path.join(folder, "objects.csv"))
        if row.get("image") and row.get("object") == "2"
    }
