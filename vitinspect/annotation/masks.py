"""``vi.masks``: masks from the files of other tools, and back.

>>> mask = vi.masks.load("masks/cat.png", image="images/cat.jpg")  # 0, 1, and 255 for "ignore"
>>> masks = vi.masks.load_all("instances.json", images="images")   # {"cat.jpg": {"cat": array}}
>>> vi.masks.save(mask, "cat.json", image="images/cat.jpg", label="cat")

Nothing is resampled and nothing is guessed: a mask of the wrong size, or an ambiguous one, is a ``DataError``.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation.coding import IGNORE, decode, is_white_alone, labels_in
from vitinspect.annotation.formats import coco, cvat, labelme, pixels, unsupported
from vitinspect.annotation.formats.shapes import FOREGROUND, Annotations, Picture, Size, sizes_differ
from vitinspect.annotation.store import SIDECAR, Sidecar, pictures_in, read_sidecar
from vitinspect.errors import DataError, ImageError
from vitinspect.files import write_atomic
from vitinspect.images import MaskPixels, is_image_name, read_size

__all__ = ["load", "load_all", "open_annotations", "save"]

PathLike = str | os.PathLike[str]
FORMATS = ("png", "npy", "labelme", "coco", "cvat")
_LARGEST_TEXT = 1_000_000_000
_PIECE = 1 << 18


def load(
    path: PathLike, image: PathLike | None = None, label: int | str | None = None, coding: str = "auto"
) -> NDArray[np.uint8]:
    """The mask in ``path`` for the picture ``image``: height x width of 0, 1 and 255 for "ignore".

    ``image`` gives the required size, and names the picture in files with several. ``label`` selects one class (by
    default every class is foreground). ``coding`` defines the pixels of a mask picture: ``auto``, ``binary``,
    ``palette``, ``threshold=N``, ``index=A,B``, ``colours=#RRGGBB,...``, ``background=N`` or ``background=#RRGGBB``.
    """
    path = Path(path)
    if is_pixel_file(path):
        return decode(_pixels_for(path, image), coding, label)
    size = image_size(image) if image is not None else None
    if coding != "auto":
        raise DataError(f"{path} holds shapes, for which coding {coding!r} cannot be used; name a label instead.")
    annotations = open_annotations(path)
    picture = _picture(annotations, image)
    return _drawn(annotations, picture, image, size, None if label is None else str(label))


def load_with_white(
    path: Path, image: PathLike | None = None, coding: str = "auto"
) -> tuple[NDArray[np.uint8], Literal["ignored", "foreground", ""]]:
    """The mask, and what 255 was taken for where the file itself leaves that open: other masks of the same person may
    tell."""
    if coding != "auto" or not is_pixel_file(path):
        return load(path, image, coding=coding), ""
    found = _pixels_for(path, image)
    mask = decode(found)
    if is_white_alone(found):
        return mask, "foreground"
    return mask, "ignored" if found.kind == "grey" and (mask == IGNORE).any() else ""


def _pixels_for(path: Path, image: PathLike | None) -> MaskPixels:
    """The pixels of a mask file, which must have the picture's size."""
    found = pixels.read(path)
    size = image_size(image) if image is not None else None
    if size is not None and found.size != size:
        raise sizes_differ(f"The mask {path}", found.size, str(image), size)
    return found


def load_all(
    path: PathLike, images: PathLike | None = None, coding: str = "auto"
) -> dict[str, dict[str, NDArray[np.uint8]]]:
    """The masks of every picture in a file, ``{image name: {label: mask}}``; also of a folder of mask files.

    Names are those of the pictures in the folder ``images``, if it is given and has them; a picture without a shape has
    an empty dictionary. Masks of a folder without labels have the label "foreground".
    """
    path = Path(path)
    known = ImageNames(Path(images)) if images is not None else None
    if path.is_dir():
        return _load_folder(path, known, coding)
    if is_pixel_file(path):
        name, file = known.find(path.name, str(path)) if known else (path.name, None)
        return {name: load_labels(path, file, coding)}
    annotations = open_annotations(path)
    result: dict[str, dict[str, NDArray[np.uint8]]] = {}
    for picture in annotations:
        name, file = known.find(picture.name, str(path)) if known else (picture.name, None)
        if name in result:
            raise DataError(f"{path} has two pictures named {name}.")
        result[name] = draw_labels(annotations, picture, file)
    return result


def save(
    mask: NDArray | Mapping[str, NDArray],
    path: PathLike,
    image: PathLike | None = None,
    label: str = FOREGROUND,
    format: str | None = None,  # noqa: A002 - the word that callers know from Pillow
    coding: str = "auto",
    overwrite: bool = False,
) -> None:
    """Write a mask (0, 1, 255 for "ignore"; or a dictionary of them by label) as ``path`` or ``format`` says.

    ``png`` (``coding`` 0/255, 0/1, 1-bit or palette; ``auto`` is 0/255, and the palette of Pascal VOC where something
    is ignored), ``npy``, ``labelme`` (the default for ``.json``), ``coco``, ``cvat`` (``.xml``). In an existing labelme
    or COCO file only the regions of this picture and these labels are replaced; any other file that vitinspect did not
    write is replaced only with ``overwrite``.
    """
    path = Path(path)
    masks = {str(k): _checked(v) for k, v in mask.items()} if isinstance(mask, Mapping) else {label: _checked(mask)}
    if not masks:
        raise DataError("There is no mask to write.")
    size = next(iter(masks.values())).shape
    if any(m.shape != size for m in masks.values()):
        raise DataError("The masks of one picture must have the same size; these do not.")
    if image is not None and image_size(image) != size:
        raise sizes_differ("The mask", (size[0], size[1]), str(image), image_size(image))
    kind = _format_to_write(path, format)
    name = Path(image).name if image is not None else None
    if kind in ("png", "npy"):
        if len(masks) > 1:
            raise DataError(
                f"{path}: a {kind.upper()} file holds one mask; write labelme, COCO or CVAT for several labels."
            )
        pixels.refuse_foreign(path, overwrite)
        write_atomic(path, pixels.write(next(iter(masks.values())), kind, coding, path, next(iter(masks))))
        return
    if coding != "auto":
        raise DataError(f"{path}: {kind} has no coding {coding!r}.")
    before = _document_before(path, kind, overwrite)
    name = name or _name_before(before, kind) or path.with_suffix(".png").name
    height_width = (int(size[0]), int(size[1]))
    if kind == "labelme":
        _refuse_other_size(before, height_width, path)
        data = labelme.write(masks, height_width, name, before)
    elif kind == "coco":
        data = coco.write({name: masks}, {name: height_width}, before)
    else:
        data = cvat.write({name: masks}, {name: height_width})
    write_atomic(path, data)


# --- reading ----------------------------------------------------------------------------------------------------


def open_annotations(path: PathLike) -> Annotations:
    """The shapes of a labelme, COCO or CVAT file, not yet drawn; ``DataError`` for any other file."""
    path = Path(path)
    _regular(path)
    suffix = path.suffix.casefold()
    if suffix == ".json":
        document = _read_json(path, coco.compact)
        if labelme.is_labelme(document):
            return labelme.read(document, path)
        if coco.is_coco(document):
            return coco.read(document, path)
        raise unsupported.refuse_json(document, path)
    if suffix == ".xml":
        root = _read_xml(path)
        if cvat.is_cvat(root):
            return cvat.read(root, path)
        raise unsupported.refuse_xml(root.tag, path)
    raise unsupported.refuse_ending(path) or DataError(
        f"{path} is not a supported mask format: PNG, TIFF, JPEG, NumPy, labelme, COCO and CVAT for images are."
    )


def is_pixel_file(path: Path) -> bool:
    return path.suffix.casefold() in (".npy", ".npz") or is_image_name(path.name)


def _picture(annotations: Annotations, image: PathLike | None) -> Picture:
    if image is not None and annotations.format != labelme.FORMAT:
        return annotations.find(os.fspath(image))
    if len(annotations.pictures) != 1:
        raise DataError(f"{annotations.path} describes {len(annotations.pictures)} pictures: name one with image=.")
    return annotations.pictures[0]


def _drawn(
    annotations: Annotations, picture: Picture, image: PathLike | None, size: Size | None, label: str | None
) -> NDArray[np.uint8]:
    if size is not None and picture.size is not None and picture.size != size:
        raise sizes_differ(f"{annotations.path}: {picture.name}", picture.size, str(image), size)
    size = size or picture.size
    if size is None:
        raise DataError(f"{annotations.path} does not state the size of {picture.name}: give the picture with image=.")
    if label is not None and label not in {shape.label for shape in picture.shapes}:
        there = ", ".join(picture.labels()) or "none"
        raise DataError(f"{annotations.path} has no label {label!r} for {picture.name}; it has {there}.")
    return picture.mask(label, size)


def draw_labels(annotations: Annotations, picture: Picture, image: PathLike | None) -> dict[str, NDArray[np.uint8]]:
    """The masks of one picture of an annotation file by their labels."""
    size = image_size(image) if image is not None else None
    labels = picture.labels() or (["ignore"] if any(s.ignored for s in picture.shapes) else [])
    return {label: _drawn(annotations, picture, image, size, label) for label in labels}


def load_labels(path: Path, image: PathLike | None, coding: str) -> dict[str, NDArray[np.uint8]]:
    """The masks of a pixel file by their labels; one without labels is "foreground"."""
    found = _pixels_for(path, image)
    own_label = pixels.label_of(path)
    if own_label == "labels":
        return _own_labels(path, found)
    if own_label:
        return {own_label: decode(found, coding)}
    labels = labels_in(found) if coding == "auto" else []
    if len(labels) > 1 or (labels and found.kind == "palette" and not labels[0].isdigit()):
        return {label: decode(found, coding, label) for label in labels}
    return {FOREGROUND: decode(found, coding)}


def _own_labels(path: Path, found: MaskPixels) -> dict[str, NDArray[np.uint8]]:
    """The labels of a mask that was drawn with vitinspect, by the names in its sidecar."""
    sidecar = read_sidecar(path.with_name(path.stem + SIDECAR)) or Sidecar()
    names = {label.value: label.name for label in sidecar.labels}
    values = [int(v) for v in np.unique(found.values) if v not in (0, IGNORE)] or sorted(names)[:1]
    return {names.get(v, str(v)): decode(found, "palette", v) for v in values}


def _load_folder(folder: Path, known: ImageNames | None, coding: str) -> dict[str, dict[str, NDArray[np.uint8]]]:
    result: dict[str, dict[str, NDArray[np.uint8]]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        if is_pixel_file(path):
            name, file = known.find(path.name, str(path)) if known else (path.name, None)
            found = {name: load_labels(path, file, coding)}
        elif path.suffix.casefold() in (".json", ".xml") and not path.name.endswith(SIDECAR):
            found = load_all(path, known.folder if known else None)
        else:
            continue
        for name, masks in found.items():
            mine = result.setdefault(name, {})
            for label, mask in masks.items():
                if label in mine:
                    raise DataError(f"{folder} has two masks of {name} with the label {label}; {path} is the second.")
                mine[label] = mask
    if not result:
        raise DataError(f"{folder} has no mask files.")
    return result


class ImageNames:
    """The pictures of a folder, found by the names that annotation files give them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._paths = {PurePosixPath(p.relative_to(folder).as_posix()): p for p in pictures_in(folder)}

    def find(self, name: str, where: str) -> tuple[str, Path]:
        """The picture's path below the folder and its file; by the whole name, its last part, or without its ending."""
        wanted = PurePosixPath(name.replace("\\", "/"))
        for key in (lambda p: p, lambda p: p.name, lambda p: p.stem):
            found = [known for known in self._paths if key(known) == key(wanted)]
            if len(found) == 1:
                return str(found[0]), self._paths[found[0]]
            if found:
                raise DataError(f"{where}: {name} matches both {found[0]} and {found[1]} in {self.folder}.")
        raise DataError(f"{where}: {name} is not among the pictures in {self.folder}.")


def image_size(image: PathLike) -> Size:
    try:
        width, height = read_size(image)
    except ImageError as error:
        raise DataError(str(error)) from error
    return height, width


def _regular(path: Path) -> None:
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path} is not a file.")
    if status.st_size > _LARGEST_TEXT:
        raise DataError(f"{path} has {status.st_size / 1e9:.1f} GB, which is too large for an annotation file.")


def _read_json(path: Path, each: Callable[[dict[str, Any]], dict[str, Any]] = lambda found: found) -> Any:
    try:
        # ``each`` gives other threads their turn at each object; else a large file keeps Python's lock to its end.
        return json.loads(path.read_bytes().decode("utf-8-sig"), object_hook=each)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not readable JSON ({error}).") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _read_xml(path: Path) -> ElementTree.Element:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise DataError(f"{path} declares a document type, which no annotation file needs; it is not read.")
    try:
        parser = ElementTree.XMLParser()
        for start in range(0, len(data), _PIECE):
            parser.feed(data[start : start + _PIECE])  # other threads can run between the pieces
        root: ElementTree.Element = parser.close()
        return root
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is not readable XML ({error}).") from None


# --- writing ----------------------------------------------------------------------------------------------------


def _checked(mask: Any) -> NDArray[np.uint8]:
    array = np.asarray(mask)
    if array.ndim != 2 or not array.size:
        raise DataError(f"A mask must have height and width; this one has the shape {array.shape}.")
    if array.dtype != bool:
        values: Sequence[Any] = np.unique(array).tolist()
        if array.dtype.kind not in "iu" or not set(values) <= {0, 1, 255}:
            raise DataError(f"A mask may contain 0, 1 and 255 (ignored); this one contains {values[:6]}.")
    return array.astype(np.uint8)


def _format_to_write(path: Path, wanted: str | None) -> str:
    suffix = path.suffix.casefold()
    if wanted is not None:
        kind = wanted.casefold()
        if kind not in FORMATS:
            raise DataError(f"Masks are written as {', '.join(FORMATS)}, not as {wanted!r}.")
        return kind
    if suffix == ".json":
        there = _read_json(path) if path.is_file() else None
        return "coco" if coco.is_coco(there) else "labelme"
    kinds = {".png": "png", ".npy": "npy", ".xml": "cvat"}
    if suffix not in kinds:
        raise DataError(f"{path}: masks are written as .png, .npy, .json (labelme or COCO) and .xml (CVAT).")
    return kinds[suffix]


def _document_before(path: Path, kind: str, overwrite: bool) -> dict[str, Any] | None:
    if not os.path.lexists(path) or overwrite:
        return None
    if kind == "cvat":
        raise DataError(f"{path} exists already, and CVAT files cannot be extended: choose another name, or overwrite.")
    document = _read_json(path)
    fits = labelme.is_labelme(document) if kind == "labelme" else coco.is_coco(document)
    if not fits:
        raise DataError(f"{path} exists already and is not a {kind} file; it is not changed.")
    return document


def _name_before(before: dict[str, Any] | None, kind: str) -> str | None:
    if before is None:
        return None
    if kind == "labelme":
        name = before.get("imagePath")
        return name if isinstance(name, str) else None
    images = before.get("images", [])
    return images[0].get("file_name") if len(images) == 1 else None


def _refuse_other_size(before: dict[str, Any] | None, size: Size, path: Path) -> None:
    if before is None:
        return
    height, width = before.get("imageHeight"), before.get("imageWidth")
    if isinstance(height, int) and isinstance(width, int) and (height, width) != size:
        raise sizes_differ("The mask", size, f"of {path}", (height, width))
