"""Many passes of modified images through a model, at less than the cost of as many plain calls.

What the head does not read of the last block is not computed (``truncated``), neither forward nor backward; on a CPU
that only emulates bfloat16, a float32 copy of the model is used. Equal to calls of the model up to rounding.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from vitinspect.explainers.passes import bfloat16, block_parts, truncated
from vitinspect.models.evaluation_state import in_evaluation_state

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT
    from vitinspect.progress import CancelToken

_TIMMS_OWN = ("timm.models.vision_transformer", "timm.models.eva", "timm.models.deit")


class Passes:
    """Call it with (n, 3, H, W) for logits (n, C); gradients flow where they are switched on."""

    def __init__(self, model: ViT, cancel: CancelToken | None = None) -> None:
        self.model = bfloat16.without_emulation(model)
        self.cancel = cancel
        self.in_parts = truncated.why_not(self.model) is None and _is_timms_own(self.model.module)
        self._ropes: dict[tuple[int, int], Any] = {}

    @contextlib.contextmanager
    def held(self) -> Iterator[Passes]:
        """Hold the model in evaluation mode while the passes run, also if it is a copy."""
        with in_evaluation_state(self.model.module):
            yield self

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        images = images.to(self.model.dtype)
        if not self.in_parts:
            return self.model.module(images)
        return truncated.logits_from(
            self.model, 0, tokens_of(self.model, images), rope=self._rope(images), cancel=self.cancel
        )

    def _rope(self, images: torch.Tensor) -> torch.Tensor | None:
        grid = self.model.grid_for(*images.shape[-2:])
        if grid not in self._ropes:
            with torch.no_grad():
                self._ropes[grid] = block_parts.rotary_table(self.model, grid)
        return self._ropes[grid]


def tokens_of(model: ViT, images: torch.Tensor) -> torch.Tensor:
    """The tokens that enter the first block."""
    module: Any = model.module
    tokens = module._pos_embed(module.patch_embed(images))
    return module.norm_pre(tokens[0] if isinstance(tokens, tuple) else tokens)


def may_be_shortened(model: ViT) -> bool:
    """Whether only the tokens that the head reads need be computed in the last block.

    That is not so if there are hooks on the model, its last block or the parts of its attention: they would not be
    called.
    """
    if truncated.why_not(model) is not None or not _is_timms_own(model.module):
        return False
    if model.pooling not in ("token", "distilled") or model.read_blocks > 1:
        return False
    last = model.blocks[-1]
    if block_parts.parts_of(last) is None:
        return False
    return not any(
        part._forward_hooks or part._forward_pre_hooks or part._backward_hooks or part._backward_pre_hooks
        for part in (model.module, last, *last.attn.modules())  # type: ignore[union-attr]
    )


def _is_timms_own(module: Any) -> bool:
    """Whether the module's forward pass is timm's own, not that of a derived class."""
    names = ("forward", "forward_features", "_pos_embed")
    return all(getattr(type(module), name).__module__ in _TIMMS_OWN and name not in vars(module) for name in names)
