"""The report of ``vitinspect agree --maps``: the maps of a run compared with people, as tables and figures."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np

from vitinspect.annotation.ceiling import Ceiling, counted
from vitinspect.annotation.ceiling_figure import ceiling_figure, points_of
from vitinspect.evaluation.among_people import STATISTICS, AmongPeople
from vitinspect.evaluation.plots import curve_chart
from vitinspect.figures.exporting import FORMATS
from vitinspect.names import csv_cell, markdown
from vitinspect.output import OutputFolder
from vitinspect.scores.threshold_curve import LEVELS

_FIGURES = ("png", "svg", "pdf")
_NUMBERS = ("iou", "f1", "precision", "recall", "pixel_accuracy", "pixel_accuracy_vitmix", "average_precision",
            "best_iou", "best_level", "boundary_f1")  # fmt: skip


def write_people_report(found: AmongPeople, folder: Path) -> list[Path]:
    """``maps.md``, ``maps.csv`` (each picture), ``maps.json``, ``ceiling`` and ``thresholds`` as figures."""
    ceiling = found.ceiling()
    files = {
        "maps.md": _text(found, ceiling).encode(),
        "maps.csv": _table(found).encode(),
        "maps.json": (json.dumps(as_dict(found, ceiling), indent=2) + "\n").encode(),
    }
    if ceiling.count:
        best = best_map(ceiling)
        scene = ceiling_figure(points_of(ceiling, best), ceiling.sentence(best), interval_words(ceiling))
        for one in FORMATS:
            if one.id in _FIGURES:
                files[f"ceiling{one.endings[0]}"] = one.write(scene, 200, None)
    curves = [(name, np.linspace(0, 1, LEVELS), found.curve(name, found.how)) for name in found.maps]
    chart = curve_chart(f"Dice with the {found.how}", "threshold, % of the map's range", curves)
    files |= dict(chart.files("thresholds"))
    return OutputFolder(folder).write_all(files)


def best_map(ceiling: Ceiling) -> str:
    """The map that agrees best with people; the first of equals."""
    values = [mean.value if np.isfinite(mean.value) else -1.0 for mean in ceiling.of_maps]
    return ceiling.maps[int(np.argmax(values))]


def interval_words(ceiling: Ceiling) -> str:
    """The meaning of the figure's bars, in words."""
    over = "pictures and annotators" if ceiling.interval_of_annotators else "pictures"
    return f"bars: 95 % interval over {over}" if ceiling.count > 1 else "one picture, no interval"


def as_dict(found: AmongPeople, ceiling: Ceiling) -> dict[str, object]:
    """All numbers, ready for JSON."""
    return {
        "ceiling": ceiling.to_dict(),
        "consensus": found.how,
        "waiting": found.waiting,
        "means": {name: found.means(name) for name in found.maps},
        "thresholds": {
            name: {who: found.curve(name, who).tolist() for who in (*found.annotators, found.how)}
            for name in found.maps
        },
    }  # fmt: skip


def _text(found: AmongPeople, ceiling: Ceiling) -> str:
    lines = [
        "# Maps compared with people",
        "",
        f"{counted(len(found.pictures), 'picture')}, {counted(len(found.annotators), 'annotator')}, "
        f"{counted(len(found.maps), 'map')}. Region: the whole frame that the model saw. "
        "Of the numbers below, only the two pixel accuracies and AP depend on how much background there is.",
        "",
    ]
    if found.waiting:
        lines += [f"- {found.waiting} more pictures with masks are not evaluated in this run.", ""]
    lines += [f"- {markdown(ceiling.sentence(name))}" for name in found.maps]
    lines += [
        "",
        "| | Mean Dice with people | Difference from people with each other | Pictures |",
        "|---|---:|---:|---:|",
    ]
    if ceiling.count:
        lines.append(f"| People with each other | {ceiling.among_people:.3f} | | {ceiling.count} |")
    for name, mean, difference in zip(ceiling.maps, ceiling.of_maps, ceiling.differences, strict=True):
        if mean.count:
            lines.append(f"| {markdown(name)} | {mean:.3f} | {difference:+.3f} | {mean.count} |")
    if ceiling.count:
        lines += ["", "![The maps compared with people](ceiling.png)"]
    for name in found.maps:
        lines += ["", f"## {markdown(name)}", ""]
        lines.append("| Against | Pictures | " + " | ".join(STATISTICS[key] for key in _NUMBERS) + " |")
        lines.append("|---|---:|" + "---:|" * len(_NUMBERS))
        for who, row in found.means(name).items():
            cells = " | ".join(f"{row[key]:.3g}" if key == "best_level" else f"{row[key]:.3f}" for key in _NUMBERS)
            title = f"{who} (consensus)" if who == found.how else who
            lines.append(f"| {markdown(title)} | {row['pictures']} | {cells} |")
    return "\n".join([*lines, "", "![Dice over all thresholds](thresholds.png)", "", ""])


def _table(found: AmongPeople) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["image", "map", "against", *STATISTICS])
    for one in found.pictures:
        for name, against in one.maps.items():
            for who, row in against.items():
                names = [csv_cell(text) for text in (one.image, name, who)]
                writer.writerow([*names, *(repr(row[key]) for key in STATISTICS)])
    return stream.getvalue()
