"""Pictures of a scene, resampled to the size at which they are shown: in one way for the screen and for all files.

Programs enlarge pictures in ways of their own. What would be enlarged at the resolution of a figure is therefore stored
at that resolution, so that PDF, SVG, PNG and screen agree; what has more pixels than that keeps all of them
([decision 32](../../docs/decisions/0032-colours-agree.md)).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitinspect.figures.scene import Box, Picture

MOST_PIXELS = 60_000_000
"""The most pixels that a picture is enlarged to."""
_FINE = 600
"""No picture is enlarged beyond this resolution; exact patches are stored at a whole multiple of the figure's own that
reaches it."""
_MOST_REPEATED = 4_000_000


def resized(picture: Picture, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Its pixels in (width, height).

    Bicubic where it grows and Lanczos where it shrinks. Exact patches keep their edges where they grow: the nearest
    pixel; where they shrink, each pixel is the mean of those that it covers.
    """
    height, width = picture.pixels.shape[:2]
    if (width, height) == size:
        return picture.pixels
    if picture.sharp:
        how = Image.Resampling.NEAREST if grows(picture, size) else Image.Resampling.BOX
    else:
        how = Image.Resampling.BICUBIC if size[0] >= width else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(np.ascontiguousarray(picture.pixels)).resize(size, how))


def grows(picture: Picture, size: tuple[int, int]) -> bool:
    """Whether (width, height) has at least as many pixels as the picture itself, in both directions."""
    own = min(1.0, picture.finer)
    return size[0] >= picture.pixels.shape[1] * own - 0.5 and size[1] >= picture.pixels.shape[0] * own - 0.5


def on_page(picture: Picture, dpi: float) -> tuple[int, int]:
    """Its width and height in pixels of a page."""
    return max(1, round(picture.box[2] * dpi / 72)), max(1, round(picture.box[3] * dpi / 72))


def as_stored(picture: Picture, dpi: float | None) -> NDArray[np.uint8]:
    """The pixels to store in a file whose resolution is ``dpi``: enlarged to it, or as they are."""
    times = _times(picture, dpi)
    if dpi is None or not times:
        return picture.pixels
    pixels = resized(picture, on_page(picture, _bounded(dpi)))
    return pixels if times == 1 else np.repeat(np.repeat(pixels, times, axis=0), times, axis=1)


def stored_count(picture: Picture, dpi: float) -> int:
    """How many pixels ``as_stored`` gives."""
    width, height = on_page(picture, _bounded(dpi))
    times = _times(picture, dpi)
    return width * height * times**2 if times else picture.pixels.shape[0] * picture.pixels.shape[1]


def _bounded(dpi: float) -> float:
    """A resolution at which pictures are worth storing: a finer one by a whole number."""
    return dpi / max(1, math.ceil(dpi / _FINE))


def _times(picture: Picture, dpi: float | None) -> int:
    """Stored pixels across one pixel of the page: several for exact patches; 0: the picture is stored as it is."""
    if dpi is None:
        return 0
    dpi = _bounded(dpi)
    size = on_page(picture, dpi)
    count = size[0] * size[1]
    if not grows(picture, size) or count > MOST_PIXELS:
        return 0
    return max(1, min(math.ceil(_FINE / dpi), int((_MOST_REPEATED / count) ** 0.5))) if picture.sharp else 1


def on_whole_pixels(box: Box, dpi: float) -> Box:
    """The box with its edges between two pixels of a page of ``dpi``, at least one pixel wide and high."""
    scale = dpi / 72
    left, top = round(box[0] * scale), round(box[1] * scale)
    right, bottom = max(round((box[0] + box[2]) * scale), left + 1), max(round((box[1] + box[3]) * scale), top + 1)
    return left / scale, top / scale, (right - left) / scale, (bottom - top) / scale
