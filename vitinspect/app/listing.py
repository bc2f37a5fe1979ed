"""The pictures of a folder as a list model: read in the pool, sorted there, shown as soon as there is something.

The list knows names. Nothing is opened for it; size and date are asked from the system only to sort by them.
"""

from __future__ import annotations

import heapq
import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QFileSystemWatcher,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
)

from vitinspect.app.compute.thread_pool import LIST, Background, Job
from vitinspect.app.widgets import tips
from vitinspect.errors import Cancelled, VitInspectError
from vitinspect.progress import CancelToken

AnyIndex = QModelIndex | QPersistentModelIndex

_log = logging.getLogger(__name__)

PATH_ROLE = int(Qt.ItemDataRole.UserRole)
_FIRST_AFTER = 0.25
"""Seconds after which the first names are shown although more are to come."""

Accept = Callable[[str], bool]
"""Whether a picture is shown, by its path."""
ScoreOf = Callable[[str], float | None]
"""From a picture's path to its score in some run."""


@dataclass(frozen=True)
class Listed:
    """What a scan found."""

    paths: list[str]
    rows: dict[str, int]
    complete: bool


class ImageList(QAbstractListModel):
    """The pictures of the open folder that pass the filter, in order."""

    listed = Signal(bool)
    """New rows have arrived; True when all have."""
    failed = Signal(str)
    vanished = Signal(str)

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self.folder = ""
        self.recursive = False
        self.sort_by = "name"
        self.descending = False
        self.scores: ScoreOf | None = None
        """What the pictures are sorted by where ``sort_by`` is "score"."""
        self.accept: Accept | None = None
        """A further condition on a path, besides the text."""
        self._slow: Accept | None = None
        """A condition that reads files, and is therefore checked in the pool."""
        self._passed: set[str] | None = None
        """The paths that were found to fulfil it; None until it was checked."""
        self._checking: Job | None = None
        self.text = ""
        self._files: tuple[str, ...] = ()
        self._everything: list[str] = []
        self._shown: list[str] = []
        self._rows: dict[str, int] = {}
        self.complete = False
        self.failure = ""
        """Why the folder could not be listed."""
        self._job: Job | None = None
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(self._folder_changed)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(400)
        self._again.timeout.connect(self.refresh)

    # --- the model -----------------------------------------------------------------------------------------------

    def rowCount(self, parent: AnyIndex | None = None) -> int:  # noqa: N802
        return 0 if parent is not None and parent.isValid() else len(self._shown)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < len(self._shown):
            return None
        path = self._shown[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            score = self.score_of(path)
            return os.path.basename(path) if score is None else f"{score:.3f}  {os.path.basename(path)}"
        if role == PATH_ROLE:
            return path
        if role == Qt.ItemDataRole.ToolTipRole:
            return tips.plain(path)
        return None

    def path_at(self, row: int) -> str:
        return self._shown[row] if 0 <= row < len(self._shown) else ""

    def score_of(self, path: str) -> float | None:
        """Its score, where the pictures are sorted by one and it has one."""
        return self.scores(path) if self.sort_by == "score" and self.scores is not None else None

    def row_of(self, path: str) -> int:
        """-1 where it is not shown."""
        return self._rows.get(path, -1)

    @property
    def paths(self) -> tuple[str, ...]:
        """The pictures that are shown, in their order."""
        return tuple(self._shown)

    @property
    def files(self) -> tuple[str, ...]:
        """The files that are shown instead of a folder."""
        return self._files

    @property
    def everything(self) -> list[str]:
        """All paths, whether the filter shows them or not."""
        return self._everything

    @property
    def total(self) -> int:
        """How many there are without the filter."""
        return len(self._everything)

    def around(self, path: str, ahead: int = 2, behind: int = 1) -> list[str]:
        """The next and the previous ones, the next first."""
        row = self.row_of(path)
        if row < 0:
            return []
        order = [row + i for i in range(1, ahead + 1)] + [row - i for i in range(1, behind + 1)]
        return [self._shown[i] for i in order if 0 <= i < len(self._shown)]

    # --- filling it ----------------------------------------------------------------------------------------------

    def open(self, folder: str, recursive: bool = False) -> None:
        """Show another folder."""
        same = folder == self.folder and recursive == self.recursive
        self.folder, self.recursive, self._files = folder, recursive, ()
        watched = self._watcher.directories()
        if watched:
            self._watcher.removePaths(watched)
        if not same:
            self._take(Listed([], {}, False))
        if folder:
            if os.path.isdir(folder):
                self._watcher.addPath(folder)
            self._scan()

    def open_files(self, paths: Sequence[str]) -> None:
        """Show some files, in whatever folders they are."""
        self.folder, self.recursive, self._files = "", False, tuple(paths)
        if self._watcher.directories():
            self._watcher.removePaths(self._watcher.directories())
        self._take(Listed([], {}, False))
        self._scan()

    def refresh(self) -> None:
        """Read the folder again, because it changed or is to be sorted differently."""
        if self.folder or self._files:
            self._scan()

    def order_by(self, sort: str, descending: bool, scores: ScoreOf | None = None) -> None:
        if (sort, descending, scores) != (self.sort_by, self.descending, self.scores):
            self.sort_by, self.descending, self.scores = sort, descending, scores
            self.refresh()

    def filter_by(self, text: str, accept: Accept | None = None, *, slow: Accept | None = None) -> None:
        """Show the pictures that have ``text`` in their name and fulfil both conditions. ``slow`` reads files: it is
        checked in the pool, and until that is done for the first time the list stays as it is."""
        self.text, self.accept, self._slow = text.casefold().strip(), accept, slow
        if slow is None:
            self._passed = None
        if slow is None or self._passed is not None:
            self._show_filtered()
        self._check_slow()

    def _check_slow(self) -> None:
        if self._checking is not None:
            self._checking.cancel.cancel()
            self._checking = None
        slow, paths, token = self._slow, self._everything, CancelToken()
        if slow is None:
            return

        def work(cancel: CancelToken) -> set[str]:
            passed = set()
            for i, path in enumerate(paths):
                if not i % 100:
                    cancel.check()
                if slow(path):
                    passed.add(path)
            return passed

        def done(result: Any, error: BaseException | None) -> None:
            if token.cancelled:
                return
            if error is not None:
                _log.error("The pictures of %s cannot be filtered", self.folder, exc_info=error)
            self._passed = result if error is None else set()
            self._show_filtered()

        self._checking = self._background.submit(LIST, Job(work, done, cancel=token))

    def close(self) -> None:
        self._again.stop()
        for job in (self._job, self._checking):
            if job is not None:
                job.cancel.cancel()

    def _scan(self) -> None:
        if self._job is not None:
            self._job.cancel.cancel()
        folder, recursive, files = self.folder, self.recursive, self._files
        order = Order(self.sort_by, self.descending, self.scores)
        token = CancelToken()

        def first(listed: Listed) -> None:
            if not token.cancelled and not self._everything:
                self._take(listed)

        def work(cancel: CancelToken) -> Listed:
            if files:
                return order.of([[Path(path) for path in files]], cancel)
            return scan(folder, recursive, order, cancel, lambda listed: self._background.post(lambda: first(listed)))

        def done(result: Any, error: BaseException | None) -> None:
            if token.cancelled:
                return
            if isinstance(error, Cancelled):
                return
            if error is not None:
                known = isinstance(error, VitInspectError)
                self.failure = str(error) if known else f"{folder} cannot be listed: {error}"
                if not known:
                    _log.error("Listing %s failed", folder, exc_info=error)
                self._take(Listed([], {}, True))
                self.failed.emit(self.failure)
                return
            self.failure = ""
            self._take(result)

        self._job = self._background.submit(LIST, Job(work, done, cancel=token))

    def _take(self, listed: Listed) -> None:
        self._everything = listed.paths
        self.complete = listed.complete
        self._show_filtered(listed.rows)
        if self._slow is not None:
            self._check_slow()

    def _show_filtered(self, rows: dict[str, int] | None = None) -> None:
        self.beginResetModel()
        if self.text or self.accept is not None or self._slow is not None:
            text, accept = self.text, self.accept
            passed = None if self._slow is None else self._passed or set()
            self._shown = [
                path
                for path in self._everything
                if text in os.path.basename(path).casefold()
                and (passed is None or path in passed)
                and (accept is None or accept(path))
            ]
            self._rows = {path: i for i, path in enumerate(self._shown)}
        else:
            self._shown = self._everything
            self._rows = rows if rows is not None else {path: i for i, path in enumerate(self._shown)}
        self.endResetModel()
        self.listed.emit(self.complete)

    def _folder_changed(self, path: str) -> None:
        if not os.path.isdir(path):
            self._take(Listed([], {}, True))
            self.vanished.emit(path)
            return
        # Copying a thousand files causes a thousand changes: read the folder once, after the last of them.
        self._again.start()


@dataclass(frozen=True)
class Order:
    """How the pictures are sorted."""

    sort: str = "name"
    descending: bool = False
    scores: ScoreOf | None = None

    def of(self, batches: Iterable[Iterable[Path]], cancel: CancelToken) -> Listed:
        """All pictures in order."""
        return self.merged([self.run(batch) for batch in batches], True, cancel)

    def run(self, batch: Iterable[Path]) -> list[Any]:
        """Some of them, sorted, with what they are sorted by."""
        key = self._key()
        return sorted(((key(str(path)), str(path)) for path in batch), reverse=self._reverse)

    def merged(self, runs: list[list[Any]], complete: bool, cancel: CancelToken) -> Listed:
        # Merged in steps and not sorted in one call: that would hold Python's lock, and the window, to its end.
        paths: list[str] = []
        rows: dict[str, int] = {}
        for i, (_, path) in enumerate(heapq.merge(*runs, reverse=self._reverse)):
            if not i % 1000:
                cancel.check()
            rows[path] = i
            paths.append(path)
        return Listed(paths, rows, complete)

    @property
    def _reverse(self) -> bool:
        # Pictures without a score come last, by name, in either direction.
        return self.descending and not (self.sort == "score" and self.scores is not None)

    def _key(self) -> Callable[[str], Any]:
        from vitinspect.images import natural_key

        if self.sort == "score" and self.scores is not None:
            scores, sign = self.scores, -1 if self.descending else 1

            def by_score(path: str) -> tuple[float, Any]:
                score = scores(path)
                return (math.inf if score is None else sign * score), natural_key(path)

            return by_score
        return {"date": _by_date, "size": _by_size}.get(self.sort, natural_key)


def scan(
    folder: str,
    recursive: bool,
    order: Order,
    cancel: CancelToken,
    show: Callable[[Listed], None] | None = None,
) -> Listed:
    """All pictures of ``folder`` in order. ``show`` gets the first ones when there are many."""
    from vitinspect.images import scan_images

    started = time.monotonic()
    shown = show is None
    runs = []
    for batch in scan_images(folder, recursive, cancel=cancel):
        runs.append(order.run(batch))
        if not shown and time.monotonic() - started > _FIRST_AFTER:
            shown = True
            show(order.merged(runs, False, cancel))  # type: ignore[misc]
    return order.merged(runs, True, cancel)


def _by_date(path: str) -> tuple[float, str]:
    try:
        return os.stat(path).st_mtime, path
    except OSError:
        return 0.0, path


def _by_size(path: str) -> tuple[int, str]:
    try:
        return os.stat(path).st_size, path
    except OSError:
        return 0, path
