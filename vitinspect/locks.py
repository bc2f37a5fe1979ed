"""Locks between processes, held by the system: when a process ends, however it ends, its locks are gone.

A file that merely says who is at work would outlive a kill -9, and its process number may be another program's by then.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from vitinspect.errors import DataError
from vitinspect.names import readable

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]
    import msvcrt

_log = logging.getLogger(__name__)
_TAKEN = frozenset({errno.EAGAIN, errno.EACCES, errno.EDEADLK})


@contextlib.contextmanager
def held(path: Path, busy: str, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock that is this file, or raise a ``DataError`` that begins with ``busy``.

    Several processes can hold it ``shared``; nobody else holds it beside one that does not share. The file stays.
    Where the file system has no locks, the work goes on without one.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise DataError(f"{path} is no file; it is left alone. Choose another folder.")
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror or error}.") from error
    try:
        try:
            _lock(handle, shared)
        except OSError as error:
            if error.errno in _TAKEN:
                raise DataError(f"{busy}{_holder(handle)}.") from error
            _log.warning("%s: this file system has no locks (%s)", path, error)
        if not shared:
            with contextlib.suppress(OSError):  # who it is only helps people
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, shared: bool) -> None:
    if fcntl is not None:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    elif not shared:  # Windows knows no shared locks; those who share do not keep each other out
        os.lseek(handle, 1 << 20, os.SEEK_SET)  # behind the words, which others may read
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)


def _holder(handle: int) -> str:
    try:
        said = readable(os.read(handle, 200).decode("utf-8", "replace")).strip()
    except OSError:
        said = ""
    return f" ({said})" if said else ""
