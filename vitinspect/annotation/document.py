"""The mask of one picture by one annotator: its labels, its pixels, and how it was made.

Each pixel has one label: 0 is background, 1 to 9 are labels, 255 is "ignore", which is not scored. The pixels are the
picture's own, independent of the model's input.
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
        raise DataError(f"A list of labels must have 1 to {LAST_LABEL} different names; this one has {list(names)}.")
    if any(name.casefold() in ("ignore", "background") for name in unique):
        raise DataError("The labels 'ignore' and 'background' always exist and cannot be defined.")
    return tuple(Label(i, name, COLOURS[i - 1]) for i, name in enumerate(unique, 1))


@dataclass(frozen=True)
class Origin:
    """How a mask was made. It is stored in the sidecar of the mask."""

    started_from: str = BLANK
    """``blank``, ``map METHOD`` or ``mask ANNOTATOR``."""
    blind: bool = False
    """Whether maps, predictions and other annotators' masks were hidden all the time."""
    seconds: float = 0.0
    version: str = __version__
    image: str = ""
    """The name of the picture."""
    image_digest: str = ""
    """The hash of its bytes, so that a mask is not shown on another picture of the same name without a warning."""

    @property
    def independent(self) -> bool:
        """Whether the mask shows the annotator's own judgement, uninfluenced by a map."""
        return not self.started_from.startswith("map ")


class MaskDocument:
    """The pixels, their labels, undo and redo, and what has changed since it was written.

    Strokes are painted by ``begin``, ``move_to`` ..., ``end``, and everything else by ``apply``; each is one step of
    undo. ``on_step`` is called after every finished step with the contents of its tiles, for the journal.
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
        """Start a stroke; ``value`` 0 erases."""
        if self._path is not None:
            self.end("stroke")
        self._path = SmoothPath(smooth, max(4.0, diameter / 16))
        self._last, self._brush = point, (diameter, value)
        self._path.add(point)
        return self._paint_to(point)

    def move_to(self, point: Point) -> Rectangle | None:
        """Move the brush; returns the painted rectangle, for the screen."""
        if self._path is None:
            return None
        touched: Rectangle | None = None
        for part in self._path.add(point):
            painted = self._paint_to(part)
            touched = painted.union(touched) if painted is not None else touched
        return touched

    def end(self, name: str = "stroke") -> Rectangle | None:
        """Finish the stroke, as one step of undo."""
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
        """Undo the unfinished stroke."""
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
        """Set the label of the pixels of a mask (0 erases)."""
        touched = _bounds(mask)
        if touched is None:
            return None
        self.history.before(touched)
        part = self.values[touched.slices]
        part[mask[touched.slices]] = value
        self._finish(name)
        return touched

    def preview(self, mask: NDArray[np.bool_], value: int) -> Rectangle | None:
        """Paint a mask as a preview: ``abandon`` removes it, and only ``fill`` makes it a step."""
        touched = _bounds(mask)
        if touched is not None:
            self.history.before(touched)
            part = self.values[touched.slices]
            part[mask[touched.slices]] = value
        return touched

    def apply(self, value: int, mask: NDArray[np.bool_], name: str) -> Rectangle | None:
        """Give a label exactly the pixels of ``mask``; those it loses become background, other labels stay."""
        old = self.values == value
        differs = old != mask
        # Growing must not take pixels of another label, only background.
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
            # A mask that is drawn on again is no longer done, and no longer states that nothing is here.
            self.status = "begun"

    # --- statements ---------------------------------------------------------------------------------------------

    def set_status(self, status: Status) -> None:
        """Set the status: done, nothing here, or neither. "Nothing here" needs an empty mask."""
        if status == "nothing" and self.values.any():
            raise DataError("The mask is not empty: clear it before you set it to 'nothing here'.")
        if status != self.status:
            self.status = status
            self.changes += 1
            self.on_step(f"status {status}", Patch())

    def start_from(self, source: str, mask: NDArray[np.bool_], value: int) -> Rectangle | None:
        """Start from the pixels of a map or of another annotator, which the origin records permanently."""
        self.origin = replace(self.origin, started_from=source, blind=False)
        return self.fill(mask, value, f"from {source}")

    def fill_with(self, values: NDArray[np.uint8], labels: Sequence[Label]) -> None:
        """Replace everything by another mask, as one step."""
        self.labels = tuple(labels)
        self.history.before(Rectangle(0, 0, *self.size))
        self.values[...] = values
        self._finish("take over")

    # --- time ---------------------------------------------------------------------------------------------------

    def resume_clock(self, now: float | None = None) -> None:
        if self._active_since is None:
            self._active_since = time.monotonic() if now is None else now

    def seconds_spent(self, now: float | None = None) -> float:
        """The seconds spent, including the time since ``resume_clock``."""
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
