"""A training run in slot B: the map and the prediction of each checkpoint of a folder, for the present picture.

One checkpoint after the other is loaded beside the models of the two slots, asked, and dropped again. The answers
are kept on the disk with the maps, so that they are there again after a restart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from vitinspect import paths
from vitinspect.app.compute import explaining, map_cache, model_cards, model_loading
from vitinspect.app.compute.addresses import Address, FusedAddress, InputAddress, Target
from vitinspect.app.compute.explaining import HandOver, Mapped, MapsRequest, Predicted, Refused, Report
from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.compute.thread_pool import LOOKUP, Background, Job
from vitinspect.app.compute.worker import Context, Worker, problem_of
from vitinspect.app.services.derived_maps import CUTS
from vitinspect.app.services.mask_files import MaskFile
from vitinspect.app.services.models import LoadedCards
from vitinspect.app.services.one_request import OneRequest
from vitinspect.app.services.over_folder import fusion_of
from vitinspect.app.services.overlaps import OverlapRequest, overlaps_of
from vitinspect.app.services.second_slot import SecondSlot
from vitinspect.app.session.compared import layer_of_b, methods_of
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import ModelCard, Results
from vitinspect.app.session.state import State
from vitinspect.errors import Cancelled, VitInspectError
from vitinspect.explainers.registry import parse_methods
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    import numpy as np

    from vitinspect.evaluation.training_run import Checkpoint
    from vitinspect.evaluation.two_models import Fusion

CAUSE = "training run"
KIND = "training"
_MOST = 6
"""Pictures, classes or methods whose steps are kept in memory."""
_MOST_CARDS = 500
"""Checkpoints of a run that are remembered on the disk."""


@dataclass(frozen=True)
class TrainingAddress:
    """What the steps depend on besides the checkpoint itself."""

    folder: str
    content: str
    methods: tuple[str, ...]
    """With their parameters, as ``Method.key`` writes them."""
    fusion: Fusion | None
    """How they become one map, where there are several."""
    target: Target
    precision: str
    fit: str
    device: str
    options: tuple[tuple[str, str], ...]
    """What is asked of each checkpoint besides its path, as of slot B's model: architecture, head, input size."""
    threshold: tuple[str, float]
    truth: MaskFile | None

    @property
    def cards(self) -> Path:
        """The file that says what its checkpoints are."""
        about = json.dumps([self.folder, self.device, *self.options])
        mark = hashlib.blake2b(about.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
        return paths.cache_folder() / "training" / f"{mark}.cards"

    def aims_at(self, card: ModelCard) -> Target:
        """The class that is explained, where the checkpoint has it; else the one that it predicts."""
        return self.target if all(index < len(card.labels) for index in self.target) else ()

    def input_of(self, card: ModelCard) -> InputAddress:
        return InputAddress(self.content, card.fingerprint, self.precision, self.fit)


@dataclass(frozen=True, eq=False)
class StepMap:
    """The map of one checkpoint: a method's, or the fusion of several."""

    address: Address | FusedAddress
    values: np.ndarray
    signed: bool
    resolution: str


@dataclass(frozen=True, eq=False)
class Step:
    """What one checkpoint gives."""

    source: str
    card: ModelCard | None = None
    predicted: Predicted | None = None
    mapped: StepMap | None = None
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
    """In the worker's thread. It keeps which checkpoints are done, so that it can be interrupted and started again.

    ``keep``: also on the disk, for another day.
    """

    def __init__(
        self, address: TrainingAddress, sources: Sequence[str], pixels: np.ndarray, loader: Any, *, keep: bool = False
    ) -> None:
        self._address, self._sources, self._pixels, self._keep = address, tuple(sources), pixels, keep
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
            parts: list[Any] = []
            explaining.explain(
                own,
                parts.append,
                cancel,
                lambda done, total: None,
                request=MapsRequest(
                    address.input_of(card),
                    tuple(parse_methods(key)[0] for key in address.methods),
                    address.aims_at(card),
                ),
                pixels=self._pixels,
            )
            for part in parts:
                if not isinstance(part, Refused):
                    hand_over(part)  # into the caches: slot B has it at once when this step is chosen
                    if self._keep:
                        map_cache.write(part)
            if self._keep:
                model_cards.remember_card(card, address.cards, most=_MOST_CARDS)
            return step_of(address, source, card, parts, cancel)
        except Cancelled:
            raise
        except Exception as error:
            return Step(source, problem=problem_of(error, f"loading {source}").message)


def step_of(address: TrainingAddress, source: str, card: ModelCard, parts: Sequence[Any], cancel: CancelToken) -> Step:
    """The step that the answers of one checkpoint make."""
    step, maps = Step(source, card), {}
    for part in parts:
        if isinstance(part, Refused):
            step = replace(step, problem=part.message)
        elif isinstance(part, Predicted):
            step = replace(step, predicted=part)
        elif isinstance(part, Mapped):
            maps[part.key] = part
    if all(key in maps for key in address.methods):
        step = replace(step, mapped=_one_map(address, [maps[key] for key in address.methods]))
    return _scored(address, step, cancel)


def _one_map(address: TrainingAddress, maps: Sequence[Mapped]) -> StepMap:
    how, first = address.fusion, maps[0]
    if how is None:
        return StepMap(first.address, first.values, first.signed, first.resolution)
    from vitinspect.fusion import fuse
    from vitinspect.maps import AttributionMap

    members = [AttributionMap(one.values, one.method, signed=one.signed) for one in maps]
    values = fuse(members, how.mode, how.weights, normalisation=how.normalisation).values
    resolution = "pixel" if any(one.resolution == "pixel" for one in maps) else "patch"
    made_of = FusedAddress(tuple(one.address for one in maps), how.weights, how.mode, how.normalisation)
    return StepMap(made_of, values, False, resolution)


def _scored(address: TrainingAddress, step: Step, cancel: CancelToken) -> Step:
    """With the level of its threshold, and its scores against the truth."""
    from vitinspect.maps import resize
    from vitinspect.thresholds import threshold

    mapped, predicted = step.mapped, step.predicted
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


def kept_steps(address: TrainingAddress, sources: Sequence[str], cancel: CancelToken) -> list[Step]:
    """The steps whose files are as they were and whose answers are on the disk."""
    found = []
    for source, card in model_cards.recall_cards(sources, address.precision, address.cards).items():
        cancel.check()
        where, target = address.input_of(card), address.aims_at(card)
        methods = [parse_methods(key)[0] for key in address.methods]
        keys = [where.of(one.key, target if one.info.class_specific else ()).text for one in methods]
        parts = [map_cache.read(key) for key in (where.text, *keys)]
        if all(part is not None for part in parts):
            found.append(step_of(address, source, card, parts, cancel))
    return found


class TrainingRun(QObject):
    """The checkpoints of the state's folder, and what is known about them for the present picture."""

    changed = Signal()

    def __init__(
        self,
        state: State,
        results: Results,
        second: SecondSlot,
        pool: Background,
        worker: Worker,
        problems: Problems,
        cards: LoadedCards,
        *,
        loader: Any = None,
        on_disk: Callable[[], bool] = lambda: False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._second = state, results, second
        self._pool, self._problems, self._cards, self._loader = pool, problems, cards, loader
        self._on_disk = on_disk
        self._kept: dict[TrainingAddress, dict[str, Step]] = {}
        self._request = OneRequest(KIND, CAUSE, worker, problems, self)
        self._request.ended.connect(self.changed)
        self._asked: TrainingAddress | None = None
        self._looked_for: TrainingAddress | None = None
        """What was last looked for on disk."""
        self.checkpoints: tuple[Checkpoint, ...] = ()
        self.trouble = ""
        """Why the folder has no checkpoints."""
        self._listed = ""
        state.changed.connect(self._state_changed)
        for one in (results, second.results):
            one.changed.connect(self._results_changed)
        worker.part.connect(self._on_part)

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
        self._looked_for = None
        self._follow()

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
        made_of = methods_of(state.layers, layer)
        if picture is None or picture.path != state.image or layer is None or not made_of or not self.checkpoints:
            return None
        if not self._second.is_shown or not self.target:
            return None
        truth = self._results.truth
        return TrainingAddress(
            state.checkpoints,
            picture.content,
            tuple(member.as_method().key for member, _ in made_of),
            fusion_of(layer, made_of),
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
        return self._request.running

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
        address = self.address()
        if self.running and address != self._asked:
            self.cancel()
        unknown = address is not None and address not in self._kept and address != self._looked_for
        if address is not None and unknown and self._on_disk():
            self._looked_for = address
            sources = self._sources(address)
            self._pool.submit(
                LOOKUP,
                Job(
                    lambda cancel: kept_steps(address, sources, cancel),
                    lambda steps, error: self._recalled(address, steps or ()),
                ),
            )
        self.changed.emit()

    def _recalled(self, address: TrainingAddress, steps: Sequence[Step]) -> None:
        if steps:
            self._add(address, *(step for step in steps if step.source not in self._kept.get(address, {})))
            self.changed.emit()

    def _add(self, address: TrainingAddress, *steps: Step) -> None:
        self._kept.setdefault(address, {}).update({step.source: step for step in steps})
        while len(self._kept) > _MOST:
            self._kept.pop(next(iter(self._kept)))

    def _sources(self, address: TrainingAddress) -> list[str]:
        return [self._with_options(one.path, address.options) for one in self.checkpoints]

    # --- what a person asks --------------------------------------------------------------------------------------

    def compute(self) -> None:
        """Ask the checkpoints that were not asked yet."""
        if self._listed != self._state.checkpoints:
            self.read_folder()
        address, picture = self.address(), self._results.picture
        if address is None or picture is None:
            return
        self._problems.solved(CAUSE)
        self._add(address)
        steps = self._kept[address]
        rest = [source for source in self._sources(address) if source not in steps or steps[source].problem]
        if rest:
            self._asked = address
            work = TrainingWork(address, rest, picture.pixels, self._loader, keep=self._on_disk())
            self._request.submit(work, "Computing the checkpoints' maps")
        self.changed.emit()

    def cancel(self) -> None:
        """What is done stays."""
        self._request.cancel()
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
            self._add(part.address, part.step)
            self.changed.emit()
