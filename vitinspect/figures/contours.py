"""Isolines of maps: outlines of thresholds and masks, as line pieces for screen and vector files."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray


def isoline(values: NDArray[np.floating[Any]], level: float) -> NDArray[np.float32]:
    """Line pieces (n, 4) of x1, y1, x2, y2 along which the bilinear surface is ``level``; in cells, 0.5 = a cell's
    centre.

    Marching squares over all cells at once. Outside of the array the surface is below the level, so that a region
    that touches the border is closed there.
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
    """The same for patches as exact rectangles: pieces along the edges between patches above and not above."""
    above = np.pad(np.asarray(values) > level, 1)
    rows, columns = np.nonzero(above[1:, 1:-1] != above[:-1, 1:-1])
    across = np.stack([columns, rows, columns + 1, rows], -1)
    rows, columns = np.nonzero(above[1:-1, 1:] != above[1:-1, :-1])
    down = np.stack([columns, rows, columns, rows + 1], -1)
    return np.concatenate([across, down]).astype(np.float32)


def chains(pieces: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """The pieces of ``isoline`` or ``patch_outline`` joined end to end, each line an array of x and y."""
    ends: dict[tuple[float, float], list[int]] = defaultdict(list)
    # Neighbouring pieces compute their common end from different corners: ends within a hundredth of a cell are equal.
    rounded = np.round(np.asarray(pieces, np.float64), 2)
    rounded = rounded[(rounded[:, :2] != rounded[:, 2:]).any(1)]
    for index, (x1, y1, x2, y2) in enumerate(rounded.tolist()):
        ends[x1, y1].append(index)
        ends[x2, y2].append(index)
    used = np.zeros(len(rounded), bool)
    lines = []
    for first in range(len(rounded)):
        if used[first]:
            continue
        used[first] = True
        line = [tuple(rounded[first, :2].tolist()), tuple(rounded[first, 2:].tolist())]
        for at_end in (True, False):
            while True:
                tip = line[-1] if at_end else line[0]
                following = next((i for i in ends[tip] if not used[i]), None)
                if following is None:
                    break
                used[following] = True
                a, b = tuple(rounded[following, :2].tolist()), tuple(rounded[following, 2:].tolist())
                other = b if a == tip else a
                line.append(other) if at_end else line.insert(0, other)
        lines.append(np.array(line))
    return lines
