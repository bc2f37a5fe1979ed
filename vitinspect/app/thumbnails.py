"""Thumbnails: made in the pool, kept in memory for recently shown pictures and on disk for later sessions.

On disk a thumbnail is found by path, size and modification time, so that a picture which was edited gets a new one.
The disk cache has a limit in bytes; those that were not shown for longest are deleted first.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from vitinspect import paths
from vitinspect.app.compute.thread_pool import CHORES, THUMBNAIL, Background, Job
from vitinspect.errors import ImageError
from vitinspect.progress import CancelToken
from vitinspect.regular_files import read_regular

_log = logging.getLogger(__name__)

SIZE = 96
"""The longer side in logical pixels; stored twice as large for screens that have them."""
STORED = 192
MOST_IN_MEMORY = 600


class Broken:
    """Takes the place of a thumbnail that cannot be made; says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Thumbnails(QObject):
    """``get`` returns a thumbnail, or requests it and returns None; ``arrived`` is emitted when it is ready."""

    arrived = Signal(str)

    def __init__(self, background: Background, most_bytes: int = 256 << 20, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._kept: OrderedDict[str, QImage | Broken] = OrderedDict()
        self._asked: set[str] = set()
        self.most_bytes = most_bytes
        self._written = 0

    def get(self, path: str) -> QImage | Broken | None:
        found = self._kept.get(path)
        if found is not None:
            self._kept.move_to_end(path)
            return found
        if path not in self._asked:
            self._asked.add(path)
            self._background.submit(
                THUMBNAIL,
                Job(
                    lambda cancel: make(path, cancel),
                    done=lambda result, error: self._arrived(path, result, error),
                    # Asked for again when it is scrolled back to.
                    dropped=lambda: self._asked.discard(path),
                ),
            )
        return None

    def forget(self, path: str | None = None) -> None:
        """Forget the thumbnail of one file that changed, or all of them."""
        if path is None:
            self._kept.clear()
        else:
            self._kept.pop(path, None)

    def _arrived(self, path: str, result: Any, error: BaseException | None) -> None:
        self._asked.discard(path)
        if error is not None:
            if not isinstance(error, ImageError):
                _log.warning("No thumbnail of %s: %s", path, error)
            result = Broken(str(error))
        self._kept[path] = result
        while len(self._kept) > MOST_IN_MEMORY:
            self._kept.popitem(last=False)
        self._written += 1
        if self._written % 500 == 0:
            self.prune()
        self.arrived.emit(path)

    def prune(self) -> None:
        """Bring the disk cache below its limit, in the pool."""
        self._background.submit(CHORES, Job(lambda cancel: prune(folder(), self.most_bytes, cancel)))


def folder() -> Path:
    return paths.cache_folder() / "thumbnails"


def _file_for(path: str) -> Path:
    status = os.stat(path)
    name = f"{os.path.abspath(path)}\0{status.st_size}\0{status.st_mtime_ns}\0{STORED}"
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    return folder() / digest[:2] / f"{digest[2:]}.thumbnail"


def make(path: str, cancel: CancelToken | None = None) -> QImage:
    """From the disk cache, or from the picture and then into the disk cache."""
    from vitinspect.images import thumbnail

    try:
        kept = _file_for(path)
    except OSError:
        kept = None  # the function that opens it says what is wrong
    if kept is not None:
        found = _read(kept)
        if found is not None:
            return found
    small = thumbnail(path, STORED)
    if cancel is not None:
        cancel.check()
    data = small.tobytes()
    width, height = small.size
    image = QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888).convertToFormat(
        QImage.Format.Format_RGB32
    )
    if kept is not None:
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=85)
        _put(kept, buffer.getvalue())
    return image


def _read(path: Path) -> QImage | None:
    """A stored thumbnail; None where there is none, or where it was damaged."""
    from vitinspect.files import unsealed

    try:
        data = unsealed(read_regular(path))
    except OSError:
        return None
    found = QImage() if data is None else QImage.fromData(data)
    return None if found.isNull() else found.convertToFormat(QImage.Format.Format_RGB32)


def _put(path: Path, data: bytes) -> None:
    from vitinspect.files import sealed

    # If the cache cannot be written, the thumbnail is still shown, and made again later.
    beside = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(sealed(data))
        os.replace(beside, path)
    except OSError as error:
        _log.info("The thumbnail cache cannot be written: %s", error)
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def prune(root: Path, most_bytes: int, cancel: CancelToken | None = None) -> int:
    """Delete the oldest files below ``root`` until ``most_bytes`` are left; returns how many bytes are left."""
    found = []
    total = 0
    for top, _, names in os.walk(root):
        if cancel is not None:
            cancel.check()
        for name in names:
            path = os.path.join(top, name)
            try:
                status = os.stat(path)
            except OSError:
                continue
            found.append((max(status.st_atime, status.st_mtime), status.st_size, path))
            total += status.st_size
    for _, size, path in sorted(found):
        if total <= most_bytes:
            break
        try:
            os.unlink(path)
        except OSError:
            continue
        total -= size
    return total
