"""Polygons, boxes and ellipses as pixels, each by the convention of the tool that wrote them.

Pillow and pycocotools fill the same polygon differently: for Pillow (and so for labelme) a whole number is the centre
of a pixel and the outline belongs to the polygon; for pycocotools (and so for COCO and CVAT) it is the border between
two pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vitinspect.errors import DataError

Mask = NDArray[np.bool_]
Size = tuple[int, int]
"""Height and width."""
Point = tuple[float, float]
"""x and y."""

FARTHEST = 1_000_000.0
"""Coordinates beyond this are taken as damage, since they would need much memory to rasterise."""


def checked_points(points: object, least: int, what: str) -> list[Point]:
    """``points`` as pairs of finite numbers, at least ``least`` of them; a ``DataError`` that begins with ``what``."""
    try:
        found = [(float(x), float(y)) for x, y in points]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise DataError(f"{what}: its points are not pairs of numbers.") from None
    if any(not math.isfinite(v) or abs(v) > FARTHEST for point in found for v in point):
        raise DataError(f"{what}: a coordinate is not a number or is beyond {FARTHEST:,.0f}.")
    if len(found) < least:
        raise DataError(f"{what}: it has {len(found)} points, but needs {least}.")
    return found


def pillow_polygon(points: Sequence[Point], size: Size) -> Mask:
    """A polygon filled as in labelme: by Pillow, outline included, whole numbers at pixel centres."""
    canvas, draw = _canvas(size)
    draw.polygon(list(points), outline=1, fill=1)
    return np.asarray(canvas, dtype=bool)


def pillow_rectangle(points: Sequence[Point], size: Size) -> Mask:
    """A rectangle of two opposite corners, filled as in labelme: both corners belong to it."""
    (x1, y1), (x2, y2) = points
    canvas, draw = _canvas(size)
    draw.rectangle([(min(x1, x2), min(y1, y2)), (max(x1, x2), max(y1, y2))], outline=1, fill=1)
    return np.asarray(canvas, dtype=bool)


def pillow_circle(points: Sequence[Point], size: Size) -> Mask:
    """A circle given by its centre and a point on it, filled as in labelme."""
    (x, y), (rim_x, rim_y) = points
    radius = math.hypot(x - rim_x, y - rim_y)
    canvas, draw = _canvas(size)
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], outline=1, fill=1)
    return np.asarray(canvas, dtype=bool)


def _canvas(size: Size) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    canvas = Image.new("L", (size[1], size[0]), 0)
    return canvas, ImageDraw.Draw(canvas)


def coco_polygon(points: Sequence[Point], size: Size) -> Mask:
    """A polygon filled as by pycocotools: whole numbers are borders between pixels."""
    from pycocotools import mask as coco

    flat = [value for point in points for value in point]
    encoded = coco.frPyObjects([flat], size[0], size[1])
    return np.ascontiguousarray(coco.decode(encoded)[..., 0]).astype(bool)


def ellipse(centre: Point, radii: Point, degrees: float, size: Size) -> Mask:
    """All pixels whose centre (at half a pixel) lies in the ellipse, rotated clockwise about its centre."""
    (x, y), (across, up) = centre, radii
    if across <= 0 or up <= 0:
        return np.zeros(size, bool)
    turn = math.radians(degrees)
    right = np.arange(size[1])[None, :] + 0.5 - x
    down = np.arange(size[0])[:, None] + 0.5 - y
    along = right * math.cos(turn) + down * math.sin(turn)
    beside = down * math.cos(turn) - right * math.sin(turn)
    return (along / across) ** 2 + (beside / up) ** 2 <= 1.0


def turned_box(left: float, top: float, right: float, bottom: float, degrees: float) -> list[Point]:
    """The corners of a box, rotated clockwise about its centre."""
    x, y, turn = (left + right) / 2, (top + bottom) / 2, math.radians(degrees)
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    if not turn:
        return corners
    return [
        (
            x + (a - x) * math.cos(turn) - (b - y) * math.sin(turn),
            y + (a - x) * math.sin(turn) + (b - y) * math.cos(turn),
        )
        for a, b in corners
    ]


def pasted(small: NDArray, left: int, top: int, size: Size) -> Mask:
    """A small mask pasted into an empty one; parts outside are cut off."""
    result = np.zeros(size, bool)
    height, width = small.shape
    rows = slice(max(top, 0), min(top + height, size[0]))
    columns = slice(max(left, 0), min(left + width, size[1]))
    if rows.stop > rows.start and columns.stop > columns.start:
        result[rows, columns] = small[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return result
