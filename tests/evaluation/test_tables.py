"""What a table says is best: the highest or the lowest, among the rows that are compared with each other."""

from __future__ import annotations

from vitinspect.evaluation.tables import Column, Row, Table
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


def test_rows_that_are_fused_in_another_way_compete_among_themselves() -> None:
    rows = (row("a", 0.5, 0.2), row("a (product)", 0.9, 0.1, " (product)"), row("b (product)", 0.8, 0.3, " (product)"))
    table = Table("", (RISING, FALLING), rows, 3)
    assert table.best(RISING) == 0.5
    assert table.best(RISING, " (product)") == 0.9
    assert table.is_best(rows[0], FALLING)
