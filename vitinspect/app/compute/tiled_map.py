"""A map of a large picture in tiles, in the worker's thread, written to a file that is a layer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vitinspect.app.compute.addresses import Address
from vitinspect.app.compute.explaining import HandOver, Report, as_engine_target
from vitinspect.app.compute.model_input import model_for
from vitinspect.app.compute.worker import Context
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    import numpy as np


def tiled_map(
    context: Context,
    hand_over: HandOver,
    cancel: CancelToken,
    progress: Report,
    *,
    address: Address,
    pixels: np.ndarray,
    image: str,
    folder: str,
    scale: float,
) -> str:
    """The path of the file with the merged map."""
    import hashlib

    from vitinspect.explainers.tiled import explain_tiled
    from vitinspect.files import npz_bytes, slug, write_atomic
    from vitinspect.names import stored

    model = model_for(context, address.input)
    found = explain_tiled(
        model,
        pixels,
        address.method,
        as_engine_target(address.target),
        address.precision,
        scale=scale,
        progress=progress,
        cancel=cancel,
    )
    attribution, placement = next(iter(found.values())), found.placement
    assert placement is not None
    about = {
        "image": stored(image),
        "image_size": list(placement.original_size),
        "model": model.name,
        "source": model.source,
        "fingerprint": address.model,
        "method": address.method,
        "input_size": list(placement.input_size),
        "box": list(placement.box),
        "tiles": True,
        "scale": scale,
    }
    mark = hashlib.sha256(f"{address.text}\n{scale!r}".encode()).hexdigest()[:8]
    stem = os.path.splitext(os.path.basename(image))[0]
    path = Path(folder) / f"{slug(stem)[:60]} {slug(address.method)[:60]} tiles {mark}.npz"
    write_atomic(path, npz_bytes({"values": attribution.values}, about))
    return str(path)
