"""A slot: a model with its target, and how pictures come to it. There are two, A and B. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vitinspect.app.compute.addresses import Target
from vitinspect.errors import ParameterError

FITS = ("crop", "squash", "pad")
PRECISIONS = ("float32", "bfloat16", "float64")


@dataclass(frozen=True)
class Slot:
    """What the state holds of one model."""

    model: str = "demo"
    device: str = "auto"
    precision: str = "float32"
    fit: str = "crop"
    target: Target = ()

    def to_plain(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {**self.__dict__, "target": list(self.target)}


def slot_of(value: Any) -> Slot | None:
    """A slot from what JSON kept; None for an empty one. A ``ParameterError`` for what cannot be one."""
    if value is None or isinstance(value, Slot):
        return value
    if not isinstance(value, Mapping):
        raise ParameterError("a slot has a model, a device, a precision, a fit and a target")
    texts = {name: value.get(name, getattr(Slot, name)) for name in ("model", "device", "precision", "fit")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise ParameterError("the model, the device, the precision and the fit of a slot are texts")
    if texts["precision"] not in PRECISIONS or texts["fit"] not in FITS:
        raise ParameterError(f"the precision is one of {', '.join(PRECISIONS)}, the fit one of {', '.join(FITS)}")
    target = tuple(value.get("target", ()))
    if len(target) > 2 or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in target):
        raise ParameterError("the target of a slot is at most two indices of classes")
    return Slot(**texts, target=target)
