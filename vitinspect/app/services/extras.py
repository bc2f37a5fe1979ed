"""What is computed on request, beside the maps: curves, overlap with a mask, painted-out regions, attention."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute import probing
from vitinspect.app.compute.thread_pool import OVERLAP, Background, Job
from vitinspect.app.compute.worker import Problem, Worker
from vitinspect.app.services.mask_files import MaskFinder
from vitinspect.app.session.results import READY, Results, ShownMap
from vitinspect.app.session.state import State

if TYPE_CHECKING:
    from vitinspect.app.services.coordinator import Coordinator

_CHANGES_MODEL = frozenset({"picture", "card"})


class Extras(QObject):
    """Asks the worker for them and puts them into the results; drops them when the picture or the model changes."""

    def __init__(
        self,
        state: State,
        results: Results,
        background: Background,
        worker: Worker,
        coordinator: Coordinator,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.state, self.results = state, results
        self.background, self.worker, self.coordinator = background, worker, coordinator
        self.masks = MaskFinder()
        self._ids = {"scores": 0, "probe": 0, "attention": 0}
        self._scored: dict[str, ShownMap] = {}
        self._attention_for: Any = None
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        worker.part.connect(self._on_part)
        worker.finished.connect(self._on_finished)
        worker.failed.connect(self._on_failed)
        worker.ended.connect(self._on_ended)

    # --- following -----------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"plots", "plot", "pinned", "precision", "fit"}:
            self._want_attention()
        if "plots" in names:
            self._overlap()
        if names & {"fit", "precision"}:
            self.reset_brush()
        if "brush_fill" in names and self.results.painted is not None:
            self._probe()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & _CHANGES_MODEL:
            self.worker.cancel("scores")
            self.results.update(curves={}, overlaps={}, attention=None, scoring=False)
            self.reset_brush()
            self._attention_for = None
        if names & {"maps", "fused"}:
            alive = {id(m) for m in self.results.all_maps.values()}
            curves = {k: v for k, v in self.results.curves.items() if id(self._scored.get(k)) in alive}
            self.results.update(curves=curves)
        if names & {"cuts", "picture", "card"}:  # maps from the disk are there before the model, and stay
            self._overlap()
        if names & {"picture", "card", "placed", "model_state"}:
            self._want_attention()

    def _common(self) -> dict[str, Any] | None:
        """What every request says of picture and model; None while there is nothing to compute with."""
        picture, card = self.results.picture, self.results.card
        if picture is None or card is None or self.results.model_state != READY:
            return None
        return {
            "pixels": picture.pixels,
            "content": picture.content,
            "fit": self.state.fit,
            "precision": self.state.precision,
        }

    # --- curves --------------------------------------------------------------------------------------------------

    def score(self) -> None:
        """Compute the curves of the maps that are shown and have none yet."""
        common = self._common()
        maps = {k: m for k, m in self.results.all_maps.items() if k not in self.results.curves}
        if common is None or not maps or not self.results.target:
            return
        self._scored = {**self._scored, **maps}
        self.results.update(scoring=True)
        self._ids["scores"] = self.worker.submit(
            "scores",
            partial(
                probing.scores,
                **common,
                target=self.results.target,
                maps={key: shown.values for key, shown in maps.items()},
                fill=self.state.score_fill,
                steps=self.state.score_steps,
            ),
            "Scoring by deletion and insertion",
        )

    def forget_curves(self) -> None:
        self.worker.cancel("scores")
        self.results.update(curves={}, scoring=False)

    # --- overlap with a mask -------------------------------------------------------------------------------------

    def _overlap(self) -> None:
        picture, placed = self.results.picture, self.results.placed
        path = self.masks.find(picture.path) if picture is not None else ""
        self.results.update(mask_path=path)
        maps, cuts = self.results.all_maps, self.results.cuts
        ready = {key: (maps[key], cuts[key]) for key in maps if key in cuts}
        if not path or placed is None or not ready or not self.state.plots:
            self.results.update(overlaps={})
            return

        def done(found: Any, error: BaseException | None) -> None:
            if error is not None:
                self.results.update(overlaps={}, mask_error=str(error))
            elif self.results.picture is picture:
                self.results.update(overlaps=found, mask_error="")

        self.background.clear(OVERLAP)
        self.background.submit(OVERLAP, Job(partial(_overlaps, path, placed, ready), done))

    # --- what if -------------------------------------------------------------------------------------------------

    def brush(self, start: tuple[float, float], stop: tuple[float, float], *, erase: bool = False) -> None:
        """Paint a region out from one point of the picture to another, or bring it back."""
        placed, common = self.results.placed, self._common()
        if placed is None or common is None:
            return
        import numpy as np

        from vitinspect.app.brush import stroke

        mask = self.results.painted
        if mask is None:
            mask = np.zeros(placed.input_size, dtype=bool)
        # The brush has a size on the picture in hundredths of its shorter side, whatever its resolution.
        width = self.state.brush_size / 100 * min(placed.original_size)
        self.paint_out(stroke(mask, placed, start, stop, width, erase=erase))

    def paint_out(self, mask: Any) -> None:
        """Take ``mask`` (over the model's input) out of the picture; nothing where it is None or empty."""
        if mask is None or not mask.any():
            self.reset_brush()
        elif self._common() is not None:
            self.results.update(painted=mask)
            self._probe()

    def _probe(self) -> None:
        common = self._common()
        if common is None or self.results.painted is None:
            return
        work = partial(probing.probe, **common, mask=self.results.painted, fill=self.state.brush_fill)
        self._ids["probe"] = self.worker.submit("probe", work, "Predicting without the painted region")

    def reset_brush(self) -> None:
        """The picture as it is."""
        if self.results.painted is not None or self.results.probed is not None:
            self.worker.cancel("probe")
            self._ids["probe"] = 0
            self.results.update(painted=None, probed=None)

    # --- layers and heads ----------------------------------------------------------------------------------------

    def _want_attention(self) -> None:
        common, card = self._common(), self.results.card
        if not self.state.plots or self.state.plot != "layers" or common is None or card is None:
            return
        token = 0
        if len(self.state.pinned) == 2:
            row, column = self.state.pinned
            if row >= card.grid[0] or column >= card.grid[1]:
                return
            token = len(card.prefix_names) + row * card.grid[1] + column
        wanted = (common["content"], card.fingerprint, token, common["fit"], common["precision"])
        if wanted == self._attention_for:
            return
        self._attention_for = wanted
        self._ids["attention"] = self.worker.submit(
            "attention",
            partial(probing.attention, **common, token=token, fingerprint=card.fingerprint),
            "Reading the attention of all heads",
        )

    # --- the worker answers --------------------------------------------------------------------------------------

    @Slot(int, object)
    def _on_part(self, request_id: int, part: Any) -> None:
        wanted = request_id == self._ids["scores"] and isinstance(part, probing.Curves)
        if wanted and self._scored.get(part.id) is self.results.all_maps.get(part.id):
            self.results.update(curves={**self.results.curves, part.id: part})

    @Slot(int, object)
    def _on_finished(self, request_id: int, result: Any) -> None:
        if isinstance(result, probing.Probed) and request_id == self._ids["probe"]:
            self.results.update(probed=result)
        elif isinstance(result, probing.Attention) and request_id == self._ids["attention"]:
            picture, card = self.results.picture, self.results.card
            if picture is None or card is None:
                return
            if (result.content, result.model) == (picture.content, card.fingerprint):
                self.results.update(attention=result)

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        if request_id in self._ids.values():
            self.coordinator.trouble.emit(problem)

    @Slot(int)
    def _on_ended(self, request_id: int) -> None:
        if request_id == self._ids["scores"] and not self.worker.knows(request_id):
            self.results.update(scoring=False)
        if request_id == self._ids["attention"] and self.results.attention is None:
            self._attention_for = None


def _overlaps(path: str, placed: Any, ready: dict[str, Any], cancel: Any) -> dict[str, Any]:
    """Compare each map and its cut with the mask, on the model's input."""
    from vitinspect.errors import DataError
    from vitinspect.images import open_mask
    from vitinspect.maps import resize
    from vitinspect.models.preprocess import Placement
    from vitinspect.scores.masks import overlap

    mask = open_mask(path)
    if mask.shape != placed.original_size:
        height, width = placed.original_size
        raise DataError(
            f"The mask {path} has {mask.shape[1]} × {mask.shape[0]} pixels, the picture {width} × {height}."
        )
    seen = Placement(placed.input_size, placed.original_size, placed.box).mask_to_input(mask)
    found = {}
    for key, (shown, cut) in ready.items():
        cancel.check()
        values = resize(shown.values, placed.input_size)
        found[key] = overlap(values > cut.level, seen, values, boundaries=False)
    return found
