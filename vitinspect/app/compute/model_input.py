"""The model in the worker's thread and a picture as it gets it: what every kind of work begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitinspect.app.compute.addresses import InputAddress
from vitinspect.app.compute.worker import Context
from vitinspect.errors import Cancelled

if TYPE_CHECKING:
    import numpy as np

FILLS = {"mean": "mean", "blur": "blur", "black": "true_black"}
"""The window's words for what stands in, and those of ``vitinspect.scores.fills``."""


def model_for(context: Context, address: InputAddress) -> Any:
    """The model that the request is about. Another one was loaded meanwhile: then nobody waits for the answer."""
    if context.model is None or context.model.fingerprint != address.model:
        raise Cancelled
    return context.model


def prepared(context: Context, pixels: np.ndarray, address: InputAddress) -> Any:
    """The picture as the model gets it, kept for the next request: a large one takes longer than the model."""
    model = model_for(context, address)
    key = (address.content, address.model, address.fit)
    if context.prepared is None or context.prepared[0] != key:
        context.prepared = (key, model.preprocess(pixels, address.fit))
    return context.prepared[1]
