"""The best value of a column: the highest or the lowest, among the rows that are compared with each other."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.tables import Column, Results, Row, Table
from vitinspect.scores.statistics import Mean

RISING, FALLING = Column("iou", "IoU"), Column("deletion_auc", "Deletion AUC", higher_is_better=False)


def row(method: str, iou: float, deletion: float, suffix: str = "") -> Row:
    means = {"iou": Mean(iou, iou, iou, 3), "deletion_auc": Mean(deletion, deletion, deletion, 3)}
    return Row(method, 1, means, suffix)


def test_where_lower_is_better_the_lowest_is_best() -> None:
    rows = (row("a", 0.5, 0.2), row("b", 0.7, 0.4), row("c", 0.6, 0.3))
    table = Table("", (RISING, FALLING), rows, 3)
    assert (table.best(RISING), table.best(FALLING)) == (0.7, 0.2)
    assert [r.method for r in rows if table.is_best(r, RISING)] == ["b"]
    assert [r.method for r in rows if table.is_best(r, FALLING)] == ["a"]


def test_rows_of_another_fusion_mode_are_compared_with_each_other_only() -> None:
    rows = (row("a", 0.5, 0.2), row("a (product)", 0.9, 0.1, " (product)"), row("b (product)", 0.8, 0.3, " (product)"))
    table = Table("", (RISING, FALLING), rows, 3)
    assert table.best(RISING) == 0.5
    assert table.best(RISING, " (product)") == 0.9
    assert table.is_best(rows[0], FALLING)


def test_two_methods_are_compared_on_the_pictures_that_both_have() -> None:
    plan = Plan(data="set", methods=("rollout", "saliency"), ways=(1,))
    names = [row.name for row in plan.rows()]
    first = {"a": 0.9, "b": 0.8, "c": 0.7}
    second = {"b": 0.3, "c": 0.4, "d": 0.9}
    scores = [(image, names[0], "", "iou", value) for image, value in first.items()]
    scores += [(image, names[1], "", "iou", value) for image, value in second.items()]
    store = SimpleNamespace(
        plan=plan,
        images=lambda: iter("abcd"),
        fact=lambda name: None,
        scores=lambda: iter(scores),
    )
    results = Results(store)  # type: ignore[arg-type]
    table = results.table("")
    ((best, other, comparison),) = results.compare_with_best(table, table.columns[0])
    assert (best, other) == (names[0], names[1])
    assert comparison.difference.count == 2
    assert comparison.difference.value == pytest.approx((0.5 + 0.3) / 2)
