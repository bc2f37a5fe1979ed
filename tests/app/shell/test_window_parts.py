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


def test_the_status_bar_is_one_line(shown):
    from PySide6.QtCore import QPoint

    status = shown.status
    middles = {
        part.mapTo(status, QPoint(0, 0)).y() + part.height() / 2 for part in (status.readout, status.zoom, status.doing)
    }
    assert len(middles) == 1
    assert status.readout.geometry().bottom() < status.height()
