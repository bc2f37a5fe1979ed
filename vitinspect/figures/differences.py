"""Hits, misses and false alarms of a mask, painted so that the colour-blind can distinguish them: hits are plain,
misses and false alarms are hatched in two directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitinspect.figures.colormaps import colormap

HIT, MISS, FALSE_ALARM = 1, 2, 3
"""0 where neither marks anything, or where the pixel is ignored."""
COLOURS = {HIT: (0x4F, 0xA3, 0xE0), MISS: (0xF2, 0xD5, 0x44), FALSE_ALARM: (0xC8, 0x45, 0x2B)}
_PERIOD, _STRIPE = 7, 2
_OPACITY = 0.72
DISAGREEMENT_TOP = 2 / 3
"""The share of pairs that differ if three people, or four, are divided as evenly as possible."""


@dataclass(frozen=True, eq=False)
class Differences:
    """A picture, and for each pixel one of 0, ``HIT``, ``MISS`` and ``FALSE_ALARM``."""

    picture: NDArray[np.uint8]
    kinds: NDArray[np.uint8]
    disagreement: NDArray[np.float64] | None = None
    """For each pixel the share of pairs of people that differ."""

    def painted(self, scale: int = 1) -> NDArray[np.uint8]:
        """(H, W, 3), each pixel enlarged ``scale`` times; the stripes keep their width."""
        large = np.repeat(np.repeat(self.picture, scale, 0), scale, 1)
        kinds = np.repeat(np.repeat(self.kinds, scale, 0), scale, 1)
        return paint(large, kinds)

    def disagreement_painted(self, scale: int = 1) -> NDArray[np.uint8]:
        """The picture under the disagreement: from none to the most even split of three people, and more."""
        if self.disagreement is None:
            return self.picture
        share = np.clip(self.disagreement / DISAGREEMENT_TOP, 0, 1)[..., None]
        colours = colormap("inferno")[(share[..., 0] * 255).round().astype(np.uint8)]
        opacity = 0.9 * share**0.5
        painted = (self.picture * (1 - opacity) + colours * opacity).round().astype(np.uint8)
        return np.repeat(np.repeat(painted, scale, 0), scale, 1)


def differences(mask: NDArray[np.bool_], truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Hits, misses and false alarms of a mask; nothing where the truth is ignored (255)."""
    found = np.zeros(truth.shape, np.uint8)
    real = truth == 1
    found[mask & real] = HIT
    found[~mask & real] = MISS
    found[mask & (truth == 0)] = FALSE_ALARM
    return found


def paint(picture: NDArray[np.uint8], kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours over a picture, with dark stripes: misses rising to the right, false alarms falling."""
    rows, columns = np.indices(kinds.shape)
    striped = {
        MISS: (rows + columns) % _PERIOD < _STRIPE,
        FALSE_ALARM: (rows - columns) % _PERIOD < _STRIPE,
    }
    result = picture.astype(np.float32)
    for kind, colour in COLOURS.items():
        here = kinds == kind
        result[here] = result[here] * (1 - _OPACITY) + np.array(colour, np.float32) * _OPACITY
        if kind in striped:
            result[here & striped[kind]] *= 0.3
    return np.clip(result.round(), 0, 255).astype(np.uint8)
