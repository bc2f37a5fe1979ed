"""The maps of a figure's cells, in the worker's thread: many pictures, classes and models, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitinspect.app.compute.addresses import InputAddress, Target
from vitinspect.app.compute.explaining import HandOver, MapsRequest, Report, explain
from vitinspect.app.compute.worker import Context, problem_of
from vitinspect.errors import Cancelled
from vitinspect.explainers.registry import Method
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    from vitinspect.figures.drawings import Drawing
    from vitinspect.figures.specification import Cell

Loader = Callable[..., Any]


@dataclass(frozen=True)
class Ask:
    """One picture, model and class, as a cell names them."""

    path: str
    content: str
    """The hash of the picture's file."""
    model: str
    """The model's line, as the window writes it."""
    fit: str
    precision: str
    target: str
    """In words; empty for the predicted class."""


@dataclass(frozen=True)
class Group:
    """The maps that one call of the engine gives."""

    ask: Ask
    methods: tuple[Method, ...]
    plot: Cell | None = None
    """Instead of maps: the cell that is to be drawn."""

    @property
    def key(self) -> tuple[Ask, tuple[str, ...], Cell | None]:
        """Equal for groups that ask for the same."""
        return self.ask, tuple(method.key for method in self.methods), self.plot

    @property
    def count(self) -> int:
        """How many maps or drawings it gives."""
        return max(1, len(self.methods))


@dataclass(frozen=True)
class ModelFacts:
    """What a cell needs to know of a model."""

    line: str
    fingerprint: str
    name: str
    labels: tuple[str, ...]
    grid: tuple[int, int] = (0, 0)
    """Rows and columns of patches."""

    def target_words(self, target: Target) -> str:
        return " − ".join(self.labels[i] if i < len(self.labels) else f"class {i}" for i in target)


@dataclass(frozen=True)
class Resolved:
    """What a class in words means for a model: what is asked of the engine, () for the predicted one."""

    line: str
    text: str
    asked: Target


@dataclass(frozen=True)
class Failed:
    """Why there is no map for what was asked."""

    ask: Ask
    message: str
    plot: Cell | None = None


@dataclass(frozen=True, eq=False)
class Plotted:
    """A cell that shows no picture but something drawn with a model."""

    ask: Ask
    plot: Cell
    drawing: Drawing
    model: ModelFacts


class FigureWork:
    """The maps of some groups. It keeps what it has done, so that it can be interrupted and started again."""

    def __init__(self, groups: list[Group], device: str, loader: Loader) -> None:
        # Models one after the other, so that each is loaded once.
        self._groups = sorted(groups, key=lambda one: one.ask.model)
        self._device, self._loader = device, loader
        self._done: set[object] = set()

    def __call__(self, context: Context, hand_over: HandOver, cancel: CancelToken, progress: Report) -> None:
        other: Context | None = None
        whole, after = sum(group.count for group in self._groups), 0
        for group in self._groups:
            cancel.check()
            before, after = after, after + group.count
            if group.key in self._done:
                continue

            def within(done: int, total: int, before: int = before, count: int = group.count) -> None:
                progress(before + count * done // max(1, total), whole)

            within(0, 1)
            try:
                other = self._context(context, other, group.ask.model)
                self._explain(other, hand_over, cancel, within, group)
            except Cancelled:
                raise
            except Exception as error:
                hand_over(Failed(group.ask, problem_of(error, "computing a cell").message, group.plot))
            self._done.add(group.key)

    def _context(self, context: Context, other: Context | None, line: str) -> Context:
        """A context with the model: the previous group's, or a new one with the window's model or one loaded now."""
        key = (line, self._device)
        if other is not None and key in other.models:
            return other
        made = Context()
        made.models[key] = context.models.get(key) or self._loader(line, device=self._device)
        return made

    def _explain(
        self, context: Context, hand_over: HandOver, cancel: CancelToken, progress: Report, group: Group
    ) -> None:
        import numpy as np

        from vitinspect.explainers.targets import resolve
        from vitinspect.images import open_image

        ask = group.ask
        model = context.models[ask.model, self._device]
        facts = ModelFacts(ask.model, model.fingerprint, model.name, tuple(model.labels), tuple(model.grid))
        hand_over(facts)
        if group.plot is not None:
            from vitinspect.figures.plot_cells import KINDS, PlotInput

            pixels = np.asarray(open_image(ask.path))
            made = KINDS[group.plot.show].make(PlotInput(group.plot, pixels, model, cancel=cancel))
            hand_over(Plotted(ask, group.plot, made, facts))
            return
        found = resolve(ask.target, model) if ask.target else None
        asked: Target = () if found is None else tuple(found) if isinstance(found, tuple) else (int(found),)  # type: ignore[arg-type]
        hand_over(Resolved(ask.model, ask.target, asked))
        where = InputAddress(ask.content, model.fingerprint, ask.precision, ask.fit)
        request = MapsRequest(where, group.methods, asked)
        pixels = np.asarray(open_image(ask.path))
        explain(context, hand_over, cancel, progress, request=request, pixels=pixels)
