"""Tools, their options, filters, the path of a folder, and the class that is explained."""

from __future__ import annotations

import os

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from vitinspect.app.widgets.breadcrumb import Breadcrumb, parts_of
from vitinspect.app.widgets.chips import Chip, Chips
from vitinspect.app.widgets.class_field import ClassField
from vitinspect.app.widgets.tool_strip import Tool, ToolOptions, ToolStrip

TOOLS = (
    Tool("pan", "Pan and zoom", "pan", "V"),
    Tool("pin", "Pin a patch", "pin", "P"),
    Tool("undo", "Undo", "undo", "Ctrl+Z", 1, acts=True),
)


def test_one_tool_is_selected_and_actions_run(show, qtbot, heard) -> None:
    strip = ToolStrip(TOOLS)
    show(strip)
    chosen, triggered = heard(strip.chosen), heard(strip.triggered)
    strip.set_tool("pan")
    for name in ("pin", "undo"):
        qtbot.mouseClick(strip.buttons[name], Qt.MouseButton.LeftButton)
    assert (chosen, triggered, strip.tool) == (["pin"], ["undo"], "pin")
    assert strip.buttons["pin"].toolTip() == "Pin a patch (P)"


def test_replacing_the_tools_keeps_the_selected_one(show) -> None:
    strip = ToolStrip(TOOLS)
    show(strip)
    strip.set_tool("pin")
    strip.set_tools(TOOLS[1:])
    assert (strip.tool, list(strip.buttons)) == ("pin", ["pin", "undo"])
    strip.set_tools(TOOLS[:1])
    assert strip.tool == ""


def test_options_are_shown_only_while_a_tool_has_some(show) -> None:
    options, label = ToolOptions(), QLabel("size")
    show(options)
    options.set_options("Brush", [label])
    assert options.isVisible()
    assert label.isVisible()
    options.set_options("Pan", [])
    assert not options.isVisible()
    options.set_options("Brush", [label])
    assert label.isVisible()
    options.set_options("", [])
    label.deleteLater()


def test_a_chip_is_on_or_off(show, qtbot, heard) -> None:
    chips = Chips([Chip("masked", "has mask"), Chip("flagged", "flagged")])
    show(chips)
    changed = heard(chips.changed)
    for _ in range(2):
        qtbot.mouseClick(chips.buttons["masked"], Qt.MouseButton.LeftButton)
    assert changed == [("masked", True), ("masked", None)]


def test_a_chip_with_choices_shows_the_chosen_one(show, qtbot, heard) -> None:
    chips = Chips([Chip("class", "predicted", choices=(("gem", "gem"), ("leaf", "leaf & co")))])
    show(chips)
    changed = heard(chips.changed)
    menu = chips.buttons["class"].menu_of()
    menu.actions()[1].trigger()
    assert (changed, chips.value("class"), chips.buttons["class"].text()) == ([("class", "leaf")], "leaf", "leaf & co")
    qtbot.mouseClick(chips.buttons["class"], Qt.MouseButton.LeftButton)
    assert (changed[-1], chips.buttons["class"].text()) == (("class", None), "predicted")


def test_a_set_value_stays_when_the_choices_change(show) -> None:
    chips = Chips([Chip("class", "predicted", choices=(("gem", "gem"),)), Chip("flagged", "flagged")])
    show(chips)
    chips.set_value("class", "gem")
    chips.set_value("flagged", True)
    chips.set_chips(
        [Chip("class", "predicted", choices=(("gem", "gem"), ("leaf", "leaf"))), Chip("flagged", "flagged")]
    )
    assert (chips.value("class"), chips.value("flagged")) == ("gem", True)


def test_chips_wrap_where_the_width_ends(show) -> None:
    chips = Chips([Chip(str(i), "a filter") for i in range(5)])
    show(chips, width=200)
    rows = {button.y() for button in chips.buttons.values()}
    assert len(rows) > 1
    assert all(button.geometry().right() <= 200 for button in chips.buttons.values())


def test_a_path_is_split_into_its_parts() -> None:
    top = os.path.abspath(os.sep)
    folder = os.path.join(top, "data", "gallery")
    assert parts_of(folder) == [(top, top), ("data", os.path.join(top, "data")), ("gallery", folder)]
    assert parts_of("") == []


@pytest.fixture
def crumbs(show):
    made = Breadcrumb()
    show(made, width=216)
    made.set_folder(os.path.join(os.sep, "home", "someone", "long-folder", "gallery", "images"), ["/a & b", "/c"])
    return made


def test_the_last_folders_are_shown_and_the_others_are_in_the_menu(crumbs) -> None:
    names = [name for _, name, _ in crumbs.shown()]
    assert names[0] == "…"
    assert names[-2:] == ["gallery", "images"]
    hidden = [action.text() for action in crumbs.parents_menu().actions()]
    assert os.path.join(os.sep, "home") in hidden
    assert all(rect.right() < crumbs.arrow.left() for rect, _, _ in crumbs.shown())


def test_a_click_on_a_part_opens_that_folder(crumbs, qtbot, heard) -> None:
    chosen = heard(crumbs.folder_chosen)
    rect, _, path = crumbs.shown()[-2]
    qtbot.mouseClick(crumbs, Qt.MouseButton.LeftButton, pos=rect.center())
    assert chosen == [path]
    assert path.endswith("gallery")


def test_recent_folders_are_in_the_menu(crumbs, heard) -> None:
    chosen = heard(crumbs.folder_chosen)
    menu = crumbs.recent_menu()
    assert [action.text() for action in menu.actions()] == ["/a && b", "/c", "", "Enter a folder path"]
    menu.actions()[0].trigger()
    assert chosen == ["/a & b"]


@pytest.fixture
def field(show):
    made = ClassField()
    made.set_classes(["gem", "leaf", "crane", "butterfly", "crane"])
    show(made, width=200)
    return made


def test_a_class_is_typed(field, qtbot, heard) -> None:
    chosen = heard(field.chosen)
    field.setFocus()
    qtbot.keyClicks(field, "Leaf")
    field.completer().popup().hide()
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert (chosen, field.index, field.text()) == ([1], 1, "leaf")


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("GEM", 0),
        ("fly", 3),
        ("2", 2),
        ("crane (4)", 4),
        ("crane", None),
        ("ea", 1),
        ("e", None),
        ("xyz", None),
        ("", None),
    ],
)
def test_what_is_typed_means_one_class_or_none(field, text, index) -> None:
    assert field.class_of(text) == index


def test_an_unknown_name_is_marked_and_not_emitted(field, qtbot, heard) -> None:
    chosen = heard(field.chosen)
    field.setFocus()
    qtbot.keyClicks(field, "zebra")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert (chosen, field.property("wrong")) == ([], True)
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert (field.text(), field.property("wrong")) == ("", False)


def test_a_fixed_class_goes_back_with_one_click(field, qtbot, heard) -> None:
    cleared = heard(field.cleared)
    assert not field.cross.isVisible()
    field.set_class(3)
    assert (field.text(), field.property("fixed")) == ("butterfly", True)
    qtbot.mouseClick(field.cross, Qt.MouseButton.LeftButton)
    assert (len(cleared), field.index, field.text()) == (1, None, "")
    assert not field.cross.isVisible()


def test_a_class_of_another_model_is_called_by_its_number(field) -> None:
    field.set_class(99)
    assert field.text() == "class 99"
    field.set_classes([])
    assert field.text() == "class 99"


def test_the_completion_offers_what_contains_the_text(field, qtbot) -> None:
    field.setFocus()
    qtbot.keyClicks(field, "ra")
    model = field.completer().completionModel()
    assert [model.index(i, 0).data() for i in range(model.rowCount())] == ["crane (2)", "crane (4)"]
    field.completer().popup().hide()
