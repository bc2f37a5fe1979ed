"""Files that are a mask themselves: PNG and other pictures, and NumPy arrays."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitinspect.annotation.coding import IGNORE, voc_palette
from vitinspect.errors import DataError, ImageError
from vitinspect.files import made_from, png_bytes
from vitinspect.images import MaskPixels, read_mask_pixels

CODINGS = ("0/255", "0/1", "1-bit", "palette")


def read(path: Path) -> MaskPixels:
    """The pixels of a mask file; their meaning is determined by ``coding``."""
    if path.suffix.casefold() in (".npy", ".npz"):
        return _read_numpy(path)
    try:
        return read_mask_pixels(path)
    except ImageError as error:
        raise DataError(str(error)) from error


def _read_numpy(path: Path) -> MaskPixels:
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is not a file.")
    try:
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.lib.npyio.NpzFile):
                names = [n for n in found.files if n != "metadata"]
                if len(names) != 1:
                    raise DataError(
                        f"{path} holds {len(names)} arrays ({', '.join(names[:5])}); a mask must be the only one."
                    )
                found = found[names[0]]
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # a damaged archive fails in many ways
        raise DataError(f"{path} is not a readable NumPy file of numbers ({error}).") from error
    array = np.asarray(found)
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array.reshape(array.shape[1:] if array.shape[0] == 1 else array.shape[:2])
    if array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8:
        return MaskPixels(str(path), "colour", array)
    if array.ndim != 2 or not array.size:
        raise DataError(f"{path} has the shape {array.shape}; a mask must have height and width.")
    if array.dtype == bool:
        return MaskPixels(str(path), "bits", array.astype(np.uint8))
    if array.dtype.kind not in "uif":
        raise DataError(f"{path} holds {array.dtype}, not numbers.")
    return MaskPixels(str(path), "grey", array)


def write(mask: NDArray[np.uint8], kind: str, coding: str, path: Path, label: str) -> bytes:
    """The file's bytes; codings without "ignore" are refused if there are ignored pixels."""
    ignored = bool((mask == IGNORE).any())
    if kind == "npy":
        if ignored and not (mask == 1).any():
            raise DataError(f"{path}: an array of 0 and 255 would read as foreground; write a PNG with a palette.")
        buffer = io.BytesIO()
        np.save(buffer, mask if ignored else mask.astype(bool))
        return buffer.getvalue()
    if coding == "auto":
        coding = "palette" if ignored else "0/255"
    if coding not in CODINGS:
        raise DataError(f"A mask is written as {', '.join(CODINGS)}, not as {coding!r}.")
    if ignored and coding != "palette":
        raise DataError(f"{path}: the coding {coding} cannot store ignored pixels; use palette.")
    if coding == "palette":
        picture = _indexed(mask)
    elif coding == "1-bit":
        picture = Image.fromarray(mask.astype(bool))
    else:
        picture = Image.fromarray(mask * np.uint8(255 if coding == "0/255" else 1))
    return png_bytes(picture, {"mask": label})


def write_labels(values: NDArray[np.uint8]) -> bytes:
    """A label image (0, labels from 1 on, 255 for ignored pixels) as a PNG with the palette of Pascal VOC."""
    return png_bytes(_indexed(values), {"mask": "labels"})


def _indexed(values: NDArray[np.uint8]) -> Image.Image:
    picture = Image.frombytes("P", (values.shape[1], values.shape[0]), np.ascontiguousarray(values).tobytes())
    picture.putpalette(voc_palette().tobytes())
    return picture


def label_of(path: Path) -> str:
    """The label of a PNG mask that vitinspect wrote; empty for any other file."""
    if path.suffix.casefold() != ".png":
        return ""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            return str(picture.info.get("vitinspect:mask", ""))
    except Exception:  # a damaged or foreign file has no label, whatever is wrong with it
        return ""


def refuse_foreign(path: Path, overwrite: bool) -> None:
    """Refuse to replace an existing file, unless vitinspect wrote it or ``overwrite`` is set."""
    if overwrite or not os.path.lexists(path):
        return
    if path.suffix.casefold() == ".png" and made_from(path) is not None:
        return
    if path.suffix.casefold() == ".npy":
        try:
            before = read(path)
        except DataError:
            before = None
        if before is not None and before.values.size and set(np.unique(before.values).tolist()) <= {0, 1, IGNORE}:
            return
    raise DataError(f"{path} exists already and was not written by vitinspect; it is not changed.")
