"""Attention as a multilayer network: one layer per block, one node per patch, arcs weighted by attention.

The steps of MUTEX, each a function of arrays: adjacency, cut, centralities, statistics over layers, masks, heat map.
They take numpy arrays or torch tensors and return what they were given. The adjacencies of a picture are made by
``vitinspect.explainers.attention_layers``; the steps are defined in ``docs/methods/lrp-mix-multiplex.md``, section 6.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from vitinspect.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np
    import torch

OPERATORS = ("min", "max", "sum")
"""How the heads of a block become one matrix."""
DIRECTIONS = ("in", "out")
"""in: attention that a patch receives; out: attention that it gives."""
STATISTICS = ("coherence", "max", "min", "sum", "std", "sum_over_std", "median", "skew", "kurtosis")
"""The statistics of a node's centrality over the layers. Coherence is the entropy of its shares."""

Array = Any
_Step = TypeVar("_Step", bound=Callable[..., Any])


def _as_given(step: _Step) -> _Step:
    """Let a function of tensors take numpy arrays too, and answer them with numpy arrays."""

    @functools.wraps(step)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        import numpy as np
        import torch

        if not any(isinstance(a, np.ndarray) for a in args):
            return step(*args, **kwargs)
        result = step(*(torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in args), **kwargs)
        return tuple(r.numpy() for r in result) if isinstance(result, tuple) else result.numpy()

    return wrapped  # type: ignore[return-value]


def fuse_heads(attention: torch.Tensor, operator: str, dim: int = 1) -> torch.Tensor:
    """One matrix out of a block's heads."""
    if operator == "sum":
        return attention.sum(dim)
    if operator in ("min", "max"):
        return attention.amin(dim) if operator == "min" else attention.amax(dim)
    raise ParameterError(f"The head operator must be one of {', '.join(OPERATORS)}, not {operator!r}.")


@_as_given
def cut(adjacency: Array, min_cut: float) -> Array:
    """(..., N, N) with arcs below ``min_cut`` times the strongest arc of their layer set to zero."""
    if min_cut <= 0:
        return adjacency
    limit = adjacency.amax((-2, -1), keepdim=True) * min_cut
    return adjacency.masked_fill(adjacency < limit, 0)


@_as_given
def centralities(adjacency: Array) -> tuple[Array, Array]:
    """In- and out-strength of each node, (..., N) each: the attention that a patch receives, and that it gives."""
    return adjacency.sum(-2), adjacency.sum(-1)


@_as_given
def statistics(centrality: Array) -> Array:
    """(..., L, N) to (..., 9, N): the nine statistics over layers, in the order of ``STATISTICS``.

    Skewness and kurtosis are NaN for a node whose centrality is the same in all layers, and everything divided by
    n - 1 is where there is one layer only.
    """
    import torch

    c = centrality
    n = c.shape[-2]
    total, mean = c.sum(-2), c.mean(-2, keepdim=True)
    share = torch.where(total[..., None, :] != 0, c / total[..., None, :], c.new_zeros(()))
    coherence = -torch.where(share > 0, torch.xlogy(share, share), c.new_zeros(())).sum(-2)
    deviation = c - mean
    squares = deviation.square()
    second = squares.mean(-2)
    # n - 1 = 0 must give NaN, as torch.std does, but without its warning.
    std = (squares.sum(-2) / (n - 1)).sqrt() if n > 1 else torch.full_like(second, math.nan)
    constant = second <= (torch.finfo(c.dtype).eps * mean[..., 0, :]).square()
    blank = c.new_full((), math.nan)
    skew = torch.where(constant, blank, (squares * deviation).mean(-2) / second**1.5)
    kurtosis = torch.where(constant, blank, squares.square().mean(-2) / second.square() - 3)
    return torch.stack(
        [
            coherence,
            c.amax(-2),
            c.amin(-2),
            total,
            std,
            total / (std + 1e-8),
            c.median(-2).values,  # of an even number the lower middle value
            skew,
            kurtosis,
        ],
        dim=-2,
    )


@_as_given
def masks(values: Array, token_ratio: float) -> Array:
    """(..., N) to booleans: which nodes stay when the share ``token_ratio`` with the smallest values is dropped.

    All nodes that tie with the smallest value that stays are kept. NaN sort last and never stay, so with many of
    them fewer nodes remain than asked for, or none.
    """
    count = values.shape[-1]
    place = max(0, math.ceil(count * token_ratio) - 1)
    threshold = values.sort(dim=-1).values[..., place : place + 1]
    return values >= threshold


@_as_given
def heat_map(kept: Array, confidences: Array) -> Array:
    """(K, N) masks and (K,) confidences to (N,): the mean confidence of the masks that keep a node."""
    weights = confidences[:, None].expand(kept.shape)
    # Not a product: a mask that keeps nothing has no confidence, and must not spoil the others.
    return weights.masked_fill(~kept.bool(), 0).sum(0) / kept.bool().sum(0).clamp(min=1)


@dataclass(frozen=True)
class AttentionLayers:
    """The uncut layers of one picture, with what is needed to place their nodes."""

    weights: np.ndarray
    """(L, N, N); [l, i, j] is the attention that node i gives to node j in block l."""
    operator: str
    grid: tuple[int, int]
    prefix_names: tuple[str, ...]
    """Names of the first nodes, where the tokens before the patches are shown; otherwise empty."""

    @property
    def nodes(self) -> int:
        return int(self.weights.shape[1])

    def position(self, node: int) -> tuple[int, int] | None:
        """Row and column of a patch; None for a token before the patches."""
        patch = node - len(self.prefix_names)
        return None if patch < 0 else divmod(patch, self.grid[1])


def head_of(operator: str) -> int | None:
    """The index in ``"head 3"``; None for an operator over all heads."""
    if operator in OPERATORS:
        return None
    text = operator.removeprefix("head").strip()
    if operator.startswith("head") and text.isdigit():
        return int(text)
    raise ParameterError(f"The head operator must be one of {', '.join(OPERATORS)} or 'head N', not {operator!r}.")
