"""The list of pictures: filters, flags and notes, the size of thumbnails."""

from __future__ import annotations

import os

import pytest

from vitinspect.app.panels.browser import picture_menu


@pytest.fixture
def browser(shown):
    shown.resize(1440, 900)
    return shown.browser


def names(desk):
    return [os.path.basename(desk.listing.path_at(i)) for i in range(desk.listing.rowCount())]


def test_a_flag_is_set_in_the_menu_of_a_picture_and_filters(shown, browser, desk, pictures, qtbot):
    path = desk.listing.path_at(3)
    menu = picture_menu(browser, browser._facts, path)
    next(action for action in menu.actions() if action.text() == "Flag").trigger()
    assert desk.notes.of(path).flagged
    assert browser._facts.of(path).icons == ("flag",)
    browser.chips.buttons["flagged"].click()
    qtbot.waitUntil(lambda: names(desk) == ["picture 4.png"])
    assert browser.count.text() == "1 of 6 pictures"
    browser.chips.buttons["flagged"].click()
    qtbot.waitUntil(lambda: len(names(desk)) == 6)
    assert sorted(os.listdir(pictures)) == [f"picture {i}.png" for i in range(1, 7)], "nothing is kept in the data set"


def test_a_note_stands_in_the_tip_of_its_picture(browser, desk):
    path = desk.listing.path_at(0)
    desk.notes.set(path, text="blurred at the left")
    assert "note" in browser._facts.of(path).icons
    assert "blurred at the left" in browser.grid.tip_of(path)


def test_classes_that_were_predicted_can_be_chosen(shown, browser, desk, settle, qtbot):
    shown.actions_["next"].trigger()
    settle()
    label = desk.results.known_classes[desk.listing.path_at(0)]
    chip = browser.chips.buttons["class"].chip
    assert label in [value for value, _ in chip.choices]
    assert browser._facts.of(desk.listing.path_at(0)).detail == label
    browser.chips.changed.emit("class", label)
    assert desk.state.only_class == label
    settle()


def test_large_thumbnails_stand_in_a_grid(browser):
    assert browser.grid.mode == "list"
    browser.thumb.setValue(120)
    assert (browser.grid.mode, browser.grid.thumb) == ("grid", 120)
    browser.thumb.setValue(48)
    assert browser.grid.mode == "list"


def test_a_part_of_the_breadcrumb_opens_that_folder(browser, desk, pictures, settle):
    browser.crumbs.folder_chosen.emit(str(pictures.parent))
    settle()
    assert desk.state.folder == str(pictures.parent)


def test_filters_narrow_each_other_and_follow_the_flags(browser, desk, qtbot):
    for row in (1, 2, 4):
        desk.notes.set(desk.listing.path_at(row), flagged=True)
    first = desk.listing.path_at(1)
    desk.state.set(only_flagged=True, filter="picture")
    assert names(desk) == ["picture 2.png", "picture 3.png", "picture 5.png"]
    desk.notes.set(first, flagged=False)
    assert names(desk) == ["picture 3.png", "picture 5.png"]
    desk.state.set(filter="5")
    assert names(desk) == ["picture 5.png"]


def test_a_range_of_a_runs_scores_can_be_chosen(browser, desk, pictures, tmp_path, qtbot, settle):
    from vitinspect.evaluation.plan import Plan
    from vitinspect.evaluation.store import FILE, ImageResult, Score, Store

    folder = tmp_path / "run"
    with Store(folder / FILE) as store:
        store.claim(Plan(data=str(pictures)))
        for i, iou in enumerate((0.2, 0.6, 0.4, 0.1, 0.5)):
            store.add(ImageResult(f"picture {i + 1}.png", i, scores=[Score("rollout", "iou", iou)]))
    assert "score" not in browser.chips.buttons
    desk.state.set(run=str(folder), sort="score")
    qtbot.waitUntil(lambda: "score" in browser.chips.buttons, timeout=5000)
    settle()
    menu = browser.chips.buttons["score"].menu_of()
    assert len(menu.actions()) == 4
    menu.actions()[3].trigger()
    assert desk.state.score_range == (pytest.approx(0.5), pytest.approx(0.6))
    assert set(names(desk)) == {"picture 2.png", "picture 5.png"}
    assert browser.chips.value("score") == desk.state.score_range
    desk.state.set(sort="name")
    assert (desk.state.score_range, "score" in browser.chips.buttons) == ((), False)
    qtbot.waitUntil(lambda: len(names(desk)) == 6)
    settle()
