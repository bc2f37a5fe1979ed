"""The figure of the state, and every way to change it; each change is a step that can be undone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from vitinspect.app.compute.worker import Problem
from vitinspect.app.figure import entries
from vitinspect.app.figure.entries import Shown
from vitinspect.app.session.history import Step
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.errors import VitInspectError
from vitinspect.figures.specification import FigureSpec, from_dict

CAUSE = "figure"


class FigureEdits(QObject):
    """Reads and writes the figure of the state, and knows which of its cells is selected."""

    changed = Signal()
    """The figure has changed, or another cell is selected."""
    step_done = Signal(object)
    """A ``Step`` for the window's history."""

    def __init__(self, state: State, results: Results, problems: Problems, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state, self._results, self._problems = state, results, problems
        self.selected = "a1"
        """The place of the selected cell."""
        self._spec: FigureSpec | None = None
        self._spec_of: Any = None
        self._merge = ""

    @property
    def is_empty(self) -> bool:
        return not self._state.figure

    @property
    def spec(self) -> FigureSpec:
        """The figure of the state."""
        given = self._state.figure
        if self._spec is None or self._spec_of is not given:
            self._spec_of = given
            self._spec = from_dict(given) if given else from_dict({"rows": [{"show": "empty"}]})
        return self._spec

    def shown(self) -> Shown:
        """What the window has that a figure can be made of."""
        state, results = self._state, self._results
        card = results.card
        predicted = tuple(one.label for one in results.predictions)
        if card is not None and results.target:
            explained = card.target_text(results.target)
            predicted = tuple(dict.fromkeys((explained, *predicted)))
        target = card.target_text(state.target).replace(" − ", " - ") if card is not None and state.target else ""
        return Shown(
            state.layers,
            state.selected,
            state.image,
            state.model,
            state.fit,
            state.precision,
            target,
            predicted,
            tuple(dict.fromkeys((state.model, *state.recent_models))),
            self._annotators(),
            card.depth if card is not None else 0,
        )

    @property
    def truth(self) -> str:
        """The path of the picture's true mask, as a pattern where it follows the picture; empty where there is none."""
        return next(iter(self._annotators(("truth",)).values()), "")

    def _annotators(self, kinds: tuple[str, ...] = ("annotator", "truth")) -> dict[str, str]:
        """The picture's annotators with the paths of their masks: as patterns, where they follow the picture."""
        found: dict[str, str] = {}
        image = Path(self._state.image)
        for mask in self._results.masks.values():
            path = getattr(mask.mask, "path", None)
            layer = self._state.layer(mask.id)
            if path is None or layer is None or layer.kind not in kinds:
                continue
            pattern = Path(path)
            text = str(pattern)
            if pattern.stem == image.stem:
                text = str(pattern.with_name("{stem}" + pattern.suffix))
                if pattern.is_relative_to(image.parent):
                    text = text.replace(str(image.parent), "{folder}", 1)
            found.setdefault(layer.group or layer.title, text)
        return found

    def from_window(self, rows: str, columns: str, pictures: list[str] | None = None) -> FigureSpec:
        """A figure of what the window shows, with the present settings of the page."""
        page = entries.page_of(self.spec) if self._state.figure else {}
        chosen = pictures if pictures is not None else self.pictures
        return entries.compose(self.shown(), rows, columns, chosen, page)

    @property
    def pictures(self) -> list[str]:
        """The pictures of the figure."""
        return entries.pictures_of(self.spec) if self._state.figure else []

    def edit(self, text: str, spec: FigureSpec, merge: str = "") -> None:
        """Replace the figure, as one step that can be undone. Steps in a row with the same ``merge`` are one."""
        before = self.spec if self._state.figure else None
        if before == spec:
            return
        self._put(spec)
        if merge and merge == self._merge:
            return
        self._merge = merge
        old = before.to_dict() if before is not None else {}
        after = self  # the step looks at what the figure is when it is undone
        kept: dict[str, Any] = {}

        def undo() -> None:
            kept["new"] = after._state.figure
            after._merge = ""
            after._state.set(figure=old)

        def redo() -> None:
            after._merge = ""
            after._state.set(figure=kept["new"])

        self.step_done.emit(Step(text, undo, redo, CAUSE))

    def rest(self) -> None:
        """The next edit is a step of its own."""
        self._merge = ""

    def try_edit(self, text: str, make: Callable[[], FigureSpec], merge: str = "") -> str:
        """Replace the figure by what ``make`` returns. Returns why that is not possible, else an empty text."""
        try:
            self.edit(text, make(), merge)
        except VitInspectError as error:
            self._problems.report(CAUSE, Problem(str(error), "", True))
            return str(error)
        self._problems.solved(CAUSE)
        return ""

    def change_page(self, text: str, values: dict[str, Any], merge: str = "") -> str:
        """Change values of the page."""
        return self.try_edit(text, lambda: from_dict({**self.spec.to_dict(), **values}), merge)

    def change_cells(self, text: str, scope: str, values: dict[str, Any], where: str = "", merge: str = "") -> str:
        """Change values of a cell, its row, its column or all."""
        row, column = self.place_of(where or self.selected)
        return self.try_edit(text, lambda: entries.changed(self.spec, scope, row, column, values), merge)

    def label(self, by: str, index: int, text: str) -> str:
        """Change the label of a row or a column."""
        return self.try_edit(f"Label of a {by}", lambda: entries.labelled(self.spec, by, index, text))

    def drop(self, title: str, values: dict[str, Any], where: str) -> str:
        """Put a layer, a picture or something else into a cell."""
        row, column = self.place_of(where)
        make = partial(entries.dropped, self.spec, row, column, values, self._state.image)
        return self.try_edit(f"{title} into {where}", make)

    def make_of(self, rows: str, columns: str, pictures: list[str] | None = None) -> str:
        """Rebuild rows and columns from what the window shows."""
        return self.try_edit("Rows and columns", lambda: self.from_window(rows, columns, pictures))

    def add(self, by: str, step: int) -> str:
        """Add a row or column of free cells, or remove one."""
        words = f"{'Add' if step > 0 else 'Remove'} a {by}"
        return self.try_edit(words, lambda: entries.resized(self.spec, by, step))

    def _put(self, spec: FigureSpec) -> None:
        self._state.set(figure=spec.to_dict())

    def select(self, where: str) -> None:
        if where != self.selected:
            self.selected = where
            self._merge = ""
            self.changed.emit()

    def place_of(self, where: str) -> tuple[int, int]:
        """Row and column of a cell; of the first one where there is none of that name."""
        from vitinspect.figures.specification import place

        spec = self.spec
        for row in range(len(spec.rows)):
            for column in range(len(spec.columns)):
                if place(row, column) == where:
                    return row, column
        return 0, 0
