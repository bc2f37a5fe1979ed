"""A rotating log file, and uncaught exceptions, which become a message and never end the window."""

from __future__ import annotations

import logging
import logging.handlers
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from vitinspect import paths
from vitinspect.app.compute.worker import Problem
from vitinspect.errors import DataError

NAME = "vitinspect.log"


def log_file() -> Path:
    return paths.log_folder() / NAME


class _QuietHandler(logging.handlers.RotatingFileHandler):
    """A line that cannot be written (a full disk, a deleted folder) is lost, without a traceback on stderr."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


def start(level: int = logging.INFO) -> logging.Handler | None:
    """From now on, write to the log file. None where it cannot be written."""
    try:
        paths.ensure(paths.log_folder())
        if log_file().exists() and not log_file().is_file():
            return None
        # Opened at once, since a folder that may not be written to shows only then.
        handler = _QuietHandler(
            log_file(), maxBytes=1 << 20, backupCount=3, encoding="utf-8", errors="backslashreplace"
        )
    except (OSError, DataError):
        return None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    root = logging.getLogger("vitinspect")
    root.addHandler(handler)
    root.setLevel(level)
    return handler


def stop(handler: logging.Handler | None) -> None:
    if handler is not None:
        logging.getLogger("vitinspect").removeHandler(handler)
        handler.close()


class Hooks:
    """Exceptions of slots and of threads are shown and logged instead of ending the program."""

    def __init__(self, show: Callable[[Problem], None]) -> None:
        self._show = show
        self._before = (sys.excepthook, threading.excepthook)

    def install(self) -> None:
        sys.excepthook = self._exception
        threading.excepthook = self._thread_exception

    def remove(self) -> None:
        sys.excepthook, threading.excepthook = self._before

    def _exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._before[0](kind, error, trace)
            return
        self._report(error)

    def _thread_exception(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            self._report(arguments.exc_value)

    def _report(self, error: BaseException) -> None:
        logging.getLogger("vitinspect.app").error("Not caught", exc_info=error)
        details = "".join(traceback.format_exception(error))
        self._show(
            Problem(
                f"Something unexpected went wrong: {error or type(error).__name__} ({type(error).__name__}).", details
            )
        )
