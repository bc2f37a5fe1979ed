"""Locks between processes, held by the system: when a process ends, however it ends, its locks are gone.

A file that merely names the process at work would outlive a kill -9, and its process number may by then belong to
another program.
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
    """Hold the lock on this file, or raise a ``DataError`` that begins with ``busy``.

    Several processes can hold it ``shared``; a lock that is not shared excludes all others. The file is not deleted.
    Where the file system has no locks, the work goes on without one.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise DataError(f"{path} is not a file; it is not changed. Choose another folder.")
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
            with contextlib.suppress(OSError):  # the holder's name only helps people
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, shared: bool) -> None:
    if fcntl is not None:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    elif not shared:  # Windows has no shared locks; processes that share do not exclude each other
        os.lseek(handle, 1 << 20, os.SEEK_SET)  # behind the text, which other processes may read
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)


def _holder(handle: int) -> str:
    try:
        said = readable(os.read(handle, 200).decode("utf-8", "replace")).strip()
    except OSError:
        said = ""
    return f" ({said})" if said else ""
