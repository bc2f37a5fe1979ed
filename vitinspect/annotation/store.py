"""Reading and writing the masks of one annotator, safely and never over files of others.

``DATA/masks/ANNOTATOR/NAME.png`` is the mask, ``NAME.mask.json`` beside it the sidecar: status, labels, origin. The
second drawing of a picture, for self-agreement, is in ``DATA/repeats/ANNOTATOR``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from vitinspect.annotation.coding import IGNORE, VOC_CLASSES, decode
from vitinspect.annotation.document import FOREGROUND, STATUS_WORDS, Label, MaskDocument, Origin, Status
from vitinspect.annotation.formats import pixels
from vitinspect.annotation.formats.shapes import sizes_differ
from vitinspect.annotation.journal import origin_of
from vitinspect.errors import DataError
from vitinspect.files import slug, write_atomic
from vitinspect.images import list_images
from vitinspect.names import restored, shown, stored
from vitinspect.paths import config_folder, ensure
from vitinspect.regular_files import read_regular

try:
    import fcntl
except ImportError:  # Windows: two windows on one folder do not detect each other
    fcntl = None  # type: ignore[assignment]

SIDECAR = ".mask.json"
MASKS, REPEATS = "masks", "repeats"
_ONE_BIT_FROM = 4_000_000
"""Masks with more pixels are written with one bit per pixel, which is read in a fraction of the time."""
Choice = Literal["mine", "theirs", "both"]


class ChangedOnDisk(DataError):  # noqa: N818 - reads as a statement
    """Another program changed the mask since it was read; the user chooses which to keep."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} was changed by another program since it was opened here: keep yours, take theirs, or keep both."
        )
        self.path = path


@dataclass(frozen=True)
class Sidecar:
    """The information about a mask in addition to its pixels."""

    status: Status = "none"
    labels: tuple[Label, ...] = (FOREGROUND,)
    origin: Origin = field(default_factory=Origin)

    @property
    def words(self) -> str:
        return STATUS_WORDS[self.status]


class AnnotatorFolder:
    """The masks of one annotator over one folder of pictures."""

    def __init__(self, data: Path, annotator: str, repeated: bool = False) -> None:
        if not annotator.strip() or annotator != annotator.strip():
            raise DataError("An annotator needs a name, without spaces around it.")
        if annotator in (".", "..") or any(c in annotator for c in '/\\:*?"<>|\0') or annotator.startswith("."):
            raise DataError(f"{shown(annotator)!r} cannot be the name of a folder; choose another name.")
        self.data, self.annotator = data, annotator
        self.folder = data / (REPEATS if repeated else MASKS) / annotator

    def mask_path(self, image: Path) -> Path:
        """The picture's name with ``.png``; pictures in subfolders have their masks in the same subfolders."""
        root = self.data / "images" if (self.data / "images") in image.parents else self.data
        inside = image.relative_to(root) if root in image.parents else Path(image.name)
        return self.folder / inside.parent / (image.stem + ".png")

    def sidecar_path(self, image: Path) -> Path:
        mask = self.mask_path(image)
        return mask.with_name(mask.stem + SIDECAR)

    # --- reading ------------------------------------------------------------------------------------------------

    def sidecar(self, image: Path) -> Sidecar:
        """The content of the sidecar; a mask without one (drawn with another tool) is done."""
        found = read_sidecar(self.sidecar_path(image))
        if found is not None:
            return found
        return Sidecar("done") if self.mask_path(image).is_file() else Sidecar()

    def open(self, image: Path, size: tuple[int, int]) -> MaskDocument:
        """The mask of a picture as it is on disk, or an empty one."""
        path, sidecar = self.mask_path(image), self.sidecar(image)
        if not os.path.lexists(path):
            return MaskDocument(size, sidecar.labels, None, sidecar.status, sidecar.origin)
        found = pixels.read(path)
        if found.size != size:
            raise sizes_differ(f"The mask {path}", found.size, str(image), size)
        if found.kind == "palette" and (len(sidecar.labels) > 1 or pixels.label_of(path)):
            values = np.asarray(found.values, np.uint8)
        elif found.kind == "palette":
            values, labels = _own_labels(np.asarray(found.values, np.uint8), path)
            sidecar = Sidecar(sidecar.status, labels, sidecar.origin)
        elif pixels.label_of(path):
            values = (found.values != 0).astype(np.uint8)  # written by vitinspect: its coding is known
        else:
            values = decode(found)
        return MaskDocument(size, sidecar.labels, values, sidecar.status, sidecar.origin)

    def digest(self, image: Path) -> str:
        """The digest of the mask's file; empty if there is none."""
        try:
            return hashlib.sha256(read_regular(self.mask_path(image))).hexdigest()
        except OSError:
            return ""

    # --- writing ------------------------------------------------------------------------------------------------

    def write(self, image: Path, document: MaskDocument, known: str) -> str:
        """Write mask and sidecar; ``known`` is the digest that the file had when it was read. Returns the new one.

        ``ChangedOnDisk`` if the file has another digest. The file is written even if the mask is empty: an empty mask
        that was begun differs from no mask.
        """
        path = self.mask_path(image)
        if self.digest(image) not in ("", known):
            raise ChangedOnDisk(path)
        several = len(document.labels) > 1 or bool((document.values == IGNORE).any())
        if several:
            data = pixels.write_labels(document.values)
        else:
            coding = "1-bit" if document.values.size > _ONE_BIT_FROM else "0/255"
            data = pixels.write(document.mask(), "png", coding, path, document.labels[0].name)
        write_atomic(path, data)
        self._write_sidecar(image, document)
        return hashlib.sha256(data).hexdigest()

    def keep_both(self, image: Path) -> Path:
        """Rename the file on disk to a free name, so that ours can be written."""
        path = self.mask_path(image)
        for number in range(1, 1000):
            aside = path.with_name(f"{path.stem} (other {number}){path.suffix}")
            if not os.path.lexists(aside):
                try:
                    os.rename(path, aside)
                except OSError as error:
                    raise DataError(f"{path} cannot be renamed: {error.strerror or error}.") from error
                return aside
        raise DataError(f"There is no free name for {path}.")

    def _write_sidecar(self, image: Path, document: MaskDocument) -> None:
        record = {
            "vitinspect": "mask",
            "status": document.status,
            "labels": [asdict(label) for label in document.labels],
            "origin": asdict(document.origin),
            "annotator": stored(self.annotator),
            "image": stored(image.name),
        }
        write_atomic(self.sidecar_path(image), (json.dumps(record, indent=1) + "\n").encode())

    # --- two windows --------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether this process is the only one that draws here as this annotator; locked within the ``with`` block."""
        handle = self.take_lock()
        try:
            yield handle is not None
        finally:
            release_lock(handle)

    def take_lock(self) -> int | None:
        """A lock that ends with the process, however it ends; None if another process has it."""
        if fcntl is None:
            return -1
        name = hashlib.sha256(os.fsencode(os.path.realpath(self.folder))).hexdigest()[:24]
        path = ensure(config_folder() / "locks") / f"{slug(self.annotator)}-{name}.lock"
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise DataError(f"{path} cannot be opened: {error.strerror or error}.") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:  # a file system without locks
            pass
        return handle


def release_lock(handle: int | None) -> None:
    if handle is not None and handle >= 0:
        os.close(handle)


def read_sidecar(path: Path) -> Sidecar | None:
    """The sidecar of a mask; None if there is none, or if another program wrote a file of that name."""
    try:
        found: Any = json.loads(read_regular(path))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("vitinspect") != "mask":
        return None
    status = found.get("status")
    labels = []
    given = found.get("labels")
    for one in given if isinstance(given, list) else []:
        if isinstance(one, dict) and isinstance(one.get("value"), int) and 1 <= one["value"] <= 254:
            labels.append(Label(one["value"], str(one.get("name", one["value"])), str(one.get("colour", "#35D0BA"))))
    return Sidecar(
        status if status in STATUS_WORDS else "begun",
        tuple(labels) or (FOREGROUND,),
        origin_of(found.get("origin")),
    )


def _own_labels(values: np.ndarray, path: Path) -> tuple[np.ndarray, tuple[Label, ...]]:
    """The labels of a palette mask of another program: those of Pascal VOC, renumbered from 1 on; at most nine."""
    indices = [int(v) for v in np.unique(values) if v not in (0, IGNORE)]
    if len(indices) > 9:
        raise DataError(f"{path} has {len(indices)} labels; masks of up to 9 can be drawn on.")
    from vitinspect.annotation.document import COLOURS

    result = np.zeros_like(values)
    result[values == IGNORE] = IGNORE
    labels = []
    for number, index in enumerate(indices, 1):
        result[values == index] = number
        name = VOC_CLASSES[index] if index < len(VOC_CLASSES) else f"label {index}"
        labels.append(Label(number, name, COLOURS[number - 1]))
    return result, tuple(labels) or (FOREGROUND,)


def pictures_in(folder: Path) -> list[Path]:
    """The pictures below a folder, without masks beside them."""
    found = list_images(folder, recursive=True)
    return [path for path in found if path.relative_to(folder).parts[0] not in (MASKS, REPEATS)]


def annotators(data: Path) -> list[str]:
    """The annotators with masks here, by the names of folders."""
    folder = data / MASKS
    if not folder.is_dir():
        return []
    return sorted(e.name for e in folder.iterdir() if e.is_dir() and not e.name.startswith("."))


def last_annotator() -> str:
    """The name that was used last; empty if there was none."""
    try:
        found = json.loads(read_regular(config_folder() / "annotator.json"))
        return restored(found["name"]) if isinstance(found["name"], str) else ""
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def remember_annotator(name: str) -> None:
    ensure(config_folder())
    write_atomic(config_folder() / "annotator.json", json.dumps({"name": stored(name)}).encode())
