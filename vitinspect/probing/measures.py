"""Measures of a classifier: accuracy in total and by class, confusions, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 15
"""The number of bins of the calibration error, as in Guo et al. 2017."""
UNEVEN = 2.0
"""The ratio of the largest to the smallest class from which a data set is reported as imbalanced."""


@dataclass(frozen=True)
class Measures:
    """Measures on labelled rows; shares are in 0..1."""

    count: int
    top1: float
    top5: float
    balanced: float
    """The mean of the classes' accuracies: what ``top1`` would be if all classes had the same size."""
    per_class: dict[str, float]
    """NaN for a class without rows."""
    per_class_count: dict[str, int]
    loss: float
    """The mean of -log p(label)."""
    calibration_error: float
    """Expected calibration error of the most probable class, in 15 bins of equal width (Guo et al. 2017)."""
    reliability: tuple[tuple[float, float, int], ...]
    """For each bin with rows: mean confidence, accuracy, number of rows."""
    confusion: np.ndarray
    """(K, K) counts: rows are the true classes, columns the predicted ones."""

    @property
    def imbalance(self) -> str | None:
        """A sentence on classes of very different sizes, or None."""
        return imbalance(self.per_class_count)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "count": self.count,
            "top1": self.top1,
            "top5": self.top5,
            "balanced": self.balanced,
            "loss": self.loss,
            "calibration_error": self.calibration_error,
            "per_class": {name: None if np.isnan(v) else v for name, v in self.per_class.items()},
            "per_class_count": self.per_class_count,
            "reliability": [list(row) for row in self.reliability],
            "confusion": self.confusion.tolist(),
        }


def measure(probabilities: np.ndarray, labels: np.ndarray, names: Sequence[Any] | None = None) -> Measures:
    """Measures of probabilities (N, K) against the true classes' indices (N,)."""
    count, classes = probabilities.shape
    titles = [str(name) for name in (names if names is not None else range(classes))]
    answers = probabilities.argmax(1)
    right = answers == labels
    own = probabilities[np.arange(count), labels]
    better = (probabilities > own[:, None]).sum(1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, answers), 1)
    sizes = confusion.sum(1)
    shares = [float(confusion[k, k] / sizes[k]) if sizes[k] else float("nan") for k in range(classes)]
    error, reliability = _calibration(probabilities[np.arange(count), answers], right)
    return Measures(
        count=count,
        top1=float(right.mean()),
        top5=float((better < 5).mean()),
        balanced=float(np.nanmean(shares)),
        per_class=dict(zip(titles, shares, strict=True)),
        per_class_count=dict(zip(titles, sizes.tolist(), strict=True)),
        loss=float(-np.log(np.maximum(own.astype(np.float64), 1e-30)).mean()),
        calibration_error=error,
        reliability=reliability,
        confusion=confusion,
    )


def _calibration(confidence: np.ndarray, right: np.ndarray) -> tuple[float, tuple[tuple[float, float, int], ...]]:
    # Guo's bins are open below and closed above.
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    rows = []
    for bin_ in np.unique(place):
        inside = place == bin_
        rows.append((float(confidence[inside].mean()), float(right[inside].mean()), int(inside.sum())))
    error = sum(n * abs(sure - correct) for sure, correct, n in rows) / len(confidence)
    return float(error), tuple(rows)


def imbalance(counts: dict[str, int]) -> str | None:
    """A sentence on classes of very different sizes, or None."""
    have = {name: n for name, n in counts.items() if n}
    if len(have) < 2:
        return None
    most, least = max(have, key=lambda name: have[name]), min(have, key=lambda name: have[name])
    if have[most] < UNEVEN * have[least]:
        return None
    return (
        f"The classes are imbalanced: {most} has {have[most]} pictures and {least} {have[least]}; always predicting"
        f" {most} would be right in {100 * have[most] / sum(have.values()):.1f} %."
    )
