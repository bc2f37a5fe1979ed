"""The human ceiling as a cell of a figure, from the ``maps.json`` that ``vitinspect agree --maps`` writes."""

from __future__ import annotations

import math
from typing import Any

from vitinspect.annotation.ceiling_figure import Point, ceiling_figure
from vitinspect.errors import DataError, ParameterError
from vitinspect.figures.drawings import Drawing, Embedded
from vitinspect.figures.plot_cells import PlotInput, PlotKind
from vitinspect.json_files import read_json


def _ceiling(given: PlotInput) -> Drawing:
    if given.file is None:
        raise ParameterError('A human ceiling needs a file: file = "maps.json", as vitinspect agree --maps writes it.')
    found = read_json(given.file)
    ceiling = found.get("ceiling")
    if not isinstance(ceiling, dict):
        raise DataError(f"{given.file} holds no human ceiling; vitinspect agree --maps writes one.")
    points = [*_points(ceiling.get("annotators"), True), *_points(ceiling.get("maps"), False)]
    if not points:
        raise DataError(f"{given.file} contains no people or maps to compare.")
    maps = [point for point in points if not point.person]
    best = max(maps, key=lambda point: point.value).name if maps else ""
    chosen = [Point(p.name, p.value, p.low, p.high, p.person, p.name == best) for p in points]
    sentence = ceiling["maps"][best].get("sentence", "") if best else ""
    return Embedded(ceiling_figure(chosen, str(sentence), "bars: 95 % interval"))


def _points(given: Any, person: bool) -> list[Point]:
    if not isinstance(given, dict):
        return []
    found = []
    for name, numbers in given.items():
        value = _number(numbers, "dice")
        if value is not None:
            low, high = _number(numbers, "low"), _number(numbers, "high")
            found.append(
                Point(str(name), value, value if low is None else low, value if high is None else high, person)
            )
    return found


def _number(numbers: Any, name: str) -> float | None:
    value = numbers.get(name) if isinstance(numbers, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


CEILING = PlotKind(
    "ceiling",
    "Human ceiling",
    _ceiling,
    needs_file=True,
    tip="Maps compared with people, from the maps.json of agree --maps",
)
