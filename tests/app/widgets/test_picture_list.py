"""The pictures of a folder as list, grid and film strip."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QStringListModel, Qt
from PySide6.QtGui import QColor, QContextMenuEvent, QHelpEvent, QImage, QStandardItem, QStandardItemModel, QWheelEvent
from PySide6.QtWidgets import QApplication, QToolTip

from vitinspect.app.widgets.picture_cells import FILM, GRID, LIST, Cells
from vitinspect.app.widgets.picture_list import PATH_ROLE, PictureInfo, PictureList, Unreadable


@pytest.mark.parametrize("mode", [LIST, GRID, FILM])
@pytest.mark.parametrize("offset", [0, 130, 1000])
def test_a_point_in_a_cell_finds_its_row(mode, offset) -> None:
    cells = Cells(mode, 48, 400, 300, 100)
    for row in cells.in_sight(offset):
        x, y = cells.corner(row, offset)
        width, height = cells.cell
        for dx, dy in ((0, 0), (width // 2, height // 2), (width - 1, height - 1)):
            assert cells.at(x + dx, y + dy, offset) == row


@pytest.mark.parametrize("mode", [LIST, GRID, FILM])
def test_what_is_in_sight_covers_what_is_seen_and_little_more(mode) -> None:
    cells = Cells(mode, 48, 400, 300, 100_000)
    for offset in (0, 77, 5000, cells.length - cells.seen):
        rows = cells.in_sight(offset)
        seen = {cells.at(x, y, offset) for x in range(0, 400, 7) for y in range(0, 300, 7)} - {-1}
        assert seen <= set(rows)
        assert len(rows) <= len(seen) + 2 * cells.columns


@pytest.mark.parametrize("mode", [LIST, GRID, FILM])
def test_a_row_is_scrolled_into_sight_and_no_further(mode) -> None:
    cells = Cells(mode, 48, 400, 300, 500)
    for row in (0, 3, 250, 499):
        offset = cells.offset_for(row, 1000)
        x, y = cells.corner(row, offset)
        assert 0 <= x <= 400 - cells.cell[0]
        assert 0 <= y <= 300 - cells.cell[1] or cells.sideways
        assert cells.offset_for(row, offset) == offset


def test_a_hundred_thousand_pictures_are_laid_out_at_once() -> None:
    cells = Cells(LIST, 48, 200, 600, 100_000)
    assert cells.length == 100_000 * 56
    assert len(cells.in_sight(3_000_000)) <= 12


@pytest.fixture
def pictures(show):
    model = QStandardItemModel()
    for i in range(40):
        item = QStandardItem(f"{i:02}-starfish and a rather long name of a picture.png" if i == 1 else f"{i:02}-gem")
        item.setData(f"/data/{i:02}<b>.png", PATH_ROLE)
        model.appendRow(item)
    image = QImage(64, 64, QImage.Format.Format_RGB32)
    image.fill(QColor("#ff0000"))

    def thumbnail(path: str):
        return Unreadable("it is no picture") if "/02" in path else None if "/03" in path else image

    made = PictureList(thumbnail, lambda path: PictureInfo("gem 85.5 %", ("masks", "star")))
    made.setModel(model)
    made.own_model = model
    window = show(made, width=216)
    window.setFixedHeight(300)
    QApplication.processEvents()
    yield made
    made.stop()


def test_a_click_chooses_the_picture(pictures, qtbot, heard) -> None:
    chosen = heard(pictures.chosen)
    qtbot.mouseClick(pictures.viewport(), Qt.MouseButton.LeftButton, pos=pictures.cell(3).center())
    assert chosen == ["/data/03<b>.png"]


def test_a_row_is_56_high_and_the_film_strip_72(pictures) -> None:
    assert pictures.cell(0).height() == 56
    pictures.set_mode(FILM)
    assert pictures.cell(0).height() == 72
    assert pictures.cell(1).left() > pictures.cell(0).left()
    assert pictures.cell(1).top() == pictures.cell(0).top()


def test_the_current_picture_stays_in_sight_in_every_mode(pictures) -> None:
    pictures.setCurrentIndex(pictures.model().index(30, 0))
    for mode in (GRID, FILM, LIST):
        pictures.set_mode(mode)
        assert 30 in pictures.rows_in_sight()
        cell = pictures.cell(30)
        assert pictures.viewport().rect().intersects(cell)


def test_keys_move_along_the_strip(pictures, qtbot) -> None:
    pictures.set_mode(FILM)
    pictures.setCurrentIndex(pictures.model().index(0, 0))
    for key, row in ((Qt.Key.Key_Right, 1), (Qt.Key.Key_Down, 2), (Qt.Key.Key_Left, 1), (Qt.Key.Key_End, 39)):
        qtbot.keyClick(pictures, key)
        assert pictures.currentIndex().row() == row


def test_the_wheel_and_the_arrows_scroll_the_strip_sideways(pictures) -> None:
    pictures.set_mode(FILM)
    middle = QPointF(pictures.viewport().rect().center())
    event = QWheelEvent(
        middle,
        middle,
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(pictures.viewport(), event)
    assert pictures.horizontalOffset() == 120
    pictures.page(1)
    assert pictures.horizontalOffset() > 120
    pictures.page(-1)
    assert pictures.horizontalOffset() == 120


def test_larger_thumbnails_have_bounds(pictures) -> None:
    pictures.set_thumb(96)
    assert pictures.cell(0).height() == 104
    pictures.set_thumb(5000)
    assert pictures.thumb == 192


def test_every_mode_is_painted(pictures) -> None:
    shots = []
    for mode in (LIST, GRID, FILM):
        pictures.set_mode(mode)
        image = pictures.grab().toImage()
        reds = sum(image.pixelColor(x, y) == QColor("#ff0000") for x in range(0, 216, 4) for y in range(0, 300, 4))
        assert reds > 20
        shots.append(image)
    assert shots[0] != shots[1] != shots[2]


def test_the_tool_tip_says_path_and_reason_as_plain_text(pictures) -> None:
    assert pictures.tip_of("/data/02<b>.png").endswith("it is no picture")
    place = pictures.cell(2).center()
    event = QHelpEvent(QEvent.Type.ToolTip, place, pictures.mapToGlobal(place))
    QApplication.sendEvent(pictures.viewport(), event)
    assert "/data/02&lt;b&gt;.png" in QToolTip.text()
    QToolTip.hideText()


def test_the_context_menu_says_for_which_picture(pictures, heard) -> None:
    asked = heard(pictures.menu_wanted)
    place = pictures.cell(1).center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, pictures.mapToGlobal(place))
    pictures.contextMenuEvent(event)
    assert asked[0][0] == "/data/01<b>.png"


def test_only_thumbnails_in_sight_are_asked_for(show) -> None:
    asked: set[str] = set()
    model = QStringListModel([str(i) for i in range(10_000)])

    def thumbnail(path: str) -> None:
        asked.add(path)

    made = PictureList(thumbnail)
    made.setModel(model)
    window = show(made, width=216)
    window.setFixedHeight(300)
    made.grab()
    QApplication.processEvents()
    made.stop()
    assert len(asked) < 20


def test_another_mode_than_these_is_refused(pictures) -> None:
    with pytest.raises(ValueError, match="not one of list"):
        pictures.set_mode("tree")


def test_a_list_that_has_nothing_to_scroll_shows_no_handle(pictures, qtbot) -> None:
    pictures.set_mode(LIST)
    pictures.resize(216, 200)
    assert pictures.verticalScrollBar().isEnabled()
    width = pictures.viewport().width()
    pictures.resize(216, 20_000)
    assert not pictures.verticalScrollBar().isEnabled()
    assert pictures.viewport().width() == width
