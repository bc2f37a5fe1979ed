"""The menu entry of a Linux desktop: written for one user, and deleted again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vitinspect import desktop_entry
from vitinspect.cli import main
from vitinspect.errors import DataError

SPACE = "{http://www.freedesktop.org/standards/shared-mime-info}"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return tmp_path / ".local" / "share"


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the menu entry is for Linux")
def test_installed_and_removed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = home / "applications" / "other.desktop"
    own.parent.mkdir(parents=True)
    own.write_text("[Desktop Entry]\n")
    assert main(["desktop", "install"]) == 0
    assert set(desktop_entry.FILES) <= set(files(home))
    text = (home / desktop_entry.ENTRY).read_text("utf-8")
    lines = dict(line.split("=", 1) for line in text.splitlines()[1:])
    assert lines["Exec"].endswith(" %f")
    assert lines["StartupWMClass"] == "vitinspect"
    assert {"image/png", desktop_entry.SESSION} <= set(lines["MimeType"].split(";"))
    (pattern,) = ElementTree.fromstring((home / desktop_entry.TYPE).read_bytes()).iter(f"{SPACE}glob")
    assert pattern.get("pattern") == "*.vitinspect"
    assert (home / desktop_entry.ICON).read_bytes().lstrip().startswith(b"<svg")
    assert main(["desktop", "install"]) == 0  # again, as after an update
    assert main(["desktop", "remove"]) == 0
    assert not [name for name in files(home) if "vitinspect" in name]
    assert own.exists()
    capsys.readouterr()
    assert main(["desktop", "remove"]) == 0
    assert "no menu entry" in capsys.readouterr().out


def test_the_program_of_the_entry_starts(home: Path) -> None:
    done = subprocess.run([*desktop_entry.program(), "--version"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("vitinspect ")


def test_xdg_data_home_is_followed_if_it_is_absolute(tmp_path: Path) -> None:
    assert desktop_entry.data_home({"HOME": "/h", "XDG_DATA_HOME": str(tmp_path)}) == tmp_path
    assert desktop_entry.data_home({"HOME": "/h", "XDG_DATA_HOME": "here"}) == Path("/h/.local/share")


def test_an_entry_that_another_program_wrote_is_neither_replaced_nor_deleted(tmp_path: Path) -> None:
    path = tmp_path / desktop_entry.ENTRY
    path.parent.mkdir(parents=True)
    path.write_text("[Desktop Entry]\nName=mine\n")
    for action in (lambda: desktop_entry.install(["v"], tmp_path), lambda: desktop_entry.remove(tmp_path)):
        with pytest.raises(DataError, match="was not written by vitinspect; it is not"):
            action()
    assert path.read_text() == "[Desktop Entry]\nName=mine\n"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("/usr/bin/vitinspect", "/usr/bin/vitinspect"),
        ("/home/a b/vitinspect", '"/home/a b/vitinspect"'),
        ("/opt/100%/v", "/opt/100%%/v"),
        ("/opt/$x/v", '"/opt/\\\\$x/v"'),
    ],
)
def test_paths_are_quoted_as_the_specification_says(word: str, expected: str) -> None:
    assert desktop_entry.quoted(word) == expected


@pytest.mark.skipif(shutil.which("desktop-file-validate") is None, reason="desktop-file-validate is not installed")
def test_the_desktops_own_validator_accepts_it(tmp_path: Path) -> None:
    path, *_ = desktop_entry.install(["/home/a b/vitinspect"], tmp_path)
    done = subprocess.run(["desktop-file-validate", str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
