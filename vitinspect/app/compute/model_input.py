"""The model in the worker's thread and a picture as the model gets it: what every kind of work begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitinspect.app.compute.addresses import InputAddress
from vitinspect.app.compute.worker import Context
from vitinspect.errors import Cancelled

if TYPE_CHECKING:
    import numpy as np

FILLS = {"mean": "mean", "blur": "blur", "black": "true_black"}
"""The window's names of the fills, and those in ``vitinspect.scores.fills``."""


def model_for(context: Context, address: InputAddress) -> Any:
    """The model that the request is about."""
    return model_of(context, address.model)


def model_of(context: Context, fingerprint: str) -> Any:
    """The model of this fingerprint. If it is no longer loaded, nobody waits for the answer."""
    for model in context.models.values():
        if model.fingerprint == fingerprint:
            return model
    raise Cancelled


def prepared(context: Context, pixels: np.ndarray, address: InputAddress) -> Any:
    """The picture as the model gets it, kept for the next request: a large one takes longer than the model."""
    model = model_for(context, address)
    key = (address.content, address.model, address.fit)
    if key not in context.prepared:
        made = model.preprocess(pixels, address.fit)
        while len(context.prepared) > 1:  # one for each slot
            context.prepared.pop(next(iter(context.prepared)))
        context.prepared[key] = made
    return context.prepared[key]
