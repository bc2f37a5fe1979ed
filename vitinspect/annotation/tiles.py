"""Compressed tiles of a label image, for undo and the journal.

The image is split into tiles of 256 x 256. A tile of one value is stored as that value, one of two values as a bit per
pixel; any other is compressed. So a stroke on a picture of 24 million pixels takes kilobytes, not a copy of it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation.strokes import Rectangle
from vitinspect.errors import DataError

SIDE = 256
Place = tuple[int, int]
"""Row and column of a tile, counted in tiles."""

_HEADER = struct.Struct("<IIcBBI")  # row, column, kind, value, value, bytes that follow
_ONE, _TWO, _MANY = b"1", b"2", b"m"


def places(rectangle: Rectangle) -> Iterator[Place]:
    """The tiles that a rectangle touches."""
    for row in range(rectangle.top // SIDE, (rectangle.bottom - 1) // SIDE + 1):
        for column in range(rectangle.left // SIDE, (rectangle.right - 1) // SIDE + 1):
            yield row, column


def area(place: Place) -> tuple[slice, slice]:
    row, column = place
    return slice(row * SIDE, (row + 1) * SIDE), slice(column * SIDE, (column + 1) * SIDE)


def pack(tile: NDArray[np.uint8]) -> bytes:
    """One tile: a kind, two values, and further bytes if needed."""
    low, high = int(tile.min()), int(tile.max())
    if low == high:
        return _ONE + bytes((low, high))
    is_high = tile == high
    if int(is_high.sum()) + int((tile == low).sum()) == tile.size:
        return _TWO + bytes((low, high)) + np.packbits(is_high).tobytes()
    return _MANY + bytes((low, high)) + zlib.compress(np.ascontiguousarray(tile).tobytes(), 1)


def unpack(data: bytes, shape: tuple[int, int]) -> NDArray[np.uint8]:
    kind, low, high, rest = data[:1], data[1], data[2], data[3:]
    count = shape[0] * shape[1]
    try:
        if kind == _ONE:
            return np.full(shape, low, np.uint8)
        if kind == _TWO:
            bits = np.unpackbits(np.frombuffer(rest, np.uint8), count=count).reshape(shape)
            return np.where(bits, np.uint8(high), np.uint8(low)).astype(np.uint8)
        if kind == _MANY:
            plain = zlib.decompressobj().decompress(rest, count + 1)
            return np.frombuffer(plain, np.uint8).reshape(shape).copy()
    except (ValueError, zlib.error) as error:
        raise DataError(f"A part of a mask is damaged ({error}).") from error
    raise DataError("A part of a mask is of an unknown kind.")


class Patch:
    """The contents of some tiles of one image."""

    def __init__(self) -> None:
        self.tiles: dict[Place, bytes] = {}

    def __bool__(self) -> bool:
        return bool(self.tiles)

    @property
    def nbytes(self) -> int:
        return sum(len(data) + 100 for data in self.tiles.values())

    def take(self, values: NDArray[np.uint8], place: Place) -> None:
        """Keep the present content of a tile, if it is not kept yet."""
        if place not in self.tiles:
            self.tiles[place] = pack(values[area(place)])

    def put(self, values: NDArray[np.uint8]) -> Rectangle | None:
        """Write the tiles into an image; returns the rectangle around them."""
        touched: Rectangle | None = None
        for place, data in self.tiles.items():
            target = values[area(place)]
            target[...] = unpack(data, target.shape)
            row, column = place[0] * SIDE, place[1] * SIDE
            touched = Rectangle(row, column, row + target.shape[0], column + target.shape[1]).union(touched)
        return touched

    def same_places(self, values: NDArray[np.uint8]) -> Patch:
        """The present content of an image at the tiles of this patch."""
        result = Patch()
        for place in self.tiles:
            result.take(values, place)
        return result

    def without_same(self, values: NDArray[np.uint8]) -> Patch:
        """Only the tiles that differ from the image's present content."""
        result = Patch()
        for place, data in self.tiles.items():
            target = values[area(place)]
            if pack(target) != data:
                result.tiles[place] = data
        return result

    def to_bytes(self) -> bytes:
        parts = []
        for (row, column), data in self.tiles.items():
            parts.append(_HEADER.pack(row, column, data[:1], data[1], data[2], len(data) - 3))
            parts.append(data[3:])
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes, size: tuple[int, int]) -> Patch:
        """The patch from the result of ``to_bytes``, for an image of this size; a ``DataError`` for damaged bytes."""
        result, place = cls(), 0
        while place < len(data):
            if place + _HEADER.size > len(data):
                raise DataError("A part of a mask is cut short.")
            row, column, kind, low, high, count = _HEADER.unpack_from(data, place)
            place += _HEADER.size
            if place + count > len(data) or row * SIDE >= size[0] or column * SIDE >= size[1]:
                raise DataError("A part of a mask is cut short or lies outside of it.")
            result.tiles[row, column] = kind + bytes((low, high)) + data[place : place + count]
            place += count
        return result

    @classmethod
    def of_whole(cls, values: NDArray[np.uint8]) -> Patch:
        """All of an image."""
        result = cls()
        for place in places(Rectangle(0, 0, *values.shape)):
            result.take(values, place)
        return result
