"""What the machine provides: a display, Qt's run-time libraries, fonts. Standard library only.

Everything is found out by trying. Shared libraries are loaded by the names that Qt's own files are linked
to, so that all missing ones can be named at once; an import names only the first.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

# Shared library -> the Debian and Ubuntu package that has it.
QT_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11.so.6": "libx11-6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libz.so.1": "zlib1g",
    "libzstd.so.1": "libzstd1",
}
"""The libraries that Qt's widgets need, with or without a display."""

X11_LIBRARIES = {
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb.so.1": "libxcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
"""The libraries that a window on an X server needs in addition."""

WAYLAND_LIBRARIES = {
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
}

FONT_PACKAGE = "fonts-dejavu-core"
TEST_FONT = "DejaVuSans.ttf"
"""In that package; the kept pictures of the tests are painted with it."""
_FONT_SUFFIXES = {".ttf", ".otf", ".ttc", ".pfb"}


def missing_libraries(libraries: Mapping[str, str]) -> dict[str, str]:
    """Those of ``libraries`` that this process cannot load, with their packages."""
    if not sys.platform.startswith("linux"):
        return {}
    missing = {}
    for name, package in libraries.items():
        try:
            ctypes.CDLL(name)
        except OSError:
            missing[name] = package
    return missing


def packages_sentence(missing: Mapping[str, str]) -> str:
    """What to install for ``missing``, as one sentence."""
    packages = " ".join(sorted(set(missing.values())))
    return f"Qt needs {' and '.join(sorted(missing))}: install with `sudo apt-get install {packages}`" + (
        " (on other systems than Debian and Ubuntu the packages have similar names)."
    )


def explain_qt_failure(failure: str) -> str:
    """One sentence for an import of PySide6 that failed with ``failure``: a missing library, or PySide6 itself."""
    missing = missing_libraries(QT_LIBRARIES)
    if missing:
        return packages_sentence(missing)
    if "No module named 'PySide6" in failure:
        return "PySide6 is not installed: install it with `pip install PySide6-Essentials`."
    return f"Qt cannot be loaded: {failure}."


def has_fonts(folders: Iterable[Path] | None = None) -> bool:
    """Whether there is any font at all; without one, Qt and its offscreen pictures show empty boxes."""
    if not sys.platform.startswith("linux"):
        return True
    return any(path.suffix.lower() in _FONT_SUFFIXES for path in _font_files(folders))


def font_file(name: str, folders: Iterable[Path] | None = None) -> Path | None:
    """Where the font file of that name is installed."""
    return next((path for path in _font_files(folders) if path.name == name), None)


def _font_files(folders: Iterable[Path] | None) -> Iterator[Path]:
    if folders is None:
        home = Path.home()
        folders = (
            Path("/usr/share/fonts"),
            Path("/usr/local/share/fonts"),
            home / ".fonts",
            home / ".local" / "share" / "fonts",
        )
    for folder in folders:
        for where, _, names in os.walk(folder):
            yield from (Path(where) / name for name in names)


def display_problem(environment: Mapping[str, str] | None = None) -> str | None:
    """Why no window can open here, in one sentence; None where one can.

    Qt itself would abort the whole process where there is no display, so this is asked before Qt starts.
    """
    environment = os.environ if environment is None else environment
    if not sys.platform.startswith("linux"):
        return None
    platform = environment.get("QT_QPA_PLATFORM", "").split(":")[0].split(";")[0]
    if platform and platform not in ("xcb", "wayland"):
        return None
    wayland, x11 = environment.get("WAYLAND_DISPLAY"), environment.get("DISPLAY")
    if not wayland and not x11:
        return "There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set)."
    if wayland and platform != "xcb" and _wayland_answers(wayland, environment):
        missing = missing_libraries({**QT_LIBRARIES, **WAYLAND_LIBRARIES})
        return packages_sentence(missing) if missing else None
    if not x11:
        return f"The display {wayland!r} that WAYLAND_DISPLAY names does not answer."
    missing = missing_libraries({**QT_LIBRARIES, **X11_LIBRARIES})
    if missing:
        return packages_sentence(missing)
    if not _x_server_answers(x11):
        return f"The display {x11!r} that DISPLAY names does not answer."
    return None


def _wayland_answers(name: str, environment: Mapping[str, str]) -> bool:
    import socket

    path = Path(environment.get("XDG_RUNTIME_DIR", "")) / name  # an absolute name stays as it is
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2.0)
            connection.connect(str(path))
    except OSError:
        return False
    return True


def _x_server_answers(name: str) -> bool:
    """Connect as Qt would, with the user's own authority file, and disconnect."""
    xcb = ctypes.CDLL("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_int)]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(os.fsencode(name), None)
    try:
        return not xcb.xcb_connection_has_error(connection)
    finally:
        xcb.xcb_disconnect(connection)
