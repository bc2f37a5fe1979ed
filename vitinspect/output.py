"""Where results may be written: the rule that every command follows.

- A file is replaced only if vitinspect wrote it and it has not been changed since. This is known from a record in
  its folder (``.vitinspect-files.json``: names and digests), or by the file itself (the overlays and maps of
  ``explain``, see ``files.made_from``).
- Nothing is written through a link that leads out of the folder of results.
- The folder of results is neither the data's folder nor inside of it.

``OutputFolder`` is for commands that write several files into one folder, ``write_result`` for a single file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from vitinspect.errors import DataError
from vitinspect.files import SOFTWARE, made_from, refuse_links, write_atomic
from vitinspect.names import restored, stored
from vitinspect.regular_files import read_regular

try:
    import fcntl
except ImportError:  # Windows: two commands that write into one folder at the same time may lose each other's records
    fcntl = None  # type: ignore[assignment]

RECORD = ".vitinspect-files.json"


class OutputFolder:
    """A folder of results. ``check`` before the work, ``write`` after it; neither touches files of other programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """The path of ``name``, which may contain folders; refused if a link leads out of this folder."""
        path = self.folder / name
        refuse_links(self.folder, path.parent)
        return path

    def check(self, names: Iterable[str]) -> None:
        """Refuse, before any work is done, if one of the names is taken by a file that may not be replaced."""
        written = _read_record(self.folder)
        for name in names:
            _refuse_foreign(self.path(name), name, written)

    def write(self, name: str, data: bytes) -> Path:
        """Write one file, or refuse to."""
        return self.write_all({name: data})[0]

    def write_all(self, files: Mapping[str, bytes]) -> list[Path]:
        """Write several files; nothing is written if one of them may not be."""
        with _alone(self.folder):
            self.check(files)
            written = _read_record(self.folder)
            for name, data in files.items():
                # The previous digest is kept with the new one: if the process ends now, the old file is still known.
                written[name] = list(dict.fromkeys([digest(data), *written.get(name, ())]))[:2]
            # The record is written before the files, so that no file of vitinspect is ever missing from it.
            _write_record(self.folder, written)
            paths = []
            for name, data in files.items():
                paths.append(self.path(name))
                write_atomic(paths[-1], data)
        return paths


def write_result(path: Path, data: bytes) -> Path:
    """Write a single file that the command line named; refuse to replace a file that vitinspect did not write."""
    return OutputFolder(path.parent).write(path.name, data)


def check_result(path: Path) -> None:
    """Refuse, before any work is done, what ``write_result`` would refuse."""
    OutputFolder(path.parent).check([path.name])


def refuse_inside(folder: Path, data: Path) -> None:
    """Refuse a folder of results that is the data's or lies inside it: results would be read as data the next time."""
    out, inputs = Path(os.path.realpath(folder)), Path(os.path.realpath(data))
    if out == inputs or inputs in out.parents:
        where = "is the folder of the data" if out == inputs else f"lies in the folder of the data, {data}"
        raise DataError(f"{folder} {where}; results are not written there. Choose another folder with --out.")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _refuse_foreign(path: Path, name: str, written: Mapping[str, list[str]]) -> None:
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_file():
        raise DataError(f"{path} is a link or not a file; it is not changed. Choose another place with --out.")
    try:
        if digest(read_regular(path)) in written.get(name, ()) or made_from(path) is not None:
            return
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    reason = "was changed since vitinspect wrote it" if name in written else "was not written by vitinspect"
    raise DataError(f"{path} {reason} and is not replaced. Move it, or choose another place with --out.")


def _read_record(folder: Path) -> dict[str, list[str]]:
    path = folder / RECORD
    try:
        found = json.loads(read_regular(path))["files"]
        return {restored(name): [str(one) for one in digests] for name, digests in found.items()}
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        raise DataError(f"{folder} is a file; results need a folder.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{path}, the list of what vitinspect wrote into this folder, is damaged. Delete it together with those "
            "files, or choose another folder with --out."
        ) from error


def _write_record(folder: Path, written: Mapping[str, list[str]]) -> None:
    document = {"software": SOFTWARE, "files": {stored(name): digests for name, digests in sorted(written.items())}}
    write_atomic(folder / RECORD, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Make other processes that write results into this folder wait."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY) if fcntl is not None else -1
    except OSError as error:
        raise DataError(f"{folder} cannot be written to: {error.strerror or error}.") from error
    try:
        if handle >= 0:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        if handle >= 0:
            os.close(handle)
