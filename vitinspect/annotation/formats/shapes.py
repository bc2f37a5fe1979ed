"""The content of an annotation file, whatever its format: for each picture a size and labelled shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation.coding import IGNORE
from vitinspect.errors import DataError

Size = tuple[int, int]
"""Height and width."""

IGNORE_LABELS = frozenset({"ignore", "__ignore__", "_ignore_", "void"})
BACKGROUND_LABELS = frozenset({"background", "__background__", "_background_"})
FOREGROUND = "foreground"


@dataclass(frozen=True)
class Shape:
    """One shape of one label. ``draw`` computes its pixels when they are needed, or raises why it has none."""

    label: str
    draw: Callable[[Size], NDArray[np.bool_]]

    @property
    def ignored(self) -> bool:
        return self.label.strip().casefold() in IGNORE_LABELS

    @property
    def background(self) -> bool:
        return self.label.strip().casefold() in BACKGROUND_LABELS


@dataclass
class Picture:
    """One picture of an annotation file: its name and size in the file, and its shapes in order."""

    name: str
    size: Size | None
    shapes: list[Shape] = field(default_factory=list)

    def labels(self) -> list[str]:
        """The labels of the shapes in the order of their first one, without ignored and background shapes."""
        found = (s.label for s in self.shapes if not s.ignored and not s.background)
        return list(dict.fromkeys(found))

    def mask(self, label: str | None, size: Size) -> NDArray[np.uint8]:
        """1 where a shape of the label (of any, for None) lies, 255 where an "ignore" shape lies (it has priority)."""
        result = np.zeros(size, np.uint8)
        for shape in self.shapes:
            if not shape.ignored and not shape.background and label in (None, shape.label):
                result[shape.draw(size)] = 1
        for shape in self.shapes:
            if shape.ignored:
                result[shape.draw(size)] = IGNORE
        return result


@dataclass
class Annotations:
    """An annotation file: its format by name, and its pictures."""

    path: str
    format: str
    pictures: list[Picture]

    def __iter__(self) -> Iterator[Picture]:
        return iter(self.pictures)

    def find(self, image: str) -> Picture:
        """The picture whose name is ``image``: the whole name, else its last part, else without its ending."""
        wanted = PurePosixPath(image.replace("\\", "/"))
        for key in (_whole, _last, _stem):
            found = [p for p in self.pictures if key(PurePosixPath(p.name.replace("\\", "/"))) == key(wanted)]
            if len(found) == 1:
                return found[0]
            if len(found) > 1:
                names = ", ".join(p.name for p in found[:4])
                raise DataError(f"{self.path} has {len(found)} pictures that match {image}: {names}.")
        names = ", ".join(p.name for p in self.pictures[:4]) or "none"
        more = f" and {len(self.pictures) - 4} more" if len(self.pictures) > 4 else ""
        raise DataError(f"{self.path} ({self.format}) has no picture {wanted.name}; it has {names}{more}.")


def _whole(path: PurePosixPath) -> str:
    return str(path)


def _last(path: PurePosixPath) -> str:
    return path.name


def _stem(path: PurePosixPath) -> str:
    return path.stem


def sizes_differ(what: str, found: Size, picture: str, size: Size) -> DataError:
    """The error for a mask of another size than the picture, with both sizes; masks are never resampled silently."""
    return DataError(
        f"{what} is {found[1]} × {found[0]} pixels, but the picture {picture} is {size[1]} × {size[0]}; masks are not"
        " resampled."
    )


def refused(label: str, reason: str) -> Shape:
    """A shape without pixels, whose ``draw`` raises the reason."""

    def draw(size: Size) -> NDArray[np.bool_]:
        raise DataError(reason)

    return Shape(label, draw)
