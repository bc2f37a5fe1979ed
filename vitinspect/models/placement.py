"""Where the model's input lies on the original picture, and resampling maps and masks between the two.

Nothing here needs torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.errors import DataError
from vitinspect.maps import sample

Box = tuple[float, float, float, float]
"""(left, top, right, bottom), in pixel edges: the first pixel reaches from 0 to 1."""


@dataclass(frozen=True)
class Placement:
    """Where the model's input lies on the original picture: an exact scaling and shift for each axis.

    All coordinates are continuous and count pixel edges: the middle of the first pixel is (0.5, 0.5).
    """

    input_size: tuple[int, int]
    """(height, width) of the model's input."""
    original_size: tuple[int, int]
    """(height, width) of the original picture."""
    box: Box
    """The part of the original that the whole input shows. It may extend beyond the original, where the
    input holds padding."""

    def input_to_original(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Numbers or arrays of input coordinates as coordinates of the original picture."""
        left, top, right, bottom = self.box
        height, width = self.input_size
        return left + x * ((right - left) / width), top + y * ((bottom - top) / height)

    def original_to_input(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The inverse of ``input_to_original``."""
        left, top, right, bottom = self.box
        height, width = self.input_size
        return (x - left) * (width / (right - left)), (y - top) * (height / (bottom - top))

    @property
    def visible_box(self) -> Box:
        """The part of the original that the model sees."""
        left, top, right, bottom = self.box
        height, width = self.original_size
        return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))

    @property
    def valid_box(self) -> Box:
        """The part of the input that shows the picture and not padding."""
        left, top, right, bottom = self.visible_box
        x0, y0 = self.original_to_input(left, top)
        x1, y1 = self.original_to_input(right, bottom)
        return x0, y0, x1, y1

    def valid_mask(self, size: tuple[int, int] | None = None) -> NDArray[np.bool_]:
        """True where the input shows the picture: on the input's pixels, or on ``size`` cells over it.

        A cell counts as showing the picture if its centre does.
        """
        rows, columns = size or self.input_size
        x0, y0, x1, y1 = self.valid_box
        x = (np.arange(columns) + 0.5) * (self.input_size[1] / columns)
        y = (np.arange(rows) + 0.5) * (self.input_size[0] / rows)
        return ((y > y0) & (y < y1))[:, None] & ((x > x0) & (x < x1))[None, :]

    def map_to_original(
        self, values: NDArray[Any], resample: str = "bilinear", fill: float = float("nan")
    ) -> NDArray[np.float32]:
        """Values on a grid over the input (its pixels, its patches), on the pixels of the original picture.

        The grid's cells have their values at their centres; beyond the outermost centres the value stays the
        same. ``fill`` is the value where the model saw nothing.
        """
        grid = np.asarray(values, dtype=np.float32)
        if grid.ndim != 2 or not grid.size:
            raise DataError(f"A map must have two dimensions, not the shape {np.shape(values)}.")
        left, top, right, bottom = self.box
        height, width = self.original_size
        out = np.full((height, width), fill, dtype=np.float32)
        rows, y = _cells_under(height, top, bottom, grid.shape[0])
        columns, x = _cells_under(width, left, right, grid.shape[1])
        if y.size and x.size:
            out[rows, columns] = sample(grid, y, x, resample)
        return out

    def mask_to_input(self, mask: NDArray[Any]) -> NDArray[Any]:
        """A mask or label image of the original on the input's pixels: nearest neighbour, zero in the padding."""
        mask = np.asarray(mask)
        if mask.shape[:2] != self.original_size:
            raise DataError(
                f"The mask is {mask.shape[1]} x {mask.shape[0]} pixels and the picture"
                f" {self.original_size[1]} x {self.original_size[0]}; they must be the same."
            )
        height, width = self.input_size
        x, y = self.input_to_original(np.arange(width) + 0.5, np.arange(height) + 0.5)
        columns, rows = np.floor(x).astype(int), np.floor(y).astype(int)
        inside_x = (columns >= 0) & (columns < mask.shape[1])
        inside_y = (rows >= 0) & (rows < mask.shape[0])
        out = np.zeros((height, width, *mask.shape[2:]), dtype=mask.dtype)
        out[np.ix_(inside_y, inside_x)] = mask[np.ix_(rows[inside_y], columns[inside_x])]
        return out


def _cells_under(pixels: int, start: float, stop: float, cells: int) -> tuple[slice, NDArray[np.floating[Any]]]:
    """Which of an axis' ``pixels`` lie between ``start`` and ``stop``, and where among ``cells`` (0 = the
    middle of the first cell)."""
    middles = np.arange(pixels) + 0.5
    inside = np.flatnonzero((middles >= start) & (middles <= stop))
    if not inside.size:
        return slice(0, 0), np.empty(0)
    chosen = slice(int(inside[0]), int(inside[-1]) + 1)
    return chosen, (middles[chosen] - start) * (cells / (stop - start)) - 0.5
