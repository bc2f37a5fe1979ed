"""Combining the masks of several people into one: by majority, union, intersection, or STAPLE.

STAPLE (Warfield, Zou & Wells, IEEE TMI 2004) estimates jointly how likely each pixel is foreground and how reliable
each person is. Its result depends on how much background the region contains, so the region is a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation.coding import IGNORE
from vitinspect.annotation.patterns import Box, Mask, Patterns, box_of, coded, patterns_and_runs, same_size
from vitinspect.errors import DataError, ParameterError

WAYS = ("majority", "union", "intersection", "staple")
REGIONS = ("frame", "box")
Ties = Literal["background", "foreground"]


class Consensus(np.ndarray):
    """The mask, (H, W) bytes of 0 and 1, and 255 where everybody ignores the pixel; with further results."""

    how: str
    ties: int
    """Pixels that equally many people marked and did not mark (``majority``)."""
    probabilities: NDArray[np.float64] | None
    """STAPLE: how likely each pixel is foreground."""
    sensitivities: dict[str, float]
    """STAPLE: the fraction of the true foreground that each person marks."""
    specificities: dict[str, float]
    """STAPLE: the fraction of the true background that each person does not mark."""
    iterations: int

    def __array_finalize__(self, other: Any) -> None:
        self.how = getattr(other, "how", "")
        self.ties = getattr(other, "ties", 0)
        self.probabilities = getattr(other, "probabilities", None)
        self.sensitivities = getattr(other, "sensitivities", {})
        self.specificities = getattr(other, "specificities", {})
        self.iterations = getattr(other, "iterations", 0)

    @property
    def mask(self) -> Mask:
        """The mask as a plain array."""
        return np.asarray(self)


def consensus(
    masks: Mapping[str, Any], how: str = "majority", *, ties: Ties = "background", region: str = "frame"
) -> Consensus:
    """Combine the masks of several people, ``{annotator: mask}``, into one.

    ``majority``      marked by more than half of those who did not ignore the pixel; a tie becomes ``ties``;
    ``union``, ``intersection``  marked by any, by all;
    ``staple``        the probable foreground (at least 0.5), estimated with each person's sensitivity and specificity
                      until no parameter changes by more than 1e-8. ``region``: the whole ``frame``, or the ``box``
                      around everything that anybody marked.

    Masks are booleans, or 0, 1 and 255 for "ignore". A pixel that everybody ignores is 255 in the result.
    """
    if not masks:
        raise DataError("There is no mask for a consensus.")
    return combined(coded(masks), how, ties=ties, region=region)


def combined(
    arrays: Mapping[str, Mask], how: str = "majority", *, ties: Ties = "background", region: str = "frame"
) -> Consensus:
    """The same of masks that are known to hold 0, 1, and 255 for "ignore": those that were read from files."""
    if how not in WAYS:
        raise ParameterError(f"A consensus must be one of {', '.join(WAYS)}, not {how!r}.")
    if region not in REGIONS:
        raise ParameterError(f"A region must be {' or '.join(REGIONS)}, not {region!r}.")
    if ties not in ("background", "foreground"):
        raise ParameterError(f"Ties must be background or foreground, not {ties!r}.")
    same_size(arrays, "one picture")
    if how == "staple":
        return _staple(arrays, region)
    # In bytes if they can hold twice the number of people.
    known = np.zeros(next(iter(arrays.values())).shape, dtype=np.uint8 if len(arrays) < 128 else np.int32)
    marks = np.zeros_like(known)
    for array in arrays.values():
        known += array != IGNORE
        marks += array == 1
    even = (2 * marks == known) & (known > 0)
    if how == "union":
        found = marks > 0
    elif how == "intersection":
        found = (marks == known) & (known > 0)
    else:
        found = 2 * marks > known
        if ties == "foreground":
            found |= even
    result = _as_consensus(found, known > 0, how)
    result.ties = int(even.sum())
    return result


def _as_consensus(found: NDArray[np.bool_], known: NDArray[np.bool_], how: str) -> Consensus:
    mask = np.where(known, found, IGNORE).astype(np.uint8).view(Consensus)
    mask.how = how
    return mask


# --- STAPLE ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StapleFit:
    """The result of the estimation."""

    probabilities: NDArray[np.float64]
    """One probability for each pattern."""
    sensitivities: NDArray[np.float64]
    specificities: NDArray[np.float64]
    prior: float
    iterations: int


def fit_staple(patterns: Patterns, *, tolerance: float = 1e-8, limit: int = 10_000) -> StapleFit:
    """Estimate from counts by expectation maximisation.

    The prior is the fraction of foreground over all people's pixels; everybody starts with 0.99999. If nobody marks
    anything the probabilities are 0, if all mark everything 1, and everybody has sensitivity and specificity 1.
    """
    counts, known = patterns.counts.astype(np.float64), patterns.known
    marked = patterns.marked & known
    total = float((counts[:, None] * known).sum())
    prior = float((counts[:, None] * marked).sum()) / total if total else 0.0
    people = patterns.people
    if prior in (0.0, 1.0):
        return StapleFit(np.full(len(counts), prior), np.ones(people), np.ones(people), prior, 0)
    sensitive, specific = np.full(people, 0.99999), np.full(people, 0.99999)
    marks, leaves = marked.astype(float), (known & ~marked).astype(float)
    iterations = 0
    moved = np.inf
    while moved >= tolerance and iterations < limit:
        iterations += 1
        inside = counts * _expectation(marks, leaves, sensitive, specific, prior)
        outside = counts - inside
        new_sensitive = _share(inside @ marks, inside @ leaves)
        new_specific = _share(outside @ leaves, outside @ marks)
        moved = max(float(np.abs(new_sensitive - sensitive).max()), float(np.abs(new_specific - specific).max()))
        sensitive, specific = new_sensitive, new_specific
    return StapleFit(_expectation(marks, leaves, sensitive, specific, prior), sensitive, specific, prior, iterations)


def _expectation(
    marks: NDArray[np.float64],
    leaves: NDArray[np.float64],
    sensitive: NDArray[np.float64],
    specific: NDArray[np.float64],
    prior: float,
) -> NDArray[np.float64]:
    """How likely each pattern is foreground. In logarithms, since products over many people would underflow."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        terms = np.log((sensitive, 1 - sensitive, 1 - specific, specific))
        if np.isfinite(terms).all():
            odds = np.log(prior / (1 - prior)) + marks @ (terms[0] - terms[2]) + leaves @ (terms[1] - terms[3])
            return 1 / (1 + np.exp(-odds))
        # A person with sensitivity or specificity 1 makes the pixel certain; no finite number can be added.
        real = np.log(prior) + np.where(marks > 0, terms[0], np.where(leaves > 0, terms[1], 0.0)).sum(1)
        empty = np.log(1 - prior) + np.where(marks > 0, terms[2], np.where(leaves > 0, terms[3], 0.0)).sum(1)
    top = np.maximum(real, empty)
    # Impossible either way: certain for two opposite labels.
    certain = ~np.isfinite(top)
    top = np.where(certain, 0.0, top)
    a, b = np.exp(real - top), np.exp(empty - top)
    return np.where(certain, prior, a / np.where(a + b > 0, a + b, 1.0))


def _share(part: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each person the fraction of the pixels that they did not ignore; 1 if there are none."""
    whole = part + rest
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 1.0)


def _staple(arrays: Mapping[str, Mask], region: str) -> Consensus:
    masks: Sequence[Mask] = list(arrays.values())
    place = box_of(masks) if region == "box" else (slice(None), slice(None))
    inside = [mask[place] for mask in masks]
    shape, people = masks[0].shape, len(masks)
    fit = None
    if inside[0].size:
        patterns, runs = patterns_and_runs(inside)
        fit = fit_staple(patterns)
        probabilities = runs.painted(fit.probabilities, inside[0].shape)
        result = runs.painted(_decided(fit.probabilities, np.asarray(patterns.known.any(1))), inside[0].shape)
        if region == "box":
            probabilities = _framed(probabilities, place, np.zeros(shape))
            known = np.logical_or.reduce([mask != IGNORE for mask in masks])
            result = _framed(result, place, _decided(np.zeros(shape), known))
    else:
        probabilities = np.zeros(shape)
        result = _decided(probabilities, np.logical_or.reduce([mask != IGNORE for mask in masks]))
    found = result.view(Consensus)
    found.how = "staple"
    found.probabilities = probabilities
    found.sensitivities = dict(zip(arrays, (fit.sensitivities if fit else np.ones(people)).tolist(), strict=True))
    found.specificities = dict(zip(arrays, (fit.specificities if fit else np.ones(people)).tolist(), strict=True))
    found.iterations = fit.iterations if fit else 0
    return found


def _decided(probabilities: NDArray[np.float64], known: NDArray[np.bool_]) -> Mask:
    return np.where(known, probabilities >= 0.5, IGNORE).astype(np.uint8)


def _framed(inside: NDArray[Any], place: Box, frame: NDArray[Any]) -> NDArray[Any]:
    frame[place] = inside
    return frame
