"""ImageNet-Segmentation as Guillaumin et al. distribute it: one MATLAB 7.3 file of pictures and masks.

Such a file is HDF5. ``value/img`` refers to each picture (channels x width x height), ``value/gt`` to a cell whose
first entry refers to its mask (width x height, 0 and 1). h5py reads it, and is imported only for such a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vitinspect.errors import DataError
from vitinspect.evaluation.items import ONE_ANNOTATOR, Dataset, Item

SUFFIXES = (".mat", ".h5", ".hdf5")


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise DataError(
            "Reading ImageNet-Segmentation's .mat file needs h5py: pip install 'vitinspect[hdf5]'."
        ) from None
    return h5py


@dataclass(frozen=True)
class SegmentationFile(Dataset):
    """The data set in one HDF5 file; an item's key is its number from 0, as the authors' script counts."""

    def open_picture(self, item: Item) -> Image.Image:
        with _opened(self.root) as file:
            stored = np.asarray(file[file["value/img"][int(item.key), 0]])
        if stored.ndim == 2:
            return Image.fromarray(np.ascontiguousarray(stored.T)).convert("RGB")
        return Image.fromarray(np.ascontiguousarray(stored.transpose(2, 1, 0))).convert("RGB")

    def read_mask(self, item: Item, annotator: str) -> np.ndarray:
        with _opened(self.root) as file:
            cell = file[file["value/gt"][int(item.key), 0]]
            stored = np.asarray(file[cell[0, 0]])
        return (np.ascontiguousarray(stored.T) > 0).astype(np.uint8)


def _opened(path: Path) -> Any:
    try:
        return _h5py().File(path, "r")
    except OSError as error:
        raise DataError(f"{path} cannot be read as HDF5 (MATLAB 7.3): {error}.") from error


def open_segmentation_file(path: Path) -> SegmentationFile:
    """All pictures of the file, in its order."""
    with _opened(path) as file:
        if "value/img" not in file or "value/gt" not in file:
            raise DataError(
                f"{path} is not an ImageNet-Segmentation file: it holds {', '.join(file)} and no value/img, value/gt."
            )
        count = len(file["value/img"])
    items = tuple(Item(str(i), path, {ONE_ANNOTATOR: path}) for i in range(count))
    return SegmentationFile(path, "imagenet-seg", items)
