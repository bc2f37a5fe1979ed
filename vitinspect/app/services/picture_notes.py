"""Flags, stars and notes on pictures: kept in the person's data folder, never among the pictures.

There is one JSON file for each folder of pictures, named by a digest of its path; it holds what a person said of the
pictures there, by file name.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from vitinspect import paths
from vitinspect.errors import VitInspectError
from vitinspect.names import restored, stored
from vitinspect.regular_files import read_regular

_log = logging.getLogger(__name__)
FORMAT = 1


@dataclass(frozen=True)
class Note:
    """What a person said of a picture."""

    flagged: bool = False
    starred: bool = False
    text: str = ""

    @property
    def is_empty(self) -> bool:
        return self == Note()


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
        """Change what is said of a picture: ``flagged``, ``starred``, ``text``."""
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
        digest = hashlib.blake2b(os.fsencode(os.path.abspath(folder)), digest_size=12).hexdigest()
        return (self._folder or paths.data_folder() / "notes") / f"{digest}.json"

    def _notes(self, folder: str) -> dict[str, Note]:
        if folder not in self._known:
            self._known[folder] = self._read(folder)
        return self._known[folder]

    def _read(self, folder: str) -> dict[str, Note]:
        path = self.file_for(folder)
        try:
            found = json.loads(read_regular(path))
            if not isinstance(found, dict) or found.get("format") != FORMAT:
                raise ValueError("it has another form")
            return {restored(name): _note(value) for name, value in dict(found["pictures"]).items()}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
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


def _note(value: Any) -> Note:
    if not isinstance(value, dict):
        raise TypeError("a note is no object")
    text = value.get("text", "")
    return Note(value.get("flagged") is True, value.get("starred") is True, text if isinstance(text, str) else "")
