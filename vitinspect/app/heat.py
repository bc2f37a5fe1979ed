"""From raw values to what can be painted quickly: levels of 0 to 255, isolines, histograms. Pure numpy.

A map is quantised once for a view; opacity and colour map then only change a table of 256 colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.app.identity import Same
from vitinspect.figures.colormaps import DIVERGING, default_colormap
from vitinspect.figures.contours import isoline, patch_outline
from vitinspect.figures.overlay import ValueRange, levels, rgba_table
from vitinspect.maps import resize, sample_along

__all__ = ["CONTOUR", "FINEST", "Heat", "is_centred", "isoline", "patch_outline", "table"]

CONTOUR = 128
"""Rims of masks are drawn along a grid of at most this many cells a side."""
FINEST = 448
"""Levels of thresholds are found, and masks cut, on at most this many pixels a side."""
_ROWS = 64


@dataclass(frozen=True, eq=False)
class Heat:
    """A map made ready for painting. ``values`` are the raw ones, on patches or on pixels of the model's input."""

    values: NDArray[np.floating[Any]]
    signed: bool
    input_size: tuple[int, int]

    @cached_property
    def range(self) -> ValueRange:
        """The raw values at the ends of the colour bar; zero in the middle for a signed map."""
        return ValueRange.of(np.asarray(self.values), centred=self.signed)

    def levels_at(
        self,
        rows: NDArray[np.floating[Any]],
        columns: NDArray[np.floating[Any]],
        ends: tuple[float, float] | None = None,
        *,
        smooth: bool = True,
    ) -> NDArray[np.uint8]:
        """Levels at places among the cells, 0 being the middle of the first one: as ``figures.overlay`` has them.

        ``ends`` are other raw values at the ends of the colours; None for those of the map.
        """
        how = "bilinear" if smooth else "nearest"
        value_range = self.range if ends is None else ValueRange(*ends, centred=self.signed)
        across = sample_along(np.asarray(self.values, dtype=np.float32), columns, how, 1)
        found = np.empty((len(rows), len(columns)), np.uint8)
        for start in range(0, len(rows), _ROWS):  # what is between stays in the processor's cache
            part = slice(start, start + _ROWS)
            found[part] = levels(sample_along(across, rows[part], how, 0), value_range)
        return found

    @cached_property
    def fine(self) -> NDArray[np.float32]:
        """The values interpolated between the middles of their cells (bilinear, corners not aligned)."""
        return resize(np.asarray(self.values, dtype=np.float32), self.fine_size)

    @cached_property
    def contour(self) -> NDArray[np.float32]:
        """The values on a grid that is fine enough to draw the rim of a mask along."""
        height, width = self.fine_size
        shrink = min(1.0, CONTOUR / max(height, width))
        return resize(np.asarray(self.values, dtype=np.float32), (round(height * shrink), round(width * shrink)))

    @property
    def fine_size(self) -> tuple[int, int]:
        height, width = self.input_size
        shrink = min(1.0, FINEST / max(height, width))
        return max(1, round(height * shrink)), max(1, round(width * shrink))

    @cached_property
    def cuts(self) -> dict[tuple[str, float], Any]:
        """The masks that were made of it last, by how the level is found."""
        return {}

    @cached_property
    def _sorted(self) -> NDArray[np.floating[Any]]:
        return np.sort(np.asarray(self.values), axis=None)

    def percentile(self, value: float) -> float:
        """The share of the map, in percent, that is below ``value`` (ties count half)."""
        low = np.searchsorted(self._sorted, value, "left")
        high = np.searchsorted(self._sorted, value, "right")
        return 50.0 * float(low + high) / self._sorted.size

    def share_above(self, level: float) -> float:
        """The share of the model's input with values above ``level``."""
        return float((self.fine > level).mean())

    @cached_property
    def nbytes(self) -> int:
        """What this keeps in memory once everything was asked for."""
        height, width = self.fine_size
        return int(self.values.nbytes * 2 + height * width * 4)


@lru_cache(maxsize=16)
def heat_of(values: Same, signed: bool, input_size: tuple[int, int]) -> Heat:
    """The heat of an array, one for all that show it: both slots, and a slot that had this map a moment ago."""
    return Heat(values.thing, signed, input_size)  # type: ignore[arg-type]


def table(name: str, *, signed: bool, opacity: float, grows: str) -> NDArray[np.uint32]:
    """256 colours as Qt's ARGB numbers; ``auto`` is the colour map that fits the sign."""
    chosen = default_colormap(signed=signed) if name == "auto" else name
    rgba = rgba_table(chosen, opacity=opacity, grows=grows).astype(np.uint32)  # type: ignore[arg-type]
    colours = (rgba[:, 3] << 24) | (rgba[:, 0] << 16) | (rgba[:, 1] << 8) | rgba[:, 2]
    return colours.astype(np.uint32, copy=False)


def is_centred(name: str) -> bool:
    """Whether the middle of this colour map means zero."""
    return name in DIVERGING
