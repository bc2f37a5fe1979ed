"""Histogram, colour bars and matrix: what is painted, what can be dragged and clicked."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.theme.tokens import contrast
from vitinspect.app.widgets.colour_bar import ColourBar, paint_upright, ticks_of
from vitinspect.app.widgets.histogram import Histogram
from vitinspect.app.widgets.matrix import Matrix, cell_colour

NAN = float("nan")


@pytest.fixture
def histogram(show):
    made = Histogram()
    made.set_counts([100, 50, 10, 0, 5, 1, 1, 1, 2, 1], 0.0, 1.0)
    made.set_level(0.25)
    show(made, width=302)
    return made


def test_the_line_is_dragged_and_rests(histogram, qtbot, heard) -> None:
    moved, finished = heard(histogram.moved), heard(histogram.finished)
    qtbot.mousePress(histogram, Qt.MouseButton.LeftButton, pos=QPoint(151, 30))
    qtbot.mouseMove(histogram, QPoint(226, 30))
    assert finished == []
    qtbot.mouseRelease(histogram, Qt.MouseButton.LeftButton)
    assert moved[0] == pytest.approx(0.5)
    assert histogram.level == pytest.approx(0.75)
    assert finished == [pytest.approx(0.75)]


def test_arrow_keys_move_the_line_by_one_bar(histogram, qtbot, heard) -> None:
    finished = heard(histogram.finished)
    qtbot.keyClick(histogram, Qt.Key.Key_Right)
    qtbot.keyClick(histogram, Qt.Key.Key_Left)
    assert finished == [pytest.approx(0.35), pytest.approx(0.25)]
    for _ in range(20):
        qtbot.keyClick(histogram, Qt.Key.Key_Left)
    assert histogram.level == 0.0


def test_setting_the_level_emits_nothing(histogram, heard) -> None:
    moved = heard(histogram.moved)
    histogram.set_level(0.6)
    assert moved == []


def test_without_values_it_shows_nothing_and_cannot_be_dragged(histogram, qtbot, heard) -> None:
    histogram.set_counts([], 0.0, 0.0)
    histogram.set_level(None)
    moved = heard(histogram.moved)
    qtbot.mouseClick(histogram, Qt.MouseButton.LeftButton, pos=QPoint(151, 30))
    qtbot.keyClick(histogram, Qt.Key.Key_Right)
    assert (moved, histogram.level) == ([], None)
    image = histogram.grab(QRect(0, 53, 302, 17)).toImage()
    seen = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
    assert len(seen) == 1, "no numbers at the scale"
    histogram.set_counts([2, 1], 0.0, 1.0)
    qtbot.mouseClick(histogram, Qt.MouseButton.LeftButton, pos=QPoint(151, 30))
    assert moved == [pytest.approx(0.5)]


def test_bars_above_the_line_are_in_the_accent(histogram) -> None:
    image = histogram.grab().toImage()
    accent = QColor(theme.current().accent)
    y = 51 - 3
    assert image.pixelColor(round(histogram.x_of(0.45)), y) == accent
    assert image.pixelColor(round(histogram.x_of(0.05)), y) != accent


def test_a_map_of_one_value_has_a_histogram(histogram, qtbot) -> None:
    histogram.set_counts([5], 2.0, 2.0)
    histogram.set_level(2.0)
    histogram.grab()
    assert histogram.value_at(100) == 2.0
    histogram.set_counts([], 0.0, 0.0)
    qtbot.mouseClick(histogram, Qt.MouseButton.LeftButton, pos=QPoint(20, 20))
    histogram.grab()


def test_zero_is_the_middle_tick_of_a_signed_map() -> None:
    assert ticks_of(-0.5, 1.0, signed=True) == ([-0.5, 0.0, 1.0], ["−0.50", "0", "+1.00"])
    assert ticks_of(0, 0.013)[1] == ["0.0000", "0.0065", "0.0130"]


def test_a_vertical_bar_has_its_low_end_at_the_bottom(qapp) -> None:
    image = QImage(80, 200, QImage.Format.Format_RGB32)
    image.fill(0)
    painter = QPainter(image)
    paint_upright(painter, QRect(0, 10, 80, 180), "viridis", 0, 1)
    painter.end()
    low = image.pixelColor(5, 186)
    assert low.green() < 30 < low.blue()  # violet
    assert image.pixelColor(5, 14).green() > 200


def test_a_colour_bar_says_its_range_aloud(qapp) -> None:
    bar = ColourBar()
    bar.set_range("inferno", -1, 1, signed=True)
    assert bar.accessibleDescription() == "inferno, from −1.00 to +1.00"


@pytest.fixture
def matrix(show):
    made = Matrix()
    made.set_values(
        ["1 LRP × Rollout", "2 AttnLRP", "3 LRP"],
        [[NAN, 0.2, 0.9], [0.2, NAN, NAN], [0.9, NAN, NAN]],
        last=("Others", [0.5, 0.2, 0.9]),
    )
    show(made)
    return made


def test_a_cell_says_which_pair_it_is(matrix, qtbot, heard) -> None:
    chosen = heard(matrix.cell_chosen)
    for i, j in ((0, 2), (1, 1)):
        qtbot.mouseClick(matrix, Qt.MouseButton.LeftButton, pos=matrix.cell(i, j).center())
    qtbot.keyClick(matrix, Qt.Key.Key_Down)
    qtbot.keyClick(matrix, Qt.Key.Key_Return)
    assert chosen == [(0, 2), (1, 2)]


def test_every_column_is_named_in_full(matrix) -> None:
    metrics = matrix._metrics()
    for name in ("1 LRP × Rollout", "2 AttnLRP", "Others"):
        assert all(metrics.horizontalAdvance(word) <= matrix._column() for word in name.split())
    assert matrix.sizeHint().width() >= matrix.cell(0, 3).right()


@pytest.mark.parametrize("name", ["light", "dark"])
def test_numbers_can_be_read_on_every_cell(qapp, name) -> None:
    t = theme.apply(qapp, name)
    for value in (0, 0.5, 1, NAN, -3, 7):
        assert contrast(t.text, cell_colour(value).name()) >= 4.5
    theme.apply(qapp, "light")


def test_a_matrix_needs_as_many_rows_as_names(matrix) -> None:
    with pytest.raises(ValueError, match="2 names"):
        matrix.set_values(["a", "b"], [[1, 2]])
    matrix.set_values([], [])
    matrix.grab()
    assert not math.isnan(matrix.sizeHint().width())


def test_a_matrix_narrows_its_columns_where_there_is_little_space(qtbot):
    made = Matrix()
    qtbot.addWidget(made)
    values = [[0.9] * 5] * 5
    made.set_values(("AK", "BL", "CM", "DR", "EV"), values, last=("Others", [0.9] * 5))
    least, full = made.minimumSizeHint().width(), made.sizeHint().width()
    assert least < full
    made.resize(full, 200)
    wide = made.cell(0, 5).width()
    made.resize(least, 200)
    assert made.cell(0, 5).width() < wide
    assert made.cell(0, 4).right() < least - made.fontMetrics().horizontalAdvance("Others") // 2
    assert made.sizeHint().width() == full


def test_the_title_of_the_distances_has_the_words_that_have_room(show) -> None:
    from vitinspect.app.widgets.head_distances import HeadDistances

    metrics = QFontMetrics(theme.font(tokens.SMALL_SIZE, bold=True))
    titles = [HeadDistances.title(room) for room in (400, 250, 120)]
    assert len(set(titles)) == 3
    assert all(metrics.horizontalAdvance(title) <= room for title, room in zip(titles[:2], (400, 250), strict=True))
