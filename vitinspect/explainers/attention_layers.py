"""The attention of a picture as layers of a network, with heads fused by one operator, or of one head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from vitinspect.attention_network import AttentionLayers, fuse_heads, head_of
from vitinspect.errors import ParameterError
from vitinspect.explainers.base import Needs, Sweep
from vitinspect.explainers.trace import record
from vitinspect.models.evaluation_state import in_evaluation_state
from vitinspect.models.inputs import as_batch

if TYPE_CHECKING:
    from vitinspect.explainers.trace import Chunk
    from vitinspect.models.vit import ViT
    from vitinspect.progress import CancelToken


def attention_layers(
    model: ViT,
    image: Any,
    *,
    operator: str = "max",
    prefix: bool = False,
    precision: str = "float32",
    mode: str = "crop",
    cancel: CancelToken | None = None,
) -> AttentionLayers:
    """The layers of a picture's attention: heads fused by ``operator`` (min, max, sum, or ``"head 3"``), uncut.

    ``prefix``: whether class token and registers are nodes too.
    """
    head = head_of(operator)
    if head is not None and head >= model.heads:
        raise ParameterError(f"{model.name} has heads 0 to {model.heads - 1}, not {head}.")
    working = model.at_precision(precision)
    with in_evaluation_state(working.module), torch.no_grad():
        batch, _ = as_batch(working, [image], mode=mode)
        batch = batch.to(working.device, working.dtype)
        trace, _ = record(working, batch, lambda _: None, Needs(attention=True), cancel=cancel)
        sweep = _OneOperator(operator, head, 0 if prefix else working.prefix_tokens)
        trace.walk([sweep], cancel)
    layers = torch.stack([torch.cat(sweep.layers[block]) for block in sorted(sweep.layers)])
    grid = working.grid_for(*batch.shape[-2:])
    return AttentionLayers(layers.numpy(), operator, grid, model.prefix_names if prefix else ())


class _OneOperator(Sweep):
    """All layers with heads fused by one operator, or of one head, uncut."""

    def __init__(self, operator: str, head: int | None, first: int) -> None:
        self.operator, self.head, self.first = operator, head, first
        self.layers: dict[int, list[torch.Tensor]] = {}

    def rows(self, chunk: Chunk) -> None:
        skip = max(0, self.first - chunk.rows.start)
        attention = chunk.attention[0, :, skip:, self.first :]
        fused = fuse_heads(attention, self.operator, 0) if self.head is None else attention[self.head]
        self.layers.setdefault(chunk.block, []).append(fused.cpu())
