"""The human ceiling as a figure in which each map is a point among the people. A scene, for every format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitinspect.annotation.ceiling import Ceiling
from vitinspect.figures.fonts import text_width
from vitinspect.figures.scene import Colour, Path, Scene, Text, rectangle

PEOPLE: Colour = (0, 100, 158)
MAPS: Colour = (163, 79, 0)
BAND: Colour = (222, 235, 243)
_GRID: Colour = (225, 228, 232)
_QUIET: Colour = (86, 93, 102)
_SIZE, _ROW, _PLOT, _EDGE = 8.0, 16.0, 260.0, 8.0


@dataclass(frozen=True)
class Point:
    """One row of the figure; without an interval ``low`` and ``high`` are the value."""

    name: str
    value: float
    low: float
    high: float
    person: bool
    chosen: bool = False


def points_of(ceiling: Ceiling, chosen: str = "") -> list[Point]:
    """People, then maps, over all pictures; without those that cannot be compared."""
    found = [
        Point(who, mean.value, mean.low, mean.high, True)
        for who, mean in zip(ceiling.annotators, ceiling.persons, strict=True)
    ]
    found += [
        Point(name, mean.value, mean.low, mean.high, False, name == chosen)
        for name, mean in zip(ceiling.maps, ceiling.of_maps, strict=True)
    ]
    return [point for point in found if np.isfinite(point.value)]


def points_on(ceiling: Ceiling, picture: str, chosen: str = "") -> list[Point]:
    """The same for one picture, with the range from lowest to highest Dice with a person instead of an interval."""
    row = ceiling.pictures.index(picture)
    found = []
    rows = [(who, ceiling.people[row, i], True) for i, who in enumerate(ceiling.annotators)]
    rows += [(name, ceiling.scores[i, row], False) for i, name in enumerate(ceiling.maps)]
    for name, values, person in rows:
        known = values[np.isfinite(values)]
        if known.size:
            found.append(
                Point(name, float(known.mean()), float(known.min()), float(known.max()), person, name == chosen)
            )
    return found


def span_of(points: Sequence[Point]) -> tuple[float, float]:
    """Start and end of the axis: multiples of a tenth, at most from 0 to 1."""
    low = min((point.low for point in points), default=0.0)
    high = max((point.high for point in points), default=1.0)
    start = max(0.0, np.floor(low * 10 - 0.5) / 10)
    end = min(1.0, max(np.ceil(high * 10 + 0.2) / 10, start + 0.2))
    if end - start > 0.5:  # in steps of two tenths
        start, end = np.floor(start * 5 + 1e-9) / 5, np.ceil(end * 5 - 1e-9) / 5
    return float(start), float(end)


def band_of(points: Sequence[Point]) -> tuple[float, float] | None:
    """The range from the person who agrees least with the others to the one who agrees most."""
    values = [point.value for point in points if point.person]
    return (min(values), max(values)) if values else None


def ceiling_figure(points: Sequence[Point], sentence: str, bars: str) -> Scene:
    """Rows of points with their bars, people above and maps below; ``bars`` explains the bars."""
    people = [point for point in points if point.person]
    maps = [point for point in points if not point.person]
    left = _EDGE + max((text_width(p.name, _SIZE, p.chosen) for p in points), default=0.0) + 8
    width = left + _PLOT + 40
    words = _wrapped(sentence, width - 2 * _EDGE)
    top = 12.0
    base = top + _ROW * len(points) + (8 if people and maps else 0)
    scene = Scene(width, base + 36 + 11 * len(words) + 6, title="A map among the people")
    low, high = span_of(points)

    def across(value: float) -> float:
        return left + (value - low) / (high - low) * _PLOT

    band = band_of(points)
    if band is not None and band[1] > band[0]:
        box = (across(band[0]), top - 4, across(band[1]) - across(band[0]), base - top + 4)
        scene.add(rectangle(box, None, fill=BAND))
    for tenth in range(round(low * 10), round(high * 10) + 1, 1 if high - low <= 0.5 else 2):
        x = across(tenth / 10)
        scene.add(Path([[(x, top - 4), (x, base)]], _GRID))
        scene.add(Text(f"{tenth / 10:.1f}", (x, base + 10), 7, "middle", colour=_QUIET))
    scene.add(Path([[(left, base), (left + _PLOT, base)]], _QUIET))
    scene.add(Text(f"mean Dice with people; {bars}", (left + _PLOT / 2, base + 21), 7, "middle", colour=_QUIET))
    y = top + _ROW / 2
    for number, point in enumerate((*people, *maps)):
        if people and maps and number == len(people):
            scene.add(Path([[(left, y - _ROW / 2 + 4), (left + _PLOT, y - _ROW / 2 + 4)]], _GRID))
            y += 8
        colour = PEOPLE if point.person else MAPS
        scene.add(Text(point.name, (left - 8, y + 3), _SIZE, "end", bold=point.chosen))
        x = across(point.value)
        scene.add(Path([[(across(point.low), y), (across(point.high), y)]], colour, 1.6 if point.chosen else 1.0))
        scene.add(_mark(x, y, point, colour))
        scene.add(Text(f"{point.value:.2f}", (max(across(point.high), x + 4) + 5, y + 3), 7, colour=_QUIET))
        y += _ROW
    for number, line in enumerate(words):
        scene.add(Text(line, (_EDGE, base + 38 + 11 * number), _SIZE))
    return scene


def _mark(x: float, y: float, point: Point, colour: Colour) -> Path:
    """People are round, maps square; only the chosen map is filled."""
    size = 3.2
    if point.person:
        turn = np.linspace(0, 2 * np.pi, 25)
        ring = [(x + size * float(np.cos(t)), y + size * float(np.sin(t))) for t in turn]
        return Path([ring], colour, 1.0, colour, closed=True)
    corners = [(x - size, y - size), (x + size, y - size), (x + size, y + size), (x - size, y + size)]
    return Path([corners], colour, 1.0, colour if point.chosen else (255, 255, 255), closed=True)


def _wrapped(text: str, width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, _SIZE) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
