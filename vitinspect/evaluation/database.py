"""SQLite files of vitinspect: recognised by an application id, and with errors as readable sentences."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from vitinspect.errors import DataError, StorageFull

APPLICATION_ID = 0x56495449
"""The application id in the header of each of our files: VITI."""
_LITTLE = 1 << 16
PATIENCE = 60.0
"""Seconds to wait for another process."""


def create_or_recognise(path: Path, tables: str) -> sqlite3.Connection:
    """Open a database of vitinspect, created with ``tables`` if there is none. Another program's is not touched."""
    if path.is_symlink():
        raise DataError(f"{path} is a link; runs are not stored behind links. Choose another folder.")
    with readable_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    try:
        with readable_errors(path):
            _recognise_or_create(database, path, tables)
            log_ahead(database)
            # In this mode a commit survives the end of the process; only a power failure may lose the last ones.
            database.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        database.close()
        raise
    return database


def log_ahead(database: sqlite3.Connection) -> None:
    """Change to write-ahead logging. SQLite does not wait for other processes in this statement, so it is repeated."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(0.02)


def refuse_foreign(path: Path) -> None:
    """Refuse the database of another program without creating files beside it."""
    if path.is_symlink() or not path.is_file():
        return  # a link is refused when it is opened, and a missing file will be created
    with readable_errors(path), path.open("rb") as file:
        if int.from_bytes(file.read(72)[68:], "big") == APPLICATION_ID:
            return  # perhaps another process is using it
    with readable_errors(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        _is_ours(database, path)


def _recognise_or_create(database: sqlite3.Connection, path: Path, tables: str) -> None:
    if _is_ours(database, path):
        return
    # If two processes start at the same time, the second finds the tables here.
    database.execute("BEGIN IMMEDIATE")
    try:
        if not _is_ours(database, path):
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            for statement in filter(str.strip, tables.split(";")):
                database.execute(statement)
        database.execute("COMMIT")
    finally:
        if database.in_transaction:
            database.execute("ROLLBACK")


def _is_ours(database: sqlite3.Connection, path: Path) -> bool:
    """True for ours, False for an empty file; another program's is refused."""
    number = database.execute("PRAGMA application_id").fetchone()[0]
    names = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if number == APPLICATION_ID and names:
        return True
    if {"facts", "images", "scores"} <= names:
        return True  # by a version before the id; the caller checks its format
    if names or number not in (0, APPLICATION_ID):
        raise DataError(f"{path} was not written by vitinspect and is not changed. Choose another folder with --out.")
    return False


@contextlib.contextmanager
def readable_errors(path: Path) -> Iterator[None]:
    """Turn exceptions of SQLite and the system into an error that names the file and the problem."""
    try:
        yield
    except sqlite3.Error as error:
        raise _as_data_error(path, error) from error
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror or error}.") from error


def _as_data_error(path: Path, error: sqlite3.Error) -> DataError:
    # The low byte is the kind of error; the higher ones give details.
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path)):
        return StorageFull(
            f"{path} cannot be written: no space is left. Finished results are kept; free some space and run the "
            "same command again."
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DataError(
            f"{path} is damaged, or not a file of vitinspect ({error}). Move it to start the run again, or choose "
            "another folder with --out."
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DataError(f"{path} is in use by another process ({error}).")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH):
        return DataError(f"{path} cannot be opened for writing: {error}.")
    if code == sqlite3.SQLITE_IOERR:
        return DataError(f"The disk of {path} reported an error: {error}.")
    words = str(error)
    if any(phrase in words for phrase in ("no such table", "no such column", "has no column", "columns but")):
        return DataError(
            f"{path} does not have the tables of this version of vitinspect ({error}): another version or another "
            "program has changed it. Choose another folder with --out."
        )
    return DataError(f"{path} cannot be used: {error}.")


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _LITTLE
    except OSError:
        return False
