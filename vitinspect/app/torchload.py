"""Importing torch beside a window that must answer.

Loading a shared library holds Python's lock for as long as the system needs to read and link it: seconds for torch,
during which no window could paint. The libraries are therefore opened before, by a call that gives the lock away;
``import torch`` then finds them in memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from vitinspect.progress import CancelToken

# As torch itself links them, so that each finds what it needs already open.
_LIBRARIES = ("libc10.so", "libtorch_cpu.so", "libtorch.so", "libtorch_python.so")
_RTLD_NOW = 2
_MODULES = ("torch", "timm", "vitinspect.models.sources", "vitinspect.explainers.engine")


def import_torch(progress: Callable[[int, int], None] | None = None, cancel: CancelToken | None = None) -> None:
    """``import torch`` and timm; a second call costs nothing."""
    if "vitinspect.explainers.engine" in sys.modules:
        return
    if sys.platform.startswith("linux"):
        _open_libraries(cancel)
    with _no_collecting():
        for name in _MODULES:
            if cancel is not None:
                cancel.check()
            importlib.import_module(name)


@contextlib.contextmanager
def _no_collecting() -> Iterator[None]:
    """Millions of objects are made here and none is garbage; looking through all of them, again and again, would
    hold the lock for a fifth of a second each time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # They stay for the life of the process: never to be looked at again.
        gc.freeze()
        if was_on:
            gc.enable()


def _open_libraries(cancel: CancelToken | None) -> None:
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return
    folder = Path(next(iter(spec.submodule_search_locations))) / "lib"
    with contextlib.suppress(OSError, AttributeError):
        # A function called through ctypes runs without Python's lock; ctypes.CDLL itself does not.
        dlopen = ctypes.CDLL(None).dlopen
        dlopen.argtypes, dlopen.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
        for name in _LIBRARIES:
            if cancel is not None:
                cancel.check()
            path = folder / name
            if path.exists():
                dlopen(os.fsencode(path), _RTLD_NOW)
