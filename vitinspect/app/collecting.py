"""Python's garbage collector beside a window that must answer: it holds Python's lock while it examines all objects."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """For work that makes very many objects which all stay: none is examined, neither meanwhile nor later."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
