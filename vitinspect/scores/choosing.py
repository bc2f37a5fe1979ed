"""Evaluating the choice of the best candidate: its score on pictures that were not used for the choice. Pure numpy.

One of many candidates is always the best on a set of pictures, even by chance, so its own mean there is too optimistic.
The number to quote is that of the procedure "take the best on the others": each picture is scored with the candidate
that is best on all other pictures (leave one out); with several annotators, also with the one that is best by the other
annotators on the other pictures (nested).

``scores`` is (candidates, pictures, annotators), NaN where an annotator drew nothing. A mean is over all masks; its
interval resamples pictures with all their masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitinspect.errors import DataError
from vitinspect.scores.statistics import Mean, mean_with_interval


@dataclass(frozen=True)
class Chosen:
    """A procedure of choosing, scored on pictures that it did not use."""

    values: np.ndarray
    """(pictures, annotators), NaN where nothing was drawn."""
    mean: Mean
    picks: np.ndarray
    """For each candidate the share of the masks for which it was chosen."""


@dataclass(frozen=True)
class Lead:
    """The lead of the winner over the best candidate of a smaller set, and how much of it remains."""

    own: float
    """Difference of the two best means, both on the pictures that they were chosen on."""
    honest: Mean
    """Difference of the two procedures, each on pictures that it did not use."""

    @property
    def by_choice(self) -> float:
        """The part of the lead that is due to choosing the best."""
        return self.own - self.honest.value


def own_means(scores: np.ndarray, seed: int = 0) -> list[Mean]:
    """Each candidate's mean over all masks."""
    return [_mean(values, seed) for values in _checked(scores)]


def on_other_pictures(scores: np.ndarray, *, higher_is_better: bool = True, seed: int = 0) -> Chosen | None:
    """Each picture with the candidate that is best on all others; None if there are no others."""
    scores = _checked(scores)
    known = ~np.isnan(scores[0])
    values = np.where(known, scores, 0.0)
    rest = values.sum((1, 2))[:, None] - values.sum(2)
    counts = known.sum() - known.sum(1)
    used = known.any(1)
    if (counts[used] == 0).any():
        return None
    choice = np.repeat(_best(rest, higher_is_better)[:, None], scores.shape[2], axis=1)
    return _chosen(scores, choice, seed)


def by_other_people(scores: np.ndarray, *, higher_is_better: bool = True, seed: int = 0) -> Chosen | None:
    """Each mask with the candidate that is best by the other annotators on the other pictures (nested); None if a
    mask has no such others."""
    scores = _checked(scores)
    known = ~np.isnan(scores[0])
    values = np.where(known, scores, 0.0)
    pictures, people = values.sum(2)[:, :, None], values.sum(1)[:, None, :]
    rest = values.sum((1, 2))[:, None, None] - pictures - people + values
    counts = known.sum() - known.sum(1)[:, None] - known.sum(0)[None, :] + known
    if (counts[known] == 0).any():
        return None
    return _chosen(scores, _best(rest, higher_is_better), seed)


def lead(scores: np.ndarray, among: Sequence[int], *, higher_is_better: bool = True, seed: int = 0) -> Lead | None:
    """The winner of all against the best of ``among`` (the single methods, say)."""
    scores = _checked(scores)
    few = scores[list(among)]
    all_chosen = on_other_pictures(scores, higher_is_better=higher_is_better, seed=seed)
    few_chosen = on_other_pictures(few, higher_is_better=higher_is_better, seed=seed)
    if all_chosen is None or few_chosen is None:
        return None
    sign = 1 if higher_is_better else -1
    best = [max(sign * float(np.nanmean(values)) for values in group) for group in (scores, few)]
    honest = _mean(sign * (all_chosen.values - few_chosen.values), seed)
    return Lead(best[0] - best[1], honest)


def winner(scores: np.ndarray, *, higher_is_better: bool = True) -> int:
    """The candidate with the best mean; the first of equals."""
    scores = _checked(scores)
    return int(_best(np.nansum(scores, axis=(1, 2)), higher_is_better))


def _checked(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 3 or not scores.size:
        raise DataError(f"Scores must be (candidates, pictures, annotators), not of shape {scores.shape}.")
    missing = np.isnan(scores)
    if (missing != missing[0]).any():
        raise DataError("The candidates are not all scored on the same masks, so they cannot be compared.")
    if missing[0].all():
        raise DataError("There is no mask to choose by.")
    return scores


def _best(totals: np.ndarray, higher_is_better: bool) -> np.ndarray:
    """The first of the best along the first axis. Rounding differences do not count."""
    totals = totals if higher_is_better else -totals
    highest = totals.max(0)
    return np.argmax(totals >= highest - 1e-12 * np.maximum(1.0, np.abs(highest)), axis=0)


def _chosen(scores: np.ndarray, choice: np.ndarray, seed: int) -> Chosen:
    values = np.take_along_axis(scores, choice[None], axis=0)[0]
    known = ~np.isnan(values)
    picks = np.bincount(choice[known], minlength=len(scores)) / known.sum()
    return Chosen(values, _mean(values, seed), picks)


def _mean(values: np.ndarray, seed: int) -> Mean:
    known = ~np.isnan(values)
    pictures = np.broadcast_to(np.arange(values.shape[0])[:, None], values.shape)
    return mean_with_interval(values[known], groups=pictures[known].tolist(), seed=seed)
