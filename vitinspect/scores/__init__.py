"""Scores: how well a map fits a mask, how faithful it is to the model, whether it can be trusted.

The functions are named after what they tell, the modules after what they work on, so that the two never collide:

``masks.overlap``        a mask or a map against a mask that people drew (numpy only);
``pairs.agreement``      maps and masks against each other, with the pigeonhole bound (numpy only);
``statistics``           intervals for means and paired comparisons (numpy only).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitinspect.scores.masks import Overlap, overlap
    from vitinspect.scores.pairs import Agreement, agreement

_PUBLIC = {
    "overlap": ("vitinspect.scores.masks", "overlap"),
    "Overlap": ("vitinspect.scores.masks", "Overlap"),
    "agreement": ("vitinspect.scores.pairs", "agreement"),
    "Agreement": ("vitinspect.scores.pairs", "Agreement"),
}
__all__ = ["Agreement", "Overlap", "agreement", "overlap"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'vitinspect.scores' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value
