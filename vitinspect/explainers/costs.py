"""The costs of all methods: the order in which they run, their passes through the model, their expected seconds.

``MethodInfo.cost`` names the kind of a method's cost; how many passes the costly ones make depends on their parameters
and on the model.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitinspect.explainers.declaration import Method

COST_ORDER = ("none", "one forward", "one forward and backward", "several passes", "many passes")
"""Cheap ones first."""
BACKWARD = 2.0
"""The time of a backward pass, in forward passes."""
WITHOUT_MODEL = 0.005
"""Seconds for a map that needs no model."""


@dataclass(frozen=True)
class ModelSize:
    """The properties of a model on which the number of passes depends."""

    grid: tuple[int, int]
    depth: int
    width: int = 0
    """Channels of a token; 0 if not known."""


@dataclass(frozen=True)
class Passes:
    """How many passes a method makes. ``share`` is the fraction of the blocks that each further pass runs."""

    forward: int = 0
    backward: int = 0
    share: float = 1.0

    @property
    def weight(self) -> float:
        """The cost in forward passes through the whole model."""
        return (self.forward + BACKWARD * self.backward) * self.share

    @property
    def words(self) -> str:
        if not self.forward:
            return "no pass"
        if self.share < 1:
            return f"{self.forward} partial"
        if not self.backward:
            return f"{self.forward} forward"
        return "1 fwd + 1 bwd" if self.forward == 1 else f"{self.forward} fwd + bwd"


def passes(method: Method, model: ModelSize) -> Passes:
    """The passes of a method with its parameters."""
    count = _COUNTED.get(method.id)
    if count is not None:
        return count(method.params, model)
    return {
        "none": Passes(),
        "one forward": Passes(1),
        "one forward and backward": Passes(1, 1),
    }.get(method.info.cost, Passes(2 * model.depth, 0))


def expected_seconds(wanted: Passes, measured: Iterable[tuple[Passes, float]]) -> float | None:
    """The expected time of a method, from those that were measured on the same model; None if none was."""
    if not wanted.forward:
        return WITHOUT_MODEL
    rates = [seconds / known.weight for known, seconds in measured if known.weight > 0 and seconds > 0]
    return wanted.weight * statistics.median(rates) if rates else None


def _score_cam(params: Mapping[str, Any], model: ModelSize) -> Passes:
    return Passes(model.width or 32 * model.depth)


def _mutex(params: Mapping[str, Any], model: ModelSize) -> Passes:
    return Passes(54)  # the number of masks that the authors' code makes


def _recipro_cam(params: Mapping[str, Any], model: ModelSize) -> Passes:
    block = params["block"] % model.depth if model.depth else 0
    patches = model.grid[0] * model.grid[1]
    return Passes(patches, 0, max(1, model.depth - block) / max(1, model.depth))


def _occlusion(params: Mapping[str, Any], model: ModelSize) -> Passes:
    size, stride = params["size"], params["stride"]
    along = [max(1, -(-max(0, cells - size) // stride) + 1) for cells in model.grid]
    return Passes(along[0] * along[1])


_COUNTED: dict[str, Callable[[Mapping[str, Any], ModelSize], Passes]] = {
    "integrated_gradients": lambda params, model: Passes(params["steps"], params["steps"]),
    "smoothgrad": lambda params, model: Passes(params["samples"], params["samples"]),
    "scorecam": _score_cam,
    "multiplex": _mutex,
    "reciprocam": _recipro_cam,
    "occlusion": _occlusion,
    "rise": lambda params, model: Passes(params["masks"]),
}
