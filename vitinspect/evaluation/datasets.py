"""Data sets: the folder layouts that people have, read into one list of items.

A layout is recognised by what lies in the folder, or named. Listing opens no picture.

``masks``    ``images/`` and ``masks/`` with the same base names (the GMAR and LeGrad comparison). Several annotators:
             ``masks/ANNOTATOR/NAME.png``, or ``masks/NAME_ANNOTATOR.png`` beside each other (ViTmiX). ``labels.csv``
             gives classes where it is there.
``voc``      a Pascal VOC devkit: JPEGImages, SegmentationClass, ImageSets/Segmentation.
``voc-classes``  the same, one item per class in a picture, whose mask is that class alone; the label is its name. The
             only layout for which listing reads the masks.
``imagenet-s``  ImageNet-S: validation/WNID/NAME.JPEG beside validation-segmentation/WNID/NAME.png.
``classes``  one folder of pictures per class.
``plain``    pictures, and nothing else: faithfulness only.
``demo``     the bundled gallery.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vitinspect.errors import DataError
from vitinspect.images import is_image_name, list_images, natural_key, open_mask

LAYOUTS = ("auto", "masks", "voc", "voc-classes", "imagenet-s", "classes", "plain", "demo")
ONE_ANNOTATOR = ""
"""The name of the annotator where there is only one set of masks."""
VOC_VOID = 255


@dataclass(frozen=True)
class Item:
    """One picture of a data set."""

    key: str
    """Its path relative to the data set: by this it is known in the run folder."""
    path: Path
    masks: dict[str, Path] = field(default_factory=dict)
    """Annotator to file."""
    label: str | None = None
    only: int | None = None
    """The one label of the mask that is foreground; None: all above zero."""


@dataclass(frozen=True)
class Dataset:
    """The pictures in a fixed order, and how their masks are read."""

    root: Path
    layout: str
    items: tuple[Item, ...]
    coding: str = "binary"
    """How mask files are read: ``binary`` (0 and something), ``indexed`` (a class per value) or ``imagenet-s``."""
    ignore: int | None = None
    """The value of indexed masks that is left out of all scores."""

    def __len__(self) -> int:
        return len(self.items)

    @property
    def annotators(self) -> tuple[str, ...]:
        found = {name: None for item in self.items for name in item.masks}
        return tuple(sorted(found))

    def read_mask(self, item: Item, annotator: str) -> np.ndarray:
        """(H, W) bytes: 0 background, 1 foreground, 255 where it counts for nothing."""
        return read_mask(item.masks[annotator], self.coding, ignore=self.ignore, only=item.only)


def read_mask(path: Path, coding: str = "binary", *, ignore: int | None = None, only: int | None = None) -> np.ndarray:
    """A mask file as 0, 1 and 255 (counts for nothing).

    Of a binary mask everything above half of the range is foreground: people save masks as 0 and 1 or as 0 and 255,
    some of them with soft edges.
    """
    if coding == "imagenet-s":
        # Class = red + 256 * green; 1000 is its ignore label.
        from vitinspect.images import open_image

        colours = np.asarray(open_image(path)).astype(np.int32)
        classes = colours[..., 0] + 256 * colours[..., 1]
        return np.where(classes == 1000, VOC_VOID, (classes > 0).astype(np.int32)).astype(np.uint8)
    labels = np.asarray(open_mask(path))
    if coding == "indexed":
        real = labels > 0 if only is None else labels == only
        return (
            np.where(labels == ignore, VOC_VOID, real).astype(np.uint8) if ignore is not None else real.astype(np.uint8)
        )
    top = int(labels.max()) if labels.size else 0
    if top > 127 and len(np.unique(labels)) > 2:
        return (labels > 127).astype(np.uint8)
    return (labels > 0).astype(np.uint8)


def open_dataset(
    root: str | os.PathLike[str],
    layout: str = "auto",
    *,
    indices: str | os.PathLike[str] | None = None,
    limit: int | None = None,
    split: str = "val",
    voc_void_is_foreground: bool = False,
) -> Dataset:
    """The data set in this folder.

    ``indices``: a file of indices (from 0) or names to keep, one per line, or a YAML list. ``limit``: the first so
    many. ``split``: for layouts that have splits. ``voc_void_is_foreground``: the ViTmiX script counts the void label.
    """
    if layout not in LAYOUTS:
        raise DataError(f"A layout is one of {', '.join(LAYOUTS)}, not {layout!r}.")
    if layout == "demo" or (layout == "auto" and str(root) == "demo" and not Path("demo").exists()):
        from vitinspect.resources import gallery_folder

        return _cut(_with_masks(gallery_folder(), "demo"), indices, limit)
    folder = Path(root)
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
    dataset = _cut(readers[chosen](), indices, limit)
    if not dataset.items:
        raise DataError(f"{folder} holds no pictures in the layout {chosen!r}.")
    return dataset


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
    labels = _labels_file(folder / "labels.csv")
    masks = _masks_by_name(folder / "masks")
    items = []
    for path in list_images(images, recursive=True):
        key = path.relative_to(folder).as_posix()
        inside = path.relative_to(images).with_suffix("").as_posix()
        found = dict(masks.get(inside, {}))
        for name, files in masks.get(None, {}).items():
            annotator = _annotator_of(name, inside)
            if annotator is not None:
                found.setdefault(annotator, files)
        items.append(Item(key, path, found, labels.get(key) or labels.get(path.name)))
    return Dataset(folder, layout, tuple(items))


def _labels_file(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as lines:
        rows = csv.DictReader(lines)
        if not rows.fieldnames or not {"image", "label"} <= set(rows.fieldnames):
            raise DataError(f"{path} must have the columns image and label; it has {', '.join(rows.fieldnames or [])}.")
        return {row["image"]: row["label"] for row in rows}


def _masks_by_name(folder: Path) -> dict[str | None, dict[str, Path]]:
    """Base name to annotator to file; under None the files at the top by their base name, whose annotator (if any) is
    in that name and can be told only beside a picture's name."""
    result: dict[str | None, dict[str, Path]] = {}
    if not folder.is_dir():
        return result
    top: dict[str, Path] = {}
    for path in list_images(folder, recursive=True):
        inside = path.relative_to(folder)
        name = inside.with_suffix("").as_posix()
        top[name] = path
        if len(inside.parts) > 1:
            annotator, rest = inside.parts[0], Path(*inside.parts[1:]).with_suffix("").as_posix()
            result.setdefault(rest, {})[annotator] = path
    for name, path in top.items():
        result.setdefault(name, {})[ONE_ANNOTATOR] = path
    # Names with an annotator behind the last underscore, found by the part before it.
    for name, path in top.items():
        base, underscore, annotator = name.rpartition("_")
        if underscore and annotator:
            result.setdefault(base, {}).setdefault(annotator, path)
    return result


def _annotator_of(name: str, base: str) -> str | None:
    return name[len(base) + 1 :] if name.startswith(base + "_") else None


# --- Pascal VOC ------------------------------------------------------------------------------------------------


def _voc_root(folder: Path) -> Path | None:
    for candidate in (folder, *sorted(folder.glob("VOC*")), *sorted(folder.glob("VOCdevkit/VOC*"))):
        if (candidate / "JPEGImages").is_dir() and (candidate / "SegmentationClass").is_dir():
            return candidate
    return None


def _voc(folder: Path, split: str, void_is_foreground: bool) -> Dataset:
    root = _voc_root(folder)
    if root is None:
        raise DataError(f"{folder} is no Pascal VOC devkit: JPEGImages/ and SegmentationClass/ are missing.")
    listing = root / "ImageSets" / "Segmentation" / f"{split}.txt"
    masks = {p.stem: p for p in list_images(root / "SegmentationClass")}
    if listing.is_file():
        names = listing.read_text(encoding="utf-8").split()
    elif (listing.parent).is_dir() and split != "val":
        raise DataError(
            f"{listing} does not exist; there are {', '.join(sorted(p.stem for p in listing.parent.iterdir()))}."
        )
    else:
        names = sorted(masks, key=natural_key)
    pictures = {p.stem: p for p in list_images(root / "JPEGImages")}
    items = [
        Item(f"JPEGImages/{name}", pictures.get(name, root / "JPEGImages" / f"{name}.jpg"), _one(masks.get(name)))
        for name in names
    ]
    return Dataset(root, "voc", tuple(items), "indexed", None if void_is_foreground else VOC_VOID)


VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip


def _per_class(dataset: Dataset) -> Dataset:
    items = []
    for item in dataset.items:
        path = item.masks.get(ONE_ANNOTATOR)
        present = [] if path is None else np.unique(open_mask(path)).tolist()
        items += [
            Item(f"{item.key}#{VOC_CLASSES[k - 1]}", item.path, item.masks, VOC_CLASSES[k - 1], k)
            for k in present
            if 0 < k <= len(VOC_CLASSES)
        ]
    return Dataset(dataset.root, "voc-classes", tuple(items), dataset.coding, dataset.ignore)


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
        raise DataError(f"{folder} is no ImageNet-S: validation/ and validation-segmentation/ are missing.")
    pictures, masks = pair
    drawn = {p.relative_to(masks).with_suffix("").as_posix(): p for p in list_images(masks, recursive=True)}
    items = []
    for path in list_images(pictures, recursive=True):
        name = path.relative_to(pictures).with_suffix("").as_posix()
        label = path.parent.name if path.parent != pictures else None
        items.append(Item(path.relative_to(folder).as_posix(), path, _one(drawn.get(name)), label))
    return Dataset(folder, "imagenet-s", tuple(items), "imagenet-s")


# --- folders of classes, plain folders -------------------------------------------------------------------------


def _classes(folder: Path) -> Dataset:
    items = [
        Item(path.relative_to(folder).as_posix(), path, {}, path.relative_to(folder).parts[0])
        for path in list_images(folder, recursive=True)
        if len(path.relative_to(folder).parts) > 1
    ]
    return Dataset(folder, "classes", tuple(items))


def _plain(folder: Path) -> Dataset:
    items = [Item(p.relative_to(folder).as_posix(), p) for p in list_images(folder, recursive=True)]
    return Dataset(folder, "plain", tuple(items))


# --- choosing some ---------------------------------------------------------------------------------------------


def _cut(dataset: Dataset, indices: str | os.PathLike[str] | None, limit: int | None) -> Dataset:
    items: Sequence[Item] = dataset.items
    if indices is not None:
        items = _chosen(dataset.items, read_indices(indices), Path(indices))
    if limit is not None:
        items = items[:limit]
    return Dataset(dataset.root, dataset.layout, tuple(items), dataset.coding, dataset.ignore)


def read_indices(path: str | os.PathLike[str]) -> list[int | str]:
    """Indices or names: one per line, or a YAML list (``- 3``, ``[3, 7]``, also under a key), with # comments.

    Plain lists are all that such files hold, so they are read here and no YAML library is needed.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The index file {path} cannot be read: {error}.") from error
    found: list[int | str] = []
    for raw in text.splitlines():
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        if not line or re.fullmatch(r"[\w.-]+:", line) or line in ("---", "[", "]"):
            continue
        line = re.sub(r"^[\w.-]+:\s*(?=\[)", "", line)
        line = line.removeprefix("- ").strip().strip("[],")
        for part in line.split(",") if "," in line else [line]:
            entry = part.strip().strip("[]").strip("\"'")
            if entry:
                found.append(int(entry) if re.fullmatch(r"\d+", entry) else entry)
    if not found:
        raise DataError(f"The index file {path} names nothing.")
    return found


def _chosen(items: Sequence[Item], wanted: Iterable[int | str], path: Path) -> list[Item]:
    by_name: dict[str, Item] = {}
    for item in items:
        for name in (item.key, Path(item.key).name, Path(item.key).stem):
            by_name.setdefault(name, item)
    result: dict[str, Item] = {}
    for entry in wanted:
        # A number that is also a file's name means the file: ImageNet names are numbers to some.
        found = by_name.get(str(entry))
        if found is None and isinstance(entry, int) and entry < len(items):
            found = items[entry]
        if found is None:
            raise DataError(
                f"{path} names {entry!r}, but the data set has {len(items)} pictures and none of that name."
            )
        result[found.key] = found
    return list(result.values())
