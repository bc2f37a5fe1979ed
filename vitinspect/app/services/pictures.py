"""The picture that is shown: decoded in the pool, the next ones ahead of time."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute.thread_pool import AHEAD, DECODE, Background, Job
from vitinspect.app.listing import ImageList
from vitinspect.app.pictures import Picture, PictureCache, decode
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.errors import ImageError

_log = logging.getLogger(__name__)


class PictureService(QObject):
    """Writes ``picture``, ``picture_path`` and ``picture_error``."""

    def __init__(
        self,
        state: State,
        results: Results,
        listing: ImageList,
        pool: Background,
        most_bytes: int,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._listing, self._pool = state, results, listing, pool
        self.cache = PictureCache(most_bytes)
        self._decoding = ""
        self._started = False
        state.changed.connect(self._state_changed)

    def start(self) -> None:
        self._started = True
        if self._state.image:
            self.open()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if self._started and "image" in names:
            self.open()

    def open(self) -> None:
        """Show the picture of the state."""
        path = self._state.image
        self._pool.clear(AHEAD)
        if not path:
            self._decoding = ""
            self._show_nothing("")
            return
        found = self.cache.get(path)
        if found is not None:
            self._decoding = ""
            self._show(found)
        elif self._decoding != path:
            self._decoding = path
            self._pool.clear(DECODE)
            self._pool.submit(DECODE, Job(partial(_decode, path), partial(self._decoded, path)))

    @property
    def failed(self) -> bool:
        """Whether the picture of the state could not be opened."""
        return bool(self._results.picture_error)

    def reload(self) -> None:
        """The file may have changed on disk."""
        self._decoding = ""
        self.open()

    def _decoded(self, path: str, picture: Any, error: BaseException | None) -> None:
        if path == self._decoding:
            self._decoding = ""
        if error is None:
            self.cache.put(picture)
        if path != self._state.image:
            return
        if error is None:
            self._show(picture)
            return
        if not isinstance(error, ImageError):
            _log.error("Decoding %s failed", path, exc_info=error)
        self._show_nothing(str(error) if isinstance(error, ImageError | MemoryError) else f"{path}: {error}")

    def _show_nothing(self, message: str) -> None:
        self._results.update(picture=None, picture_path=self._state.image, picture_error=message)

    def _show(self, picture: Picture) -> None:
        """Reading ahead and opening may both decode a file: the first of two equal ones stays."""
        shown = self._results.picture
        if shown is None or (shown.path, shown.content) != (picture.path, picture.content):
            self._results.update(picture=picture, picture_path=picture.path, picture_error="")
        for path in reversed(self.cache.missing(self._listing.around(self._state.image))):
            self._pool.submit(AHEAD, Job(partial(_decode, path), self._decoded_ahead))

    def _decoded_ahead(self, picture: Any, error: BaseException | None) -> None:
        if error is not None:
            return
        if self.cache.get(picture.path) is None:
            self.cache.put(picture)
        if picture.path == self._state.image:
            self._show(picture)


def _decode(path: str, cancel: Any) -> Picture:
    return decode(path, cancel)
