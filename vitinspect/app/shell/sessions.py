"""Saving and opening session files, and restoring what was shown when a window did not end properly."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog

from vitinspect.app.geometry import View
from vitinspect.app.session.session_file import (
    ENDING,
    Session,
    is_elsewhere,
    move,
    notes_to_add,
    read_session,
    session_bytes,
)
from vitinspect.app.shell.opening_figures import is_here
from vitinspect.app.widgets.messages import Message
from vitinspect.errors import VitInspectError
from vitinspect.figures.specification import from_dict
from vitinspect.json_files import read_json

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow

FILTER = f"Sessions (*{ENDING});;All files (*)"
FILE, FOLDER, MODEL, PARTS, BEFORE = (f"session: {what}" for what in ("file", "folder", "model", "parts", "before"))


class Sessions(QObject):
    """The window's sessions."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session: Session | None = None
        self._model = ""
        self._before: Path | None = None
        window.message.action_wanted.connect(self.act)

    # --- saving --------------------------------------------------------------------------------------------------

    def ask_to_save(self) -> None:
        state = self._window.backend.state
        name = (os.path.basename(state.folder) or "session") + ENDING
        path, _ = QFileDialog.getSaveFileName(self._window, "Save session", name, FILTER)
        if path:
            self.save(path if path.lower().endswith(ENDING) else path + ENDING)

    def save(self, path: str) -> None:
        """Write the file: all of it, or nothing."""
        from vitinspect.files import write_atomic

        window, state = self._window, self._window.backend.state
        view = window.canvas.view
        layouts = self._window.backend.figure_layouts.of_pictures_in(state.folder)
        figures = {name: spec.to_dict() for name, spec in layouts.items()}
        data = session_bytes(state, self._notes(), (view.zoom, view.x, view.y), Path(path), figures)
        write_atomic(Path(path), data)
        window.status.say(f"Saved {path}")

    def _notes(self) -> dict[str, Any]:
        backend = self._window.backend
        folder = backend.state.folder
        found = {}
        for path in backend.listing.paths:
            note = backend.notes.of(path)
            if not note.is_empty:
                found[os.path.relpath(path, folder) if folder else path] = note
        return found

    # --- opening -------------------------------------------------------------------------------------------------

    def ask_to_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self._window, "Open session", "", FILTER)
        if path:
            self.open(path)

    def open(self, path: str) -> None:
        """Restore a session, or say why not; what is shown stays until then."""
        for cause in (FILE, FOLDER, MODEL, PARTS):
            self._window.message.clear(cause)
        self._session = None
        try:
            session = read_session(Path(os.path.abspath(path)))
        except VitInspectError as error:
            self._show_message(FILE, str(error))
            return
        self._session = session
        if session.folder and is_elsewhere(session.folder):
            self._show_message(
                FOLDER, f"The pictures of {_name(path)} are on another computer: {session.folder}.", "Open it"
            )
        elif session.folder and not os.path.isdir(session.folder):
            self._show_message(
                FOLDER, f"The folder of {_name(path)}, {session.folder}, no longer exists.", "Find folder…"
            )
        else:
            self._show()

    def _show_message(self, cause: str, text: str, action: str = "") -> None:
        self._window.message.show_message(Message(cause, text, action=action))

    def _show(self) -> None:
        session, window = self._session, self._window
        assert session is not None
        state = window.backend.state
        found = dict(session.state)
        model = found.get("model")
        if isinstance(model, str) and model != state.model and not is_here(model):
            # A model is loaded, and perhaps downloaded, only when the person says so.
            self._model = model
            del found["model"]
            self._show_message(
                MODEL, f"{_name(str(session.path))} uses {model[:120]}, which may have to be downloaded.", "Load it"
            )
        if isinstance(found.get("slot_b"), dict) and not is_here(str(found["slot_b"].get("model", ""))):
            session.problems.append(
                f"Model B, {str(found['slot_b'].get('model'))[:120]}, is left out: load it yourself."
            )
            del found["slot_b"]
        for name, value in list(found.items()):
            if name != "folder" and isinstance(value, str) and is_elsewhere(value):
                del found[name]
        image = found.get("image")
        if isinstance(image, str) and image and (is_elsewhere(image) or not os.path.exists(image)):
            found["image"] = ""
        before = state.layers
        problems = state.take_over(found)
        if state.layers != before:
            after = state.layers
            state.set(layers=before)
            state.edit(f"Open {_name(str(session.path))}", after, selected=str(found.get("selected", "")))
        state.set(**session.momentary)
        if session.zoom is not None:
            window.canvas.show_view(View(*session.zoom))
        self._add_notes(session)
        self._add_layouts(session)
        problems += session.problems
        if problems:
            self._show_message(PARTS, f"{_name(str(session.path))}: " + " ".join(problems[:4]))
        window.status.say(f"Opened {session.path}")

    def _add_notes(self, session: Session) -> None:
        notes, folder = self._window.backend.notes, session.folder
        names = [name for name in session.notes if folder and not os.path.isabs(name) and ".." not in Path(name).parts]
        known = [(name, notes.of(os.path.join(folder, name))) for name in names]
        for name, note in notes_to_add(session, known).items():
            if name in names:
                notes.set(
                    os.path.join(folder, name), flagged=note.flagged, starred=note.starred, text=note.text[:20_000]
                )

    def _add_layouts(self, session: Session) -> None:
        layouts = self._window.backend.figure_layouts
        for name, figure in session.layouts.items():
            try:
                layouts.add(name, from_dict(figure))
            except (VitInspectError, OSError) as error:
                session.problems.append(f"The layout {name[:60]!r} is left out: {error}")

    # --- messages ------------------------------------------------------------------------------------------------

    def offer(self, kept: Path) -> None:
        """The previous window did not end properly: what it showed can be restored."""
        self._before = kept
        self._show_message(BEFORE, "The last session of vitinspect did not end properly.", "Restore what was shown")

    def act(self, cause: str) -> None:
        """The button of a message."""
        if cause == MODEL and self._model:
            self._window.message.clear(MODEL)
            self._window.backend.state.set(model=self._model, target=())
        elif cause == FOLDER and self._session is not None:
            self._find_folder(self._session)
        elif cause == BEFORE and self._before is not None:
            self._window.message.clear(BEFORE)
            self._restore(self._before)

    def _find_folder(self, session: Session) -> None:
        if not is_elsewhere(session.folder):
            folder = QFileDialog.getExistingDirectory(self._window, "Find the folder of the session")
            if not folder:
                return
            move(session, folder)
        self._window.message.clear(FOLDER)
        self._show()

    def _restore(self, kept: Path) -> None:
        try:
            problems = self._window.backend.state.take_over(read_json(kept).get("state", {}))
        except VitInspectError as error:
            problems = [str(error)]
        if problems:
            self._show_message(PARTS, " ".join(problems[:4]))


def _name(path: str) -> str:
    return os.path.basename(path)
