"""Masks and label images: their numbers are classes or objects, not brightness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitinspect.errors import ImageError
from vitinspect.images.opening import Source, _name, _opened, _orientation, _upright, load

_MAX_COLOURS = 256


def open_mask(source: Source, *, max_pixels: int | None = None, greys: bool = False) -> NDArray[Any]:
    """The labels in a mask file, height x width, ``uint8`` or ``int32``; zero is the background.

    - palette (Pascal VOC): the palette's indices, whatever colours it gives them; grey of 8 or 16 bits: the
      values; one bit: 0 and 1;
    - colours: each colour is a label, counted from 1 in the order of their values, and black is 0;
    - one colour with transparency: opaque is 1;
    - JPEG blurs the edges of a mask: its grey values are rounded to 0 and 255, unless ``greys`` are asked for.

    The orientation tag is applied, as it is to pictures.
    """
    name = _name(source)
    with _opened(source, max_pixels) as image:
        load(image)
        lossy = image.format in ("JPEG", "MPO")
        orientation = _orientation(image)
        upright = _upright(image, orientation)
        labels = _labels(upright, name, lossy and not greys)
    if labels.size and labels.max() < 256 and labels.min() >= 0:
        return labels.astype(np.uint8)
    return labels.astype(np.int32)


def open_mask_picture(source: Source, *, max_pixels: int | None = None) -> Image.Image:
    """A mask file in its own mode, with its palette, upright. For protocols that resize before they cut."""
    with _opened(source, max_pixels) as image:
        load(image)
        return _upright(image, _orientation(image)).copy()


def mask_palette(source: Source, *, max_pixels: int | None = None) -> list[tuple[int, int, int]] | None:
    """The colours of a palette picture by their index; None for every other kind. No pixel is decoded."""
    with _opened(source, max_pixels) as image:
        if image.mode not in ("P", "PA"):
            return None
        flat = image.getpalette("RGB") or []
    return [(flat[i], flat[i + 1], flat[i + 2]) for i in range(0, len(flat) - 2, 3)]


@dataclass(frozen=True)
class MaskPixels:
    """A mask file as it was read, before its values are interpreted."""

    name: str
    kind: str
    """``bits``, ``grey``, ``palette`` or ``colour``."""
    values: NDArray[Any]
    """height x width; for ``colour`` height x width x 3."""
    palette: NDArray[np.uint8] | None = None
    """The colours of the indices, for ``palette``."""
    lossy: bool = False
    """A JPEG, whose edges are blurred."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.values.shape[0]), int(self.values.shape[1])


def read_mask_pixels(source: Source, *, max_pixels: int | None = None) -> MaskPixels:
    """The pixels of a mask file, upright. Transparent pixels are black; one colour on transparency is a binary mask."""
    name = _name(source)
    with _opened(source, max_pixels) as image:
        load(image)
        lossy = image.format in ("JPEG", "MPO")
        upright = _upright(image, _orientation(image))
        mode = upright.mode
        if mode == "P":
            palette = np.array(upright.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
            return MaskPixels(name, "palette", np.array(upright), palette, lossy)
        if mode in ("LA", "PA", "La", "RGBA", "RGBa"):
            rgba = np.array(upright.convert("RGBA"))
            seen = rgba[..., 3] > 127
            shown = rgba[seen][:, :3]
            if not seen.all() and (not len(shown) or (shown == shown[0]).all()):
                return MaskPixels(name, "bits", seen.astype(np.uint8), None, lossy)
            colours = np.where(seen[..., None], rgba[..., :3], 0).astype(np.uint8)
        elif mode in ("RGB", "CMYK", "YCbCr", "HSV", "LAB"):
            colours = np.array(upright.convert("RGB"))
        else:
            values: NDArray[Any] = np.array(upright)
            return MaskPixels(name, "bits" if mode == "1" else "grey", values, None, lossy)
    if (colours == colours[..., :1]).all():
        return MaskPixels(name, "grey", np.ascontiguousarray(colours[..., 0]), None, lossy)
    return MaskPixels(name, "colour", colours, None, lossy)


def _labels(image: Image.Image, name: str, lossy: bool) -> NDArray[Any]:
    if image.mode in ("LA", "PA", "La", "RGBA", "RGBa"):
        rgba = np.asarray(image.convert("RGBA"))
        alpha = rgba[..., 3]
        shown = rgba[alpha > 0]
        if alpha.min() < 255 and (not len(shown) or (shown[:, :3] == shown[0, :3]).all()):
            return (alpha > 127).astype(np.uint8)
        # Transparent pixels are background, whatever their colour.
        pixels = np.where(alpha[..., None] > 127, rgba[..., :3], 0).astype(np.uint8)
    elif image.mode in ("RGB", "CMYK", "YCbCr", "HSV", "LAB"):
        pixels = np.asarray(image.convert("RGB"))
    else:
        values = np.asarray(image)
        if values.dtype.kind == "f":
            if not np.array_equal(values, np.rint(values)):
                raise ImageError(f"{name} is not a mask: its values are not whole numbers.")
            return values.astype(np.int64)
        if lossy:
            return np.where(values > 127, 255, 0)
        return values.astype(np.int64)
    if (pixels == pixels[..., :1]).all():
        grey = pixels[..., 0]
        return np.where(grey > 127, 255, 0) if lossy else grey
    if lossy:
        raise ImageError(f"{name} is not a mask: a colour JPEG has no exact labels. Save it as PNG.")
    return _by_colour(pixels, name)


def _by_colour(pixels: NDArray[np.uint8], name: str) -> NDArray[Any]:
    wide = pixels.astype(np.int64)
    codes = (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]
    colours, labels = np.unique(codes, return_inverse=True)
    if len(colours) > _MAX_COLOURS:
        raise ImageError(f"{name} is not a mask: it has {len(colours)} colours, but a mask has one for each label.")
    labels = labels.reshape(codes.shape)
    return labels if colours[0] == 0 else labels + 1
