"""Scores, what if, blocks and heads: driven through their widgets."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt

from vitinspect.app.panels.layer_facts import row_of
from vitinspect.app.widgets.layer_rows import RUNNING, WAITING


@pytest.fixture
def several(shown, backend, settle):
    """The window with three maps, one of them signed and on pixels."""
    backend.state.set(methods=("rollout", "attention_gradcam", "input_x_gradient"))
    settle()
    return shown


def test_the_outline_is_painted(several, backend):
    before = several.canvas.grab().toImage()
    backend.state.set(outline=True)
    assert several.canvas.grab().toImage() != before
    backend.state.set(smooth=False)
    several.canvas.grab()


def test_curves_are_drawn_on_request_with_their_areas(several, backend, qtbot, settle):
    backend.state.set(score_steps=4)
    several.actions_["show_scores"].trigger()
    several.bottom.tab("scores").compute.click()
    qtbot.waitUntil(lambda: len(backend.results.curves) == 3, timeout=30_000)
    found = backend.results.curves["rollout"]
    assert len(found.deletion) == 5
    # At its start a deletion curve is the probability of the class, and an insertion curve ends there.
    probability = backend.results.predictions[0].probability
    assert found.deletion[0] == pytest.approx(probability, abs=1e-4)
    assert found.insertion[-1] == pytest.approx(probability, abs=1e-4)
    table = several.bottom.tab("scores").table.scores
    assert table.index(0, 1).data() == f"{found.deletion_auc:.3f}"
    settle()


def test_overlap_is_shown_where_there_is_a_mask(shown, backend, pictures, settle):
    masks = pictures.parent / "masks"
    masks.mkdir()
    mask = np.zeros((64, 96), np.uint8)
    mask[10:40, 30:60] = 255
    Image.fromarray(mask).save(masks / "picture 1.png")
    backend.overlaps.masks.forget()
    backend.state.set(plots=True)
    backend.state.set(threshold_mode="mean")
    settle()
    found = backend.results.overlaps["rollout"]
    assert 0 <= found.iou <= 1
    assert shown.bottom.tab("scores").table.scores.index(0, 3).data() == f"{found.iou:.3f}"


def drag(canvas, qtbot, start, stop):
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(canvas, (start + stop) / 2)
    qtbot.mouseMove(canvas, stop)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=stop)


def test_only_devices_of_this_machine_can_be_chosen(shown, backend):
    def offered():
        box = shown.context.runs_on.device
        return [(box.itemData(i), box.itemText(i)) for i in range(box.count())]

    assert backend.results.devices[0] == "cpu"
    backend.results.update(devices=("cpu", "cuda:0", "cuda:1"))
    assert offered()[-2:] == [("cuda:0", "cuda:0"), ("cuda:1", "cuda:1")]
    assert len({device for device, _ in offered()}) == len(offered())


def test_removing_a_region_changes_the_probabilities_and_reset_restores_them(shown, backend, qtbot, settle):
    qtbot.keyClick(shown.canvas, Qt.Key.Key_B)
    middle = shown.canvas.panes()[0].picture.center()
    drag(shown.canvas, qtbot, middle - QPoint(40, 0), middle + QPoint(40, 20))
    qtbot.waitUntil(lambda: backend.results.probed is not None, timeout=20_000)
    settle()
    assert backend.results.probed.mask.any()
    assert backend.state.pinned == ()
    assert not np.allclose(backend.results.probed.probabilities, backend.results.probabilities)
    assert all(bar.after is not None for bar in shown.context.bars.bars)
    shown.canvas.grab()
    shown.actions_["reset_brush"].trigger()
    assert backend.results.painted is None
    assert backend.results.probed is None


def test_removing_nothing_leaves_the_picture_as_it_is(shown, backend, settle):
    backend.what_if.paint_out(np.zeros(backend.results.placed.input_size, bool))
    settle()
    assert backend.results.painted is None
    assert backend.results.probed is None


def test_the_attention_of_each_head_adds_up_to_one(shown, backend, qtbot, settle):
    shown.actions_["show_layers"].trigger()
    qtbot.waitUntil(lambda: backend.results.attention is not None, timeout=20_000)
    found = backend.results.attention
    assert found.values.shape == (2, 2, 8, 8)
    assert found.values.sum((2, 3)) + found.prefix == pytest.approx(1.0, abs=1e-4)
    assert "class token" in shown.bottom.tab("layers").about.text()


def test_pinning_a_patch_shows_the_attention_of_its_token(shown, backend, qtbot, settle):
    shown.actions_["show_layers"].trigger()
    settle()
    backend.state.set(pinned=(2, 3))
    qtbot.waitUntil(lambda: backend.results.attention.token == 1 + 2 * 8 + 3, timeout=20_000)
    grid = shown.bottom.tab("layers").grid
    qtbot.mouseClick(grid, Qt.MouseButton.LeftButton, pos=grid._box(1, 0).center())
    assert shown.bottom.tab("layers").chosen == (1, 0)
    assert "Block 2, head 1" in shown.bottom.tab("layers").figures.text()


def test_what_belongs_to_a_picture_is_removed_with_it(shown, backend, qtbot, settle):
    backend.state.set(score_steps=2)
    shown.actions_["compute_scores"].trigger()
    qtbot.waitUntil(lambda: bool(backend.results.curves), timeout=20_000)
    backend.what_if.brush((40, 30), (50, 40))
    settle()
    shown.actions_["next"].trigger()
    settle()
    assert backend.results.curves == {}
    assert backend.results.painted is None


def test_a_kept_map_can_be_swiped_against_another_models(shown, backend, settle):
    shown.actions_["keep_map"].trigger()
    kept = backend.results.kept
    backend.state.set(layout="swipe", model="another")
    settle()
    (pane,) = shown.canvas.panes()
    assert pane.second is kept
    assert pane.map is not kept
    shown.canvas.grab()
    assert shown.canvas.picture_point(QPointF(pane.picture.center())) is not None


# --- words -------------------------------------------------------------------------------------------------------


@pytest.fixture
def slow(shown, backend, settle, monkeypatch):
    """The window, with raw attention that waits until the test releases it."""
    import threading

    from vitinspect.explainers.methods import attention

    settle()
    go = threading.Event()
    explain = attention.RawAttention.maps

    def wait(self, run, sweep=None, early=None):
        while not go.wait(0.01):
            run.cancel.check()
        return explain(self, run, sweep, early)

    monkeypatch.setattr(attention.RawAttention, "maps", wait)
    yield shown
    go.set()


def test_a_map_that_is_being_computed_is_not_called_missing(slow, backend, qtbot):
    backend.state.set(plots=True, plot="scores", fusion=True, methods=("raw_attention",))
    backend.state.set(image=str(backend.listing.path_at(1)))
    qtbot.waitUntil(lambda: "raw_attention" in backend.results.pending, timeout=10_000)
    row = row_of(backend.state, backend.results, backend.state.layer("raw_attention"))
    assert row.state in (WAITING, RUNNING)
    about = slow.bottom.tab("scores").about
    qtbot.waitUntil(lambda: not backend.results.all_maps and "being computed" in about.text(), timeout=5000)
    backend.coordinator.cancel()


def test_a_cancelled_method_stays_and_says_so(slow, backend, qtbot, settle):
    backend.state.choose("raw_attention", True)
    qtbot.waitUntil(lambda: bool(backend.results.pending) and backend.results.progress is not None, timeout=10_000)
    slow.actions_["cancel"].trigger()
    qtbot.waitUntil(lambda: not backend.worker.busy, timeout=10_000)
    assert backend.results.stopped == {"raw_attention"}
    row = row_of(backend.state, backend.results, backend.state.layer("raw_attention"))
    assert row.note == "cancelled"


def test_a_kept_map_shows_in_the_grid_with_its_own_target(shown, backend, settle):
    backend.state.set(methods=("attention_gradcam",), target=(1,), layout="grid")
    settle()
    shown.actions_["keep_map"].trigger()
    backend.state.set(target=(3,))
    settle()
    panes = shown.canvas.panes()
    assert [pane.map.target_text for pane in panes] == ["dog", "bee"]
    assert panes[1].map is backend.results.kept
    assert panes[0].map.id == "attention_gradcam"
