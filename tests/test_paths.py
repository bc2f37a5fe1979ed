"""The folders of the program's own files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vitinspect.errors import DataError
from vitinspect.paths import cache_folder, ensure, folder_for, write_problem

HOME = Path("/home/ada")
KINDS = ("config", "cache", "data", "log")


def folder(kind: str, platform: str = "linux", **environment: str) -> Path:
    return folder_for(kind, platform=platform, environment=environment, home=HOME)


def test_linux_follows_the_xdg_folders() -> None:
    assert folder("config") == HOME / ".config/vitinspect"
    assert folder("cache") == HOME / ".cache/vitinspect"
    assert folder("log") == HOME / ".local/state/vitinspect"
    assert folder("data") == HOME / ".local/share/vitinspect"
    assert folder("cache", XDG_CACHE_HOME="/scratch/ada") == Path("/scratch/ada/vitinspect")


def test_a_relative_xdg_folder_is_ignored_as_the_specification_asks() -> None:
    assert folder("config", XDG_CONFIG_HOME="somewhere") == HOME / ".config/vitinspect"


def test_macos_and_windows_have_their_own_conventions() -> None:
    assert folder("config", "darwin") == HOME / "Library/Application Support/vitinspect"
    assert folder("log", "darwin") == HOME / "Library/Logs/vitinspect"
    windows = folder("cache", "win32", LOCALAPPDATA="/Users/ada/AppData/Local")
    assert windows == Path("/Users/ada/AppData/Local/vitinspect/Cache")
    assert folder("config", "win32") == HOME / "AppData/Roaming/vitinspect"


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_one_variable_moves_all_of_them(platform: str) -> None:
    for kind in KINDS:
        assert folder(kind, platform, VITINSPECT_HOME="/portable", XDG_CACHE_HOME="/x") == Path("/portable") / kind


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_the_folders_are_apart(platform: str) -> None:
    assert len({folder(kind, platform) for kind in KINDS}) == len(KINDS)


def test_asking_for_a_folder_creates_nothing(home: Path) -> None:
    assert cache_folder() == home / "cache"
    assert not home.exists()
    assert ensure(cache_folder()).is_dir()


def test_a_folder_that_cannot_be_created_is_named_with_a_solution(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"file.*VITINSPECT_HOME"):
        ensure(tmp_path / "file" / "cache")
    assert write_problem(tmp_path / "file" / "cache")
    assert write_problem(tmp_path / "new") is None


def test_the_probe_for_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    write_problem(tmp_path)
    assert os.listdir(tmp_path) == []
