"""A session as a file (``.vitinspect``): folder, models, layers, view and notes, to continue later. No Qt.

The file may come from anybody: its size is limited, it is read as data, its values are checked like the window's, notes
are only added where there are none, and what it names on other computers is not touched unasked.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from vitinspect.app.session.session_figure import entries_of, refusal
from vitinspect.app.session.state import NAMES, State, check
from vitinspect.errors import DataError, ParameterError
from vitinspect.picture_notes import Note, note_of
from vitinspect.regular_files import open_regular
from vitinspect.version import __version__

ENDING = ".vitinspect"
VERSION = 1
LARGEST = 20_000_000
MOMENTARY = (*("files", "filter", "only_masked", "only_flagged", "only_status", "only_class", "score_range", "pinned"),)
"""Values that a session restores and a plain start does not."""
LEFT_OUT = ("recent_folders", "recent_models", "save_what", "save_scale", "save_ground")
"""What belongs to a person and not to a session."""
_MOST_LAYOUTS = 200
_LONGEST_NAME = 300
_PATHS = ("folder", "image", "run")


@dataclass
class Session:
    """What a session file says, checked."""

    path: Path
    state: dict[str, Any]
    momentary: dict[str, Any] = field(default_factory=dict)
    zoom: tuple[float, float, float] | None = None
    """Zoom and the middle of the view, as ``geometry.View`` has them."""
    notes: dict[str, Note] = field(default_factory=dict)
    """By the pictures' names in the folder."""
    layouts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Figures that were saved by name."""
    problems: list[str] = field(default_factory=list)

    @property
    def folder(self) -> str:
        return str(self.state.get("folder", ""))


def session_bytes(
    state: State,
    notes: Mapping[str, Note],
    view: tuple[float, float, float] | None,
    path: Path,
    layouts: Mapping[str, Mapping[str, Any]] | None = None,
) -> bytes:
    """The file for what is shown now. ``path`` is where it will be saved: the folder is kept relative to it as well.

    ``layouts`` are figures by the names under which they were saved.
    """
    saved = {name: value for name, value in json.loads(state.to_json()).items() if name not in LEFT_OUT}
    document: dict[str, Any] = {
        "vitinspect": "session",
        "version": VERSION,
        "software": f"vitinspect {__version__}",
        "state": saved,
        "momentary": {name: getattr(state, name) for name in MOMENTARY},
        "notes": {
            name: {"flagged": note.flagged, "starred": note.starred, "text": note.text}
            for name, note in sorted(notes.items())
        },
    }
    if layouts:
        document["layouts"] = {name: dict(figure) for name, figure in layouts.items()}
    if view is not None:
        document["view"] = list(view)
    if state.folder:
        with contextlib.suppress(ValueError):  # on another drive
            document["beside"] = os.path.relpath(state.folder, path.parent)
    # File names may hold bytes that are not text: plain JSON keeps them, as \\udce9.
    return (json.dumps(document, indent=1) + "\n").encode()


def read_session(path: Path) -> Session:
    """A session file; a ``DataError`` for a file that is not one, is too large, or is a newer version's."""
    try:
        with open_regular(path) as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(data) > LARGEST:
        raise DataError(f"{path} is too large for a session.")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: it is not JSON ({str(error)[:100]}).") from None
    if not isinstance(found, dict) or found.get("vitinspect") != "session":
        raise DataError(f"{path} is not a session of vitinspect.")
    version = found.get("version")
    if version != VERSION:
        newer = isinstance(version, int) and version > VERSION
        reason = (
            f"written by a newer vitinspect ({str(found.get('software'))[:60]})" if newer else "which never existed"
        )
        raise DataError(f"{path} is a session of version {version!r}, {reason}.")
    state = found.get("state")
    if not isinstance(state, dict):
        raise DataError(f"{path} is damaged: it has no state.")
    session = Session(path, {name: value for name, value in state.items() if name not in LEFT_OUT})
    _take_momentary(session, found.get("momentary"))
    _take_notes(session, found.get("notes"))
    _take_view(session, found.get("view"))
    _leave_others_out(session)
    _check_figure(session)
    _take_layouts(session, found.get("layouts"))
    _follow_folder(session, found.get("beside"))
    return session


def _take_momentary(session: Session, found: Any) -> None:
    for name, value in (found if isinstance(found, dict) else {}).items():
        if name in MOMENTARY and name in NAMES:
            try:
                session.momentary[name] = check(name, tuple(value) if isinstance(value, list) else value)
            except ParameterError as error:
                session.problems.append(str(error))
    files = session.momentary.get("files", ())
    if any(not isinstance(one, str) or is_elsewhere(one) for one in files):
        session.momentary["files"] = ()
        session.problems.append("The single pictures of the session are on another computer, and are left out.")


def _take_notes(session: Session, found: Any) -> None:
    for name, value in (found if isinstance(found, dict) else {}).items():
        try:
            session.notes[str(name)] = note_of(value)
        except TypeError:
            session.problems.append(f"The note on {str(name)[:60]} cannot be read.")


def _take_view(session: Session, found: Any) -> None:
    numbers = isinstance(found, list) and len(found) == 3 and all(_is_number(one) for one in found)
    if numbers and 0 <= found[0] <= 64 and all(-1 <= one <= 2 for one in found[1:]):
        session.zoom = (float(found[0]), float(found[1]), float(found[2]))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def is_elsewhere(path: str) -> bool:
    """Whether a path names another computer, to which Windows would send the user's name."""
    return path.startswith(("\\\\", "//"))


def _leave_others_out(session: Session) -> None:
    layers = session.state.get("layers")
    if not isinstance(layers, list):
        return
    kept = []
    for layer in layers:
        paths = [layer.get(name) for name in ("path", "image")] if isinstance(layer, dict) else []
        if any(isinstance(one, str) and is_elsewhere(one) for one in paths):
            session.problems.append(f"The layer {str(layer.get('id'))[:60]} is on another computer, and is left out.")
        else:
            kept.append(layer)
    session.state["layers"] = kept


def _check_figure(session: Session) -> None:
    figure = session.state.get("figure")
    if figure is not None and figure != {}:
        why = refusal(figure, str(session.state.get("model", "")), is_elsewhere)
        if why:
            session.problems.append(why)
            del session.state["figure"]


def _take_layouts(session: Session, found: Any) -> None:
    for name, figure in list((found if isinstance(found, dict) else {}).items())[:_MOST_LAYOUTS]:
        why = refusal(figure, str(session.state.get("model", "")), is_elsewhere)
        if why or not name.strip() or len(name) > _LONGEST_NAME:
            session.problems.append(f"The layout {name[:60]!r} is left out. {why}".rstrip())
        else:
            session.layouts[name] = figure


def _follow_folder(session: Session, beside: Any) -> None:
    """If the folder has moved together with the session file, adapt all paths."""
    folder = session.folder
    if not folder or is_elsewhere(folder) or os.path.isdir(folder) or not isinstance(beside, str) or "\0" in beside:
        return
    there = os.path.normpath(os.path.join(session.path.parent, beside))
    if os.path.isdir(there) and not is_elsewhere(there):
        move(session, there)


def move(session: Session, folder: str) -> None:
    """Replace the folder of the session, and with it the paths of all that was in it."""
    before = session.folder
    for name in _PATHS:
        if isinstance(session.state.get(name), str):
            session.state[name] = _moved(session.state[name], before, folder)
    session.momentary["files"] = tuple(_moved(one, before, folder) for one in session.momentary.get("files", ()))
    for figure in (session.state.get("figure", {}), *session.layouts.values()):
        for entry in entries_of(figure):
            for name in ("image", "map_file"):
                if isinstance(entry.get(name), str):
                    entry[name] = _moved(entry[name], before, folder)
    for layer in session.state.get("layers", ()):
        if isinstance(layer, dict):
            for name in ("path", "image"):
                if isinstance(layer.get(name), str):
                    layer[name] = _moved(layer[name], before, folder)


def _moved(path: str, before: str, after: str) -> str:
    if not path or not before:
        return path
    try:
        return str(Path(after) / PurePath(path).relative_to(before))
    except ValueError:
        # Beside the folder, such as the masks of images/.
        parent = str(PurePath(before).parent)
        try:
            return str(Path(after).parent / PurePath(path).relative_to(parent)) if parent != "/" else path
        except ValueError:
            return path


def notes_to_add(session: Session, known: Iterable[tuple[str, Note]]) -> dict[str, Note]:
    """The notes of the session on pictures that have none here."""
    taken = {name for name, note in known if not note.is_empty}
    return {name: note for name, note in session.notes.items() if name not in taken and not note.is_empty}
