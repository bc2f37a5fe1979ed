"""``vi.views``: views of features, and the tokens of a model from which they are computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vitinspect.errors import ParameterError
from vitinspect.token_views import (
    COMPONENTS,
    Basis,
    attention_distance,
    basis,
    norms,
    patch_distances,
    pca,
    similarity,
)

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT

__all__ = [
    "COMPONENTS",
    "Basis",
    "attention_distance",
    "basis",
    "norms",
    "patch_distances",
    "pca",
    "similarity",
    "tokens",
]


def tokens(model: ViT, image: Any, blocks: Sequence[int] | None = None, norm: bool = True) -> np.ndarray:
    """(blocks, rows, columns, D): the patch tokens that leave each block of a model, for one picture.

    ``blocks`` are counted from 0, or backwards from -1; all by default. ``norm``: after the final norm.
    """
    import torch

    from vitinspect.models.evaluation_state import in_evaluation_state
    from vitinspect.models.inputs import as_batch

    asked = list(range(model.depth)) if blocks is None else [int(b) for b in blocks]
    if any(not -model.depth <= b < model.depth for b in asked) or not asked:
        raise ParameterError(f"{model.name} has the blocks 0 to {model.depth - 1}, not {asked}.")
    asked = [b % model.depth for b in asked]
    inputs, _ = as_batch(model, [image])
    module: Any = model.module
    with in_evaluation_state(model.module), torch.no_grad():
        found = module.forward_intermediates(
            inputs.to(model.device, model.dtype),
            indices=sorted(set(asked)),
            norm=norm,
            output_fmt="NLC",
            intermediates_only=True,
        )
    by_block = dict(zip(sorted(set(asked)), found, strict=True))
    rows, columns = model.grid_for(*inputs.shape[-2:])
    return np.stack([by_block[b][0].float().cpu().numpy().reshape(rows, columns, -1) for b in asked])
