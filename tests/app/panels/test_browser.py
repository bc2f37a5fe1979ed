"""The list of pictures: filters, flags and notes, the size of thumbnails."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from vitinspect.app.panels.browser import picture_menu


@pytest.fixture
def browser(shown):
    shown.resize(1440, 900)
    return shown.browser


def names(backend):
    return [os.path.basename(backend.listing.path_at(i)) for i in range(backend.listing.rowCount())]


def test_a_flag_is_set_in_the_menu_of_a_picture_and_filters(shown, browser, backend, pictures, qtbot):
    path = backend.listing.path_at(3)
    menu = picture_menu(browser, browser._facts, path)
    next(action for action in menu.actions() if action.text() == "Flag").trigger()
    assert backend.notes.of(path).flagged
    assert browser._facts.of(path).icons == ("flag",)
    browser.chips.buttons["flagged"].click()
    qtbot.waitUntil(lambda: names(backend) == ["picture 4.png"])
    assert browser.count.text() == "1 of 6 pictures"
    browser.chips.buttons["flagged"].click()
    qtbot.waitUntil(lambda: len(names(backend)) == 6)
    assert sorted(os.listdir(pictures)) == [f"picture {i}.png" for i in range(1, 7)], "nothing is kept in the data set"


def test_a_note_is_in_the_tool_tip_of_its_picture(browser, backend):
    path = backend.listing.path_at(0)
    backend.notes.set(path, text="blurred at the left")
    assert "note" in browser._facts.of(path).icons
    assert "blurred at the left" in browser.grid.tip_of(path)


def test_classes_that_were_predicted_can_be_chosen(shown, browser, backend, settle, qtbot):
    shown.actions_["next"].trigger()
    settle()
    label = backend.results.known_classes[backend.listing.path_at(0)]
    chip = browser.chips.buttons["class"].chip
    assert label in [value for value, _ in chip.choices]
    assert browser._facts.of(backend.listing.path_at(0)).detail == label
    browser.chips.changed.emit("class", label)
    assert backend.state.only_class == label
    settle()


def test_large_thumbnails_are_in_a_grid(browser):
    assert browser.grid.mode == "list"
    browser.thumb.setValue(120)
    assert (browser.grid.mode, browser.grid.thumb) == ("grid", 120)
    browser.thumb.setValue(48)
    assert browser.grid.mode == "list"


def test_a_part_of_the_breadcrumb_opens_that_folder(browser, backend, pictures, settle):
    browser.crumbs.folder_chosen.emit(str(pictures.parent))
    settle()
    assert backend.state.folder == str(pictures.parent)


def test_filters_narrow_each_other_and_follow_the_flags(browser, backend, qtbot):
    for row in (1, 2, 4):
        backend.notes.set(backend.listing.path_at(row), flagged=True)
    first = backend.listing.path_at(1)
    backend.state.set(only_flagged=True, filter="picture")
    assert names(backend) == ["picture 2.png", "picture 3.png", "picture 5.png"]
    backend.notes.set(first, flagged=False)
    assert names(backend) == ["picture 3.png", "picture 5.png"]
    backend.state.set(filter="5")
    assert names(backend) == ["picture 5.png"]


def test_a_range_of_a_runs_scores_can_be_chosen(browser, backend, pictures, tmp_path, qtbot, settle):
    from vitinspect.evaluation.plan import Plan
    from vitinspect.evaluation.store import FILE, ImageResult, Score, Store

    folder = tmp_path / "run"
    with Store(folder / FILE) as store:
        store.claim(Plan(data=str(pictures)))
        for i, iou in enumerate((0.2, 0.6, 0.4, 0.1, 0.5)):
            store.add(ImageResult(f"picture {i + 1}.png", i, scores=[Score("rollout", "iou", iou)]))
    assert "score" not in browser.chips.buttons
    backend.state.set(run=str(folder), sort="score")
    qtbot.waitUntil(lambda: "score" in browser.chips.buttons, timeout=5000)
    settle()
    menu = browser.chips.buttons["score"].menu_of()
    assert len(menu.actions()) == 4
    menu.actions()[3].trigger()
    assert backend.state.score_range == (pytest.approx(0.5), pytest.approx(0.6))
    assert set(names(backend)) == {"picture 2.png", "picture 5.png"}
    assert browser.chips.value("score") == backend.state.score_range
    backend.state.set(sort="name")
    assert (backend.state.score_range, "score" in browser.chips.buttons) == ((), False)
    qtbot.waitUntil(lambda: len(names(backend)) == 6)
    settle()


def test_the_chips_for_masks_and_flags_are_clicked(shown, browser, backend, pictures, qtbot, settle):
    (pictures.parent / "masks").mkdir()
    Image.fromarray(np.full((64, 96), 255, np.uint8)).save(pictures.parent / "masks" / "picture 1.png")
    backend.notes.set(backend.listing.path_at(2), flagged=True)
    for chip, left in (("mask", "picture 1.png"), ("flagged", "picture 3.png")):
        browser.chips.buttons[chip].click()
        qtbot.waitUntil(lambda left=left: names(backend) == [left], timeout=5000)
        settle()
        browser.chips.buttons[chip].click()
        qtbot.waitUntil(lambda: len(names(backend)) == 6, timeout=5000)
        settle()


def test_the_path_can_be_typed_in_the_breadcrumb(browser, qtbot):
    menu = browser.crumbs.recent_menu()
    next(action for action in menu.actions() if "path" in action.text()).trigger()
    assert browser.path.isVisible()


def test_without_a_folder_the_breadcrumb_says_so(browser, backend):
    assert browser.crumbs.accessibleDescription() == backend.state.folder
    backend.state.set(folder="", image="")
    assert browser.crumbs.accessibleDescription() == "no folder"
