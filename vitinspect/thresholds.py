"""Cutting a map into a mask. Every mask records the level at which it was cut. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vitinspect.errors import ParameterError
from vitinspect.maps import AttributionMap, minmax, resize, values_of

MODES = ("otsu", "fixed", "percentile", "top_fraction", "mean", "mean_std")


@dataclass(frozen=True)
class ThresholdedMap:
    """A mask and the level at which the map was cut."""

    mask: np.ndarray
    """True where the map is above the level."""
    level: float
    """In the map's own units."""
    level_minmax: float
    """The same on the map stretched to 0..1."""
    mode: str
    level_8bit: int | None = None
    """Otsu's threshold among 0..255: the mask is what lies above it."""

    @property
    def share(self) -> float:
        """The fraction of the picture that the mask covers."""
        return float(self.mask.mean())

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.mask, dtype=dtype, copy=True if copy is None else copy)  # type: ignore[call-overload]


def otsu_level(image: np.ndarray) -> int:
    """Otsu's threshold of an 8-bit image: the lowest that maximises the variance between the classes.

    The recurrences are those of OpenCV, operation by operation in double precision, so that ties fall the same way.
    A constant image has the threshold 0.
    """
    counts = np.bincount(np.asarray(image, dtype=np.uint8).reshape(-1), minlength=256)
    scale = 1.0 / int(counts.sum())
    mean = int((np.arange(256) * counts).sum()) * scale
    tiny = float(np.finfo(np.float32).eps)
    most = 1.0 - tiny
    low_mean = low_share = best = 0.0
    level = 0
    for i, count in enumerate(counts.tolist()):
        chance = count * scale
        low_mean *= low_share
        low_share += chance
        high_share = 1.0 - low_share
        if low_share < tiny or high_share < tiny or low_share > most or high_share > most:
            continue
        low_mean = (low_mean + i * chance) / low_share
        high_mean = (mean - low_share * low_mean) / high_share
        variance = low_share * high_share * (low_mean - high_mean) * (low_mean - high_mean)
        if variance > best:
            best, level = variance, i
    return level


def to_8bit(values: np.ndarray) -> np.ndarray:
    """The map as ViTmiX quantises it: ``trunc(255 (a - min) / (max - min + 1e-8))``."""
    low, high = values.min(), values.max()
    return np.trunc(255 * ((values - low) / (high - low + 1e-8))).astype(np.uint8)


def threshold(
    attribution: AttributionMap | np.ndarray,
    mode: str = "otsu",
    *,
    level: float = 0.5,
    percentile: float = 75.0,
    fraction: float = 0.25,
    k: float = 1.0,
    size: tuple[int, int] | None = None,
    resample: str = "bilinear",
) -> ThresholdedMap:
    """Cut a map into a mask.

    ``otsu``          Otsu's threshold on the 8-bit min-max map, equal to OpenCV's; what lies above it;
    ``fixed``         the min-max map above ``level``, strictly (0.5 in the GMAR and LeGrad comparison);
    ``percentile``    above the given percentile, strictly;
    ``top_fraction``  the given share of highest values; values equal to the lowest of them are all taken;
    ``mean``          above the mean; ``mean_std``  above the mean plus ``k`` standard deviations.

    With ``size`` (rows, columns) the map is resized first, bilinearly without corner alignment as in the papers. A
    constant map gives an empty mask, but for ``top_fraction``, in which everything ties.
    """
    if mode not in MODES:
        raise ParameterError(f"A threshold mode is one of {', '.join(MODES)}, not {mode!r}.")
    values = values_of(attribution)
    if size is not None:
        values = resize(values, size, resample)
    low, high = float(values.min()), float(values.max())
    level_8bit = None
    if mode == "otsu":
        quantised = to_8bit(values)
        level_8bit = otsu_level(quantised)
        mask = quantised > level_8bit
        # The smallest value that reaches the next step.
        cut = low + (level_8bit + 1) / 255 * (high - low + 1e-8)
    elif mode == "fixed":
        mask = minmax(values) > level
        cut = low + level * (high - low)
    elif mode == "percentile":
        if not 0 <= percentile <= 100:
            raise ParameterError(f"A percentile must be between 0 and 100, not {percentile}.")
        cut = float(np.percentile(values, percentile))
        mask = values > cut
    elif mode == "top_fraction":
        if not 0 <= fraction <= 1:
            raise ParameterError(f"A fraction must be between 0 and 1, not {fraction}.")
        count = round(fraction * values.size)
        if count == 0:
            mask, cut = np.zeros(values.shape, dtype=bool), high
        else:
            cut = float(np.partition(values.reshape(-1), values.size - count)[values.size - count])
            mask = values >= cut
    else:
        cut = float(values.mean()) + (k * float(values.std()) if mode == "mean_std" else 0.0)
        mask = values > cut
    span = high - low
    return ThresholdedMap(mask, cut, (cut - low) / span if span > 0 else 0.0, mode, level_8bit)


OPTION_OF = {"fixed": "level", "percentile": "percentile", "top_fraction": "fraction", "mean_std": "k"}
"""The number that a mode takes."""


def parse_threshold(text: str) -> tuple[str, dict[str, Any]]:
    """``otsu`` or ``fixed=0.5`` as a mode and the options of ``threshold``."""
    mode, equals, number = text.strip().partition("=")
    if mode not in MODES:
        raise ParameterError(f"A threshold is one of {', '.join(MODES)}, with a number as in fixed=0.5; not {text!r}.")
    if not equals:
        return mode, {}
    try:
        return mode, {OPTION_OF[mode]: float(number)}
    except KeyError:
        raise ParameterError(f"The threshold {mode} takes no number.") from None
    except ValueError:
        raise ParameterError(f"The threshold {text!r} has no number after its equals sign.") from None
