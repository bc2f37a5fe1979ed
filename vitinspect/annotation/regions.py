"""Connected parts of a mask, their holes and their outlines; growing and shrinking. Numpy only.

A mask is split into runs (pieces of a row), and runs are joined where they touch: a picture of 24 million pixels has
a few thousand runs, so that pixels are visited only once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Runs:
    """The pieces of rows of which a mask consists, in reading order: row, first column, column after the last."""

    rows: NDArray[np.intp]
    starts: NDArray[np.intp]
    stops: NDArray[np.intp]
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def areas(self) -> NDArray[np.intp]:
        return self.stops - self.starts

    def paint(self, chosen: NDArray[np.bool_]) -> Mask:
        """The mask of the chosen runs."""
        height, width = self.shape
        edges = np.zeros(height * width + 1, np.int8)
        edges[self.rows[chosen] * width + self.starts[chosen]] += 1
        np.add.at(edges, self.rows[chosen] * width + self.stops[chosen], -1)
        return np.cumsum(edges[:-1], dtype=np.int8).astype(bool).reshape(self.shape)


def runs_of(mask: NDArray) -> Runs:
    height, width = mask.shape
    framed = np.zeros((height, width + 2), np.int8)
    framed[:, 1:-1] = mask.astype(bool)
    change = np.diff(framed, axis=1)
    rows, starts = np.nonzero(change == 1)
    _, stops = np.nonzero(change == -1)
    return Runs(rows, starts, stops, (height, width))


def parts_of_runs(runs: Runs, *, diagonal: bool) -> NDArray[np.intp]:
    """For each run the index of its connected part, counted from 0 in reading order."""
    count = len(runs)
    if not count:
        return np.zeros(0, np.intp)
    upper, lower = _touching(runs, diagonal)
    labels = np.arange(count)
    while True:
        low = np.minimum(labels[upper], labels[lower])
        new = labels.copy()
        np.minimum.at(new, labels[upper], low)
        np.minimum.at(new, labels[lower], low)
        while True:
            further = new[new]
            if np.array_equal(further, new):
                break
            new = further
        if np.array_equal(new, labels):
            break
        labels = new
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def _touching(runs: Runs, diagonal: bool) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of runs of neighbouring rows that share a column, or that meet at a corner if ``diagonal``."""
    reach = 1 if diagonal else 0
    width = runs.shape[1] + 3
    # Keys that order runs by row and column: those of the row above that can touch lie between two of them.
    firsts = runs.rows * width + runs.starts
    lasts = runs.rows * width + runs.stops
    above = (runs.rows - 1) * width
    low = np.searchsorted(lasts, above + runs.starts - reach, side="right")
    high = np.searchsorted(firsts, above + runs.stops + reach, side="left")
    counts = np.maximum(high - low, 0)
    lower = np.repeat(np.arange(len(runs)), counts)
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(low, counts) + offsets, lower


def parts(mask: NDArray, *, diagonal: bool = True) -> list[Mask]:
    """The connected parts of a mask, the first in reading order first."""
    runs = runs_of(mask)
    labels = parts_of_runs(runs, diagonal=diagonal)
    return [runs.paint(labels == number) for number in range(labels.max() + 1 if len(labels) else 0)]


def keep_largest(mask: NDArray) -> Mask:
    """The largest connected part (corners connect); of equally large ones the first in reading order."""
    runs = runs_of(mask)
    if not len(runs):
        return np.zeros(mask.shape, bool)
    labels = parts_of_runs(runs, diagonal=True)
    areas = np.bincount(labels, weights=runs.areas)
    return runs.paint(labels == int(np.argmax(areas)))


def fill_holes(mask: NDArray) -> Mask:
    """The mask and all background that is not connected with the border of the picture (corners do not connect)."""
    mask = mask.astype(bool)
    runs = runs_of(~mask)
    if not len(runs):
        return mask
    labels = parts_of_runs(runs, diagonal=False)
    at_rim = (runs.rows == 0) | (runs.rows == mask.shape[0] - 1) | (runs.starts == 0) | (runs.stops == mask.shape[1])
    open_parts = np.zeros(labels.max() + 1, bool)
    open_parts[labels[at_rim]] = True
    return mask | runs.paint(~open_parts[labels])


def has_holes(mask: NDArray) -> bool:
    return bool((fill_holes(mask) != mask.astype(bool)).any())


def connected_to(mask: NDArray, row: int, column: int) -> Mask:
    """The part of the mask that is connected with one pixel over edges; empty if the pixel is not in it."""
    runs = runs_of(mask)
    here = (runs.rows == row) & (runs.starts <= column) & (runs.stops > column)
    if not here.any():
        return np.zeros(mask.shape, bool)
    labels = parts_of_runs(runs, diagonal=False)
    return runs.paint(labels == labels[here][0])


def grow(mask: NDArray, pixels: int) -> Mask:
    """All pixels whose centre is at most ``pixels`` away from the centre of a pixel of the mask."""
    if pixels < 0:
        return shrink(mask, -pixels)
    mask = mask.astype(bool)
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    if not len(rows) or not pixels:
        return mask.copy()
    box = (
        slice(max(rows[0] - pixels, 0), rows[-1] + pixels + 1),
        slice(max(columns[0] - pixels, 0), columns[-1] + pixels + 1),
    )
    grown = mask.copy()
    grown[box] = _grown(mask[box], pixels)
    return grown


def _grown(mask: Mask, radius: int) -> Mask:
    """A disc of ``radius`` is a stack of rows: each row of the mask is widened once for each of them."""
    result = np.zeros(mask.shape, bool)
    height, width = mask.shape
    for down in range(-radius, radius + 1):
        if abs(down) >= height:
            continue
        half = int(np.sqrt(radius * radius - down * down))
        source = mask[max(0, -down) : height - max(0, down)]
        target = result[max(0, down) : height - max(0, -down)]
        # Within `half` columns of a pixel of the mask: the count over a window is above zero.
        sums = np.zeros((source.shape[0], width + 1), np.int32)
        np.cumsum(source, axis=1, out=sums[:, 1:])
        right = np.minimum(np.arange(width) + half + 1, width)
        left = np.maximum(np.arange(width) - half, 0)
        target |= sums[:, right] > sums[:, left]
    return result


def shrink(mask: NDArray, pixels: int) -> Mask:
    """The mask without pixels within ``pixels`` of the background; outside of the picture is not background."""
    if pixels < 0:
        return grow(mask, -pixels)
    return ~grow(~mask.astype(bool), pixels)


# Eight neighbours, clockwise from the right, as (row, column).
_AROUND = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def outline(part: NDArray) -> list[tuple[int, int]]:
    """The outer boundary of one connected part as pixel centres (x, y), in order, corners only.

    Moore's neighbour tracing, which stops when it would leave the first pixel by the first step again.
    """
    framed = np.pad(part.astype(bool), 1)
    if not framed.any():
        return []
    row, column = (int(v[0]) for v in np.nonzero(framed))
    start, came_from = (row, column), 4  # the pixel to the left of the first one is background
    points = [start]
    first_step: tuple[tuple[int, int], int] | None = None
    here, back = start, came_from
    while True:
        for turn in range(1, 9):
            way = (back + turn) % 8
            down, right = _AROUND[way]
            if framed[here[0] + down, here[1] + right]:
                break
        else:
            break  # a single pixel
        if first_step == (here, way):
            break
        if first_step is None:
            first_step = (here, way)
        here = (here[0] + down, here[1] + right)
        points.append(here)
        # The last background pixel that was visited, as seen from the new pixel.
        back = (way + (5 if way % 2 else 6)) % 8
    if len(points) > 1 and points[-1] == points[0]:
        points.pop()
    return _corners([(column - 1, row - 1) for row, column in points])


def _corners(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The points at which the direction changes."""
    count = len(points)
    if count < 3:
        return points
    kept = []
    for index, (x, y) in enumerate(points):
        before, after = points[index - 1], points[(index + 1) % count]
        if (x - before[0], y - before[1]) != (after[0] - x, after[1] - y):
            kept.append((x, y))
    return kept
