"""Painting of the drawing tools, as functions over arrays: hard round brushes, smoothed strokes, polygons, fills.

Points are in pixels of the picture: x to the right, y down, and a pixel's centre lies at half a pixel. Each function
paints a value into an array in place and returns the changed rectangle, or None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation import raster, regions

Point = tuple[float, float]
"""x and y."""


class Rectangle(NamedTuple):
    """Rows top to bottom - 1, columns left to right - 1."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def union(self, other: Rectangle | None) -> Rectangle:
        if other is None:
            return self
        return Rectangle(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )


def line_bounds(start: Point, stop: Point, diameter: float, size: tuple[int, int]) -> Rectangle | None:
    """The rectangle that a brush touches between two points; None outside of the picture."""
    radius = max(diameter / 2, 0.5)
    top = max(math.floor(min(start[1], stop[1]) - radius), 0)
    left = max(math.floor(min(start[0], stop[0]) - radius), 0)
    bottom = min(math.ceil(max(start[1], stop[1]) + radius) + 1, size[0])
    right = min(math.ceil(max(start[0], stop[0]) + radius) + 1, size[1])
    return Rectangle(top, left, bottom, right) if top < bottom and left < right else None


def paint_line(values: NDArray[np.uint8], start: Point, stop: Point, diameter: float, value: int) -> Rectangle | None:
    """Move a round brush from ``start`` to ``stop``: all pixels whose centre comes within its radius.

    The shape is convex, so each of its rows is one piece, whose ends are computed for all rows at once. A brush thinner
    than two pixels also paints the pixels that the line crosses, so that there are no gaps.
    """
    height, width = values.shape
    bounds = line_bounds(start, stop, diameter, (height, width))
    if bounds is None:
        return None
    rows = np.arange(bounds.top, bounds.bottom)
    low, high = _pieces(rows + 0.5, start, stop, max(diameter / 2, 0.5))
    firsts = np.maximum(np.ceil(low - 0.5), 0)
    lasts = np.minimum(np.floor(high - 0.5), width - 1)
    for row, first, last in zip(rows.tolist(), firsts.tolist(), lasts.tolist(), strict=True):
        if first <= last:
            values[row, int(first) : int(last) + 1] = value
    if diameter < 2:
        _paint_thin(values, start, stop, value)
    return bounds


def _pieces(y: NDArray, start: Point, stop: Point, radius: float) -> tuple[NDArray, NDArray]:
    """Where each line ``y`` enters and leaves the path of a disc; ``inf`` and ``-inf`` where it misses it."""
    low, high = np.full(y.shape, np.inf), np.full(y.shape, -np.inf)
    for x0, y0 in (start, stop):
        inside = radius * radius - (y - y0) ** 2
        half = np.sqrt(np.maximum(inside, 0))
        hit = inside >= 0
        low = np.where(hit, np.minimum(low, x0 - half), low)
        high = np.where(hit, np.maximum(high, x0 + half), high)
    dx, dy = stop[0] - start[0], stop[1] - start[1]
    length = math.hypot(dx, dy)
    if length == 0:
        return low, high
    # The rectangle between the two discs, as four edges.
    across, down = -dy / length * radius, dx / length * radius
    corners = [
        (start[0] + across, start[1] + down),
        (stop[0] + across, stop[1] + down),
        (stop[0] - across, stop[1] - down),
        (start[0] - across, start[1] - down),
    ]
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        crossed = (y >= min(ay, by)) & (y <= max(ay, by))
        if ay == by:
            x_low, x_high = np.full(y.shape, min(ax, bx)), np.full(y.shape, max(ax, bx))
        else:
            x_low = x_high = ax + (y - ay) * ((bx - ax) / (by - ay))
        low = np.where(crossed, np.minimum(low, x_low), low)
        high = np.where(crossed, np.maximum(high, x_high), high)
    return low, high


def _paint_thin(values: NDArray[np.uint8], start: Point, stop: Point, value: int) -> None:
    steps = max(math.ceil(2 * max(abs(stop[0] - start[0]), abs(stop[1] - start[1]))), 1)
    share = np.linspace(0, 1, steps + 1)
    columns = np.floor(start[0] + share * (stop[0] - start[0])).astype(int)
    rows = np.floor(start[1] + share * (stop[1] - start[1])).astype(int)
    inside = (rows >= 0) & (rows < values.shape[0]) & (columns >= 0) & (columns < values.shape[1])
    values[rows[inside], columns[inside]] = value


class SmoothPath:
    """Turns the points of a mouse into a smooth line: curves through the midpoints between them.

    Fast movements give few points, and straight lines between them would show corners. ``add`` returns the new points
    of the line, each to be joined with the previous one; ``finish`` the last piece.
    """

    def __init__(self, smooth: bool = True, spacing: float = 4.0) -> None:
        self.smooth = smooth
        self.spacing = spacing
        """The distance of the points of a curve; a thick brush needs few."""
        self._points: list[Point] = []
        self._end: Point | None = None

    def add(self, point: Point) -> list[Point]:
        if self._points and point == self._points[-1]:
            return []
        self._points.append(point)
        if not self.smooth or len(self._points) < 3:
            if len(self._points) == 2 and self.smooth:
                # Up to the midpoint, where the first curve begins.
                self._end = _middle(*self._points)
                return [self._end]
            self._end = point
            return [point]
        before, at, after = self._points[-3:]
        self._points = self._points[-3:]
        begin, end = _middle(before, at), _middle(at, after)
        self._end = end
        return _curve(begin, at, end, self.spacing)

    def finish(self) -> list[Point]:
        """From the last midpoint to where the mouse was released."""
        last = self._points[-1] if self._points else None
        return [last] if last is not None and last != self._end else []


def _middle(a: Point, b: Point) -> Point:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


def _curve(begin: Point, control: Point, end: Point, spacing: float) -> list[Point]:
    length = math.dist(begin, control) + math.dist(control, end)
    steps = min(max(round(length / spacing), 1), 24)
    result = []
    for step in range(1, steps + 1):
        t = step / steps
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        result.append((a * begin[0] + b * control[0] + c * end[0], a * begin[1] + b * control[1] + c * end[1]))
    return result


def polygon_mask(points: Sequence[Point], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels of a polygon or a lasso: those of Pillow, with corners moved to the pixels that contain them."""
    corners = [(math.floor(x), math.floor(y)) for x, y in points]
    if not corners:
        return np.zeros(size, bool)
    if len(corners) < 3:
        corners = [*corners, *[corners[-1]] * (3 - len(corners))]
    return raster.pillow_polygon(corners, size)


def rectangle_mask(start: Point, stop: Point, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels from one corner to the opposite one, both included."""
    mask = np.zeros(size, bool)
    left, right = sorted((math.floor(start[0]), math.floor(stop[0])))
    top, bottom = sorted((math.floor(start[1]), math.floor(stop[1])))
    mask[max(top, 0) : max(bottom + 1, 0), max(left, 0) : max(right + 1, 0)] = True
    return mask


def similar_colour(
    picture: NDArray[np.uint8], row: int, column: int, tolerance: int, connected: bool = True
) -> NDArray[np.bool_]:
    """The pixels whose colour differs by at most ``tolerance`` in each channel, connected with the one clicked."""
    if not (0 <= row < picture.shape[0] and 0 <= column < picture.shape[1]):
        return np.zeros(picture.shape[:2], bool)
    seed = picture[row, column].astype(np.int16)
    low = np.clip(seed - tolerance, 0, 255).astype(np.uint8)
    high = np.clip(seed + tolerance, 0, 255).astype(np.uint8)
    # Channel by channel, so that no large array of wider numbers is created.
    similar = np.ones(picture.shape[:2], bool)
    for channel in range(picture.shape[2]):
        plane = picture[..., channel]
        similar &= (plane >= low[channel]) & (plane <= high[channel])
    return regions.connected_to(similar, row, column) if connected else similar


def constrained(start: Point, stop: Point) -> Point:
    """``stop`` turned to the nearest of eight directions from ``start``: what Shift does to a line in progress."""
    dx, dy = stop[0] - start[0], stop[1] - start[1]
    turn = round(math.atan2(dy, dx) / (math.pi / 4)) * math.pi / 4
    length = dx * math.cos(turn) + dy * math.sin(turn)
    return start[0] + length * math.cos(turn), start[1] + length * math.sin(turn)
