"""Python's garbage collector beside a window that must answer: it holds Python's lock while it examines all objects."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


def resume() -> None:
    """Collect again where that was turned off; what there is by now stays, and is never looked at."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


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
