"""The menu entry, the icon and the type of session files of a Linux desktop, for one user. Standard library only.

What is written is listed in ``FILES`` and nothing else is touched; ``remove`` deletes only what ``install`` wrote.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from vitinspect.errors import DataError
from vitinspect.resources import resources_folder

ENTRY, ICON = "applications/vitinspect.desktop", "icons/hicolor/scalable/apps/vitinspect.svg"
TYPE, TYPE_ICON = "mime/packages/vitinspect.xml", "icons/hicolor/scalable/mimetypes/application-x-vitinspect.svg"
FILES = (ENTRY, ICON, TYPE, TYPE_ICON)
"""Below the folder for data of programs, see ``data_home``."""
MARK = "X-Vitinspect=1"
"""A line in the entry that marks it as written by vitinspect."""
SESSION = "application/x-vitinspect"
_TYPES = (SESSION, "inode/directory", "image/png", "image/jpeg", "image/tiff", "image/webp", "image/bmp", "image/gif")


def data_home(variables: Mapping[str, str] = os.environ) -> Path:
    """Where the desktop looks for what one user installed."""
    given = variables.get("XDG_DATA_HOME", "")
    # The specification says that a relative path is to be ignored.
    return (
        Path(given) if given and os.path.isabs(given) else Path(variables.get("HOME") or Path.home()) / ".local/share"
    )


def program() -> list[str]:
    """How this vitinspect is started: its own script where there is one beside the Python, else the module."""
    script = Path(sys.executable).with_name("vitinspect")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "vitinspect"]


def quoted(word: str) -> str:
    """A word of a command as the entry's ``Exec`` needs it: quoted as the specification asks, and ``%`` doubled."""
    plain = word.replace("%", "%%")
    if plain and not set(plain) & set(" \t\n\"'\\><~|&;$*?#()`"):
        return plain
    for sign in ("\\", '"', "`", "$"):
        plain = plain.replace(sign, "\\" + sign)
    return f'"{plain}"'.replace("\\", "\\\\")


def entry(command: list[str]) -> str:
    return "\n".join(
        (
            "[Desktop Entry]",
            "Type=Application",
            "Version=1.0",
            "Name=vitinspect",
            "GenericName=Inspector of Vision Transformers",
            "Comment=See where a Vision Transformer looks, and whether that can be trusted",
            f"Exec={' '.join(map(quoted, command))} %f",
            "Icon=vitinspect",
            "Terminal=false",
            "Categories=Science;ImageProcessing;",
            "Keywords=attention;saliency;heat map;explainability;",
            f"MimeType={';'.join(_TYPES)};",
            "StartupWMClass=vitinspect",
            MARK,
            "",
        )
    )


def session_type() -> str:
    """Files that end with ``.vitinspect`` are sessions of the window."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="{SESSION}">
    <comment>vitinspect session</comment>
    <sub-class-of type="application/json"/>
    <glob pattern="*.vitinspect"/>
  </mime-type>
</mime-info>
"""


def install(command: list[str] | None = None, home: Path | None = None) -> list[Path]:
    """Write the entry and the icon, and return their paths."""
    home = home or data_home()
    target = home / ENTRY
    if target.exists() and not is_ours(target):
        raise DataError(f"{target} exists already and was not written by vitinspect; it is not changed.")
    contents = {
        ENTRY: entry(command or program()).encode("utf-8", "surrogateescape"),
        ICON: (resources_folder() / "icons" / "vitinspect.svg").read_bytes(),
        TYPE: session_type().encode(),
        TYPE_ICON: (resources_folder() / "icons" / "vitinspect.svg").read_bytes(),
    }
    written = []
    for name, data in contents.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        written.append(path)
    refresh(home)
    return written


def remove(home: Path | None = None) -> list[Path]:
    """Delete what ``install`` wrote, and return the deleted paths."""
    home = home or data_home()
    target = home / ENTRY
    if not target.exists():
        return []
    if not is_ours(target):
        raise DataError(f"{target} was not written by vitinspect; it is not deleted.")
    gone = []
    for name in FILES:
        path = home / name
        if path.is_file():
            path.unlink()
            gone.append(path)
    refresh(home)
    return gone


def is_ours(path: Path) -> bool:
    try:
        return MARK in path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return False


def refresh(home: Path) -> None:
    """Have the desktop read its entries again, if it has the programs for that; else it does so at the next login."""
    for command in (
        ["update-desktop-database", "-q", str(home / "applications")],
        ["update-mime-database", str(home / "mime")],
        ["gtk-update-icon-cache", "-q", "-t", "-f", str(home / "icons" / "hicolor")],
    ):
        if shutil.which(command[0]):
            subprocess.run(command, capture_output=True, check=False)
