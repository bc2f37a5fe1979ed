"""The pictures in a folder: found by name alone, streamed, and in natural order.

A sorted list cannot be streamed, since the smallest name may come last. So there are two functions.
``scan_images`` yields names as the system lists them, in batches, the first after a moment whatever the size
of the folder; the caller merges each batch by ``natural_key``. ``list_images`` waits for all of them.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from vitinspect.errors import ImageError
from vitinspect.progress import CancelToken, check

_log = logging.getLogger(__name__)

SUFFIXES = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".tif", ".tiff", ".bmp", ".gif"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".jp2", ".j2k", ".avif", ".ico"}
)
"""Endings, in lower case, of the names that count as pictures."""

_DIGITS = re.compile(r"(\d+)")

NaturalKey = tuple[tuple[tuple[str | int, ...], ...], str]


def is_image_name(name: str) -> bool:
    """Whether a file of this name counts as a picture. Hidden files do not: ``._a.jpg`` is macOS's own."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def natural_key(path: str | os.PathLike[str]) -> NaturalKey:
    """A key that sorts ``img2`` before ``img10``, folder by folder, ignoring case."""
    text = os.fspath(path)
    # The text itself comes last, so that names which differ only in case or in leading zeros keep an order.
    return tuple(_part_key(part) for part in text.replace(os.sep, "/").split("/")), text


@lru_cache(maxsize=1024)  # many paths share the same folders
def _part_key(part: str) -> tuple[str | int, ...]:
    # Splitting at digits gives text, number, text, ...: numbers are compared with numbers only.
    return tuple(int(p) if i % 2 else p for i, p in enumerate(_DIGITS.split(part.casefold())))


def scan_images(
    folder: str | os.PathLike[str],
    recursive: bool = False,
    *,
    batch: int = 500,
    interval: float = 0.1,
    cancel: CancelToken | None = None,
    on_error: Callable[[ImageError], None] | None = None,
) -> Iterator[list[Path]]:
    """The pictures in ``folder`` in batches, unsorted, each batch as soon as it is full or ``interval`` old.

    No file is opened, and each folder is entered once, so that links in a circle end. A folder below that
    cannot be read goes to ``on_error`` (or to the log) and the rest is still listed; if ``folder`` itself
    cannot be read, an error is raised.
    """
    start = Path(folder)
    seen: set[tuple[int, int]] = set()
    waiting = deque([start])
    found: list[Path] = []
    last = time.monotonic()
    while waiting:
        current = waiting.popleft()
        try:
            status = os.stat(current)
            identity = (status.st_dev, status.st_ino)
            # Some file systems number every folder zero; there, links are distinguished by their target.
            if not status.st_ino:
                identity = (status.st_dev, hash(os.path.realpath(current)))
            if identity in seen:
                continue
            seen.add(identity)
            with os.scandir(current) as entries:
                for entry in entries:
                    check(cancel)
                    if _is_folder(entry):
                        if recursive and not entry.name.startswith("."):
                            waiting.append(Path(entry.path))
                    elif is_image_name(entry.name):
                        found.append(Path(entry.path))
                    now = time.monotonic()
                    if found and (len(found) >= batch or now - last >= interval):
                        yield found
                        found, last = [], now
        except OSError as error:
            problem = ImageError(_reason(current, error))
            if current == start:
                raise problem from error
            if on_error is None:
                _log.warning("%s", problem)
            else:
                on_error(problem)
    if found:
        yield found


def list_images(
    folder: str | os.PathLike[str],
    recursive: bool = False,
    *,
    cancel: CancelToken | None = None,
    on_error: Callable[[ImageError], None] | None = None,
) -> list[Path]:
    """All pictures in ``folder`` in natural order; see ``scan_images``."""
    batches = scan_images(folder, recursive, cancel=cancel, on_error=on_error)
    return sorted((path for found in batches for path in found), key=natural_key)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to a place that may not be read
        return False


def _reason(folder: Path, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"{folder}: there is no such folder."
    if error.errno == errno.ENOTDIR:
        return f"{folder} is a file, not a folder."
    if isinstance(error, PermissionError):
        return f"{folder} cannot be listed: permission denied."
    return f"{folder} cannot be listed: {error.strerror or error}."
