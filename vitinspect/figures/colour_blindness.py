"""How pictures look to the colour-blind: dichromacy after Viénot, Brettel & Mollon (1999), in linear sRGB.

For tritanopia, a single matrix is less exact than the two half-planes of Brettel et al. (1997), but sufficient to see
whether a colour map keeps its order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

KINDS = {"protan": "no red cones", "deutan": "no green cones", "tritan": "no blue cones"}

_TO_LMS = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
"""From linear RGB, as in the paper."""
_LOST = {
    "protan": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
    "deutan": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
}


def _tritan() -> NDArray[np.float64]:
    """The projection of colours onto the plane through black, white and red."""
    white, red = _TO_LMS @ np.ones(3), _TO_LMS @ np.array([1.0, 0.0, 0.0])
    normal = np.cross(white, red)
    return np.array([[1, 0, 0], [0, 1, 0], [-normal[0] / normal[2], -normal[1] / normal[2], 0]])


def seen_with(pixels: NDArray[np.uint8], kind: str) -> NDArray[np.uint8]:
    """Height x width x 3 (or x 4, whose opacity stays) as seen with this kind of colour blindness."""
    lost = _tritan() if kind == "tritan" else _LOST[kind]
    matrix = np.linalg.inv(_TO_LMS) @ lost @ _TO_LMS
    table = _LINEAR[np.asarray(pixels)[..., :3]] @ matrix.T
    out = np.array(pixels, copy=True)
    out[..., :3] = np.rint(_encoded(np.clip(table, 0, 1)) * 255).astype(np.uint8)
    return out


def _encoded(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _decoded(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


_LINEAR = _decoded(np.arange(256) / 255)
"""The linear value of each 8-bit level."""
