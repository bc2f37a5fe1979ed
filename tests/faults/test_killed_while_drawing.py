"""The window is killed while strokes are drawn: at most the unfinished stroke is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitinspect.annotation import journal
from vitinspect.annotation.document import MaskDocument
from vitinspect.annotation.store import AnnotatorFolder
from vitinspect.resources import gallery_folder

_DRAW = """
import sys, zlib
from pathlib import Path
import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
app = QApplication([])
from vitinspect.app.backend import Backend
from vitinspect.app.shell.window import MainWindow
backend = Backend(loader=lambda source, device="cpu": (_ for _ in ()).throw(ValueError("no model is needed")))
window = MainWindow(backend)
window.resize(1280, 800)
window.show()
backend.state.set(folder=sys.argv[1], image=sys.argv[1] + "/15-starfish.jpg", methods=(), workspace="masks")
backend.coordinator.start()
backend.masks.set_annotator("ben")
while backend.masks.document is None:
    app.processEvents()
view = window.workspace_view
random = np.random.default_rng(0)
print("ready", flush=True)
while True:
    x, y = (int(v) for v in random.integers(300, 500, 2))
    spot = view.rect().center()
    spot.setX(x), spot.setY(y)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    if sys.argv[2] == "write":
        backend.masks.write_all()
    print(zlib.crc32(backend.masks.document.values.tobytes()), flush=True)
    app.processEvents()
"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    shutil.copy(gallery_folder() / "images" / "15-starfish.jpg", folder)
    return folder


def draw_and_kill(pictures: Path, after: int, *, write: bool) -> list[int]:
    """Contents of the mask after each click that the window reported before it was killed."""
    variables = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", _DRAW, str(pictures), "write" if write else "draw"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        said = [process.stdout.readline() for _ in range(after)]
        os.kill(process.pid, signal.SIGKILL)
        said += process.stdout.read().split("\n")[:-1]
    return [int(line) for line in said if line.strip()]


def contents(document: MaskDocument) -> int:
    return zlib.crc32(np.ascontiguousarray(document.values).tobytes())


@pytest.mark.parametrize("after", [1, 7, 25])
def test_a_killed_window_loses_at_most_the_unfinished_stroke(pictures: Path, home: Path, after: int) -> None:
    states = draw_and_kill(pictures, after, write=False)
    (path,) = journal.journals()
    found = journal.read(path)
    # Clicks that hit what is drawn already are no steps, so that the contents are compared.
    assert contents(found.document) == states[-1] or found.steps > len(set(states))


@pytest.mark.parametrize("after", [2, 9, 20])
def test_a_mask_that_was_being_written_is_complete(pictures: Path, home: Path, after: int) -> None:
    before = (pictures / "15-starfish.jpg").read_bytes()
    states = draw_and_kill(pictures, after, write=True)
    image = pictures / "15-starfish.jpg"
    assert image.read_bytes() == before
    seen = {path.name for path in pictures.rglob("*") if path.is_file() and not path.name.startswith(".")}
    assert seen <= {"15-starfish.jpg", "15-starfish.png", "15-starfish.mask.json"}, "an unfinished file can be seen"
    folder = AnnotatorFolder(pictures, "ben")
    with Image.open(image) as picture:
        document = folder.open(image, (picture.height, picture.width))  # refuses what is no whole PNG
    for path in journal.journals():
        document = journal.read(path).document
    # A stroke that was not told of may be there too; what must not be there is an older state, or nothing at all.
    older = {zlib.crc32(bytes(document.values.size)), *states} - {states[-1]}
    assert contents(document) not in older
