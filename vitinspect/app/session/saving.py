"""What is shown, kept for the next start: written while the person works, at most every few seconds, and at the end."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Slot

from vitinspect.app.session.state import State
from vitinspect.errors import DataError

_log = logging.getLogger(__name__)
VERSION = 2
"""Of the file. Version 1 has no number and lists methods instead of layers; it can still be read."""
EVERY = 3000
"""Milliseconds after a change until it is saved, with all that follow in this time."""


class SavedSession(QObject):
    """Writes the file whole or not at all; an older state never replaces a newer one."""

    def __init__(
        self,
        state: State,
        file: Callable[[], Path],
        in_background: Callable[[Callable[[], None]], object],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._file, self._in_background = state, file, in_background
        self.layout: dict[str, Any] = {}
        """Where the parts of the window are, as the window describes it."""
        self.enabled = False
        """Whether changes are saved while the person works: from the first paint on."""
        self._lock = threading.Lock()
        self._number = self._written = 0
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(EVERY)
        self._soon.timeout.connect(self._save_in_background)
        state.changed.connect(self._changed)

    def keep_layout(self, layout: dict[str, Any]) -> None:
        """Save where the parts of the window are, as it is done with changes of the state."""
        self.layout = layout
        self._changed(frozenset({"layout"}))

    @Slot(object)
    def _changed(self, names: frozenset[str]) -> None:
        if self.enabled and not self._soon.isActive():
            self._soon.start()

    def save(self) -> None:
        """Now, and before this returns."""
        self._soon.stop()
        self._writer()()

    def close(self) -> None:
        self.enabled = False
        self._soon.stop()

    def _save_in_background(self) -> None:
        if self.enabled:
            self._in_background(self._writer())

    def _writer(self) -> Callable[[], None]:
        """The work of writing what is shown now."""
        self._number += 1
        number = self._number
        document = {"version": VERSION, "state": json.loads(self._state.to_json()), "layout": self.layout}
        # File names may hold bytes that are not text: plain JSON keeps them, as \\udce9.
        data = json.dumps(document, indent=1).encode()

        def write() -> None:
            from vitinspect.files import write_atomic

            with self._lock:
                if number <= self._written:
                    return
                try:
                    write_atomic(self._file(), data)
                    self._written = number
                except Exception as error:
                    _log.warning("What is shown could not be saved: %s", error)

        return write

    def restore(self, read: Callable[[Path], Any]) -> list[str]:
        """Restore what was shown last. Returns sentences about what could not be restored."""
        try:
            found = read(self._file())
        except DataError as error:
            return [f"The last session cannot be restored. {error}"]
        version = found.get("version", 1)
        if version not in (1, VERSION):
            return [
                "The last session was saved by a newer version of vitinspect and is not restored; "
                "starting with the defaults."
            ]
        layout = found.get("layout")
        self.layout = layout if isinstance(layout, dict) else {}
        return self._state.take_over(found.get("state", {}))
