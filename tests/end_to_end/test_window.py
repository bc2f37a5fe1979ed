"""The real program on a real display: started, used by mouse and keys, closed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

NEEDS = ("Xvfb", "xdotool")
missing = [name for name in NEEDS if shutil.which(name) is None]
pytestmark = [
    pytest.mark.skipif(bool(missing), reason=f"a display that is no screen needs {' and '.join(missing)}"),
    pytest.mark.timeout(280),
]


@pytest.fixture
def display(tmp_path):
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    # The number and its end of line are written one after the other: a pipe closed between them ends the server.
    with os.fdopen(read) as pipe:
        number = pipe.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(10)


class Person:
    """A user with mouse and keys."""

    def __init__(self, display: str) -> None:
        self.environment = {**os.environ, "DISPLAY": display}

    def do(self, *words: object) -> str:
        done = subprocess.run(
            ["xdotool", *map(str, words)], env=self.environment, capture_output=True, text=True, timeout=30
        )
        return done.stdout.strip()

    def window(self, title: str, timeout: float = 120) -> str:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = self.do("search", "--onlyvisible", "--name", title).split()
            if found:
                return found[0]
            time.sleep(0.2)
        names = [self.do("getwindowname", w) for w in self.do("search", "--name", "").split()]
        raise AssertionError(f"no window titled {title} came; there are {names}")

    def key(self, *keys: str) -> None:
        for key in keys:
            self.do("key", "--delay", "60", key)
            time.sleep(0.15)

    def click(self, x: int, y: int) -> None:
        self.do("mousemove", x, y, "click", 1)
        time.sleep(0.15)


def wait_for(condition, timeout, what):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.2)
    raise AssertionError(f"{what} did not happen within {timeout} s")


def test_a_user_opens_the_gallery_explains_and_closes(display, tmp_path, checkout):
    home = tmp_path / "home"
    here = tmp_path / "work"
    here.mkdir()
    environment = {
        **os.environ,
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "VITINSPECT_HOME": str(home),
        "PYTHONPATH": str(checkout),
    }
    program = subprocess.Popen(
        [sys.executable, "-m", "vitinspect", "--fresh"],
        cwd=here,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    person = Person(display)
    maps = home / "cache" / "maps"

    def kept() -> int:
        return len(list(maps.rglob("*.map")))

    try:
        window = person.window("vitinspect")
        person.do("windowmove", window, 0, 0)
        person.do("windowfocus", window)
        # A prediction and the first map: both are kept on disk as soon as they are there.
        wait_for(lambda: kept() >= 2, 120, "the first map")
        person.click(600, 400)
        before = kept()
        person.key("space")
        wait_for(lambda: kept() >= before + 2, 60, "the map of the next picture")
        before = kept()
        person.key("a")
        time.sleep(0.5)
        person.do("type", "--delay", "40", "legrad")
        person.key("Return")
        wait_for(lambda: kept() > before, 60, "the map of the added layer")
        person.key("2", "t", "u", "bracketright", "bracketleft", "o", "m", "i", "o", "3", "1", "ctrl+p", "ctrl+l")
        person.do("mousemove", 600, 300, "mousedown", 1, "mousemove_relative", "--sync", 60, 30, "mouseup", 1)
        person.do("mousemove", 600, 300, "click", 4, "click", 4, "click", 5)
        person.key("ctrl+shift+p")
        time.sleep(0.5)
        person.do("type", "--delay", "40", "grid of maps")
        person.key("Return")
        assert program.poll() is None, program.stderr.read()
        person.key("ctrl+q")
        code = program.wait(30)
    finally:
        if program.poll() is None:
            program.kill()
        output, errors = program.communicate(timeout=10)
        print(errors)  # shown where the test fails
    assert code == 0, errors
    assert "Traceback" not in errors
    assert output == ""
    assert list(here.iterdir()) == [], "something was written that nobody asked for"
    saved = json.loads((home / "config" / "window.json").read_text())["state"]
    assert saved["outline"] is True
    assert [layer["kind"] for layer in saved["layers"]] == ["map", "map", "fused"]
    assert saved["layout"] == "grid"
    assert Path(saved["image"]).name.startswith("02")
    log = (home / "log" / "vitinspect.log").read_text() if (home / "log" / "vitinspect.log").exists() else ""
    assert "Traceback" not in log


def test_closing_while_torch_is_being_imported_is_quick_and_clean(display, tmp_path, checkout):
    environment = {
        **os.environ,
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "VITINSPECT_HOME": str(tmp_path),
        "PYTHONPATH": str(checkout),
    }
    program = subprocess.Popen(
        [sys.executable, "-m", "vitinspect", "--fresh"], env=environment, stderr=subprocess.PIPE, text=True
    )
    person = Person(display)
    try:
        window = person.window("vitinspect")
        person.do("windowfocus", window)
        person.key("ctrl+q")
        assert program.wait(30) == 0
    finally:
        if program.poll() is None:
            program.kill()
        _, errors = program.communicate(timeout=10)
    assert "Traceback" not in errors
    assert "QThread" not in errors
