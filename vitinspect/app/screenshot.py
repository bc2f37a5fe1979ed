"""A screenshot of the window, made without a display: the bundled gallery, model and first map."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from vitinspect.errors import DataError


def write_screenshot(
    path: str | os.PathLike[str],
    *,
    folder: str | None = None,
    model: str | None = None,
    size: tuple[int, int] = (1280, 800),
    methods: tuple[str, ...] = ("rollout",),
    theme: str = "light",
    loader: Any = None,
    timeout: float = 120.0,
    **values: Any,
) -> Path:
    """Open the window off screen, wait for its maps, and write what it shows to ``path``.

    ``values`` are further values of the window's state, such as ``layout="grid"``.
    """
    from PySide6.QtGui import QImageWriter
    from PySide6.QtWidgets import QApplication

    if QApplication.instance() is None:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from vitinspect.app import main
    from vitinspect.app import theme as theming
    from vitinspect.app.shell.window import MainWindow

    app = main.application()
    backend, _ = main.make_backend(folder, model, True, loader=loader)
    backend.remembers = False
    theming.apply(app, theme)
    window = MainWindow(backend)
    try:
        window.resize(*size)
        backend.state.set(methods=methods, **values)
        window.show()
        backend.coordinator.start()
        wait_until_settled(backend, timeout)
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not QImageWriter(str(target), b"png").write(window.grab().toImage()):
            raise DataError(f"{target} cannot be written.")
        return target
    finally:
        window.close()
        backend.close(10.0)
        window.deleteLater()
        backend.deleteLater()
        app.processEvents()


def wait_until_settled(backend: Any, timeout: float = 120.0) -> None:
    """Process events until everything that was asked for has arrived, thumbnails too."""
    from PySide6.QtCore import QEventLoop
    from PySide6.QtWidgets import QApplication

    app = QApplication.instance()
    assert app is not None
    end = time.monotonic() + timeout
    calm = 0
    while calm < 5:
        if time.monotonic() > end:
            raise DataError(f"The window was not done within {timeout:g} seconds.")
        app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
        time.sleep(0.01)
        results = backend.results
        busy = backend.worker.busy or not backend.background.idle or results.pending or results.progress is not None
        busy = busy or backend.networks.busy
        calm = 0 if busy else calm + 1
