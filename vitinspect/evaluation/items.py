"""The pictures of a data set, and how their files are read. ``datasets`` lists them from a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from vitinspect.evaluation.mask_codings import MaskCoding
from vitinspect.images import is_image_name, open_image

if TYPE_CHECKING:
    from PIL import Image

ONE_ANNOTATOR = ""
"""The name of the annotator if there is only one set of masks."""


@dataclass(frozen=True)
class Item:
    """One picture of a data set."""

    key: str
    """Its path relative to the data set, as ``names.stored`` keeps it: its key in the run folder."""
    path: Path
    masks: dict[str, Path] = field(default_factory=dict)
    """Annotator to file."""
    label: str | None = None
    only: int | None = None
    """The one label of the mask that is foreground; None: those of the coding."""
    problem: str = ""
    """Why it cannot be used, if found while listing."""


def split_key(key: str) -> tuple[str, str]:
    """The picture of an item's key, and the class if the item is for one class of the picture: ``picture#class``.

    The name of a picture may contain the ``#``, so a key that ends like a picture's name has no class.
    """
    if is_image_name(PurePosixPath(key).name):
        return key, ""
    picture, _, part = key.rpartition("#")
    return (picture, part) if picture else (key, "")


@dataclass(frozen=True)
class Dataset:
    """The pictures in a fixed order, and how their masks are read."""

    root: Path
    layout: str
    items: tuple[Item, ...]
    coding: MaskCoding = field(default_factory=MaskCoding)
    """How mask files are read."""
    notes: tuple[str, ...] = ()
    """Sentences about what was found in the folder and not used."""
    ignoring: frozenset[str] = frozenset()
    """Annotators whose grey masks leave 255 out beside 1: it is left out of those without foreground too."""

    def __len__(self) -> int:
        return len(self.items)

    @property
    def annotators(self) -> tuple[str, ...]:
        found = {name: None for item in self.items for name in item.masks}
        return tuple(sorted(found))

    def open_picture(self, item: Item) -> Image.Image:
        return open_image(item.path)

    def read_mask(self, item: Item, annotator: str) -> np.ndarray:
        """(H, W) bytes: 0 background, 1 foreground, 255 ignored."""
        return self.coding.read(item.masks[annotator], item.only, white_ignored=annotator in self.ignoring)
