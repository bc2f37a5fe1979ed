"""Feature views as arrays: colours of principal components, similarity to a patch, norms, attention distance.

Plain functions over arrays; ``probing.views`` (``vi.views``) has them beside ``tokens``, which gets the arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from vitinspect.errors import DataError, ParameterError

COMPONENTS = 3


@dataclass(frozen=True)
class Basis:
    """Principal components of some tokens, by which other tokens can be coloured too."""

    mean: np.ndarray
    components: np.ndarray
    """(n, D): unit vectors whose largest loadings are positive, the sign convention of scikit-learn."""
    variances: np.ndarray
    """(n,): the deviation of the tokens along each component."""
    whiten: bool

    def project(self, tokens: Any) -> np.ndarray:
        """(..., n): places along the components; in units of their deviations where whitened."""
        found = (_array(tokens) - self.mean) @ self.components.T
        if self.whiten:
            found = found / np.sqrt(np.maximum(self.variances, np.finfo(np.float64).tiny))
        return found

    def colours(self, tokens: Any) -> np.ndarray:
        """(..., n) in 0..1: the places, squashed by sigmoid(2 x) as the notebook of DINOv3 does.

        Where not whitened, all are divided by the deviation along the first component, so that the others stay as much
        weaker as they are.
        """
        places = self.project(tokens)
        if not self.whiten:
            places = places / math.sqrt(max(float(self.variances[0]), np.finfo(np.float64).tiny))
        return 0.5 * (1 + np.tanh(places))  # sigmoid(2 x)


def basis(tokens: Any, foreground: Any = None, whiten: bool = True, components: int = COMPONENTS) -> Basis:
    """The principal components of the tokens of one picture, or of several given as a list; of their foreground alone
    where that is given."""
    pictures = _pictures(tokens)
    masks = _masks(foreground, pictures, tokens)
    rows = np.concatenate([p.reshape(-1, p.shape[-1])[m.reshape(-1)] for p, m in zip(pictures, masks, strict=True)])
    if not 1 <= components <= min(len(rows) - 1, rows.shape[1]):
        raise DataError(
            f"{components} components need as many numbers per token and more tokens than that; there are {len(rows)}"
            f" tokens of {rows.shape[1]} numbers."
        )
    mean = rows.mean(0)
    centred = rows - mean
    if len(rows) > rows.shape[1]:
        found, axes = np.linalg.eigh(centred.T @ centred)
        lengths, axes = np.sqrt(np.maximum(found[::-1], 0)), axes.T[::-1]
    else:
        _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:components]
    largest = axes[np.arange(components), np.abs(axes).argmax(1)]
    signs = np.where(largest < 0, -1.0, 1.0)
    return Basis(mean, axes * signs[:, None], lengths[:components] ** 2 / (len(rows) - 1), whiten)


def pca(tokens: Any, foreground: Any = None, whiten: bool = True, components: int = COMPONENTS) -> Any:
    """Patch tokens (..., D) as colours (..., 3) in 0..1: their first three principal components.

    ``tokens`` may be a list of pictures' tokens; all are coloured by one basis, and a list comes back. ``foreground``
    (of the same shape without D; a mask, or scores that are cut at 0.5) restricts the basis to the patches that it
    marks; the others are black.
    """
    found = basis(tokens, foreground, whiten, components)
    pictures = _pictures(tokens)
    masks = _masks(foreground, pictures, tokens)
    coloured = [found.colours(p) * m[..., None] for p, m in zip(pictures, masks, strict=True)]
    return coloured if _is_several(tokens) else coloured[0]


def similarity(tokens: Any, query: Any) -> np.ndarray:
    """(...): the cosine of each token (..., D) with ``query``: a vector (D,), also of another picture, or a place.

    A place is an index, or as many of them as ``tokens`` has axes before the last: ``(row, column)``.
    """
    array = _array(tokens)
    where = np.asarray(query)
    if where.dtype.kind in "iu" and where.size == array.ndim - 1 and where.ndim <= 1:
        place = tuple(int(i) for i in where.reshape(-1))
        if any(not -n <= i < n for i, n in zip(place, array.shape, strict=False)):
            raise ParameterError(f"There is no token at {place}; there are {array.shape[:-1]}.")
        vector = array[place]
    else:
        vector = _array(query).reshape(-1)
    if vector.shape != array.shape[-1:]:
        raise ParameterError(f"The query must have {array.shape[-1]} numbers like the tokens, not {vector.size}.")
    lengths = np.linalg.norm(array, axis=-1) * np.linalg.norm(vector)
    products = array @ vector
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


def norms(tokens: Any) -> np.ndarray:
    """(...): the length of each token (..., D); of several blocks where ``tokens`` is (blocks, ..., D).

    Tokens of a far larger norm than their neighbours are what Darcet et al. 2024 call artefacts, which registers take.
    """
    return np.linalg.norm(_array(tokens), axis=-1)


def attention_distance(
    attention: Any,
    grid: tuple[int, int] | None = None,
    patch_size: float | tuple[float, float] = 1.0,
    *,
    renormalise: bool = True,
) -> np.ndarray:
    """(...): the mean distance at which each head attends (Raghu et al. 2021): ``attention`` is (..., T, T).

    The distance of two patches is that of their centres, in pixels with ``patch_size`` (height and width, or one for
    both). It is weighted with the attention from the one to the other and averaged over the patches that attend.
    Tokens before the patches are left out; each row is divided by what remains of it, or with ``renormalise=False``
    left as it is, as some scripts do. ``grid`` (rows, columns) is a square where it is not given.
    """
    given = _array(attention)
    if given.ndim < 2 or given.shape[-1] != given.shape[-2]:
        raise DataError(f"Attention must be square, (..., T, T), not of shape {given.shape}.")
    side = math.isqrt(given.shape[-1])
    rows, columns = grid if grid is not None else (side, side)
    prefix = given.shape[-1] - rows * columns
    if rows < 1 or columns < 1 or prefix < 0:
        raise DataError(f"{given.shape[-1]} tokens cannot hold {rows} x {columns} patches.")
    distances = patch_distances((rows, columns), patch_size)
    between = given[..., prefix:, prefix:]
    weighted = (between * distances).sum(-1)
    if renormalise:
        totals = between.sum(-1)
        weighted = np.divide(weighted, totals, out=np.zeros_like(weighted), where=totals > 0)
    return weighted.mean(-1)


def patch_distances(grid: tuple[int, int], patch_size: float | tuple[float, float] = 1.0) -> np.ndarray:
    """(N, N): how far the centres of each two patches of a grid (rows, columns) lie apart."""
    height, width = (patch_size, patch_size) if isinstance(patch_size, int | float) else patch_size
    down, across = np.meshgrid(np.arange(grid[0]) * height, np.arange(grid[1]) * width, indexing="ij")
    places = np.stack([down.reshape(-1), across.reshape(-1)], 1)
    return np.linalg.norm(places[:, None] - places[None], axis=-1)


# --- what is given -------------------------------------------------------------------------------------------------


def _array(values: Any) -> np.ndarray:
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" or array.ndim < 1 or not array.size:
        raise DataError(f"An array of numbers was expected, not {array.dtype} of shape {array.shape}.")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise DataError("The array holds a NaN or an infinity.")
    return array


def _is_several(tokens: Any) -> bool:
    return isinstance(tokens, list | tuple) and bool(tokens) and np.ndim(tokens[0]) > 1


def _pictures(tokens: Any) -> list[np.ndarray]:
    found = [_array(one) for one in tokens] if _is_several(tokens) else [_array(tokens)]
    if any(one.ndim < 2 for one in found) or len({one.shape[-1] for one in found}) > 1:
        raise DataError("Tokens must be arrays (..., D) with the same D for every picture.")
    return found


def _masks(foreground: Any, pictures: list[np.ndarray], tokens: Any) -> list[np.ndarray]:
    if foreground is None:
        return [np.ones(one.shape[:-1], bool) for one in pictures]
    given = list(foreground) if _is_several(tokens) else [foreground]
    masks = [_array(one) > 0.5 for one in given]
    if len(masks) != len(pictures) or any(m.shape != p.shape[:-1] for m, p in zip(masks, pictures, strict=False)):
        raise DataError("The foreground must have a value for each token, in the tokens' own shape.")
    return masks
