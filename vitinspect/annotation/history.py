"""Undo and redo: one step per stroke, bounded in memory, storing tiles instead of copies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation.strokes import Rectangle
from vitinspect.annotation.tiles import Patch, places

LEAST_STEPS = 100
MOST_BYTES = 200_000_000


class History:
    """The steps of one label image.

    ``before`` is called with each rectangle that is about to change, ``commit`` when the mouse is released: the changes
    in between are one step. At least 100 steps are kept, and older ones while all take less than 200 MB.
    """

    def __init__(self, values: NDArray[np.uint8], most_bytes: int = MOST_BYTES) -> None:
        self._values = values
        self._most_bytes = most_bytes
        self._open: Patch | None = None
        self._undo: list[tuple[str, Patch]] = []
        self._redo: list[tuple[str, Patch]] = []

    @property
    def undo_name(self) -> str:
        """The name of the step that undo would undo; empty if there is none."""
        return self._undo[-1][0] if self._undo else ""

    @property
    def redo_name(self) -> str:
        return self._redo[-1][0] if self._redo else ""

    @property
    def steps(self) -> int:
        return len(self._undo)

    @property
    def nbytes(self) -> int:
        return sum(patch.nbytes for _, patch in (*self._undo, *self._redo))

    def before(self, rectangle: Rectangle | None) -> None:
        """Keep the content of a rectangle before it is painted."""
        if rectangle is None:
            return
        if self._open is None:
            self._open = Patch()
        for place in places(rectangle):
            self._open.take(self._values, place)

    def commit(self, name: str) -> Patch | None:
        """Finish the step. Returns the content of its tiles, for the journal; None if nothing changed."""
        opened, self._open = self._open, None
        changed = opened.without_same(self._values) if opened is not None else None
        if not changed:
            return None
        self._undo.append((name, changed))
        self._redo.clear()
        while len(self._undo) > LEAST_STEPS and self.nbytes > self._most_bytes:
            self._undo.pop(0)
        return changed.same_places(self._values)

    def abandon(self) -> Rectangle | None:
        """Undo what the unfinished step has painted, as Esc does during a stroke."""
        opened, self._open = self._open, None
        return opened.put(self._values) if opened is not None else None

    def undo(self) -> tuple[Rectangle | None, Patch] | None:
        return self._step(self._undo, self._redo)

    def redo(self) -> tuple[Rectangle | None, Patch] | None:
        return self._step(self._redo, self._undo)

    def _step(
        self, source: list[tuple[str, Patch]], target: list[tuple[str, Patch]]
    ) -> tuple[Rectangle | None, Patch] | None:
        if not source or self._open is not None:
            return None
        name, patch = source.pop()
        target.append((name, patch.same_places(self._values)))
        return patch.put(self._values), patch
