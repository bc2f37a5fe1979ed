"""The content of a figure as a list of simple elements on a page: pictures, texts, lines, colour bars. No Qt.

Screen, PNG, SVG and PDF are all painted from a scene, so that they agree. Lengths are in points (1/72 inch), x to the
right and y down; later elements lie over earlier ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, width, height."""

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
MM = 72 / 25.4
"""Points per millimetre."""


@dataclass(frozen=True, eq=False)
class Picture:
    """An image in a box: height x width x 3, or x 4 with opacity."""

    pixels: NDArray[np.uint8]
    box: Box
    sharp: bool = False
    """Whether its pixels must appear as squares in every viewer."""
    finer: float = 1.0
    """How many pixels across the picture has for each one here: more than one where a smaller one stands for it on a
    screen, less where it was enlarged."""

    @property
    def dpi(self) -> float:
        """Pixels per inch at its size on the page."""
        return min(self.pixels.shape[1] / self.box[2], self.pixels.shape[0] / self.box[3]) * 72 * self.finer


@dataclass(frozen=True)
class Text:
    """One line of text; ``at`` is on its base line, and ``turn`` rotates it counterclockwise about that, in degrees."""

    text: str
    at: Point
    size: float
    anchor: str = "start"
    """``start``, ``middle`` or ``end``."""
    bold: bool = False
    colour: Colour = BLACK
    turn: float = 0.0


@dataclass(frozen=True)
class Path:
    """One or several polylines; closed ones can be filled."""

    lines: Sequence[Sequence[Point]]
    stroke: Colour | None = BLACK
    width: float = 0.5
    fill: Colour | None = None
    closed: bool = False
    dash: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class ColourBar:
    """All 256 colours of a table along a box, the last one at the right or at the top."""

    colours: NDArray[np.uint8]
    box: Box
    upright: bool = True


Element = Picture | Text | Path | ColourBar


@dataclass
class Scene:
    """A page of a size, its elements, and its background (None: transparent)."""

    width: float
    height: float
    elements: list[Element] = field(default_factory=list)
    background: Colour | None = WHITE
    title: str = ""

    def add(self, *elements: Element) -> None:
        self.elements.extend(elements)

    @property
    def pictures(self) -> list[Picture]:
        return [element for element in self.elements if isinstance(element, Picture)]

    @property
    def texts(self) -> list[Text]:
        return [element for element in self.elements if isinstance(element, Text)]


def rectangle(box: Box, stroke: Colour | None = BLACK, width: float = 0.5, fill: Colour | None = None) -> Path:
    left, top, wide, high = box
    corners = [(left, top), (left + wide, top), (left + wide, top + high), (left, top + high)]
    return Path([corners], stroke, width, fill, closed=True)
