"""Masks that are kept compressed in memory: a megapixel takes a few thousand bytes instead of a million."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation.coding import IGNORE

_LEVEL = 1
"""The level of compression: masks have large areas of one value, and more effort gains little."""


@dataclass(frozen=True)
class PackedMask:
    """A mask of 0, 1 and 255; ``np.asarray`` gives a new array of it."""

    shape: tuple[int, int]
    marked: bytes
    ignored: bytes
    """Empty where nothing is ignored."""
    ndim = 2
    dtype = np.dtype(np.uint8)

    @classmethod
    def of(cls, mask: NDArray[np.uint8]) -> PackedMask:
        ignored = _packed(mask == IGNORE) if mask.size and mask.max() == IGNORE else b""
        return cls((int(mask.shape[0]), int(mask.shape[1])), _packed(mask == 1), ignored)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        mask = self._unpacked(self.marked)
        if self.ignored:
            mask |= self._unpacked(self.ignored) * np.uint8(IGNORE)
        return mask if dtype is None else mask.astype(dtype, copy=False)

    def _unpacked(self, data: bytes) -> NDArray[np.uint8]:
        bits = np.frombuffer(zlib.decompress(data), np.uint8)
        return np.unpackbits(bits, count=self.shape[0] * self.shape[1]).reshape(self.shape)


def _packed(bits: NDArray[np.bool_]) -> bytes:
    return zlib.compress(np.packbits(bits).tobytes(), _LEVEL)
