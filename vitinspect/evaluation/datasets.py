"""Data sets: common folder layouts, read into one list of items.

A layout is named, or recognised by the folder's content. Listing opens no picture.

``masks``    ``images/`` and ``masks/`` with the same base names (the GMAR and LeGrad comparison). Several annotators:
             ``masks/ANNOTATOR/NAME.png``, or ``masks/NAME_ANNOTATOR.png`` beside each other (ViTmiX). NAME is the
             name of a picture; ANNOTATOR may contain underscores.
``voc``      a Pascal VOC devkit: JPEGImages, SegmentationClass, ImageSets/Segmentation.
``voc-classes``  the same, one item per class in a picture, whose mask is that class alone; the label is its name. The
             only layout for which listing reads the masks.
``imagenet-s``  ImageNet-S: validation/WNID/NAME.JPEG beside validation-segmentation/WNID/NAME.png.
``imagenet-seg``  ImageNet-Segmentation's MATLAB 7.3 file, of pictures and masks.
``classes``  one folder of pictures per class.
``plain``    pictures only: for scores of faithfulness.
``demo``     the bundled gallery.

Classes come from the folders' names, from ``labels.csv``, or from the ground truth of an ILSVRC devkit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vitinspect.annotation.folders import NOBODY, owner_of
from vitinspect.annotation.store import SIDECAR
from vitinspect.errors import DataError, ImageError
from vitinspect.evaluation.index_lists import choose, read_indices
from vitinspect.evaluation.items import ONE_ANNOTATOR, Dataset, Item
from vitinspect.evaluation.label_files import Labels, find_labels, no_labels, read_labels
from vitinspect.evaluation.mask_codings import AUTO, IMAGENET_S, PALETTE, MaskCoding, check, parse_coding
from vitinspect.images import is_image_name, list_images, natural_key, open_mask
from vitinspect.names import stored

LAYOUTS = ("auto", "masks", "voc", "voc-classes", "imagenet-s", "imagenet-seg", "classes", "plain", "demo")
VOC_VOID = 255
MASKS_CHECKED = 64
"""The number of masks that are opened before a run, to see whether the user must name their coding."""


def open_dataset(
    root: str | os.PathLike[str],
    layout: str = "auto",
    *,
    indices: str | os.PathLike[str] | None = None,
    limit: int | None = None,
    split: str = "val",
    voc_void_is_foreground: bool = False,
    index_base: int | None = None,
    mask_coding: str | MaskCoding | None = None,
    labels: str | os.PathLike[str] | None = None,
    check_masks: bool = True,
) -> Dataset:
    """The data set in this folder.

    ``indices``: a file of indices or names to keep, one per line, or a YAML list; ``index_base``: what it counts from
    (from 1, and by the numbers in the names, where the pictures carry ILSVRC's names; otherwise from 0). ``limit``: the
    first so many items. ``split``: for layouts that have splits. ``voc_void_is_foreground``: the ViTmiX script counts
    the void label as foreground. ``mask_coding``: how masks are read, if that is ambiguous. ``labels``: a file of
    classes.
    """
    if layout not in LAYOUTS:
        raise DataError(f"A layout must be one of {', '.join(LAYOUTS)}, not {layout!r}.")
    if layout == "demo" or (layout == "auto" and str(root) == "demo" and not Path("demo").exists()):
        from vitinspect.resources import gallery_folder

        return _cut(_with_masks(gallery_folder(), "demo"), indices, limit, index_base)
    folder = Path(root)
    if layout == "imagenet-seg" or (layout == "auto" and folder.is_file()):
        from vitinspect.evaluation.segmentation_file import open_segmentation_file

        return _cut(open_segmentation_file(folder), indices, limit, index_base)
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not a folder of pictures: it {'is a file' if folder.exists() else 'does not exist'}."
        )
    chosen = _recognise(folder) if layout == "auto" else layout
    readers = {
        "masks": lambda: _with_masks(folder, "masks"),
        "voc": lambda: _voc(folder, split, voc_void_is_foreground),
        "voc-classes": lambda: _per_class(_voc(folder, split, voc_void_is_foreground)),
        "imagenet-s": lambda: _imagenet_s(folder, split),
        "classes": lambda: _classes(folder),
        "plain": lambda: _plain(folder),
    }
    dataset = _cut(readers[chosen](), indices, limit, index_base)
    if not dataset.items:
        raise DataError(f"{folder} holds no pictures in the layout {chosen!r}.")
    if labels is not None or chosen in ("masks", "plain"):
        dataset = _labelled(dataset, find_labels(folder) if labels is None else read_labels(Path(labels)))
    if mask_coding is not None:
        dataset = replace(dataset, coding=_asked_coding(mask_coding, dataset))
    return _checked(dataset) if check_masks else dataset


def _asked_coding(coding: str | MaskCoding, dataset: Dataset) -> MaskCoding:
    asked = parse_coding(coding) if isinstance(coding, str) else coding
    if asked.kind == AUTO:
        return dataset.coding
    if dataset.layout in ("imagenet-s", "voc-classes"):
        raise DataError(f"The layout {dataset.layout} has a mask coding of its own; it cannot be read as {asked}.")
    return asked


def _labelled(dataset: Dataset, label_of: Labels) -> Dataset:
    """Replace labels by those of the file; pictures that it does not name keep theirs."""
    return replace(
        dataset, items=tuple(replace(item, label=label_of(item.key) or item.label) for item in dataset.items)
    )


def layout_of(root: str | os.PathLike[str], layout: str = "auto") -> str:
    """The layout that ``open_dataset`` would use; ``plain`` if there is no such folder."""
    if layout != "auto":
        return layout
    if str(root) == "demo" and not Path("demo").exists():
        return "demo"
    folder = Path(root)
    if folder.is_file():
        return "imagenet-seg"
    return _recognise(folder) if folder.is_dir() else "plain"


def _recognise(folder: Path) -> str:
    if _voc_root(folder) is not None:
        return "voc"
    if (folder / "images").is_dir():
        return "masks"
    if _imagenet_s_pairs(folder, "val") is not None:
        return "imagenet-s"
    names = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    if any(entry.is_file() and is_image_name(entry.name) for entry in names):
        return "plain"
    if any(entry.is_dir() for entry in names):
        return "classes"
    return "plain"


# --- images/ and masks/ ----------------------------------------------------------------------------------------


def _with_masks(folder: Path, layout: str) -> Dataset:
    images = folder / "images"
    if not images.is_dir():
        raise DataError(f"{folder} has no folder images/.")
    pictures = list_images(images, recursive=True)
    names = [path.relative_to(images).with_suffix("").as_posix() for path in pictures]
    found, notes = _match_masks(folder / "masks", set(names))
    label_of = find_labels(folder) if layout == "demo" else no_labels
    items = [
        Item(key := _key(path, folder), path, found.get(name, {}), label_of(key) or _folder_of(name))
        for path, name in zip(pictures, names, strict=True)
    ]
    return Dataset(folder, layout, tuple(items), notes=notes)


def _folder_of(name: str) -> str | None:
    """The class of ``images/CLASS/NAME``."""
    return stored(name.split("/")[0]) if "/" in name else None


def _match_masks(folder: Path, names: set[str]) -> tuple[dict[str, dict[str, Path]], tuple[str, ...]]:
    """Picture to annotator to mask, and a note on each mask that matches no picture, or one that already has a mask.

    A mask's file has the name of its picture; the annotator is its folder, or follows after an underscore.
    """
    result: dict[str, dict[str, Path]] = {}
    notes: list[str] = []
    for path in list_images(folder, recursive=True) if folder.is_dir() else []:
        inside = path.relative_to(folder)
        owner = _owner(inside.with_suffix("").as_posix(), names)
        if owner is None:
            notes.append(f"The mask {stored(inside)} matches no picture in images/.")
            continue
        picture, annotator = owner
        other = result.setdefault(picture, {}).setdefault(annotator, path)
        if other != path:
            taken = stored(other.relative_to(folder))
            notes.append(f"The mask {stored(inside)} is not used: {taken} is the same annotator's for this picture.")
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        hidden = path.name.startswith(".") or path.name.endswith(SIDECAR)
        if path.is_file() and not hidden and not is_image_name(path.name):
            notes.append(f"The file {stored(path.relative_to(folder))} in masks/ is not a picture and is not read.")
    return result, tuple(notes)


def _owner(mask: str, names: set[str]) -> tuple[str, str] | None:
    """The picture that a mask belongs to, and its annotator."""
    found = owner_of(mask, names)
    return found and (found[0], stored(found[1]) if found[1] != NOBODY else ONE_ANNOTATOR)


# --- Pascal VOC ------------------------------------------------------------------------------------------------


def _voc_root(folder: Path) -> Path | None:
    for candidate in (folder, *sorted(folder.glob("VOC*")), *sorted(folder.glob("VOCdevkit/VOC*"))):
        if (candidate / "JPEGImages").is_dir() and (candidate / "SegmentationClass").is_dir():
            return candidate
    return None


def _voc(folder: Path, split: str, void_is_foreground: bool) -> Dataset:
    root = _voc_root(folder)
    if root is None:
        raise DataError(f"{folder} is not a Pascal VOC devkit: JPEGImages/ and SegmentationClass/ are missing.")
    listing = root / "ImageSets" / "Segmentation" / f"{split}.txt"
    masks = {p.stem: p for p in list_images(root / "SegmentationClass")}
    if listing.is_file():
        names = listing.read_text(encoding="utf-8", errors="surrogateescape").split()
    elif (listing.parent).is_dir() and split != "val":
        raise DataError(
            f"{listing} does not exist; there are {', '.join(sorted(p.stem for p in listing.parent.iterdir()))}."
        )
    else:
        names = sorted(masks, key=natural_key)
    pictures = {p.stem: p for p in list_images(root / "JPEGImages")}
    items = [
        Item(
            stored(f"JPEGImages/{name}"), pictures.get(name, root / "JPEGImages" / f"{name}.jpg"), _one(masks.get(name))
        )
        for name in names
    ]
    coding = MaskCoding(PALETTE, ignore=None if void_is_foreground else VOC_VOID)
    return Dataset(root, "voc", tuple(items), coding)


VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip


def _per_class(dataset: Dataset) -> Dataset:
    items = []
    for item in dataset.items:
        path = item.masks.get(ONE_ANNOTATOR)
        try:
            present = [] if path is None else np.unique(open_mask(path)).tolist()
        except ImageError as error:
            items.append(replace(item, problem=str(error)))
            continue
        items += [
            Item(f"{item.key}#{VOC_CLASSES[k - 1]}", item.path, item.masks, VOC_CLASSES[k - 1], k)
            for k in present
            if 0 < k <= len(VOC_CLASSES)
        ]
    return replace(dataset, layout="voc-classes", items=tuple(items))


def _key(path: Path, folder: Path) -> str:
    return stored(path.relative_to(folder).as_posix())


def _one(path: Path | None) -> dict[str, Path]:
    return {} if path is None else {ONE_ANNOTATOR: path}


# --- ImageNet-S ------------------------------------------------------------------------------------------------


def _imagenet_s_pairs(folder: Path, split: str) -> tuple[Path, Path] | None:
    long = {"val": "validation", "train": "train-semi", "test": "test"}.get(split, split)
    for name in dict.fromkeys((long, split)):
        pictures, masks = folder / name, folder / f"{name}-segmentation"
        if pictures.is_dir() and masks.is_dir():
            return pictures, masks
    return None


def _imagenet_s(folder: Path, split: str) -> Dataset:
    pair = _imagenet_s_pairs(folder, split)
    if pair is None:
        raise DataError(
            f"{folder} is not an ImageNet-S data set: validation/ and validation-segmentation/ are missing."
        )
    pictures, masks = pair
    drawn = {p.relative_to(masks).with_suffix("").as_posix(): p for p in list_images(masks, recursive=True)}
    items = []
    for path in list_images(pictures, recursive=True):
        name = path.relative_to(pictures).with_suffix("").as_posix()
        label = stored(path.parent.name) if path.parent != pictures else None
        items.append(Item(_key(path, folder), path, _one(drawn.get(name)), label))
    return Dataset(folder, "imagenet-s", tuple(items), MaskCoding(IMAGENET_S))


# --- folders of classes, plain folders -------------------------------------------------------------------------


def _classes(folder: Path) -> Dataset:
    items = [
        Item(_key(path, folder), path, {}, stored(path.relative_to(folder).parts[0]))
        for path in list_images(folder, recursive=True)
        if len(path.relative_to(folder).parts) > 1
    ]
    return Dataset(folder, "classes", tuple(items))


def _plain(folder: Path) -> Dataset:
    items = [Item(_key(p, folder), p) for p in list_images(folder, recursive=True)]
    return Dataset(folder, "plain", tuple(items))


# --- choosing some ---------------------------------------------------------------------------------------------


def _cut(
    dataset: Dataset, indices: str | os.PathLike[str] | None, limit: int | None, index_base: int | None = None
) -> Dataset:
    items: Sequence[Item] = dataset.items
    if indices is not None:
        items = choose(dataset.items, read_indices(indices), indices, index_base)
    if limit is not None:
        items = items[:limit]
    return replace(dataset, items=tuple(items))


def _checked(dataset: Dataset) -> Dataset:
    """Ask for the coding before a long run begins, if one of the first masks can be read in several ways; and note
    whose masks leave 255 out. A later mask of that kind is found when it is read, and only its picture fails."""
    if dataset.layout != "masks" or dataset.coding.kind != AUTO:
        return dataset
    files = [(who, path) for item in dataset.items for who, path in item.masks.items()]
    ignoring = set()
    for who, path in files[:MASKS_CHECKED]:
        try:
            if check(path):
                ignoring.add(who)
        except ImageError:
            # A broken file makes its picture fail, and the others are scored.
            continue
    return replace(dataset, ignoring=frozenset(ignoring))
