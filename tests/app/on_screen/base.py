"""What each comparison knows: the window, a fresh engine, and what is asked for."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tests.app.fresh import Fresh

TOLERANCE = {"float32": 1e-4, "float64": 1e-6, "bfloat16": 0.05}


def same(found: Any, expected: Any, precision: str) -> bool:
    """Equal up to what another order of the same additions changes."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape:
        return False
    scale = max(float(np.abs(expected).max()), 1e-12)
    return bool(np.abs(found - expected).max() <= TOLERANCE[precision] * scale)


class Base:
    """The picture, the model and the target that the window should show."""

    target: tuple[int, ...]

    def __init__(self, window: Any, backend: Any, fresh: Fresh) -> None:
        self.window, self.backend, self.fresh = window, backend, fresh
        self.state, self.results = backend.state, backend.results
        state = self.state
        self.path = state.image
        self.readable = bool(self.path) and os.path.basename(self.path) != "e.png"
        self.model = state.model if state.model in fresh.models else self._last_good()
        self.place = (self.model, self.path, state.fit, state.precision)

    def _last_good(self) -> str:
        card = self.results.card
        return card.source if card is not None else ""

    def _stopped(self) -> bool:
        """Whether the person stopped what would have been computed, and the window says so."""
        return bool(self.results.stopped)
