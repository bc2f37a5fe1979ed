"""How much the methods' masks overlap, compared with the pigeonhole bound and with the overlap expected by chance.

Stored per picture and pair of methods; ``pair_table`` shows the means over pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vitinspect.evaluation.store import PairScore
from vitinspect.scores.pairs import agreement

MEASURES = (
    "spearman",
    "iou",
    "share_first",
    "share_second",
    "overlap_at_least",
    "overlap_by_chance",
    "overlap_observed",
)
"""Fields of ``scores.pairs.Agreement``."""

EXPLANATION = (
    "Means over images, in percent of the picture. Masks that cover the shares a and b overlap on at least a + b - 1 "
    "of it whatever they show (the pigeonhole bound of the ViTmiX paper), and on a * b by chance: the observed overlap "
    "is meaningful only in comparison with these two."
)


def pair_scores(values: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray]) -> list[PairScore]:
    """The numbers of each pair of methods on one picture."""
    if len(values) < 2:
        return []
    return [
        PairScore(pair.first, pair.second, measure, getattr(pair, measure))
        for pair in agreement(values, masks)
        for measure in MEASURES
    ]


@dataclass(frozen=True)
class PairMeans:
    """Two methods, means over pictures; overlaps and shares are parts of the whole picture."""

    first: str
    second: str
    images: int
    means: Mapping[str, float]
    """By the names of ``MEASURES``."""


def pair_means(stored: Iterable[tuple[str, PairScore]], order: Sequence[str] = ()) -> list[PairMeans]:
    """The means of a run's stored numbers, the pairs in the order of the methods."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for _, pair in stored:
        found.setdefault((pair.first, pair.second), {}).setdefault(pair.measure, []).append(pair.value)
    place = {name: i for i, name in enumerate(order)}
    pairs = sorted(found, key=lambda pair: tuple(place.get(name, len(place)) for name in pair))
    return [
        PairMeans(*pair, len(found[pair][MEASURES[0]]), {m: float(np.mean(v)) for m, v in found[pair].items()})
        for pair in pairs
    ]


def pair_table(means: Sequence[PairMeans]) -> list[str]:
    """The table as lines of Markdown."""
    lines = [
        "| Methods | Images | Shares (%) | Overlap at least (%) | By chance (%) | Observed (%) | IoU (%) "
        "| Rank correlation |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for m in means:
        at = {measure: f"{100 * value:.2f}" for measure, value in m.means.items()}
        lines.append(
            f"| {m.first} & {m.second} | {m.images} | {at['share_first']}, {at['share_second']} | "
            f"{at['overlap_at_least']} | {at['overlap_by_chance']} | {at['overlap_observed']} | {at['iou']} | "
            f"{m.means['spearman']:.3f} |"
        )
    return lines
