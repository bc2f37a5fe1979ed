"""Which pictures have a mask: by name alone, in the folders where people keep them."""

from __future__ import annotations

import os
from collections.abc import Callable

_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".jpg", ".jpeg")


class MaskFinder:
    """Masks beside ``images/`` in ``masks/`` (or in ``masks/`` below the pictures), of the same base name."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = {}

    def find(self, image: str) -> str:
        """The mask of an image; empty where there is none."""
        folder, name = os.path.split(image)
        return self._of(folder).get(os.path.splitext(name)[0], "")

    def filter(self) -> Callable[[str], bool]:
        self._known.clear()
        return lambda path: bool(self.find(path))

    def _of(self, folder: str) -> dict[str, str]:
        found = self._known.get(folder)
        if found is None:
            found = {}
            for place in (os.path.join(os.path.dirname(folder), "masks"), os.path.join(folder, "masks")):
                found.update(_masks_in(place))
            if len(self._known) > 1000:
                self._known.clear()
            self._known[folder] = found
        return found


def _masks_in(folder: str) -> dict[str, str]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return {}
    return {
        stem: os.path.join(folder, name)
        for name in sorted(names)
        for stem, ending in (os.path.splitext(name),)
        if ending.lower() in _SUFFIXES
    }
