"""Preferences: declared once; the dialog is made from these, and one JSON file keeps what differs from the defaults."""

from __future__ import annotations

import json
import logging
import os
import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from vitinspect import paths
from vitinspect.errors import DataError
from vitinspect.figures.names import colormap_names
from vitinspect.json_files import read_json

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Setting:
    """One setting: its type follows its default."""

    name: str
    title: str
    default: Any
    help: str
    group: str
    choices: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    unit: str = ""


SETTINGS = (
    Setting("theme", "Theme", "system", "Light or dark.", "Colours", ("system", "light", "dark")),
    Setting(
        "colormap",
        "Default colour map",
        "auto",
        "Automatic: inferno, and a diverging colour map for signed maps.",
        "Colours",
        ("auto", *colormap_names()),
    ),
    Setting("model", "Default model", "demo", "Any source that the model picker takes.", "Model"),
    Setting(
        "picture_memory",
        "Pictures in memory",
        512,
        "In memory, with those decoded ahead.",
        "Limits",
        low=64,
        high=16384,
        unit="MB",
    ),
    Setting(
        "map_memory",
        "Maps in memory",
        128,
        "The least recently used are dropped first.",
        "Limits",
        low=8,
        high=8192,
        unit="MB",
    ),
    Setting(
        "map_disk",
        "Maps on disk",
        512,
        "Maps kept for the next time a folder is opened.",
        "Limits",
        low=0,
        high=65536,
        unit="MB",
    ),
    Setting(
        "thumbnail_disk",
        "Thumbnails on disk",
        256,
        "Those not shown for longest are deleted first.",
        "Limits",
        low=8,
        high=16384,
        unit="MB",
    ),
    Setting(
        "max_pixels",
        "Largest picture",
        150,
        "Larger pictures are refused: a small file can claim to be huge.",
        "Limits",
        low=1,
        high=2000,
        unit="million pixels",
    ),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}


class Settings(QObject):
    """The values; ``changed`` says which one is new."""

    changed = Signal(str)

    def __init__(self, path: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path = path or paths.config_folder() / "settings.json"
        self._own: dict[str, Any] = {}
        self.problems: list[str] = []
        """Sentences about parts of the file that could not be used; the window shows them once."""
        try:
            found = read_json(self.path)
        except DataError as error:
            _log.warning("The settings cannot be used: %s", error)
            self.problems.append(f"The settings file cannot be used, so all settings have their defaults: {error}")
            found = {}
        for name, value in found.items():
            if name not in _BY_NAME:  # from a newer version, or one that no longer exists
                _log.info("There is no setting %r; %s keeps one.", name, self.path)
            elif fits(_BY_NAME[name], value):
                self._own[name] = value
            else:
                title, default = _BY_NAME[name].title, _BY_NAME[name].default
                self.problems.append(f"The setting {title} cannot be {reprlib.repr(value)}: it is set to {default}.")

    def __getitem__(self, name: str) -> Any:
        return self._own.get(name, _BY_NAME[name].default)

    def set(self, name: str, value: Any) -> None:
        """Set and save."""
        setting = _BY_NAME[name]
        if not fits(setting, value):
            raise ValueError(f"{value!r} does not fit the setting {name}")
        if value == self[name]:
            return
        if value == setting.default:
            self._own.pop(name, None)
        else:
            self._own[name] = value
        self.save()
        self.changed.emit(name)

    def save(self) -> None:
        from vitinspect.files import write_atomic

        write_atomic(self.path, (json.dumps(self._own, indent=1) + os.linesep).encode())


def fits(setting: Setting, value: Any) -> bool:
    """Whether a value from a file can be this setting."""
    if setting.choices:
        return value in setting.choices
    if isinstance(setting.default, int):
        return isinstance(value, int) and not isinstance(value, bool) and setting.low <= value <= setting.high
    return isinstance(value, type(setting.default)) and bool(value) and "\0" not in value
