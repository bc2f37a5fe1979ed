"""Scores: how well a map fits a mask, how faithful it is to the model, whether it can be trusted.

Functions are named after what they measure, modules after what they work on, so that the names never collide:

``masks.overlap``        a mask or a map against a mask that people drew (numpy only);
``pairs.agreement``      maps and masks against each other, with the pigeonhole bound (numpy only);
``perturbation.faithfulness``  how the model's answer changes as the picture is masked by the map;
``perturbation.sanity``  whether the map depends on the weights, and how it reacts to small noise;
``protocols``            published protocols, number for number;
``statistics``           intervals for means and paired comparisons (numpy only).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitinspect.scores.masks import Overlap, overlap
    from vitinspect.scores.pairs import Agreement, agreement
    from vitinspect.scores.perturbation import Faithfulness, Sanity, faithfulness, sanity
    from vitinspect.scores.statistics import compare_paired, mean_with_interval

_PUBLIC = {
    "overlap": ("vitinspect.scores.masks", "overlap"),
    "Overlap": ("vitinspect.scores.masks", "Overlap"),
    "agreement": ("vitinspect.scores.pairs", "agreement"),
    "Agreement": ("vitinspect.scores.pairs", "Agreement"),
    "faithfulness": ("vitinspect.scores.perturbation", "faithfulness"),
    "Faithfulness": ("vitinspect.scores.perturbation", "Faithfulness"),
    "sanity": ("vitinspect.scores.perturbation", "sanity"),
    "Sanity": ("vitinspect.scores.perturbation", "Sanity"),
    "mean_with_interval": ("vitinspect.scores.statistics", "mean_with_interval"),
    "compare_paired": ("vitinspect.scores.statistics", "compare_paired"),
}
__all__ = [
    "Agreement",
    "Faithfulness",
    "Overlap",
    "Sanity",
    "agreement",
    "compare_paired",
    "faithfulness",
    "mean_with_interval",
    "overlap",
    "sanity",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'vitinspect.scores' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value
