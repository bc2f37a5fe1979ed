"""Where the keyboard focus goes: text fields give it back to the picture."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton


@pytest.fixture
def active(shown, qtbot):
    shown.activateWindow()
    qtbot.waitUntil(shown.isActiveWindow)
    return shown


def fields(window):
    return {
        "folder": window.browser.path,
        "filter": window.browser.filter,
    }


@pytest.mark.parametrize("name", ["folder", "filter"])
def test_escape_in_a_text_field_returns_to_the_canvas_and_the_arrows_work_again(active, backend, qtbot, settle, name):
    active.frame.show_left()
    active.browser.find_by_name()
    active.browser.type_folder()
    field = fields(active)[name]
    field.setFocus()
    qtbot.keyClicks(QApplication.focusWidget(), "pi")
    backend.state.set(pinned=(1, 1))
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert QApplication.focusWidget() is active.canvas
    assert backend.state.pinned == (1, 1), "leaving a field does more than it says"
    settle()
    before = backend.state.image
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Right)
    settle()
    assert backend.state.image != before


def test_escape_on_the_canvas_unpins_the_patch(active, backend, qtbot):
    active.canvas.setFocus()
    backend.state.set(pinned=(1, 1))
    qtbot.keyClick(active.canvas, Qt.Key.Key_Escape)
    assert backend.state.pinned == ()


def test_typing_a_folder_gives_the_focus_back_to_the_picture(active, backend, pictures, qtbot, settle, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    active.frame.show_left()
    active.browser.type_folder()
    qtbot.keyClicks(QApplication.focusWidget(), str(other))
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Return)
    assert backend.state.folder == str(other)
    assert QApplication.focusWidget() is active.canvas
    settle()


def test_settings_open_with_the_first_field_ready_and_return_empties_no_cache(active, backend, qtbot, monkeypatch):
    emptied = []
    monkeypatch.setattr(backend.coordinator, "clear_caches", lambda: emptied.append(True))
    active.actions_["settings"].trigger()
    from vitinspect.app.shell.settings_dialog import SettingsDialog

    dialog = active.findChild(SettingsDialog)
    qtbot.waitUntil(dialog.isActiveWindow)
    focused = dialog.focusWidget()
    assert focused is next(iter(dialog.fields.values()))
    assert not any(button.isDefault() or button.autoDefault() for button in dialog.findChildren(QPushButton))
    line = dialog.findChildren(QLineEdit)[0]
    line.setFocus()
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert emptied == []
    dialog.close()
