"""Small things about the window as a whole."""

from __future__ import annotations


def test_the_menu_of_the_picture_has_what_can_be_done_with_it(shown):
    menu = shown.picture_menu()
    texts = [action.text() for action in menu.actions() if action.text()]
    assert texts[:2] == ["Fit", "Actual size"]
    assert "Unpin patch" in texts
    assert "Save…" in texts
    menu.close()


def test_the_window_has_its_icon_once_it_is_painted(shown, qtbot):
    qtbot.waitUntil(lambda: not shown.windowIcon().isNull())
    assert shown.windowIcon().availableSizes()
