"""Finding a command by what is typed."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from vitinspect.app.shell.menus import MENUS, every_action
from vitinspect.app.shell.palette import Palette, ranked


def names(text: str) -> list[str]:
    return [record.id for _, record in ranked(text, MENUS)]


def test_a_word_of_the_name_comes_before_a_word_of_an_explanation():
    assert names("dark")[0] == "theme_dark"
    assert names("light")[0] == "theme_light"
    assert names("scores")[0] == "show_scores"


def test_a_name_that_begins_with_the_words_comes_first():
    assert names("gr")[0] == "grid"
    assert names("next")[:3] == ["next", "next_block", "next_region"]


def test_every_word_must_be_found_somewhere():
    assert "grid" in names("grid side by side")
    assert names("grid xyzzy") == []


def test_nothing_typed_lists_everything_in_the_order_of_the_menus():
    assert names("") == [r.id for r in every_action() if r.id != "palette"]


@pytest.fixture
def palette(window):
    window.actions_["palette"].trigger()
    return window.findChild(Palette)


def test_dark_and_enter_give_the_dark_theme(window, palette, backend, qtbot):
    qtbot.keyClicks(palette.field, "dark")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert backend.settings["theme"] == "dark"
    window.actions_["theme_light"].trigger()


def test_it_says_when_nothing_fits(palette, qtbot):
    assert not palette.nothing.isVisible()
    qtbot.keyClicks(palette.field, "xyzzy")
    assert palette.nothing.isVisible()
    assert "xyzzy" in palette.nothing.text()
    palette.field.clear()
    assert not palette.nothing.isVisible()


def test_enter_does_not_choose_a_command_that_cannot_run_now(window, palette, qtbot):
    qtbot.keyClicks(palette.field, "cancel")
    assert not window.actions_["cancel"].isEnabled()
    assert palette.chosen_id() != "cancel"


def test_a_class_can_be_explained_from_the_palette(shown, backend, qtbot, settle):
    shown.actions_["palette"].trigger()
    palette = shown.findChild(Palette)
    qtbot.keyClicks(palette.field, "explain elk")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert backend.state.target == (4,)
    assert not shown.findChildren(Palette) or not shown.findChild(Palette).isVisible()
    settle()


def test_escape_closes_it_and_gives_the_focus_back(shown, qtbot):
    shown.activateWindow()
    shown.actions_["palette"].trigger()
    palette = shown.findChild(Palette)
    assert palette.isVisible()
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)
    assert not palette.isVisible()
    assert shown.focusWidget() is shown.canvas
