"""Undo and redo of changes to the layers. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vitinspect.app.session.layers import Layers


@dataclass(frozen=True)
class Edit:
    """One change of the list: what it is called, the list before, the list after."""

    text: str
    before: Layers
    after: Layers
    merge: str = ""
    """Edits of the same value in a row, as a slider makes them, are one."""


class Edits:
    """The changes to the layers that can be undone and redone."""

    MOST = 200

    def __init__(self) -> None:
        self._done: list[Edit] = []
        self._undone: list[Edit] = []

    @property
    def undo_text(self) -> str:
        """The name of what undo would revert; empty for nothing."""
        return self._done[-1].text if self._done else ""

    @property
    def redo_text(self) -> str:
        return self._undone[-1].text if self._undone else ""

    def add(self, edit: Edit) -> bool:
        """Add an edit that was made. Returns whether it is a new step, and was not merged into the last one.

        What was undone before can no longer be redone.
        """
        self._undone.clear()
        last = self._done[-1] if self._done else None
        if last is not None and edit.merge and last.merge == edit.merge and last.after == edit.before:
            self._done[-1] = replace(last, after=edit.after)
            return False
        self._done = [*self._done, edit][-self.MOST :]
        return True

    def rest(self) -> None:
        """The slider was released: what comes next is another edit."""
        if self._done and self._done[-1].merge:
            self._done[-1] = replace(self._done[-1], merge="")

    def undo(self, now: Layers) -> Layers:
        """The list before the last edit."""
        return self._step(self._done, self._undone, now, lambda edit: edit.before)

    def redo(self, now: Layers) -> Layers:
        return self._step(self._undone, self._done, now, lambda edit: edit.after)

    @staticmethod
    def _step(source: list[Edit], sink: list[Edit], now: Layers, of: Callable[[Edit], Layers]) -> Layers:
        if not source:
            return now
        edit = source.pop()
        sink.append(edit)
        return of(edit)
