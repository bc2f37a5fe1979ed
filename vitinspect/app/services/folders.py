"""The folder: what is in it, in which order, and which picture is shown first."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute.worker import Problem
from vitinspect.app.listing import ImageList
from vitinspect.app.services.mask_files import MaskFinder
from vitinspect.app.services.picture_notes import PictureNotes
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State

CAUSE = "folder"
_UNFILTERED: dict[str, Any] = {
    "filter": "",
    "only_masked": False,
    "only_flagged": False,
    "only_status": "",
    "only_class": "",
    "score_range": (),
}
_CONDITIONS = frozenset(_UNFILTERED)
_RECENT = 12


class FolderService(QObject):
    """Writes ``folder_size`` and ``known_classes``; keeps the listing in step with the state."""

    def __init__(
        self, state: State, results: Results, listing: ImageList, problems: Problems, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._listing, self._problems = state, results, listing, problems
        self.notes: PictureNotes | None = None
        """The source of flags."""
        self.drawn_status: Callable[[str], str] | None = None
        """How far the drawn mask of a picture is, by its path."""
        self._started = False
        self._last: dict[str, Any] = {}
        """The folder or the files that are listed, as the state has them."""
        self._last_image = ""
        self._model = ""
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        listing.listed.connect(self._on_listed)
        listing.failed.connect(self._on_failed)
        listing.vanished.connect(self._on_vanished)

    def start(self) -> None:
        self._started = True
        self._list()

    def close(self) -> None:
        self._listing.close()

    # --- the person asks -----------------------------------------------------------------------------------------

    def open(self, folder: str, image: str = "") -> bool:
        """Show a folder. If it does not exist, the open one stays."""
        folder = os.path.abspath(folder)
        if not os.path.isdir(folder):
            there = os.path.exists(folder)
            self._report(f"{folder} is {'a file, not a folder' if there else 'not a folder that exists'}.")
            return False
        self._state.set(folder=folder, image=image, files=(), **_UNFILTERED)
        return True

    def open_files(self, paths: Sequence[str]) -> None:
        """Show some pictures, from whatever folders, instead of a folder."""
        files = tuple(dict.fromkeys(os.path.abspath(path) for path in paths))
        self._state.set(folder="", files=files, image=files[0], **_UNFILTERED)

    def _report(self, message: str) -> None:
        self._problems.report(CAUSE, Problem(message, "", True))

    # --- following -----------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if not self._started:
            return
        if names & {"folder", "recursive", "files"}:
            self._list()
        elif "image" in names:
            self._last_image = self._state.image
        if names & _CONDITIONS:
            self.filter_again()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        card = self._results.card
        if "card" in names and card is not None and card.fingerprint != self._model:
            self._model = card.fingerprint
            self._results.update(known_classes={})
            self._state.set(only_class="")
        if "predictions" in names:
            self._note_class()

    def _note_class(self) -> None:
        results = self._results
        if not results.predictions or results.picture is None or results.predicted_for is None:
            return
        if results.predicted_for.content != results.picture.content:
            return
        label, path = results.predictions[0].label, results.picture.path
        if results.known_classes.get(path) != label:
            results.update(known_classes={**results.known_classes, path: label})

    def _list(self) -> None:
        state = self._state
        if state.files:
            self._listing.open_files(state.files)
        elif not state.folder or os.path.isdir(state.folder):
            self._listing.open(state.folder, state.recursive)
        else:
            message = f"The folder {state.folder} does not exist."
            if self._last:
                # The last good one stays.
                self._started = False
                state.set(**self._last, image=self._last_image)
                self._started = True
            self._report(message)

    @Slot()
    def filter_again(self) -> None:
        """Something that a filter asks for has changed: a flag, a score."""
        masked = MaskFinder().filter() if self._state.only_masked else None
        self._listing.filter_by(self._state.filter, self._accept(), slow=masked)

    def _accept(self) -> Callable[[str], bool] | None:
        """The conditions on a picture that need no file, besides its name."""
        conditions: list[Callable[[str], bool]] = []
        if self._state.only_flagged and self.notes is not None:
            notes = self.notes
            conditions.append(lambda path: notes.of(path).flagged)
        status = self._state.only_status
        if status and self.drawn_status is not None:
            drawn = self.drawn_status
            conditions.append(lambda path: drawn(path) == status)
        wanted, known = self._state.only_class, self._results.known_classes
        if wanted:
            conditions.append(lambda path: known.get(path) == wanted)
        if len(self._state.score_range) == 2:
            low, high = self._state.score_range
            conditions.append(lambda path: _between(low, self._listing.score_of(path), high))
        return (lambda path: all(condition(path) for condition in conditions)) if conditions else None

    @Slot(bool)
    def _on_listed(self, complete: bool) -> None:
        state, listing = self._state, self._listing
        self._results.update(folder_size=listing.total)
        if (listing.folder, listing.files) != (state.folder, state.files):
            return  # another folder is being read
        if listing.failure:
            return
        if listing.complete:
            self._problems.solved(CAUSE)
        # The first picture of a folder is shown automatically, but a filter does not replace the shown one.
        if state.files:
            inside = state.image in state.files
        else:
            inside = os.path.dirname(state.image) == state.folder or (
                state.recursive and state.image.startswith(os.path.join(state.folder, ""))
            )
        if listing.rowCount() and not (state.image and inside) and not state.filter:
            state.set(image=listing.path_at(0))
        if complete:
            self._last, self._last_image = {"folder": state.folder, "files": state.files}, state.image
            if state.folder:
                recent = (state.folder, *(f for f in state.recent_folders if f != state.folder))[:_RECENT]
                state.set(recent_folders=recent)

    @Slot(str)
    def _on_failed(self, message: str) -> None:
        self._report(message)

    @Slot(str)
    def _on_vanished(self, path: str) -> None:
        self._report(f"The folder {path} no longer exists. Pictures already read are still shown; open another folder.")


def _between(low: float, score: float | None, high: float) -> bool:
    return score is not None and low <= score <= high
