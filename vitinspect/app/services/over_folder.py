"""Two models over the folder: each picture that the list shows, one after the other, after all that is more urgent.

Finished rows are kept in a journal in the cache folder, and are used again after a cancel or a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from vitinspect import paths
from vitinspect.app.compute.explaining import HandOver, Report, as_engine_target
from vitinspect.app.compute.model_input import model_of
from vitinspect.app.compute.thread_pool import LOOKUP, Background, Job
from vitinspect.app.compute.worker import Context, Worker, problem_of
from vitinspect.app.services.one_request import OneRequest
from vitinspect.app.services.second_slot import SecondSlot
from vitinspect.app.session.compared import layer_of_a, layer_of_b, methods_of
from vitinspect.app.session.layers import FUSED, Layer
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import READY, Results
from vitinspect.app.session.state import State
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    from vitinspect.evaluation.two_models import Fusion, Row, Side

CAUSE = "folder comparison"
KIND = "folder"
_AGAIN = 150
"""Milliseconds between two updates of the rows."""


@dataclass(frozen=True)
class FolderAddress:
    """What the rows depend on: both models, and how they are asked."""

    models: tuple[str, str]
    sides: tuple[Side, Side]

    @property
    def settings(self) -> dict[str, Any]:
        from vitinspect.evaluation.two_models import settings_of

        return settings_of(self.models, self.sides)

    @property
    def journal(self) -> Path:
        from vitinspect.evaluation.two_models import journal_name

        return paths.cache_folder() / "compare" / journal_name(self.settings)


@dataclass(frozen=True)
class FolderPart:
    """One row, with what it depends on."""

    address: FolderAddress
    row: Row


class FolderWork:
    """In the worker's thread. It keeps what it has done, so that it can be interrupted and started again."""

    def __init__(self, address: FolderAddress, pictures: Sequence[str]) -> None:
        self._address, self._pictures = address, tuple(pictures)
        self._done: set[str] = set()

    def __call__(self, context: Context, hand_over: HandOver, cancel: CancelToken, progress: Report) -> None:
        from vitinspect.evaluation.two_models import Journal, compare

        address, total = self._address, len(self._pictures)
        models = model_of(context, address.models[0]), model_of(context, address.models[1])
        before = len(self._done)

        def row_ready(row: Row) -> None:
            hand_over(FolderPart(address, row))
            self._done.add(row.picture)

        compare(
            [path for path in self._pictures if path not in self._done],
            models,
            address.sides,
            Journal(address.journal, address.settings),
            on_row=row_ready,
            progress=lambda done, _: progress(before + done, total),
            cancel=cancel,
        )


class FolderComparison(QObject):
    """Keeps the rows of what is compared now. ``wanted`` is set while they are shown."""

    changed = Signal()

    def __init__(
        self,
        state: State,
        results: Results,
        second: SecondSlot,
        pool: Background,
        worker: Worker,
        problems: Problems,
        pictures: Callable[[], list[str]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._second = state, results, second
        self._pool, self._problems = pool, problems
        self._pictures = pictures
        self._wanted = False
        self._address: FolderAddress | None = None
        self._rows: dict[str, Row] = {}
        self._request = OneRequest(KIND, CAUSE, worker, problems, self)
        self._request.ended.connect(self.changed)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_AGAIN)
        self._soon.timeout.connect(self.changed)
        state.changed.connect(self._state_changed)
        for one in (results, second.results):
            one.changed.connect(self._results_changed)
        worker.part.connect(self._on_part)

    def close(self) -> None:
        self._soon.stop()

    # --- what is there -------------------------------------------------------------------------------------------

    @property
    def rows(self) -> list[Row]:
        """Of the pictures that the list shows, in its order."""
        return [self._rows[path] for path in self._pictures() if path in self._rows]

    @property
    def running(self) -> bool:
        return self._request.running

    @property
    def total(self) -> int:
        return len(self._pictures())

    @property
    def why_not(self) -> str:
        """Why nothing can be compared now; empty where it can."""
        state = self._state
        if not self._pictures():
            return "There are no pictures in the list."
        for letter, layer in (
            ("A", layer_of_a(state.layers, state.selected)),
            ("B", layer_of_b(state.layers, state.selected)),
        ):
            if layer is None:
                return "There is no layer to compare: add one at the right."
            if not methods_of(state.layers, layer):
                return (
                    f"Over a folder, only methods and fusions of them are compared; the layer of {letter} is neither."
                )
        if self._now() is None:
            return "The models are not loaded yet."
        return ""

    def want(self, wanted: bool = True) -> None:
        """Follow what is compared, and show what is already known about it."""
        self._wanted = wanted
        if wanted:
            self._follow()

    # --- following -----------------------------------------------------------------------------------------------

    def _now(self) -> FolderAddress | None:
        from vitinspect.evaluation.two_models import Side

        state, second = self._state, self._second.state
        cards = self._results.card, self._second.results.card
        layers = layer_of_a(state.layers, state.selected), layer_of_b(state.layers, state.selected)
        ready = READY == self._results.model_state == self._second.results.model_state
        if not ready or cards[0] is None or cards[1] is None or not self._second.is_shown:
            return None
        sides = []
        for layer, one in zip(layers, (state, second), strict=True):
            made_of = methods_of(state.layers, layer)
            if layer is None or not made_of:
                return None
            methods = tuple(member.as_method() for member, _ in made_of)
            mode, options = cutting_of(layer)
            target = as_engine_target(one.target)
            sides.append(Side(methods, fusion_of(layer, made_of), target, one.precision, one.fit, mode, options))
        return FolderAddress((cards[0].fingerprint, cards[1].fingerprint), (sides[0], sides[1]))

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if self._wanted and names & {"layers", "selected", "target", "slot_b", "precision", "fit", "workspace"}:
            self._follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if self._wanted and names & {"card", "model_state", "folder_size"}:
            self._follow()

    def _follow(self) -> None:
        address = self._now()
        if address is not None and (self._address is None or address.settings != self._address.settings):
            self.cancel()
            self._address, self._rows = address, {}
            self._problems.solved(CAUSE)
            journal, settings = address.journal, address.settings
            self._pool.submit(
                LOOKUP, Job(lambda cancel: _known(journal, settings), lambda rows, error: self._found(address, rows))
            )
        self.changed.emit()

    def _found(self, address: FolderAddress, rows: Any) -> None:
        if address is self._address and rows:
            self._rows = {**{row.picture: row for row in rows}, **self._rows}
            self.changed.emit()

    # --- what a person asks --------------------------------------------------------------------------------------

    def compute(self) -> None:
        """Compare the pictures that are not compared yet."""
        self._follow()
        address = self._address
        if address is None or self.why_not:
            return
        self._problems.solved(CAUSE)
        rest = [path for path in self._pictures() if path not in self._rows]
        if rest:
            self._request.submit(FolderWork(address, rest), "Comparing the folder")
        self.changed.emit()

    def cancel(self) -> None:
        """What is done stays; ``compute`` continues from there."""
        self._request.cancel()
        self.changed.emit()

    def save(self, path: str, measure: str) -> None:
        """All rows as a table, in the order of ``measure``, written to a chosen path."""
        from vitinspect.evaluation.two_models import as_csv, ordered
        from vitinspect.files import write_atomic

        try:
            write_atomic(Path(path), as_csv(ordered(self.rows, measure)).encode())
        except Exception as error:
            self._problems.report(CAUSE, problem_of(error, "writing the table"))

    # --- the worker answers --------------------------------------------------------------------------------------

    @Slot(int, object)
    def _on_part(self, request_id: int, part: Any) -> None:
        if isinstance(part, FolderPart) and self._address is not None and part.address is self._address:
            self._rows[part.row.picture] = part.row
            if not self._soon.isActive():
                self._soon.start()


def _known(journal: Path, settings: dict[str, Any]) -> list[Row]:
    from vitinspect.evaluation.two_models import Journal

    return Journal(journal, settings).rows


def fusion_of(layer: Layer, made_of: Sequence[tuple[Layer, float]]) -> Fusion | None:
    """How a fused layer is made of its members; None for the layer of one method."""
    from vitinspect.evaluation.two_models import Fusion

    if layer.kind != FUSED:
        return None
    return Fusion(tuple(weight for _, weight in made_of), layer.fusion_mode, layer.normalisation)


def cutting_of(layer: Layer) -> tuple[str, dict[str, float]]:
    """The mode of its threshold and the mode's number, as ``thresholds`` takes them."""
    from vitinspect.app.services.derived_maps import CUTS

    name, _, low, high, _ = CUTS[layer.threshold_mode]
    return layer.threshold_mode, {name: min(max(layer.threshold_value, low), high)} if name else {}
