"""The tabs Scores and Agreement on the window's results."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QGuiApplication


@pytest.fixture
def several(shown, backend, settle):
    backend.state.set(methods=("rollout", "attention_gradcam", "lrp"), plots=True)
    settle()
    return shown


def test_rows_carry_the_numbers_of_the_layers_and_choose_them(several, backend) -> None:
    table = several.bottom.tab("scores").table
    assert [row.number for row in table.scores.rows] == [1, 2, 3]
    table.chosen.emit("lrp")
    assert backend.state.selected == "lrp"
    assert table.currentIndex().row() == 2


def test_curves_are_computed_on_request_and_drawn_with_their_numbers(several, backend, qtbot, settle) -> None:
    backend.state.set(score_steps=4)
    panel = several.bottom.tab("scores")
    panel.compute.click()
    qtbot.waitUntil(lambda: len(backend.results.curves) == 3, timeout=30_000)
    settle()
    assert [curve.number for curve in panel.deletion.curves] == [1, 2, 3]
    assert [curve.chosen for curve in panel.deletion.curves] == [True, False, False]
    assert panel.deletion.y_label.startswith("probability of ")
    assert not panel.compute.isEnabled()
    panel.copy_table()
    assert QGuiApplication.clipboard().text().startswith("number,layer,deletion,insertion")


def test_the_agreement_of_the_shown_layers_is_put_into_words(several, backend, qtbot, settle) -> None:
    backend.state.set(plot="agreement", fusion=True)
    qtbot.waitUntil(lambda: len(backend.results.agreements) == 3, timeout=10_000)
    panel = several.bottom.tab("agreement")
    qtbot.waitUntil(lambda: "overlap on" in panel.view.words.text())
    assert [layer.number for layer in panel.view._layers] == [1, 2, 3]
    settle()


def test_the_row_of_the_collapsed_tabs_says_the_main_scores_of_the_selected_layer(
    several, backend, qtbot, settle, pictures
) -> None:
    import numpy as np
    from PIL import Image

    masks = pictures.parent / "masks"
    masks.mkdir()
    with Image.open(backend.state.image) as opened:
        width, height = opened.size
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2] = 255
    Image.fromarray(mask).save(masks / backend.state.image.rpartition("/")[2])
    backend.state.set(score_steps=4, selected="lrp")
    several.actions_["reload"].trigger()
    several.bottom.tab("scores").compute.click()
    qtbot.waitUntil(lambda: len(backend.results.curves) == 3 and "lrp" in backend.results.overlaps, timeout=30_000)
    settle()
    assert several.bottom.summary.text() == "", "the table says it"
    backend.state.set(plots=False)
    settle()
    text = several.bottom.summary.text()
    assert text.startswith("3 LRP (Chefer et al.): IoU ")
    assert "deletion" in text
    assert "insertion" in text
    backend.state.set(selected="rollout")
    qtbot.waitUntil(lambda: several.bottom.summary.text().startswith("1 Attention rollout: IoU "), timeout=10_000)
    settle()
