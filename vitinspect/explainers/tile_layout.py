"""Positions of tiles on a picture that is larger than the model's input, and the weight of each patch of a tile."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vitinspect.errors import ParameterError

OVERLAP = 0.25
MOST_TILES = 20_000


@dataclass(frozen=True)
class Tiling:
    """The positions of tiles on a picture: on a grid of patches, at a scale."""

    picture: tuple[int, int]
    """(height, width) of the picture."""
    grid: tuple[int, int]
    """Rows and columns of patches over the picture."""
    tile: tuple[int, int]
    """Rows and columns of patches of a tile."""
    cell: tuple[float, float]
    """Height and width of a patch in pixels of the picture."""
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    """The first row and column of patches of each tile."""

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((row, column) for row in self.rows for column in self.columns)

    @property
    def start(self) -> tuple[float, float]:
        """Top and left of the grid: a remainder of less than a patch is left out, half of it on each side."""
        top, left = (
            float(math.floor(max(0.0, side - n * cell) / 2))
            for side, n, cell in zip(self.picture, self.grid, self.cell, strict=True)
        )
        return top, left

    def box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of a tile on the picture."""
        top, left = (s + at * c for s, at, c in zip(self.start, (row, column), self.cell, strict=True))
        return left, top, left + self.tile[1] * self.cell[1], top + self.tile[0] * self.cell[0]

    @property
    def words(self) -> str:
        """The tiling in words."""
        height, width = (round(n * cell) for n, cell in zip(self.tile, self.cell, strict=True))
        return (
            f"{len(self)} tiles of {width} x {height} pixels of the picture, {self.grid[0]} x {self.grid[1]} patches in"
            " all"
        )


def tiling(
    picture: tuple[int, int], input_size: tuple[int, int], patch: tuple[int, int], scale: float, overlap: float
) -> Tiling:
    """The tiles of a picture of this height and width. ``scale`` is the pixels of the input for each of the picture; it
    is raised where the picture is smaller than a tile."""
    if not (math.isfinite(scale) and scale > 0):
        raise ParameterError(f"The scale of tiles must be above 0, not {scale!r}.")
    if not 0 <= overlap <= 0.9:
        raise ParameterError(f"The overlap of tiles must be between 0 and 0.9, not {overlap!r}.")
    scale = max(scale, *(n / side for n, side in zip(input_size, picture, strict=True)))
    cell = (patch[0] / scale, patch[1] / scale)
    tile = (input_size[0] // patch[0], input_size[1] // patch[1])
    # A tiny excess over a whole number is a rounding error of the division.
    grid = tuple(max(t, math.floor(side / c + 1e-9)) for t, side, c in zip(tile, picture, cell, strict=True))
    starts = tuple(_starts(n, t, overlap) for n, t in zip(grid, tile, strict=True))
    made = Tiling(picture, (grid[0], grid[1]), tile, cell, *starts)
    if len(made) > MOST_TILES:
        raise ParameterError(
            f"{len(made)} tiles are more than {MOST_TILES}: choose a smaller scale or a smaller overlap."
        )
    return made


def _starts(cells: int, tile: int, overlap: float) -> tuple[int, ...]:
    """Start indices, evenly spaced, with at least this overlap; the last tile ends at the end of the axis."""
    if cells <= tile:
        return (0,)
    step = max(1, math.floor(tile * (1 - overlap)))
    count = math.ceil((cells - tile) / step) + 1
    return tuple(round(i * (cells - tile) / (count - 1)) for i in range(count))


def window(tile: tuple[int, int]) -> np.ndarray:
    """(rows, columns): the weight of each patch of a tile, which falls linearly from the centre to the edges."""
    down, across = (np.minimum(np.arange(n) + 0.5, n - np.arange(n) - 0.5) for n in tile)
    return np.outer(down, across)
