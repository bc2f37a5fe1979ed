"""Importing and exporting masks of other tools, for ``vitinspect masks`` and the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation import masks
from vitinspect.annotation.coding import IGNORE
from vitinspect.annotation.document import LAST_LABEL, MaskDocument, Origin, labels_from_names
from vitinspect.annotation.folders import NOBODY, MaskFile, find_masks
from vitinspect.annotation.formats import coco, cvat, labelme, pixels
from vitinspect.annotation.formats.shapes import Size
from vitinspect.annotation.store import AnnotatorFolder
from vitinspect.annotation.study import pictures_folder
from vitinspect.errors import DataError
from vitinspect.files import slug
from vitinspect.names import shown
from vitinspect.output import OutputFolder

LAYOUTS = ("annotator", "flat", "suffix")
EXPORTS = ("png", "npy", "labelme", "coco", "cvat")
DEFAULT_ANNOTATOR = "imported"

Labelled = dict[str, NDArray[np.uint8]]
Notice = Callable[[str], None]


@dataclass
class Outcome:
    """What was written, and a sentence for each mask that was not."""

    written: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def import_masks(
    source: Path,
    data: Path,
    *,
    annotator: str | None = None,
    label: str | None = None,
    coding: str = "auto",
    images: Path | None = None,
    tell: Notice = lambda text: None,
) -> Outcome:
    """Import the masks of a file or folder as those of an annotator of ``data``: a PNG with its sidecar per picture.

    A folder's masks belong to the annotators that its file names give, unless one is named. An existing mask is not
    changed but reported, as is every mask that cannot be read.
    """
    root = images if images is not None else pictures_folder(data)
    outcome = Outcome()
    for name, owner, load in _sources(source, root, coding, outcome):
        image = root / name
        try:
            labelled = load()
            if label is not None:
                if label not in labelled:
                    raise DataError(f"{shown(name)} has no label {label!r}; it has {', '.join(labelled) or 'none'}.")
                labelled = {label: labelled[label]}
            folder = AnnotatorFolder(data, annotator or owner or DEFAULT_ANNOTATOR)
            if folder.mask_path(image).exists():
                raise DataError(f"{folder.mask_path(image)} exists already and is not changed.")
            folder.write(image, _document(labelled, image), "")
            outcome.written.append(folder.mask_path(image))
            tell(shown(name))
        except DataError as error:
            outcome.problems.append(str(error))
    return outcome


def _sources(source: Path, root: Path, coding: str, outcome: Outcome) -> list[tuple[str, str, Callable[[], Labelled]]]:
    """Picture, annotator, and a function that reads the mask."""
    if source.is_dir():
        found, unmatched = find_masks(source, root)
        outcome.problems += [f"{path} matches no picture in {root}." for path in unmatched]
        return [(m.image.relative_to(root).as_posix(), m.annotator, _reader(m, coding)) for m in found]
    if masks.is_pixel_file(source):
        name = masks.ImageNames(root).find(source.name, str(source))[0]
        return [(name, NOBODY, lambda: next(iter(masks.load_all(source, root, coding).values())))]
    annotations = masks.open_annotations(source)
    known = masks.ImageNames(root)
    result: list[tuple[str, str, Callable[[], Labelled]]] = []
    for picture in annotations:
        try:
            name, file = known.find(picture.name, str(source))
        except DataError as error:
            outcome.problems.append(str(error))
            continue
        result.append((name, NOBODY, lambda p=picture, f=file: masks.draw_labels(annotations, p, f)))  # type: ignore[misc]
    return result


def _reader(mask: MaskFile, coding: str) -> Callable[[], Labelled]:
    def load() -> Labelled:
        if masks.is_pixel_file(mask.path):
            return masks.load_labels(mask.path, mask.image, coding)
        annotations = masks.open_annotations(mask.path)
        picture = annotations.pictures[0] if len(annotations.pictures) == 1 else annotations.find(mask.image.name)
        return masks.draw_labels(annotations, picture, mask.image)

    return load


def _document(labelled: Labelled, image: Path) -> MaskDocument:
    """One document of all labels; where they overlap, a pixel keeps the first one."""
    size = masks.image_size(image)
    names = [name for name in labelled if name.casefold() not in ("ignore", "background")]
    if len(names) > LAST_LABEL:
        raise DataError(f"{shown(image.name)} has {len(names)} labels; a mask can have up to {LAST_LABEL}: choose one.")
    labels = labels_from_names(names or ["foreground"])
    values = np.zeros(size, np.uint8)
    for label in labels:
        mask = labelled.get(label.name)
        if mask is not None:
            values[(mask == 1) & (values == 0)] = label.value
    for mask in labelled.values():
        values[mask == IGNORE] = IGNORE
    origin = Origin(started_from="blank", image=image.name)
    return MaskDocument(size, labels, values, "done" if values.any() else "nothing", origin)


# --- export -----------------------------------------------------------------------------------------------------


def export_masks(
    data: Path,
    out: Path,
    kind: str,
    *,
    annotators: Sequence[str] | None = None,
    layout: str = "annotator",
    coding: str = "auto",
    tell: Notice = lambda text: None,
) -> Outcome:
    """Export the masks of ``data``: a file for each picture, or one COCO or CVAT file per annotator."""
    root = pictures_folder(data)
    found, unmatched = find_masks(data / "masks", root)
    if annotators is not None:
        there = {m.annotator for m in found}
        missing = [name for name in annotators if name not in there]
        if missing:
            raise DataError(
                f"{data} has no masks by {', '.join(missing)}; its annotators are {', '.join(sorted(there))}."
            )
        found = [m for m in found if m.annotator in annotators]
    outcome = Outcome(problems=[f"{path} matches no picture in {root}." for path in unmatched])
    if not found:
        raise DataError(f"{data / 'masks'} has no masks to export.")
    if layout == "flat" and len({m.image for m in found}) < len(found):
        raise DataError("Several annotators have masks of one picture: the flat layout can hold only one of them.")
    folder = OutputFolder(out)
    if kind in ("coco", "cvat"):
        _export_together(found, root, folder, kind, outcome, tell)
        return outcome
    for mask in found:
        try:
            labelled, size = _read(mask)
            name = _export_name(mask, root, layout, ".json" if kind == "labelme" else f".{kind}")
            if kind == "labelme":
                data_bytes = labelme.write(labelled, size, mask.image.name)
            else:
                if len(labelled) > 1:
                    raise DataError(f"{mask.path} has {len(labelled)} labels; export labelme, COCO or CVAT.")
                label, values = next(iter(labelled.items()))
                data_bytes = pixels.write(values, kind, coding, out / name, label)
            outcome.written.append(folder.write(name, data_bytes))
            tell(shown(mask.image.name))
        except DataError as error:
            outcome.problems.append(str(error))
    return outcome


def _export_together(
    found: Sequence[MaskFile], root: Path, folder: OutputFolder, kind: str, outcome: Outcome, tell: Notice
) -> None:
    for annotator in sorted({m.annotator for m in found}):
        collected: dict[str, Labelled] = {}
        sizes: dict[str, Size] = {}
        for mask in (m for m in found if m.annotator == annotator):
            name = mask.image.relative_to(root).as_posix()
            try:
                labelled, size = _read(mask)
            except DataError as error:
                outcome.problems.append(str(error))
                continue
            collected[name], sizes[name] = labelled, size
            tell(shown(name))
        write = coco.write if kind == "coco" else cvat.write
        ending = ".json" if kind == "coco" else ".xml"
        outcome.written.append(folder.write((slug(annotator) or "masks") + ending, write(collected, sizes)))


def _read(mask: MaskFile) -> tuple[Labelled, Size]:
    return _reader(mask, "auto")(), masks.image_size(mask.image)


def _export_name(mask: MaskFile, root: Path, layout: str, ending: str) -> str:
    inside = mask.image.relative_to(root).with_suffix("")
    annotator = mask.annotator
    if layout == "suffix" and annotator:
        return f"{inside.as_posix()}_{annotator}{ending}"
    if layout == "annotator" and annotator:
        return f"{annotator}/{inside.as_posix()}{ending}"
    return f"{inside.as_posix()}{ending}"
