"""How quickly masks are drawn on a picture of 24 megapixels: ``python -m benchmarks.masks``.

A real window off screen: from the mouse event to the painted frame, undo, opening a mask, the memory of undo.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

WIDTH, HEIGHT = 6000, 4000
GOALS = {"brush of 60 px": 16, "brush of 2,000 px": 33, "undo": 50, "open a mask": 100}


def main() -> int:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VITINSPECT_HOME"] = str(Path(folder) / "home")
        measure(Path(folder))
    return 0


def measure(folder: Path) -> None:
    from PIL import Image
    from PySide6.QtCore import QEvent, QPointF, Qt
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    from benchmarks.timing import machine
    from vitinspect.app.backend import Backend
    from vitinspect.app.shell.window import MainWindow

    app = QApplication.instance() or QApplication(sys.argv[:1])
    pictures = folder / "pictures"
    pictures.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    for name in ("a", "b"):
        Image.fromarray(noise).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(pictures / f"{name}.jpg")
    backend = Backend(loader=_no_model)
    backend.remembers = False
    window = MainWindow(backend)
    window.resize(1440, 900)
    window.show()
    backend.state.set(folder=str(pictures), image=str(pictures / "a.jpg"), methods=(), workspace="masks")
    backend.coordinator.start()
    backend.masks.set_annotator("bench")
    _until(app, lambda: backend.masks.document is not None and backend.masks.document.size == (HEIGHT, WIDTH))
    view = window.workspace_view
    document = backend.masks.document
    assert document is not None

    def send(kind: QEvent.Type, x: float, y: float, buttons: Qt.MouseButton) -> float:
        button = Qt.MouseButton.LeftButton if kind != QEvent.Type.MouseMove else Qt.MouseButton.NoButton
        at = QPointF(x, y)
        event = QMouseEvent(kind, at, view.mapToGlobal(at), button, buttons, Qt.KeyboardModifier.NoModifier)
        start = time.perf_counter()
        QApplication.sendEvent(view, event)
        app.processEvents()
        return 1000 * (time.perf_counter() - start)

    print(f"{machine()}; {WIDTH} x {HEIGHT} pixels, window 1440 x 900, off screen\n")
    print("| what | median, ms | 95th percentile | goal |\n|---|---:|---:|---:|")
    random = np.random.default_rng(1)
    times: list[float]
    for diameter in (60, 2000):
        view.tool.work.set(size=diameter)
        times = []
        for _ in range(4):
            x, y = random.uniform(300, 700, 2)
            send(QEvent.Type.MouseButtonPress, x, y, Qt.MouseButton.LeftButton)
            for _ in range(40):
                x, y = x + random.uniform(-12, 12), y + random.uniform(-12, 12)
                times.append(send(QEvent.Type.MouseMove, x, y, Qt.MouseButton.LeftButton))
            send(QEvent.Type.MouseButtonRelease, x, y, Qt.MouseButton.NoButton)
        _row(f"brush of {diameter:,} px", times)
    times = []
    for _ in range(8):
        start = time.perf_counter()
        window.actions_["undo"].trigger()
        app.processEvents()
        times.append(1000 * (time.perf_counter() - start))
    _row("undo", times)
    for _ in range(100):
        document.begin(tuple(random.uniform(0, 4000, 2)), 1500, 1)
        for _ in range(5):
            document.move_to(tuple(random.uniform(0, 4000, 2)))
        document.end()
    print(f"| 100 steps of large strokes | {document.history.nbytes / 1e6:.0f} MB | | 200 MB |")
    backend.masks.write_all()
    _until(app, lambda: not any(one.dirty or one.writing for one in backend.masks._open.values()))
    one = backend.masks.current
    assert one is not None
    times = []
    for _ in range(5):
        start = time.perf_counter()
        one.folder.open(one.image, (HEIGHT, WIDTH))
        times.append(1000 * (time.perf_counter() - start))
    _row("open a mask", times)
    window.close()
    backend.close(10)


def _row(what: str, times: list[float]) -> None:
    ordered = sorted(times)
    high = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    print(f"| {what} | {statistics.median(times):.1f} | {high:.1f} | {GOALS[what]} |")


def _until(app, condition: Callable[[], bool]) -> None:  # type: ignore[no-untyped-def]
    end = time.time() + 60
    while not condition():
        if time.time() > end:
            raise TimeoutError
        app.processEvents()
        time.sleep(0.005)


def _no_model(source: str, device: str = "cpu") -> None:
    raise ValueError("no model is needed to draw")


if __name__ == "__main__":
    sys.exit(main())
