"""The gamma rule of layer-wise relevance propagation, for inputs of either sign, as a modified gradient.

Definition: docs/methods/legrad-gmar-reciprocam-attnlrp.md, section 4.4 (the general form of zennit's Gamma). Written
with its positive and negative parts taken apart it needs eight products of matrices. With

    P = x+ W+ + x- W-  =  (x W + |x| |W|) / 2        N = x+ W- + x- W+  =  (x W - |x| |W|) / 2

and x W known from the forward pass, three are enough, one forward and two back.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.grad import conv2d_input

DIVISOR_STABILISER = 1e-6
INPUT_STABILISER = 1e-10

Map = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def linear_gamma(
    gradient: torch.Tensor,
    x: torch.Tensor,
    z: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    gamma: float,
) -> torch.Tensor:
    """The modified gradient at the input ``x`` of ``z = x W^T + b``, from that at its output."""
    return _gamma(gradient, x, z, weight, bias, gamma, lambda v, w: v @ w.T, lambda v, w: v @ w)


def conv_gamma(
    gradient: torch.Tensor, x: torch.Tensor, z: torch.Tensor, module: nn.Conv2d, gamma: float
) -> torch.Tensor:
    """The same for a convolution."""
    geometry = (module.stride, module.padding, module.dilation, module.groups)
    bias = None if module.bias is None else module.bias.reshape(-1, 1, 1)

    def forward(v: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return F.conv2d(v, w, None, *geometry)  # type: ignore[arg-type]

    def back(v: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return conv2d_input(x.shape, w, v, *geometry)

    return _gamma(gradient, x, z, module.weight, bias, gamma, forward, back)


def _gamma(
    gradient: torch.Tensor,
    x: torch.Tensor,
    z: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    gamma: float,
    forward: Map,
    back: Map,
) -> torch.Tensor:
    kind = gradient.dtype
    if kind in (torch.bfloat16, torch.float16):
        gradient, x, z, weight = gradient.float(), x.float(), z.float(), weight.float()
        bias = None if bias is None else bias.float()
    positive = z > 0
    divisor = z
    if gamma:
        absolute = weight.abs()
        spread = forward(x.abs(), absolute)
        plain = z if bias is None else z - bias
        divisor = torch.where(positive, plain + spread, plain - spread).mul_(gamma / 2).add_(z)
        if bias is not None:
            divisor += gamma * torch.where(positive, bias.clamp(min=0), bias.clamp(max=0))
    # Where z is zero so is the relevance, and 0 / 1e-6 hands nothing on.
    stabiliser = torch.where(divisor < 0, -DIVISOR_STABILISER, DIVISOR_STABILISER).to(z.dtype)
    share = gradient * z / (divisor + stabiliser)
    down = back(share, weight)
    if gamma:
        signed = back(torch.where(positive, share, -share), absolute)
        down = down * (1 + gamma / 2) + signed.mul_(gamma / 2).mul_(x.sign())
    size = x.abs()
    return (down * (size / (size + INPUT_STABILISER))).to(kind)
