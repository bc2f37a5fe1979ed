"""Several people's masks of one picture as counts: how many pixels were marked by exactly which people.

All agreement statistics and STAPLE need only these counts. There are at most 2^n of them for n people (4^n where
pixels are ignored), however large the picture is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation.coding import IGNORE
from vitinspect.errors import DataError

Mask = NDArray[np.uint8]
"""(H, W) of 0, 1, and 255 where the pixel is ignored."""
Box = tuple[slice, slice]
_DENSE_UP_TO = 16
"""The number of bits of a code up to which all codes are counted at once."""


@dataclass(frozen=True)
class Patterns:
    """The distinct combinations of people's labels of the pixels in a region, with their counts."""

    marked: NDArray[np.bool_]
    """(patterns, people): foreground."""
    known: NDArray[np.bool_]
    """(patterns, people): False where the pixel is ignored by that person."""
    counts: NDArray[np.int64]
    """(patterns,): pixels."""

    @property
    def people(self) -> int:
        return int(self.marked.shape[1])

    def within(self, area: int) -> Patterns:
        """The patterns in a box of this area around everything marked or ignored, which only has less background."""
        empty = ~self.marked.any(axis=1) & self.known.all(axis=1)
        missing = int(self.counts.sum()) - area
        counts = np.where(empty, self.counts - missing, self.counts)
        return Patterns(self.marked[counts > 0], self.known[counts > 0], counts[counts > 0])

    def pair(self, a: int, b: int) -> tuple[int, int, int, int]:
        """True positives, false positives, false negatives and true negatives of ``a`` against ``b``, where
        neither ignores the pixel."""
        counts = self.counts * (self.known[:, a] & self.known[:, b])
        first, second = self.marked[:, a], self.marked[:, b]
        return (
            int(counts[first & second].sum()),
            int(counts[first & ~second].sum()),
            int(counts[~first & second].sum()),
            int(counts[~first & ~second].sum()),
        )


@dataclass(frozen=True)
class Runs:
    """The pattern of each pixel, row by row, as pieces of equal pixels; outside of ``crop`` nothing is marked."""

    crop: Box
    which: NDArray[np.intp]
    """For each piece within the crop the number of its pattern."""
    lengths: NDArray[np.intp]
    outside: int
    """The pattern of all pixels outside of the crop, if there are any."""

    def painted(self, values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """A picture with one value for each pattern."""
        result = np.full(shape, values[self.outside], values.dtype)
        down, across = self.crop
        inside = np.repeat(values[self.which], self.lengths)
        result[self.crop] = inside.reshape(down.stop - down.start, across.stop - across.start)
        return result


def joined(parts: Sequence[Patterns]) -> Patterns:
    """The patterns of several pictures of the same people, as if they were one."""
    return Patterns(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("marked", "known", "counts")))


def coded(masks: Mapping[Any, Any]) -> dict[Any, Mask]:
    """Masks as 0, 1 and 255 for "ignore".

    Booleans and 0 and 1 are what they are. 255 is "ignore" as soon as any of the masks of numbers holds a 1; where all
    of them hold nothing but 0 and 255 it is foreground, as picture files have it.
    """
    arrays = {key: _checked(key, mask) for key, mask in masks.items()}
    if any(array.dtype != bool and array.size and array.max() > 1 for array in arrays.values()):
        white = not any((array == 1).any() for array in arrays.values() if array.dtype != bool)
        arrays = {key: _with_ignore(key, array, white) for key, array in arrays.items()}
    # Converted, not viewed: the booleans of a picture of one bit are bytes of 0 and 255.
    return {key: array.astype(np.uint8, copy=False) for key, array in arrays.items()}


def _checked(key: Any, mask: Any) -> NDArray[Any]:
    if isinstance(mask, np.ma.MaskedArray):
        mask = np.where(np.ma.getmaskarray(mask), IGNORE, mask.filled(0))
    array = np.asarray(mask)
    if array.ndim != 2 or not array.size:
        raise DataError(f"The mask {_called(key)} has the shape {array.shape}; a mask must have rows and columns.")
    if array.dtype == bool or array.dtype == np.uint8:
        return array
    whole = array.astype(np.uint8, casting="unsafe")
    if not np.array_equal(whole, array):
        raise DataError(f"The mask {_called(key)} contains other values than 0, 1 and 255 (ignore).")
    return whole


def _with_ignore(key: Any, array: NDArray[Any], white: bool) -> NDArray[Any]:
    if array.dtype == bool:
        return array
    if white:
        if not np.isin(array, (0, IGNORE)).all():
            raise DataError(f"The mask {_called(key)} contains other values than 0, 1 and 255 (ignore).")
        return array > 0
    if not np.isin(array, (0, 1, IGNORE)).all():
        raise DataError(f"The mask {_called(key)} contains other values than 0, 1 and 255 (ignore).")
    return array


def _called(key: Any) -> str:
    return " of ".join(map(str, reversed(key))) if isinstance(key, tuple) else f"by {key}"


def same_size(masks: Mapping[str, Mask], image: str) -> tuple[int, int]:
    """The masks' common size, or a ``DataError`` that names two masks that differ."""
    first, *rest = masks.items()
    for name, mask in rest:
        if mask.shape != first[1].shape:
            a, b = ("x".join(str(n) for n in m.shape[::-1]) for m in (first[1], mask))
            raise DataError(f"The masks of {image} differ in size: {a} by {first[0]} and {b} by {name}.")
    rows, columns = first[1].shape
    return int(rows), int(columns)


def patterns_of(masks: Sequence[Mask]) -> Patterns:
    """Count the combinations in these masks of one size."""
    return patterns_and_runs(masks)[0]


def patterns_and_runs(masks: Sequence[Mask]) -> tuple[Patterns, Runs]:
    """The patterns, and the pattern of each pixel.

    Pixels that nobody marks or ignores have the same pattern everywhere and are counted by area; the rest is stored as
    pieces of rows, which are far fewer than pixels.
    """
    crop, ignoring = box_of_any(masks)
    cut = [mask[crop] for mask in masks]
    people = len(masks)
    ignored = [ignoring and bool((mask == IGNORE).any()) for mask in cut]
    bits = people + sum(ignored)
    code = _codes(cut, ignored, np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint64).reshape(-1)
    starts = np.flatnonzero(code[1:] != code[:-1]) + 1
    starts = np.concatenate(([0], starts)) if code.size else starts
    lengths = np.diff(starts, append=code.size)
    values = code[starts]
    outside = masks[0].size - code.size
    if bits <= _DENSE_UP_TO:
        dense = np.bincount(values, weights=lengths, minlength=1)
        dense[0] += outside
        codes = np.flatnonzero(dense)
        counts = dense[codes]
        table = np.zeros(len(dense), dtype=np.intp)
        table[codes] = np.arange(len(codes))
        which, background = table[values], int(table[0])
    else:
        codes, which = np.unique(np.append(values, 0), return_inverse=True)
        counts = np.bincount(which, weights=np.append(lengths, outside))
        which, background = which[:-1], int(which[-1])
    codes = codes.astype(np.uint64)
    marked = (codes[:, None] >> np.arange(people, dtype=np.uint64)) & np.uint64(1) == 1
    known = np.ones_like(marked)
    place = people
    for k in range(people):
        if ignored[k]:
            known[:, k] = (codes >> np.uint64(place)) & np.uint64(1) == 0
            place += 1
    return Patterns(marked, known, counts.astype(np.int64)), Runs(crop, which, lengths, background)


def _codes(masks: Sequence[Mask], ignored: Sequence[bool], kind: Any) -> NDArray[Any]:
    """For each pixel a bit for each person who marks it, and higher bits for each person who ignores it."""
    code = np.zeros(masks[0].shape, dtype=kind)
    place = len(masks)
    for k, mask in enumerate(masks):
        marks = mask == 1 if ignored[k] else mask
        code |= marks.astype(kind) << kind(k)
        if ignored[k]:
            code |= (mask == IGNORE).astype(kind) << kind(place)
            place += 1
    return code


def box_of(masks: Sequence[Mask]) -> Box:
    """The smallest box around everything that any of the masks marks; empty if nothing is marked."""
    crop, ignoring = box_of_any(masks)
    if not ignoring:
        return crop
    down, across = _box_around(np.logical_or.reduce([mask[crop] == 1 for mask in masks]))
    top, left = crop[0].start, crop[1].start
    if down.stop == 0:
        return down, across
    return slice(top + down.start, top + down.stop), slice(left + across.start, left + across.stop)


def box_of_any(masks: Sequence[Mask]) -> tuple[Box, bool]:
    """The smallest box around everything that is not background in all masks, and whether anything is ignored."""
    union = masks[0]
    for number, mask in enumerate(masks[1:]):
        union = np.bitwise_or(union, mask, out=union if number else None)
    ignoring = bool(union.size and union.max() > 1)
    return _box_around(union), ignoring


def _box_around(marks: NDArray[Any]) -> Box:
    """The smallest box around nonzero pixels; an empty box if there are none."""
    across = np.flatnonzero(np.bitwise_or.reduce(marks, axis=0))
    if not across.size:
        return slice(0, 0), slice(0, 0)
    left, right = int(across[0]), int(across[-1]) + 1
    down = np.flatnonzero(marks[:, left:right].any(axis=1))
    return slice(int(down[0]), int(down[-1]) + 1), slice(left, right)


def around(boxes: Sequence[Box]) -> Box:
    """The box around several boxes, without empty ones."""
    there = [box for box in boxes if box[0].stop]
    if not there:
        return slice(0, 0), slice(0, 0)
    down = slice(min(box[0].start for box in there), max(box[0].stop for box in there))
    return down, slice(min(box[1].start for box in there), max(box[1].stop for box in there))
