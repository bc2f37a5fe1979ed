"""What is known about the pictures of a list: thumbnail, predicted class, masks, flags, stars and notes."""

from __future__ import annotations

import os
from collections.abc import Iterable

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage

from vitinspect.app.services.mask_files import MaskFinder
from vitinspect.app.services.masks import MaskService
from vitinspect.app.services.picture_notes import Note, PictureNotes
from vitinspect.app.session.results import Results
from vitinspect.app.thumbnails import Thumbnails
from vitinspect.app.widgets.picture_list import PictureInfo, Thumbnail, Unreadable


class PictureFacts(QObject):
    """One for all lists of pictures."""

    changed = Signal()

    def __init__(
        self, results: Results, thumbnails: Thumbnails, notes: PictureNotes, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._results, self._thumbnails, self._notes = results, thumbnails, notes
        self._masks = MaskFinder()
        self.masks: MaskService | None = None
        """Set while masks are drawn: their state is then shown instead of the predicted class."""
        thumbnails.arrived.connect(lambda path: self.changed.emit())
        notes.changed.connect(lambda path: self.changed.emit())
        results.changed.connect(self._results_changed)

    def _results_changed(self, names: frozenset[str]) -> None:
        if "folder_size" in names:
            self._masks.forget()

    def masks_found(self) -> None:
        """Update, since more is known about the masks beside the pictures."""
        self._masks.forget()
        self.changed.emit()

    def thumbnail(self, path: str) -> Thumbnail:
        found = self._thumbnails.get(path)
        return found if found is None or isinstance(found, QImage) else Unreadable(found.reason)

    STATUSES = (("none", "not yet"), ("begun", "begun"), ("done", "done"), ("nothing", "nothing here"))

    @property
    def draws(self) -> bool:
        """Whether masks are drawn now."""
        return self.masks is not None and self.masks.active

    def statuses(self, paths: Iterable[str]) -> list[str]:
        """How far the masks of some pictures are."""
        return [self.masks.sidecar(path).status for path in paths] if self.masks is not None else []

    def of(self, path: str) -> PictureInfo:
        if self.masks is not None and self.masks.active:
            return self._drawn(self.masks, path)
        note = self._notes.of(path)
        shown = (
            ("masks", bool(self._masks.find(path))),
            ("flag", note.flagged),
            ("star", note.starred),
            ("note", bool(note.text)),
        )
        icons = tuple(name for name, on in shown if on)
        return PictureInfo(self._results.known_classes.get(path, ""), icons, tip=note.text)

    def _drawn(self, masks: MaskService, path: str) -> PictureInfo:
        """How far the mask of a picture is. Nothing else, since that could reveal what is to be drawn."""
        sidecar = masks.sidecar(path)
        minutes, seconds = divmod(round(sidecar.origin.seconds), 60)
        time = f" {minutes}:{seconds:02}" if sidecar.origin.seconds else ""
        icon = {"done": ("check",), "begun": ("brush",), "nothing": ("eye-off",)}.get(sidecar.status, ())
        return PictureInfo(sidecar.words + time, icon)

    def note(self, path: str) -> Note:
        return self._notes.of(path)

    def set_note(self, path: str, **changes: object) -> None:
        self._notes.set(path, **changes)

    @staticmethod
    def copy_path(path: str) -> None:
        QGuiApplication.clipboard().setText(path)

    @staticmethod
    def show_in_folder(path: str) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(os.path.dirname(path)))
