"""Brush strokes over the model's input. Pure numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitinspect.app.geometry import Placed

Point = tuple[float, float]


def stroke(
    mask: NDArray[np.bool_], placed: Placed, start: Point, stop: Point, width: float, *, erase: bool = False
) -> NDArray[np.bool_]:
    """``mask`` (over the model's input) with a round brush drawn from one point of the picture to another.

    ``width`` is in pixels of the picture. With ``erase`` the brush removes from the mask.
    """
    height, columns = mask.shape
    left, top, right, bottom = placed.box
    sx, sy = (right - left) / columns, (bottom - top) / height
    radius = width / 2
    x0, x1 = min(start[0], stop[0]) - radius, max(start[0], stop[0]) + radius
    y0, y1 = min(start[1], stop[1]) - radius, max(start[1], stop[1]) + radius
    first_row, last_row = max(0, int((y0 - top) / sy)), min(height, int((y1 - top) / sy) + 1)
    first_column, last_column = max(0, int((x0 - left) / sx)), min(columns, int((x1 - left) / sx) + 1)
    out = mask.copy()
    if first_row >= last_row or first_column >= last_column:
        return out
    # The middles of the input's pixels, on the picture; their distance to the line between the two points.
    y = top + (np.arange(first_row, last_row) + 0.5)[:, None] * sy
    x = left + (np.arange(first_column, last_column) + 0.5)[None, :] * sx
    dx, dy = stop[0] - start[0], stop[1] - start[1]
    length = dx * dx + dy * dy
    along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / length, 0, 1) if length > 0 else 0.0
    distance = (x - start[0] - along * dx) ** 2 + (y - start[1] - along * dy) ** 2
    # A brush finer than a pixel of the input still paints the one under it.
    reach = max(radius, 0.75 * max(sx, sy))
    under = distance <= reach * reach
    if erase:
        out[first_row:last_row, first_column:last_column] &= ~under
    else:
        out[first_row:last_row, first_column:last_column] |= under
    return out
