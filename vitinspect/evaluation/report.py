"""The report of a run: report.md, report.tex, results.csv, summary.json and the plots."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from vitinspect.evaluation.comparisons import compared, comparison_lines
from vitinspect.evaluation.pigeonhole import EXPLANATION, PairMeans, pair_means, pair_table
from vitinspect.evaluation.plots import bar_chart, curve_chart
from vitinspect.evaluation.protocol_report import as_printed, empty_truths, protocol_lines
from vitinspect.evaluation.stacked import stack
from vitinspect.evaluation.store import FILE, Store
from vitinspect.evaluation.table_formats import latex
from vitinspect.evaluation.tables import Column, Results, Row, Table, main_column
from vitinspect.files import slug
from vitinspect.names import csv_cell, markdown, shown
from vitinspect.output import OutputFolder
from vitinspect.scores.statistics import Mean
from vitinspect.version import __version__

PLOTS = ("bars.*", "bars-*", "curve-*")


def write_report(folder: Path) -> list[Path]:
    """Write all files of the report into the run folder, from its stored results."""
    with Store(folder / FILE) as store:
        results = Results(store)
        curves = _mean_curves(store)
        pairs = pair_means(store.pairs(), results.methods)
    tables = results.tables()
    plots = {name: data for stem, drawing in _drawings(results, tables, curves) for name, data in drawing.files(stem)}
    texts = {
        "report.md": _markdown(results, tables, list(plots), pairs),
        "report.tex": latex(stack([results], intervals=True)) if results.values else "",
        "summary.json": json.dumps(_summary(results, tables), indent=2) + "\n",
        "results.csv": _csv(results),
    }
    printed = as_printed(results.plan, results.methods, results.values)
    if printed:
        texts[AS_PRINTED] = printed
    return OutputFolder(folder).write_all({name: text.encode() for name, text in texts.items()} | plots)


AS_PRINTED = "as-printed.txt"
FIXED_NAMES = ("report.md", "report.tex", "summary.json", "results.csv")
"""The files of every report; plots have names that depend on what was scored."""


def check_report(folder: Path) -> None:
    """Refuse, before a long run, a folder in which the report could not be written."""
    taken = [path.name for pattern in PLOTS for path in sorted(folder.glob(pattern))] if folder.is_dir() else []
    OutputFolder(folder).check([*FIXED_NAMES, AS_PRINTED, *taken])


def has_scores(folder: Path) -> bool:
    """Whether there are scores for a table."""
    with Store(folder / FILE) as store:
        return next(iter(store.scores()), None) is not None


def nothing_scored(folder: Path) -> str:
    """Why a run has no scores, in one or two sentences."""
    with Store(folder / FILE) as store:
        images = list(store.images())
        scores = ", ".join(store.plan.scores)
    left_out = [image for image in images if image.state != "done"]
    if not left_out:
        return f"Nothing was scored: none of the {len(images)} pictures has a mask, and {scores} needs one."
    first = left_out[0]
    return (
        f"Nothing was scored: {len(left_out)} of {len(images)} pictures were left out, as {first.image}: {first.reason}"
    )


# --- tables ------------------------------------------------------------------------------------------------------


def _cell(table: Table, row: Row, column: Column, *, interval: bool, bold: str) -> str:
    mean = row.means.get(column.score)
    if mean is None:
        return "–"
    text = column.shown(mean.value)
    if interval and mean.low < mean.high:
        text += f" [{column.shown(mean.low)}, {column.shown(mean.high)}]"
    return bold.format(text) if table.is_best(row, column) else text


def markdown_table(table: Table, *, interval: bool = True) -> str:
    """1-, 2- and 3-way blocks as in the ViTmiX paper; the best of each column in bold."""
    head = ["Method", *(f"{c.title} {c.arrow}" for c in table.columns)]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * len(table.columns)]
    for heading, rows in table.blocks:
        if len(table.blocks) > 1:
            lines.append(f"| **{heading}** |" + " |" * len(table.columns))
        for row in rows:
            cells = [_cell(table, row, c, interval=interval, bold="**{}**") for c in table.columns]
            lines.append("| " + " | ".join([row.method, *cells]) + " |")
    return "\n".join(lines)


# --- the files -----------------------------------------------------------------------------------------------------


def _markdown(results: Results, tables: list[Table], plots: Sequence[str], pairs: list[PairMeans]) -> str:
    plan = results.plan
    states = {s: sum(image.state == s for image in results.images) for s in ("done", "skipped", "failed")}
    lines = [
        f"# {markdown(plan.model)} on {markdown(Path(plan.data).name)}",
        "",
        f"{states['done']} images evaluated, {states['skipped']} skipped, {states['failed']} failed. "
        "Numbers are means over images with their bootstrap 95 % interval; the best of each column is bold.",
        "",
    ]
    lines += protocol_lines(plan) + empty_truths(plan, results.values)
    changed = [f"{c.name} is `{c.keys[0]}`" for c in plan.combinations() if c.ways == 1 and "(" in c.keys[0]]
    if changed:
        lines += ["; ".join(changed) + "; the other methods have their defaults.", ""]
    for table in tables:
        if table.annotator:
            lines += [f"## {markdown(table.counted[0].upper() + table.counted[1:])}", ""]
        if table.columns:
            lines += [markdown_table(table), ""]
        lines += comparison_lines(compared(results, table))
    if pairs:
        lines += ["## Overlap of the methods' masks", "", EXPLANATION, "", *pair_table(pairs), ""]
    pictures = [name for name in plots if name.endswith(".png")]
    if pictures:
        lines += ["## Plots", "", *(f"![{name.removesuffix('.png')}]({name})" for name in pictures), ""]
    failed = [image for image in results.images if image.state == "failed"]
    if failed:
        lines += [
            "## Not evaluated",
            "",
            *(f"- {markdown(image.image)}: {markdown(image.reason)}" for image in failed),
            "",
        ]
    if results.data_notes:
        lines += [
            "## Files in the data's folder that were not used",
            "",
            *(f"- {markdown(note)}" for note in results.data_notes),
            "",
        ]
    lines += [
        "## The run",
        "",
        "```json",
        json.dumps(asdict(plan), indent=2),
        "```",
        "",
        f"vitinspect {__version__}",
        "",
    ]
    return "\n".join(lines)


def _summary(results: Results, tables: list[Table]) -> dict[str, Any]:
    def as_json(mean: Mean) -> dict[str, float]:
        return {"mean": mean.value, "low": mean.low, "high": mean.high, "images": mean.count}

    return {
        "vitinspect": __version__,
        "plan": asdict(results.plan),
        "images": {s: sum(i.state == s for i in results.images) for s in ("done", "skipped", "failed")},
        "failed": {i.image: i.reason for i in results.images if i.state == "failed"},
        "tables": {
            table.annotator or "all": {
                row.method: {score: as_json(mean) for score, mean in row.means.items()} for row in table.rows
            }
            for table in tables
        },
    }


def _csv(results: Results) -> str:
    scores = sorted({score for *_, score in results.values})
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["image", "state", "target", "reason", "method", "annotator", *scores])
    by_image: dict[str, dict[tuple[str, str], dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for (annotator, method, score), values in results.values.items():
        for name, value in values.items():
            by_image[name][method, annotator][score] = value
    for image in results.images:
        rows = by_image.get(image.image)
        start = [csv_cell(text) for text in (image.image, image.state, image.target, image.reason)]
        if not rows:
            writer.writerow([*start, "", "", *[""] * len(scores)])
            continue
        for (method, annotator), found in sorted(rows.items()):
            # repr keeps every digit, so that two runs can be compared exactly.
            writer.writerow(
                [*start, method, csv_cell(annotator), *(repr(found[s]) if s in found else "" for s in scores)]
            )
    return stream.getvalue()


# --- plots ---------------------------------------------------------------------------------------------------------


def _mean_curves(store: Store) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """(kind, method) to places and mean curve, summed one by one so that memory does not grow with images."""
    sums: dict[tuple[str, str], tuple[np.ndarray, np.ndarray, int]] = {}
    for _, curve in store.curves():
        key = (curve.kind, curve.method)
        if key in sums:
            places, total, count = sums[key]
            sums[key] = (places, total + curve.points, count + 1)
        else:
            sums[key] = (curve.places, curve.points.copy(), 1)
    return {key: (places, total / count) for key, (places, total, count) in sums.items()}


def _drawings(
    results: Results, tables: list[Table], curves: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]
) -> Iterator[tuple[str, Any]]:
    for table in tables:
        column = main_column(table.columns)
        rows = [row for row in table.rows if column and column.score in row.means]
        if column and rows:
            whose = f", {shown(table.counted)}" if table.annotator else ""
            stem = f"bars-{slug(table.annotator)}" if table.annotator else "bars"
            names, means = [r.method for r in rows], [r.means[column.score] for r in rows]
            yield stem, bar_chart(f"{column.title}{whose}", names, means, percent=column.percent)
    kinds = sorted({kind for kind, _ in curves})
    for kind in kinds:
        drawn = [(m, *curves[kind, m]) for m in results.methods if (kind, m) in curves]
        across = "picture inserted, %" if kind.startswith("insertion") else "picture removed, %"
        title = f"{kind.replace('_', ' of the ', 1).capitalize()}: {results.plan.use}, mean over images"
        yield f"curve-{slug(kind)}", curve_chart(title, across, drawn)
