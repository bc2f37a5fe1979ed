"""Ten thousand arcs in a few milliseconds: as densities, in numpy, without Qt.

Qt blends each translucent line pixel by pixel, which takes most of a second for ten thousand arcs. But nodes lie on a
grid, so an arc is one of a few hundred shapes moved to its place. Each shape is worked out once; drawing is then
looking up places and adding weights to them. Beginnings and ends of arcs are summed separately, for the colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from vitinspect.app.multiplex.geometry import STRIP

BEND = 0.13
MARGIN = 2
"""Margin around the grid, in patches, for arcs that bend out of it."""
QUICK, FINE = 300_000, 1_500_000
"""Places that are added to while a slider moves, and when it rests; with more to draw, the image is coarser."""
_PER_SHAPE = 250
"""From this many places per shape on, a loop over the shapes is faster."""
FROM, TO = np.array([64, 190, 226], np.float32), np.array([255, 196, 64], np.float32)
"""The colour of an arc where it begins and where it ends."""
PLAIN = np.array([150, 164, 180], np.float32)
"""The colour of all arcs but those of the pinned node."""


@dataclass(frozen=True, eq=False)
class Raster:
    """Densities of the halves of arcs that begin and that end, over a grid with a margin."""

    begins: np.ndarray
    ends: np.ndarray
    cell: int
    """Pixels per patch."""


class Shapes:
    """The shapes of arcs on one grid at one size. ``cell`` is even: nodes lie on half patches."""

    def __init__(self, grid: tuple[int, int], cell: int, smooth: bool) -> None:
        rows, columns = grid
        self.grid, self.cell, self.smooth = grid, cell, smooth
        self.width = (columns + 2 * MARGIN) * cell
        self.height = (rows + 2 * MARGIN) * cell
        # Displacements in half patches, from minus to plus the widest.
        self._far = 2 * (max(rows, columns) + MARGIN) + 2
        side = 2 * self._far + 1
        self._number = np.full((side, side), -1, np.int32)
        self._start = np.zeros(0, np.int64)
        self._length = np.zeros(0, np.int64)
        self._places = np.zeros(0, np.int64)
        self._cover = np.zeros(0, np.float64)

    def draw(self, xy: np.ndarray, source: np.ndarray, target: np.ndarray, ink: np.ndarray) -> Raster:
        """``xy``: (N, 2) places of nodes in patches. ``ink``: the weight of each arc."""
        area = self.width * self.height
        if not len(source):
            empty = np.zeros((self.height, self.width), np.float32)
            return Raster(empty, empty, self.cell)
        half = np.rint(2 * xy).astype(np.int32)
        step = half[target] - half[source] + self._far
        numbers = self._numbers(step[:, 0], step[:, 1])
        lengths = self._length[numbers]
        total = int(lengths.sum())
        corner = (half + 2 * MARGIN) * (self.cell // 2)
        base = corner[source, 1].astype(np.int64) * self.width + corner[source, 0]
        if total > _PER_SHAPE * len(np.unique(numbers)):
            places, weights = self._by_shape(numbers, base, ink, total)
        else:
            before = np.cumsum(lengths) - lengths
            at = np.arange(total) + np.repeat(self._start[numbers] - before, lengths)
            places = self._places[at] + np.repeat(base, lengths)
            weights = self._cover[at] * np.repeat(ink, lengths)
        found = np.bincount(places, weights, minlength=2 * area)[: 2 * area]
        begins, ends = found.reshape(2, self.height, self.width)
        return Raster(begins, ends, self.cell)

    def _by_shape(
        self, numbers: np.ndarray, base: np.ndarray, ink: np.ndarray, total: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """All arcs of one shape at once: where many share a shape this is less work than arc by arc."""
        order = np.argsort(numbers, kind="stable")
        numbers, base, ink = numbers[order], base[order], ink[order].astype(np.float64)
        first = np.flatnonzero(np.diff(numbers, prepend=-1))
        places, weights = np.empty(total, np.int64), np.empty(total, np.float64)
        done = 0
        starts, lengths = self._start[numbers[first]].tolist(), self._length[numbers[first]].tolist()
        ends = [*first[1:].tolist(), len(numbers)]
        for low, high, start, length in zip(first.tolist(), ends, starts, lengths, strict=True):
            shape = (high - low, length)
            part = slice(done, done + shape[0] * length)
            np.add(base[low:high, None], self._places[start : start + length], out=places[part].reshape(shape))
            np.multiply(ink[low:high, None], self._cover[start : start + length], out=weights[part].reshape(shape))
            done = part.stop
        return places, weights

    def _numbers(self, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        numbers = self._number[dy, dx]
        new = numbers < 0
        if new.any():
            pairs = np.unique(np.stack([dy[new], dx[new]], -1), axis=0)
            self._make(pairs[:, 1] - self._far, pairs[:, 0] - self._far)
            self._number[pairs[:, 0], pairs[:, 1]] = np.arange(len(pairs)) + self._number.max() + 1
            numbers = self._number[dy, dx]
        return numbers

    def _make(self, dx: np.ndarray, dy: np.ndarray) -> None:
        """Work out the shapes of some displacements (in half patches), one sample per pixel of the longer side."""
        unit = self.cell / 2
        vector = np.stack([dx, dy], -1) * unit
        control = vector / 2 + BEND * np.stack([vector[:, 1], -vector[:, 0]], -1)
        long = np.maximum(np.abs(vector).max(1), 1)
        itself = (dx == 0) & (dy == 0)
        ring = max(1.5, 0.22 * self.cell)
        samples = np.where(itself, np.ceil(2 * np.pi * ring), np.ceil(long * 1.12)).astype(np.int64) + 1
        which = np.repeat(np.arange(len(dx)), samples)
        first = np.cumsum(samples) - samples
        t = (np.arange(len(which)) - first[which]) / (samples[which] - 1)
        u = t[:, None]
        points = 2 * u * (1 - u) * control[which] + u**2 * vector[which]
        slope = 2 * (1 - 2 * u) * control[which] + 2 * u * vector[which]
        loop = itself[which]
        angle = 2 * np.pi * t[loop]
        points[loop] = np.stack([ring * np.sin(angle), ring * np.cos(angle) - ring], -1)
        slope[loop] = np.stack([np.cos(angle), -np.sin(angle)], -1)
        # Two pixels side by side share each sample, across the direction: the line is smooth without further work.
        # With many arcs nobody sees that, and it is twice the work.
        flat = np.abs(slope[:, 0]) >= np.abs(slope[:, 1])
        across = np.where(flat, points[:, 1], points[:, 0])
        along = np.where(flat, points[:, 0], points[:, 1])
        low = np.floor(across - 0.5).astype(np.int64)
        share = across - 0.5 - low
        step = np.floor(along).astype(np.int64)
        places, cover = [], []
        half = (t >= 0.5).astype(np.int64) * (self.width * self.height)
        shared: tuple[tuple[int, Any], ...] = ((0, 1 - share), (1, share))
        if not self.smooth:
            low = np.floor(across).astype(np.int64)
            shared = ((0, np.ones_like(share)),)
        for extra, weight in shared:
            x = np.where(flat, step, low + extra)
            y = np.where(flat, low + extra, step)
            places.append(y * self.width + x + half)
            cover.append(weight)
        order = np.argsort(np.tile(which, len(shared)), kind="stable")
        offset = len(self._places)
        self._start = np.concatenate([self._start, offset + len(shared) * first])
        self._length = np.concatenate([self._length, len(shared) * samples])
        self._places = np.concatenate([self._places, np.concatenate(places)[order]])
        self._cover = np.concatenate([self._cover, np.concatenate(cover)[order]])


_shapes: dict[tuple[tuple[int, int], int, bool], Shapes] = {}


def shapes(grid: tuple[int, int], cell: int, smooth: bool = True) -> Shapes:
    """Kept between drawings; a few sizes at most."""
    key = (grid, cell, smooth)
    if key not in _shapes:
        while len(_shapes) >= 8:
            _shapes.pop(next(iter(_shapes)))
        _shapes[key] = Shapes(*key)
    return _shapes[key]


def size_for(reach: float, wanted: float, budget: float) -> tuple[int, bool]:
    """Pixels per patch, and whether lines are smooth: as on the screen, or what the budget allows.

    ``reach``: how many patches all arcs together are long, along the longer side of each.
    """
    length = 1.12 * max(reach, 1e-9)
    fine = min(wanted, budget / (2 * length))
    smooth = fine >= wanted / 2
    if not smooth:
        fine = min(wanted, budget / length)
    return int(max(4, min(32 if budget <= QUICK else 48, 2 * round(fine / 2)))), smooth


def draw(
    grid: tuple[int, int],
    xy: np.ndarray,
    arcs: tuple[np.ndarray, np.ndarray, np.ndarray],
    cell: float,
    budget: float = FINE,
) -> Raster:
    """The arcs (source, target, weight: the strongest first) of one layer."""
    source, target, weight = arcs
    reach = float(np.abs(xy[target] - xy[source]).max(1).sum()) if len(source) else 0.0
    fine, smooth = size_for(reach, cell, budget)
    # In a small or coarse image the same lines fill more of it.
    thin = min(1.0, max(0.42, fine / 30))
    return shapes(grid, fine, smooth).draw(xy, source, target, thin * ink(weight))


def ink(weight: np.ndarray) -> np.ndarray:
    """How strongly each arc is drawn. The more there are, the weaker each is: a thousand as dark as ten hide all."""
    if not len(weight):
        return weight
    exposure = np.clip(20 / np.sqrt(len(weight)), 0.15, 2.4)
    # By the square root, so that the others are still seen beside one dominating arc.
    return exposure * (0.12 + 0.88 * np.sqrt(weight / weight[0]))


def colours(raster: Raster, *, plain: bool = False) -> np.ndarray:
    """(height, width) numbers 0xAARRGGBB with the alpha multiplied in: what Qt paints fastest."""
    begins = np.minimum(raster.begins * _PER_UNIT, 255).astype(np.intp)
    ends = np.minimum(raster.ends * _PER_UNIT, 255).astype(np.intp)
    begins <<= 8
    begins |= ends
    return _table(plain)[begins]


_PER_UNIT = 64
"""Steps of the table of colours to a density of one."""


@cache
def _table(plain: bool) -> np.ndarray:
    """The colour of each pair of densities: the exponential of each pixel would take longer than its arcs."""
    begins, ends = np.mgrid[0:256, 0:256].astype(np.float32) / _PER_UNIT
    both = begins + ends
    alpha = 1 - np.exp(-both)
    share = (ends / np.maximum(both, 1e-9))[..., None]
    first, last = (PLAIN, PLAIN) if plain else (FROM, TO)
    if plain:
        alpha = 0.5 * alpha
    mixed = ((first + (last - first) * share) * alpha[..., None]).astype(np.uint32)
    high = (255 * alpha).astype(np.uint32)
    return ((high << 24) | (mixed[..., 0] << 16) | (mixed[..., 1] << 8) | mixed[..., 2]).ravel()


assert STRIP <= MARGIN, "tokens before the patches must lie within the margin"
