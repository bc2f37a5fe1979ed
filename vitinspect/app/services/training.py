"""A training run in slot B: the map and the prediction of each checkpoint of a folder, for the present picture.

One checkpoint after the other is loaded beside the models of the two slots, asked, and dropped again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from vitinspect.app.compute import explaining, model_loading
from vitinspect.app.compute.addresses import InputAddress, Target
from vitinspect.app.compute.explaining import HandOver, Mapped, MapsRequest, Predicted, Refused, Report
from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.compute.worker import Context, Problem, Worker, problem_of
from vitinspect.app.services.derived_maps import CUTS
from vitinspect.app.services.mask_files import MaskFile
from vitinspect.app.services.models import LoadedCards
from vitinspect.app.services.overlaps import OverlapRequest, overlaps_of
from vitinspect.app.services.second_slot import SecondSlot
from vitinspect.app.session.compared import layer_of_b
from vitinspect.app.session.layers import MAP
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import ModelCard, Results
from vitinspect.app.session.state import State
from vitinspect.errors import Cancelled, VitInspectError
from vitinspect.explainers.registry import parse_methods
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    import numpy as np

    from vitinspect.evaluation.training_run import Checkpoint

CAUSE = "training run"
KIND = "training"
_MOST = 6
"""Pictures, classes or methods whose steps are kept."""


@dataclass(frozen=True)
class TrainingAddress:
    """What the steps depend on besides the checkpoint itself."""

    folder: str
    content: str
    method: str
    """With its parameters, as ``Method.key`` writes it."""
    target: Target
    precision: str
    fit: str
    device: str
    options: tuple[tuple[str, str], ...]
    """What is asked of each checkpoint besides its path, as of slot B's model: architecture, head, input size."""
    threshold: tuple[str, float]
    truth: MaskFile | None


@dataclass(frozen=True, eq=False)
class Step:
    """What one checkpoint gives."""

    source: str
    card: ModelCard | None = None
    predicted: Predicted | None = None
    mapped: Mapped | None = None
    level: float = 0.0
    overlap: Any = None
    problem: str = ""

    @property
    def label(self) -> str:
        return self.predicted.predictions[0].label if self.predicted is not None and self.predicted.predictions else ""

    def probability(self, target: Target) -> float:
        """Of the class that is explained."""
        if self.predicted is None or not target or target[0] >= len(self.predicted.probabilities):
            return float("nan")
        return float(self.predicted.probabilities[target[0]])


@dataclass(frozen=True, eq=False)
class StepPart:
    address: TrainingAddress
    step: Step


class TrainingWork:
    """In the worker's thread. It keeps which checkpoints are done, so that it can be interrupted and started again."""

    def __init__(self, address: TrainingAddress, sources: Sequence[str], pixels: np.ndarray, loader: Any) -> None:
        self._address, self._sources, self._pixels = address, tuple(sources), pixels
        self._loader = loader or model_loading.load_from_sources
        self._done: set[str] = set()

    def __call__(self, context: Context, hand_over: HandOver, cancel: CancelToken, progress: Report) -> None:
        from vitinspect.app import torchload

        torchload.import_torch(lambda done, total: None, cancel)
        for number, source in enumerate(self._sources):
            cancel.check()
            progress(number, len(self._sources))
            if source in self._done:
                continue
            hand_over(StepPart(self._address, self._step(source, hand_over, cancel)))
            self._done.add(source)

    def _step(self, source: str, hand_over: HandOver, cancel: CancelToken) -> Step:
        address = self._address
        try:
            model = self._loader(source, device=address.device)
            card = model_loading.card_of(model, source, address.precision)
            cancel.check()
            own = Context()
            own.models[source, address.device] = model
            where = InputAddress(address.content, card.fingerprint, address.precision, address.fit)
            target = address.target if all(index < len(card.labels) for index in address.target) else ()
            parts: list[Any] = []
            explaining.explain(
                own,
                parts.append,
                cancel,
                lambda done, total: None,
                request=MapsRequest(where, (parse_methods(address.method)[0],), target),
                pixels=self._pixels,
            )
            return self._found(source, card, parts, hand_over, cancel)
        except Cancelled:
            raise
        except Exception as error:
            return Step(source, problem=problem_of(error, f"loading {source}").message)

    def _found(self, source: str, card: ModelCard, parts: list[Any], hand_over: HandOver, cancel: CancelToken) -> Step:
        step = Step(source, card)
        for part in parts:
            if isinstance(part, Refused):
                step = replace(step, problem=part.message)
                continue
            hand_over(part)  # into the caches: slot B has it at once when this step is chosen
            step = replace(step, **{"predicted" if isinstance(part, Predicted) else "mapped": part})
        return self._scored(step, cancel)

    def _scored(self, step: Step, cancel: CancelToken) -> Step:
        from vitinspect.maps import resize
        from vitinspect.thresholds import threshold

        mapped, predicted, address = step.mapped, step.predicted, self._address
        if mapped is None or predicted is None:
            return step
        mode, value = address.threshold
        name, _, low, high, _ = CUTS[mode]
        options: dict[str, Any] = {name: min(max(value, low), high)} if name else {}
        level = float(threshold(resize(mapped.values, predicted.placed.input_size), mode, **options).level)
        step = replace(step, level=level)
        if address.truth is None:
            return step
        request = OverlapRequest(address.truth, predicted.placed, ((step.source, mapped.address, level),))
        try:
            return replace(step, overlap=overlaps_of(request, {step.source: mapped.values}, cancel)[step.source])
        except VitInspectError:
            return step  # the truth cannot be read, which its layer reports


class TrainingRun(QObject):
    """The checkpoints of the state's folder, and what is known about them for the present picture."""

    changed = Signal()

    def __init__(
        self,
        state: State,
        results: Results,
        second: SecondSlot,
        worker: Worker,
        problems: Problems,
        cards: LoadedCards,
        *,
        loader: Any = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._second = state, results, second
        self._worker, self._problems, self._cards, self._loader = worker, problems, cards, loader
        self._kept: dict[TrainingAddress, dict[str, Step]] = {}
        self._request = 0
        self._asked: TrainingAddress | None = None
        self.checkpoints: tuple[Checkpoint, ...] = ()
        self.trouble = ""
        """Why the folder has no checkpoints."""
        self._listed = ""
        state.changed.connect(self._state_changed)
        for one in (results, second.results):
            one.changed.connect(self._results_changed)
        worker.part.connect(self._on_part)
        worker.failed.connect(self._on_failed)
        worker.ended.connect(self._on_ended)

    # --- what is there -------------------------------------------------------------------------------------------

    def read_folder(self) -> None:
        """List the checkpoints again, since the files may have changed."""
        from vitinspect.evaluation.training_run import checkpoints_in

        self.trouble, self.checkpoints, self._listed = "", (), self._state.checkpoints
        if self._listed:
            try:
                self.checkpoints = tuple(checkpoints_in(self._listed))
            except (VitInspectError, OSError) as error:
                self.trouble = str(error)
        self.changed.emit()

    def source_of(self, checkpoint: Checkpoint) -> str:
        """As slot B is asked for it: with the architecture, head and input size that its model was asked for."""
        return self._with_options(checkpoint.path, self._options())

    def _options(self) -> tuple[tuple[str, str], ...]:
        try:
            asked = ModelSource.parse(self._second.state.model)
        except VitInspectError:
            return ()
        names = ("arch", "head", "head_name", "image_size")
        return tuple((name, getattr(asked, name)) for name in names if getattr(asked, name))

    @staticmethod
    def _with_options(path: str, options: tuple[tuple[str, str], ...]) -> str:
        given: dict[str, Any] = dict(options)
        return ModelSource(path, **given).line

    def address(self) -> TrainingAddress | None:
        """What is asked for now; None while there is no picture, or no method to compare by."""
        state, second, picture = self._state, self._second.state, self._results.picture
        layer = layer_of_b(state.layers, state.selected)
        if picture is None or picture.path != state.image or layer is None or layer.kind != MAP or not self.checkpoints:
            return None
        if not self._second.is_shown or not self.target:
            return None
        truth = self._results.truth
        return TrainingAddress(
            state.checkpoints,
            picture.content,
            layer.as_method().key,
            self.target,
            second.precision,
            second.fit,
            second.device,
            self._options(),
            (layer.threshold_mode, layer.threshold_value),
            truth.mask if truth is not None else None,
        )

    @property
    def target(self) -> Target:
        """One class for all steps: that of slot B, else the one that is explained in A."""
        return self._second.state.target or self._results.target

    @property
    def steps(self) -> dict[str, Step]:
        """Source -> what is known about it, for what is asked now."""
        address = self.address()
        return self._kept.get(address, {}) if address is not None else {}

    @property
    def running(self) -> bool:
        return self._request != 0 and self._worker.knows(self._request)

    # --- following -----------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "checkpoints" in names:
            self.read_folder()
        elif names & {"layers", "selected", "slot_b", "image", "workspace", "target"}:
            self._follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"picture", "target", "truth"}:
            self._follow()

    def _follow(self) -> None:
        if self.running and self.address() != self._asked:
            self.cancel()
        self.changed.emit()

    # --- what a person asks --------------------------------------------------------------------------------------

    def compute(self) -> None:
        """Ask the checkpoints that were not asked yet."""
        if self._listed != self._state.checkpoints:
            self.read_folder()
        address, picture = self.address(), self._results.picture
        if address is None or picture is None:
            return
        self._problems.solved(CAUSE)
        steps = self._kept.setdefault(address, {})
        while len(self._kept) > _MOST:
            self._kept.pop(next(iter(self._kept)))
        sources = [self._with_options(one.path, address.options) for one in self.checkpoints]
        rest = [source for source in sources if source not in steps or steps[source].problem]
        if rest:
            self._asked = address
            work = TrainingWork(address, rest, picture.pixels, self._loader)
            self._request = self._worker.submit(KIND, work, "Computing the checkpoints' maps")
        self.changed.emit()

    def cancel(self) -> None:
        """What is done stays."""
        self._request = 0
        self._worker.cancel(KIND)
        self.changed.emit()

    def choose(self, checkpoint: Checkpoint) -> None:
        """Load a checkpoint into slot B, with the class that all steps explain; a computed map is shown at once."""
        source = self.source_of(checkpoint)
        step = self.steps.get(source)
        if step is not None and step.card is not None:
            self._cards.note(source, self._second.state.device, step.card)
        self._second.state.set(model=source, target=self.target)

    # --- the worker answers --------------------------------------------------------------------------------------

    @Slot(int, object)
    def _on_part(self, request_id: int, part: Any) -> None:
        if isinstance(part, StepPart):
            self._kept.setdefault(part.address, {})[part.step.source] = part.step
            self.changed.emit()

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        if request_id == self._request:
            self._problems.report(CAUSE, problem)

    @Slot(int)
    def _on_ended(self, request_id: int) -> None:
        if request_id == self._request and not self._worker.knows(request_id):
            self._request = 0
            self.changed.emit()
