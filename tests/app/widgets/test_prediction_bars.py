"""The predictions: a click explains, Ctrl+click sets against, and a what-if edit shows before and after."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QHelpEvent
from PySide6.QtWidgets import QApplication, QToolTip

from vitinspect.app import theme
from vitinspect.app.widgets.prediction_bars import PredictionBar, PredictionBars

BARS = tuple(
    PredictionBar(i, name, p)
    for i, name, p in ((4, "gem", 0.855), (7, "leaf", 0.097), (1, "butterfly", 0.023), (3, "daisy", 0.008))
)


@pytest.fixture
def bars(show):
    made = PredictionBars()
    made.set_bars(BARS, explained=7)
    show(made, width=720)
    return made


def test_a_click_explains_and_ctrl_click_explains_against(bars, qtbot, heard) -> None:
    explained, against = heard(bars.explain_wanted), heard(bars.against_wanted)
    qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=bars.bar_rect(0).center())
    qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, bars.bar_rect(2).center())
    qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=QPoint(1, 1))
    assert (explained, against) == ([4], [1])


def test_arrow_keys_and_enter_do_the_same(bars, qtbot, heard) -> None:
    explained, against = heard(bars.explain_wanted), heard(bars.against_wanted)
    bars.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(bars, Qt.Key.Key_Right)
    qtbot.keyClick(bars, Qt.Key.Key_Right)
    qtbot.keyClick(bars, Qt.Key.Key_Return)
    qtbot.keyClick(bars, Qt.Key.Key_Left)
    qtbot.keyClick(bars, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert (explained, against) == ([1], [7])


def test_the_bar_is_as_long_as_the_probability(bars) -> None:
    rect = bars.bar_rect(0)
    image = bars.grab().toImage()
    filled = QColor(theme.current().bar)
    inner = [x for x in range(rect.left() + 1, rect.right()) if image.pixelColor(x, rect.bottom() - 3) == filled]
    assert len(inner) / (rect.width() - 2) == pytest.approx(0.855, abs=0.02)


def test_after_an_edit_the_mark_is_before_and_the_bar_after(bars) -> None:
    edited = replace(BARS[0], after=0.3)
    assert edited.figure == "85.5 → 30.0 %"
    bars.set_bars((edited, *BARS[1:]), explained=7)
    rect = bars.bar_rect(0)
    image = bars.grab().toImage()
    t, y = theme.current(), rect.bottom() - 3
    row = {x: image.pixelColor(x, y) for x in range(rect.left() + 1, rect.right())}
    filled = [x for x, c in row.items() if c == QColor(t.bar)]
    mark = [x for x, c in row.items() if c == QColor(t.text)]
    assert len(filled) / (rect.width() - 2) == pytest.approx(0.3, abs=0.02)
    assert (sum(mark) / len(mark) - rect.left()) / rect.width() == pytest.approx(0.855, abs=0.02)


def test_fewer_bars_are_shown_where_names_do_not_fit(show) -> None:
    bars = PredictionBars()
    bars.set_bars([replace(b, label=b.label + " with a rather long name") for b in BARS])
    show(bars, width=720)
    assert bars.count() == 2
    bars.set_bars(BARS)
    assert bars.count() == 4


def test_an_edit_removes_no_bar(bars) -> None:
    before = [bars.bar_rect(i) for i in range(bars.count())]
    bars.set_bars([replace(b, after=0.5) for b in BARS], explained=7)
    assert [bars.bar_rect(i) for i in range(bars.count())] == before


def test_each_bar_has_a_tool_tip_in_plain_text(bars, qtbot) -> None:
    bars.set_bars((replace(BARS[0], label="<b>x</b>"), *BARS[1:]))
    for at, text in ((0, "&lt;b&gt;x&lt;/b&gt;: 85.50 %"), (1, "leaf: 9.70 %")):
        place = bars.bar_rect(at).center()
        event = QHelpEvent(QEvent.Type.ToolTip, place, bars.mapToGlobal(place))
        assert QApplication.sendEvent(bars, event)
        assert text in QToolTip.text()
    QToolTip.hideText()


def test_there_may_be_no_bars(bars, qtbot) -> None:
    bars.set_bars(())
    bars.grab()
    qtbot.keyClick(bars, Qt.Key.Key_Return)
    assert bars.count() == 0


def test_where_space_is_short_a_change_has_fewer_digits(show) -> None:
    made = PredictionBars()
    show(made, width=900)
    made.set_bars([PredictionBar(0, "butterfly", 0.967, 0.888), PredictionBar(1, "leaf", 0.0123, 0.0456)], explained=0)
    said = []
    for width in range(900, 100, -10):
        made.resize(width, made.height())
        if made.count() == 2 and made.figures() not in said:
            said.append(made.figures())
    assert said == [["96.7 → 88.8 %", "1.2 → 4.6 %"], ["97 → 89 %", "1.2 → 4.6 %"], ["→ 89 %", "→ 4.6 %"]]
