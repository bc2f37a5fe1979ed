"""Where vitinspect keeps its own files: settings, caches, logs.

The folders follow each system's convention (XDG on Linux, Library on macOS, AppData on Windows). The environment
variable ``VITINSPECT_HOME`` puts all of them under one folder instead, for tests and portable installations.
No folder is created before something is written, by ``ensure``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from vitinspect.errors import DataError

HOME_VARIABLE = "VITINSPECT_HOME"
_NAME = "vitinspect"


def config_folder() -> Path:
    """Settings and the state of the window."""
    return _folder("config")


def data_folder() -> Path:
    """What the user made and vitinspect keeps: flags and notes on pictures."""
    return _folder("data")


def cache_folder() -> Path:
    """Thumbnails and maps: everything here can be computed again, and may be deleted at any time."""
    return _folder("cache")


def log_folder() -> Path:
    """Rotating log files."""
    return _folder("log")


def ensure(folder: Path) -> Path:
    """Create ``folder`` if it is missing and return it; a ``DataError`` says why it cannot be created."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"The folder {folder} cannot be created ({error.strerror or error}). Set {HOME_VARIABLE} to a "
            "folder that you may write to."
        ) from error
    return folder


def write_problem(folder: Path) -> str | None:
    """Why nothing can be written to ``folder``, found by trying; None if files can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)


def _folder(kind: str) -> Path:
    return folder_for(kind, platform=sys.platform, environment=os.environ, home=Path.home())


def folder_for(kind: str, *, platform: str, environment: Mapping[str, str], home: Path) -> Path:
    """The rule itself, as a function of everything that it depends on."""
    override = environment.get(HOME_VARIABLE)
    if override:
        return Path(override).expanduser().absolute() / kind
    if platform == "darwin":
        library = home / "Library"
        return {
            "config": library / "Application Support" / _NAME,
            "data": library / "Application Support" / _NAME / "Data",
            "cache": library / "Caches" / _NAME,
            "log": library / "Logs" / _NAME,
        }[kind]
    if platform == "win32":
        local = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
        roaming = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
        return {
            "config": roaming / _NAME,
            "data": roaming / _NAME / "Data",
            "cache": local / _NAME / "Cache",
            "log": local / _NAME / "Logs",
        }[kind]
    variable, default = {
        "config": ("XDG_CONFIG_HOME", home / ".config"),
        "data": ("XDG_DATA_HOME", home / ".local" / "share"),
        "cache": ("XDG_CACHE_HOME", home / ".cache"),
        "log": ("XDG_STATE_HOME", home / ".local" / "state"),
    }[kind]
    given = environment.get(variable, "")
    # The XDG specification: a relative path is to be ignored.
    base = Path(given) if given and Path(given).is_absolute() else default
    return base / _NAME
