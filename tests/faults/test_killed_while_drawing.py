"""The window is killed while strokes are drawn: at most the stroke in hand is gone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vitinspect.annotation import journal
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
    print(zlib.crc32(backend.masks.document.values.tobytes()), flush=True)
"""


@pytest.mark.parametrize("after", [1, 7, 25])
def test_a_killed_window_loses_at_most_the_stroke_in_hand(tmp_path: Path, home: Path, after: int) -> None:
    import zlib

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    shutil.copy(gallery_folder() / "images" / "15-starfish.jpg", pictures)
    variables = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", _DRAW, str(pictures)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        said = [process.stdout.readline() for _ in range(after)]
        os.kill(process.pid, signal.SIGKILL)
        said += process.stdout.read().split("\n")[:-1]
    (path,) = journal.journals()
    found = journal.read(path)
    written = pictures / "masks" / "ben" / "15-starfish.png"
    assert not list(pictures.rglob("*.part")) or written.exists()
    # Clicks that hit what is drawn already are no steps, so that the contents are compared.
    states = [int(line) for line in said if line.strip()]
    values = np.ascontiguousarray(found.document.values)
    assert zlib.crc32(values.tobytes()) == states[-1] or found.steps > len(set(states))
