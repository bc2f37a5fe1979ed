"""Where nodes and arcs are on the screen: arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vitinspect.attention_network import AttentionLayers

STRIP = 2.0
"""Height of the space above the picture for the tokens before the patches, in patches."""


def places(layers: AttentionLayers) -> np.ndarray:
    """(N, 2): x and y of the middle of each node, in patches; tokens before the patches are above the picture."""
    rows, columns = layers.grid
    down, across = np.mgrid[0:rows, 0:columns]
    patches = np.stack([across.ravel() + 0.5, down.ravel() + 0.5], -1)
    prefix = len(layers.prefix_names)
    if not prefix:
        return patches
    # On half patches, as ``raster`` wants them.
    step = min(3, max(1, 2 * (columns - 1) // max(1, prefix - 1))) / 2
    before = np.stack([0.5 + step * np.arange(prefix), np.full(prefix, -STRIP / 2)], -1)
    return np.concatenate([before, patches])


@dataclass(frozen=True)
class Plane:
    """A plane of patches on the screen: pixel = origin + x * across + y * down."""

    left: float
    top: float
    across: tuple[float, float]
    down: tuple[float, float]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) patches to pixels."""
        return points @ np.array([self.across, self.down]) + np.array([self.left, self.top])

    def back(self, x: float, y: float) -> tuple[float, float]:
        """A pixel as a point of the plane."""
        (a, b), (c, d) = self.across, self.down
        x, y = x - self.left, y - self.top
        determinant = a * d - b * c
        return (x * d - y * c) / determinant, (y * a - x * b) / determinant

    @property
    def cell(self) -> float:
        """The shorter side of a patch."""
        return min(float(np.hypot(*self.across)), float(np.hypot(*self.down)))


def flat(
    grid: tuple[int, int], box: tuple[float, float, float, float], aspect: float, strip: bool, margin: float = 6
) -> Plane:
    """The picture upright in a box of the screen. ``aspect``: width over height of a patch on the picture."""
    rows, columns = grid
    above = STRIP if strip else 0.0
    left, top, right, bottom = box
    width, height = max(1.0, right - left - 2 * margin), max(1.0, bottom - top - 2 * margin)
    step = min(width / (columns * aspect), height / (rows + above))
    x = left + margin + (width - step * aspect * columns) / 2
    y = top + margin + (height - step * (rows + above)) / 2 + above * step
    return Plane(x, y, (step * aspect, 0.0), (0.0, step))


def stacked(grid: tuple[int, int], count: int, width: float, height: float, left: float = 64) -> list[Plane]:
    """Tilted planes over one another: the first layer lowest, as in the paper's figures; nodes line up vertically."""
    rows, columns = grid
    margin = 10.0
    room = max(40.0, height - 2 * margin)
    # Few planes may lie flatter, many must overlap; either way a plane keeps enough height to be read.
    tall = room if count == 1 else min(0.42 * room, max(0.2 * room, 1.5 * room / (count + 0.5)))
    step = (room - tall) / max(1, count - 1)
    across = max(40.0, width - left - 2 * margin)
    lean = 0.28 * across
    wide = across - lean
    planes = []
    for i in range(count):
        top = margin + room - tall - i * step
        # The near edge is lower and further left.
        planes.append(Plane(left + margin + lean, top, (wide / columns, 0.0), (-lean / rows, tall / rows)))
    return planes


def arcs(
    xy: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    pieces: int,
    *,
    bend: float = 0.13,
    radius: np.ndarray | None = None,
    loop: float = 6.0,
) -> np.ndarray:
    """(pieces, n, 4): each arc as a bent line in pieces, from source to target.

    All bend to the left of their direction, so that two arcs in opposite directions do not coincide. ``radius`` is
    that of the nodes: the line ends at the rim of its target. An arc from a node to itself is a ring of size ``loop``.
    """
    a, b = xy[source], xy[target]
    between = b - a
    length = np.maximum(np.hypot(between[:, 0], between[:, 1]), 1e-9)[:, None]
    if radius is not None:
        b = b - between / length * np.minimum(radius[target][:, None], 0.45 * length)
        between = b - a
    control = (a + b) / 2 + bend * np.stack([between[:, 1], -between[:, 0]], -1)
    t = np.linspace(0, 1, pieces + 1)[:, None, None]
    points = (1 - t) ** 2 * a + 2 * t * (1 - t) * control + t**2 * b
    itself = np.flatnonzero(source == target)
    if itself.size:
        angle = 2 * np.pi * t[:, 0, 0][:, None]
        middle = xy[source[itself]] + np.array([0.0, -loop])
        points[:, itself, 0] = middle[:, 0] + loop * np.sin(angle)
        points[:, itself, 1] = middle[:, 1] + loop * np.cos(angle)
    return np.concatenate([points[:-1], points[1:]], -1)


def heads(lines: np.ndarray, size: float) -> np.ndarray:
    """(2, n, 4): the two strokes of an arrow head at the end of each arc, from its last piece."""
    x1, y1, x2, y2 = np.moveaxis(lines[-1], -1, 0)
    angle = np.arctan2(y2 - y1, x2 - x1)
    strokes = []
    for turn in (np.pi - 0.45, np.pi + 0.45):
        strokes.append(np.stack([x2 + size * np.cos(angle + turn), y2 + size * np.sin(angle + turn), x2, y2], -1))
    return np.stack(strokes)


def nearest(xy: np.ndarray, x: float, y: float, within: float) -> int | None:
    """The node nearest to a point, if it is near."""
    if not len(xy):
        return None
    distance = np.hypot(xy[:, 0] - x, xy[:, 1] - y)
    found = int(distance.argmin())
    return found if distance[found] <= within else None


def node_at(plane: Plane, layers: AttentionLayers, x: float, y: float) -> int | None:
    """The node whose patch is under a point of the screen, or the token near the point above the picture."""
    px, py = plane.back(x, y)
    rows, columns = layers.grid
    prefix = len(layers.prefix_names)
    if 0 <= px < columns and 0 <= py < rows:
        return prefix + int(py) * columns + int(px)
    if prefix and -STRIP <= py < 0:
        return nearest(places(layers)[:prefix], px, py, 0.9)
    return None
