"""Segments, choices, numbers, sliders and rows: what a person does is emitted once, what the program sets is not."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from vitinspect.app.widgets import rows
from vitinspect.app.widgets.choice import Choice, ColourMapChoice
from vitinspect.app.widgets.fields import CheckBox, NumberField, SliderField
from vitinspect.app.widgets.focus import FocusRing
from vitinspect.app.widgets.histogram import Histogram
from vitinspect.app.widgets.properties.fusion import FusionForm, Member
from vitinspect.app.widgets.segments import Segment, Segments


def wheel(widget, up: bool = True) -> None:
    middle = QPointF(widget.rect().center())
    delta = QPoint(0, 120 if up else -120)
    event = QWheelEvent(
        middle,
        middle,
        QPoint(),
        delta,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def test_one_segment_is_chosen_and_emitted(qtbot, show, heard) -> None:
    segments = Segments([Segment("a", "First"), Segment("b", "Second"), Segment("c", "Third")])
    show(segments)
    emitted = heard(segments.chosen)
    qtbot.mouseClick(segments.buttons["b"], Qt.MouseButton.LeftButton)
    assert (emitted, segments.value) == (["b"], "b")
    segments.set_value("c")
    assert (emitted, segments.value) == (["b"], "c")


def test_arrow_keys_move_along_the_segments(qtbot, show) -> None:
    segments = Segments([Segment("a", "First"), Segment("b", "Second")])
    show(segments)
    segments.buttons["a"].setFocus()
    qtbot.keyClick(segments.buttons["a"], Qt.Key.Key_Right)
    assert segments.value == "b"


def test_segments_without_words_keep_the_words_that_have_no_icon(show) -> None:
    segments = Segments([Segment("a", "Single", "single"), Segment("b", "Overlay")])
    wide = [b.sizeHint().width() for b in segments.buttons.values()]
    segments.show_words(False)
    narrow = [b.sizeHint().width() for b in segments.buttons.values()]
    assert narrow[0] < wide[0]
    assert narrow[1] == wide[1]
    assert segments.buttons["a"].accessibleName() == "Single"


def test_the_wheel_changes_a_field_only_while_it_has_the_focus(show) -> None:
    choice = Choice([(1, "one"), (2, "two")])
    number = NumberField(0, 10, 5, whole=True)
    slide = SliderField(0, 1, 0.5)
    other = CheckBox("other")
    show(other, choice, number, slide)
    other.setFocus()
    for widget in (choice, number, slide.slider):
        wheel(widget, up=False)
    assert (choice.value, number.value(), slide.value) == (1, 5, 0.5)
    choice.setFocus()
    wheel(choice, up=False)
    assert choice.value == 2
    number.setFocus()
    wheel(number, up=False)
    assert number.value() == 4


def test_setting_a_value_emits_nothing(show, heard) -> None:
    choice, number, slide, box = Choice([(1, "one"), (2, "two")]), NumberField(), SliderField(), CheckBox("on")
    emitted = [heard(choice.chosen), heard(number.changed), heard(slide.changed), heard(box.chosen)]
    choice.set_value(2)
    number.set_value(7)
    slide.set_value(0.3)
    box.set_value(True)
    assert emitted == [[], [], [], []]
    assert (choice.value, number.value(), slide.value, box.isChecked()) == (2, 7, 0.3, True)


class Paints(QObject):
    """Counts the paintings of all widgets."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        self.count += event.type() == QEvent.Type.Paint
        return False


@pytest.mark.parametrize(
    ("widget", "shows", "same", "another"),
    [
        (lambda: Choice([("a", "First"), ("b", "Second")]), Choice.set_value, "a", "b"),
        (lambda: NumberField(0, 10, 3), NumberField.set_value, 3, 4),
        (lambda: NumberField(0, 10, 3), lambda field, high: field.set_range(0, high), 10, 2),
        (lambda: SliderField(0, 10, 3), SliderField.set_value, 3, 4),
        (Histogram, Histogram.set_level, None, 0.5),
        (Histogram, lambda shown, counts: shown.set_counts(counts, 0, 1), (), (1, 2)),
        (lambda: FusionForm(), lambda form, weight: form.set_members([Member("a", 1, "LRP", weight)]), 0.5, 0.75),
    ],
    ids=["choice", "number", "range", "slider", "level", "histogram", "members"],
)
def test_what_stays_the_same_is_not_painted_again(qapp, show, widget, shows, same, another) -> None:
    made = widget()
    shows(made, same)
    show(made)
    qapp.processEvents()
    paints = Paints()
    qapp.installEventFilter(paints)
    try:
        shows(made, same)
        qapp.processEvents()
        assert paints.count == 0
        shows(made, another)
        qapp.processEvents()
        assert paints.count > 0
    finally:
        qapp.removeEventFilter(paints)


def test_typed_text_that_is_not_accepted_is_reset_to_the_value(qtbot, show) -> None:
    field = NumberField(0, 10, 3)
    show(field)
    field.selectAll()
    qtbot.keyClicks(field, "7")
    field.set_value(3)
    assert (field.text(), field.value()) == ("3.00", 3)


def test_a_choice_keeps_its_value_when_its_items_change() -> None:
    choice = Choice([(1, "one"), (2, "two")])
    choice.set_value(2)
    choice.set_items([(2, "two"), (3, "three")])
    assert choice.value == 2
    choice.set_items([(5, "five")])
    assert choice.value == 5


def test_a_typed_number_applies_when_it_is_complete(qtbot, show, heard) -> None:
    field = NumberField(0, 100, 5, whole=True)
    show(field)
    emitted = heard(field.changed)
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "12")
    assert emitted == []
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert emitted == [12]


def test_a_number_outside_its_range_is_refused_in_words_and_reset(qtbot, show) -> None:
    field = NumberField(0, 5, 1, whole=True)
    row = rows.PropertyRow("start_layer", field, note="from block 2 of 6", stretch=False)
    other = CheckBox("other")
    show(row, other)
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "7")
    assert field.reason == "0 to 5"
    assert row.note.text() == "0 to 5"
    other.setFocus()
    assert field.value() == 1
    assert field.text() == "1"
    assert row.note.text() == "from block 2 of 6"


def test_leaving_a_field_does_not_round_its_value(qtbot, show, heard) -> None:
    field = NumberField(value=0.00257123456)
    emitted = heard(field.changed)
    show(field)
    field.setFocus()
    assert field.text() == "0.00257"
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.value() == 0.00257123456
    assert emitted == []


def test_very_small_numbers_survive() -> None:
    field = NumberField(value=6.8e-13)
    assert field.value() == pytest.approx(6.8e-13)
    assert field.text() == "6.8e−13"


def test_a_share_is_typed_in_per_cent(qtbot, show, heard) -> None:
    field = NumberField(0, 1, 0.9, percent=True)
    show(field)
    emitted = heard(field.changed)
    assert field.text() == "90 %"
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "55")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert emitted == [pytest.approx(0.55)]


def test_slider_and_field_show_the_same_value(qtbot, show, heard) -> None:
    slide = SliderField(0, 1, 0.5)
    show(slide)
    emitted = heard(slide.changed)
    slide.slider.setValue(250)
    assert slide.field.value() == pytest.approx(0.25)
    slide.field.setFocus()
    slide.field.selectAll()
    qtbot.keyClicks(slide.field, "0.75")
    qtbot.keyClick(slide.field, Qt.Key.Key_Return)
    assert slide.slider.value() == 750
    assert emitted == [pytest.approx(0.25), pytest.approx(0.75)]


def test_a_typed_value_is_not_rounded_to_the_slider(qtbot, show) -> None:
    slide = SliderField(0, 1, 0.5)
    show(slide)
    slide.field.setFocus()
    slide.field.selectAll()
    qtbot.keyClicks(slide.field, "0.12345")
    qtbot.keyClick(slide.field, Qt.Key.Key_Return)
    assert slide.value == 0.12345


def test_dragging_is_finished_when_the_mouse_is_released(qtbot, show, heard) -> None:
    slide = SliderField(0, 1, 0.0)
    show(slide)
    slide.slider.resize(208, 16)
    finished = heard(slide.finished)
    moved = heard(slide.changed)
    qtbot.mousePress(slide.slider, Qt.MouseButton.LeftButton, pos=QPoint(slide.slider.width() // 2, 8))
    assert (len(moved), finished) == (1, [])
    qtbot.mouseRelease(slide.slider, Qt.MouseButton.LeftButton)
    assert finished == [pytest.approx(0.5, abs=0.02)]


def test_a_logarithmic_slider_has_its_middle_at_the_geometric_mean() -> None:
    slide = SliderField(0.0001, 1, 0.01, logarithmic=True)
    assert slide.slider.value() == 500


def test_automatic_colours_depend_on_the_sign() -> None:
    choice = ColourMapChoice(["auto", "inferno"])
    plain = choice.itemIcon(0).pixmap(20, 12).toImage()
    choice.set_signed(True)
    assert choice.itemIcon(0).pixmap(20, 12).toImage() != plain


def test_the_ring_is_drawn_for_the_keyboard_and_not_for_the_mouse(qtbot, show) -> None:
    first, second = CheckBox("first"), CheckBox("second")
    window = show(first, second)
    ring = FocusRing(window)
    first.setFocus(Qt.FocusReason.OtherFocusReason)
    qtbot.keyClick(first, Qt.Key.Key_Tab)
    assert ring.target is second
    assert ring.geometry().contains(second.geometry())
    qtbot.mouseClick(first, Qt.MouseButton.LeftButton)
    assert ring.target is None


def test_labels_show_markup_as_it_is_written() -> None:
    assert rows.words("<b>leaf</b>").textFormat() == Qt.TextFormat.PlainText
    assert rows.note("<i>").textFormat() == Qt.TextFormat.PlainText
