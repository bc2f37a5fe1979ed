"""What can be undone: steps in order. One drag of the mouse is one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

MOST = 100


@dataclass(frozen=True)
class Step:
    """Something that was done, and how it is undone and redone."""

    text: str
    undo: Callable[[], object]
    redo: Callable[[], object]
    owner: str = ""
    """Whose steps they are: those of one owner can be dropped together."""


class History(QObject):
    """While ``busy``, as during a drag, nothing is undone or redone."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self.busy = False

    @property
    def can_undo(self) -> bool:
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        return bool(self._undone)

    def add(self, step: Step) -> None:
        """A step that has been done; what was undone before can no longer be redone."""
        self._done = [*self._done, step][-MOST:]
        self._undone = []
        self.changed.emit()

    def undo(self) -> None:
        if self._done and not self.busy:
            step = self._done.pop()
            self._undone.append(step)
            step.undo()
            self.changed.emit()

    def redo(self) -> None:
        if self._undone and not self.busy:
            step = self._undone.pop()
            self._done.append(step)
            step.redo()
            self.changed.emit()

    def drop(self, owner: str) -> None:
        """Forget the steps of one owner, which can no longer be undone."""
        done = [step for step in self._done if step.owner != owner]
        undone = [step for step in self._undone if step.owner != owner]
        if (len(done), len(undone)) != (len(self._done), len(self._undone)):
            self._done, self._undone = done, undone
            self.changed.emit()

    def clear(self) -> None:
        if self._done or self._undone:
            self._done, self._undone = [], []
            self.changed.emit()
