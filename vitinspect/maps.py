"""Attribution maps: what a method returns. Pure numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from vitinspect.explainers.targets import TargetLike

Resolution = Literal["patch", "pixel"]


@dataclass(frozen=True)
class AttributionMap:
    """The raw values of one method on one image: no min-max, no upsampling."""

    values: np.ndarray
    """(grid_h, grid_w) for patch maps, (H, W) of the model's input for pixel maps."""
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    """The canonical string of the method with its parameters."""
    target: TargetLike | None = None
    """What was explained; None where the method does not depend on a target."""
    signed: bool = False
    resolution: Resolution = "patch"
    details: Mapping[str, Any] = field(default_factory=dict)


def minmax(values: np.ndarray) -> np.ndarray:
    """Stretch to 0..1; a constant map becomes zeros."""
    values = np.asarray(values)
    low, high = values.min(), values.max()
    if not high > low:
        return np.zeros_like(values, dtype=np.result_type(values, np.float32))
    return (values - low) / (high - low)
