"""People's masks of the folder compared with the layers: an evaluation run of the folder, and its scores."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.compute.thread_pool import LOOKUP, Background, Job
from vitinspect.app.compute.worker import Problem, problem_of
from vitinspect.app.services.evaluation_process import EvaluationProcess
from vitinspect.app.services.fusion_ranking import FusionRanking
from vitinspect.app.services.open_masks import data_of
from vitinspect.app.session.compared import methods_of
from vitinspect.app.session.layers import MAP, Layer, Layers, title_in
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.errors import VitInspectError

if TYPE_CHECKING:
    from vitinspect.app.services.people_look import Found, Masks
    from vitinspect.evaluation.among_people import OnPicture
    from vitinspect.evaluation.ranking import Candidate
    from vitinspect.figures.differences import Differences

CAUSE, RUN = "people", "evaluation of the folder"
READ_AGAIN = 1000
"""Milliseconds between two readings of a run in progress."""


@dataclass(frozen=True)
class Settings:
    """An evaluation of the folder with what is on screen."""

    data: Path
    folder: Path
    """The run folder; other settings have another."""
    arguments: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command that does the same in a shell."""
        return shlex.join(("vitinspect", *self.arguments))


class PeopleService(QObject):
    """Reads the masks of the folder and the run that has the settings of the screen; starts and stops that run."""

    changed = Signal()
    """Something was found, or is being looked for."""
    picture_ready = Signal()

    def __init__(
        self,
        state: State,
        results: Results,
        pool: Background,
        problems: Problems,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._pool, self._problems = state, results, pool, problems
        self.active = False
        self.found: Found | None = None
        self.detail: Differences | None = None
        self.ranking = FusionRanking(state, pool, problems, self._keys, self)
        self.how = "majority"
        """How the consensus is made."""
        self.against = ""
        """The annotator with whose mask maps are compared in the picture; empty for the consensus."""
        self.everything = False
        """Whether masks that are not independent count too."""
        self.process = EvaluationProcess(self)
        self.process.ended.connect(self._ended)
        self._asked: object = None
        self._looked_at: Path | None = None
        self._asked_detail: object = None
        self._known: dict[tuple[Any, ...], dict[str, OnPicture]] = {}
        self._masks: dict[tuple[Any, ...], Masks] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(READ_AGAIN)
        self._timer.timeout.connect(self._read_again)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)

    # --- what is on screen ---------------------------------------------------------------------------------

    @property
    def data(self) -> Path | None:
        """The folder with pictures and masks."""
        if not self._state.folder:
            return data_of(Path(self._state.image)) if self._state.image else None
        # ``data_of`` takes the path of a picture.
        return data_of(Path(self._state.folder) / "picture")

    def layers(self) -> list[Layer]:
        """The layers that a run can score: methods, and fusions of methods."""
        layers = self._state.layers
        return [layer for layer in layers if layer.visible and self._keys(layer)]

    def _keys(self, layer: Layer) -> list[tuple[str, float]]:
        """The methods of a layer as the run names them, with their weights."""
        return [(one.as_method().key, weight) for one, weight in methods_of(self._state.layers, layer)]

    def candidates(self) -> list[Candidate]:
        """The layers as a run cuts and fuses them, in the order of the list; those of one name carry their number."""
        from vitinspect.app.services.derived_maps import CUTS
        from vitinspect.evaluation.ranking import Candidate

        found, names = [], set()
        for layer in self.layers():
            name = short_name(self._state.layers, layer)
            if name in names:
                name = f"{name} ({self._state.number(layer.id)})"
            names.add(name)
            parameter = CUTS[layer.threshold_mode][0]
            options = ((parameter, float(layer.threshold_value)),) if parameter else ()
            keys = self._keys(layer)
            found.append(
                Candidate(
                    name,
                    tuple(key for key, _ in keys),
                    layer.fusion_mode,
                    tuple(weight for _, weight in keys),
                    (layer.threshold_mode, options),
                    layer.normalisation,
                )
            )
        return found

    @property
    def chosen(self) -> str:
        """The name of the selected layer among the candidates; the first where it is none of them."""
        layers, found = self.layers(), self.candidates()
        for layer, candidate in zip(layers, found, strict=True):
            if layer.id == self._state.selected:
                return candidate.name
        return found[0].name if found else ""

    @property
    def why_not(self) -> str:
        """Why what is on screen cannot be evaluated; empty where it can be, once the model is loaded."""
        if not self._methods():
            return "Show a layer with a method: its maps are compared with the masks."
        if len(self._state.target) > 1:
            return "Explain one class: a contrast of two cannot be evaluated."
        try:
            asked = ModelSource.parse(self._state.model)
        except VitInspectError as error:
            return str(error)
        return "A model whose classes are texts cannot be evaluated." if asked.has_texts else ""

    def settings(self) -> Settings | None:
        """The evaluation of this folder with these layers; None where there is nothing to evaluate."""
        from vitinspect import paths
        from vitinspect.explainers.registry import make_method
        from vitinspect.files import short_hash, slug

        state, data, card = self._state, self.data, self._results.card
        methods = self._methods()
        if data is None or card is None or self.why_not:
            return None
        target = card.label(state.target[0]) if state.target else "predicted"
        texts = [make_method(key).key for key in methods]
        arguments = [
            *("evaluate", str(data), *ModelSource.parse(state.model).arguments, "--methods", ",".join(texts)),
            *("--scores", "overlap", "--target", target, "--mode", state.fit, "--precision", state.precision),
            *("--save", "maps"),
        ]
        name = f"{slug(data.name)}-{slug(card.name)}-{short_hash(' '.join([*arguments, card.fingerprint]))}"
        folder = paths.data_folder() / "runs" / name
        if state.device not in ("", "auto"):
            arguments += ["--device", state.device]
        return Settings(data, folder, (*arguments, "--out", str(folder)))

    # --- following ---------------------------------------------------------------------------------

    def activate(self, on: bool) -> None:
        """The workspace is shown, or another one is."""
        self.active = on
        if on:
            self.follow()
        else:
            self._timer.stop()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if self.active and names & {"folder", "layers", "selected", "target", "fit", "precision", "model"}:
            self.follow()
        elif self.active and "image" in names:
            self._show_picture()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if self.active and "card" in names:
            self.follow()

    def set_how(self, how: str) -> None:
        self.how = how
        self.follow()

    def set_against(self, who: str) -> None:
        self.against = who
        self._show_picture()
        self.changed.emit()

    def set_everything(self, on: bool) -> None:
        self.everything = on
        self.ranking.set_by(replace(self.ranking.by, everything=on))
        self.follow()

    @Slot()
    def _read_again(self) -> None:
        if self._asked is None:
            self.follow()

    def follow(self) -> None:
        """Read the masks and the run again; pictures that were compared before are not compared again."""
        settings, chosen = self.settings(), tuple(self.candidates())
        data, how, everything = self.data, self.how, self.everything
        self.ranking.look_at(settings.folder if settings is not None else None)
        if data is None:
            self.found = None
            self.changed.emit()
            return
        folder = settings.folder if settings is not None else None
        address = (data, folder, chosen, how, everything)
        self._asked = address
        if data != self._looked_at:
            self.found, self._looked_at = None, data
        known = self._known.get(address, {})
        masks = self._masks.get((data, everything))

        def work(cancel: Any) -> Found:
            from vitinspect.app.services.people_look import look

            return look(data, folder, chosen, how, everything, known, masks, cancel)

        def done(found: Any, error: BaseException | None) -> None:
            if self._asked != address:
                return
            self._asked = None
            if error is not None:
                self.found = None
                self._problems.report(CAUSE, problem_of(error, "comparing maps with people"))
            else:
                self.found = found
                self._problems.solved(CAUSE)
                if found.among is not None:
                    self._known = {address: {one.image: one for one in found.among.pictures}}
                self._masks = {(data, everything): found.masks}
            self.changed.emit()
            self._show_picture()

        self._pool.submit(LOOKUP, Job(work, done))
        self.changed.emit()

    def on_screen(self) -> OnPicture | None:
        """The picture of the window, where it was compared."""
        among = self.found.among if self.found is not None else None
        if among is None:
            return None
        path = Path(self._state.image)
        return next((one for one in among.pictures if one.path == path), None)

    def _show_picture(self) -> None:
        """Paint where the selected layer hits and misses."""
        one, settings = self.on_screen(), self.settings()
        candidate = next((c for c in self.candidates() if c.name == self.chosen), None)
        if one is None or settings is None or candidate is None or self.found is None:
            self._asked_detail = self.detail = None
            self.picture_ready.emit()
            return
        who = self.against if self.against in one.annotators else ""
        address = (settings.folder, candidate, one.image, who, self.how, self.everything, self.found.masks.stamp)
        if self._asked_detail == address:
            return
        self._asked_detail, self.detail = address, None
        self.picture_ready.emit()
        masks, how = self.found.gathered.masks, self.how

        def work(cancel: Any) -> Differences:
            from vitinspect.evaluation.people_pictures import differences_of

            return differences_of(settings.folder, masks, one.image, candidate, who, how)

        def done(found: Any, error: BaseException | None) -> None:
            if self._asked_detail == address:
                if error is not None:
                    self._problems.report(CAUSE, problem_of(error, "painting hits and misses"))
                self.detail = None if error is not None else found
                self.picture_ready.emit()

        self._pool.submit(LOOKUP, Job(work, done))

    # --- the evaluation ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Evaluate the folder, or continue where the run was stopped."""
        settings = self.settings()
        if settings is not None and not self.process.running:
            self._problems.solved(RUN)
            self.process.start(settings.arguments)
            self._timer.start()
            self.changed.emit()

    def stop(self) -> None:
        """Stop after the current picture; what is done is kept."""
        self.process.stop()
        self.changed.emit()

    @Slot(str)
    def _ended(self, trouble: str) -> None:
        self._timer.stop()
        if trouble:
            self._problems.report(RUN, Problem(trouble, self.process.output, True))
        self.follow()

    # --- the ranking ---------------------------------------------------------------------------------

    @property
    def may_rank(self) -> bool:
        """Whether there are maps of two methods or more, and nothing else uses the run."""
        there = self.found is not None and self.found.among is not None
        return there and len(self._methods()) > 1 and not self.process.running and not self.ranking.running

    def rank(self) -> None:
        """Which combination of the layers' methods fits the masks best, from the maps of the run."""
        settings = self.settings()
        if settings is not None and self.may_rank:
            self.ranking.rank(settings.folder, self._methods())

    def _methods(self) -> list[str]:
        return list(dict.fromkeys(key for layer in self.layers() for key, _ in self._keys(layer)))

    def write(self, path: str, text: str) -> None:
        """Write a table to a path that the person chose."""
        from vitinspect.files import write_atomic

        try:
            write_atomic(Path(path), text.encode())
        except Exception as error:
            self._problems.report(CAUSE, problem_of(error, "writing the table"))

    def close(self) -> None:
        """End the evaluation; it can be resumed."""
        self.active = False
        self._timer.stop()
        self.process.close()


def short_name(layers: Layers, layer: Layer) -> str:
    """What a layer is called where many are side by side: a method by its short name."""
    if layer.kind == MAP and not layer.name:
        from vitinspect.explainers.registry import methods

        info = methods()[layer.method]
        return info.short or info.title
    return title_in(layers, layer)
