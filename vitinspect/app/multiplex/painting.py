"""Painting a network with any QPainter: on the screen, into PNG, SVG and PDF.

On the screen arcs are an image from ``raster``, because Qt's own lines take seconds where there are thousands. In a
file they are lines, by weight into levels, each with one pen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QTransform

from vitinspect.app import heat as heating
from vitinspect.app.canvas.painting import ACCENT, EDGE, indexed
from vitinspect.app.multiplex import geometry, raster
from vitinspect.app.multiplex.model import Drawn, Scale

if TYPE_CHECKING:
    from vitinspect.app.geometry import Placed
    from vitinspect.app.pictures import Picture

FROM, TO, PLAIN = (QColor(*(int(v) for v in colour)) for colour in (raster.FROM, raster.TO, raster.PLAIN))
"""An arc's colour where it begins and where it ends; and the colour of all arcs but those of the pinned node."""
LEVELS = 5
CRISP = 400
"""Up to so many arcs have arrow heads."""
GROUND = QColor(22, 24, 28)
"""Darkens the picture so that arcs show; ``dim`` says how much."""
COMMUNITIES = tuple(
    QColor(text)
    for text in (
        *("#4e9fe5", "#f2a33a", "#5ec26a", "#e5606a", "#b58be0", "#c9a27a", "#ec8fc4", "#b8bcc2", "#c8c94a", "#46c5d0"),
    )
)
"""Of the largest communities; smaller ones are grey."""
OTHERS = QColor("#6f757c")


# --- numbers to Qt ---------------------------------------------------------------------------------------------------


def draw_lines(painter: QPainter, lines: np.ndarray) -> None:
    """(n, 4) lines in one call."""
    if len(lines):
        painter.drawLines([QLineF(*row) for row in lines.tolist()])


# --- the picture below -----------------------------------------------------------------------------------------------


def draw_picture(
    painter: QPainter, picture: Picture, placed: Placed, plane: geometry.Plane, grid: tuple[int, int], dim: float
) -> None:
    """What the model sees of the picture, in its plane, darkened by ``dim`` (0 to 1)."""
    rows, columns = grid
    corners = plane(np.array([[0.0, 0.0], [columns, 0], [columns, rows], [0, rows]]))
    left, top, right, bottom = placed.box
    wide, high = right - left, bottom - top
    scale = float(np.hypot(*plane.across)) * columns / max(wide, 1e-9)
    level, _ = picture.level_for(scale)
    a, b = plane.across[0] * columns / wide, plane.across[1] * columns / wide
    c, d = plane.down[0] * rows / high, plane.down[1] * rows / high
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    to_screen = QTransform(a, b, c, d, plane.left - left * a - top * c, plane.top - left * b - top * d)
    painter.setTransform(to_screen, True)
    painter.fillRect(QRectF(left, top, wide, high), QColor(0, 0, 0, 90))
    # Only the part that the model sees; SVG knows no clip.
    x0, y0, x1, y1 = placed.visible
    zoom = level.width() / picture.size[1], level.height() / picture.size[0]
    source = QRectF(x0 * zoom[0], y0 * zoom[1], (x1 - x0) * zoom[0], (y1 - y0) * zoom[1])
    painter.drawImage(QRectF(x0, y0, x1 - x0, y1 - y0), level, source)
    painter.restore()
    if dim > 0:
        shade = QColor(GROUND)
        shade.setAlphaF(dim)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shade)
        painter.drawPolygon([QPointF(*p) for p in corners.tolist()])


def draw_outline(painter: QPainter, plane: geometry.Plane, grid: tuple[int, int], colour: QColor, width: float) -> None:
    rows, columns = grid
    corners = plane(np.array([[0.0, 0.0], [columns, 0], [columns, rows], [0, rows]]))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, width))
    painter.drawPolygon([QPointF(*p) for p in corners.tolist()])


def draw_patch(painter: QPainter, plane: geometry.Plane, row: int, column: int, colour: QColor, width: float) -> None:
    """The frame of one patch, with a dark edge."""
    corners = plane(np.array([[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]], float))
    points = [QPointF(*p) for p in corners.tolist()]
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen_colour, pen_width in ((EDGE, width + 2), (colour, width)):
        pen = QPen(pen_colour, pen_width)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        painter.drawPolygon(points)


# --- arcs ------------------------------------------------------------------------------------------------------------


def pieces_for(count: int) -> int:
    """How finely arcs are bent: many are drawn as two straight halves each."""
    return 10 if count <= CRISP else 4 if count <= 2500 else 2


def draw_arcs(
    painter: QPainter,
    xy: np.ndarray,
    drawn: Drawn,
    *,
    radius: np.ndarray | None = None,
    loop: float = 6.0,
    pieces: int | None = None,
    strength: float = 1.0,
    arrow: float = 5.0,
    plain: bool = False,
) -> None:
    """The arcs, the weakest below: from blue where they begin to yellow where they end, with heads on a few."""
    first, last = (PLAIN, PLAIN) if plain else (FROM, TO)
    count = len(drawn)
    if not count:
        return
    pieces = pieces or pieces_for(count)
    lines = geometry.arcs(xy, drawn.source, drawn.target, pieces, radius=radius, loop=loop)
    top = float(drawn.weight[0])
    level = np.minimum((np.sqrt(drawn.weight / top) * LEVELS).astype(np.int64), LEVELS - 1)
    # The sum of opacities is limited: a thousand arcs as dark as ten would cover everything.
    ink = strength * float(np.clip(6.0 / np.sqrt(count), 0.07, 1.0))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    for i in range(LEVELS):
        chosen = np.flatnonzero(level == i)
        if not chosen.size:
            continue
        share = (i + 1) / LEVELS
        alpha = min(1.0, ink * (0.15 + 1.1 * share**1.5))
        width = 1.0 if count > CRISP else 1.0 + share
        for piece in range(pieces):
            at = (piece + 0.5) / pieces
            colour = _between(first, last, at)
            colour.setAlphaF(alpha * (0.45 + 0.55 * at))
            pen = QPen(colour, width)
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            draw_lines(painter, lines[piece, chosen])
        if count <= CRISP:
            colour = QColor(last)
            colour.setAlphaF(min(1.0, alpha * 1.2))
            painter.setPen(QPen(colour, width))
            draw_lines(painter, geometry.heads(lines[:, chosen], arrow).reshape(-1, 4))


def arcs_image(
    grid: tuple[int, int], xy: np.ndarray, drawn: Drawn, cell: float, budget: float, *, plain: bool = False
) -> QImage:
    """The arcs as an image over the grid and its margin; ``xy`` in patches, ``cell`` the size of a patch in pixels."""
    made = raster.draw(grid, xy, (drawn.source, drawn.target, drawn.weight), cell, budget)
    pixels = raster.colours(made, plain=plain)
    height, width = pixels.shape
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied).copy()


def draw_arcs_image(painter: QPainter, image: QImage, plane: geometry.Plane, grid: tuple[int, int]) -> None:
    """Draw the image of the arcs in a plane."""
    across = (grid[1] + 2 * raster.MARGIN) / image.width()
    down = (grid[0] + 2 * raster.MARGIN) / image.height()
    left, top = plane(np.array([-raster.MARGIN, -raster.MARGIN], float)).tolist()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    (a, b), (c, d) = plane.across, plane.down
    painter.setTransform(QTransform(a * across, b * across, c * down, d * down, left, top), True)
    painter.drawImage(0, 0, image)
    painter.restore()


def draw_heads(
    painter: QPainter, xy: np.ndarray, drawn: Drawn, radius: np.ndarray, size: float, *, plain: bool = False
) -> None:
    """Arrow heads where there are few arcs."""
    if not 0 < len(drawn) <= CRISP:
        return
    apart = drawn.source != drawn.target
    lines = geometry.arcs(xy, drawn.source[apart], drawn.target[apart], 10, radius=radius)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(QPen(PLAIN if plain else TO, 1.0))
    draw_lines(painter, geometry.heads(lines, size).reshape(-1, 4))


def _between(a: QColor, b: QColor, t: float) -> QColor:
    ends = ((a.red(), b.red()), (a.green(), b.green()), (a.blue(), b.blue()))
    return QColor(*(round(x + (y - x) * t) for x, y in ends))


# --- nodes -----------------------------------------------------------------------------------------------------------


@cache
def _colours() -> tuple[QColor, ...]:
    numbers = heating.table("viridis", signed=False, opacity=1.0, grows="uniform")
    return tuple(QColor.fromRgba(int(n)) for n in numbers)


@dataclass(frozen=True, eq=False)
class Nodes:
    """Size and colour of the nodes of one layer."""

    radius: np.ndarray
    colour: np.ndarray
    """Index: of 32 steps of the colour map, or of a community."""
    scale: Scale
    above: np.ndarray
    """Nodes beyond the end of the scale: they get a ring, since their size and colour do not distinguish them."""
    communities: bool = False

    @classmethod
    def of(cls, values: np.ndarray, cell: float, communities: np.ndarray | None = None) -> Nodes:
        scale = Scale.of(values)
        share = scale(values)
        above = np.flatnonzero(values > scale.high)
        # The area grows with the value.
        radius = cell * (0.08 + 0.27 * np.sqrt(share))
        if communities is not None:
            return cls(radius, np.minimum(communities, len(COMMUNITIES)), scale, above, True)
        return cls(radius, (share * 31).astype(np.int64), scale, above)


def draw_nodes(painter: QPainter, xy: np.ndarray, nodes: Nodes, *, vector: bool = False) -> None:
    """Discs, the small ones below. On the screen they are stamped: a disc is painted once for each size and colour."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    quarter = np.maximum(2, np.rint(nodes.radius * 4)).astype(int)
    rows = zip(quarter.tolist(), nodes.colour.tolist(), xy.tolist(), strict=True)
    for size, colour, (x, y) in sorted(rows, key=lambda row: row[0]):
        if vector:
            _disc(painter, QPointF(x, y), size / 4, node_colour(colour, nodes.communities))
        else:
            stamp, half = _stamp(size, colour, nodes.communities)
            painter.drawImage(QPointF(x - half, y - half), stamp)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor("white"), 1.5))
    for node in nodes.above.tolist():
        radius = float(nodes.radius[node]) + 2.5
        painter.drawEllipse(QPointF(*xy[node].tolist()), radius, radius)


def _disc(painter: QPainter, at: QPointF, radius: float, colour: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    if radius > 1.5:
        painter.setBrush(EDGE)
        painter.drawEllipse(at, radius + 0.75, radius + 0.75)
    painter.setBrush(colour)
    painter.drawEllipse(at, radius, radius)


@lru_cache(4096)
def _stamp(size: int, colour: int, communities: bool) -> tuple[QImage, float]:
    half = int(size / 4 + 2)
    image = QImage(4 * half, 4 * half, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(2.0)
    image.fill(0)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _disc(painter, QPointF(half, half), size / 4, node_colour(colour, communities))
    painter.end()
    return image, float(half)


def node_colour(index: int, communities: bool) -> QColor:
    if communities:
        return COMMUNITIES[index] if index < len(COMMUNITIES) else OTHERS
    return _colours()[min(255, 40 + index * 7)]


def draw_ring(painter: QPainter, at: Any, radius: float, colour: QColor = ACCENT, width: float = 2.0) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen_colour, pen_width in ((EDGE, width + 2), (colour, width)):
        painter.setPen(QPen(pen_colour, pen_width))
        painter.drawEllipse(QPointF(float(at[0]), float(at[1])), radius, radius)


# --- small maps ------------------------------------------------------------------------------------------------------


def heat_image(values: np.ndarray, colormap: str = "viridis") -> QImage:
    """A small map, its own range stretched over the colours; where there is no number it is grey."""
    from vitinspect.figures.overlay import ValueRange, levels

    good = np.isfinite(values)
    filled = np.where(good, values, values[good].min() if good.any() else 0.0)
    image = indexed(np.ascontiguousarray(levels(filled, ValueRange.of(filled))))
    image.setColorTable(heating.table(colormap, signed=False, opacity=1.0, grows="uniform").tolist())
    if good.all():
        return image
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    for row, column in np.argwhere(~good).tolist():
        image.setPixelColor(column, row, QColor(110, 110, 110))
    return image


def mask_image(mask: np.ndarray, on: QColor, off: QColor) -> QImage:
    image = indexed(np.ascontiguousarray(mask.astype(np.uint8)))
    image.setColorTable([off.rgba(), on.rgba()])
    return image
