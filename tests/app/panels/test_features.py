"""The tab Features on the window's results: what a person sees of each block, and a layer made from it."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt


@pytest.fixture
def features(shown, backend, settle):
    backend.state.set(plots=True, plot="features")
    settle()
    return shown.bottom.tab("features")


def test_each_view_has_a_picture_of_every_block_and_a_click_enlarges_one(features, backend, qtbot, settle) -> None:
    for view in ("colours", "similarity", "norms", "distance"):
        features.views.buttons[view].click()
        settle()
        found = backend.results.features
        assert found.address.view == view
        strip = features.small_strip if view == "distance" else features.strip
        assert strip.count == 2
        qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=strip.box(0).center())
        assert backend.state.feature_block == 0
        assert features.figures.text().startswith("Block 1 of 2")
        assert (found.heads is not None) == (view == "distance")


def test_a_similarity_is_one_at_the_pinned_patch(features, backend, settle) -> None:
    backend.state.set(feature_view="similarity", pinned=(2, 3))
    settle()
    values = backend.results.features.values
    assert np.allclose(values[:, 2, 3], 1, atol=1e-5)
    assert "row 3, column 4" in features.about.text()


def test_components_differ_for_kept_pictures_and_for_a_mask(features, backend, settle) -> None:
    alone = backend.results.features.values
    features.keep.click()
    first = backend.state.image
    backend.state.set(image=next(path for path in backend.listing.paths if path != first))
    settle()
    assert "1 kept" in features.about.text()
    backend.state.set(image=first)
    settle()
    assert np.allclose(backend.results.features.values, alone), "a picture is not counted twice"
    features.drop.click()
    features.foreground.click()
    settle()
    black = (backend.results.features.values[-1] == 0).all(-1)
    assert 0 < black.sum() < black.size


def test_a_view_becomes_a_layer_with_its_number_and_its_mask(features, backend, settle) -> None:
    features.views.buttons["norms"].click()
    settle()
    features.add.click()
    settle()
    layer = backend.state.layers[1]
    assert layer.method == "token_norm"
    assert np.allclose(backend.results.maps[layer.id].values, backend.results.features.values[-1], rtol=1e-4)
    assert layer.id in backend.results.cuts
