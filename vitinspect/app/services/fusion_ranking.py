"""Ranking the fusions of the layers' methods, from the maps that the run of the folder has saved."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from vitinspect.app.compute.thread_pool import LOOKUP, Background, Job
from vitinspect.app.compute.worker import problem_of
from vitinspect.app.services.derived_maps import CUTS
from vitinspect.app.session.layers import FUSED, MAP, Layer, Member, add, change, fused_layer
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.state import State

if TYPE_CHECKING:
    from vitinspect.evaluation.ranking import Candidate, Ranking

CAUSE = "ranking of fusions"


@dataclass(frozen=True)
class RankBy:
    """What ``vitinspect rank`` asks for."""

    score: str = "iou"
    thresholds: str = "otsu"
    fuse: str = "geometric"
    weights: bool = False
    """Also with double weight for one of the methods."""
    normalisation: str = "minmax"
    everything: bool = False
    """Also with masks that are not independent."""

    def command(self, folder: Path) -> str:
        """The command that does the same in a shell."""
        words = ["vitinspect", "rank", str(folder)]
        defaults = RankBy()
        for option, value, plain in (
            ("--score", self.score, defaults.score),
            ("--thresholds", self.thresholds.replace(" ", ""), defaults.thresholds),
            ("--fuse", self.fuse, defaults.fuse),
            ("--normalise", self.normalisation, defaults.normalisation),
        ):
            words += [option, value] if value != plain else []
        return shlex.join([*words, *(["--weights"] if self.weights else []), *(["--all"] if self.everything else [])])


class FusionRanking(QObject):
    """Scores every combination of up to three methods in the background; its winner can become the selected layer."""

    changed = Signal()

    def __init__(
        self,
        state: State,
        pool: Background,
        problems: Problems,
        keys_of: Callable[[Layer], list[tuple[str, float]]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._pool, self._problems, self._keys_of = state, pool, problems, keys_of
        self.by = RankBy()
        self._run: Path | None = None
        self._made: dict[Path, Ranking] = {}
        """Run folder to its ranking."""
        self.running = False

    @property
    def found(self) -> Ranking | None:
        """The ranking of the run on screen, if it was made."""
        return self._made.get(self._run) if self._run is not None else None

    def look_at(self, run: Path | None) -> None:
        """The run folder of what is on screen; the ranking of another one is not shown for it."""
        if run != self._run:
            self._run = run
            self.changed.emit()

    def set_by(self, by: RankBy) -> None:
        self.by = by
        self.changed.emit()

    def rank(self, folder: Path, keys: Sequence[str]) -> None:
        if self.running:
            return
        from vitinspect.errors import VitInspectError
        from vitinspect.evaluation.ranking import cuttings_of

        by = self.by
        try:
            cuttings = cuttings_of(by.thresholds)
        except VitInspectError as error:
            self._problems.report(CAUSE, problem_of(error, "ranking fusions"))
            return
        self.running = True

        def work(cancel: Any) -> Ranking:
            from vitinspect.evaluation.people_pictures import ranking_of

            return ranking_of(
                folder,
                keys,
                score=by.score,
                cuttings=cuttings,
                modes=tuple(by.fuse.split(",")),
                weighted=by.weights,
                normalisation=by.normalisation,
                everything=by.everything,
                cancel=cancel,
            )

        def done(found: Any, error: BaseException | None) -> None:
            self.running = False
            if error is not None:
                self._problems.report(CAUSE, problem_of(error, "ranking fusions"))
            else:
                self._problems.solved(CAUSE)
                self._made[folder] = found
            self.changed.emit()

        self._pool.submit(LOOKUP, Job(work, done))
        self.changed.emit()

    def export(self, path: str) -> None:
        """Write the table in the form that the file's ending says."""
        from vitinspect.evaluation.ranking import table_of
        from vitinspect.evaluation.table_formats import written
        from vitinspect.files import write_atomic

        if self.found is None:
            return
        try:
            write_atomic(Path(path), written(table_of(self.found), Path(path).suffix).encode())
        except Exception as error:
            self._problems.report(CAUSE, problem_of(error, "writing the table"))

    def apply_winner(self) -> None:
        """Select the layer of the winning combination, cut as it was; a fusion that is not a layer yet becomes one."""
        if self.found is None:
            return
        winner, layers = self.found.candidates[self.found.winner], self._state.layers
        mode, options = winner.cutting
        value = float(options[0][1]) if options else CUTS[mode][4]
        look: dict[str, Any] = {"threshold_mode": mode, "threshold_value": value}
        there = self._layer_of(winner, self.found.normalisation)
        if there is None:
            ids = {self._keys_of(layer)[0][0]: layer.id for layer in layers if layer.kind == MAP}
            if any(key not in ids for key in winner.keys):
                return
            most = max(winner.weights)
            members = [Member(ids[key], weight / most) for key, weight in zip(winner.keys, winner.weights, strict=True)]
            look |= {"fusion_mode": winner.mode, "normalisation": self.found.normalisation}
            there = fused_layer(layers, members, **look)
            last = max((i for i, one in enumerate(layers, 1) if one.is_map), default=0)
            layers = add(layers, there, at=last)
        else:
            layers = change(layers, there.id, **look)
        self._state.edit("Apply the winner", layers, selected=there.id)

    def _layer_of(self, winner: Candidate, normalisation: str) -> Layer | None:
        """The layer that fuses the same methods in the same way, if there is one."""
        wanted = _shares(zip(winner.keys, winner.weights, strict=True))
        for layer in self._state.layers:
            if layer.kind not in (MAP, FUSED) or _shares(self._keys_of(layer)) != wanted:
                continue
            same_way = (layer.fusion_mode, layer.normalisation) == (winner.mode, normalisation)
            if layer.kind == MAP or same_way:
                return layer
        return None


def _shares(weights: Any) -> dict[str, float]:
    """Weights count in proportion to each other."""
    found = dict(weights)
    most = max(found.values(), default=1.0)
    return {key: round(weight / most, 6) for key, weight in found.items()}
