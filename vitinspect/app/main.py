"""Opening the window, and ending it."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from vitinspect import paths
from vitinspect.app import collecting, logs, theme
from vitinspect.app.backend import Backend
from vitinspect.app.compute.worker import Problem
from vitinspect.app.session.running import RunningMark
from vitinspect.app.session.session_file import ENDING
from vitinspect.app.shell.window import MainWindow
from vitinspect.app.widgets.icons import window_icon
from vitinspect.errors import VitInspectError
from vitinspect.explainers.registry import methods
from vitinspect.plugins import plugins

_log = logging.getLogger(__name__)

FRAME, TITLE = 4, 32
"""About what a window manager puts around a window, and above it."""
STUCK = 1.6
"""Seconds that threads get to end."""


def application() -> QApplication:
    app = QApplication.instance()
    if app is None:
        # On small machines torch and Qt share two cores: a thread that waits for Python's lock gets it after this long.
        sys.setswitchinterval(0.001)
        app = QApplication(["vitinspect"])
        app.setApplicationName("vitinspect")
        app.setDesktopFileName("vitinspect")
    assert isinstance(app, QApplication)
    if app.windowIcon().isNull():
        app.setWindowIcon(window_icon())
    return app


def make_backend(
    folder: str | None, model: str | None, fresh: bool, *, device: str | None = None, loader: Any = None
) -> tuple[Backend, list[str]]:
    """The backend as the last session left it, with what the command line asks for applied to it."""
    backend = Backend(loader=loader)
    problems = list(backend.settings.problems)
    state = backend.state
    state.set(colormap=backend.settings["colormap"], model=backend.settings["model"])
    if not fresh:
        problems += backend.restore()
    if model:
        state.set(model=model)
    if device:
        state.set(device=device)
    if folder and os.path.isfile(folder):
        from vitinspect.figures.metadata import is_figure

        if folder.casefold().endswith(ENDING) or is_figure(Path(folder)):
            backend.file_to_open, folder = os.path.abspath(folder), None
    if folder:
        path = os.path.abspath(folder)
        if os.path.isdir(path):
            image = state.image if os.path.dirname(state.image) == path else ""
            state.set(folder=path, image=image)
        else:
            state.set(folder=os.path.dirname(path), image=path)
    elif not state.folder or not os.path.isdir(state.folder):
        if state.folder:
            problems.append(f"The folder opened last, {state.folder}, no longer exists.")
        state.set(folder=gallery(), image="")
    if state.image and not os.path.exists(state.image):
        state.set(image="")
    if state.folder:
        state.set(recent_folders=(state.folder, *(f for f in state.recent_folders if f != state.folder))[:12])
    # Asked now, so that a plug-in that cannot be used is reported when the window opens.
    methods()
    problems += [str(broken) for broken in plugins.broken]
    return backend, problems


def gallery() -> str:
    """The folder of the bundled pictures; empty where they are missing, which the window then reports."""
    from vitinspect import resources

    try:
        folder = resources.gallery_folder() / "images"
    except VitInspectError:
        return ""
    return str(folder) if folder.is_dir() else ""


def run(
    folder: str | None = None,
    model: str | None = None,
    fresh: bool = False,
    *,
    device: str | None = None,
    loader: Any = None,
    leave: bool = True,
) -> int:
    """Open the window until it is closed, and end the process with the exit code; without ``leave`` return it."""
    app = application()
    handler = logs.start()
    mark = RunningMark(paths.config_folder(), paths.config_folder() / "window.json")
    unclean = mark.begin() and not fresh
    # What was shown may have caused the crash, so it is only restored when the person agrees.
    backend, problems = make_backend(folder, model, fresh or unclean, device=device, loader=loader)
    theme.apply(app, backend.settings["theme"])
    window = MainWindow(backend)
    hooks = logs.Hooks(window.message.show_problem)
    hooks.install()
    app.styleHints().colorSchemeChanged.connect(window.apply_theme)
    window.first_paint.connect(collecting.resume)
    window.first_paint.connect(backend.coordinator.start)
    window.first_paint.connect(backend.save_while_working)
    if not folder and (fresh or not backend.state_file().exists()):
        window.guide.show_welcome()
    if backend.file_to_open:
        window.first_paint.connect(lambda: window.open_paths([backend.file_to_open]))
    window.closed.connect(app.quit)
    if unclean:
        window.sessions.offer(mark.kept)
    if problems:
        window.message.show_warning(Problem(" ".join(problems), "", True))
    ticks, _ = let_python_see_signals(app)
    show_whole(window)
    code = app.exec()
    ticks.stop()
    clean = backend.close(STUCK)
    mark.end()
    hooks.remove()
    logs.stop(handler)
    if leave or not clean:
        # Either a thread is in an import or in one large matrix product, which nothing can interrupt; or all is
        # done, and Python would spend seconds on tearing torch and Qt down. What must be kept is on disk.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    window.deleteLater()
    backend.deleteLater()
    app.processEvents()
    return code


def show_whole(window: MainWindow) -> None:
    """Show the window; maximized where the screen is too small for it with its frame, so that no edge is cut off."""
    room = window.screen().availableGeometry()
    if window.width() + FRAME > room.width() or window.height() + TITLE > room.height():
        window.showMaximized()
    else:
        window.show()


def let_python_see_signals(app: QApplication) -> tuple[QTimer, Callable[[], None]]:
    """Ctrl-C in the terminal closes the window: Python looks at signals only when it runs, so it must now and then.

    Returns the timer for that, and a function that restores how signals were handled before.
    """
    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, lambda *_: app.closeAllWindows())
    except ValueError:
        pass  # not in the main thread
    timer = QTimer()
    timer.timeout.connect(lambda: None)
    timer.start(500)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return timer, restore
