"""Removing regions from the picture, with undo: what the brush, the eraser and their buttons do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.session.history import History, Step
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State

if TYPE_CHECKING:
    from vitinspect.app.services.what_if import WhatIfService

Point = tuple[float, float]
OWNER = "what if"


class WhatIf(QObject):
    """Asks for changes of the removed region, and makes one step of all that happens between ``begin`` and ``end``."""

    def __init__(
        self, state: State, results: Results, service: WhatIfService, history: History, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._service, self._history = state, results, service, history
        self._before: Any = None
        self._drawing = False
        results.changed.connect(self._results_changed)

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"picture", "card"}:
            # A region of another picture, or of another model's input, cannot be restored.
            self._drawing = self._history.busy = False
            self._history.drop(OWNER)

    # --- a drag --------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        self._before, self._drawing = self._results.painted, True
        self._history.busy = True

    def stroke(self, start: Point, stop: Point, *, erase: bool = False) -> None:
        self._service.brush(start, stop, erase=erase)

    def end(self) -> None:
        if self._drawing:
            self._drawing = self._history.busy = False
            self._add("Stroke", self._before)

    # --- at once -------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """The whole picture again."""
        before = self._results.painted
        self._service.paint_out(None)
        self._add("Reset what-if", before)

    @property
    def has_outline(self) -> bool:
        return self._results.placed is not None and self._cut() is not None

    def hide(self, *, inside: bool) -> None:
        """Remove what is inside the outline of the selected map, or all that is outside of it."""
        cut, placed = self._cut(), self._results.placed
        if cut is None or placed is None:
            return
        import numpy as np

        from vitinspect.maps import resize

        within = resize(np.asarray(cut.mask, np.float32), placed.input_size) >= 0.5
        before = self._results.painted
        self._service.paint_out(within if inside else ~within)
        self._add("Hide inside" if inside else "Hide outside", before)

    def _cut(self) -> Any:
        active = self._results.active_map(self._state.active)
        return None if active is None else self._results.cuts.get(active.id)

    def _add(self, text: str, before: Any) -> None:
        after, service = self._results.painted, self._service
        if after is not before:
            self._history.add(Step(text, lambda: service.paint_out(before), lambda: service.paint_out(after), OWNER))
