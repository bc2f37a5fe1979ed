"""Scores, curves and agreement of the layers."""

from __future__ import annotations

import csv
import io
import math

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from vitinspect.app import theme
from vitinspect.app.widgets.agreement_view import AgreeingLayer, AgreementView, Pair, in_words
from vitinspect.app.widgets.curve_chart import Curve, CurveChart, pen_of, upper_end
from vitinspect.app.widgets.score_table import ScoreColumn, ScoreRow, ScoreTable

COLUMNS = (
    ScoreColumn("deletion", "Deletion", "lower is better", False),
    ScoreColumn("iou", "IoU", "overlap with the mask"),
    ScoreColumn("area", "Area", higher=None),
)
ROWS = (
    ScoreRow("a", 1, "LRP × Rollout", {"deletion": 0.004, "iou": 0.689, "area": 0.1}, 0),
    ScoreRow("b", 2, "AttnLRP", {"deletion": 0.001, "iou": math.nan, "area": 0.3}, 1),
    ScoreRow("c", 4, '=cmd,"x"', {"deletion": 0.003, "iou": 0.39}, 2),
)


@pytest.fixture
def table(show):
    made = ScoreTable()
    show(made, width=520)
    made.set_scores(COLUMNS, ROWS, "b")
    return made


def test_the_header_says_which_end_is_good(table) -> None:
    header = [table.scores.headerData(i, Qt.Orientation.Horizontal) for i in range(4)]
    assert header == ["Layer", "Deletion ↓", "IoU ↑", "Area"]


def test_the_best_is_bold_and_missing_values_are_dashes(table) -> None:
    best = [(row.id, column.id) for i, row in enumerate(ROWS) for column in COLUMNS if table.scores.is_best(i, column)]
    assert best == [("a", "iou"), ("b", "deletion")]
    assert table.scores.index(1, 2).data() == "–"


def test_a_click_emits_the_layer_and_a_selection_by_the_program_does_not(table, qtbot, heard) -> None:
    chosen = heard(table.chosen)
    place = table.visualRect(table.scores.index(2, 1)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert chosen == ["c"]
    table.set_scores(COLUMNS, ROWS, "a")
    table.set_scores(COLUMNS, ROWS[:2], "b")
    table.set_scores(COLUMNS, ROWS, "none")
    assert chosen == ["c"]
    assert not table.currentIndex().isValid()


def test_new_values_keep_scrolling_and_selection(table, heard) -> None:
    resets = heard(table.scores.modelReset)
    table.set_scores(COLUMNS, [*ROWS[:2], ScoreRow("c", 3, "x", {})], "b")
    assert resets == []
    assert table.currentIndex().row() == 1


def test_the_table_as_csv_has_full_numbers_and_no_formula(table) -> None:
    read = list(csv.reader(io.StringIO(table.scores.to_csv())))
    assert read[0] == ["number", "layer", "deletion", "iou", "area"]
    assert read[1] == ["1", "LRP × Rollout", "0.004", "0.689", "0.1"]
    assert read[2][3] == ""
    assert not read[3][1].startswith("=")


@pytest.mark.parametrize(("largest", "end"), [(0.9, 1), (0.097, 0.1), (0.13, 0.2), (3, 5), (0, 1), (math.nan, 1)])
def test_an_axis_ends_at_a_round_number(largest, end) -> None:
    assert upper_end(largest) == pytest.approx(end)


def test_curves_are_distinguished_by_more_than_colour(qapp) -> None:
    looks = {(pen_of(i).color().name(), pen_of(i).style()) for i in range(12)}
    assert len(looks) >= 11
    assert pen_of(0).style() != pen_of(5).style()


@pytest.fixture
def chart(show):
    made = CurveChart("Deletion", x_label="% removed", y_label="probability of leaf")
    window = show(made, width=240)
    window.setFixedHeight(180)
    xs = list(range(0, 101, 10))
    made.set_curves([Curve(1, "LRP", xs, [1 - x / 100 for x in xs], 0), Curve(3, "Rollout", xs, [0.2] * 11, 2, True)])
    return made


def test_a_curve_is_painted_where_its_values_are(chart) -> None:
    image = chart.grab().toImage()
    wanted = QColor(theme.current().lines[2])
    place = chart.place(10, 0.2).toPoint()
    assert any(image.pixelColor(place.x(), place.y() + dy) == wanted for dy in (-1, 0, 1))


def test_the_tool_tip_names_the_layers_by_number(chart) -> None:
    assert chart.text_at(chart.place(50, 0).x()) == "50 % removed\n1 LRP: 0.500\n3 Rollout: 0.200"
    assert chart.text_at(0) == ""


def test_a_chart_without_curves_is_painted(chart) -> None:
    chart.set_curves([])
    chart.set_mark(3)
    chart.grab()


LAYERS = [AgreeingLayer("a", 1, "LRP"), AgreeingLayer("b", 2, "Rollout"), AgreeingLayer("c", 4, "LeGrad")]
PAIRS = [
    Pair("a", "b", 0.73, 0.14, 0.0, 0.06, 0.1),
    Pair("a", "c", -0.2, 0.5, 0.15, 0.2, 0.3),
    Pair("b", "c", 0.5, 0.3, 0.05, 0.1, 0.2),
]


@pytest.fixture
def agreement(show):
    made = AgreementView()
    window = show(made, width=900)
    window.setFixedHeight(200)
    return made


def test_the_pigeonhole_numbers_are_put_into_words() -> None:
    words = in_words("1 LRP", "4 LeGrad", PAIRS[1])
    assert "overlap on 30.0 % of the picture (IoU 0.50)" in words
    assert "at least 15.0 % of the picture wherever they lie, and on 20.0 % by chance" in words
    assert "by −0.20 (Spearman)" in words
    assert "need not overlap at all" in in_words("1 LRP", "2 Rollout", PAIRS[0])


def test_columns_are_named_and_the_pair_with_the_highest_bound_is_described_first(agreement) -> None:
    agreement.set_agreement(LAYERS, PAIRS)
    assert agreement.matrix._names == ("1\u00a0LRP", "2\u00a0Rollout", "4\u00a0LeGrad")
    assert agreement.words.text().startswith("1\u00a0LRP and 4\u00a0LeGrad")


def test_overlaps_are_above_the_diagonal_and_correlations_below(agreement) -> None:
    agreement.set_agreement(LAYERS, PAIRS)
    values = agreement.matrix._values
    assert (values[0][2], values[2][0]) == (0.5, -0.2)
    assert math.isnan(values[1][1])


def test_a_click_on_a_cell_shows_its_pair(agreement, qtbot, heard) -> None:
    agreement.set_agreement(LAYERS, PAIRS)
    chosen = heard(agreement.pair_chosen)
    for cell in ((1, 0), (2, 1)):
        qtbot.mouseClick(agreement.matrix, Qt.MouseButton.LeftButton, pos=agreement.matrix.cell(*cell).center())
    assert chosen == [("b", "a"), ("c", "b")]
    assert "2\u00a0Rollout and 4\u00a0LeGrad" in agreement.words.text()
    agreement.set_agreement(LAYERS, PAIRS)
    assert "2\u00a0Rollout and 4\u00a0LeGrad" in agreement.words.text()


def test_one_map_alone_cannot_be_compared(agreement) -> None:
    agreement.set_agreement(LAYERS[:1], [])
    assert agreement.empty.isVisible()
    assert not agreement.matrix.isVisible()
    agreement.set_agreement(LAYERS, PAIRS)
    assert not agreement.empty.isVisible()
