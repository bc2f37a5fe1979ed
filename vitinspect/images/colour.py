"""Converting the pixels of any file to 8-bit RGB.

- 16 bits: the full range of the type becomes 0 to 255. Integers of 32 bits and floating point have no range
  of their own: the narrowest usual one that holds the values is taken (0-1, 0-255, 0-65535), or else their own.
- alpha and transparent palette entries: over a neutral grey.
- an embedded colour profile: converted to sRGB. A damaged profile is ignored, as viewers do.
"""

from __future__ import annotations

import io
import logging
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageFile

_log = logging.getLogger(__name__)

GREY = (128, 128, 128)
"""The colour behind transparent parts."""

_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # TIFF tags
_WIDE = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def to_rgb(image: Image.Image) -> Image.Image:
    """``image``, which must be loaded, as 8-bit RGB without anything attached."""
    profile = image.info.get("icc_profile")
    if image.mode in _WIDE:
        image = _from_wide(image)
    elif image.mode in ("P", "PA", "1"):
        image = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    if "transparency" in image.info and image.mode in ("L", "RGB"):
        image = image.convert("RGBA")
    alpha = None
    if image.mode in ("RGBA", "LA", "La", "RGBa"):
        if image.mode in ("La", "RGBa"):  # colours multiplied by alpha
            image = image.convert("LA" if image.mode == "La" else "RGBA")
        alpha = image.getchannel("A")
        image = image.convert("RGB" if image.mode == "RGBA" else "L")
        if alpha.getextrema() == (255, 255):
            alpha = None
    if profile and image.mode in ("L", "RGB", "CMYK", "LAB"):
        image = _through_profile(image, profile)
    if image.mode == "LAB":
        image = _from_lab(image)
    if image.mode != "RGB":
        image = image.convert("RGB")
    if alpha is not None:
        image = Image.composite(image, Image.new("RGB", image.size, GREY), alpha)
    if isinstance(image, ImageFile.ImageFile):
        image = image.copy()  # a plain picture without a reference to its file
    image.info = {}
    return image


def _from_wide(image: Image.Image) -> Image.Image:
    tags: Any = getattr(image, "tag_v2", {})
    values = np.asarray(image)
    if values.dtype.itemsize == 2:
        bits = tags.get(_BITS_PER_SAMPLE, (16,))[0]
        low, high = 0.0, float(2 ** (bits if bits in (9, 10, 12, 14) else 16) - 1)
    elif image.mode == "I" and image.format in ("PNG", "PPM"):
        low, high = 0.0, 65535.0  # some versions of Pillow put 16 bits into 32
    else:
        low, high = _range_of(values)
    # Wide ranges do not fit into single precision, nor do large values that differ by little.
    narrow = values.dtype.itemsize == 2 or (values.dtype.kind == "f" and low == 0.0 and high <= 65535.0)
    exact_values: Any = values.astype(np.float32 if narrow else np.float64)
    scaled = (exact_values - low) * (255.0 / (high - low))
    np.nan_to_num(scaled, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
    pixels = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    if tags.get(_PHOTOMETRIC) == 0:  # white is zero; Pillow inverts only 8 bits
        pixels = 255 - pixels
    return Image.fromarray(pixels)


def _range_of(values: np.ndarray[Any, Any]) -> tuple[float, float]:
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if low >= 0:
        usual = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
        for limit in usual:
            if high <= limit:
                return 0.0, limit
    # A picture of one value has no range: any that begins with it will do.
    return low, high if high > low else low + max(1.0, abs(low))


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> Any:
    """The conversion to sRGB, or None where the profile is sRGB already or does not fit the picture."""
    try:
        from PIL import ImageCms
    except ImportError:  # a Pillow without littleCMS
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != {"L": "GRAY", "LAB": "Lab"}.get(mode, mode):
            return None
        if mode == "RGB" and "sRGB" in (source.profile.profile_description or ""):
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        _log.info("A colour profile could not be used and was left out: %s", error)
        return None


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image:
    transform = _transform(bytes(profile), image.mode)
    if transform is None:
        return image
    return transform.apply(image)


def _from_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, srgb, "LAB", "RGB").apply(image)
