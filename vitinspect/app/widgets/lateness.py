"""What has been on its way for long enough to be said, so that nothing flickers when the answer comes at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable

from PySide6.QtCore import QObject, QTimer, Signal

PATIENCE = 0.15
"""Seconds that a thing may be on its way before a person is told."""


class Lateness(QObject):
    """``follow`` says what is on its way now; ``in`` tells whether one of these is late."""

    became_late = Signal()

    def __init__(self, parent: QObject | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(parent)
        self._clock = clock
        self._since: dict[Hashable, float] = {}
        self._late: set[Hashable] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.look)

    def __contains__(self, thing: Hashable) -> bool:
        return thing in self._late

    def follow(self, waiting: Collection[Hashable]) -> None:
        """What is not among them any more has arrived."""
        if self._since.keys() == set(waiting):
            return
        now = self._clock()
        self._since = {thing: self._since.get(thing, now) for thing in waiting}
        self._late &= self._since.keys()
        self._wait()

    def look(self) -> None:
        """See what is late by now."""
        now = self._clock()
        late = {thing for thing, since in self._since.items() if now - since >= PATIENCE - 0.005}
        if late - self._late:
            self._late |= late
            self.became_late.emit()
        self._wait()

    def _wait(self) -> None:
        """Come back when the next one is late."""
        ahead = [since for thing, since in self._since.items() if thing not in self._late]
        if ahead:
            self._timer.start(max(1, round(1000 * (min(ahead) + PATIENCE - self._clock()))))
        else:
            self._timer.stop()
