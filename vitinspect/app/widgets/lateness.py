"""What has been waited for long enough to be shown as waiting, so that quick answers cause no flicker."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable

from PySide6.QtCore import QObject, QTimer, Signal

PATIENCE = 0.15
"""Seconds that something may be waited for before the window says so."""


class Lateness(QObject):
    """``follow`` names what is waited for now; ``in`` says whether one of these is late."""

    became_late = Signal()

    def __init__(self, parent: QObject | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(parent)
        self._clock = clock
        self._since: dict[Hashable, float] = {}
        self._late: set[Hashable] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.check)

    def __contains__(self, thing: Hashable) -> bool:
        return thing in self._late

    def follow(self, waiting: Collection[Hashable]) -> None:
        """What is no longer among them has arrived."""
        if self._since.keys() == set(waiting):
            return
        now = self._clock()
        self._since = {thing: self._since.get(thing, now) for thing in waiting}
        self._late &= self._since.keys()
        self._wait()

    def check(self) -> None:
        """Find what is late by now."""
        now = self._clock()
        late = {thing for thing, since in self._since.items() if now - since >= PATIENCE - 0.005}
        if late - self._late:
            self._late |= late
            self.became_late.emit()
        self._wait()

    def _wait(self) -> None:
        """Check again when the next one is late."""
        ahead = [since for thing, since in self._since.items() if thing not in self._late]
        if ahead:
            self._timer.start(max(1, round(1000 * (min(ahead) + PATIENCE - self._clock()))))
        else:
            self._timer.stop()
