"""The rules of layer-wise relevance propagation: how the relevance of a layer's output becomes that of its inputs.

Chefer, Gur & Wolf (CVPR 2021, arXiv:2012.09838), as their code computes it, quirks included; defined in
``docs/methods/lrp-mix-multiplex.md``, section 1, and tested against ``p1_chefer``, ``p3_chefer`` and
``p1_chefer_internals``. What the authors left open is defined in ``docs/methods/lrp-rules.md``.

Pure functions of tensors. Activations are (B, T, D): images, tokens, channels. Relevance is (P, B, T, D): P is 1, or
2 if the target is a difference of two classes, which are propagated at once. Everything is per image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F

Rules = Literal["chefer", "original"]

STABILISER = 1e-9
"""Added to every denominator, always with a plus sign (authors' quirk: a negative one is not pushed from zero)."""


def safe_quotient(a: torch.Tensor, b: torch.Tensor, stabiliser: float = STABILISER) -> torch.Tensor:
    """``a / (b + 1e-9)``; 0 where ``b`` is 0; divided by 1e-9 if the denominator vanishes."""
    below = b + stabiliser
    quotient = a / below
    # Denominators are nearly always far from zero; then no masking is needed. Checking costs a tenth of masking.
    if below.device.type == "cpu" and below.abs_().min() > 3 * stabiliser:
        return quotient
    below = b + stabiliser
    return (a / below.masked_fill_(below == 0, stabiliser)).masked_fill_(b == 0, 0)


# --- linear layers -------------------------------------------------------------------------------------------


def linear(
    x: torch.Tensor,
    weight: torch.Tensor,
    relevance: torch.Tensor,
    product: torch.Tensor | None = None,
    rules: Rules = "chefer",
) -> torch.Tensor:
    """Relevance (P, B, T, I) of the input of a linear layer; its bias takes no part.

    ``product`` is ``x W^T`` if it is known already: the layer's output without the bias.
    """
    if rules == "original":
        return _linear_original(x, weight, relevance)
    if product is None:
        product = F.linear(x, weight)
    outputs, inputs = weight.shape
    # Z = x+ W+ + x- W- = (x W + |x| |W|) / 2 saves one of four products; twice these values are kept here.
    size, amount = x.abs(), weight.abs()
    doubled = torch.addmm(product.reshape(-1, outputs), size.reshape(-1, inputs), amount.t()).view(product.shape)
    # Z is a sum of terms >= 0. Where the two halves cancel to rounding noise it is 0, and 0 gets no relevance.
    clear = torch.add(doubled, product, alpha=_noise(x.dtype))
    share = relevance / doubled.add_(2 * STABILISER)
    if clear.device.type != "cpu" or not clear.min() > 0:
        share.masked_fill_(clear <= 0, 0)
    return (share @ weight).mul_(x).add_((share @ amount).mul_(size))


def _noise(dtype: torch.dtype) -> float:
    return 64 * torch.finfo(dtype).eps


def _linear_original(x: torch.Tensor, weight: torch.Tensor, relevance: torch.Tensor) -> torch.Tensor:
    """The authors' second rule set: positive and negative contributions are normalised separately, so that
    each half receives all of the relevance and the total doubles."""
    parts = []
    for x_part, weight_part in ((x.clamp(min=0), weight.clamp(min=0)), (x.clamp(max=0), weight.clamp(max=0))):
        share = safe_quotient(relevance, F.linear(x_part, weight_part))
        parts.append(x_part * (share @ weight_part))
    return parts[0] + parts[1]


# --- sums and copies -----------------------------------------------------------------------------------------


def add(
    relevance: torch.Tensor, whole: torch.Tensor, parts: Sequence[torch.Tensor], rules: Rules = "chefer"
) -> list[torch.Tensor]:
    """Relevance of the summands of ``whole = sum(parts)``.

    Each gets its share element by element, then scaled as a whole in proportion to the absolute value of its sum over
    the *image's* tokens and channels (the authors sum over the batch as well, which mixes images).
    """
    share = safe_quotient(relevance, whole)
    received = [part * share for part in parts]
    if rules == "original":
        return received
    total = relevance.sum((-2, -1), keepdim=True)
    sums = torch.stack([r.sum((-2, -1), keepdim=True) for r in received])
    sizes = sums.abs()
    factors = safe_quotient(safe_quotient(sizes, sizes.sum(0)) * total, sums)
    return [r.mul_(factor) for r, factor in zip(received, factors, strict=True)]


def clone(x: torch.Tensor, relevance: torch.Tensor) -> torch.Tensor:
    """Relevance of a tensor that feeds several branches; ``relevance`` is the sum over those branches."""
    return safe_quotient(relevance, x).mul_(x)


# --- products of activations ---------------------------------------------------------------------------------


def halves(relevance: torch.Tensor) -> torch.Tensor:
    """The relevance of each factor of an element-wise product of two activations."""
    return relevance / 2


# --- contrasts -----------------------------------------------------------------------------------------------


def net_relevance(relevance: torch.Tensor) -> torch.Tensor:
    """(P, ...) to (...): the relevance of the target minus that of the class that is subtracted."""
    return relevance[0] if relevance.shape[0] == 1 else relevance[0] - relevance[1]


# --- pixels --------------------------------------------------------------------------------------------------


def pixels(
    x: torch.Tensor,
    low: torch.Tensor,
    high: torch.Tensor,
    weight: torch.Tensor,
    relevance: torch.Tensor,
    stride: tuple[int, int],
) -> torch.Tensor:
    """Relevance (P, B, H, W) of the pixels under the patch convolution, by the z-B rule, summed over channels.

    ``x`` (B, 3, H, W), ``relevance`` (P, B, D, h, w). ``low`` and ``high`` (B, 1, 1, 1) bound the values of x; the
    authors take each image's own extremes, not those of valid values.
    """
    terms = [
        (x, weight),
        (-low.expand_as(x), weight.clamp(min=0)),
        (-high.expand_as(x), weight.clamp(max=0)),
    ]
    below = torch.stack([F.conv2d(values, w, stride=stride) for values, w in terms]).sum(0) + STABILISER
    share = relevance / below
    parts = []
    for values, w in terms:
        back = F.conv_transpose2d(share.flatten(0, 1), w, stride=stride).unflatten(0, share.shape[:2])
        parts.append((values * back).sum(2))
    return torch.stack(parts).sum(0)
