"""The properties of a layer: what is shown, what a person changes, and that changes by the program emit nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QCheckBox

from vitinspect import fusion, thresholds
from vitinspect.app.widgets.fields import NumberField, SliderField
from vitinspect.app.widgets.properties import choices
from vitinspect.app.widgets.properties.choices import meaning
from vitinspect.app.widgets.properties.display import DisplayForm, DisplayValues
from vitinspect.app.widgets.properties.fusion import FusionForm, Member
from vitinspect.app.widgets.properties.parameters import ParameterForm
from vitinspect.app.widgets.properties.threshold import ThresholdForm, ThresholdValues
from vitinspect.explainers.registry import methods


def type_into(qtbot, field: NumberField, text: str) -> None:
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, text)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def test_every_mode_that_the_library_knows_can_be_chosen() -> None:
    assert {value for value, _ in choices.THRESHOLDS} == set(thresholds.MODES)
    assert {value for value, _ in choices.FUSIONS} == set(fusion.MODES)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("start_layer", 1, "from block 2 of 6"),
        ("starting_layer", 0, "from block 1 of 6"),
        ("start_layer", -2, "from block 5 of 6"),
        ("block", -1, "block 6 of 6"),
        ("layer", 9, "this model has 6 blocks"),
        ("steps", 50, ""),
    ],
)
def test_a_number_of_a_block_says_which_one_it_means(name, value, words) -> None:
    assert meaning(name, value, 6) == words


def test_every_parameter_of_every_method_has_a_row_with_its_paper_name(show) -> None:
    form = ParameterForm()
    show(form, width=320)
    for info in methods():
        form.set_parameters(info.parameters, {}, depth=6)
        assert list(form.rows) == [p.name for p in info.parameters]
        for name, row in form.rows.items():
            assert row.row.label.text().replace("\u200b", "") == name
            assert row.minimumSizeHint().width() <= 320, name


def test_a_typed_parameter_is_emitted_in_its_own_type(qtbot, show, heard) -> None:
    form = ParameterForm()
    show(form, width=320)
    form.set_parameters(methods()["lrp"].parameters, {"start_layer": 1}, depth=6)
    changed = heard(form.changed)
    field = form.rows["start_layer"].field
    assert isinstance(field, NumberField)
    assert field.value() == 1
    type_into(qtbot, field, "3")
    assert changed == [("start_layer", 3)]
    assert type(changed[0][1]) is int
    assert form.rows["start_layer"].row.note.text() == "from block 4 of 6"


def test_a_block_that_the_model_lacks_cannot_be_typed(qtbot, show, heard) -> None:
    form = ParameterForm()
    show(form, width=320)
    form.set_parameters(methods()["lrp"].parameters, {}, depth=6)
    changed = heard(form.changed)
    field = form.rows["start_layer"].field
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "7")
    assert form.rows["start_layer"].row.note.text() == "0 to 5"
    assert changed == []


def test_changes_of_boxes_and_choices_are_emitted(qtbot, show, heard) -> None:
    form = ParameterForm()
    show(form, width=320)
    form.set_parameters(methods()["lrp"].parameters, {}, depth=6)
    changed = heard(form.changed)
    qtbot.mouseClick(form.rows["ablation"].field, Qt.MouseButton.LeftButton, pos=QPoint(7, 12))
    variant = form.rows["variant"].field
    variant.setCurrentIndex(2)
    variant.activated.emit(2)
    assert changed == [("ablation", True), ("variant", "full")]


def test_a_number_that_may_be_missing_has_a_box(qtbot, show, heard) -> None:
    form = ParameterForm()
    show(form, width=320)
    form.set_parameters(methods()["attnlrp"].parameters, {}, depth=6)
    changed = heard(form.changed)
    both = form.rows["conv_gamma"].field
    number, box = both.findChild(NumberField), both.findChild(QCheckBox)
    assert not number.isEnabled()
    box.click()
    assert number.isEnabled()
    type_into(qtbot, number, "0.25")
    box.click()
    assert changed == [("conv_gamma", 0.0), ("conv_gamma", 0.25), ("conv_gamma", None)]


def test_a_sliders_value_is_emitted_when_it_rests(qtbot, show, heard) -> None:
    form = ParameterForm()
    show(form, width=320)
    form.set_parameters(methods()["multiplex"].parameters, {"min_cut": 0.01}, depth=6)
    changed = heard(form.changed)
    slide = form.rows["min_cut"].field
    assert isinstance(slide, SliderField)
    slide.slider.setSliderDown(True)
    slide.slider.setValue(500)
    assert changed == []
    slide.slider.setSliderDown(False)
    assert len(changed) == 1


def test_setting_values_emits_nothing_and_missing_ones_are_defaults(show, heard) -> None:
    form = ParameterForm()
    show(form, width=320)
    changed = heard(form.changed)
    parameters = methods()["rollout"].parameters
    form.set_parameters(parameters, {"head_fusion": "max", "discard_ratio": 0.5}, depth=6)
    form.set_parameters(parameters, {}, depth=6)
    assert changed == []
    assert form.rows["head_fusion"].field.value == "mean"
    assert form.rows["discard_ratio"].field.value == 0.0


def test_display_shows_values_and_emits_changes(qtbot, show, heard) -> None:
    form = DisplayForm()
    show(form, width=320)
    changed, typed = heard(form.changed), heard(form.range_typed)
    form.set_values(DisplayValues("inferno", False, "typed", 0.1, 0.9, "uniform", 0.5, False))
    assert (changed, typed) == ([], [])
    assert (form.colours.value, form.range.value, form.grows.value, form.drawn.value) == (
        "inferno",
        "typed",
        "uniform",
        False,
    )
    qtbot.mouseClick(form.drawn.buttons[True], Qt.MouseButton.LeftButton)
    form.opacity.slider.setValue(700)
    type_into(qtbot, form.high, "2")
    assert changed == [("smooth", True), ("opacity", pytest.approx(0.7))]
    assert typed == [(0.1, 2.0)]


def test_a_map_on_pixels_has_no_patches_to_show(show) -> None:
    form = DisplayForm()
    show(form, width=320)
    form.set_values(DisplayValues(on_patches=False))
    assert not form.drawn.isEnabled()


def test_an_awaited_range_is_empty_and_cannot_be_edited(show, heard) -> None:
    form = DisplayForm()
    show(form, width=320)
    typed = heard(form.range_typed)
    form.set_values(DisplayValues(low=None, high=None))
    for field in (form.low, form.high):
        assert (field.text(), field.isEnabled()) == ("", False)
    form.set_values(DisplayValues(low=0.0, high=1.0))
    for field, text in ((form.low, "0"), (form.high, "1.00")):
        assert (field.text(), field.isEnabled()) == (text, True)
    assert typed == []


def test_what_the_view_does_not_obey_is_disabled_and_says_why(show) -> None:
    form, threshold = DisplayForm(), ThresholdForm()
    for part in (form, threshold):
        show(part, width=320)
    parts = (form.colours, form.range, form.low, form.opacity, form.drawn)
    obeyed = {"overlay": (True,) * 5, "heat": (True, True, True, False, True), "image": (False,) * 5}
    for shown_as, expected in obeyed.items():
        form.set_values(DisplayValues(shown_as=shown_as))
        assert tuple(part.isEnabled() for part in parts) == expected, shown_as
        assert all(part.parentWidget().toolTip() for part in parts if not part.isEnabled()), shown_as
    threshold.set_values(replace(VALUES, drawn=False))
    assert not threshold.shown_as.isEnabled()
    assert threshold.number.isEnabled(), "scores are still cut there"


VALUES = ThresholdValues("otsu", 0.0, 0.25, 0.125, "outline", [5, 4, 3, 2], 0.0, 1.0)


def test_a_threshold_says_what_lies_above_it(show) -> None:
    form = ThresholdForm()
    show(form, width=320)
    form.set_values(VALUES)
    assert form.share.text() == "12.5 % of the picture lies above 0.250"
    assert form.number.value() == 0.25
    form.set_values(ThresholdValues())
    assert form.share.text() == ""
    assert not form.number.isEnabled()
    assert form.number.text() == ""


def test_a_typed_level_is_a_level_and_a_typed_percentile_is_a_percentile(qtbot, show, heard) -> None:
    form = ThresholdForm()
    show(form, width=320)
    level, value = heard(form.level_set), heard(form.value_typed)
    form.set_values(VALUES)
    type_into(qtbot, form.number, "0.5")
    form.set_values(ThresholdValues("percentile", 75.0, 0.25, 0.25))
    assert form.number.value() == 75
    type_into(qtbot, form.number, "90")
    assert (level, value) == ([0.5], [90.0])


def test_the_shown_form_of_the_threshold_can_be_unset(qtbot, show, heard) -> None:
    form = ThresholdForm()
    show(form, width=320)
    form.set_values(VALUES)
    chosen = heard(form.shown_as_chosen)
    qtbot.mouseClick(form.shown_as.buttons["outline"], Qt.MouseButton.LeftButton)
    qtbot.mouseClick(form.shown_as.buttons["shade"], Qt.MouseButton.LeftButton)
    assert chosen == ["", "shade"]


def test_dragging_the_line_moves_the_level(qtbot, show, heard) -> None:
    form = ThresholdForm()
    show(form, width=320)
    form.set_values(VALUES)
    moved, rested = heard(form.level_moved), heard(form.level_set)
    middle = QPoint(form.histogram.width() // 2, 30)
    qtbot.mousePress(form.histogram, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.mouseRelease(form.histogram, Qt.MouseButton.LeftButton, pos=middle)
    assert moved == [pytest.approx(0.5, abs=0.01)]
    assert rested == moved


MEMBERS = [Member("x", 3, "LRP start_layer 1"), Member("y", 4, "Rollout", 0.5)]


def test_members_are_weighted_added_and_removed(qtbot, show, heard) -> None:
    form = FusionForm()
    show(form, width=320)
    weights, added, removed = heard(form.weight_changed), heard(form.member_added), heard(form.member_removed)
    form.set_members(MEMBERS, [Member("z", 5, "A & B")])
    assert weights == []
    form.members["y"].slide.slider.setValue(250)
    qtbot.mouseClick(form.members["x"].remove, Qt.MouseButton.LeftButton)
    menu = form.menu()
    assert [action.text() for action in menu.actions()] == ["5  A && B"]
    menu.actions()[0].trigger()
    assert (weights, added, removed) == ([("y", pytest.approx(0.25))], ["z"], ["x"])


def test_more_than_three_members_scroll(show) -> None:
    form = FusionForm()
    show(form, width=320)
    heights = []
    for count in (2, 3, 4, 9):
        form.set_members([Member(str(i), i + 1, f"Map {i}") for i in range(count)])
        heights.append(form.area.height())
    assert heights == [56, 84, 84, 84]


def test_changes_of_mode_and_normalisation_are_emitted(show, heard) -> None:
    form = FusionForm()
    show(form, width=320)
    changed = heard(form.changed)
    form.set_values("rank", "none", "Their ranks correlate by 0.73.")
    assert (changed, form.mode.value, form.normalisation.value) == ([], "rank", "none")
    form.mode.setCurrentIndex(1)
    form.mode.activated.emit(1)
    assert changed == [("mode", "product")]


def test_the_properties_of_a_method_fit_beside_seven_layers_at_1280_by_800(show, qapp) -> None:
    """696 pixels for the right panel, 28 for each head, 28 for each of seven layers."""
    parameters, display, threshold = ParameterForm(), DisplayForm(), ThresholdForm()
    window = show(parameters, display, threshold, width=320)
    window.layout().setSpacing(0)
    parameters.set_parameters(methods()["rise"].parameters, {}, depth=6)
    display.set_values(DisplayValues())
    threshold.set_values(VALUES)
    window.adjustSize()
    qapp.processEvents()
    used = sum(widget.sizeHint().height() for widget in (parameters, display, threshold))
    assert used <= 696 - 28 - 28 - 26 - 4 * 28
