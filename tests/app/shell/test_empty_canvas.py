"""What the canvas says while there is nothing on it, and what its two buttons do."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QPushButton

from vitinspect.app.session.layers import MAP


def press(empty, text):
    next(b for b in empty.buttons if b.text() == text).click()


def test_without_a_folder_it_says_what_to_do_and_offers_two_ways(window, backend):
    backend.state.set(folder="", image="")
    empty = window.empty
    assert empty.isVisible()
    assert empty.sentence.text() == "Drop a folder, a picture or a figure here"
    assert [b.text() for b in empty.buttons] == ["Open folder", "Gallery"]
    assert empty.geometry() == window.canvas.rect()


def test_the_gallery_button_shows_its_pictures(window, backend, qtbot, settle):
    backend.state.set(folder="", image="")
    backend.coordinator.start()
    press(window.empty, "Gallery")
    qtbot.waitUntil(lambda: backend.results.picture is not None, timeout=20_000)
    assert window.empty.isHidden()
    settle()


def test_a_folder_without_pictures_offers_its_subfolders(window, backend, tmp_path, qtbot, settle):
    (tmp_path / "bare").mkdir()
    backend.state.set(folder=str(tmp_path / "bare"), image="")
    backend.coordinator.start()
    qtbot.waitUntil(lambda: window.empty.isVisible(), timeout=20_000)
    assert window.empty.sentence.text() == "There are no pictures in this folder"
    press(window.empty, "Include subfolders")
    assert backend.state.recursive
    qtbot.waitUntil(lambda: "Gallery" in [b.text() for b in window.empty.buttons])
    settle()


def test_a_folder_that_is_being_listed_says_nothing_yet(window, backend, pictures):
    backend.state.set(folder=str(pictures), image="")
    assert window.empty.isHidden()


def test_without_a_layer_the_picture_stays_and_a_quick_look_is_one_click_away(shown, backend, settle):
    backend.state.edit("Delete all", ())
    settle()
    empty = shown.empty
    assert empty.isVisible()
    assert empty.sentence.text() == "No map is shown over this picture"
    assert empty.height() < shown.canvas.height() / 2, "the picture can be seen"
    press(empty, "Quick look")
    assert [one.method for one in backend.state.layers if one.kind == MAP] == ["rollout", "lrp", "legrad"]
    assert empty.isHidden()
    settle()


def test_a_picture_that_cannot_be_read_says_why_and_offers_the_next(shown, backend, pictures, qtbot, settle):
    broken = pictures / "broken.png"
    broken.write_bytes(b"nothing")
    backend.state.set(image=str(broken))
    qtbot.waitUntil(lambda: shown.empty.isVisible(), timeout=20_000)
    assert shown.empty.hint.text() == backend.results.picture_error
    assert [b.text() for b in shown.empty.buttons] == ["Next picture", "Open folder"]
    settle()


@pytest.mark.parametrize("width", [400, 1100])
def test_it_follows_the_size_of_the_canvas(window, backend, width):
    backend.state.set(folder="", image="")
    window.canvas.resize(width, 500)
    assert window.empty.size() == window.canvas.size()
    assert all(isinstance(b, QPushButton) for b in window.empty.buttons)
