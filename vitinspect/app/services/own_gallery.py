"""A person's own copy of the bundled gallery, in the user's data folder, for masks that are drawn on its pictures.

The bundled files belong to the program: they may be read-only, and a new version replaces them. The pictures that are
shown are the bundled ones; only their masks are looked for in the copy, as soon as there is one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from vitinspect import paths, resources
from vitinspect.errors import DataError, VitInspectError


def own_gallery() -> Path:
    """Where the copy is, or would be."""
    return paths.data_folder() / "gallery"


def is_bundled(data: Path) -> bool:
    """Whether a folder with ``images/`` and ``masks/`` is the bundled gallery."""
    if data.name != "gallery":
        return False
    try:
        return data.resolve() == resources.gallery_folder().resolve()
    except (VitInspectError, OSError):
        return False


def masks_beside(data: Path) -> Path:
    """The folder that has the masks for ``data``: itself, but for the bundled gallery the copy, if there is one."""
    own = own_gallery()
    return own if is_bundled(data) and own.is_dir() else data


def to_write(data: Path) -> Path:
    """The same, for masks that will be written: the copy is made if there is none. A ``DataError`` says why not."""
    if not is_bundled(data):
        return data
    own = own_gallery()
    if not own.is_dir():
        _copy(data, own)
    return own


def as_opened(image: Path) -> Path:
    """For a picture of the copy, the bundled picture, which is the one that is shown."""
    own = own_gallery()
    if own not in image.parents:
        return image
    try:
        bundled = resources.gallery_folder() / image.relative_to(own)
    except VitInspectError:
        return image
    return bundled if bundled.is_file() else image


def _copy(bundled: Path, own: Path) -> None:
    """Copied whole or not at all. Permissions are not copied: the bundled files may be read-only."""
    above = paths.ensure(own.parent)
    try:
        with tempfile.TemporaryDirectory(prefix=".gallery-", dir=above) as made:
            new = Path(made) / own.name
            for folder, _, names in os.walk(bundled):
                to = new / Path(folder).relative_to(bundled)
                to.mkdir()
                for name in names:
                    shutil.copyfile(Path(folder) / name, to / name)
            if not own.is_dir():  # another window may have made it
                new.rename(own)
    except OSError as error:
        raise DataError(
            f"The bundled pictures cannot be copied to {own}, where masks of them are kept: {error.strerror or error}."
        ) from error
