"""Checking features and labels: rows of numbers, and a class for each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vitinspect.errors import DataError

Pair = tuple[Any, Any]
"""Features and labels."""


def as_features(features: Any, what: str = "The features") -> np.ndarray:
    """(N, D) of a floating-point type; a memory-mapped array stays in its file."""
    if hasattr(features, "detach"):
        features = features.detach().cpu()
        features = (features.float() if str(features.dtype) == "torch.bfloat16" else features).numpy()
    array = features if isinstance(features, np.ndarray) else np.asarray(features)
    if array.ndim != 2 or not len(array) or not array.shape[1] or array.dtype.kind not in "fiu":
        raise DataError(f"{what} must be rows of numbers, not {array.dtype} of shape {array.shape}.")
    for start in range(0, len(array), 65536):
        if not np.isfinite(array[start : start + 65536]).all():
            raise DataError(f"{what} hold a NaN or an infinity.")
    return array


def as_labels(labels: Any, rows: int, what: str = "The labels") -> np.ndarray:
    """(N,) of whole numbers or strings, one for each row."""
    if hasattr(labels, "detach"):
        labels = labels.detach().cpu().numpy()
    array = np.asarray(labels)
    if array.ndim != 1 or array.dtype.kind not in "iuUb":
        raise DataError(f"{what} must be whole numbers or names, not {array.dtype} of shape {array.shape}.")
    if len(array) != rows:
        raise DataError(f"{what} must be as many as the rows of features, but there are {len(array)} for {rows} rows.")
    return array


def classes_of(labels: np.ndarray, given: Sequence[Any] | None = None) -> list[Any]:
    """The classes in their order: as given, or sorted."""
    if given is not None:
        found = list(given)
        if len(set(found)) != len(found):
            raise DataError("A class is named twice in the list of classes.")
        return found
    return np.unique(labels).tolist()


def as_indices(labels: np.ndarray, classes: Sequence[Any], what: str = "The labels") -> np.ndarray:
    """The index of each label among the classes."""
    place = {name: i for i, name in enumerate(classes)}
    values, inverse = np.unique(labels, return_inverse=True)
    unknown = [value for value in values.tolist() if value not in place]
    if unknown:
        shown = ", ".join(repr(value) for value in unknown[:3])
        raise DataError(f"{what} hold {shown}, which no row of the training features has.")
    return np.array([place[value] for value in values.tolist()], np.int64)[inverse]


def split(indices: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows for training and rows for choosing C: the same share of each class, drawn with the seed.

    The only row of a class is used for training.
    """
    if not 0.0 < share < 1.0:
        raise DataError(f"The share of held-out rows must be between 0 and 1, not {share}.")
    generator = np.random.default_rng(seed)
    held = []
    for k in np.unique(indices):
        rows = generator.permutation(np.flatnonzero(indices == k))
        held.append(rows[: min(len(rows) - 1, max(1, round(share * len(rows))))])
    chosen = np.sort(np.concatenate(held))
    if not len(chosen):
        raise DataError("Every class has a single row, so none can be held out to choose C; give a validation split.")
    return np.setdiff1d(np.arange(len(indices)), chosen), chosen
