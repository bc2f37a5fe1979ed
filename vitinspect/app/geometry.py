"""Where things lie: the model's input on the picture, the picture on the screen, several maps side by side.

Plain functions over numbers, without Qt and without torch. Picture coordinates count pixel edges: the middle of the
first pixel is (0.5, 0.5).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

Box = tuple[float, float, float, float]
"""(left, top, right, bottom)"""
MIN_ZOOM, MAX_ZOOM = 1 / 64, 64.0


@dataclass(frozen=True)
class Placed:
    """Where the model's input lies on the picture: the numbers of ``models.preprocess.Placement``, without torch."""

    input_size: tuple[int, int]
    original_size: tuple[int, int]
    box: Box

    @classmethod
    def of(cls, placement: Any) -> Placed:
        return cls(
            tuple(int(n) for n in placement.input_size),  # type: ignore[arg-type]
            tuple(int(n) for n in placement.original_size),  # type: ignore[arg-type]
            tuple(float(n) for n in placement.box),  # type: ignore[arg-type]
        )

    @property
    def visible(self) -> Box:
        """The part of the picture that the model sees."""
        left, top, right, bottom = self.box
        height, width = self.original_size
        return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))

    @property
    def sees_all(self) -> bool:
        left, top, right, bottom = self.visible
        height, width = self.original_size
        return left < 0.5 and top < 0.5 and right > width - 0.5 and bottom > height - 0.5

    def share_at(self, x: float, y: float) -> tuple[float, float] | None:
        """How far across and down the model's input a point of the picture lies (0..1), None where not in it."""
        left, top, right, bottom = self.box
        across, down = (x - left) / (right - left), (y - top) / (bottom - top)
        height, width = self.original_size
        if not (0 <= across < 1 and 0 <= down < 1 and 0 <= x < width and 0 <= y < height):
            return None
        return across, down

    def cell_at(self, x: float, y: float, grid: tuple[int, int]) -> tuple[int, int] | None:
        """Row and column of the cell of ``grid`` under a point of the picture."""
        share = self.share_at(x, y)
        if share is None:
            return None
        rows, columns = grid
        return min(rows - 1, int(share[1] * rows)), min(columns - 1, int(share[0] * columns))

    def cell_box(self, row: int, column: int, grid: tuple[int, int]) -> Box:
        """The rectangle of a cell of ``grid`` on the picture."""
        left, top, right, bottom = self.box
        rows, columns = grid
        width, height = (right - left) / columns, (bottom - top) / rows
        return left + column * width, top + row * height, left + (column + 1) * width, top + (row + 1) * height


@dataclass(frozen=True)
class View:
    """Which part of the picture is shown, and how large: shared by all panes, so that they move together.

    ``x`` and ``y`` are the point of the picture (as shares of its width and height) in the middle of each pane.
    """

    zoom: float = 0.0
    """Screen pixels per picture pixel; 0 fits the picture into the pane."""
    x: float = 0.5
    y: float = 0.5

    def scale(self, pane: tuple[float, float], size: tuple[int, int]) -> float:
        """Screen pixels per picture pixel; ``pane`` is (width, height), ``size`` the picture's (height, width)."""
        return self.zoom or fit(pane, size)

    def origin(self, pane: tuple[float, float], size: tuple[int, int]) -> tuple[float, float]:
        """Where the picture's upper left corner is in the pane."""
        scale = self.scale(pane, size)
        left, top = pane[0] / 2 - self.x * size[1] * scale, pane[1] / 2 - self.y * size[0] * scale
        if scale >= 1 and scale == round(scale):
            # A pixel of the picture that covers whole pixels of the screen begins at one of them, or it would blur.
            return float(math.floor(left + 0.5)), float(math.floor(top + 0.5))
        return left, top

    def to_picture(self, px: float, py: float, pane: tuple[float, float], size: tuple[int, int]) -> tuple[float, float]:
        """A point of the pane as a point of the picture."""
        scale = self.scale(pane, size)
        left, top = self.origin(pane, size)
        return (px - left) / scale, (py - top) / scale

    def to_pane(self, x: float, y: float, pane: tuple[float, float], size: tuple[int, int]) -> tuple[float, float]:
        scale = self.scale(pane, size)
        left, top = self.origin(pane, size)
        return left + x * scale, top + y * scale

    def zoomed(self, factor: float, px: float, py: float, pane: tuple[float, float], size: tuple[int, int]) -> View:
        """Zoomed so that the point of the picture under (px, py) stays there."""
        x, y = self.to_picture(px, py, pane, size)
        zoom = min(MAX_ZOOM, max(MIN_ZOOM, self.scale(pane, size) * factor))
        moved = View(zoom, (x - (px - pane[0] / 2) / zoom) / size[1], (y - (py - pane[1] / 2) / zoom) / size[0])
        return moved.held(pane, size)

    def panned(self, dx: float, dy: float, pane: tuple[float, float], size: tuple[int, int]) -> View:
        """Moved by screen pixels."""
        scale = self.scale(pane, size)
        # A fitted view that is dragged stays at its size.
        moved = View(scale, self.x - dx / (scale * size[1]), self.y - dy / (scale * size[0]))
        return moved.held(pane, size)

    def held(self, pane: tuple[float, float], size: tuple[int, int]) -> View:
        """Kept from leaving the picture: its middle stays within the pane's, or fits where the pane is larger."""
        scale = self.scale(pane, size)
        return replace(self, x=_held(self.x, pane[0], size[1] * scale), y=_held(self.y, pane[1], size[0] * scale))


def _held(at: float, pane: float, picture: float) -> float:
    if picture <= pane:
        return 0.5
    margin = pane / (2 * picture)
    return min(max(at, margin), 1 - margin)


def fit(pane: tuple[float, float], size: tuple[int, int]) -> float:
    """The largest scale at which the whole picture is seen."""
    if min(size) <= 0 or min(pane) <= 0:
        return 1.0
    return min(MAX_ZOOM, pane[0] / size[1], pane[1] / size[0])


def tiles(
    count: int,
    width: float,
    height: float,
    size: tuple[int, int],
    header: float,
    gap: float,
    room: Callable[[float, float], tuple[float, float]] | None = None,
) -> list[Box]:
    """Boxes for ``count`` equal panes, in the number of columns that shows the picture largest.

    ``room`` says what a pane of a width and height has for its picture; by default all but a header.
    """
    if count <= 0:
        return []
    best: tuple[float, int] = (-1.0, 1)
    for columns in range(1, count + 1):
        rows = math.ceil(count / columns)
        w = (width - gap * (columns - 1)) / columns
        h = (height - gap * (rows - 1)) / rows
        inside = room(w, h) if room is not None else (w, h - header)
        if min(inside) > 0:
            best = max(best, (fit(inside, size), columns))
    columns = best[1]
    rows = math.ceil(count / columns)
    w = (width - gap * (columns - 1)) / columns
    h = (height - gap * (rows - 1)) / rows
    boxes: list[Box] = []
    for i in range(count):
        row, column = divmod(i, columns)
        left, top = round(column * (w + gap)), round(row * (h + gap))
        boxes.append((left, top, left + round(w), top + round(h)))
    return boxes
