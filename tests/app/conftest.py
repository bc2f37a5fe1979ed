"""What the tests of the window share: a tiny model, pictures, a backend, and a guard against things left behind."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent, QThread, QTimer
from PySide6.QtWidgets import QApplication

from vitinspect.app import logs, theme
from vitinspect.app.backend import Backend
from vitinspect.app.shell.window import MainWindow

LABELS = ["ant", "bee", "cat", "dog", "elk", "fox"]


@pytest.fixture
def sized(qtbot: Any) -> Callable[..., Any]:
    """Show a widget in a size; it is closed after the test."""

    def show(widget: Any, width: int = 420, height: int = 300) -> Any:
        qtbot.addWidget(widget)
        widget.resize(width, height)
        widget.show()
        return widget

    return show


@pytest.fixture(autouse=True)
def nothing_left_behind(qapp: QApplication, home: Path) -> Iterator[None]:
    """Fail a test that leaves a running thread, an active timer or a top-level widget."""
    threads = set(threading.enumerate())
    windows = set(QApplication.topLevelWidgets())
    # Objects that exist already, half a million of torch among them, are not examined after each test.
    gc.freeze()
    try:
        yield
        _refuse_leftovers(qapp, threads, windows)
    finally:
        gc.unfreeze()


def _refuse_leftovers(qapp: QApplication, threads: set[threading.Thread], windows: set[Any]) -> None:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qapp.processEvents()
    gc.collect()
    # A thread that was told to stop needs a moment to end.
    end = time.monotonic() + 2
    while (
        left := [t for t in threading.enumerate() if t not in threads and not _foreign(t)]
    ) and time.monotonic() < end:
        time.sleep(0.01)
    assert not left, f"threads left running: {[t.name for t in left]}"
    # By type and not by isinstance, which would ask each of torch's proxies for its class.
    running = [o for o in gc.get_objects() if issubclass(type(o), QThread) and _alive(o, "isRunning")]
    assert not [t for t in running if t is not QThread.currentThread()], "a QThread was left running"
    timers = [o for o in gc.get_objects() if type(o) is QTimer and _alive(o, "isActive")]
    assert not timers, f"timers left active: {[(t.parent(), t.interval()) for t in timers]}"
    widgets = [w for w in QApplication.topLevelWidgets() if w not in windows and w.isVisible()]
    assert not widgets, f"windows left open: {widgets}"


def _foreign(thread: threading.Thread) -> bool:
    # Qt threads that ran Python show up as dummies and are looked at as QThreads; pytest-timeout has its own.
    return isinstance(thread, threading._DummyThread) or not thread.name.startswith("vitinspect")


def _alive(thing: Any, question: str) -> bool:
    try:
        return bool(getattr(thing, question)())
    except RuntimeError:  # its C++ object is deleted
        return False


@pytest.fixture(scope="session")
def tiny() -> Any:
    """A tiny untrained ViT: 2 blocks, 8 x 8 patches."""
    import timm
    import torch

    import vitinspect as vi

    torch.manual_seed(0)
    module = timm.create_model(
        "vit_tiny_patch16_224", img_size=64, patch_size=8, embed_dim=24, depth=2, num_heads=2, num_classes=len(LABELS)
    )
    return vi.wrap_model(module.eval(), labels=LABELS, name="tiny")


@pytest.fixture
def loader(tiny: Any) -> Callable[..., Any]:
    return lambda source, device="cpu": tiny


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of six small pictures of different shapes."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i, (width, height) in enumerate([(96, 64), (64, 96), (80, 80), (120, 60), (64, 64), (100, 70)]):
        small = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(folder / f"picture {i + 1}.png")
    return folder


@pytest.fixture
def backend(qapp: QApplication, home: Path, loader: Any) -> Iterator[Backend]:
    made = Backend(loader=loader)
    yield made
    assert made.close(10), "the backend did not close in time"
    made.deleteLater()


@pytest.fixture
def window(qapp: QApplication, backend: Backend, qtbot: Any) -> Iterator[MainWindow]:
    theme.apply(qapp, "light")
    made = MainWindow(backend)
    made.show()
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def shown(window: MainWindow, backend: Backend, pictures: Path, qtbot: Any) -> MainWindow:
    """The window on a folder, with the first map drawn."""
    backend.state.set(folder=str(pictures))
    backend.coordinator.start()
    qtbot.waitUntil(lambda: bool(backend.results.maps) and not backend.results.pending, timeout=30_000)
    return window


@pytest.fixture
def settle(backend: Backend, qtbot: Any) -> Callable[[], None]:
    """Wait until nothing is being computed."""

    def wait() -> None:
        def quiet() -> bool:
            return (
                not backend.worker.busy
                and backend.background.idle
                and not backend.results.pending
                and not backend.coordinator.is_due
            )

        for _ in range(3):
            qtbot.waitUntil(quiet, timeout=30_000)
            qtbot.wait(10)

    return wait


@pytest.fixture
def log(home: Path) -> Iterator[Path]:
    handler = logs.start()
    yield logs.log_file()
    logs.stop(handler)
