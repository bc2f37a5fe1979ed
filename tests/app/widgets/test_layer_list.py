"""The layer list: rows that say everything, and signals for whatever a person does with them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QDropEvent, QFontMetrics
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from vitinspect.app import theme
from vitinspect.app.widgets.layer_delegate import parts, state_text, text_of
from vitinspect.app.widgets.layer_list import LayerList
from vitinspect.app.widgets.layer_model import MIME, LayerModel
from vitinspect.app.widgets.layer_rows import LayerRow, Swatch

ROWS = (
    LayerRow("a", "LRP", "start_layer 1", 1, seconds=0.14, mark="A"),
    LayerRow("b", "Rollout", "", 2, state="cached"),
    LayerRow("c", "Integrated gradients", "", 3, state="running", progress=0.62),
    LayerRow("d", "heat_leaf.npy", "", 4, state="refused", reason="16 × 16 fits neither grid nor pixels"),
    LayerRow("t", "Truth: leaf", "masks-second", swatch=Swatch("truth"), note="4.1 %", can_mark=False),
)


@pytest.fixture
def layers(qapp, qtbot):
    theme.apply(qapp, "light")
    made = LayerList()
    qtbot.addWidget(made)
    made.resize(320, 240)
    made.show()
    assert QTest.qWaitForWindowActive(made)
    made.set_layers(ROWS, "a")
    made.setFocus()
    yield made
    made.close()


def place(layers: LayerList, layer: str, part: str) -> QPoint:
    index = layers.layers.index_of(layer)
    row = layers.layers.row_at(index)
    found = parts(layers.visualRect(index), row, hovered=True)
    return {"eye": found.eye, "A": found.mark_a, "B": found.mark_b, "name": found.name}[part].center()


def test_a_click_on_the_eye_toggles_and_selects_nothing(layers, qtbot, heard) -> None:
    toggled, selected = heard(layers.eye_toggled), heard(layers.selected)
    qtbot.mouseClick(layers.viewport(), Qt.MouseButton.LeftButton, pos=place(layers, "b", "eye"))
    assert (toggled, selected, layers.selected_layer) == (["b"], [], "a")


def test_a_click_on_the_eye_with_alt_asks_for_this_layer_alone(layers, qtbot, heard) -> None:
    solo, toggled = heard(layers.solo_wanted), heard(layers.eye_toggled)
    where, alt = place(layers, "b", "eye"), Qt.KeyboardModifier.AltModifier
    qtbot.mouseClick(layers.viewport(), Qt.MouseButton.LeftButton, alt, where)
    assert (solo, toggled) == (["b"], [])


def test_two_quick_clicks_on_the_eye_are_two_clicks(layers, qtbot, heard) -> None:
    toggled = heard(layers.eye_toggled)
    where = place(layers, "b", "eye")
    qtbot.mouseClick(layers.viewport(), Qt.MouseButton.LeftButton, pos=where)
    qtbot.mouseDClick(layers.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert toggled == ["b", "b"]


def test_clicks_on_a_and_b_set_marks_and_a_second_click_removes_one(layers, qtbot, heard) -> None:
    marked = heard(layers.mark_wanted)
    for layer, letter in (("b", "A"), ("b", "B"), ("a", "A"), ("t", "A")):
        qtbot.mouseClick(layers.viewport(), Qt.MouseButton.LeftButton, pos=place(layers, layer, letter))
    assert marked == [("b", "A"), ("b", "B"), ("a", "")]


def test_a_click_on_the_name_selects_and_emits(layers, qtbot, heard) -> None:
    selected = heard(layers.selected)
    qtbot.mouseClick(layers.viewport(), Qt.MouseButton.LeftButton, pos=place(layers, "c", "name"))
    assert (selected, layers.selected_layer) == (["c"], "c")


def test_a_selection_by_the_program_is_not_emitted(layers, heard) -> None:
    selected = heard(layers.selected)
    layers.select("d")
    layers.set_layers(ROWS, "b")
    assert (selected, layers.selected_layer) == ([], "b")
    layers.select("")
    assert layers.selected_layer == ""


def test_the_keys_of_a_row(layers, qtbot, heard) -> None:
    emitted = {
        name: heard(getattr(layers, name))
        for name in ("eye_toggled", "solo_wanted", "delete_wanted", "duplicate_wanted", "mark_wanted", "selected")
    }
    qtbot.keyClick(layers, Qt.Key.Key_Space)
    qtbot.keyClick(layers, Qt.Key.Key_Space, Qt.KeyboardModifier.AltModifier)
    qtbot.keyClick(layers, Qt.Key.Key_Delete)
    qtbot.keyClick(layers, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(layers, Qt.Key.Key_B, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(layers, Qt.Key.Key_Down)
    assert emitted == {
        "eye_toggled": ["a"],
        "solo_wanted": ["a"],
        "delete_wanted": ["a"],
        "duplicate_wanted": ["a"],
        "mark_wanted": [("a", "B")],
        "selected": ["b"],
    }


def test_letters_are_left_to_the_window(layers, qtbot) -> None:
    qtbot.keyClick(layers, Qt.Key.Key_R)
    assert layers.selected_layer == "a"


def test_f2_renames_in_place_and_escape_does_not(layers, qtbot, heard) -> None:
    renamed = heard(layers.renamed)
    for last, expected in ((Qt.Key.Key_Return, [("a", "Mine")]), (Qt.Key.Key_Escape, [("a", "Mine")])):
        qtbot.keyClick(layers, Qt.Key.Key_F2)
        editor = layers.findChild(QLineEdit)
        assert editor is not None
        assert editor.text() == "LRP"
        editor.selectAll()
        qtbot.keyClicks(editor, "Mine")
        qtbot.keyClick(editor, last)
        qtbot.waitUntil(lambda: layers.findChild(QLineEdit) is None)
        assert renamed == expected
    assert layers.layers.rows[0].name == "LRP"


def drop(layers: LayerList, layer: str, at: QPoint) -> None:
    data = QMimeData()
    data.setData(MIME, layer.encode())
    event = QDropEvent(
        QPointF(at),
        Qt.DropAction.MoveAction | Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    layers.dropEvent(event)
    assert event.dropAction() != Qt.DropAction.MoveAction  # or the view would remove the row


def test_dropping_a_row_asks_for_another_order(layers, heard) -> None:
    ordered = heard(layers.ordered)
    last = layers.visualRect(layers.layers.index_of("t"))
    drop(layers, "a", last.center() + QPoint(0, 5))
    assert ordered == [("b", "c", "d", "t", "a")]
    drop(layers, "d", QPoint(50, 2))
    assert ordered[1] == ("d", "a", "b", "c", "t")
    drop(layers, "a", QPoint(50, 2))
    assert len(ordered) == 2
    assert [row.id for row in layers.layers.rows] == ["a", "b", "c", "d", "t"]


def test_alt_and_arrow_keys_order_too(layers, qtbot, heard) -> None:
    ordered = heard(layers.ordered)
    qtbot.keyClick(layers, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    qtbot.keyClick(layers, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert ordered == [("b", "a", "c", "d", "t")]


def test_the_context_menu_says_for_which_layer(layers, heard) -> None:
    asked = heard(layers.menu_wanted)
    for point in (place(layers, "c", "name"), QPoint(50, 235)):
        event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, point, layers.mapToGlobal(point))
        layers.contextMenuEvent(event)
    assert [layer for layer, _ in asked] == ["c", ""]


def test_a_change_of_state_moves_nothing(layers, qapp) -> None:
    before = [layers.visualRect(layers.layers.index_of(r.id)) for r in ROWS]
    where = parts(before[1], ROWS[1], hovered=False)
    for changed in (
        replace(ROWS[1], state="waiting"),
        replace(ROWS[1], state="running", progress=0.5),
        replace(ROWS[1], state="ready", seconds=12.0),
    ):
        layers.set_layers((ROWS[0], changed, *ROWS[2:]), "a")
        qapp.processEvents()
        assert [layers.visualRect(layers.layers.index_of(r.id)) for r in ROWS] == before
        assert parts(before[1], changed, hovered=False) == where


def test_every_text_of_a_state_fits_its_column(layers) -> None:
    metrics = QFontMetrics(theme.font(11))
    for row in (
        replace(ROWS[1], state="waiting"),
        replace(ROWS[1], state="cached"),
        replace(ROWS[1], state="ready", seconds=3599),
        replace(ROWS[1], state="ready", seconds=102),
    ):
        assert metrics.horizontalAdvance(state_text(row)) <= 78, state_text(row)
    assert metrics.horizontalAdvance("100 %") + 38 <= 78


@pytest.mark.parametrize("width", [300, 320, 420])
def test_no_name_and_no_reason_is_cut(layers, qapp, width) -> None:
    long = replace(ROWS[0], detail="start_layer 2, variant last_layer_attn, rules original")
    refused = replace(ROWS[3], name="a_very_long_name_of_a_file_without_any_space_in_it_at_all.npy", reason="no " * 40)
    layers.resize(width, 400)
    layers.set_layers((long, refused))
    qapp.processEvents()
    for row in (long, refused):
        rect = layers.visualRect(layers.layers.index_of(row.id))
        font, small = theme.font(12), theme.font(11)
        lines = text_of(row, parts(rect, row, hovered=False).name.width(), font, small)
        assert "".join(line.text for line in lines).replace("\u200b", "") == row.name + row.detail + row.reason
        for line in lines:
            metrics = QFontMetrics(font if line.kind in ("name", "inline") else small)
            box = metrics.boundingRect(0, 0, parts(rect, row, hovered=False).name.width(), 9999, line.flags, line.text)
            assert box.height() <= line.height + 2
        assert rect.height() >= sum(line.height for line in lines)


def test_rows_are_28_high_and_refused_ones_44(layers) -> None:
    heights = [layers.visualRect(layers.layers.index_of(r.id)).height() for r in ROWS]
    assert heights == [28, 28, 28, 44, 28]


def test_the_selection_survives_what_happens_around_it(layers) -> None:
    layers.select("c")
    layers.set_layers((ROWS[2], ROWS[0], replace(ROWS[4], note="5 %")), "c")
    assert [row.id for row in layers.layers.rows] == ["c", "a", "t"]
    assert layers.selected_layer == "c"


def test_the_model_moves_inserts_and_removes_without_a_reset(qapp, heard) -> None:
    from PySide6.QtTest import QAbstractItemModelTester

    model = LayerModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    resets = heard(model.modelReset)
    for ids in ("abc", "cab", "xcb", "", "abcdef", "fedcba", "bd"):
        model.set_rows([LayerRow(i, i) for i in ids])
        assert "".join(row.id for row in model.rows) == ids
    assert resets == []
    assert tester.model() is model
    with pytest.raises(ValueError, match="same id"):
        model.set_rows([LayerRow("a", "x"), LayerRow("a", "y")])


def test_names_are_plain_text_in_the_tool_tip() -> None:
    row = LayerRow("a", "<img src=x>", "a<b", paper="<i>", reason="1 < 2", state="refused")
    assert "<img" not in row.tool_tip
    assert "&lt;img src=x&gt;" in row.tool_tip
    assert "1 &lt; 2" in row.tool_tip


def test_a_row_can_be_read_aloud() -> None:
    assert ROWS[0].spoken == "Layer 1, LRP start_layer 1, shown, marked A"
    assert "refused: 16 × 16" in ROWS[3].spoken


def test_the_list_can_be_drawn_in_both_themes(layers, qapp) -> None:
    pictures = []
    for name in ("light", "dark"):
        theme.apply(qapp, name)
        QApplication.processEvents()
        pictures.append(layers.grab().toImage())
    assert pictures[0] != pictures[1]
    theme.apply(qapp, "light")
