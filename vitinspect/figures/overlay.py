"""Painting a heat map over a picture: pure numpy and Pillow, the same for command line, window and files.

A map is painted in three small steps, each of which the window can cache and repeat separately:

1. ``place``: raw values on the patches or pixels of the model's input move to the picture's pixels;
2. ``levels``: raw values become 0..255 by a ``ValueRange``;
3. ``rgba_table``: 256 colours with their opacity; ``blend`` looks each pixel up in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vitinspect.errors import DataError, ParameterError
from vitinspect.figures.colormaps import DIVERGING, Table, colormap

Opacity = Literal["uniform", "growing"]
Colour = tuple[int, int, int]

OPACITIES = ("uniform", "growing")
GROWTH = 0.75
"""Below 1, so that medium values are visible and the lowest still show the picture."""
ACCENT: Colour = (255, 214, 10)
"""The colour of lines over heat maps: a yellow that the default colour map does not have, with a dark edge."""
_ROWS_AT_ONCE = 256  # keeps the temporary arrays of a 24-megapixel picture small


class PlacementLike(Protocol):
    """The part of ``vitinspect.models.placement.Placement`` that is needed here."""

    @property
    def original_size(self) -> tuple[int, int]: ...

    @property
    def visible_box(self) -> tuple[float, float, float, float]: ...

    def map_to_original(
        self, values: NDArray[np.float32], resample: str = ..., fill: float = ...
    ) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class ValueRange:
    """The raw values at the two ends of the colour bar."""

    low: float
    high: float
    centred: bool = field(default=False, compare=False)
    """Whether zero stands in its middle, also where there is nothing but zeros."""

    @classmethod
    def of(cls, values: NDArray[np.floating], *, centred: bool = False) -> ValueRange:
        """The range of ``values`` (without NaN); with ``centred``, zero is its centre."""
        finite = values[np.isfinite(values)]
        if not finite.size:
            return cls(0.0, 0.0, centred)
        low, high = float(finite.min()), float(finite.max())
        if centred:
            high = max(abs(low), abs(high))
            low = -high
        return cls(low, high, centred)

    def stretch(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """0 at ``low``, 1 at ``high``, held within; a range of no width gives its lowest, or its middle if centred."""
        width = self.high - self.low
        if not width > 0:
            return np.where(np.isnan(values), np.float32(np.nan), np.float32(0.5 if self.centred else 0.0))
        scaled = (np.asarray(values, dtype=np.float64) - self.low) / width
        return np.clip(scaled, 0.0, 1.0).astype(np.float32)


def place(values: NDArray[np.floating], placement: PlacementLike, *, smooth: bool = True) -> NDArray[np.float32]:
    """The map on the pixels of the original picture, NaN where the model saw nothing.

    ``smooth`` interpolates between the centres of the patches; otherwise each patch is one exact rectangle.
    """
    return placement.map_to_original(
        np.asarray(values, dtype=np.float32), "bilinear" if smooth else "nearest", float("nan")
    )


def levels(heat: NDArray[np.floating], value_range: ValueRange) -> NDArray[np.uint8]:
    """Each value's index in a table of 256 colours; NaN gets 0 (see ``blend`` for how it stays transparent)."""
    width = value_range.high - value_range.low
    if np.asarray(heat).dtype == np.float32 and 1e-30 < width < 1e30 and abs(value_range.low) < 1000 * width:
        # Where single precision has room for it: a tenth of the time, for what the window does at each movement.
        placed = np.subtract(heat, np.float32(value_range.low))
        placed *= np.float32(255 / width)
        placed = np.fmin(np.fmax(placed, np.float32(0), out=placed), np.float32(255), out=placed)
        return np.rint(placed, out=placed).astype(np.uint8)
    stretched = value_range.stretch(heat)
    return np.rint(np.nan_to_num(stretched, nan=0.0) * 255).astype(np.uint8)


def rgba_table(name: str, *, opacity: float = 0.5, grows: Opacity = "uniform") -> NDArray[np.uint8]:
    """The colours of ``name`` with their opacity: constant, or by value.

    By value means from transparent at the lowest value to ``opacity`` at the highest, with the value to the power of
    ``GROWTH``; in a diverging map from transparent at zero, in the middle, to ``opacity`` at both ends.
    """
    if not 0.0 <= opacity <= 1.0:
        raise ParameterError(f"The opacity must be between 0 and 1, not {opacity!r}.")
    table = np.empty((256, 4), dtype=np.uint8)
    table[:, :3] = colormap(name)
    if grows == "uniform":
        share = np.ones(256)
    elif grows == "growing":
        share = np.linspace(0.0, 1.0, 256)
        if name in DIVERGING:
            share = np.abs(2.0 * share - 1.0)
        share = share**GROWTH
    else:
        raise ParameterError(f"The kind of opacity must be {' or '.join(OPACITIES)}, not {grows!r}.")
    table[:, 3] = np.rint(share * opacity * 255)
    return table


def blend(
    picture: NDArray[np.uint8],
    level: NDArray[np.uint8],
    table: NDArray[np.uint8],
    visible: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Blend the coloured ``level`` over ``picture``; where ``visible`` is false the picture is unchanged."""
    if picture.shape[:2] != level.shape or picture.ndim != 3 or picture.shape[2] != 3:
        raise DataError(f"A map of {level.shape} pixels cannot be laid over a picture of {picture.shape}.")
    out = np.empty_like(picture)
    for rows in _row_chunks(picture.shape[0]):
        colours = table[level[rows]].astype(np.uint16)
        alpha = colours[..., 3:]
        if visible is not None:
            alpha = alpha * visible[rows][..., None]
        mixed = picture[rows].astype(np.uint16) * (255 - alpha) + colours[..., :3] * alpha
        out[rows] = (mixed + 127) // 255
    return out


def _row_chunks(height: int) -> Iterator[slice]:
    for start in range(0, height, _ROWS_AT_ONCE):
        yield slice(start, min(height, start + _ROWS_AT_ONCE))


def overlay(
    picture: Image.Image,
    values: NDArray[np.floating],
    placement: PlacementLike,
    *,
    name: str = "viridis",
    opacity: float = 0.5,
    grows: Opacity = "uniform",
    smooth: bool = True,
    value_range: ValueRange | None = None,
    frame: bool = True,
) -> Image.Image:
    """All steps from raw values to a painted picture of the original's size.

    If the model saw only a part of the picture, ``frame`` draws a thin line around that part.
    """
    pixels = np.asarray(picture.convert("RGB"))
    heat = place(values, placement, smooth=smooth)
    if value_range is None:
        value_range = ValueRange.of(values, centred=name in DIVERGING)
    table = rgba_table(name, opacity=opacity, grows=grows)
    painted = Image.fromarray(blend(pixels, levels(heat, value_range), table, ~np.isnan(heat)))
    if frame and not sees_all(placement):
        draw_box(painted, placement.visible_box)
    return painted


def sees_all(placement: PlacementLike) -> bool:
    """Whether the model sees the whole picture."""
    left, top, right, bottom = placement.visible_box
    height, width = placement.original_size
    return left < 0.5 and top < 0.5 and right > width - 0.5 and bottom > height - 0.5


def line_width(size: tuple[int, int]) -> int:
    """A line width that is visible in a picture of ``size`` pixels without hiding it: a 300th of the short side."""
    return max(1, round(min(size) / 300))


def draw_box(picture: Image.Image, box: tuple[float, float, float, float], colour: Colour = ACCENT) -> None:
    """Draw a frame on ``picture`` just inside of ``box`` (left, top, right, bottom, in pixel edges)."""
    width = line_width(picture.size)
    left, top, right, bottom = (round(edge) for edge in box)
    outer = (left, top, max(left, right - 1), max(top, bottom - 1))
    draw = ImageDraw.Draw(picture)
    draw.rectangle(outer, outline=(0, 0, 0), width=min(2 * width, max(1, (outer[2] - outer[0]) // 2)))
    draw.rectangle(outer, outline=colour, width=width)


def outline(mask: NDArray[np.bool_], width: int = 1) -> NDArray[np.bool_]:
    """The border pixels of ``mask``: those at most ``width`` pixels (in Chebyshev distance) from the outside.

    The edge of the picture is not a border: an object that is cut off there continues.
    """
    mask = np.asarray(mask, dtype=bool)
    eroded = mask
    for _ in range(width):
        padded = np.pad(eroded, 1, mode="edge")
        eroded = eroded.copy()
        for dy in range(3):
            for dx in range(3):
                eroded &= padded[dy : dy + mask.shape[0], dx : dx + mask.shape[1]]
    return mask & ~eroded


def draw_outline(
    picture: NDArray[np.uint8], mask: NDArray[np.bool_], colour: Colour = ACCENT, width: int | None = None
) -> NDArray[np.uint8]:
    """``picture`` with the border of ``mask`` drawn in ``colour`` and a dark edge just inside of it."""
    if picture.shape[:2] != np.shape(mask):
        raise DataError(f"A mask of {np.shape(mask)} pixels does not match a picture of {picture.shape[:2]}.")
    if width is None:
        width = line_width((picture.shape[1], picture.shape[0]))
    rim = outline(mask, width)
    edge = outline(np.asarray(mask, dtype=bool) & ~rim, width)
    out = picture.copy()
    out[edge] = (0, 0, 0)
    out[rim] = colour
    return out


def format_value(value: float) -> str:
    """A raw value in few digits: ``0.0123``, ``1.2e-07``, ``-3.45``."""
    return f"{value:.3g}" if value else "0"


def colour_bar(
    table: Table | NDArray[np.uint8],
    value_range: ValueRange,
    *,
    height: int = 240,
    text_size: int = 13,
    text: Colour = (32, 32, 32),
    paper: Colour = (255, 255, 255),
) -> Image.Image:
    """A vertical colour bar with the raw values at its ends, and at zero if it lies between them."""
    font = ImageFont.load_default(text_size)
    marks = [(1.0, value_range.high), (0.0, value_range.low)]
    if value_range.low < 0 < value_range.high:
        marks.append((-value_range.low / (value_range.high - value_range.low), 0.0))
    if not value_range.high > value_range.low:
        marks = [(0.0, value_range.low)]
    texts = [(place, format_value(value)) for place, value in marks]
    wide = max(font.getlength(label) for _, label in texts)
    bar = max(8, text_size)
    margin = text_size
    picture = Image.new("RGB", (round(bar + wide + 3 * margin / 2), height + 2 * margin), paper)
    index = np.rint(np.linspace(255, 0, height)).astype(np.uint8)
    strip = np.repeat(np.asarray(table)[index, :3][:, None, :], bar, axis=1)
    picture.paste(Image.fromarray(np.ascontiguousarray(strip)), (margin // 2, margin))
    draw = ImageDraw.Draw(picture)
    for place_, label in texts:
        y = margin + (1.0 - place_) * (height - 1)
        draw.text((margin + bar, y), label, fill=text, font=font, anchor="lm")
    return picture
