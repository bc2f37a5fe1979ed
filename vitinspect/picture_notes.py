"""The user's flags, stars and notes on pictures. One JSON file for each folder of pictures."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitinspect import paths
from vitinspect.names import restored
from vitinspect.regular_files import read_regular

FORMAT = 1


@dataclass(frozen=True)
class Note:
    """Flag, star and note on one picture."""

    flagged: bool = False
    starred: bool = False
    text: str = ""

    @property
    def is_empty(self) -> bool:
        return self == Note()


def notes_file(folder: str, inside: Path | None = None) -> Path:
    """Where the notes on the pictures of a folder are kept."""
    digest = hashlib.blake2b(os.fsencode(os.path.abspath(folder)), digest_size=12).hexdigest()
    return (inside or paths.data_folder() / "notes") / f"{digest}.json"


def read_notes(path: Path) -> dict[str, Note]:
    """The notes by the pictures' names; none if there is no file. ``OSError`` or ``ValueError`` if it is damaged."""
    try:
        found = json.loads(read_regular(path))
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError("it has another form")
        return {restored(name): note_of(value) for name, value in dict(found["pictures"]).items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def note_of(value: Any) -> Note:
    """A note from its JSON value; a ``TypeError`` if the value is not one."""
    if not isinstance(value, dict):
        raise TypeError("a note is no object")
    text = value.get("text", "")
    return Note(value.get("flagged") is True, value.get("starred") is True, text if isinstance(text, str) else "")
