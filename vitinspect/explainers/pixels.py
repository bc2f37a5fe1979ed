"""Converting between values of pixels and values of patches.

Everything here works on (B, H, W) or (B, C, H, W) tensors and the grid of the run; inputs that the model itself pads
to whole patches (``dynamic_img_pad``) are padded the same way, at the bottom and the right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from vitinspect.explainers.base import Run
    from vitinspect.models.vit import ViT


def patch_pixels(model: ViT, grid: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of one grid cell in input pixels.

    The patch size of the embedding, unless that counts features of a convolutional stem instead of pixels.
    """
    cells = []
    for count, pixels, patch in zip(grid, size, model.patch_size, strict=True):
        fits = (count - 1) * patch < pixels <= count * patch
        cells.append(patch if fits else -(-pixels // count))
    return cells[0], cells[1]


def pad_to_patches(run: Run, pixels: torch.Tensor) -> torch.Tensor:
    """(..., H, W) padded with zeros to whole patches."""
    height, width = pixels.shape[-2:]
    cell = patch_pixels(run.model, run.grid, (height, width))
    missing = (run.grid[1] * cell[1] - width, run.grid[0] * cell[0] - height)
    return F.pad(pixels, (0, missing[0], 0, missing[1])) if any(missing) else pixels


def mean_over_patches(run: Run, pixels: torch.Tensor) -> torch.Tensor:
    """(B, H, W) to (B, rows, columns): the mean over each patch's pixels; padding does not count."""
    cell = patch_pixels(run.model, run.grid, (int(pixels.shape[-2]), int(pixels.shape[-1])))
    padded = pad_to_patches(run, pixels)
    means = F.avg_pool2d(padded[:, None], cell)[:, 0]
    if padded.shape == pixels.shape:
        return means
    return means / F.avg_pool2d(pad_to_patches(run, torch.ones_like(pixels[:1]))[:, None], cell)[:, 0]


def sum_over_patches(run: Run, pixels: torch.Tensor) -> torch.Tensor:
    """(B, H, W) to (B, rows, columns): the sum over each patch's pixels."""
    cell = patch_pixels(run.model, run.grid, (int(pixels.shape[-2]), int(pixels.shape[-1])))
    return F.avg_pool2d(pad_to_patches(run, pixels)[:, None], cell, divisor_override=1)[:, 0]


def resized_to_patches(run: Run, pixels: torch.Tensor) -> torch.Tensor:
    """(B, H, W) to (B, rows, columns) by bilinear interpolation, half-pixel centres, without antialiasing.

    For an even patch size that is the mean of the four pixels in the middle of each patch.
    """
    padded = pad_to_patches(run, pixels)
    return F.interpolate(padded[:, None], size=run.grid, mode="bilinear", align_corners=False)[:, 0]


def summing_dtype(device: torch.device) -> torch.dtype:
    """The number format for sums over many passes: float64 where the device has it."""
    return torch.float32 if device.type == "mps" else torch.float64


def map_dtype(dtype: torch.dtype) -> torch.dtype:
    """The number format of a map that was computed at this precision."""
    return torch.float64 if dtype == torch.float64 else torch.float32
