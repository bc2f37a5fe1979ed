"""What the model says about a picture without a region, in the worker's thread."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitinspect.app.compute.addresses import WhatIfAddress
from vitinspect.app.compute.explaining import HandOver, Report
from vitinspect.app.compute.model_input import FILLS, model_for, prepared
from vitinspect.app.compute.worker import Context
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class WithoutRegion:
    """What the model says about a picture with a region removed."""

    address: WhatIfAddress
    probabilities: np.ndarray
    picture: np.ndarray
    """(height, width, 3): the model's input, painted."""
    mask: np.ndarray


def region_hash(mask: np.ndarray) -> str:
    """A hash by which painted regions are distinguished."""
    return hashlib.blake2b(mask.tobytes(), digest_size=16, key=str(mask.shape).encode()).hexdigest()


def without_region(
    context: Context,
    hand_over: HandOver,
    cancel: CancelToken,
    progress: Report,
    *,
    address: WhatIfAddress,
    pixels: np.ndarray,
    mask: np.ndarray,
) -> WithoutRegion:
    """The probabilities of the picture without what ``mask`` (over the model's input) covers."""
    import torch

    from vitinspect.models.preprocess import to_pixels
    from vitinspect.scores.fills import fill_image

    model = model_for(context, address.input)
    tensor = prepared(context, pixels, address.input).tensor[None]
    cancel.check()
    instead = fill_image(tensor, FILLS[address.fill], model.preprocessing)
    painted = torch.where(torch.from_numpy(mask)[None, None], instead, tensor)
    _, probabilities = model.at_precision(address.input.precision).answers(painted)
    return WithoutRegion(
        address, probabilities[0].cpu().numpy().copy(), to_pixels(painted[0], model.preprocessing), mask
    )
