"""Crash recovery of masks: every finished step is appended to a file and synced.

A journal starts with the whole mask as it was, followed by the tiles that each step changed, each record with its
length and checksum. A truncated or damaged record ends the journal; everything before it is valid. It is stored in the
user's recovery folder, not beside the pictures, so that nothing is lost if that folder is read-only.
"""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation.document import Label, MaskDocument, Origin, Status
from vitinspect.annotation.tiles import Patch
from vitinspect.errors import DataError
from vitinspect.files import short_hash
from vitinspect.names import restored, shown, stored
from vitinspect.paths import config_folder

_MAGIC = b"vitinspect mask journal 1\n"
_RECORD = struct.Struct("<III")  # bytes of the head, bytes of the body, checksum of both
_SUFFIX = ".journal"
_LARGEST_BODY = 2_000_000_000


def recovery_folder() -> Path:
    """The folder of journals: with the settings, since they cannot be computed again."""
    return config_folder() / "recovery"


@dataclass(frozen=True)
class JournalKey:
    """The annotator and picture of a mask, and where it is written."""

    image: str
    mask: str
    annotator: str

    def path(self, folder: Path) -> Path:
        return folder / f"{short_hash(self.mask)}-{short_hash(self.annotator)}{_SUFFIX}"


class Journal:
    """Appends the steps of one document to its file."""

    def __init__(self, key: JournalKey, folder: Path | None = None) -> None:
        self.key = key
        self.path = key.path(folder if folder is not None else recovery_folder())
        self._file: Any = None

    def attach(self, document: MaskDocument) -> None:
        """Record every step of the document from now on."""
        document.on_step = lambda name, patch: self.step(document, name, patch)

    def step(self, document: MaskDocument, name: str, patch: Patch) -> None:
        """Record one finished step. For the first one the whole mask is written, which contains it."""
        if self._file is None:
            self._begin(document)
            return
        self._append({"step": name, **_facts(document)}, patch.to_bytes())

    def _begin(self, document: MaskDocument) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = open(self.path, "wb")  # noqa: SIM115 - stays open as long as the document is
        except OSError as error:
            raise DataError(f"The journal {self.path} cannot be written: {error.strerror or error}.") from error
        self._file = file
        try:
            file.write(_MAGIC)
        except OSError as error:
            raise DataError(f"The journal {self.path} cannot be written: {error.strerror or error}.") from error
        head = {
            "image": stored(self.key.image),
            "mask": stored(self.key.mask),
            "annotator": stored(self.key.annotator),
            "size": document.size,
            "labels": [asdict(label) for label in document.labels],
            "started": time.time(),
        }
        self._append({**head, **_facts(document)}, Patch.of_whole(document.values).to_bytes())

    def _append(self, head: dict[str, Any], body: bytes) -> None:
        text = json.dumps(head).encode()
        record = _RECORD.pack(len(text), len(body), zlib.crc32(body, zlib.crc32(text))) + text + body
        try:
            self._file.write(record)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise DataError(f"The journal {self.path} cannot be written: {error.strerror or error}.") from error

    def discard(self) -> None:
        """Delete the journal after the mask was written."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _facts(document: MaskDocument) -> dict[str, Any]:
    return {"status": document.status, "origin": asdict(document.origin)}


@dataclass(frozen=True)
class Recovered:
    """The content of a journal: the document as it was at its last complete step."""

    key: JournalKey
    path: Path
    document: MaskDocument
    steps: int
    changed: float
    """Seconds since 1970, from the journal's file."""

    @property
    def title(self) -> str:
        return f"{shown(Path(self.key.image).name)} by {shown(self.key.annotator)}"


def journals(folder: Path | None = None) -> Iterator[Path]:
    folder = folder if folder is not None else recovery_folder()
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX and path.is_file())


def read(path: Path) -> Recovered:
    """The document of a journal; a ``DataError`` if even its beginning is damaged."""
    try:
        data = path.read_bytes()
        changed = path.stat().st_mtime
    except OSError as error:
        raise DataError(f"The journal {path} cannot be read: {error.strerror or error}.") from error
    records = _records(data)
    try:
        head, body = next(records)
        size = _size(head["size"])
        key = JournalKey(restored(head["image"]), restored(head["mask"]), restored(head["annotator"]))
        labels = tuple(Label(int(v["value"]), str(v["name"]), str(v["colour"])) for v in head["labels"])
        values: NDArray[np.uint8] = np.zeros(size, np.uint8)
        Patch.from_bytes(body, size).put(values)
    except (StopIteration, KeyError, TypeError, ValueError) as error:
        raise DataError(f"The journal {path} is damaged at its beginning.") from error
    steps, facts = 1, head
    for head, body in records:
        try:
            Patch.from_bytes(body, size).put(values)
        except DataError:
            break
        facts, steps = head, steps + 1
    document = MaskDocument(size, labels, values, _status(facts.get("status")), origin_of(facts.get("origin")))
    document.changes = 1  # not written yet
    return Recovered(key, path, document, steps, changed)


def _records(data: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The complete records, up to the first damaged one."""
    if not data.startswith(_MAGIC):
        return
    place = len(_MAGIC)
    while place + _RECORD.size <= len(data):
        head_size, body_size, checksum = _RECORD.unpack_from(data, place)
        start = place + _RECORD.size
        end = start + head_size + body_size
        if end > len(data) or body_size > _LARGEST_BODY:
            return
        text, body = data[start : start + head_size], data[start + head_size : end]
        if zlib.crc32(body, zlib.crc32(text)) != checksum:
            return
        try:
            head = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(head, dict):
            return
        yield head, body
        place = end


def _size(value: Any) -> tuple[int, int]:
    height, width = value
    if not (isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0):
        raise ValueError("size")
    if height * width > _LARGEST_BODY:
        raise ValueError("size")
    return height, width


def _status(value: Any) -> Status:
    return value if value in ("none", "begun", "done", "nothing") else "begun"


def origin_of(value: Any) -> Origin:
    """An ``Origin`` from a file's JSON value; invalid parts are left out."""
    given = value if isinstance(value, dict) else {}
    kinds = {"started_from": str, "blind": bool, "seconds": (int, float), "version": str, "image": str}
    kinds["image_digest"] = str
    good = {name: given[name] for name, kind in kinds.items() if isinstance(given.get(name), kind)}  # type: ignore[arg-type]
    if "seconds" in good:
        good["seconds"] = max(float(good["seconds"]), 0.0) if abs(float(good["seconds"])) < 1e9 else 0.0
    return Origin(**good)
