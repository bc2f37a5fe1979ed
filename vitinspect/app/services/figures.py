"""The figure of the Figure workspace: what it shows, the page as it looks now, what is being computed, and its file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from vitinspect.app.compute.explaining import Mapped, Predicted, Refused
from vitinspect.app.compute.figure_maps import Failed, FigureWork, Group, ModelFacts, Plotted, Resolved
from vitinspect.app.compute.model_loading import Loader, load_from_sources
from vitinspect.app.compute.thread_pool import CHORES, LOOKUP, Background, Job
from vitinspect.app.compute.worker import Problem, Worker, problem_of
from vitinspect.app.services.figure_cells import FigureCells
from vitinspect.app.services.figure_edits import CAUSE, FigureEdits
from vitinspect.app.services.maps import MapService
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import READY, Results
from vitinspect.app.session.state import State
from vitinspect.errors import Cancelled, VitInspectError
from vitinspect.figures.specification import FigureSpec

if TYPE_CHECKING:
    from vitinspect.app.figure.cells import Known
    from vitinspect.app.figure.pages import MadePage, Measured

WITH, ANONYMOUS, WITHOUT = "inside", "anonymous", "none"
"""How much a file records about how it was made."""
_PAGE_WAIT = 60
"""Milliseconds in which several changes become one page."""
_SIZE_WAIT = 700


@dataclass(frozen=True)
class Working:
    """A file that is being written."""

    path: str
    done: int = 0
    total: int = 0


class FigureService(FigureEdits):
    """The only one that changes the figure of the state, and that makes its page."""

    page_made = Signal()
    """``page`` is a newer one."""
    status_changed = Signal()
    """What is being computed or written, or what a file would be like, has changed."""
    saved = Signal(str)
    """The path of a figure that was written."""

    def __init__(
        self,
        state: State,
        results: Results,
        pool: Background,
        worker: Worker,
        problems: Problems,
        maps: MapService,
        *,
        loader: Loader | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(state, results, problems, parent)
        self._pool, self._worker = pool, worker
        self._loader = loader or load_from_sources
        self.cells = FigureCells(state, results, maps)
        self.active = False
        self.page: MadePage | None = None
        self.format = "pdf"
        self.recipe = WITH
        self.colour_blind = ""
        """How the page is shown: as it is, or as a person with a kind of colour blindness sees it."""
        self.working: Working | None = None
        self.measured: Measured | None = None
        """Facts about the file as it would be written now; None until they are known."""
        self.stopped = False
        """Whether the person cancelled what was being computed."""
        self._request = 0
        self._asked: frozenset[object] = frozenset()
        self._making: Job | None = None
        self._again = False
        self._reading: Job | None = None
        self._writing: Job | None = None
        self._measuring: Job | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_PAGE_WAIT)
        self._soon.timeout.connect(self._look)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_SIZE_WAIT)
        self._rest.timeout.connect(self._measure)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        worker.part.connect(self._on_part)
        worker.failed.connect(self._on_failed)
        worker.ended.connect(self._on_ended)

    def close(self) -> None:
        self._soon.stop()
        self._rest.stop()
        for job in (self._making, self._reading, self._writing, self._measuring):
            if job is not None:
                job.cancel.cancel()

    def activate(self, on: bool) -> None:
        """Make the page while the workspace is shown; a figure that is empty begins with what the window shows."""
        self.active = on
        if not on:
            self._soon.stop()
            self._rest.stop()
            self._worker.cancel("figure")
            return
        if not self._state.figure and self._state.image:
            self._put(self.from_window("pictures", "layers"))
        self._soon.start()

    @property
    def is_due(self) -> bool:
        """Whether something of the page is still to be made."""
        return self._soon.isActive() or self._making is not None or self._reading is not None

    # --- what is there -------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "figure" in names:
            if self.place_of(self.selected) == (0, 0):
                self.selected = "a1"
            self.stopped = False
            self.changed.emit()
        if self.active and names & {"figure", "model", "device"}:
            self._soon.start()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if not self.active:
            return
        if names & {"card", "model_state"}:
            self._soon.start()
        if not self._state.figure and names & {"picture", "card"}:
            self.activate(True)

    def say(self, cause: str, sentence: str) -> None:
        """Report something that is wrong and does not stop the work."""
        self._problems.report(cause, Problem(sentence, "", True))

    def retry(self) -> None:
        """Compute what was cancelled or failed, and read the pictures again."""
        self.stopped = False
        self.cells.forget_failures()
        if self.active:
            self._soon.start()

    def cancel(self) -> None:
        """Stop computing; what has been computed stays."""
        if self._worker.knows(self._request):
            self.stopped = True
        self._worker.cancel("figure")
        self.status_changed.emit()

    @property
    def waiting(self) -> int:
        """How many cells are still to be computed."""
        return self.page.waiting if self.page is not None else 0

    @property
    def is_waiting(self) -> bool:
        """Whether a file waits only for cells that are being computed."""
        return self.page is not None and not self.page.problems and self.page.waiting > 0

    @Slot()
    def _look(self) -> None:
        """Read and compute what is missing, and make the page of what there is."""
        if not self.active or self.is_empty:
            self.page = None
            self.page_made.emit()
            return
        spec = self.spec
        missing, maps = self.cells.missing_pictures(spec), self.cells.missing_maps(spec)
        if (missing or maps) and self._reading is None:
            self._read(missing, maps)
        known, groups, keys = self.cells.known(spec)
        if keys:
            self._look_on_disk(keys)
        elif groups and not self.stopped and self._reading is None:
            self._compute(groups)
        elif not groups:
            self._worker.cancel("figure")
            self._asked = frozenset()
        if self.cells.knows_sizes(spec):
            self._make(spec, known)

    def _read(self, paths: list[tuple[str, int]], maps: list[str]) -> None:
        from vitinspect.app.figure.cells import read
        from vitinspect.map_files import read_map_file

        def work(cancel: Any) -> None:
            for path, _ in paths:
                cancel.check()
                self._pool.post(partial(self.cells.put_size, path, _size_of(path)))
            self._pool.post(self._look_soon)
            for path in maps:
                cancel.check()
                try:
                    map_file: Any = read_map_file(path)
                except (VitInspectError, OSError, MemoryError) as error:
                    map_file = str(error)
                self._pool.post(partial(self.cells.put_map_file, path, map_file))
            for number, (path, most) in enumerate(paths):
                cancel.check()
                try:
                    found: Any = read(path, most)
                except (VitInspectError, OSError, MemoryError) as error:
                    found = str(error)
                self._pool.post(partial(self._arrived, path, most, found, number % 4 == 3))

        def done(result: Any, error: BaseException | None) -> None:
            self._reading = None
            if error is not None and not isinstance(error, Cancelled):
                self._problems.report(CAUSE, problem_of(error, "reading the pictures of the figure"))
            if self.active:
                self._soon.start()

        self._reading = self._pool.submit(CHORES, Job(work, done, dropped=self._not_read))

    def _look_soon(self) -> None:
        if self.active and not self._soon.isActive():
            self._soon.start()

    def _not_read(self) -> None:
        self._reading = None

    def _arrived(self, path: str, most: int, found: Any, show: bool) -> None:
        self.cells.put_picture(path, most, found)
        if show and self.active:
            self._soon.start()

    def _look_on_disk(self, keys: list[str]) -> None:
        from vitinspect.app.compute import map_cache

        def work(cancel: Any) -> list[Any]:
            return [value for value in map(map_cache.read, keys) if value is not None]

        def done(found: Any, error: BaseException | None) -> None:
            for value in found or ():
                self.cells.put(value)
            if self.active:
                self._soon.start()

        self._pool.submit(LOOKUP, Job(work, done))

    def _compute(self, groups: list[Group]) -> None:
        if self._results.model_state != READY:
            return  # called again when the model is loaded
        asked = frozenset(group.key for group in groups)
        if asked <= self._asked and self._worker.knows(self._request):
            return
        self._asked = asked
        count = sum(group.count for group in groups)
        what = "part" if any(group.plot is not None for group in groups) else "map"
        words = f"Computing {count} {what}{'s' if count != 1 else ''} of the figure"
        self._request = self._worker.submit("figure", FigureWork(groups, self._state.device, self._loader), words)
        self.status_changed.emit()

    @Slot(int, object)
    def _on_part(self, request_id: int, part: Any) -> None:
        if isinstance(part, Mapped | Predicted | Refused | ModelFacts | Resolved | Failed | Plotted):
            wanted = self.cells.put(part)
            if request_id == self._request and self.cells.uses_disk and isinstance(part, Mapped | Predicted):
                self._pool.submit(CHORES, Job(partial(_keep, part)))
            if wanted and self.active and not self._soon.isActive():
                self._soon.start()

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        if request_id == self._request:
            self._problems.report(CAUSE, problem)

    @Slot(int)
    def _on_ended(self, request_id: int) -> None:
        if request_id == self._request and not self._worker.knows(request_id):
            self._asked = frozenset()
            if self.active:
                self._soon.start()
            self.status_changed.emit()

    # --- the page ------------------------------------------------------------------------------------------------

    def _make(self, spec: FigureSpec, known: dict[str, Known]) -> None:
        """Lay the page out in a thread; one page at a time, and the newest after it."""
        from vitinspect.app.figure.pages import make_page

        if self._making is not None:
            self._again = True
            return
        self._again = False

        def done(made: Any, error: BaseException | None) -> None:
            self._making = None
            if error is None:
                self.page = made
                if self._problems.current.get("figure page") is not None:
                    self._problems.solved("figure page")
                self.page_made.emit()
                self.measured = None
                self._rest.start()
            elif not isinstance(error, Cancelled):
                self._problems.report("figure page", problem_of(error, "laying out the figure"))
            if self._again and self.active:
                self._soon.start()

        kept, blind = self.cells.kept, self.colour_blind
        self._making = self._pool.submit(LOOKUP, Job(partial(make_page, spec, known, kept, blind), done, self._dropped))

    def _dropped(self) -> None:
        self._making = None

    def show_as(self, colour_blind: str) -> None:
        """Show the page as a person with a kind of colour blindness sees it; empty: as it is."""
        self.colour_blind = colour_blind
        self._soon.start()

    # --- its file ------------------------------------------------------------------------------------------------

    def set_export(self, **values: str) -> None:
        """``format`` and ``recipe`` of the file."""
        for name, value in values.items():
            setattr(self, name, value)
        self.measured = None
        self.status_changed.emit()
        self._rest.start()

    @Slot()
    def _measure(self) -> None:
        """How large the file would be and which fonts it has, by writing it to memory."""
        from vitinspect.app.figure.pages import measure

        page = self.page
        if page is None or page.waiting or self._measuring is not None or not self.active:
            return
        kind, recipe = self.format, self.recipe

        def done(found: Any, error: BaseException | None) -> None:
            self._measuring = None
            if error is None and page is self.page and (kind, recipe) == (self.format, self.recipe):
                self.measured = found
                self.status_changed.emit()
            elif page is not self.page or (kind, recipe) != (self.format, self.recipe):
                self._rest.start()

        def dropped() -> None:
            self._measuring = None

        self._measuring = self._pool.submit(
            CHORES, Job(partial(measure, page, kind, self.spec.dpi, recipe), done, dropped)
        )

    @property
    def why_not(self) -> str:
        """Why no file can be written now; empty where one can."""
        if self.is_empty or self.page is None:
            return "There is no figure yet."
        if self.page.problems:
            where, sentence = next(iter(self.page.problems.items()))
            return f"Cell {where}: {sentence}"
        if self.page.waiting:
            count = self.page.waiting
            return f"{count} cell{'s are' if count != 1 else ' is'} still being computed."
        return ""

    def export(self, path: str) -> None:
        """Write the figure, with the pictures as they are, in a thread."""
        from vitinspect.app.figure.pages import write

        if self.working is not None or self.why_not:
            return
        known, _, _ = self.cells.known(self.spec)
        self.working = Working(path)
        self.status_changed.emit()

        def progress(done: int, total: int) -> None:
            self._pool.post(lambda: self._written(replace(self.working or Working(path), done=done, total=total)))

        def done(result: Any, error: BaseException | None) -> None:
            self._writing, self.working = None, None
            self.status_changed.emit()
            if error is None:
                self._problems.solved("figure file")
                self.saved.emit(path)
            elif not isinstance(error, Cancelled):
                self._problems.report("figure file", problem_of(error, f"writing {path}"))

        self._writing = self._pool.submit(
            LOOKUP, Job(partial(write, self.spec, known, path, self.recipe, progress), done, self._stopped_writing)
        )

    def _written(self, working: Working) -> None:
        if self.working is not None:
            self.working = working
            self.status_changed.emit()

    def cancel_export(self) -> None:
        if self._writing is not None:
            self._writing.cancel.cancel()
            self._stopped_writing()

    def _stopped_writing(self) -> None:
        self._writing, self.working = None, None
        self.status_changed.emit()


def _keep(part: Mapped | Predicted, cancel: Any) -> None:
    from vitinspect.app.compute import map_cache

    map_cache.write(part)


def _size_of(path: str) -> tuple[int, int] | None:
    """(height, width) from the head of a file."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) >= 5
            return (image.width, image.height) if turned else (image.height, image.width)
    except Exception:  # opening the file reports what is wrong
        return None
