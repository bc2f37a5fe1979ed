"""The table of pictures: sorted by any column, filtered by name, several selected."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtTest import QTest

from vitinspect.app.people.table import GAP, PictureColumn, PictureRow, PictureTable

COLUMNS = (PictureColumn("name", "Picture"), PictureColumn("people", "People"), PictureColumn(GAP, "Gap"))


def rows_of(*values: float) -> list[PictureRow]:
    return [PictureRow(f"/p{i}", f"p{i}", {"people": v, GAP: -v}, (v, 0.0)) for i, v in enumerate(values)]


@pytest.fixture
def table(qtbot):
    made = PictureTable()
    qtbot.addWidget(made)
    made.resize(500, 300)
    made.show()
    made.set_rows(COLUMNS, rows_of(0.3, math.nan, 0.9, 0.5), "/p3")
    return made


def names(table: PictureTable) -> list[str]:
    return [row.name for row in table.pictures.rows]


def click_header(table: PictureTable, section: int) -> None:
    header = table.horizontalHeader()
    x = header.sectionViewportPosition(section) + 8
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, header.height() // 2))


def test_the_largest_gap_comes_first_and_missing_values_last(table):
    assert names(table) == ["p0", "p3", "p2", "p1"]
    assert table.selected() == ["/p3"]


def test_a_click_on_a_header_sorts_and_a_second_one_reverses_the_order(table):
    click_header(table, 1)
    assert names(table) == ["p2", "p3", "p0", "p1"]
    click_header(table, 1)
    assert names(table) == ["p0", "p3", "p2", "p1"]
    click_header(table, 0)
    assert names(table) == ["p0", "p1", "p2", "p3"]
    assert table.pictures.headerData(0, Qt.Orientation.Horizontal, Qt.ItemDataRole.DisplayRole) == "Picture ↑"
    assert table.selected() == ["/p3"]


def test_a_click_opens_the_picture_and_ctrl_click_selects_another(table, qtbot):
    def click(row: int, modifier=Qt.KeyboardModifier.NoModifier):
        place = table.visualRect(table.pictures.index(row, 0)).center()
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, modifier, place)

    with qtbot.waitSignal(table.chosen) as emitted:
        click(0)
    assert emitted.args == ["/p0"]
    click(2, Qt.KeyboardModifier.ControlModifier)
    assert sorted(table.selected()) == ["/p0", "/p2"]


def test_the_filter_keeps_what_is_selected(table, qtbot):
    with qtbot.assertNotEmitted(table.chosen, wait=20):
        table.set_filter("P3")
    assert names(table) == ["p3"]
    assert table.selected() == ["/p3"]
    table.set_filter("")
    assert len(names(table)) == 4


def test_new_values_emit_nothing_and_keep_the_selection(table, qtbot):
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    table.selectionModel().select(table.pictures.index(0, 0), flags)
    before = sorted(table.selected())
    assert len(before) == 2
    with qtbot.assertNotEmitted(table.chosen, wait=20):
        table.set_rows(COLUMNS, rows_of(0.4, 0.1, 0.2, 0.5), "/p3")
    assert sorted(table.selected()) == before


def test_ten_thousand_rows_are_in_order(table):
    table.set_rows(COLUMNS, rows_of(*(((i * 7919) % 10_007) / 10_007 for i in range(10_000))), "/p5")
    table.pictures.sort(1, Qt.SortOrder.DescendingOrder)
    values = [row.values["people"] for row in table.pictures.rows]
    assert values == sorted(values, reverse=True)
    assert [table.pictures.rows[i].name for i in table.pictures.rows_of(["/p5"])] == ["p5"]
    assert not table.grab().isNull()


def test_without_the_column_of_the_gap_the_most_disagreement_comes_first(table):
    columns = [column for column in COLUMNS if column.id != GAP]
    table.set_rows(columns, rows_of(0.9, 0.2, 0.5), "/p0")
    assert [row.name for row in table.pictures.rows] == ["p1", "p2", "p0"]
    assert table.pictures.order == ("people", False)
    table.set_rows(COLUMNS, rows_of(0.9, 0.2, 0.5), "/p0")
    assert table.pictures.order == (GAP, True)


def test_a_narrow_table_leaves_out_whole_columns_and_cuts_none(table, qtbot):
    maps = [PictureColumn(f"map {i}", f"Rollout {i}", head=f"R{i}", rank=1) for i in range(4)]
    columns = (*COLUMNS, *maps, PictureColumn("masks", "Masks", rank=2))
    table.set_rows(columns, rows_of(0.3, 0.9), "/p0")

    def shown() -> list[str]:
        return [columns[i].id for i in range(len(columns)) if not table.isColumnHidden(i)]

    assert shown() == [column.id for column in columns]
    table.resize(300, 300)
    assert shown()[:3] == ["name", "people", GAP]
    assert len(shown()) < len(columns)
    assert "masks" not in shown()
    qtbot.waitUntil(lambda: table.horizontalScrollBar().maximum() == 0)
    assert sum(table.columnWidth(i) for i in range(len(columns))) == table.viewport().width()
    table.resize(900, 300)
    assert shown() == [column.id for column in columns]
    assert "Rollout 3" in table.as_csv()
