"""Views of the features of all blocks, in the worker's thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitinspect.app.compute.addresses import FeaturesAddress, InputAddress
from vitinspect.app.compute.explaining import HandOver, Report
from vitinspect.app.compute.model_input import model_for, prepared
from vitinspect.app.compute.worker import Context
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    import numpy as np
    import torch

KEPT_BYTES = 256 << 20
"""Tokens of a picture are kept for its next view up to this size."""


@dataclass(frozen=True, eq=False)
class FeatureView:
    """One view of all blocks."""

    address: FeaturesAddress
    values: np.ndarray
    """(blocks, rows, columns), for colours (blocks, rows, columns, 3) in 0..1."""
    heads: np.ndarray | None = None
    """(blocks, heads): the mean distance at which each head attends, in pixels."""


def feature_view(
    context: Context,
    hand_over: HandOver,
    cancel: CancelToken,
    progress: Report,
    *,
    address: FeaturesAddress,
    pixels: np.ndarray,
    pictures: tuple[str, ...] = (),
    patch_of: str = "",
    foreground: np.ndarray | None = None,
) -> FeatureView:
    """The view; ``pictures`` and ``patch_of`` are the paths of other pictures, ``foreground`` a mask of patches."""
    import numpy as np

    from vitinspect import token_views

    if address.view == "distance":
        return _distances(context, cancel, progress, address, pixels)
    tokens = _tokens_of(context, address.input, pixels)
    cancel.check()
    depth = len(tokens)
    if address.view == "norms":
        return FeatureView(address, token_views.norms(tokens).astype(np.float32))
    norm = _Norm(context, address.input)
    found = []
    if address.view == "similarity":
        other = tokens if not patch_of else _tokens_of(context, address.input, _opened(patch_of), keep=False)
        for block in range(depth):
            cancel.check()
            progress(block, depth)
            query = norm(other[block])[address.patch]
            found.append(token_views.similarity(norm(tokens[block]), query))
        return FeatureView(address, np.stack(found).astype(np.float32))
    others = []
    for path in pictures:
        cancel.check()
        others.append(_tokens_of(context, address.input, _opened(path), keep=False))
    for block in range(depth):
        cancel.check()
        progress(block, depth)
        together = [norm(one[block]) for one in (tokens, *others)]
        marked = None if foreground is None else [foreground, *(np.ones(one.shape[:-1]) for one in together[1:])]
        components = token_views.basis(together, marked)
        colours = components.colours(together[0])
        found.append(colours if foreground is None else colours * foreground[..., None])
    return FeatureView(address, np.stack(found).astype(np.float32))


class _Norm:
    """The model's final norm of tokens."""

    def __init__(self, context: Context, address: InputAddress) -> None:
        self._model = model_for(context, address)

    def __call__(self, tokens: np.ndarray) -> np.ndarray:
        import torch

        with torch.no_grad():
            given = torch.from_numpy(tokens).to(self._model.device, self._model.dtype)
            return self._model.module.norm(given).double().cpu().numpy()


def _opened(path: str) -> np.ndarray:
    import numpy as np

    from vitinspect.images import open_image

    return np.asarray(open_image(path))


def _tokens_of(context: Context, address: InputAddress, pixels: np.ndarray, *, keep: bool = True) -> np.ndarray:
    """(blocks, rows, columns, D) float32: the patch tokens as they leave each block."""
    if keep and context.tokens is not None and context.tokens[0] == address:
        return context.tokens[1]
    model = model_for(context, address)
    tensor = prepared(context, pixels, address).tensor if keep else model.preprocess(pixels, address.fit).tensor
    found = _all_tokens(model, address.precision, tensor)
    if keep:
        context.tokens = (address, found) if found.nbytes <= KEPT_BYTES else None
    return found


def _all_tokens(model: Any, precision: str, tensor: torch.Tensor) -> np.ndarray:
    import numpy as np

    from vitinspect.probing.views import tokens

    return tokens(model.at_precision(precision), tensor, norm=False).astype(np.float32, copy=False)


def _distances(
    context: Context, cancel: CancelToken, progress: Report, address: FeaturesAddress, pixels: np.ndarray
) -> FeatureView:
    import numpy as np
    import torch

    from vitinspect.explainers.base import Needs
    from vitinspect.explainers.trace import record
    from vitinspect.token_views import patch_distances

    model = model_for(context, address.input).at_precision(address.input.precision)
    tensor = prepared(context, pixels, address.input).tensor[None].to(model.device, model.dtype)
    values, heads = [], []
    with torch.no_grad():
        trace, _ = record(model, tensor, lambda logits: None, Needs(attention=True), cancel=cancel)
        grid, prefix = model.grid_for(*tensor.shape[-2:]), model.prefix_tokens
        apart = torch.from_numpy(patch_distances(grid, model.patch_size)).to(model.device, torch.float32)
        for block in range(trace.depth):
            cancel.check()
            progress(block, trace.depth)
            parts = []
            for chunk in trace.attention_rows(block):
                start = max(chunk.rows.start, prefix)
                between = chunk.attention[0, :, start - chunk.rows.start :, prefix:].float()
                weighed = (between * apart[start - prefix : chunk.rows.stop - prefix]).sum(-1)
                parts.append(weighed / between.sum(-1).clamp_min(1e-30))
            trace.forget_attention()
            each = torch.cat(parts, dim=1)  # (heads, patches)
            heads.append(each.mean(1).cpu().numpy())
            values.append(each.mean(0).reshape(grid).cpu().numpy())
    return FeatureView(address, np.stack(values), np.stack(heads))
