"""Fills: what replaces the pixels that are removed, in the model's normalised space.

The choice of the fill changes the scores: a black square is itself visible, a blurred one hides less. So it is always
reported. ``black`` is zero in *normalised* space (what ViTmiX and the multiplex notebook call black): the mean colour
of the training data, not black; ``true_black`` is black.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vitinspect.errors import ParameterError

if TYPE_CHECKING:
    import torch

    from vitinspect.models.preprocess import Preprocessing

FILLS = ("black", "true_black", "mean", "mean_scalar", "blur", "noise")


def fill_image(
    x: torch.Tensor,
    kind: str,
    preprocessing: Preprocessing | None = None,
    *,
    seed: int = 0,
    kernel: int | None = None,
    sigma: float = 7.0,
) -> torch.Tensor:
    """The picture that replaces (B, 3, H, W) where it is removed; the same shape.

    ``mean``         each image's own mean colour;
    ``mean_scalar``  one number per image, the mean over all channels (the multiplex notebook);
    ``blur``         a Gaussian blur, sigma 7, over ``kernel`` pixels (by default 21), reflected at the border;
    ``noise``        standard normal, seeded, the same for every image of a size.
    """
    import torch

    if kind == "black":
        return torch.zeros_like(x)
    if kind == "true_black":
        if preprocessing is None:
            raise ParameterError("true_black needs the model's preprocessing, for its normalisation.")
        mean, std = (x.new_tensor(v).view(1, 3, 1, 1) for v in (preprocessing.mean, preprocessing.std))
        return (-mean / std).expand_as(x).clone()
    if kind == "mean":
        return x.mean((2, 3), keepdim=True).expand_as(x).clone()
    if kind == "mean_scalar":
        return x.mean((1, 2, 3), keepdim=True).expand_as(x).clone()
    if kind == "blur":
        return blur(x, kernel or 21, sigma)
    if kind == "noise":
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(x.shape[1:], generator=generator, dtype=torch.float64)
        return noise.to(x).expand_as(x).clone()
    raise ParameterError(f"A fill must be one of {', '.join(FILLS)}, not {kind!r}.")


def blur(x: torch.Tensor, kernel: int, sigma: float) -> torch.Tensor:
    """A separable Gaussian blur with reflected borders, weights ``exp(-i^2 / (2 sigma^2))`` normalised."""
    import torch
    import torch.nn.functional as F

    reach = kernel // 2
    reach = min(reach, x.shape[-1] - 1, x.shape[-2] - 1)
    places = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    weights = torch.exp(-(places**2) / (2 * sigma**2))
    weights = weights / weights.sum()
    channels = x.shape[1]
    padded = F.pad(x, (reach, reach, reach, reach), mode="reflect")
    rows = F.conv2d(padded, weights.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(rows, weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)


def blurred_pixels(x: torch.Tensor, preprocessing: Preprocessing, kernel: int = 21, sigma: float = 7.0) -> torch.Tensor:
    """The blur of the GMAR comparison: of the pixels clamped to 0..1, normalised again."""
    mean, std = (x.new_tensor(v).view(1, 3, 1, 1) for v in (preprocessing.mean, preprocessing.std))
    return (blur((x * std + mean).clamp(0, 1), kernel, sigma) - mean) / std


def impute(
    x: torch.Tensor, missing: torch.Tensor, *, noise: float = 0.01, seed: int = 0, tolerance: float = 1e-5
) -> torch.Tensor:
    """Noisy linear imputation, the fill of ROAD (Rong et al., ICML 2022, arXiv:2202.00449).

    Each missing pixel becomes the weighted mean of its eight neighbours (direct ones twice the weight of diagonal
    ones), solved for all missing pixels at once, plus a little noise. So the mask's outline does not reveal what was
    masked. x (B, 3, H, W), missing (B, H, W).

    The system is a graph Laplacian with the known pixels as boundary values. Without dividing its rows by the weight of
    their neighbours it is symmetric, and is solved by conjugate gradients, where each product is one small convolution:
    no sparse matrix is built, and all images are solved together.
    """
    import torch
    import torch.nn.functional as F

    gone = missing[:, None].to(x.dtype)
    if not bool(missing.any()):
        return x.clone()
    whole = missing.flatten(1).all(1)
    side, diagonal = 2.0, 1.0
    kernel = x.new_tensor([[diagonal, side, diagonal], [side, 0, side], [diagonal, side, diagonal]])
    channels = x.shape[1]
    weights = kernel.expand(channels, 1, 3, 3)
    degree = F.conv2d(torch.ones_like(x[:, :1]), kernel.view(1, 1, 3, 3), padding=1)

    def laplacian(values: torch.Tensor) -> torch.Tensor:
        return (degree * values - F.conv2d(values, weights, padding=1, groups=channels)) * gone

    known = x * (1 - gone)
    residual = -laplacian(known)
    solution = torch.zeros_like(x)
    # Diagonal preconditioning would only matter at the border, so it is not used.
    direction = residual.clone()
    size = (residual**2).sum((2, 3), keepdim=True)
    limit = tolerance**2 * size.clamp(min=1e-30)
    for _ in range(4 * int(math.sqrt(x.shape[-1] * x.shape[-2])) + 50):
        if bool((size <= limit).all()):
            break
        product = laplacian(direction)
        step = size / (direction * product).sum((2, 3), keepdim=True).clamp(min=1e-30)
        solution = solution + step * direction
        residual = residual - step * product
        new_size = (residual**2).sum((2, 3), keepdim=True)
        direction = residual + new_size / size.clamp(min=1e-30) * direction
        size = new_size
    if noise > 0:
        generator = torch.Generator().manual_seed(seed)
        grain = torch.randn(x.shape[1:], generator=generator, dtype=torch.float64).to(x)
        solution = solution + noise * grain * gone
    filled = known + solution * gone
    # No pixel is left to impute from: the mean colour.
    return torch.where(whole.view(-1, 1, 1, 1), x.mean((2, 3), keepdim=True), filled)
