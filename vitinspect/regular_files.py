"""Reading regular files only: the reader of a named pipe would wait forever, and a device has no end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """The file, opened for reading in binary; an ``OSError`` where it is a folder, a pipe, a socket or a device."""
    # Opening does not wait for a writer; the opened file itself is then checked, so that nothing can change in between.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is not a file but a folder, a pipe, a socket or a device", os.fspath(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """All bytes of a file, as ``open_regular`` opens it."""
    with open_regular(path) as file:
        return file.read()


def read_text(path: str | os.PathLike[str], encoding: str = "utf-8", errors: str = "strict") -> str:
    """The text of a file, with its line ends as they are."""
    return read_regular(Path(path)).decode(encoding, errors)
