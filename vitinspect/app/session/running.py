"""Whether the window that was open before ended properly: a mark that exists while one is open. No Qt."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from vitinspect.errors import DataError
from vitinspect.locks import held

MARK, LOCK, KEPT = "window.open", "window.lock", "window.before.json"


class RunningMark:
    """Exists while the window is open. A second window at the same time has none, and removes none."""

    def __init__(self, folder: Path, state_file: Path) -> None:
        self._folder, self._state_file = folder, state_file
        self._stack = contextlib.ExitStack()
        self._mine = False

    @property
    def kept(self) -> Path:
        """The file with what was shown when the previous window did not end properly."""
        return self._folder / KEPT

    def begin(self) -> bool:
        """Set the mark. Returns whether the previous window did not end properly, and what it showed was kept."""
        try:
            self._stack.enter_context(held(self._folder / LOCK, "Another window is open"))
        except DataError:
            return False  # another window is open now, and the mark is its own
        self._mine = True
        mark = self._folder / MARK
        unclean = mark.exists() and self._state_file.is_file()
        try:
            if unclean:
                shutil.copyfile(self._state_file, self.kept)
            mark.write_text(f"process {os.getpid()}\n")  # not written safely: its loss would do no harm
        except OSError:
            return False
        return unclean

    def end(self) -> None:
        """The window is closed."""
        if self._mine:
            (self._folder / MARK).unlink(missing_ok=True)
        self._stack.close()
        self._mine = False
