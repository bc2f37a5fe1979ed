"""The masks that are drawn: one document per picture and annotator, journaled, and written when the picture is left.

The only one that opens, changes and writes mask documents. Drawing goes through ``document``; what was drawn is in the
journal at once, and in the PNG when the picture is left, on a timer, and when the window closes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from vitinspect.app.compute.thread_pool import CHORES, Background, Job
from vitinspect.app.compute.worker import Problem
from vitinspect.app.services.open_masks import OpenMask, copied, data_of, data_to_write
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.errors import DataError
from vitinspect.names import shown

if TYPE_CHECKING:
    import numpy as np

    from vitinspect.annotation.document import MaskDocument
    from vitinspect.annotation.journal import Recovered
    from vitinspect.annotation.store import AnnotatorFolder, Sidecar
    from vitinspect.annotation.strokes import Rectangle
    from vitinspect.annotation.study import Study, Turn

AUTOSAVE = 5_000
"""Milliseconds after a change until the PNG is written."""
MOST_DOCUMENTS = 12
"""How many pictures keep their undo steps after another one was opened."""
CAUSE, LOCK, JOURNAL = "masks", "masks in two windows", "mask journal"


class MaskService(QObject):
    """Keeps what is drawn. ``active`` while the Masks workspace is shown."""

    opened = Signal()
    """Another document, or none, or its labels."""
    painted = Signal(object)
    """The rectangle of the picture that was painted on."""
    status_changed = Signal()
    """What is shown beside the picture has changed: areas, state, time, progress, what is written."""
    written = Signal(str)
    """The path of a picture whose mask is now in its file."""
    conflict = Signal(object)
    """The path of a file that another program or person changed; ``resolve`` is called with the choice made."""

    def __init__(
        self, state: State, results: Results, pool: Background, problems: Problems, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._pool, self._problems = state, results, pool, problems
        self.active = False
        self.annotator = ""
        self.blind = False
        self.label = 1
        self.study: Study | None = None
        self.repeated = False
        """Whether the picture is drawn for the second time, in a study."""
        self.recovered: list[Recovered] = []
        self._data: Path | None = None
        self._turn = 0
        self._open: dict[tuple[str, str, bool], OpenMask] = {}
        self._current: OpenMask | None = None
        self._lock: int | None = None
        self._locked = ("", "")
        self._sidecars: dict[tuple[str, bool], Sidecar] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(AUTOSAVE)
        self._timer.timeout.connect(self.write_all)
        results.changed.connect(self._results_changed)

    # --- what is open --------------------------------------------------------------------------------------------

    @property
    def current(self) -> OpenMask | None:
        return self._current

    @property
    def document(self) -> MaskDocument | None:
        return self._current.document if self._current is not None else None

    def activate(self, on: bool) -> None:
        """The workspace is shown, or left."""
        if on == self.active:
            return
        self.active = on
        if on:
            from vitinspect.annotation.store import last_annotator

            self.annotator = self.annotator or last_annotator()
            self._find_recovered()
            self._follow_picture()
        else:
            self._pause()
            document = self.document
            if document is not None and document.status == "begun":
                # Other workspaces show maps and predictions of this picture.
                document.origin = replace(document.origin, blind=False)
            self.write_all()

    def set_annotator(self, name: str) -> None:
        """Set who draws; what the previous annotator drew is written first."""
        from vitinspect.annotation.store import AnnotatorFolder, remember_annotator

        name = name.strip()
        if name == self.annotator:
            return
        if name:
            try:
                AnnotatorFolder(Path("."), name)
                remember_annotator(name)
            except DataError as error:
                self._report(CAUSE, str(error))
                return
        self.write_all()
        self.annotator, self._turn = name, 0
        self._sidecars.clear()
        self._follow_picture()

    def set_blind(self, on: bool) -> None:
        """Hide maps and the masks of others. A mask beside which they were shown even once was not drawn blind."""
        self.blind = on
        if not on and self.document is not None:
            self.document.origin = replace(self.document.origin, blind=False)
        self.opened.emit()

    def set_label(self, value: int) -> None:
        if self.document is not None and value in {label.value for label in self.labels}:
            self.label = value
            self.status_changed.emit()

    @property
    def labels(self) -> tuple[Any, ...]:
        from vitinspect.annotation.document import IGNORE_LABEL

        return (*self.document.labels, IGNORE_LABEL) if self.document is not None else ()

    def add_label(self, name: str) -> None:
        """Add a class that can be drawn."""
        from vitinspect.annotation.document import labels_from_names

        document = self.document
        if document is None:
            return
        try:
            document.labels = labels_from_names([*(label.name for label in document.labels), name])
        except DataError as error:
            self._report(CAUSE, str(error))
            return
        self._problems.solved(CAUSE)
        document.changes += 1
        self.label = len(document.labels)
        self.opened.emit()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"picture", "picture_path"} and self.active:
            self._follow_picture()

    def _follow_picture(self) -> None:
        picture = self._results.picture
        self._pause()
        if self._current is not None:
            self._write(self._current)
        self._current = None
        if self.active and self.annotator and picture is not None:
            self._current = self._opened(Path(picture.path), picture.size, picture.content)
        if self._current is not None:
            self._current.document.resume_clock()
            self._timer.start()
        self.label = 1
        self.opened.emit()
        self.status_changed.emit()

    def _opened(self, image: Path, size: tuple[int, int], content: str) -> OpenMask | None:
        from vitinspect.annotation.journal import Journal, JournalKey
        from vitinspect.annotation.store import AnnotatorFolder
        from vitinspect.annotation.study import read_study

        try:
            data = data_to_write(image)
        except DataError as error:
            self._report(CAUSE, str(error))
            return None
        if data != self._data:
            self._data, self._turn = data, 0
            self._sidecars.clear()
            try:
                self.study = read_study(data)
            except DataError as error:
                self.study = None
                self._report(CAUSE, str(error))
            if self.study is not None:
                self.blind = self.study.blind
        self._place_in_study(image)
        key = (str(image), self.annotator, self.repeated)
        found = self._open.pop(key, None)
        if found is None:
            folder = AnnotatorFolder(data, self.annotator, self.repeated)
            try:
                document = folder.open(image, size)
            except DataError as error:
                self._report(CAUSE, str(error))
                return None
            if not os.path.lexists(folder.mask_path(image)):
                if self.study is not None:
                    document.labels = self.study.labels
                document.origin = replace(document.origin, blind=self.blind, image=image.name, image_digest=content)
            journal = Journal(JournalKey(str(image), str(folder.mask_path(image)), self.annotator))
            found = OpenMask(image, folder, document, journal, folder.digest(image), document.changes)
            self._journal(found)
        self._open[key] = found  # the last one in the order of use
        self._take_lock(found.folder)
        if not self.blind:
            found.others = self._others(image, size)
        self._problems.solved(CAUSE)
        self._drop_old()
        return found

    def _journal(self, one: OpenMask) -> None:
        def step(name: str, patch: Any) -> None:
            try:
                one.journal.step(one.document, name, patch)
                self._problems.solved(JOURNAL)
            except DataError as error:
                self._report(JOURNAL, f"{error} What is drawn is kept in memory.")
            self._timer.start()
            self.status_changed.emit()

        one.document.on_step = step

    def _drop_old(self) -> None:
        """Of pictures that were left long ago only the file stays; what is not written is never dropped."""
        for key in list(self._open)[:-MOST_DOCUMENTS]:
            if not self._open[key].dirty and not self._open[key].writing:
                self._open.pop(key).journal.close()

    def _others(self, image: Path, size: tuple[int, int]) -> dict[str, np.ndarray]:
        from vitinspect.annotation.masks import load
        from vitinspect.annotation.store import AnnotatorFolder, annotators

        found = {}
        for name in annotators(data_of(image)):
            path = AnnotatorFolder(data_of(image), name).mask_path(image)
            if name == self.annotator or not path.is_file():
                continue
            try:
                mask = load(path)
            except DataError:
                continue  # what is wrong with it is reported where it is opened
            if mask.shape == size:
                found[name] = mask
        return found

    # --- the study -----------------------------------------------------------------------------------------------

    def turns(self) -> list[Turn]:
        """The order of this annotator; empty without a study, or where the annotator takes no part."""
        if self.study is None or self.annotator not in self.study.annotators:
            return []
        return self.study.order(self.annotator)

    def _place_in_study(self, image: Path) -> None:
        """Which turn a picture is: the current one, else its first."""
        turns = self.turns()
        self.repeated = False
        if not turns or self._data is None:
            return
        name = self._study_name(image)
        if not (self._turn < len(turns) and turns[self._turn].image == name):
            self._turn = next((i for i, turn in enumerate(turns) if turn.image == name), 0)
        self.repeated = turns[self._turn].image == name and turns[self._turn].repeated

    def _study_name(self, image: Path) -> str:
        from vitinspect.annotation.study import pictures_folder

        root = pictures_folder(self._data or image.parent)
        return image.relative_to(root).as_posix() if root in image.parents else image.name

    def next_image(self) -> str:
        """The next picture to be drawn: by the study's order, else the next in the list that is not done."""
        from vitinspect.annotation.study import pictures_folder

        turns = self.turns()
        if not turns or self._data is None:
            return ""
        for step in range(1, len(turns) + 1):
            index = (self._turn + step) % len(turns)
            turn = turns[index]
            image = pictures_folder(self._data) / turn.image
            if self.sidecar(str(image), turn.repeated).status not in ("done", "nothing"):
                self._turn = index
                return str(image)
        return ""

    def forget_read(self) -> None:
        """Masks were written by others: what is not being drawn on is read again."""
        for key in [k for k, one in self._open.items() if not one.dirty and not one.writing]:
            self._open.pop(key).journal.close()
        self._sidecars.clear()
        self._current = None
        self._follow_picture()

    def reopen(self) -> None:
        """The same picture once more: its second turn in a study."""
        self._follow_picture()

    def progress(self) -> tuple[int, int, float | None]:
        """How many are done, of how many, and the seconds left as estimated from the time spent so far."""
        turns = self.turns()
        if turns and self._data is not None:
            from vitinspect.annotation.study import progress

            assert self.study is not None
            found = progress(self._data, self.study, self.annotator)
            return found.done, found.total, found.seconds_left
        done = [s for s in (self.sidecar(path) for path in self._listed()) if s.status in ("done", "nothing")]
        total = len(self._listed())
        spent = sum(s.origin.seconds for s in done)
        return len(done), total, spent / len(done) * (total - len(done)) if done and spent else None

    listed: Callable[[], list[str]] = staticmethod(lambda: [])
    """The paths in the list of pictures; set by the window."""

    def _listed(self) -> list[str]:
        paths = self.listed()
        return paths if len(paths) <= 2000 else paths[:2000]

    def sidecar(self, image: str, repeated: bool = False) -> Sidecar:
        """What is known about a mask of this annotator, as it is in memory, else on disk."""
        from vitinspect.annotation.store import AnnotatorFolder, Sidecar

        if not self.annotator:
            return Sidecar()
        mine = self._open.get((image, self.annotator, repeated))
        if mine is not None:
            document = mine.document
            return Sidecar(document.status, document.labels, document.origin)
        key = (image, repeated)
        if key not in self._sidecars:
            self._sidecars[key] = AnnotatorFolder(data_of(Path(image)), self.annotator, repeated).sidecar(Path(image))
        return self._sidecars[key]

    # --- drawing -------------------------------------------------------------------------------------------------

    def touched(self, rectangle: Rectangle | None) -> None:
        """A tool has painted."""
        if rectangle is not None:
            self.painted.emit(rectangle)

    def undo(self) -> bool:
        document = self.document
        if document is None or not document.history.undo_name:
            return False
        self.touched(document.undo())
        return True

    def redo(self) -> bool:
        document = self.document
        if document is None or not document.history.redo_name:
            return False
        self.touched(document.redo())
        return True

    def operate(self, operation_id: str, other: str = "") -> None:
        """An operation on the current label; ``other`` is the annotator whose mask it uses."""
        from vitinspect.annotation.operations import COMBINATIONS, OPERATIONS

        one = self._current
        if one is None:
            return
        document = one.document
        operation = next(o for o in (*OPERATIONS, *COMBINATIONS) if o.id == operation_id)
        mine = document.values == self.label
        if operation.needs_other:
            theirs = one.others.get(other)
            if theirs is None:
                return
            if not document.values.any() and operation_id in ("union", "replace"):
                self.touched(document.start_from(f"mask {other}", theirs == 1, self.label))
                return
            self.touched(document.apply(self.label, operation.apply(mine, theirs == 1), f"{operation.title} {other}"))
        else:
            self.touched(document.apply(self.label, operation.apply(mine), operation.title))

    def start_from_map(self) -> None:
        """Fill the label with the part of the selected map above its threshold; the mask keeps a record of this."""
        cut = self._cut()
        document = self.document
        if cut is None or document is None or self.blind:
            return
        title, mask = cut
        self.touched(document.start_from(f"map {title}", mask, self.label))

    @property
    def has_map(self) -> bool:
        return not self.blind and self._results.active_map(self._state.active) is not None

    def _cut(self) -> tuple[str, np.ndarray] | None:
        import numpy as np

        from vitinspect.figures.overlay import place
        from vitinspect.models.placement import Placement

        active = self._results.active_map(self._state.active)
        cut = self._results.cuts.get(active.id) if active is not None else None
        if active is None or cut is None or self.document is None:
            return None
        placed = active.placed
        placement = Placement(placed.input_size, placed.original_size, placed.box)
        heat = place(np.asarray(active.values), placement)
        if heat.shape != self.document.size:
            return None
        return active.title, np.nan_to_num(heat, nan=-np.inf) > cut.level

    def set_status(self, status: Any) -> bool:
        """Set done, nothing here, or begun again; False where that is not possible."""
        document = self.document
        if document is None:
            return False
        try:
            document.set_status(status)
        except DataError as error:
            self._report(CAUSE, str(error))
            return False
        self._problems.solved(CAUSE)
        self.status_changed.emit()
        return True

    # --- writing -------------------------------------------------------------------------------------------------

    def _pause(self) -> None:
        if self._current is not None:
            if self._current.document.in_stroke:
                self.touched(self._current.document.end())
            self._current.document.pause_clock()

    @Slot()
    def write_all(self) -> None:
        """Write what is not written, in the background."""
        for one in list(self._open.values()):
            self._write(one)
        if not self.active and not any(one.dirty for one in self._open.values()):
            self._timer.stop()

    def _write(self, one: OpenMask) -> None:
        if not one.dirty or one.writing or one.document.in_stroke:
            return
        snapshot, changes = copied(one.document), one.document.changes
        one.writing = True

        def work(cancel: Any) -> str:
            return one.folder.write(one.image, snapshot, one.known)

        def done(digest: Any, error: BaseException | None) -> None:
            one.writing = False
            self._after_write(one, changes, digest, error)

        self._pool.submit(CHORES, Job(work, done))

    def _after_write(self, one: OpenMask, changes: int, digest: str, error: BaseException | None) -> None:
        from vitinspect.annotation.store import ChangedOnDisk

        if isinstance(error, ChangedOnDisk):
            self._report(CAUSE, str(error))
            self.conflict.emit(one)
        elif error is not None:
            self._report(
                CAUSE,
                f"{error} What you draw is kept in memory and in the recovery folder, and is written as soon as it can"
                " be.",
            )
        else:
            one.known, one.written, one.written_at = digest, changes, time.time()
            self._sidecars.pop((str(one.image), False), None)
            if not one.dirty:
                one.journal.discard()
            if not any(other.dirty for other in self._open.values()):
                self._problems.solved(CAUSE)
            self.written.emit(str(one.image))
        self.status_changed.emit()

    def resolve(self, one: OpenMask, choice: str) -> None:
        """What to keep of a mask whose file was changed elsewhere: ``mine``, ``theirs`` or ``both``."""
        try:
            if choice == "both":
                one.folder.keep_both(one.image)
                one.known = ""
            elif choice == "mine":
                one.known = one.folder.digest(one.image)
            else:
                document = one.folder.open(one.image, one.document.size)
                one.document.fill_with(document.values, document.labels)
                one.known, one.written = one.folder.digest(one.image), one.document.changes
                one.journal.discard()
                self.opened.emit()
        except DataError as error:
            self._report(CAUSE, str(error))
            return
        self._problems.solved(CAUSE)
        self._write(one)

    def close(self) -> None:
        """Write everything, here and now; what cannot be written stays in its journal."""
        from vitinspect.annotation.store import release_lock

        self._timer.stop()
        self._pause()
        for one in self._open.values():
            if one.dirty:
                try:
                    one.known = one.folder.write(one.image, one.document, one.known)
                    one.written = one.document.changes
                    one.journal.discard()
                except (DataError, OSError):
                    pass
            one.journal.close()
        release_lock(self._lock)
        self._lock = None

    # --- other windows, and the strokes of one that crashed -------------------------------------------------------

    def _take_lock(self, folder: AnnotatorFolder) -> None:
        from vitinspect.annotation.store import release_lock

        wanted = (str(folder.folder), self.annotator)
        if wanted == self._locked and self._lock is not None:
            return
        release_lock(self._lock)
        try:
            self._lock = folder.take_lock()
        except DataError:
            self._lock = -1
        self._locked = wanted
        if self._lock is None:
            self._report(
                LOCK,
                f"Another window draws here as {shown(self.annotator)}: neither shows what the other writes.",
            )
        else:
            self._problems.solved(LOCK)

    def _find_recovered(self) -> None:
        from vitinspect.annotation.journal import journals, read
        from vitinspect.annotation.store import AnnotatorFolder, release_lock

        mine = {str(one.journal.path) for one in self._open.values()}
        self.recovered = []
        for path in journals():
            if str(path) in mine:
                continue
            try:
                found = read(path)
                lock = AnnotatorFolder(data_of(Path(found.key.image)), found.key.annotator).take_lock()
            except DataError:
                continue
            if lock is not None:  # nobody draws there now
                release_lock(lock)
                self.recovered.append(found)

    def restore(self, found: Recovered) -> None:
        """Write the strokes of a journal to their mask, and show them if its picture is open."""
        image = Path(found.key.image)
        from vitinspect.annotation.store import REPEATS, AnnotatorFolder

        repeated = REPEATS in Path(found.key.mask).parts
        try:
            folder = AnnotatorFolder(data_to_write(image), found.key.annotator, repeated)
            folder.write(image, found.document, folder.digest(image))
            found.path.unlink(missing_ok=True)
        except (DataError, OSError) as error:
            self._report(CAUSE, f"{error} The strokes stay in the recovery folder.")
            return
        self.recovered.remove(found)
        key = (str(image), found.key.annotator, repeated)
        self._open.pop(key, None)
        self._sidecars.clear()
        self._current = None
        self._follow_picture()

    def discard(self, found: Recovered) -> None:
        found.path.unlink(missing_ok=True)
        self.recovered.remove(found)
        self.status_changed.emit()

    def _report(self, cause: str, text: str) -> None:
        self._problems.report(cause, Problem(text, "", True))
