"""Mask files read as by the authors' scripts: decoded, resized and cut in their order, with their rounding.

Our own reading (``mask_codings``) determines the foreground at the file's own size, and asks the user if a file is
ambiguous. The scripts do neither: they first resize grey values or palette indices and then cut the result.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from vitinspect.errors import ParameterError
from vitinspect.images import open_mask_picture

Size = tuple[int, int]
READINGS = {
    ("vitmix", "imagenet"): "grey as OpenCV reads it, OpenCV's nearest, above 0",
    ("vitmix", "voc"): "torchvision's Resize of the palette picture (nearest), above 0",
    ("vitmix", "medical"): "grey, torchvision's Resize (bilinear), above 0",
    ("gmar", "gmar-plus"): "grey, Pillow's nearest to the grid, above 127",
    ("gmar", "comparison"): "grey, Pillow's bicubic to the grid, above 127",
}
"""Protocol and variant to how it reads a mask file; the other protocols read masks as we do."""


def read_truth(path: Path, protocol: str, variant: str, size: Size, only: int | None = None) -> np.ndarray:
    """The mask of the file at (rows, columns), 0 and 1. ``only``: the one palette index that is foreground."""
    picture = open_mask_picture(path)
    if only is not None:
        picture = Image.fromarray((np.asarray(picture) == only).astype(np.uint8) * 255)
        picture = picture if protocol == "gmar" else picture.convert("1", dither=Image.Dither.NONE)
    return truth_of(picture, protocol, variant, size)


def truth_of(picture: Image.Image, protocol: str, variant: str, size: Size) -> np.ndarray:
    """A decoded mask, resized and cut as by the script."""
    wanted = (size[1], size[0])
    if (protocol, variant) == ("vitmix", "imagenet"):
        found = _opencv_nearest(grey(picture), size) > 0
    elif (protocol, variant) == ("vitmix", "voc"):
        # torchvision passes bilinear; Pillow always uses nearest for palettes and single bits.
        indexed = picture.mode in ("P", "1")
        resized = picture.resize(wanted, Image.Resampling.NEAREST if indexed else Image.Resampling.BILINEAR)
        values = np.asarray(resized)
        found = (values if values.ndim == 2 else np.asarray(resized.convert("L"))) > 0
    elif (protocol, variant) == ("vitmix", "medical"):
        found = np.asarray(_grey_picture(picture).resize(wanted, Image.Resampling.BILINEAR)) > 0
    elif protocol == "gmar":
        how = Image.Resampling.NEAREST if variant == "gmar-plus" else Image.Resampling.BICUBIC
        found = np.asarray(_grey_picture(picture).resize(wanted, how)) > 127
    else:
        raise ParameterError(f"The protocol {protocol} does not define how masks are read.")
    return found.astype(np.uint8)


def grey(picture: Image.Image) -> np.ndarray:
    """8-bit grey values as OpenCV's reader gives them: the upper eight of 16 bits, the luma of colours."""
    if picture.mode.startswith("I"):
        return (np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
    return np.asarray(_grey_picture(picture))


def _grey_picture(picture: Image.Image) -> Image.Image:
    return picture if picture.mode == "L" else picture.convert("L")


def _opencv_nearest(values: np.ndarray, size: Size) -> np.ndarray:
    """``cv2.resize`` with INTER_NEAREST: the index is rounded down from the pixel's corner, not from its centre."""
    places = []
    for have, want in zip(values.shape, size, strict=True):
        step = 1.0 / (want / have)
        places.append(np.minimum(np.floor(np.arange(want) * step).astype(np.int64), have - 1))
    return values[np.ix_(*places)]
