"""Python's garbage collector beside a window that must answer: it holds the lock while it looks through all objects."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """For work that makes very many objects which all stay: none is looked at, neither meanwhile nor ever after."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
