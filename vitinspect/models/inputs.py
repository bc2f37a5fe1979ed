"""Turning the user's input (paths, pictures, arrays, tensors) into one batch for the model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from vitinspect.errors import ImageError

if TYPE_CHECKING:
    from vitinspect.models.preprocess import Placement
    from vitinspect.models.vit import ViT


def as_batch(model: ViT, images: Sequence[Any], *, mode: str = "crop") -> tuple[torch.Tensor, list[Placement | None]]:
    """(B, 3, H, W) float, and for each image where the model's input lies in it (None for preprocessed tensors)."""
    tensors: list[torch.Tensor] = []
    placements: list[Placement | None] = []
    for image in images:
        tensor, placement = _one(model, image, mode)
        tensors.append(tensor)
        placements.append(placement)
    if not tensors:
        raise ImageError("No image was given.")
    sizes = {tuple(t.shape) for t in tensors}
    if len(sizes) > 1:
        raise ImageError(f"The images of a batch must have one size; these have {sorted(sizes)}.")
    check_size(model, tensors[0])
    return torch.stack(tensors), placements


def _one(model: ViT, image: Any, mode: str) -> tuple[torch.Tensor, Placement | None]:
    if isinstance(image, torch.Tensor):
        return _ready_tensor(image), None
    if isinstance(image, str | os.PathLike):
        from vitinspect.images import open_image

        image = open_image(image)
    prepared = model.preprocess(image, mode)
    return prepared.tensor, prepared.placement


def _ready_tensor(tensor: torch.Tensor) -> torch.Tensor:
    dense = tensor.layout is torch.strided and not tensor.is_nested and not tensor.is_quantized
    if not dense or tensor.is_meta:
        kind = "without values (on the device meta)" if tensor.is_meta else f"of layout {tensor.layout}"
        raise ImageError(f"An image tensor must be dense and hold its values, not {kind}, {tensor.dtype}.")
    if tensor.dim() == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.dim() != 3 or tensor.shape[0] != 3 or not tensor.is_floating_point():
        raise ImageError(
            "An image tensor must be preprocessed floats of shape (3, H, W) or (1, 3, H, W), "
            f"not {tensor.dtype} of shape {tuple(tensor.shape)}."
        )
    if not bool(torch.isfinite(tensor).all()):
        raise ImageError("The image tensor holds a NaN or an infinity.")
    return tensor.detach()


def check_size(model: ViT, tensor: torch.Tensor) -> None:
    """Raise an error with a sentence if the size does not fit, instead of an assertion deep in the model."""
    height, width = tensor.shape[-2:]
    if getattr(model.module, "dynamic_img_size", False):
        patch_height, patch_width = model.patch_size
        pads = getattr(model.module.patch_embed, "dynamic_img_pad", False)
        if not pads and (height % patch_height or width % patch_width):
            raise ImageError(
                f"The input is {height}x{width} pixels, which is not a whole number of "
                f"{patch_height}x{patch_width} patches."
            )
        return
    expected = getattr(model.module.patch_embed, "img_size", None) or model.input_size
    if (height, width) != tuple(expected):
        raise ImageError(
            f"The input is {height}x{width} pixels, but {model.name} takes {expected[0]}x{expected[1]}. "
            "Create the model with img_size=... to use another size."
        )
