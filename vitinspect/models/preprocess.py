"""From a picture to the model's input and back: resize, crop, normalise, and keep where each pixel came from.

There are three ways to fit a picture of any shape into a model's fixed input:

``crop``    what the model was evaluated with (timm's own evaluation transform): resize, crop the centre;
``squash``  the whole picture, without keeping its aspect ratio;
``pad``     the whole picture with its aspect ratio, the rest filled with the model's mean colour.

``crop`` gives bit for bit what ``timm.data.create_transform(**resolve_model_data_config(model))`` gives. It
is reimplemented here, because a map is drawn on the *original* picture and can only be placed correctly if
the roundings of the resize and of the crop are known: ``Placement`` keeps them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from vitinspect.errors import ImageError, ParameterError
from vitinspect.models.placement import Box, Placement

MODES = ("crop", "squash", "pad")

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
    "lanczos": Image.Resampling.LANCZOS,
}
_CROP_MODES = ("center", "squash", "border")
_HUGE = 64  # times the input's area


@dataclass(frozen=True)
class Preprocessing:
    """How a model's pictures are preprocessed. The names and their meaning are timm's."""

    input_size: tuple[int, int]
    """(height, width) of the model's input."""
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    interpolation: str = "bicubic"
    crop_pct: float = 1.0
    crop_mode: str = "center"

    def __post_init__(self) -> None:
        if len(self.input_size) != 2 or min(self.input_size) < 1:
            raise ParameterError(f"The input size must be (height, width), not {self.input_size!r}.")
        finite = all(math.isfinite(value) for value in (*self.mean, *self.std))
        if len(self.mean) != 3 or len(self.std) != 3 or not finite or min(self.std) <= 0:
            raise ParameterError(
                f"Mean and standard deviation must be three numbers each, the latter above zero;"
                f" got {self.mean!r} and {self.std!r}."
            )
        if self.interpolation not in _RESAMPLING:
            raise ParameterError(f"The interpolation {self.interpolation!r} is not one of {', '.join(_RESAMPLING)}.")
        if self.crop_mode not in _CROP_MODES:
            raise ParameterError(f"The crop mode {self.crop_mode!r} is not one of {', '.join(_CROP_MODES)}.")
        if not 0 < self.crop_pct < math.inf:
            raise ParameterError(f"The crop fraction must be above zero, not {self.crop_pct!r}.")

    @classmethod
    def from_module(cls, module: torch.nn.Module, **overrides: Any) -> Preprocessing:
        """The preprocessing that timm knows for ``module``; ``overrides`` are fields of this class.

        The input size is the one that the module was built for, which differs from the one in its
        ``pretrained_cfg`` when it was created with another ``img_size``.
        """
        from timm.data import resolve_model_data_config

        pretrained_cfg = getattr(module, "pretrained_cfg", None)
        # timm asserts on a model without any configuration; an empty one means its defaults.
        config = resolve_model_data_config(module, pretrained_cfg=pretrained_cfg or {"input_size": None})
        fields: dict[str, Any] = {
            "input_size": _built_size(module) or tuple(int(n) for n in config["input_size"][-2:]),
            "mean": tuple(float(v) for v in config["mean"]),
            "std": tuple(float(v) for v in config["std"]),
            "interpolation": config["interpolation"],
            "crop_pct": float(config["crop_pct"]),
            "crop_mode": config["crop_mode"] or "center",
        }
        fields.update({name: value for name, value in overrides.items() if value is not None})
        return cls(**fields)

    def with_size(self, height: int, width: int) -> Preprocessing:
        """The same for another input size."""
        return replace(self, input_size=(height, width))


def _built_size(module: torch.nn.Module) -> tuple[int, int] | None:
    size = getattr(getattr(module, "patch_embed", None), "img_size", None)
    if size is None:
        return None
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


@dataclass(frozen=True)
class Prepared:
    """A picture as the model gets it."""

    tensor: torch.Tensor
    """(3, height, width), float32, normalised, on the CPU."""
    placement: Placement


def prepare(image: Image.Image | NDArray[np.uint8], preprocessing: Preprocessing, mode: str = "crop") -> Prepared:
    """Fit ``image`` into the model's input by ``mode`` (see ``MODES``) and normalise it."""
    picture = _as_rgb(image)
    size = preprocessing.input_size
    if mode == "crop":
        fitted, box = _crop(picture, preprocessing)
    elif mode == "squash":
        fitted, box = _resize_and_cut(picture, size, size, preprocessing.interpolation, 0)
    elif mode == "pad":
        resized = _fit(picture, size, longest=True)
        fitted, box = _resize_and_cut(picture, resized, size, preprocessing.interpolation, _mean_colour(preprocessing))
    else:
        raise ParameterError(f"The mode {mode!r} is not one of {', '.join(MODES)}.")
    placement = Placement(size, (picture.height, picture.width), box)
    return Prepared(_normalise(np.array(fitted), preprocessing), placement)


def _as_rgb(image: Image.Image | NDArray[np.uint8]) -> Image.Image:
    if isinstance(image, Image.Image):
        picture = image if image.mode == "RGB" else image.convert("RGB")
    else:
        pixels = np.asarray(image)
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ImageError(
                "A picture given as an array must be height x width x 3 of 8-bit numbers,"
                f" not {' x '.join(map(str, pixels.shape))} of {pixels.dtype}."
            )
        picture = Image.fromarray(np.ascontiguousarray(pixels))
    if not picture.width or not picture.height:
        raise ImageError("The picture is empty: it has no pixels.")
    return picture


def _mean_colour(preprocessing: Preprocessing) -> tuple[int, int, int]:
    red, green, blue = (round(255 * v) for v in preprocessing.mean)
    return red, green, blue


def _crop(picture: Image.Image, preprocessing: Preprocessing) -> tuple[Image.Image, Box]:
    """timm's evaluation transform: each ``crop_mode`` rounds in its own way, and each is followed here."""
    size = preprocessing.input_size
    scaled = (
        math.floor(size[0] / preprocessing.crop_pct),
        math.floor(size[1] / preprocessing.crop_pct),
    )
    fill: int | tuple[int, int, int] = 0
    if preprocessing.crop_mode == "squash":
        resized = scaled
    elif preprocessing.crop_mode == "border":
        resized = _fit(picture, scaled, longest=True)
        fill = _mean_colour(preprocessing)
    elif scaled[0] == scaled[1]:
        # torchvision's Resize of the shorter side: the longer one is truncated, not rounded.
        short, long = sorted((picture.width, picture.height))
        longer = int(scaled[0] * long / short)
        resized = (longer, scaled[0]) if picture.height > picture.width else (scaled[0], longer)
    else:
        resized = _fit(picture, scaled, longest=False)
    return _resize_and_cut(picture, resized, size, preprocessing.interpolation, fill)


def _fit(picture: Image.Image, size: tuple[int, int], *, longest: bool) -> tuple[int, int]:
    """(height, width) in the picture's aspect ratio: within ``size``, or covering it if not ``longest``."""
    ratios = (picture.height / size[0], picture.width / size[1])
    ratio = max(ratios) if longest else min(ratios)
    # The height of a strip of 3000 x 1 pixels would be rounded to zero.
    return max(1, round(picture.height / ratio)), max(1, round(picture.width / ratio))


def _resize_and_cut(
    picture: Image.Image,
    resized: tuple[int, int],
    size: tuple[int, int],
    interpolation: str,
    fill: int | tuple[int, int, int],
) -> tuple[Image.Image, Box]:
    """Resize to ``resized``, crop its centre to ``size`` (padded where it is smaller), and return where that
    lies on the picture. Sizes are (height, width)."""
    sy, sx = picture.height / resized[0], picture.width / resized[1]
    starts = []
    for have, want in zip(resized, size, strict=True):
        # torchvision pads the smaller half first, and rounds half a pixel of crop to the even side.
        starts.append(-((want - have) // 2) if want > have else round((have - want) / 2.0))
    top, left = starts
    box = (left * sx, top * sy, (left + size[1]) * sx, (top + size[0]) * sy)
    if resized[0] * resized[1] > _HUGE * size[0] * size[1] and top >= 0 and left >= 0:
        # A strip of 10000 x 2 pixels would be enlarged to 250 million pixels to keep 50 thousand. Resizing only
        # the kept part can differ from that by one grey level of rounding, so it is done for strips alone.
        return picture.resize((size[1], size[0]), _RESAMPLING[interpolation], box=box), box
    if resized != (picture.height, picture.width):
        picture = picture.resize((resized[1], resized[0]), _RESAMPLING[interpolation])
    if resized != size:
        cut = Image.new("RGB", (size[1], size[0]), fill if isinstance(fill, tuple) else (fill,) * 3)
        cut.paste(picture, (-left, -top))
        picture = cut
    return picture, box


def _normalise(pixels: NDArray[np.uint8], preprocessing: Preprocessing) -> torch.Tensor:
    # The order of the operations is torchvision's, so that the result is the same to the last bit.
    tensor = torch.from_numpy(pixels).permute(2, 0, 1).contiguous().to(torch.float32).div(255)
    mean = torch.tensor(preprocessing.mean, dtype=torch.float32).view(3, 1, 1)
    std = torch.tensor(preprocessing.std, dtype=torch.float32).view(3, 1, 1)
    return tensor.sub_(mean).div_(std)


def to_pixels(tensor: torch.Tensor, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """The picture in a normalised (3, height, width) tensor, as height x width x 3 of 8-bit numbers."""
    values = tensor.detach().to("cpu", torch.float32)
    mean = torch.tensor(preprocessing.mean).view(3, 1, 1)
    std = torch.tensor(preprocessing.std).view(3, 1, 1)
    pixels = ((values * std + mean) * 255).round().clamp(0, 255)
    return pixels.permute(1, 2, 0).to(torch.uint8).numpy()
