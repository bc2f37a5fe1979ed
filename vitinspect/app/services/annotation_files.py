"""COCO and CVAT files beside the pictures: which there are, and what they say about a picture.

They are read in the pool, since they may be large, and kept for all callers: ``of`` says what is known by now.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from vitinspect.app import collecting
from vitinspect.errors import DataError

if TYPE_CHECKING:
    from vitinspect.annotation.formats.shapes import Picture

_log = logging.getLogger(__name__)

NAMES = ("annotations.json", "annotations.xml", "instances.json", "instances_default.json", "_annotations.coco.json")
"""Those of a folder's own name, ``instances_FOLDER.json``, come before them."""
LARGEST = 32 << 20
"""Bytes. Larger files are not read automatically; ``vitinspect masks import`` imports them."""
MOST, KEPT = 4, 4
"""How many files of a folder are read, and how many are kept in memory."""


@dataclass(frozen=True)
class AnnotationFile:
    """A file as it was when its folder was read; one that was written again is a different one."""

    path: str
    size: int
    time: int


class Shapes:
    """The pictures of a file by the last part of their names."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self._pictures: dict[str, list[Picture]] = {}
        for picture in pictures:
            self._pictures.setdefault("".join(_parts(picture.name)[-1:]), []).append(picture)

    def find(self, image: str) -> Picture | None:
        """The picture of a path; None where there is none, or where it can be two."""
        found = self._pictures.get(os.path.basename(image), [])
        if len(found) > 1:
            parts = PurePath(image).parts
            found = [one for one in found if parts[-len(_parts(one.name)) :] == _parts(one.name)]
        return found[0] if len(found) == 1 else None


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


class KnownFiles:
    """What was read of annotation files, for all who look for masks."""

    def __init__(self) -> None:
        self._kept: OrderedDict[AnnotationFile, Shapes] = OrderedDict()
        self._reading = threading.Lock()

    def get(self, file: AnnotationFile) -> Shapes | None:
        """None where it has not been read yet."""
        return self._kept.get(file)

    def read(self, file: AnnotationFile) -> Shapes:
        """Read a file, where that was not done already; one that holds no annotations has no pictures."""
        with self._reading:
            found = self._kept.get(file)
            if found is None:
                with collecting.paused():
                    found = self._kept[file] = _read(file.path)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return found


KNOWN = KnownFiles()


def _read(path: str) -> Shapes:
    from vitinspect.annotation.formats import coco, cvat
    from vitinspect.annotation.masks import open_annotations

    try:
        found = open_annotations(path)
    except Exception as error:  # another program wrote it
        _log.info("No masks are taken from %s: %s", path, error)
        return Shapes(())
    return Shapes(found.pictures if found.format in (coco.FORMAT, cvat.FORMAT) else ())


class FolderAnnotations:
    """The annotation files of a folder of pictures: in it, beside it, or in ``annotations`` beside it."""

    def __init__(self, folder: str) -> None:
        above, name = os.path.split(folder)
        own = _files(folder, NAMES)
        places = (above, os.path.join(above, "annotations")) if name else ()
        # Other folders beside it may have pictures of the same names: the file with this folder's name comes first.
        named = [file for place in places for file in _files(place, (f"instances_{name}.json",))]
        beside = [file for place in places for file in _files(place, NAMES)]
        self._groups = (own, named, beside)

    @property
    def files(self) -> list[AnnotationFile]:
        return [file for group in self._groups for file in group][:MOST]

    @property
    def unread(self) -> list[AnnotationFile]:
        return [file for file in self.files if KNOWN.get(file) is None]

    def labels(self, image: str) -> tuple[str, tuple[str, ...]]:
        """The file that holds shapes of a picture, and their labels; nothing where two files do."""
        read = self.files
        for group in self._groups:
            found = []
            for file in group:
                if file not in read:
                    continue
                shapes = KNOWN.get(file)
                picture = shapes.find(image) if shapes is not None else None
                if picture is not None and picture.labels():
                    found.append((file.path, tuple(picture.labels())))
            if found:
                return found[0] if len(found) == 1 else ("", ())
        return "", ()


def draw(path: str, image: str, label: str, size: tuple[int, int]) -> Any:
    """The mask of a label of a picture, 0, 1 and 255."""
    from vitinspect.annotation.formats.shapes import sizes_differ

    file = _file(path)
    picture = KNOWN.read(file).find(image) if file is not None else None
    if picture is None:
        raise DataError(f"{path} no longer contains {os.path.basename(image)}.")
    if picture.size is not None and picture.size != size:
        raise sizes_differ(f"{path}: {picture.name}", picture.size, image, size)
    return picture.mask(label, size)


def _files(folder: str, names: Sequence[str]) -> list[AnnotationFile]:
    # Asked for by name, since listing a hundred thousand pictures takes long.
    found = (_file(os.path.join(folder, name)) for name in names)
    return [file for file in found if file is not None]


def _file(path: str) -> AnnotationFile | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
        return None
    return AnnotationFile(path, status.st_size, status.st_mtime_ns)
