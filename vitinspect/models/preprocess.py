"""From a picture to the model's input and back: resize, crop, normalise, and where each pixel came from.

The three ways to fit a picture of any shape into a model's fixed input:

``crop``    what the model was evaluated with (timm's own evaluation transform): resize, cut the centre out;
``squash``  the whole picture, its aspect ratio given up;
``pad``     the whole picture, its aspect ratio kept, the rest filled with the model's mean colour.

``crop`` gives bit for bit what ``timm.data.create_transform(**resolve_model_data_config(model))`` gives. It
is written out here, because a map is drawn on the *original* picture and lies where the model looked only if
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

from vitinspect.errors import DataError, ImageError, ParameterError

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

Box = tuple[float, float, float, float]
"""(left, top, right, bottom), in pixel edges: the first pixel reaches from 0 to 1."""


@dataclass(frozen=True)
class Preprocessing:
    """What a model wants its pictures to be made into. The names and their meaning are timm's."""

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
class Placement:
    """Where the model's input lies on the original picture: an exact scaling and shift for each axis.

    All coordinates are continuous and count pixel edges: the middle of the first pixel is (0.5, 0.5).
    """

    input_size: tuple[int, int]
    """(height, width) of the model's input."""
    original_size: tuple[int, int]
    """(height, width) of the original picture."""
    box: Box
    """The part of the original that the whole input shows. It may reach outside of the original, where the
    input holds padding."""

    def input_to_original(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Numbers or arrays of input coordinates as coordinates of the original picture."""
        left, top, right, bottom = self.box
        height, width = self.input_size
        return left + x * ((right - left) / width), top + y * ((bottom - top) / height)

    def original_to_input(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The inverse of ``input_to_original``."""
        left, top, right, bottom = self.box
        height, width = self.input_size
        return (x - left) * (width / (right - left)), (y - top) * (height / (bottom - top))

    @property
    def visible_box(self) -> Box:
        """The part of the original that the model sees."""
        left, top, right, bottom = self.box
        height, width = self.original_size
        return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))

    @property
    def valid_box(self) -> Box:
        """The part of the input that shows the picture and not padding."""
        left, top, right, bottom = self.visible_box
        x0, y0 = self.original_to_input(left, top)
        x1, y1 = self.original_to_input(right, bottom)
        return x0, y0, x1, y1

    def valid_mask(self, size: tuple[int, int] | None = None) -> NDArray[np.bool_]:
        """True where the input shows the picture: on the input's pixels, or on ``size`` cells over it.

        A cell counts as showing the picture when its middle does.
        """
        rows, columns = size or self.input_size
        x0, y0, x1, y1 = self.valid_box
        x = (np.arange(columns) + 0.5) * (self.input_size[1] / columns)
        y = (np.arange(rows) + 0.5) * (self.input_size[0] / rows)
        return ((y > y0) & (y < y1))[:, None] & ((x > x0) & (x < x1))[None, :]

    def map_to_original(
        self, values: NDArray[Any], resample: str = "bilinear", fill: float = float("nan")
    ) -> NDArray[np.float32]:
        """Values on a grid over the input (its pixels, its patches), on the pixels of the original picture.

        The grid's cells have their values at their middles; beyond the outermost middles the value stays the
        same. ``fill`` stands where the model saw nothing.
        """
        grid = np.asarray(values, dtype=np.float32)
        if grid.ndim != 2 or not grid.size:
            raise DataError(f"A map must have two dimensions, not the shape {np.shape(values)}.")
        left, top, right, bottom = self.box
        height, width = self.original_size
        out = np.full((height, width), fill, dtype=np.float32)
        rows, y = _cells_under(height, top, bottom, grid.shape[0])
        columns, x = _cells_under(width, left, right, grid.shape[1])
        if y.size and x.size:
            out[rows, columns] = _resample_axis(_resample_axis(grid, y, resample, 0), x, resample, 1)
        return out

    def mask_to_input(self, mask: NDArray[Any]) -> NDArray[Any]:
        """A mask or label image of the original on the input's pixels: nearest, zero in the padding."""
        mask = np.asarray(mask)
        if mask.shape[:2] != self.original_size:
            raise DataError(
                f"The mask is {mask.shape[1]} x {mask.shape[0]} pixels and the picture"
                f" {self.original_size[1]} x {self.original_size[0]}; they must be the same."
            )
        height, width = self.input_size
        x, y = self.input_to_original(np.arange(width) + 0.5, np.arange(height) + 0.5)
        columns, rows = np.floor(x).astype(int), np.floor(y).astype(int)
        inside_x = (columns >= 0) & (columns < mask.shape[1])
        inside_y = (rows >= 0) & (rows < mask.shape[0])
        out = np.zeros((height, width, *mask.shape[2:]), dtype=mask.dtype)
        out[np.ix_(inside_y, inside_x)] = mask[np.ix_(rows[inside_y], columns[inside_x])]
        return out


def _cells_under(pixels: int, start: float, stop: float, cells: int) -> tuple[slice, NDArray[np.floating[Any]]]:
    """Which of an axis' ``pixels`` lie between ``start`` and ``stop``, and where among ``cells`` (0 = the
    middle of the first cell)."""
    middles = np.arange(pixels) + 0.5
    inside = np.flatnonzero((middles >= start) & (middles <= stop))
    if not inside.size:
        return slice(0, 0), np.empty(0)
    chosen = slice(int(inside[0]), int(inside[-1]) + 1)
    return chosen, (middles[chosen] - start) * (cells / (stop - start)) - 0.5


def _resample_axis(
    values: NDArray[np.float32], at: NDArray[np.floating[Any]], resample: str, axis: int
) -> NDArray[np.float32]:
    last = values.shape[axis] - 1
    if resample == "nearest":
        # Half-way positions go up, so that cells of equal size get pixels of equal number.
        return np.take(values, np.clip(np.floor(at + 0.5).astype(int), 0, last), axis=axis)
    base = np.floor(at).astype(int)
    t = at - base
    if resample == "bilinear":
        weights = {0: 1 - t, 1: t}
    elif resample == "bicubic":
        # Catmull-Rom, the cubic that Pillow uses (a = -0.5).
        weights = {
            -1: ((-0.5 * t + 1.0) * t - 0.5) * t,
            0: (1.5 * t - 2.5) * t * t + 1,
            1: ((-1.5 * t + 2.0) * t + 0.5) * t,
            2: (0.5 * t - 0.5) * t * t,
        }
    else:
        raise ParameterError(f"The resampling {resample!r} is not one of nearest, bilinear, bicubic.")
    shape = [1, 1]
    shape[axis] = -1
    total: NDArray[np.float32] | None = None
    for offset, weight in weights.items():
        part = np.take(values, np.clip(base + offset, 0, last), axis=axis)
        part *= weight.astype(np.float32).reshape(shape)
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total


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
    """(height, width) in the picture's aspect ratio: within ``size``, or around it if not ``longest``."""
    ratios = (picture.height / size[0], picture.width / size[1])
    ratio = max(ratios) if longest else min(ratios)
    # A strip of 3000 x 1 pixels would round to a height of nothing.
    return max(1, round(picture.height / ratio)), max(1, round(picture.width / ratio))


def _resize_and_cut(
    picture: Image.Image,
    resized: tuple[int, int],
    size: tuple[int, int],
    interpolation: str,
    fill: int | tuple[int, int, int],
) -> tuple[Image.Image, Box]:
    """Resize to ``resized``, take the middle ``size`` of it (padded where it is smaller), and say where that
    lies on the picture. Sizes are (height, width)."""
    sy, sx = picture.height / resized[0], picture.width / resized[1]
    starts = []
    for have, want in zip(resized, size, strict=True):
        # torchvision pads the smaller half first, and rounds half a pixel of crop to the even side.
        starts.append(-((want - have) // 2) if want > have else round((have - want) / 2.0))
    top, left = starts
    box = (left * sx, top * sy, (left + size[1]) * sx, (top + size[0]) * sy)
    if resized[0] * resized[1] > _HUGE * size[0] * size[1] and top >= 0 and left >= 0:
        # A strip of 10000 x 2 pixels would be blown up to 250 million of them to keep 50 thousand. Resizing
        # only what is kept can differ from that by one grey level in a rounding, so it is for strips alone.
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
