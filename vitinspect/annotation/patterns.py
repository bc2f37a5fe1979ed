"""Several people's masks of one picture as counts: how many pixels were marked by exactly these people.

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
"""(H, W) of 0, 1, and 255 where the pixel counts for nothing."""
_DENSE_UP_TO = 20
"""Bits of a code up to which all codes are counted at once."""


@dataclass(frozen=True)
class Patterns:
    """What the people said of the pixels of a region, each combination once."""

    marked: NDArray[np.bool_]
    """(patterns, people): foreground."""
    known: NDArray[np.bool_]
    """(patterns, people): False where the pixel is ignored by that person."""
    counts: NDArray[np.int64]
    """(patterns,): pixels."""

    @property
    def people(self) -> int:
        return int(self.marked.shape[1])

    def pair(self, a: int, b: int) -> tuple[int, int, int, int]:
        """True positives, false positives, false negatives and true negatives of ``a`` against ``b``, where both
        know."""
        counts = self.counts * (self.known[:, a] & self.known[:, b])
        first, second = self.marked[:, a], self.marked[:, b]
        return (
            int(counts[first & second].sum()),
            int(counts[first & ~second].sum()),
            int(counts[~first & second].sum()),
            int(counts[~first & ~second].sum()),
        )


def joined(parts: Sequence[Patterns]) -> Patterns:
    """The patterns of several pictures of the same people, as if they were one."""
    return Patterns(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("marked", "known", "counts")))


def coded(masks: Mapping[Any, Any]) -> dict[Any, Mask]:
    """Masks as 0, 1 and 255 for "ignore".

    Booleans and 0 and 1 are what they are. 255 is "ignore" as soon as any of these masks holds a 1; where all of them
    hold nothing but 0 and 255 it is foreground, as picture files have it.
    """
    arrays = {key: _checked(key, mask) for key, mask in masks.items()}
    if any(array.dtype != bool and array.size and array.max() > 1 for array in arrays.values()):
        white = not any((array == 1).any() for array in arrays.values())
        arrays = {key: _with_ignore(key, array, white) for key, array in arrays.items()}
    return {key: array.view(np.uint8) if array.dtype == bool else array for key, array in arrays.items()}


def _checked(key: Any, mask: Any) -> NDArray[Any]:
    if isinstance(mask, np.ma.MaskedArray):
        mask = np.where(np.ma.getmaskarray(mask), IGNORE, mask.filled(0))
    array = np.asarray(mask)
    if array.ndim != 2 or not array.size:
        raise DataError(f"The mask {_called(key)} has the shape {array.shape}; a mask has rows and columns.")
    if array.dtype == bool or array.dtype == np.uint8:
        return array
    whole = array.astype(np.uint8, casting="unsafe")
    if not np.array_equal(whole, array):
        raise DataError(f"The mask {_called(key)} holds other values than 0, 1 and 255 (ignore).")
    return whole


def _with_ignore(key: Any, array: NDArray[Any], white: bool) -> NDArray[Any]:
    if array.dtype == bool:
        return array
    if white:
        if not np.isin(array, (0, IGNORE)).all():
            raise DataError(f"The mask {_called(key)} holds other values than 0, 1 and 255 (ignore).")
        return array > 0
    if not np.isin(array, (0, 1, IGNORE)).all():
        raise DataError(f"The mask {_called(key)} holds other values than 0, 1 and 255 (ignore).")
    return array


def _called(key: Any) -> str:
    return " of ".join(map(str, reversed(key))) if isinstance(key, tuple) else f"by {key}"


def same_size(masks: Mapping[str, Mask], image: str) -> tuple[int, int]:
    """The masks' common size, or a sentence that names the two that differ."""
    first, *rest = masks.items()
    for name, mask in rest:
        if mask.shape != first[1].shape:
            a, b = ("x".join(str(n) for n in m.shape[::-1]) for m in (first[1], mask))
            raise DataError(f"The masks of {image} differ in size: {a} by {first[0]} and {b} by {name}.")
    rows, columns = first[1].shape
    return int(rows), int(columns)


def patterns_of(masks: Sequence[Mask]) -> Patterns:
    """Count the combinations in these masks of one size."""
    return _count(masks, places=False)[0]


def patterns_and_places(masks: Sequence[Mask]) -> tuple[Patterns, NDArray[np.intp]]:
    """The patterns, and for each pixel which of them it has."""
    patterns, places = _count(masks, places=True)
    assert places is not None
    return patterns, places


def _count(masks: Sequence[Mask], *, places: bool) -> tuple[Patterns, NDArray[np.intp] | None]:
    people = len(masks)
    ignoring = [bool((mask == IGNORE).any()) for mask in masks]
    bits = people + sum(ignoring)
    kind: Any = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint64
    code = _codes(masks, ignoring, kind)
    if bits <= _DENSE_UP_TO:
        dense = np.bincount(code.reshape(-1), minlength=1)
        codes = np.flatnonzero(dense)
        counts = dense[codes]
        table = np.zeros(len(dense), dtype=np.intp)
        table[codes] = np.arange(len(codes))
        which = table[code] if places else None
    else:
        codes, inverse, counts = np.unique(code, return_inverse=True, return_counts=True)
        which = inverse.reshape(masks[0].shape)
    codes = codes.astype(np.uint64)
    marked = (codes[:, None] >> np.arange(people, dtype=np.uint64)) & np.uint64(1) == 1
    known = np.ones_like(marked)
    place = people
    for k in range(people):
        if ignoring[k]:
            known[:, k] = (codes >> np.uint64(place)) & np.uint64(1) == 0
            place += 1
    return Patterns(marked, known, counts.astype(np.int64)), which


def _codes(masks: Sequence[Mask], ignoring: Sequence[bool], kind: Any) -> NDArray[Any]:
    """For each pixel a bit for everybody who marks it, and above them one for everybody who ignores it."""
    code = np.zeros(masks[0].shape, dtype=kind)
    place = len(masks)
    for k, mask in enumerate(masks):
        code |= (mask == 1).astype(kind) << kind(k)
        if ignoring[k]:
            code |= (mask == IGNORE).astype(kind) << kind(place)
            place += 1
    return code


def box_of(masks: Sequence[Mask]) -> tuple[slice, slice]:
    """The smallest box around everything that any of the masks marks; empty where none marks anything."""
    rows = np.zeros(masks[0].shape[0], dtype=bool)
    columns = np.zeros(masks[0].shape[1], dtype=bool)
    for mask in masks:
        real = mask == 1
        rows |= real.any(axis=1)
        columns |= real.any(axis=0)
    if not rows.any():
        return slice(0, 0), slice(0, 0)
    down, across = np.flatnonzero(rows), np.flatnonzero(columns)
    return slice(int(down[0]), int(down[-1]) + 1), slice(int(across[0]), int(across[-1]) + 1)
