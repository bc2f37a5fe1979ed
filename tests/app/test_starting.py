"""The window opens whatever is in its files, and says what it could not use."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from tests.faults.hostile import NAMES, hostile_folder
from vitinspect.app import theme
from vitinspect.app.backend import Backend
from vitinspect.app.main import make_backend
from vitinspect.app.shell.window import MainWindow

Start = Callable[..., tuple[MainWindow, list[str]]]


@pytest.fixture
def start(qapp: QApplication, home: Path, loader: Any) -> Iterator[Start]:
    """Opens the window as a start of the program does; ``start.end()`` closes it as a person does."""
    theme.apply(qapp, "light")
    opened: list[MainWindow] = []

    def begin(folder: Path | None = None) -> tuple[MainWindow, list[str]]:
        backend, problems = make_backend(None if folder is None else str(folder), None, False, loader=loader)
        window = MainWindow(backend)
        opened.append(window)
        window.show()
        qapp.processEvents()
        return window, problems

    def end() -> None:
        while opened:
            window = opened.pop()
            window.close()
            assert window.backend.close(10)
            window.backend.deleteLater()
            window.deleteLater()

    begin.end = end  # type: ignore[attr-defined]
    yield begin
    end()


def session(home: Path, content: bytes) -> None:
    (home / "config").mkdir(parents=True, exist_ok=True)
    (home / "config" / "window.json").write_bytes(content)


LEVEL = json.dumps({"state": {"threshold_value": 1e12, "threshold_mode": "fixed", "outline": True}}).encode()


@pytest.mark.parametrize(
    "content",
    [
        LEVEL,
        LEVEL.replace(b"1000000000000.0", b"Infinity"),
        b'{"state": ' + b"[" * 100_000,
        b"[]",
        b"\xff\xfe\x00",
        b'{"state": 3, "layout": 3}',
        b'{"state": {"image": "\\u0000", "folder": "\\udce9"}, "layout": {"geometry": 3, "frame": []}}',
        b'{"state": {"network_arcs": 1e400}, "layout": {"version": 1e400, "frame": {"widths": [1e400, -1, {}]}}}',
    ],
)
def test_a_bad_session_file_never_stops_a_start_and_is_reported(
    start: Start, home: Path, pictures: Path, content: bytes
) -> None:
    session(home, content)
    window, problems = start(pictures)
    assert problems
    assert window.isVisible()


def test_a_session_file_with_any_byte_altered_never_stops_a_start(start: Start, home: Path, pictures: Path) -> None:
    start(pictures)
    start.end()  # type: ignore[attr-defined]
    whole = (home / "config" / "window.json").read_bytes()
    rng = random.Random(0)
    for _ in range(4):
        altered = bytearray(whole)
        for _ in range(12):
            altered[rng.randrange(len(altered))] = rng.randrange(256)
        session(home, bytes(altered))
        window, _ = start(pictures)
        assert window.isVisible()
        start.end()  # type: ignore[attr-defined]


def test_settings_that_cannot_be_read_have_their_defaults(start: Start, home: Path, pictures: Path) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.json").write_bytes(b'{"map_memory": 1e400, "theme": [[]], "model": "a\\u0000"}')
    window, _ = start(pictures)
    assert window.backend.settings["map_memory"] == 128
    assert window.backend.settings["model"] == "demo"


def is_explained(backend: Backend, path: str) -> bool:
    picture = backend.results.picture
    return picture is not None and picture.path == path and bool(backend.results.maps) and not backend.results.pending


@pytest.mark.skipif(os.name == "nt", reason="names there are no free rows of bytes")
def test_pictures_of_hostile_names_are_listed_shown_explained_and_remembered(
    start: Start, tmp_path: Path, qtbot: Any
) -> None:
    folder = tmp_path / os.fsdecode(b"<b>folder \xe9<_b>")
    paths = hostile_folder(folder)
    window, problems = start(folder)
    assert problems == []
    backend = window.backend
    backend.coordinator.start()
    qtbot.waitUntil(lambda: backend.listing.rowCount() == len(NAMES), timeout=20_000)
    for path in paths:
        backend.state.set(image=str(path))
        qtbot.waitUntil(partial(is_explained, backend, str(path)), timeout=20_000)
    start.end()  # type: ignore[attr-defined]
    window, problems = start()
    assert problems == []
    assert window.backend.state.image == str(paths[-1])


def test_a_figure_on_the_command_line_is_opened_and_not_shown_as_a_picture(start: Start, pictures: Path) -> None:
    figure = pictures / "figure.pdf"
    figure.write_bytes(b"%PDF-1.4")
    window, _ = start(figure)
    assert window.backend.file_to_open == str(figure)
    assert window.backend.state.folder != str(pictures)
    window.backend.file_to_open = ""
    start.end()  # type: ignore[attr-defined]
    window, _ = start(pictures / "picture 1.png")
    assert window.backend.file_to_open == ""
    assert window.backend.state.image == str(pictures / "picture 1.png")


@pytest.mark.parametrize(("size", "whole"), [((1280, 800), False), ((400, 300), True)])
def test_a_window_that_does_not_fit_the_screen_is_maximized(window, size, whole):
    from vitinspect.app.main import show_whole

    room = window.screen().availableGeometry()
    window.setMinimumSize(0, 0)
    for part in window.findChildren(type(window.frame)):
        part.setMinimumSize(0, 0)
    window.hide()
    window.resize(*size)
    fits = window.width() + 4 <= room.width() and window.height() + 32 <= room.height()
    show_whole(window)
    assert window.isMaximized() is not fits


def test_a_broken_plug_in_is_reported_when_the_window_opens(
    start: Start, home: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vitinspect.explainers import registry
    from vitinspect.plugins import plugins

    for name in ("files", "broken", "_from_files"):
        monkeypatch.setattr(plugins, name, [])
    monkeypatch.setattr(plugins, "report", lambda text: None)
    (tmp_path / "bad.py").write_text("import no_such_package\n")
    plugins.add_file(tmp_path / "bad.py")
    _, problems = start(pictures)
    assert any("bad.py is left out" in problem for problem in problems)
    registry._forget()


FIRST_START = """
from PySide6.QtCore import QTimer
from vitinspect.app import main

class Window(main.MainWindow):
    def showEvent(self, event):
        super().showEvent(event)
        QTimer.singleShot(1500, self.look)

    def look(self):
        print("examples offered:", self.guide.isVisible(), flush=True)
        self.close()

main.MainWindow = Window
raise SystemExit(main.run(leave=False))
"""


def test_the_first_start_offers_the_examples_and_later_ones_do_not(home: Path) -> None:
    variables = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    said = [
        subprocess.run([sys.executable, "-c", FIRST_START], env=variables, capture_output=True, text=True, timeout=120)
        for _ in range(2)
    ]
    assert [done.returncode for done in said] == [0, 0], said[0].stderr
    assert [done.stdout.split("offered: ")[1].strip() for done in said] == ["True", "False"]


LOADED_AT_THE_FIRST_PAINT = """
import sys
from vitinspect.app import main
from vitinspect.app.shell.window import MainWindow

event = MainWindow.event

def look(window, what):
    done = event(window, what)
    if window._painted and not hasattr(window, "seen"):
        window.seen = {"numpy", "PIL", "torch", "timm", "networkx", "scipy"} & set(sys.modules)
        print("loaded:", *sorted(window.seen), flush=True)
        window.close()
    return done

MainWindow.event = look
main.run(None, None, True)
"""


def test_the_window_is_painted_before_anything_is_loaded_that_computes(tmp_path: Path) -> None:
    variables = {**os.environ, "VITINSPECT_HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", LOADED_AT_THE_FIRST_PAINT], capture_output=True, text=True, env=variables, timeout=120
    )
    assert "loaded:" in done.stdout, done.stderr
    assert done.stdout.split("loaded:")[1].split() == []


COLLECTED_UNTIL_THE_FIRST_PAINT = """
import gc
from vitinspect import cli
from vitinspect.app import main
from vitinspect.app.shell.window import MainWindow

collected = []
gc.callbacks.append(lambda phase, info: collected.append(info["generation"]))
event, make_backend = MainWindow.event, main.make_backend
main.make_backend = lambda *given, **named: (collected.clear(), make_backend(*given, **named))[1]

def look(window, what):
    done = event(window, what)
    if window._painted and not hasattr(window, "seen"):
        window.seen = len(collected)
        window.first_paint.connect(lambda: print("collected:", window.seen, gc.isenabled(), flush=True))
        window.first_paint.connect(window.close)
    return done

MainWindow.event = look
cli.main(["--fresh"])
"""


def test_no_garbage_is_looked_for_until_the_window_is_painted_and_then_it_is(tmp_path: Path) -> None:
    variables = {**os.environ, "VITINSPECT_HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", COLLECTED_UNTIL_THE_FIRST_PAINT],
        capture_output=True,
        text=True,
        env=variables,
        timeout=120,
    )
    assert "collected: 0 True" in done.stdout, done.stdout + done.stderr
