"""The window on objects of a running Python process: a model, pictures, maps and masks from memory.

The window knows pictures, maps and masks as files. What is in memory is therefore written into a folder first, and the
model is handed over by a loader that knows its name.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal
from PySide6.QtWidgets import QApplication

from vitinspect.app import logs, theme
from vitinspect.app.backend import Backend
from vitinspect.app.compute.model_loading import load_from_sources
from vitinspect.app.live_files import LiveFiles
from vitinspect.app.main import STUCK, application, gallery, let_python_see_signals
from vitinspect.app.session.edits import Edits
from vitinspect.app.shell.window import MainWindow
from vitinspect.errors import ParameterError

_open: list[View] = []
"""Windows live as long as they are open, whether or not the caller keeps the handle."""
LEAVING = 30.0
"""Seconds that a computation gets to end where Python itself ends: a thread of Qt that still runs then aborts it."""


def _close_all() -> None:
    for view in tuple(_open):
        view.close()
    for view in tuple(_open):  # those whose thread is in a call that cannot be interrupted, such as an import
        view.backend.worker.close(LEAVING)


# Registered after Qt's own, so that it is called before Qt is torn down.
atexit.register(_close_all)


class View(QObject):
    """A window that was opened from Python."""

    closed = Signal()

    def __init__(self, backend: Backend, files: LiveFiles) -> None:
        super().__init__()
        self.backend, self._files = backend, files
        self.window = MainWindow(backend)
        self.window.first_paint.connect(backend.coordinator.start)
        self.window.closed.connect(self._window_closed)
        self.is_open = True
        _open.append(self)

    def close(self) -> None:
        """Close the window, as its button does."""
        if self.is_open:
            self.window.close()

    def _window_closed(self) -> None:
        if not self.is_open:
            return
        self.is_open = False
        if self.backend.close(STUCK):
            self.window.deleteLater()
            self.backend.deleteLater()
            _open.remove(self)
        # Otherwise a thread is in a call that cannot be interrupted, and what it uses must stay.
        kept = self._files.end()
        if kept:
            print(f"vitinspect: masks that were drawn are in {kept}.", file=sys.stderr)
        self.closed.emit()

    def __repr__(self) -> str:
        return f"<vitinspect window, {'open' if self.is_open else 'closed'}>"


def open_view(
    model: Any,
    images: Any,
    maps: Mapping[str, Any] | None,
    masks: Any,
    *,
    methods: Sequence[str] | str | None = None,
    target: Any = None,
    labels: Sequence[str] | None = None,
    folder: Any = None,
    block: bool | None = None,
) -> View:
    """See ``vitinspect.viewing.view``."""
    live = _wrapped(model, labels)
    where = Path(folder) if folder is not None else Path(tempfile.mkdtemp(prefix="vitinspect-view-"))
    files = LiveFiles(where, temporary=folder is None)
    try:
        files.write(live, images, maps, masks)
        wanted = _target(live, target)
        application_ = application()
        running = _loop_is_running()
        view = View(_backend(live, files, methods, wanted), files)
    except BaseException:
        if folder is None:
            shutil.rmtree(where, ignore_errors=True)
        raise
    theme.apply(application_, view.backend.settings["theme"])
    if block is None:
        block = not running and not _in_ipython()
    view.window.show()
    if block:
        _wait(application_, view)
    elif not running:
        _let_ipython_run_the_loop()
    return view


def _wrapped(model: Any, labels: Sequence[str] | None) -> Any:
    """The model wrapped by vitinspect; the name of a source is returned as it is."""
    if isinstance(model, str | os.PathLike):
        return os.fspath(model)
    from vitinspect.models.vit import ViT, wrap_model

    if isinstance(model, ViT):
        if labels is not None:
            raise ParameterError("labels are for a module of timm; a wrapped model has its own.")
        return model
    return wrap_model(model, labels=labels, device=None)


def _target(model: Any, target: Any) -> tuple[int, ...]:
    if target is None:
        return ()
    if isinstance(target, int):
        return (target,)
    if isinstance(model, str):
        raise ParameterError("target is an index here; load the model first to name a class by its label.")
    from vitinspect.explainers.targets import resolve

    found = resolve(target, model, 0)
    if isinstance(found, tuple):
        return tuple(int(side) for side in found)
    if not isinstance(found, int):
        raise ParameterError("The window explains classes; a text is explained by vi.explain.")
    return (found,)


def _backend(model: Any, files: LiveFiles, methods: Sequence[str] | str | None, target: tuple[int, ...]) -> Backend:
    source = model if isinstance(model, str) else f"{model.name} (from Python)"

    def load(line: str, *, device: str) -> Any:
        if isinstance(model, str) or line != source:
            return load_from_sources(line, device)
        if device in ("auto", str(model.device)):
            return model
        from vitinspect.models.sources import choose_device
        from vitinspect.models.vit import wrap_model

        own = model.labels if model.has_labels else None
        return wrap_model(
            model.module, own, device=choose_device(device), preprocessing=model.preprocessing, name=model.name
        )

    backend = Backend(loader=load, use_disk=False)
    backend.remembers = False
    state = backend.state
    state.set(colormap=backend.settings["colormap"], model=source, target=target)
    if files.folder:
        state.set(folder=files.folder, image="")
    elif files.pictures:
        state.set(folder="", files=tuple(files.pictures), image=files.pictures[0])
    else:
        state.set(folder=gallery(), image="")
    if methods is None and not files.maps:
        methods = ("rollout",)
    state.set(layers=())
    for name in (methods,) if isinstance(methods, str) else methods or ():
        from vitinspect.explainers.registry import make_method

        method = make_method(name)
        state.add_map(method.id, dict(method.params))
    for name, path, image in files.maps:
        state.edit_layer(state.add_file(path, image), name=name)
    if state.layers:
        state.set(selected=state.layers[0].id)
    state.edits = Edits()  # the initial state is not a step that can be undone
    return backend


# --- the loop -------------------------------------------------------------------------------------------------------


def _loop_is_running() -> bool:
    """Whether Qt's loop runs here already, so that a second one must not be begun."""
    return QApplication.instance() is not None and QThread.currentThread().loopLevel() > 0


def _ipython() -> Any:
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


def _in_ipython() -> bool:
    return _ipython() is not None


def _let_ipython_run_the_loop() -> None:
    """IPython and Jupyter run Qt's loop beside their own, as ``%gui qt`` does."""
    shell = _ipython()
    if shell is not None and getattr(shell, "active_eventloop", None) not in ("qt", "qt6"):
        shell.enable_gui("qt")


def _wait(app: QApplication, view: View) -> None:
    """Run the loop until the window is closed, whatever other windows do."""
    from PySide6.QtCore import QEventLoop

    hooks = logs.Hooks(view.window.message.show_problem)
    hooks.install()
    loop = QEventLoop()
    view.closed.connect(loop.quit)
    ticks, restore = let_python_see_signals(app)
    try:
        if view.is_open:
            loop.exec()
    finally:
        ticks.stop()
        restore()
        hooks.remove()
    app.processEvents()
