"""Adding layers: search, families, presets, times, several at once."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QFontMetrics

from vitinspect.app import theme
from vitinspect.app.widgets.method_picker import MethodPicker, OtherLayer
from vitinspect.app.widgets.method_rows import chosen_words, method_rows, rows_of, short_paper, title_of
from vitinspect.app.widgets.picker_model import NAME, Heading
from vitinspect.explainers.costs import ModelSize
from vitinspect.explainers.registry import methods
from vitinspect.presets import built_in, own

MODEL = ModelSize((14, 14), 6, 192)
MEASURED = {"rollout": 0.02, "lrp": 0.14}
REFUSED = {"reciprocam": "its blocks cannot be run one by one"}


@pytest.fixture
def picker(show):
    made = MethodPicker()
    window = show(made)
    window.resize(1000, 700)
    made.set_methods(
        method_rows(MODEL, measured=MEASURED, refusals=REFUSED, shown=["rollout"]),
        (*built_in(), own("mine", [["gmar"], ["lrp", "rollout"]])),
        lambda layers: rows_of(layers, MODEL, measured=MEASURED, refusals=REFUSED),
        others=[OtherLayer("map", "Map from a file")],
        model_name="demo",
    )
    made.open_at(QRect(0, 0, 1000, 700))
    return made


def listed(picker) -> list[str]:
    return [e.layer[0] for e in picker.model.entries if not isinstance(e, Heading)]


def choose_side(picker, title: str) -> None:
    item = next(i for i in range(picker.side.count()) if picker.side.item(i).text() == title)
    picker.side.setCurrentRow(item)


def test_all_methods_are_listed_by_family(picker) -> None:
    assert sorted(listed(picker)) == sorted(info.id for info in methods())
    headings = [e.text for e in picker.model.entries if isinstance(e, Heading)]
    assert len(headings) == len(set(headings)) == len({info.group for info in methods()})


@pytest.mark.parametrize(
    ("text", "found"),
    [("mutex", "multiplex"), ("abnar", "rollout"), ("byun lee", "reciprocam"), ("relevance attnlrp", "attnlrp")],
)
def test_name_paper_and_family_are_searched(picker, qtbot, text, found) -> None:
    qtbot.keyClicks(picker.search, text)
    assert found in listed(picker)
    assert len(listed(picker)) < 6


def test_several_are_checked_across_searches_and_added_together(picker, qtbot, heard) -> None:
    added, closed = heard(picker.added), heard(picker.closed)
    for text in ("libra", "eigen"):
        picker.search.setText(text)
        qtbot.keyClick(picker.search, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
    assert picker.add.text() == "Add 2 layers"
    qtbot.keyClick(picker.search, Qt.Key.Key_Return)
    assert added == [(("libragrad",), ("eigencam",))]
    assert len(closed) == 1
    assert not picker.isVisible()


def test_enter_adds_the_row_that_is_marked_where_nothing_is_checked(picker, qtbot, heard) -> None:
    added = heard(picker.added)
    qtbot.keyClicks(picker.search, "grad-cam++")
    qtbot.keyClick(picker.search, Qt.Key.Key_Return)
    assert added == [(("gradcam_plus_plus",),)]


def test_the_keys_go_over_headings(picker, qtbot) -> None:
    seen = set()
    for _ in range(40):
        seen.add(picker.table.currentIndex().row())
        qtbot.keyClick(picker.search, Qt.Key.Key_Down)
    assert all(picker.model.method_at(row) is not None for row in seen)
    assert len(seen) == len(methods())
    for _ in range(40):
        qtbot.keyClick(picker.search, Qt.Key.Key_Up)
    assert picker.table.currentIndex().row() == picker.model.next_method(-1, 1)


def test_a_click_checks_a_row_and_a_second_one_unchecks_it(picker, qtbot) -> None:
    row = picker.model.next_method(-1, 1)
    place = picker.table.visualRect(picker.model.index(row, NAME)).center()
    for expected in (["raw_attention"], []):
        qtbot.mouseClick(picker.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert [r.layer[0] for r in picker.model.checked] == expected


def test_choosing_a_preset_checks_all_its_maps(picker, heard) -> None:
    choose_side(picker, "ViTmiX, 14 combinations")
    assert len(picker.model.checked) == 14
    assert picker.add.text() == "Add 14 layers"
    fused = [r for r in picker.model.checked if len(r.layer) > 1]
    assert fused[0].title == "LRP × Saliency"
    added = heard(picker.added)
    picker.add.click()
    assert len(added[0]) == 14


def test_a_preset_leaves_out_what_the_model_refuses(picker) -> None:
    choose_side(picker, "One per family")
    assert "reciprocam" in listed(picker)
    assert ("reciprocam",) not in [r.layer for r in picker.model.checked]
    assert len(picker.model.checked) == 5


def test_a_refused_method_cannot_be_checked_and_says_why(picker, qtbot) -> None:
    picker.search.setText("reciprocam")
    row = picker.model.next_method(-1, 1)
    picker.model.toggle(row)
    assert picker.model.checked == []
    assert "one by one" in str(picker.model.index(row, 2).data())


def test_filters_narrow_the_list(picker, qtbot) -> None:
    qtbot.mouseClick(picker.filters.buttons["follows"], Qt.MouseButton.LeftButton)
    assert "rollout" not in listed(picker)
    qtbot.mouseClick(picker.filters.buttons["signed"], Qt.MouseButton.LeftButton)
    assert "lrp" not in listed(picker)
    assert "attnlrp" in listed(picker)
    qtbot.mouseClick(picker.filters.buttons["fast"], Qt.MouseButton.LeftButton)
    assert "integrated_gradients" not in listed(picker)


def test_what_is_checked_is_saved_under_a_name(picker, qtbot, heard) -> None:
    saved = heard(picker.preset_saved)
    picker.model.set_checked([("lrp",), ("gmar",)])
    picker.save.click()
    qtbot.keyClicks(picker.name_field, "figure 3")
    qtbot.keyClick(picker.name_field, Qt.Key.Key_Return)
    assert saved == [("figure 3", (("lrp",), ("gmar",)))]
    assert picker.isVisible()


def test_a_saved_preset_is_deleted_by_key_and_a_built_in_one_is_not(picker, qtbot, heard) -> None:
    deleted = heard(picker.preset_deleted)
    for title in ("mine", "Quick look"):
        choose_side(picker, title)
        qtbot.keyClick(picker.side, Qt.Key.Key_Delete)
    assert deleted == ["mine"]


@pytest.mark.parametrize("way", ["click", "Enter"])
def test_another_kind_of_layer_closes_the_picker(picker, qtbot, heard, way) -> None:
    other, added = heard(picker.other_chosen), heard(picker.added)
    choose_side(picker, "Map from a file")
    assert (other, picker.isVisible()) == ([], True), "the arrow keys pass over it"
    if way == "Enter":
        qtbot.keyClick(picker.side, Qt.Key.Key_Return)
    else:
        place = picker.side.visualItemRect(picker.side.currentItem()).center()
        qtbot.mouseClick(picker.side.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert (other, added, picker.isVisible()) == (["map"], [], False)


def test_escape_closes_and_adds_nothing(picker, qtbot, heard) -> None:
    added, closed = heard(picker.added), heard(picker.closed)
    picker.model.set_checked([("lrp",)])
    qtbot.keyClick(picker.search, Qt.Key.Key_Escape)
    assert (added, len(closed)) == ([], 1)
    picker.open_at(QRect(0, 0, 900, 600))
    assert picker.model.checked == []


def test_measured_times_are_distinguished_from_expected_ones() -> None:
    rows = {row.layer[0]: row for row in method_rows(MODEL, measured=MEASURED)}
    assert rows["rollout"].time == "0.02 s"
    assert rows["multiplex"].time.startswith("about ")
    assert {row.time for row in method_rows(MODEL) if row.needs != "no pass"} == {"–"}


def test_no_name_of_a_method_is_cut(picker) -> None:
    metrics = QFontMetrics(theme.font(11))
    room = picker.table.columnWidth(NAME) - 34
    for info in methods():
        assert metrics.horizontalAdvance(info.title + " shown") <= room, info.title


@pytest.mark.parametrize(
    ("method", "paper"),
    [
        ("rollout", "Abnar & Zuidema 2020"),
        ("lrp", "Chefer et al. 2021"),
        ("gradient_rollout", "Gildenblat 2020"),
        ("multiplex", "authors’ code"),
        ("random", "no paper"),
        ("edges", "Sobel & Feldman 1968"),
    ],
)
def test_papers_are_named_by_authors_and_year(method, paper) -> None:
    assert short_paper(methods()[method].citation) == paper


def test_titles_name_parameters_and_members() -> None:
    assert title_of(("rollout(head_fusion=max)",)).endswith("head_fusion max")
    assert title_of(("lrp", "rollout")) == "LRP × Rollout"


def test_the_foot_sums_up_times() -> None:
    rows = method_rows(MODEL, measured=MEASURED)
    chosen = [row for row in rows if row.layer[0] in ("rollout", "lrp")]
    assert chosen_words(chosen) == ("2 chosen", "Attention rollout, LRP (Chefer et al.); about 0.2 s")
    assert chosen_words([]) == ("Nothing chosen", "")


def test_methods_are_found_by_initials_and_by_what_words_begin_with_not_by_letters_in_between():
    rows = {row.layer[0]: row for row in method_rows(MODEL, measured=MEASURED)}
    found = [name for name, row in rows.items() if row.matches("ig")]
    assert sorted(found) == ["eigencam", "integrated_gradients"]
    assert rows["attention_gradcam"].matches("weight")  # "weighted", in its summary
    assert not rows["attention_gradcam"].matches("eighted")
