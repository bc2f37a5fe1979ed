"""The mask of one picture by one annotator: its labels, its pixels, and what is known of how it came to be.

Each pixel has one label: 0 is nothing, 1 to 9 are labels, 255 is "ignore", which counts for nothing in scores. The
pixels are the picture's own, whatever the model looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation.coding import IGNORE
from vitinspect.annotation.history import History
from vitinspect.annotation.strokes import Point, Rectangle, SmoothPath, line_bounds, paint_line
from vitinspect.annotation.tiles import Patch
from vitinspect.errors import DataError
from vitinspect.version import __version__

Status = Literal["none", "begun", "done", "nothing"]
STATUS_WORDS: dict[Status, str] = {"none": "not yet", "begun": "begun", "done": "done", "nothing": "nothing here"}
BLANK = "blank"
LAST_LABEL = 9
FIRST_COLOUR = "#35D0BA"
COLOURS = (FIRST_COLOUR, "#F2A33A", "#8E7BE8", "#E8699A", "#6FB0FA", "#C7D84B", "#F07C5B", "#5BC8F0", "#B0B8C0")


@dataclass(frozen=True)
class Label:
    """A class that can be drawn: the value of its pixels, its name, its colour."""

    value: int
    name: str
    colour: str


FOREGROUND = Label(1, "foreground", FIRST_COLOUR)
IGNORE_LABEL = Label(IGNORE, "ignore", "#9AA5B1")


def labels_from_names(names: Sequence[str]) -> tuple[Label, ...]:
    """Labels 1 to 9 with the colours of the palette."""
    unique = [name.strip() for name in names if name.strip()]
    if not unique or len(unique) > LAST_LABEL or len(set(unique)) != len(unique):
        raise DataError(f"A list of labels has 1 to {LAST_LABEL} different names; this one has {list(names)}.")
    if any(name.casefold() in ("ignore", "background") for name in unique):
        raise DataError("The labels 'ignore' and 'background' are there always and cannot be defined.")
    return tuple(Label(i, name, COLOURS[i - 1]) for i, name in enumerate(unique, 1))


@dataclass(frozen=True)
class Origin:
    """How a mask came to be. It goes into the sidecar beside the mask."""

    started_from: str = BLANK
    """``blank``, ``map METHOD`` or ``mask ANNOTATOR``."""
    blind: bool = False
    """Whether maps, predictions and other people's masks were hidden all the time."""
    seconds: float = 0.0
    version: str = __version__
    image: str = ""
    """The name of the picture."""
    image_digest: str = ""
    """Of its bytes, so that a mask is never shown on another picture of the same name without a word."""

    @property
    def independent(self) -> bool:
        """Whether the mask tells what its annotator thinks, not what a map showed first."""
        return not self.started_from.startswith("map ")


class MaskDocument:
    """The pixels, their labels, undo and redo, and what has changed since it was written.

    Painting goes ``begin``, ``move_to`` ..., ``end`` for strokes, and ``apply`` for all else; each is one step of undo.
    ``on_step`` is told of every finished step with what its tiles hold now: the journal listens.
    """

    def __init__(
        self,
        size: tuple[int, int],
        labels: Sequence[Label] = (FOREGROUND,),
        values: NDArray[np.uint8] | None = None,
        status: Status = "none",
        origin: Origin | None = None,
    ) -> None:
        self.values = np.zeros(size, np.uint8) if values is None else np.ascontiguousarray(values, np.uint8)
        if self.values.shape != tuple(size):
            raise DataError(f"The mask has the shape {self.values.shape}, its picture {tuple(size)}.")
        self.labels = tuple(labels)
        self.status: Status = status
        self.origin = origin or Origin()
        self.history = History(self.values)
        self.changes = 0
        """Counts every change; the writer compares it with what it wrote last."""
        self.on_step: Callable[[str, Patch], None] = lambda name, patch: None
        self._path: SmoothPath | None = None
        self._last: Point = (0.0, 0.0)
        self._brush = (1.0, 1)
        self._active_since: float | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.values.shape[0]), int(self.values.shape[1])

    def label(self, value: int) -> Label:
        return next((label for label in (*self.labels, IGNORE_LABEL) if label.value == value), FOREGROUND)

    def area(self, value: int) -> int:
        return int(np.count_nonzero(self.values == value))

    def mask(self, value: int | None = None) -> NDArray[np.uint8]:
        """0, 1 and 255: one label, or all of them for None."""
        result = (self.values != 0 if value is None else self.values == value).astype(np.uint8)
        result[self.values == IGNORE] = IGNORE
        return result

    # --- strokes ------------------------------------------------------------------------------------------------

    @property
    def in_stroke(self) -> bool:
        return self._path is not None

    def begin(self, point: Point, diameter: float, value: int, smooth: bool = True) -> Rectangle | None:
        """Put the brush down; ``value`` 0 erases."""
        if self._path is not None:
            self.end("stroke")
        self._path = SmoothPath(smooth, max(4.0, diameter / 16))
        self._last, self._brush = point, (diameter, value)
        self._path.add(point)
        return self._paint_to(point)

    def move_to(self, point: Point) -> Rectangle | None:
        """Move the brush; returns what was painted, for the screen."""
        if self._path is None:
            return None
        touched: Rectangle | None = None
        for part in self._path.add(point):
            painted = self._paint_to(part)
            touched = painted.union(touched) if painted is not None else touched
        return touched

    def end(self, name: str = "stroke") -> Rectangle | None:
        """Lift the brush: one step of undo."""
        if self._path is None:
            return None
        touched: Rectangle | None = None
        for part in self._path.finish():
            painted = self._paint_to(part)
            touched = painted.union(touched) if painted is not None else touched
        self._path = None
        self._finish(name)
        return touched

    def abandon(self) -> Rectangle | None:
        """Take the stroke in hand back."""
        self._path = None
        return self.history.abandon()

    def _paint_to(self, point: Point) -> Rectangle | None:
        diameter, value = self._brush
        self.history.before(line_bounds(self._last, point, diameter, self.size))
        touched = paint_line(self.values, self._last, point, diameter, value)
        self._last = point
        return touched

    # --- everything else ----------------------------------------------------------------------------------------

    def line(self, start: Point, stop: Point, diameter: float, value: int) -> Rectangle | None:
        """A straight line."""
        self.history.before(line_bounds(start, stop, diameter, self.size))
        touched = paint_line(self.values, start, stop, diameter, value)
        self._finish("line")
        return touched

    def fill(self, mask: NDArray[np.bool_], value: int, name: str) -> Rectangle | None:
        """Give the pixels of a mask a label (0 erases)."""
        touched = _bounds(mask)
        if touched is None:
            return None
        self.history.before(touched)
        part = self.values[touched.slices]
        part[mask[touched.slices]] = value
        self._finish(name)
        return touched

    def preview(self, mask: NDArray[np.bool_], value: int) -> Rectangle | None:
        """Paint a mask for now: ``abandon`` takes it back, nothing is a step before ``fill``."""
        touched = _bounds(mask)
        if touched is not None:
            self.history.before(touched)
            part = self.values[touched.slices]
            part[mask[touched.slices]] = value
        return touched

    def apply(self, value: int, mask: NDArray[np.bool_], name: str) -> Rectangle | None:
        """Let a label have just the pixels of ``mask``; what it loses becomes background, other labels stay."""
        old = self.values == value
        differs = old != mask
        # Growing over another label would take its pixels: only background is taken.
        differs &= old | (self.values == 0)
        touched = _bounds(differs)
        if touched is None:
            return None
        self.history.before(touched)
        part, changed = self.values[touched.slices], differs[touched.slices]
        part[changed] = np.where(mask[touched.slices], np.uint8(value), np.uint8(0))[changed]
        self._finish(name)
        return touched

    def undo(self) -> Rectangle | None:
        return self._stepped("undo", self.history.undo())

    def redo(self) -> Rectangle | None:
        return self._stepped("redo", self.history.redo())

    def _stepped(self, name: str, done: tuple[Rectangle | None, Patch] | None) -> Rectangle | None:
        if done is None:
            return None
        touched, patch = done
        self._changed()
        self.on_step(name, patch)
        return touched

    def _finish(self, name: str) -> None:
        patch = self.history.commit(name)
        if patch is not None:
            self._changed()
            self.on_step(name, patch)

    def _changed(self) -> None:
        self.changes += 1
        if self.status != "begun":
            # A mask that is drawn on again is not done any more, and no longer says that nothing is here.
            self.status = "begun"

    # --- statements ---------------------------------------------------------------------------------------------

    def set_status(self, status: Status) -> None:
        """Say that the mask is done, that nothing is here, or that it is not. "Nothing here" needs an empty mask."""
        if status == "nothing" and self.values.any():
            raise DataError("There is something drawn: clear the mask before you say that nothing is here.")
        if status != self.status:
            self.status = status
            self.changes += 1
            self.on_step(f"status {status}", Patch())

    def start_from(self, source: str, mask: NDArray[np.bool_], value: int) -> Rectangle | None:
        """Begin with the pixels of a map or of another annotator; the origin says so for ever."""
        self.origin = replace(self.origin, started_from=source, blind=False)
        return self.fill(mask, value, f"from {source}")

    def fill_with(self, values: NDArray[np.uint8], labels: Sequence[Label]) -> None:
        """Take over another mask as a whole, as one step."""
        self.labels = tuple(labels)
        self.history.before(Rectangle(0, 0, *self.size))
        self.values[...] = values
        self._finish("take over")

    # --- time ---------------------------------------------------------------------------------------------------

    def resume_clock(self, now: float | None = None) -> None:
        if self._active_since is None:
            self._active_since = time.monotonic() if now is None else now

    def seconds_spent(self, now: float | None = None) -> float:
        """With the time since ``resume_clock``."""
        if self._active_since is None:
            return self.origin.seconds
        return self.origin.seconds + max((time.monotonic() if now is None else now) - self._active_since, 0.0)

    def pause_clock(self, now: float | None = None) -> None:
        """Add the time since ``resume_clock`` to the seconds spent."""
        if self._active_since is not None:
            spent = max((time.monotonic() if now is None else now) - self._active_since, 0.0)
            self.origin = replace(self.origin, seconds=self.origin.seconds + spent)
            self._active_since = None


def _bounds(mask: NDArray[np.bool_]) -> Rectangle | None:
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    if not len(rows):
        return None
    return Rectangle(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
