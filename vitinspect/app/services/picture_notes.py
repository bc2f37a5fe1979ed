"""Flags, stars and notes on pictures: kept in the user's data folder, never among the pictures.

``vitinspect.picture_notes`` has the form of the files.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from vitinspect.errors import VitInspectError
from vitinspect.names import stored
from vitinspect.picture_notes import FORMAT, Note, notes_file, read_notes

_log = logging.getLogger(__name__)


class PictureNotes(QObject):
    """Read when a folder is first asked for, written at once when something changes."""

    changed = Signal(str)
    """The path of the picture."""
    trouble = Signal(str)

    def __init__(self, folder: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._known: dict[str, dict[str, Note]] = {}
        self._unreadable: set[str] = set()
        """Folders whose file could not be read: it is left as it is."""

    def of(self, picture: str) -> Note:
        folder, name = os.path.split(os.path.abspath(picture))
        return self._notes(folder).get(name, Note())

    def set(self, picture: str, **changes: Any) -> None:
        """Change the note on a picture: ``flagged``, ``starred``, ``text``."""
        folder, name = os.path.split(os.path.abspath(picture))
        notes = self._notes(folder)
        note = replace(notes.get(name, Note()), **changes)
        if note == notes.get(name, Note()):
            return
        if note.is_empty:
            notes.pop(name, None)
        else:
            notes[name] = note
        self._write(folder)
        self.changed.emit(picture)

    def file_for(self, folder: str) -> Path:
        return notes_file(folder, self._folder)

    def _notes(self, folder: str) -> dict[str, Note]:
        if folder not in self._known:
            self._known[folder] = self._read(folder)
        return self._known[folder]

    def _read(self, folder: str) -> dict[str, Note]:
        path = self.file_for(folder)
        try:
            return read_notes(path)
        except (OSError, ValueError) as error:
            self._unreadable.add(folder)
            self.trouble.emit(
                f"The notes on the pictures in {folder} cannot be read ({error}); {path} is left as it is, and new "
                "notes are kept until vitinspect is closed."
            )
            return {}

    def _write(self, folder: str) -> None:
        from vitinspect.files import write_atomic

        if folder in self._unreadable:
            return
        pictures = {
            stored(name): {"flagged": note.flagged, "starred": note.starred, "text": note.text}
            for name, note in sorted(self._known[folder].items())
        }
        document = {"format": FORMAT, "folder": stored(folder), "pictures": pictures}
        try:
            write_atomic(self.file_for(folder), json.dumps(document, ensure_ascii=False, indent=1).encode())
        except VitInspectError as error:
            _log.warning("Notes on %s were not written: %s", folder, error)
            self.trouble.emit(f"The note is kept in memory only: {error}")
