"""Where a mask hits, misses, and raises false alarms, painted so that the colour-blind tell them apart: hits are plain,
misses and false alarms are hatched in two directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HIT, MISS, FALSE_ALARM = 1, 2, 3
"""0 where neither marks anything, or where it is not known."""
COLOURS = {HIT: (0x4F, 0xA3, 0xE0), MISS: (0xF2, 0xD5, 0x44), FALSE_ALARM: (0xC8, 0x45, 0x2B)}
_PERIOD, _STRIPE = 7, 2
_OPACITY = 0.72


@dataclass(frozen=True, eq=False)
class Differences:
    """A picture, and for each pixel one of 0, ``HIT``, ``MISS`` and ``FALSE_ALARM``."""

    picture: NDArray[np.uint8]
    kinds: NDArray[np.uint8]

    def painted(self, scale: int = 1) -> NDArray[np.uint8]:
        """(H, W, 3), each pixel ``scale`` times as large; the stripes keep their width."""
        large = np.repeat(np.repeat(self.picture, scale, 0), scale, 1)
        kinds = np.repeat(np.repeat(self.kinds, scale, 0), scale, 1)
        return paint(large, kinds)


def differences(mask: NDArray[np.bool_], truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Where a mask hits, misses, or raises a false alarm; nothing where the truth is not known (255)."""
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
