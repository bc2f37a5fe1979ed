"""From raw values to what can be painted quickly: levels of 0 to 255, isolines, histograms. Pure numpy.

A map is quantised once; opacity, colour map and threshold then only change a table of 256 colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.figures.colormaps import DIVERGING, default_colormap
from vitinspect.figures.overlay import ValueRange, levels, rgba_table
from vitinspect.maps import resize

CONTOUR = 128
"""Rims of masks are drawn along a grid of at most this many cells a side."""
FINEST = 448
"""Smooth maps are painted from a picture of at most this many pixels a side; Qt enlarges the rest."""


@dataclass(frozen=True, eq=False)
class Heat:
    """A map made ready for painting. ``values`` are the raw ones, on patches or on pixels of the model's input."""

    values: NDArray[np.floating[Any]]
    signed: bool
    input_size: tuple[int, int]

    @cached_property
    def range(self) -> ValueRange:
        """The raw values at the ends of the colour bar; zero in the middle for a signed map."""
        return ValueRange.of(np.asarray(self.values), centred=self.signed)

    @cached_property
    def patches(self) -> NDArray[np.uint8]:
        """Levels of the values as they are."""
        return np.ascontiguousarray(levels(self.values, self.range))

    @cached_property
    def fine(self) -> NDArray[np.float32]:
        """The values interpolated between the middles of their cells (bilinear, corners not aligned)."""
        return resize(np.asarray(self.values, dtype=np.float32), self.fine_size)

    @cached_property
    def contour(self) -> NDArray[np.float32]:
        """The values on a grid that is fine enough to draw the rim of a mask along."""
        height, width = self.fine_size
        shrink = min(1.0, CONTOUR / max(height, width))
        return resize(np.asarray(self.values, dtype=np.float32), (round(height * shrink), round(width * shrink)))

    @property
    def fine_size(self) -> tuple[int, int]:
        height, width = self.input_size
        shrink = min(1.0, FINEST / max(height, width))
        return max(1, round(height * shrink)), max(1, round(width * shrink))

    @cached_property
    def smooth(self) -> NDArray[np.uint8]:
        """Levels of ``fine``."""
        return np.ascontiguousarray(levels(self.fine, self.range))

    @cached_property
    def _sorted(self) -> NDArray[np.floating[Any]]:
        return np.sort(np.asarray(self.values), axis=None)

    def percentile(self, value: float) -> float:
        """The share of the map, in percent, that is below ``value`` (ties count half)."""
        low = np.searchsorted(self._sorted, value, "left")
        high = np.searchsorted(self._sorted, value, "right")
        return 50.0 * float(low + high) / self._sorted.size

    def share_above(self, level: float) -> float:
        """The share of the model's input with values above ``level``."""
        return float((self.fine > level).mean())

    @cached_property
    def nbytes(self) -> int:
        """What this keeps in memory once everything was asked for."""
        height, width = self.fine_size
        return int(self.values.nbytes * 2 + height * width * 5)


def table(name: str, *, signed: bool, opacity: float, grows: str) -> NDArray[np.uint32]:
    """256 colours as Qt's ARGB numbers; ``auto`` is the colour map that fits the sign."""
    chosen = default_colormap(signed=signed) if name == "auto" else name
    rgba = rgba_table(chosen, opacity=opacity, grows=grows).astype(np.uint32)  # type: ignore[arg-type]
    colours = (rgba[:, 3] << 24) | (rgba[:, 0] << 16) | (rgba[:, 1] << 8) | rgba[:, 2]
    return colours.astype(np.uint32, copy=False)


def is_centred(name: str) -> bool:
    """Whether the middle of this colour map means zero."""
    return name in DIVERGING


def isoline(values: NDArray[np.floating[Any]], level: float) -> NDArray[np.float32]:
    """Line pieces (n, 4) of x1, y1, x2, y2 along which the bilinear surface is ``level``; in cells, 0.5 = a middle.

    Marching squares over all cells at once. The surface is taken to be below the level outside of the array, so
    that a region which touches the border is closed there.
    """
    grid = np.asarray(values, dtype=np.float64)
    low = min(float(grid.min()), level) - 1.0
    padded = np.full((grid.shape[0] + 2, grid.shape[1] + 2), low)
    padded[1:-1, 1:-1] = grid
    above = padded > level
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, 1:], padded[1:, :-1]
    case = (
        above[:-1, :-1].astype(np.uint8)
        | above[:-1, 1:].astype(np.uint8) << 1
        | above[1:, 1:].astype(np.uint8) << 2
        | above[1:, :-1].astype(np.uint8) << 3
    )
    rows, columns = np.nonzero((case > 0) & (case < 15))
    if not rows.size:
        return np.empty((0, 4), np.float32)
    case, a, b, c, d = (m[rows, columns] for m in (case, a, b, c, d))

    def crossing(p: Any, q: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.clip(np.nan_to_num((level - p) / (q - p), nan=0.5), 0, 1)

    ones, zeros = np.ones_like(a), np.zeros_like(a)
    points = np.stack(  # where each edge of a cell is crossed: top, right, bottom, left
        [
            np.stack([crossing(a, b), zeros], -1),
            np.stack([ones, crossing(b, c)], -1),
            np.stack([crossing(d, c), ones], -1),
            np.stack([zeros, crossing(a, d)], -1),
        ],
        1,
    )
    pieces = []
    for pair in (_FIRST, _SECOND):
        edges = pair[case]
        there = edges[:, 0] >= 0
        which = np.flatnonzero(there)
        start, stop = points[which, edges[which, 0]], points[which, edges[which, 1]]
        corner = np.stack([columns[which], rows[which]], -1) - 0.5
        pieces.append(np.concatenate([start + corner, stop + corner], -1))
    lines = np.concatenate(pieces).astype(np.float32)
    lines[:, 0::2] = np.clip(lines[:, 0::2], 0, grid.shape[1])
    lines[:, 1::2] = np.clip(lines[:, 1::2], 0, grid.shape[0])
    return lines


# Which edges (0 top, 1 right, 2 bottom, 3 left) a line joins, by which corners are above; -1 for no line.
_NONE = (-1, -1)
_FIRST = np.array(
    [
        *(_NONE, (3, 0), (0, 1), (3, 1), (1, 2), (3, 0), (0, 2), (3, 2)),
        *((2, 3), (2, 0), (0, 1), (2, 1), (1, 3), (1, 0), (0, 3), _NONE),
    ]
)
_SECOND = np.array([(1, 2) if case == 5 else (2, 3) if case == 10 else _NONE for case in range(16)])


def patch_outline(values: NDArray[np.floating[Any]], level: float) -> NDArray[np.float32]:
    """The same for patches as exact rectangles: pieces along the edges between those above and those not."""
    above = np.pad(np.asarray(values) > level, 1)
    rows, columns = np.nonzero(above[1:, 1:-1] != above[:-1, 1:-1])
    across = np.stack([columns, rows, columns + 1, rows], -1)
    rows, columns = np.nonzero(above[1:-1, 1:] != above[1:-1, :-1])
    down = np.stack([columns, rows, columns, rows + 1], -1)
    return np.concatenate([across, down]).astype(np.float32)
