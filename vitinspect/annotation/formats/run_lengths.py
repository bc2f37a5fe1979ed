"""Run lengths: a mask as the lengths of its runs, background first.

COCO counts down the columns and packs the counts into a text (six bits per character; from the third on, differences to
the last count but one); CVAT counts along the rows. Lengths are checked before they are expanded, since a damaged file
may contain any number.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vitinspect.errors import DataError


def decode(counts: Sequence[int], height: int, width: int, where: str, *, columns: bool) -> NDArray[np.bool_]:
    """The mask of the run lengths, counted down the columns or along the rows."""
    total = 0
    for count in counts:
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise DataError(f"{where}: {count!r} is not the length of a run.")
        total += count
    if total != height * width:
        raise DataError(f"{where}: its runs have {total} pixels, but {width} × {height} are {height * width}.")
    values = np.zeros(len(counts), bool)
    values[1::2] = True
    flat = np.repeat(values, np.asarray(counts, np.int64))
    return np.ascontiguousarray(flat.reshape(width, height).T) if columns else flat.reshape(height, width)


def encode(mask: NDArray, *, columns: bool) -> list[int]:
    """The run lengths of a mask."""
    flat = mask.astype(bool).reshape(-1, order="F" if columns else "C")
    if not flat.size:
        return []
    borders = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(np.concatenate(([0], borders, [flat.size]))).tolist()
    return [0, *lengths] if flat[0] else lengths


def unpack(text: str | bytes, where: str) -> list[int]:
    """COCO's text as counts."""
    data = text.encode("ascii", "replace") if isinstance(text, str) else text
    counts: list[int] = []
    place = 0
    while place < len(data):
        value, shift, more = 0, 0, True
        while more:
            if place >= len(data) or shift > 60:
                raise DataError(f"{where}: its run lengths are cut short or damaged.")
            symbol = data[place] - 48
            if not 0 <= symbol < 64:
                raise DataError(f"{where}: its run lengths contain the invalid character {chr(data[place])!r}.")
            value |= (symbol & 31) << shift
            more = bool(symbol & 32)
            place, shift = place + 1, shift + 5
            if not more and symbol & 16:
                value -= 1 << shift
        if len(counts) > 2:
            value += counts[-2]
        if value < 0:
            raise DataError(f"{where}: a run has the length {value}.")
        counts.append(value)
    return counts


def pack(counts: Sequence[int]) -> str:
    """Counts as COCO's text."""
    symbols: list[int] = []
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            symbol = value & 31
            value >>= 5
            more = value != (-1 if symbol & 16 else 0)
            symbols.append((symbol | 32 if more else symbol) + 48)
    return bytes(symbols).decode("ascii")
