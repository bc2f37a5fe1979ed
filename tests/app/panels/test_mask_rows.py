"""Masks in the window: their rows, their outlines on the picture, and against which of them maps are scored."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitinspect.maps import resize
from vitinspect.models.preprocess import Placement
from vitinspect.scores.masks import overlap


@pytest.fixture
def masked(shown, backend, pictures, settle):
    """The window on a picture with a truth and two annotators."""
    for i, place in enumerate(("", "DR", "MK")):
        mask = np.zeros((64, 96), np.uint8)
        mask[10 : 40 + 5 * i, 30:60] = 255
        folder = pictures.parent / "masks" / place
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(folder / "picture 1.png")
    backend.overlaps.masks.forget()
    backend.mask_layers.follow()
    backend.state.set(plots=True)
    settle()
    return shown


def row(window, layer: str):
    return next(one for one in window.layers_panel.list.layers.rows if one.id == layer)


def texts(menu) -> list[str]:
    return [action.text().split("\t")[0] for action in menu.actions() if action.text()]


def pixels(canvas) -> np.ndarray:
    image = canvas.grab().toImage()
    return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1).copy()


def test_each_mask_has_a_row_with_its_share_and_no_number(masked) -> None:
    truth, first = row(masked, "truth"), row(masked, "annotator DR")
    assert (truth.name, truth.number, truth.swatch.kind) == ("Truth", 0, "truth")
    assert (first.name, first.swatch.kind, first.swatch.value) == ("DR", "mask", "#35d0ba")
    assert truth.note == "14.6 %"


def test_the_eye_of_a_mask_hides_its_outline(masked, backend) -> None:
    before = pixels(masked.canvas)
    masked.layers_panel.list.eye_toggled.emit("truth")
    assert not np.array_equal(pixels(masked.canvas), before)
    masked.layers_panel.list.eye_toggled.emit("truth")
    assert np.array_equal(pixels(masked.canvas), before)


def test_a_click_on_a_row_and_its_button_score_against_that_mask_and_the_table_says_so(masked, backend, settle) -> None:
    scores = masked.bottom.tab("scores")
    assert "masks/picture 1.png" in scores.about.text()
    before = backend.results.overlaps["rollout"].iou
    backend.state.set(selected="annotator MK")
    masked.layers_panel.properties.mask_form.scoring.click()
    settle()
    assert "MK/picture 1.png" in scores.about.text()
    assert "as chosen" in scores.about.text()
    shown, cut = backend.results.all_maps["rollout"], backend.results.cuts["rollout"]
    placed = shown.placed
    placement = Placement(placed.input_size, placed.original_size, placed.box)
    inside = placement.mask_to_input(np.ones(placed.original_size, np.uint8))
    seen = np.where(inside, placement.mask_to_input(backend.results.masks["annotator MK"].values), 255)
    values = resize(shown.values, placed.input_size)
    expected = overlap(values > cut.level, seen, values, ignore=255)
    assert backend.results.overlaps["rollout"].iou == pytest.approx(expected.iou)
    assert expected.iou != before
    masked.layers_panel.properties.mask_form.scoring.click()
    settle()
    assert backend.results.overlaps["rollout"].iou == pytest.approx(before)


def test_a_consensus_is_added_from_the_menu_and_can_be_scored_against(masked, backend, settle) -> None:
    menu = masked.layers_panel.menu("annotator DR")
    assert "Add consensus of annotators" in texts(menu)
    ways = next(a.menu() for a in menu.actions() if a.text() == "Add consensus of annotators")
    assert texts(ways) == ["Majority", "STAPLE", "Union", "Intersection"]
    next(a for a in ways.actions() if a.text() == "Intersection").trigger()
    settle()
    assert np.array_equal(backend.results.masks["consensus"].values, backend.results.masks["annotator DR"].values)
    masked.layers_panel.score_against("consensus")
    settle()
    assert "consensus (intersection) of DR, MK" in masked.bottom.tab("scores").about.text()


def test_delete_hides_a_found_mask_which_cannot_be_duplicated(masked, backend) -> None:
    backend.state.set(selected="truth")
    assert not masked.layers_panel.delete.isEnabled()
    masked.layers_panel.list.delete_wanted.emit("truth")
    assert not backend.state.layer("truth").visible
    masked.layers_panel.list.duplicate_wanted.emit("truth")
    assert [layer.id for layer in backend.state.layers].count("truth") == 1
    assert {"Duplicate", "Delete"}.isdisjoint(texts(masked.layers_panel.menu("truth")))


def test_masks_are_removed_with_their_picture(masked, backend, settle) -> None:
    masked.actions_["next"].trigger()
    settle()
    assert [layer.id for layer in backend.state.layers] == ["rollout"]
