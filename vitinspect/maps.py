"""Attribution maps, and operations on a single map: normalising, resizing. Pure numpy."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vitinspect.displayed import DisplayedMap
from vitinspect.errors import ParameterError

if TYPE_CHECKING:
    from vitinspect.displayed import Origin
    from vitinspect.explainers.targets import TargetLike

Resolution = Literal["patch", "pixel"]
NORMALISATIONS = ("none", "minmax", "percentile", "rank")
RESAMPLING = ("bilinear", "nearest", "bicubic")


@dataclass(frozen=True)
class AttributionMap(DisplayedMap):
    """The raw values of one method on one image: no min-max, no upsampling. In a notebook it shows itself."""

    values: np.ndarray
    """(grid_h, grid_w) for patch maps, (H, W) of the model's input for pixel maps."""
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    """The canonical string of the method with its parameters."""
    target: TargetLike | None = None
    """What was explained; None where the method does not depend on a target."""
    signed: bool = False
    """Whether values below zero mean evidence against the target."""
    resolution: Resolution = "patch"
    details: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin | None = field(default=None, repr=False, compare=False)
    """The picture and the model that it belongs to, for showing and saving it."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The values, so that numpy functions take a map as it is."""
        return np.array(self.values, dtype=dtype, copy=True if copy is None else copy)

    def __repr__(self) -> str:
        low, high = (float(self.values.min()), float(self.values.max())) if self.values.size else (0.0, 0.0)
        size = " × ".join(map(str, self.values.shape))
        target = "" if self.target is None else f", target {self.target}"
        return f"<map of {self.key or self.method}: {size}, {low:.3g} to {high:.3g}{target}>"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def with_values(self, values: np.ndarray, **changes: Any) -> AttributionMap:
        """The same map with other values, for example upsampled."""
        return replace(self, values=values, **changes)


def values_of(attribution: AttributionMap | np.ndarray) -> np.ndarray:
    """The numbers of a map or of a plain array, checked."""
    values = attribution.values if isinstance(attribution, AttributionMap) else np.asarray(attribution)
    if values.ndim != 2 or values.size == 0:
        raise ParameterError(f"A map has rows and columns; this one has the shape {values.shape}.")
    if values.dtype == bool or not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ParameterError("The map holds a NaN or an infinity.")
    return values


# --- normalising ---------------------------------------------------------------------------------------------


def minmax(values: np.ndarray) -> np.ndarray:
    """Stretch to 0..1; a constant map becomes zeros."""
    values = np.asarray(values)
    low, high = values.min(), values.max()
    if not high > low:
        return np.zeros_like(values, dtype=np.result_type(values, np.float32))
    return (values - low) / (high - low)


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0 to n - 1; equal values share the mean of their ranks."""
    flat = np.asarray(values).reshape(-1)
    order = np.argsort(flat)  # in whatever order equal values come: they share their rank
    ordered = flat[order]
    result = np.empty(flat.size, dtype=np.float64)
    differs = ordered[1:] != ordered[:-1]
    if differs.all():
        result[order] = np.arange(flat.size)
        return result.reshape(np.shape(values))
    starts = np.flatnonzero(np.concatenate(([True], differs)))
    ends = np.concatenate((starts[1:], [flat.size]))
    result[order] = np.repeat((starts + ends - 1) / 2, ends - starts)
    return result.reshape(np.shape(values))


def normalise(values: np.ndarray, how: str = "minmax", *, low: float = 1.0, high: float = 99.0) -> np.ndarray:
    """Bring a map to a common scale.

    ``none`` leaves it; ``minmax`` stretches to 0..1; ``percentile`` stretches between two percentiles and clips, so
    that single outliers do not darken the rest; ``rank`` replaces values by their rank over n - 1.
    """
    if how == "none":
        return np.asarray(values)
    if how == "minmax":
        return minmax(values)
    if how == "percentile":
        bottom, top = np.percentile(values, [low, high])
        if not top > bottom:
            return minmax(values)
        return np.clip((values - bottom) / (top - bottom), 0, 1)
    if how == "rank":
        return minmax(ranks(values))
    raise ParameterError(f"A normalisation is one of {', '.join(NORMALISATIONS)}, not {how!r}.")


# --- resizing ------------------------------------------------------------------------------------------------


def _cubic(distance: np.ndarray, a: float = -0.75) -> np.ndarray:
    """The convolution kernel that torch and OpenCV use for bicubic resizing."""
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


@functools.lru_cache(maxsize=64)
def resize_weights(source: int, target: int, how: str) -> np.ndarray:
    """(target, source): each output sample as a weighted sum of input samples; half-pixel centres, no antialiasing."""
    places = (np.arange(target) + 0.5) * source / target - 0.5
    weights = np.zeros((target, source))
    rows = np.arange(target)
    if how == "nearest":
        index = np.floor(np.arange(target) * (source / target)).astype(int)
        weights[rows, np.minimum(index, source - 1)] = 1
    elif how == "bilinear":
        places = np.clip(places, 0, None)
        left = np.minimum(np.floor(places).astype(int), source - 1)
        right = np.minimum(left + 1, source - 1)
        share = np.clip(places - left, 0, 1)
        np.add.at(weights, (rows, left), 1 - share)
        np.add.at(weights, (rows, right), share)
    elif how == "bicubic":
        left = np.floor(places).astype(int)
        for offset in (-1, 0, 1, 2):
            index = np.clip(left + offset, 0, source - 1)
            np.add.at(weights, (rows, index), _cubic(places - (left + offset)))
    else:
        raise ParameterError(f"A resampling is one of {', '.join(RESAMPLING)}, not {how!r}.")
    weights.setflags(write=False)
    return weights


def resize(values: np.ndarray, size: tuple[int, int], how: str = "bilinear") -> np.ndarray:
    """Resize to (rows, columns) as ``torch.nn.functional.interpolate`` does with ``align_corners=False``.

    Both axes are resized by a small matrix each, which needs neither torch nor the (much slower) gathering of
    neighbours, and is exact for the up- and downsampling that the papers use. The products are taken in float64, so
    that maps in float32 do not depend on how many threads share them.
    """
    values = np.asarray(values)
    if values.shape == tuple(size):
        return values.copy()
    kind = values.dtype if np.issubdtype(values.dtype, np.floating) else np.dtype(np.float64)
    down = resize_weights(values.shape[0], int(size[0]), how)
    across = resize_weights(values.shape[1], int(size[1]), how)
    return (down @ values.astype(np.float64) @ across.T).astype(kind, copy=False)


def sample(values: np.ndarray, rows: np.ndarray, columns: np.ndarray, how: str = "bilinear") -> np.ndarray:
    """Values of a grid at places among its cells: 0 is the middle of the first row or column.

    Beyond the outermost middles a value stays the same. What is painted on the screen and what is written into files is
    sampled here, each at the middles of its own pixels, so that their colours agree.
    """
    return sample_along(sample_along(np.asarray(values, dtype=np.float32), columns, how, 1), rows, how, 0)


def sample_along(values: np.ndarray, at: np.ndarray, how: str, axis: int) -> np.ndarray:
    """The same along one axis of an array of 32-bit floats; ``sample`` takes the columns first."""
    last = values.shape[axis] - 1
    if how == "nearest":
        # Half-way positions go up, so that cells of equal size get pixels of equal number.
        return np.take(values, np.clip(np.floor(at + 0.5).astype(int), 0, last), axis=axis)
    base = np.floor(at).astype(int)
    t = at - base
    shape = [1, 1]
    shape[axis] = -1
    if how == "bilinear":
        before = np.take(values, np.clip(base, 0, last), axis=axis)
        between = np.take(values, np.clip(base + 1, 0, last), axis=axis)
        between -= before
        between *= t.astype(np.float32).reshape(shape)
        between += before
        return between
    if how != "bicubic":
        raise ParameterError(f"The resampling {how!r} is not one of nearest, bilinear, bicubic.")
    # Catmull-Rom, the cubic that Pillow uses (a = -0.5).
    weights = {
        -1: ((-0.5 * t + 1.0) * t - 0.5) * t,
        0: (1.5 * t - 2.5) * t * t + 1,
        1: ((-1.5 * t + 2.0) * t + 0.5) * t,
        2: (0.5 * t - 0.5) * t * t,
    }
    total: np.ndarray | None = None
    for offset, weight in weights.items():
        part = np.take(values, np.clip(base + offset, 0, last), axis=axis)
        part *= weight.astype(np.float32).reshape(shape)
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total
