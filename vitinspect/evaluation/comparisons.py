"""Comparing the best method of each column with every other one, on the same pictures, with Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitinspect.scores.statistics import Comparison, holm

if TYPE_CHECKING:
    from vitinspect.evaluation.tables import Column, Results, Table


@dataclass(frozen=True)
class Compared:
    """A method compared with the best one of a column."""

    column: Column
    best: str
    other: str
    comparison: Comparison
    p_holm: float
    """The p-value, corrected for the number of methods that the best one is compared with."""


def compared(results: Results, table: Table) -> list[Compared]:
    """All comparisons of a table, column by column. Columns computed over the whole data set have none."""
    found: list[Compared] = []
    for column in table.columns:
        pairs = results.compare_with_best(table, column)
        corrected = holm([comparison.p_value for *_, comparison in pairs])
        found += [
            Compared(column, best, other, comparison, p)
            for (best, other, comparison), p in zip(pairs, corrected, strict=True)
        ]
    return found


def comparison_lines(found: Sequence[Compared]) -> list[str]:
    """The comparisons as Markdown."""
    if not found:
        return []
    lines = [
        "Against the best method of each column, on the same images: mean difference (best minus other) with its "
        "bootstrap 95 % interval, the p-value of a sign-flip test, and the same after Holm's correction over the "
        "methods of the column.",
        "",
        "| Column | Best | Other | difference | p | p (Holm) |",
        "|---|---|---|---:|---:|---:|",
    ]
    for c in found:
        d = c.comparison.difference
        shown = c.column.shown
        lines.append(
            f"| {c.column.title} | {c.best} | {c.other} | {shown(d.value)} [{shown(d.low)}, {shown(d.high)}] | "
            f"{c.comparison.p_value:.4f} | {c.p_holm:.4f} |"
        )
    left_out = sum(c.comparison.left_out for c in found)
    if left_out:
        lines += ["", f"{left_out} pairs with a missing value were left out."]
    return [*lines, ""]
