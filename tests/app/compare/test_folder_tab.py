"""Over the folder, as a person uses it: compare, look at table and scatter, open a picture."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from tests.app.compare.test_workspace import compare, loader, other  # noqa: F401
from vitinspect.evaluation.two_models import Row, ordered


@pytest.fixture
def tab(compare, backend, settle):  # noqa: F811
    backend.state.set(plots=True, compare_tab="compare-folder")
    settle()
    return compare.bottom.tab("compare-folder")


def test_the_folder_is_compared_with_a_click(tab, backend, settle):
    assert not backend.over_folder.rows
    tab.button.click()
    settle()
    rows = backend.over_folder.rows
    assert len(rows) == 6
    assert all(math.isfinite(row.spearman) for row in rows)
    assert [row.picture for row in tab.table.found.rows] == [row.picture for row in ordered(rows)]
    assert len(tab.scatter.dots) == 6
    assert "6 of 6 pictures" in tab.notice.text()
    assert not tab.button.isEnabled()


def test_a_row_and_the_numbers_of_the_picture_agree(tab, backend, settle):
    tab.button.click()
    settle()
    row = next(row for row in backend.over_folder.rows if row.picture == backend.state.image)
    said = backend.results.compared.agreement
    assert (row.spearman, row.pearson, row.iou) == pytest.approx((said.spearman, said.pearson, said.iou), abs=1e-4)
    assert row.label_a == backend.results.predictions[0].label
    assert row.label_b == backend.second.results.predictions[0].label


def test_a_click_in_the_table_or_on_a_dot_opens_the_picture(tab, backend, settle, qtbot):
    tab.button.click()
    settle()
    path = tab.table.found.rows[3].picture
    tab.table.clicked.emit(tab.table.found.index(3, 0))
    assert backend.state.image == path
    dot = next(dot for dot in tab.scatter.dots if dot.id != path)
    tab.scatter.chosen.emit(dot.id)
    assert backend.state.image == dot.id
    settle()
    assert tab.scatter.current == dot.id
    assert tab.table.found.rows[tab.table.currentIndex().row()].picture == dot.id


def test_hovering_a_dot_shows_the_picture(tab, backend, settle, qtbot):
    tab.button.click()
    settle()
    dot = tab.scatter.dots[0]
    backend.thumbnails.get(dot.id)
    settle()
    assert "<img src=" in tab.scatter.tip(dot)
    assert "picture" in tab.scatter.tip(dot)


def test_a_heading_sorts_and_the_measure_changes_the_order(tab, backend, settle):
    tab.button.click()
    settle()
    tab.table.horizontalHeader().setSortIndicator(6, Qt.SortOrder.DescendingOrder)
    values = [row.iou for row in tab.table.found.rows]
    assert values == sorted(values, reverse=True)
    tab.table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
    tab.measure.set_value("iou")
    tab.follow()
    assert tab.table.found.rows == ordered(backend.over_folder.rows, "iou")
    assert [dot.y for dot in tab.scatter.dots] == [row.iou for row in backend.over_folder.rows]


def test_the_table_is_saved(tab, settle, tmp_path: Path, monkeypatch):
    tab.button.click()
    settle()
    path = tmp_path / "table.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    tab.save.click()
    with path.open() as file:
        assert len(list(csv.DictReader(file))) == 6


def test_a_picture_that_failed_says_so_in_its_row(tab):
    row = Row("/set/broken.png", problem="It is broken.")
    tab.table.set_rows([row], "spearman")
    index = tab.table.found.index(0, 4)
    assert tab.table.found.data(index, int(Qt.ItemDataRole.ToolTipRole)) == "It is broken."
