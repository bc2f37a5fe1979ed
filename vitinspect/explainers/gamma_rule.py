"""The gamma rule of layer-wise relevance propagation, for inputs of either sign, as a modified gradient.

Definition: docs/methods/legrad-gmar-reciprocam-attnlrp.md, section 4.4 (the general form of zennit's Gamma). With
positive and negative parts computed separately it needs eight matrix products. Three are enough, one forward and
two backward. With z = x W + b known from the forward pass and t = |x| |W| + |b|,

    its two divisors are, each where it is used,   sgn(z) ((1 + gamma/2) |z| + gamma/2 t),
    so that both shares are one,                   s = g |z| / ((1 + gamma/2) |z| + gamma/2 t + 1e-6),
    and what is passed down is                     (1 + gamma/2) s W^T + gamma/2 sgn(x) (sgn(z) s) |W|^T.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.grad import conv2d_input

DIVISOR_STABILISER = 1e-6
INPUT_STABILISER = 1e-10

Map = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]
MapBack = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def linear_gamma(
    gradient: torch.Tensor,
    x: torch.Tensor,
    z: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    gamma: float,
) -> torch.Tensor:
    """The modified gradient at the input ``x`` of ``z = x W^T + b``, from that at its output."""
    return _gamma(gradient, x, z, weight, bias, gamma, F.linear, lambda v, w: v @ w)


def conv_gamma(
    gradient: torch.Tensor, x: torch.Tensor, z: torch.Tensor, module: nn.Conv2d, gamma: float
) -> torch.Tensor:
    """The same for a convolution."""
    geometry = (module.stride, module.padding, module.dilation, module.groups)

    def forward(v: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None) -> torch.Tensor:
        return F.conv2d(v, w, b, *geometry)  # type: ignore[arg-type]

    def back(v: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return conv2d_input(x.shape, w, v, *geometry)

    return _gamma(gradient, x, z, module.weight, module.bias, gamma, forward, back)


def _gamma(
    gradient: torch.Tensor,
    x: torch.Tensor,
    z: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    gamma: float,
    forward: Map,
    back: MapBack,
) -> torch.Tensor:
    kind = gradient.dtype
    if kind in (torch.bfloat16, torch.float16):
        gradient, x, z, weight = gradient.float(), x.float(), z.float(), weight.float()
        bias = None if bias is None else bias.float()
    size, input_size = z.abs(), x.abs()
    divisor = size * (1 + gamma / 2)
    if gamma:
        absolute = weight.abs()
        divisor.add_(forward(input_size, absolute, None if bias is None else bias.abs()), alpha=gamma / 2)
    share = size.mul_(gradient).div_(divisor.add_(DIVISOR_STABILISER))
    down = back(share, weight)
    if gamma:
        signed = back(share.mul_(z.sign()), absolute)
        down.mul_(1 + gamma / 2).add_(signed.mul_(x.sign()), alpha=gamma / 2)
    # An input of zero passes nothing on.
    return down.mul_(input_size).div_(input_size + INPUT_STABILISER).to(kind)
