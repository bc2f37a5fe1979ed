"""How the values of a mask file are read: which of them are foreground, and which are ignored.

Masks are saved in many ways, and the same file can mean several things: in a palette picture with the values 0, 15 and
255, the 255 can be the border that Pascal VOC ignores, or the only object. A file with one possible reading is read
that way; if there are several, the user is asked for ``--mask-coding`` and nothing is guessed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitinspect.annotation.coding import voc_palette
from vitinspect.errors import DataError, ParameterError
from vitinspect.images import mask_palette, open_mask

AUTO, BINARY, PALETTE, THRESHOLD, INDEX, IMAGENET_S = "auto", "binary", "palette", "threshold", "index", "imagenet-s"
CODING_HELP = (
    "binary (every value but 0), palette (as Pascal VOC: every index but 0, and 255 is ignored), threshold=N "
    "(values above N) or index=A,B (these values; 255 is ignored)"
)
IGNORED = 255
GREY_LEVEL = 127
"""The level at which a grey picture with soft edges is cut by default: the middle of its range."""
FEWEST_GREYS = 33
"""A picture with fewer values than this may be a label image: Pascal VOC has 22."""


@dataclass(frozen=True)
class MaskCoding:
    """One reading of mask files."""

    kind: str = AUTO
    values: tuple[int, ...] = ()
    """The level of ``threshold``, the foreground of ``index``."""
    ignore: int | None = None
    """The value that is ignored in all scores."""

    def __str__(self) -> str:
        if self.kind in (THRESHOLD, INDEX):
            return f"{self.kind}={','.join(map(str, self.values))}"
        return self.kind

    @property
    def words(self) -> str:
        """What is foreground, for captions; empty if the files are unambiguous."""
        left_out = f"; {self.ignore} is left out" if self.ignore is not None else ""
        return {
            AUTO: "",
            BINARY: "masks: every value but 0",
            PALETTE: f"masks: every index but 0{left_out}",
            THRESHOLD: f"masks: values above {self.values[0] if self.values else 0}",
            INDEX: f"masks: index {', '.join(map(str, self.values))}{left_out}",
            IMAGENET_S: "",
        }[self.kind]

    def read(self, path: Path, only: int | None = None, *, white_ignored: bool = False) -> np.ndarray:
        """(H, W) bytes: 0 background, 1 foreground, 255 ignored. ``only``: the one foreground;
        ``white_ignored``: 255 is ignored in a grey mask without a 1 too, since other masks have both."""
        if self.kind == IMAGENET_S:
            return _imagenet_s(path)
        labels = open_mask(path, greys=self.kind == THRESHOLD)
        if only is not None:
            return self._bytes(labels == only, labels)
        if self.kind == AUTO:
            return _one_reading(path, labels, white_ignored)
        if self.kind == THRESHOLD:
            return (labels > self.values[0]).astype(np.uint8)
        if self.kind == INDEX:
            return self._bytes(np.isin(labels, self.values), labels)
        return self._bytes(labels > 0, labels)

    def _bytes(self, real: np.ndarray, labels: np.ndarray) -> np.ndarray:
        found = real.astype(np.uint8)
        if self.ignore is not None:
            found[labels == self.ignore] = IGNORED
        return found


def parse_coding(text: str) -> MaskCoding:
    """``--mask-coding`` as typed."""
    kind, equals, rest = (part.strip() for part in text.partition("="))
    if kind in (BINARY, AUTO) and not equals:
        return MaskCoding(kind)
    if kind == PALETTE and not equals:
        return MaskCoding(PALETTE, ignore=IGNORED)
    numbers = [part.strip() for part in rest.split(",") if part.strip()]
    if all(part.isdigit() for part in numbers):
        values = tuple(int(part) for part in numbers)
        if kind == THRESHOLD and len(values) == 1:
            return MaskCoding(THRESHOLD, values)
        if kind == INDEX and values:
            return MaskCoding(INDEX, values, None if IGNORED in values else IGNORED)
    raise ParameterError(f"A mask coding must be {CODING_HELP}; not {text!r}.")


def check(path: Path) -> bool:
    """Refuse a file that can be read in several ways; return whether it is a grey one that leaves 255 out beside 1."""
    labels = open_mask(path)
    _one_reading(path, labels)
    return _values(labels) in _WITH_IGNORED and mask_palette(path) is None


def is_grey(labels: np.ndarray) -> bool:
    """Whether this is a black and white picture with soft edges: many values, and most pixels at one of the ends."""
    counts = np.bincount(labels.reshape(-1), minlength=256)
    if len(counts) > 256 or labels.max() <= GREY_LEVEL:
        return False
    return int((counts > 0).sum()) >= FEWEST_GREYS and int(counts[0] + counts[labels.max()]) * 2 >= labels.size


_WITH_IGNORED = ([1, IGNORED], [0, 1, IGNORED])


def _one_reading(path: Path, labels: np.ndarray, white_ignored: bool = False) -> np.ndarray:
    found = _values(labels)
    palette = mask_palette(path)
    if white_ignored and palette is None and found in ([IGNORED], [0, IGNORED]):
        return labels.astype(np.uint8)
    if found in _WITH_IGNORED and (palette is None or _is_voc(palette)):
        # As vitinspect itself writes masks with ignored pixels, and as ``vi.masks.load`` reads them.
        return labels.astype(np.uint8)
    if palette is not None:
        if all(len(set(palette[v])) == 1 for v in found if v < len(palette)) and _same_order(palette, found):
            # A grey picture that was saved with a palette: black, white and greys.
            grey = np.array([palette[min(v, len(palette) - 1)][0] for v in range(max(found) + 1)], dtype=np.uint8)
            labels, found = grey[labels], sorted({int(grey[v]) for v in found})
        elif len(found) > 2 or IGNORED in found or found[0] != 0:
            raise _ambiguous(path, found, "a palette picture")
    if len(found) == 1 or (len(found) == 2 and found[0] == 0):
        return (labels > 0).astype(np.uint8)
    if is_grey(labels):
        return (labels > GREY_LEVEL).astype(np.uint8)
    raise _ambiguous(path, found, "a picture")


def _is_voc(palette: Sequence[tuple[int, ...]]) -> bool:
    """Whether the colours are Pascal VOC's, where 255 is ignored."""
    colours = voc_palette()
    return len(palette) > IGNORED and all(tuple(palette[v]) == tuple(colours[v]) for v in (0, 1, IGNORED))


def _values(labels: np.ndarray) -> list[int]:
    """The values that occur. Counting bytes is much faster than sorting them."""
    if labels.dtype == np.uint8:
        return np.flatnonzero(np.bincount(labels.reshape(-1), minlength=256)).tolist()
    return [int(v) for v in np.unique(labels)]


def _same_order(palette: Sequence[tuple[int, ...]], found: list[int]) -> bool:
    """Whether larger indices are lighter greys: otherwise indices and greys would give opposite masks."""
    greys = [palette[v][0] for v in found if v < len(palette)]
    return len(greys) == len(found) and all(a < b for a, b in itertools.pairwise(greys))


def _ambiguous(path: Path, found: list[int], what: str) -> DataError:
    shown = ", ".join(map(str, found[:12])) + (f" and {len(found) - 12} more" if len(found) > 12 else "")
    return DataError(
        f"The mask {path} is {what} with the values {shown}, which can be read in several ways. Choose with "
        f"`--mask-coding` which of them are foreground: {CODING_HELP}."
    )


def _imagenet_s(path: Path) -> np.ndarray:
    """Class = red + 256 * green; 1000 is its ignore label."""
    from vitinspect.images import open_image

    colours = np.asarray(open_image(path)).astype(np.int32)
    classes = colours[..., 0] + 256 * colours[..., 1]
    return np.where(classes == 1000, IGNORED, (classes > 0).astype(np.int32)).astype(np.uint8)
