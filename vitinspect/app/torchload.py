"""Importing torch beside a window that must answer.

Loading a shared library holds Python's lock for as long as the system needs to read and link it: seconds for torch,
during which no window could paint. The libraries are therefore opened before, by a call that releases the lock;
``import torch`` then finds them in memory.

The system opens one library at a time, and a thread that needs its list of libraries meanwhile waits while it holds
Python's lock. Two things need it. An import in another thread may want a library of its own: what the other threads
need at the start is therefore imported before. And numpy asks, at an operation on a large intermediate result, whose
code called it, to see whether it may write into that result; it remembers the answers per thread, so each thread asks
once before (``know_callers``). The largest libraries are opened one after the other.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

from vitinspect.app import collecting
from vitinspect.progress import CancelToken

# As torch itself links them, so that each finds what it needs already open.
_LIBRARIES = (
    ("torch", "lib/libc10.so"),
    ("torch", "lib/libtorch_cpu.so"),
    ("nvidia", "*/lib/libnvJitLink.so.*"),
    ("nvidia", "*/lib/libcublasLt.so.*"),
    ("torch", "lib/libtorch_cuda.so"),
    ("torch", "lib/libtorch.so"),
    ("torch", "lib/libtorch_python.so"),
    ("triton", "_C/libtriton.so"),
)
_RTLD_NOW = 2
_BEFORE = ("numpy", "PIL.Image", "PIL.ImageDraw", "PIL.ImageFont", "PIL.ImageCms", "vitinspect.images")
"""What pictures and thumbnails are made with."""
_MODULES = ("torch", "timm", "vitinspect.models.sources", "vitinspect.explainers.engine")


Everywhere = Callable[[Callable[[], None]], None]
"""Calls a function in each thread that computes with numpy."""


def import_torch(
    progress: Callable[[int, int], None] | None = None,
    cancel: CancelToken | None = None,
    everywhere: Everywhere | None = None,
) -> None:
    """``import torch`` and timm; a second call returns at once."""
    if "vitinspect.explainers.engine" in sys.modules:
        return
    if sys.platform.startswith("linux"):
        for name in _BEFORE:
            importlib.import_module(name)
        sys.modules["PIL.Image"].init()  # the plug-ins of all formats
        if everywhere is not None:
            everywhere(know_callers)
        _open_libraries(cancel)
    # Millions of objects are made here; looking through them would hold the lock for a fifth of a second each time.
    with collecting.paused():
        for name in _MODULES:
            if cancel is not None:
                cancel.check()
            importlib.import_module(name)


def know_callers() -> None:
    """Let numpy find out, in this thread, who calls its operations, while nothing keeps it waiting."""
    import numpy as np

    large = np.ones(1 << 16)  # half a megabyte; below a quarter, numpy does not ask
    whole = np.ones(1 << 16, np.int64)
    # An intermediate result on the left, and on the right, of each operation.
    (large + large) + large, (large + large) - large, (large + large) * large, (large + large) / large
    large + (large + large), large * (large + large), large - (large + large), large / (large + large)
    (large + large) // large, (large + large) % large, (large + large) ** 2, -(large + large), abs(large + large)
    (
        (whole + whole) & whole,
        (whole + whole) | whole,
        (whole + whole) ^ whole,
        (whole + whole) << 1,
        (whole + whole) >> 1,
    )


def _open_libraries(cancel: CancelToken | None) -> None:
    paths: list[Path] = []
    for package, pattern in _LIBRARIES:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            folder = Path(next(iter(spec.submodule_search_locations)))
            paths += sorted(folder.glob(pattern))
    with contextlib.suppress(OSError, AttributeError):
        # A function called through ctypes runs without Python's lock; ctypes.CDLL itself does not.
        dlopen = ctypes.CDLL(None).dlopen
        dlopen.argtypes, dlopen.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
        for path in paths:
            if cancel is not None:
                cancel.check()
            dlopen(os.fsencode(path), _RTLD_NOW)
