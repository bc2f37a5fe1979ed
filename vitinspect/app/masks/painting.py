"""A mask as pixels of the screen: only the part that is seen, sampled at the screen's resolution. Numpy only."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

BLACK = 0xFF000000


def colour_number(colour: str, alpha: float) -> int:
    """``#35D0BA`` and an opacity as Qt's premultiplied ARGB number."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    a = round(255 * alpha)
    return a << 24 | (red * a // 255) << 16 | (green * a // 255) << 8 | blue * a // 255


def colour_table(colours: Mapping[int, str], opacity: float) -> NDArray[np.uint32]:
    """256 colours: nothing for the background, each label's own for the others."""
    table = np.zeros(256, np.uint32)
    for value, colour in colours.items():
        table[value] = colour_number(colour, opacity)
    return table


def sampled(
    values: NDArray[np.uint8], left: float, top: float, scale: float, width: int, height: int
) -> NDArray[np.uint8]:
    """What each screen pixel shows of the mask; 0 outside the picture. ``left`` and ``top``: the picture's corner."""
    columns = np.floor((np.arange(width) + 0.5 - left) / scale).astype(np.int64)
    rows = np.floor((np.arange(height) + 0.5 - top) / scale).astype(np.int64)
    inside_x = (columns >= 0) & (columns < values.shape[1])
    inside_y = (rows >= 0) & (rows < values.shape[0])
    result = np.zeros((height, width), np.uint8)
    if inside_x.any() and inside_y.any():
        x0, x1 = int(np.argmax(inside_x)), int(width - np.argmax(inside_x[::-1]))
        y0, y1 = int(np.argmax(inside_y)), int(height - np.argmax(inside_y[::-1]))
        result[y0:y1, x0:x1] = values[rows[y0:y1, None], columns[None, x0:x1]]
    return result


def painted(
    labels: NDArray[np.uint8], table: NDArray[np.uint32], outline: Mapping[int, str], hatched: int = 255
) -> NDArray[np.uint32]:
    """Colours of sampled labels: filled, ignored parts hatched, with an outline on a black edge."""
    picture = table[labels]
    ignored = labels == hatched
    if ignored.any():
        down, right = np.ogrid[: labels.shape[0], : labels.shape[1]]
        picture[ignored & ((down + right) % 8 < 3)] = colour_number("#9AA5B1", 0.8)
    rim = np.zeros(labels.shape, bool)
    differs = labels[:, 1:] != labels[:, :-1]
    rim[:, 1:] |= differs
    rim[:, :-1] |= differs
    differs = labels[1:] != labels[:-1]
    rim[1:] |= differs
    rim[:-1] |= differs
    if rim.any():
        solid = colour_table(outline, 1.0)
        inner = rim & (labels != 0)
        picture[inner] = solid[labels[inner]]
        picture[rim & (labels == 0)] = BLACK
    return picture
