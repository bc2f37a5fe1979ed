"""Drawings for cells that are not pictures: text, curves, a matrix, a table, a network, another scene.

Each is drawn into its box on the page, with the page's text size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vitinspect.figures.colormaps import colormap
from vitinspect.figures.fonts import broken, text_width
from vitinspect.figures.scene import (
    BLACK,
    WHITE,
    Box,
    Colour,
    ColourBar,
    Element,
    Path,
    Picture,
    Scene,
    Text,
    rectangle,
)

# Okabe & Ito's palette, which the colour-blind can distinguish; lines from the fifth on are also dashed.
LINES: tuple[Colour, ...] = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (230, 159, 0))
_GRID: Colour = (215, 218, 222)
_PAD = 2.0
SMALLEST = 5.0


class Drawing(Protocol):
    """Draws itself into a box."""

    def draw(self, scene: Scene, box: Box, size: float, ink: Colour) -> None: ...


def fitting(texts: Sequence[str], room: float, size: float, bold: bool = False) -> float:
    """The size at which the widest of the texts fits into the width, at least 5 points."""
    widest = max((text_width(text, size, bold) for text in texts), default=0.0)
    return size if widest <= room else max(size * room / widest, min(SMALLEST, size))


@dataclass(frozen=True)
class Words:
    """Text in the centre of its cell, with its line breaks."""

    text: str

    def draw(self, scene: Scene, box: Box, size: float, ink: Colour) -> None:
        lines = [line for part in self.text.splitlines() for line in broken(part, box[2] - 2 * _PAD, size)]
        y = box[1] + box[3] / 2 - (len(lines) - 1) * size * 0.65 + size * 0.35
        for line in lines:
            scene.add(Text(line, (box[0] + box[2] / 2, y), size, "middle", colour=ink))
            y += size * 1.3


@dataclass(frozen=True, eq=False)
class Curve:
    name: str
    across: NDArray[np.floating[Any]]
    up: NDArray[np.floating[Any]]
    area: float


@dataclass(frozen=True, eq=False)
class Curves:
    """Curves over 0 to 1, each with its name and its area."""

    curves: Sequence[Curve]
    across: str
    up: str

    def draw(self, scene: Scene, box: Box, size: float, ink: Colour) -> None:
        small = size * 0.85
        left, bottom = box[0] + small * 2.6, box[1] + box[3] - small * 2.4
        legend = small * 1.25 * len(self.curves)
        wide, high = box[0] + box[2] - left - _PAD, bottom - box[1] - legend - small * 0.4
        if wide < 20 or high < 20:
            return
        top = bottom - high
        most = max(1e-9, *(float(np.nanmax(curve.up)) for curve in self.curves))
        for step in range(5):
            x, y = left + wide * step / 4, bottom - high * step / 4
            scene.add(Path([[(left, y), (left + wide, y)]], _GRID, 0.4))
            if step % 2 == 0:
                anchor = {0: "start", 4: "end"}.get(step, "middle")
                scene.add(Text(f"{step * 25}", (x, bottom + small * 1.05), small, anchor, colour=ink))
                scene.add(Text(f"{most * step / 4:.2g}", (left - 2, y + small * 0.35), small, "end", colour=ink))
        scene.add(Path([[(left, top), (left, bottom), (left + wide, bottom)]], ink, 0.6))
        words = fitting([self.across], wide, small)
        scene.add(Text(self.across, (left + wide / 2, bottom + small * 2.1), words, "middle", colour=ink))
        for number, curve in enumerate(self.curves):
            colour, dash = LINES[number % len(LINES)], (2.0, 1.2) if number >= 4 else ()
            line = [
                (left + wide * float(x), bottom - high * float(y) / most)
                for x, y in zip(curve.across, curve.up, strict=True)
            ]
            scene.add(Path([line], colour, 1.0, dash=dash))
            y = box[1] + small * (1 + 1.25 * number)
            name = f"{curve.name}  {curve.area:.3f}"
            scene.add(Path([[(left, y - small * 0.3), (left + 10, y - small * 0.3)]], colour, 1.2, dash=dash))
            scene.add(Text(name, (left + 13, y), fitting([name], wide - 13, small), colour=ink))


@dataclass(frozen=True, eq=False)
class Matrix:
    """Values from -1 to 1 of pairs, with their numbers."""

    names: Sequence[str]
    values: NDArray[np.floating[Any]]

    def draw(self, scene: Scene, box: Box, size: float, ink: Colour) -> None:
        small, count = size * 0.85, len(self.names)
        if not count:
            return
        widest = max(text_width(name, small) for name in self.names)
        label = min(widest, box[2] * 0.34)
        words = fitting(self.names, label, small)
        side = min((box[2] - label - 4) / count, (box[3] - label - 4) / count)
        left, top = box[0] + box[2] - side * count, box[1] + (box[3] - side * count - label - 4) / 2
        table = colormap("diverging")
        for row in range(count):
            y = top + row * side
            scene.add(Text(self.names[row], (left - 3, y + side / 2 + words * 0.35), words, "end", colour=ink))
            at = (left + row * side + side / 2 + words * 0.35, top + count * side + 3)
            scene.add(Text(self.names[row], at, words, "end", colour=ink, turn=90.0))
            for column in range(count):
                value = float(self.values[row, column])
                shade = table[round((value + 1) / 2 * 255)] if np.isfinite(value) else (235, 235, 235)
                square = (left + column * side, y, side, side)
                colour = (int(shade[0]), int(shade[1]), int(shade[2]))
                scene.add(rectangle(square, WHITE, 0.6, colour))
                number = f"{value:.2f}".replace("-", "−") if np.isfinite(value) else ""
                dark = sum(colour) < 330
                room = fitting([number], side - 2, small)
                at = (square[0] + side / 2, y + side / 2 + room * 0.35)
                scene.add(Text(number, at, room, "middle", colour=WHITE if dark else BLACK))


@dataclass(frozen=True)
class Table:
    """Rows of texts and numbers; the first is the header."""

    rows: tuple[tuple[str, ...], ...]

    def draw(self, scene: Scene, box: Box, size: float, ink: Colour) -> None:
        if not self.rows:
            return
        small = size * 0.85
        columns = max(len(row) for row in self.rows)
        cells = [[*row, *[""] * (columns - len(row))] for row in self.rows]
        widths = [max(text_width(row[c], small, r == 0) for r, row in enumerate(cells)) for c in range(columns)]
        gap = small
        total = sum(widths) + gap * (columns - 1)
        factor = min(1.0, (box[2] - 2 * _PAD) / total) if total else 1.0
        letters = max(small * factor, min(SMALLEST, small))
        step = min(letters * 1.5, box[3] / len(cells))
        y = box[1] + (box[3] - step * len(cells)) / 2
        for number, row in enumerate(cells):
            base = y + step * (number + 0.7)
            if base > box[1] + box[3]:
                break
            x = box[0] + _PAD
            for column, text in enumerate(row):
                wide = widths[column] * factor
                at, anchor = (x, "start") if column == 0 else (x + wide, "end")
                scene.add(Text(text, (at, base), letters, anchor, number == 0, ink))
                x += wide + gap * factor
            if number == 0:
                line = y + step * (number + 1)
                scene.add(Path([[(box[0] + _PAD, line), (box[0] + box[2] - _PAD, line)]], ink, 0.5))


@dataclass(frozen=True, eq=False)
class Network:
    """Arcs between places of a picture, the weakest first."""

    pixels: NDArray[np.uint8]
    starts: NDArray[np.float64]
    """(arcs, 2): x and y as fractions of the picture."""
    ends: NDArray[np.float64]
    weights: NDArray[np.float64]
    levels: int = 12

    def draw(self, scene: Scene, box: Box, size: float, ink: Colour) -> None:
        height, width = self.pixels.shape[:2]
        wide = min(box[2], box[3] * width / height)
        high = wide * height / width
        x, y = box[0] + (box[2] - wide) / 2, box[1] + (box[3] - high) / 2
        scene.add(Picture((self.pixels * 0.45).astype(np.uint8), (x, y, wide, high)))
        if not len(self.weights):
            return
        table = colormap("inferno")
        share = self.weights / max(float(self.weights.max()), 1e-30)
        level = np.minimum((share * self.levels).astype(int), self.levels - 1)
        for one in range(self.levels):
            mine = np.flatnonzero(level == one)
            if mine.size:
                lines = [
                    [
                        (x + self.starts[i, 0] * wide, y + self.starts[i, 1] * high),
                        (x + self.ends[i, 0] * wide, y + self.ends[i, 1] * high),
                    ]
                    for i in mine
                ]
                shade = table[round(90 + 165 * (one + 1) / self.levels)]
                stroke = 0.25 + 0.75 * (one + 1) / self.levels
                scene.add(Path(lines, (int(shade[0]), int(shade[1]), int(shade[2])), stroke))


@dataclass(frozen=True, eq=False)
class Embedded:
    """Another scene, scaled to fit."""

    inner: Scene

    def draw(self, scene: Scene, box: Box, size: float, ink: Colour) -> None:
        scale = min(box[2] / self.inner.width, box[3] / self.inner.height)
        left = box[0] + (box[2] - self.inner.width * scale) / 2
        top = box[1] + (box[3] - self.inner.height * scale) / 2
        scene.add(*(_moved(element, left, top, scale) for element in self.inner.elements))


def _moved(element: Element, left: float, top: float, scale: float) -> Element:
    from dataclasses import replace

    if isinstance(element, Text):
        at = (left + element.at[0] * scale, top + element.at[1] * scale)
        return replace(element, at=at, size=element.size * scale)
    if isinstance(element, Path):
        lines = [[(left + x * scale, top + y * scale) for x, y in line] for line in element.lines]
        dash = tuple(length * scale for length in element.dash)
        return replace(element, lines=lines, width=element.width * scale, dash=dash)
    x, y, wide, high = element.box
    moved = (left + x * scale, top + y * scale, wide * scale, high * scale)
    return replace(element, box=moved) if isinstance(element, Picture | ColourBar) else element
