"""The file of settings: what cannot be used is reported, and the rest is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vitinspect.app.settings import SETTINGS, Settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


def of(path: Path, **values: Any) -> Settings:
    path.write_text(json.dumps(values))
    return Settings(path)


def test_a_setting_is_restored_and_one_at_its_default_is_not_kept(path: Path, qapp: Any) -> None:
    settings = Settings(path)
    settings.set("map_memory", 256)
    settings.set("theme", "dark")
    settings.set("theme", "system")
    again = Settings(path)
    assert (again["map_memory"], again["theme"], again.problems) == (256, "system", [])
    assert json.loads(path.read_text()) == {"map_memory": 256}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("theme", "purple"),
        ("theme", 3),
        ("map_memory", -1),
        ("map_memory", 10**9),
        ("map_memory", "much"),
        ("map_memory", True),
        ("map_disk", None),
        ("model", ""),
        ("model", ["demo"]),
        ("colormap", {"a": 1}),
    ],
)
def test_a_value_that_does_not_fit_is_set_to_the_default_and_reported(
    path: Path, qapp: Any, name: str, value: Any
) -> None:
    settings = of(path, **{name: value, "thumbnail_disk": 99})
    setting = next(one for one in SETTINGS if one.name == name)
    assert settings[name] == setting.default
    assert settings["thumbnail_disk"] == 99
    (said,) = settings.problems
    assert setting.title in said


def test_a_setting_of_another_version_is_left_out_silently(path: Path, qapp: Any) -> None:
    settings = of(path, panels="left", map_memory=200)
    assert settings["map_memory"] == 200
    assert settings.problems == []


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", '{"theme": '])
def test_a_damaged_file_leaves_the_defaults_with_a_sentence(path: Path, qapp: Any, text: str) -> None:
    path.write_text(text)
    settings = Settings(path)
    assert all(settings[one.name] == one.default for one in SETTINGS)
    assert len(settings.problems) == 1
    settings.set("map_memory", 300)
    assert Settings(path)["map_memory"] == 300


def test_a_missing_file_is_not_a_problem(path: Path, qapp: Any) -> None:
    assert Settings(path).problems == []
