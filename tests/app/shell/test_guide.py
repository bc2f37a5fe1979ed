"""Guided examples: each opens the right layers, says three sentences, and they are true."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi
from vitinspect.app.session.layers import ANNOTATOR, CONSENSUS, MAP
from vitinspect.app.shell.examples import EXAMPLES, Example, bundled_labels
from vitinspect.resources import gallery_folder

BY_ID = {one.id: one for one in EXAMPLES}
GALLERY = gallery_folder()


@pytest.fixture(scope="module")
def model() -> Any:
    return vi.load_model("demo", device="cpu")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.id)
def test_an_example_opens_its_picture_its_layers_and_its_words(
    window: Any, backend: Any, settle: Any, example: Example
) -> None:
    window.actions_[f"example_{example.id}"].trigger()
    assert backend.state.image.endswith(example.picture)
    assert tuple(layer.method for layer in backend.state.layers if layer.kind == MAP) == example.methods
    assert backend.state.model == "demo"
    assert backend.state.tool == example.tool
    assert window.guide.isVisibleTo(window)
    assert all(sentence in window.guide.text.text() for sentence in example.sentences)
    settle()


def test_undo_restores_the_layers(window: Any, backend: Any, settle: Any) -> None:
    before = backend.state.layers
    window.open_example(BY_ID["two_objects"])
    window.history.undo()
    assert [one for one in backend.state.layers if not one.found] == list(before)
    settle()


def test_the_people_and_their_consensus_are_shown(window: Any, backend: Any, settle: Any, qtbot: Any) -> None:
    backend.coordinator.start()
    window.open_example(BY_ID["annotators"])
    qtbot.waitUntil(lambda: any(one.kind == ANNOTATOR for one in backend.state.layers), timeout=20_000)
    settle()
    people = [one for one in backend.state.layers if one.kind == ANNOTATOR]
    assert len(people) == 3
    assert all(one.visible for one in people)
    assert [one.kind for one in backend.state.layers].count(CONSENSUS) == 1
    window.open_example(BY_ID["two_objects"])
    settle()
    assert not any(one.visible for one in backend.state.layers if one.kind == ANNOTATOR)


def test_one_leads_to_the_next_and_it_can_be_closed(window: Any, backend: Any, settle: Any) -> None:
    window.guide.show_welcome()
    assert [button.text() for button in window.guide.buttons] == [*(one.title for one in EXAMPLES), "Open folder"]
    window.guide.buttons[0].click()
    assert window.guide.example is EXAMPLES[0]
    window.guide.buttons[0].click()
    assert window.guide.example is EXAMPLES[1]
    window.guide.close_guide()
    assert window.guide.isHidden()
    settle()


def test_the_empty_window_offers_them(window: Any, backend: Any, settle: Any) -> None:
    backend.state.set(folder="", image="")
    empty = window.empty
    assert [button.text() for button in empty.more_buttons] == [one.title for one in EXAMPLES]
    empty.more_buttons[2].click()
    assert backend.state.image.endswith(BY_ID["annotators"].picture)
    settle()


def test_a_missing_picture_is_reported(window: Any, backend: Any) -> None:
    from dataclasses import replace

    window.open_example(replace(EXAMPLES[0], picture="no.png"))
    assert "no.png is not in" in window.message.newest
    assert window.guide.isHidden()


# --- what they say is so ----------------------------------------------------------------------------------------------


def share_on(attribution: Any, mask: np.ndarray) -> float:
    values = attribution.origin.placement.map_to_original(np.clip(attribution.values, 0, None))
    return float(np.nansum(values * mask) / np.nansum(values))


def test_the_classes_are_those_of_the_model(model: Any) -> None:
    assert bundled_labels() == model.labels


def test_two_maps_follow_from_the_leaf_to_the_gem_and_one_does_not(model: Any) -> None:
    example = BY_ID["two_objects"]
    path = GALLERY / "images" / example.picture
    gem = np.asarray(Image.open(GALLERY / "masks" / example.picture)) > 0
    leaf = np.asarray(Image.open(GALLERY / "masks-second" / example.picture)) > 0
    of_leaf, of_gem = (vi.explain(model, path, example.methods, target=target) for target in ("leaf", "gem"))
    for method in ("lrp", "gradient_rollout"):
        assert share_on(of_leaf[method], leaf) > 2 * share_on(of_leaf[method], gem)
        assert share_on(of_gem[method], gem) > 2 * share_on(of_gem[method], leaf)
    assert np.array_equal(of_leaf["rollout"].values, of_gem["rollout"].values)


def test_the_badge_makes_a_daisy_an_aster(model: Any) -> None:
    example = BY_ID["badge"]
    path = GALLERY / "images" / example.picture
    badge = np.asarray(Image.open(GALLERY / "masks-badge" / example.picture.replace(".jpg", ".png"))) > 0
    assert model.predict(path, top=1)[0].label == "aster"
    result = vi.explain(model, path, example.methods)
    assert share_on(result["attention_gradcam"], badge) > 10 * badge.mean()
    assert share_on(result["attention_gradcam"], badge) > 5 * share_on(result["lrp"], badge)
    pixels = np.array(vi.open_image(path))
    rows, columns = np.where(badge)
    colour = np.array(model.preprocessing.mean) * 255
    pixels[rows.min() - 4 : rows.max() + 5, max(0, columns.min() - 4) : columns.max() + 5] = colour
    assert model.predict(pixels, top=1)[0].label == "daisy"
