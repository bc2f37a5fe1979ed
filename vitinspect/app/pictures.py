"""Pictures ready to be painted at any zoom, decoded ahead, with a limit on the memory they take.

Enlarging and shrinking is Qt's work, but Qt shrinks by looking at two pixels in each direction: a picture shown at
a tenth of its size would be noise. So a picture is kept in halves of halves, and the next larger one is painted.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QImage

from vitinspect.errors import ImageError
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    import numpy as np

_HASHED_WHOLE = 512 << 20
_SMALLEST_LEVEL = 256


@dataclass(eq=False)
class Picture:
    """A decoded picture."""

    path: str
    content: str
    """A hash of the file's bytes: the picture's name in the caches, wherever the file is."""
    pixels: np.ndarray
    """Height x width x 3 of 8-bit numbers; nobody writes to it."""
    levels: list[QImage] = field(default_factory=list)
    """The picture, its half, its quarter, ..."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)"""
        return int(self.pixels.shape[0]), int(self.pixels.shape[1])

    @property
    def nbytes(self) -> int:
        return int(self.pixels.nbytes + sum(level.sizeInBytes() for level in self.levels[1:]))

    def level_for(self, scale: float) -> tuple[QImage, float]:
        """The smallest level that is at least as large as the picture at ``scale``; and its own scale."""
        chosen = 0
        while chosen + 1 < len(self.levels) and scale <= 0.5 ** (chosen + 1):
            chosen += 1
        level = self.levels[chosen]
        return level, level.width() / self.levels[0].width()


class _NamedBytes(io.BytesIO):
    """Bytes that say which file they came from, for the messages of the decoder."""

    name = ""


def decode(path: str, cancel: CancelToken | None = None) -> Picture:
    """Open ``path``; an ``ImageError`` names it and the reason."""
    import numpy as np

    # Painting needs these: imported here, in a thread of the pool, so that the window does not wait for them.
    import vitinspect.figures.overlay
    import vitinspect.maps  # noqa: F401
    from vitinspect.images import open_image

    source: Any = path
    digest = hashlib.blake2b(digest_size=16)
    try:
        status = os.stat(path)
        if os.path.isfile(path) and status.st_size <= _HASHED_WHOLE:
            with open(path, "rb") as file:
                data = file.read()
            digest.update(data)
            source = _NamedBytes(data)
            source.name = path
        else:
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}".encode("utf-8", "surrogateescape"))
    except OSError:
        source = path  # the function that opens it says what is wrong
    if cancel is not None:
        cancel.check()
    image = open_image(source)
    if cancel is not None:
        cancel.check()
    pixels = np.asarray(image)
    if not pixels.flags.c_contiguous:
        pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    if max(height, width) > 32_000:
        raise ImageError(f"{path} has {width} × {height} pixels; the window shows up to 32,000 a side.")
    picture = Picture(path, digest.hexdigest(), pixels, [QImage(pixels.data, width, height, 3 * width, _RGB)])
    smaller = image
    while max(smaller.size) > 2 * _SMALLEST_LEVEL:
        smaller = smaller.reduce(2)
        if cancel is not None:
            cancel.check()
        picture.levels.append(_qimage(smaller))
    return picture


_RGB = QImage.Format.Format_RGB888


def _qimage(image: Any) -> QImage:
    """A Pillow picture as Qt's own fastest format, with its own memory."""
    data = image.tobytes()
    width, height = image.size
    return QImage(data, width, height, 3 * width, _RGB).convertToFormat(QImage.Format.Format_RGB32)


MOST_PICTURES = 64
"""Nobody steps back farther than this at once, and small pictures are decoded quickly."""


class PictureCache:
    """Decoded pictures by path and file stamp; the least recently used ones are dropped first."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._kept: OrderedDict[tuple[str, int, int], Picture] = OrderedDict()
        self._bytes = 0

    def get(self, path: str) -> Picture | None:
        key = stamp(path)
        if key is None or key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    def put(self, picture: Picture) -> None:
        key = stamp(picture.path)
        if key is None:
            return
        if key in self._kept:
            self._bytes -= self._kept.pop(key).nbytes
        self._kept[key] = picture
        self._bytes += picture.nbytes
        self._shrink()

    def bound(self, most_bytes: int) -> None:
        """Change the limit."""
        self.most_bytes = most_bytes
        self._shrink()

    def _shrink(self) -> None:
        while (self._bytes > self.most_bytes and len(self._kept) > 1) or len(self._kept) > MOST_PICTURES:
            _, old = self._kept.popitem(last=False)
            self._bytes -= old.nbytes

    @property
    def nbytes(self) -> int:
        return self._bytes

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        self._kept.clear()
        self._bytes = 0

    def missing(self, paths: Iterable[str]) -> list[str]:
        return [path for path in paths if self.get(path) is None]


def stamp(path: str) -> tuple[str, int, int] | None:
    """What distinguishes a file from a newer one of the same name."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return path, status.st_size, status.st_mtime_ns
