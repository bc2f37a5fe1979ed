"""Agreement statistics from counts. Every one is defined for empty masks, equal masks and a single annotator.

Two people who both mark nothing agree, so a ratio without a denominator is 1 here, unlike in the scores of a map
(docs/decisions/0004): a map that shows nothing is never right, a person who marks nothing may be.
"""

from __future__ import annotations

import numpy as np

from vitinspect.annotation.patterns import Patterns


def dice(tp: int, fp: int, fn: int) -> float:
    """1 for two empty masks."""
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0


def iou(tp: int, fp: int, fn: int) -> float:
    """1 for two empty masks."""
    return tp / (tp + fp + fn) if tp + fp + fn else 1.0


def precision(tp: int, fp: int, fn: int) -> float:
    """The fraction of the first mask that the second has too; for an empty mask 1 if the other is empty too, else 0."""
    return tp / (tp + fp) if tp + fp else float(fn == 0)


def recall(tp: int, fp: int, fn: int) -> float:
    """The fraction of the second mask that the first has too."""
    return precision(tp, fn, fp)


def cohen_kappa(tp: int, fp: int, fn: int, tn: int) -> float:
    """Cohen's kappa (1960). 1 if both mark everything or both mark nothing, and in an empty region."""
    total = tp + fp + fn + tn
    if total == 0:
        return 1.0
    observed = (tp + tn) / total
    expected = ((tp + fp) * (tp + fn) + (tn + fn) * (tn + fp)) / total**2
    return (observed - expected) / (1 - expected) if expected < 1 else 1.0


def fleiss_kappa(patterns: Patterns) -> float:
    """Fleiss' kappa (1971) over pixels. If annotators are missing, each pixel uses those it has, and pixels with fewer
    than two are left out. 1 if all agree, and for a single annotator."""
    raters, marks = _annotators_and_marks(patterns)
    usable = raters >= 2
    counts, n, f = patterns.counts[usable].astype(float), raters[usable], marks[usable]
    if not counts.sum():
        return 1.0
    agreeing = (f * f + (n - f) ** 2 - n) / (n * (n - 1))
    observed = float((counts * agreeing).sum() / counts.sum())
    share = float((counts * f).sum() / (counts * n).sum())
    expected = share**2 + (1 - share) ** 2
    return (observed - expected) / (1 - expected) if expected < 1 else 1.0


def krippendorff_alpha(patterns: Patterns) -> float:
    """Krippendorff's alpha for nominal data (2011), from coincidences. Pixels with fewer than two people are left
    out; 1 if all agree, and for a single annotator."""
    raters, marks = _annotators_and_marks(patterns)
    usable = raters >= 2
    counts, n, f = patterns.counts[usable].astype(float), raters[usable], marks[usable]
    disagreeing = float((counts * f * (n - f) / (n - 1)).sum())
    ones, total = float((counts * f).sum()), float((counts * n).sum())
    zeros = total - ones
    return 1 - (total - 1) * disagreeing / (ones * zeros) if ones * zeros else 1.0


def _annotators_and_marks(patterns: Patterns) -> tuple[np.ndarray, np.ndarray]:
    """For each pattern how many people did not ignore the pixel, and how many of them mark it."""
    return patterns.known.sum(1).astype(float), (patterns.marked & patterns.known).sum(1).astype(float)
