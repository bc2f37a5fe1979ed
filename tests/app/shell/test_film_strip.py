"""The pictures in one row where the window is narrow: folder, filters, whole pictures."""

from __future__ import annotations

import os

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from vitinspect.app.widgets.picture_cells import FILM_HEIGHT


@pytest.fixture
def film(shown, qtbot):
    shown.resize(1280, 800)
    qtbot.waitUntil(lambda: shown.film.isVisible() and shown.film.width() > 800)
    return shown.film


def names(backend):
    return [os.path.basename(backend.listing.path_at(i)) for i in range(backend.listing.rowCount())]


def test_its_filters_are_those_of_the_list(shown, film, backend, qtbot):
    assert list(film.chips.buttons) == list(shown.browser.chips.buttons)
    backend.notes.set(backend.listing.path_at(3), flagged=True)
    qtbot.mouseClick(film.chips.buttons["flagged"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: names(backend) == ["picture 4.png"])
    assert film.count.text() == "1 of 6 pictures"
    assert shown.browser.chips.value("flagged"), "the list says the same"
    shown.browser.chips.buttons["flagged"].click()
    qtbot.waitUntil(lambda: len(names(backend)) == 6)
    assert film.chips.value("flagged") is None


def test_folder_filters_and_count_fit(film, backend, qtbot):
    backend.state.set(only_masked=True)
    qtbot.waitUntil(lambda: film.count.text().startswith("0 of 6"))
    qtbot.wait(10)
    parts = [*film.chips.buttons.values(), film.count]
    for part in parts:
        assert part.isVisible()
        corner = part.mapTo(film, QPoint(part.width(), part.height()))
        assert corner.y() <= FILM_HEIGHT
        assert corner.x() <= film.strip.mapTo(film, QPoint(0, 0)).x()
    places = [part.geometry() for part in parts]
    assert not any(a.intersects(b) for i, a in enumerate(places) for b in places[:i])


@pytest.mark.parametrize("width", [1000, 1157, 1280])
def test_no_picture_is_cut(shown, film, backend, qtbot, tmp_path, width):
    from PIL import Image

    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(40):
        Image.new("RGB", (8, 8)).save(folder / f"{i:02}.png")
    backend.state.set(folder=str(folder))
    qtbot.waitUntil(lambda: backend.listing.rowCount() == 40)
    shown.resize(width, 800)
    qtbot.waitUntil(lambda: shown.frame.width() == width)
    qtbot.wait(10)
    strip = film.strip
    whole = strip.viewport().rect()

    def all_whole():
        cut = [row for row in strip.rows_in_sight() if 4 < (strip.cell(row) & whole).width() < strip.cell(row).width()]
        return not cut

    assert all_whole()
    strip.page(1)
    assert strip.horizontalOffset() > 0
    assert all_whole()
    for delta in (-120, -25, -25, -25):
        middle = QPointF(whole.center())
        turn = QWheelEvent(
            middle,
            strip.viewport().mapToGlobal(middle),
            QPoint(),
            QPoint(0, delta),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(strip.viewport(), turn)
        assert all_whole()
    backend.state.set(image=backend.listing.path_at(25))
    assert all_whole()
    strip.page(100)
    assert all_whole()


def test_a_part_of_its_path_opens_that_folder(shown, film, backend, pictures, qtbot, settle):
    film.crumbs.folder_chosen.emit(str(pictures.parent))
    settle()
    assert backend.state.folder == str(pictures.parent)
    film.crumbs.edit_wanted.emit()
    assert shown.browser.isVisible()
    assert shown.browser.path.isVisible()
