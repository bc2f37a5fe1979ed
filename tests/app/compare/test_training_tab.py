"""Over training, as a person uses it: a folder of checkpoints, its steps computed, one of them loaded into slot B."""

from __future__ import annotations

import copy
import math
import os

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFileDialog

from vitinspect import paths
from vitinspect.errors import ModelError

STEPS = (0, 500, 1000, 20000)


@pytest.fixture(scope="module")
def blended(tiny):
    """The tiny model with weights between other ones and its own."""
    import timm
    import torch

    import vitinspect as vi

    torch.manual_seed(5)
    start = timm.create_model(
        "vit_tiny_patch16_224", img_size=64, patch_size=8, embed_dim=24, depth=2, num_heads=2, num_classes=6
    ).state_dict()
    models = {}
    for step in STEPS:
        share = step / STEPS[-1]
        module = copy.deepcopy(tiny.module)
        own = module.state_dict()
        module.load_state_dict({name: share * own[name] + (1 - share) * start[name] for name in own})
        models[f"step-{step}.pt"] = vi.wrap_model(module.eval(), labels=list(tiny.labels), name=f"step {step}")
    return models


@pytest.fixture
def pictures(pictures):
    """With a mask for the first picture."""
    import numpy as np
    from PIL import Image

    root = pictures.parent / "set"
    (root / "masks").mkdir(parents=True)
    pictures.rename(root / "images")
    mask = np.zeros((64, 96), np.uint8)
    mask[10:40, 20:60] = 255
    Image.fromarray(mask).save(root / "masks" / "picture 1.png")
    return root / "images"


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    for step in STEPS:
        (folder / f"step-{step}.pt").write_bytes(b"read by the loader of the tests")
    return folder


@pytest.fixture
def loader(tiny, blended):
    asked = []

    def load(source, device="cpu"):
        asked.append(source)
        name = os.path.basename(source)
        if source == "demo":
            return tiny
        if name not in blended:
            raise ModelError(f"{source} is no model.")
        return blended[name]

    load.asked = asked
    return load


@pytest.fixture
def tab(shown, backend, settle, run_folder):
    shown.resize(1440, 900)
    backend.state.set(methods=("legrad",), workspace="compare", plots=True, compare_tab="compare-training")
    settle()
    backend.state.set(checkpoints=str(run_folder))
    return shown.bottom.tab("compare-training")


def test_without_a_folder_it_says_what_to_do(shown, backend, settle, run_folder, monkeypatch):
    backend.state.set(workspace="compare", plots=True, compare_tab="compare-training")
    settle()
    tab = shown.bottom.tab("compare-training")
    assert "Choose a folder" in tab.notice.text()
    assert not tab.button.isEnabled()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(run_folder))
    tab.folder.click()
    assert [one.step for one in tab.strip.checkpoints] == list(STEPS)
    assert tab.button.isEnabled()


def test_each_step_gets_its_map_and_its_prediction(tab, backend, settle, blended):
    import vitinspect as vi

    tab.button.click()
    settle()
    assert [step.problem for step in tab.strip.steps] == [""] * len(STEPS)
    target = backend.training.target
    for step, model in zip(tab.strip.steps, blended.values(), strict=True):
        assert step.label == model.predict(backend.state.image, top=1)[0].label
        expected = vi.explain(model, backend.state.image, "legrad", target=target[0])["legrad"].values
        assert step.mapped.values == pytest.approx(expected, rel=1e-3, abs=1e-6)
        assert tab.strip._image(step) is not None
    curve = tab.chart.curves[0]
    assert [1000 * x for x in curve.x] == pytest.approx(list(STEPS))
    assert all(math.isfinite(y) for y in curve.y)
    assert "4 of 4 computed" in tab.notice.text()


def test_each_step_is_scored_against_the_truth(tab, backend, settle):
    tab.button.click()
    settle()
    score = tab.chart.curves[1]
    assert score.name == "IoU"
    assert list(score.y) == [step.overlap.iou for step in tab.strip.steps]
    assert "Half of its best: p of" in tab.notice.text()
    tab.slider.setValue(3)
    settle()
    assert backend.results.truth_overlaps["B"].iou == pytest.approx(tab.strip.steps[3].overlap.iou, abs=1e-3)
    tab.score.set_value("average_precision")
    tab.follow()
    assert list(tab.chart.curves[1].y) == [step.overlap.average_precision for step in tab.strip.steps]


def test_a_click_on_a_step_loads_it_into_slot_b_at_once(tab, backend, settle, qtbot, run_folder):
    tab.button.click()
    settle()
    qtbot.mouseClick(tab.strip, Qt.MouseButton.LeftButton, pos=QPoint(tab.strip.cell(1).center()))
    assert backend.state.slot_b.model == str(run_folder / "step-500.pt")
    backend.second.maps.refresh()
    assert backend.second.results.card.name == "step 500", "it is known before it is loaded"
    assert backend.second.results.maps["legrad"].values is tab.strip.steps[1].mapped.values
    settle()
    assert tab.current == 1
    assert tab.slider.value() == 1


def test_the_slider_goes_along_the_steps(tab, backend, settle, run_folder):
    tab.slider.setValue(3)
    settle()
    assert backend.second.results.card.name == "step 20000"
    tab.slider.setValue(2)
    settle()
    assert backend.second.results.card.name == "step 1000"


def test_what_is_done_stays_when_it_is_cancelled(tab, backend, settle, loader):
    backend.training.compute()
    backend.training.cancel()
    settle()
    done = [step for step in tab.strip.steps if step is not None]
    before = len(loader.asked)
    tab.follow()
    tab.button.click()
    settle()
    assert len(loader.asked) - before == len(STEPS) - len(done)
    assert all(step is not None for step in tab.strip.steps)


def test_a_checkpoint_that_cannot_be_loaded_says_so_and_the_others_are_computed(tab, backend, settle, run_folder):
    (run_folder / "step-700.pt").write_bytes(b"no model")
    backend.training.read_folder()
    tab.button.click()
    settle()
    by_step = dict(zip([one.step for one in tab.strip.checkpoints], tab.strip.steps, strict=True))
    assert "is no model" in by_step[700].problem
    assert not any(step.problem for number, step in by_step.items() if number != 700)


def test_another_picture_has_steps_of_its_own(tab, backend, settle, shown):
    tab.button.click()
    settle()
    first = backend.state.image
    shown.actions_["next"].trigger()
    settle()
    assert tab.strip.steps == [None] * len(STEPS)
    backend.state.set(image=first)
    settle()
    assert all(step is not None for step in tab.strip.steps)


def test_a_fused_layer_is_shown_at_each_step(tab, backend, settle, blended):
    import vitinspect as vi

    backend.state.set(methods=("legrad", "rollout"), fusion=True, selected="fused")
    settle()
    tab.button.click()
    settle()
    target, layer = backend.training.target, backend.state.layer("fused")
    for step, model in zip(tab.strip.steps, blended.values(), strict=True):
        maps = vi.explain(model, backend.state.image, ["legrad", "rollout"], target=target[0])
        expected = vi.fuse(list(maps.values()), layer.fusion_mode, normalisation=layer.normalisation).values
        assert step.mapped.values == pytest.approx(expected, rel=1e-3, abs=1e-5)
        assert tab.strip._image(step) is not None
    tab.slider.setValue(2)
    settle()
    shown = backend.second.results.fused_maps["fused"]
    assert shown.address == tab.strip.steps[2].mapped.address
    assert shown.values == pytest.approx(tab.strip.steps[2].mapped.values, abs=1e-6)


def test_the_steps_are_there_again_after_a_restart(tab, backend, settle, loader, run_folder):
    tab.button.click()
    settle()
    before = [(step.label, step.overlap.iou, step.mapped.values.tolist()) for step in tab.strip.steps]
    backend.training._kept.clear()
    backend.maps.clear()
    asked = len(loader.asked)
    backend.training.read_folder()
    settle()
    assert [(s.label, s.overlap.iou, s.mapped.values.tolist()) for s in tab.strip.steps] == before
    assert len(loader.asked) == asked, "no checkpoint was loaded again"
    (run_folder / "step-500.pt").write_bytes(b"another file, as its size and time say")
    backend.training._kept.clear()
    backend.training.read_folder()
    settle()
    assert [step is None for step in tab.strip.steps] == [False, True, False, False]
    assert tab.button.text() == "Continue"


def test_without_maps_on_the_disk_no_steps_are_kept_there(tab, backend, settle):
    backend.maps.bound_disk(0)
    tab.button.click()
    settle()
    backend.training._kept.clear()
    backend.training.read_folder()
    settle()
    assert tab.strip.steps == [None] * len(STEPS)
    assert not list(paths.cache_folder().rglob("*.cards"))


def test_another_threshold_asks_no_checkpoint_again(tab, backend, settle, loader):
    tab.button.click()
    settle()
    before, asked = [step.level for step in tab.strip.steps], len(loader.asked)
    backend.state.edit_layer("legrad", "threshold", threshold_mode="percentile", threshold_value=90.0)
    settle()
    assert all(step is not None for step in tab.strip.steps)
    assert [step.level for step in tab.strip.steps] != before
    assert len(loader.asked) == asked


def test_the_thumbnails_are_as_large_as_the_room_allows(tab, backend, settle, qtbot):
    tab.button.click()
    settle()
    strip = tab.strip
    small = strip.thumb
    strip.setMinimumSize(1400, 320)
    strip.resize(1400, 320)
    assert strip.thumb > 2 * small
    assert strip.cell(len(STEPS) - 1).right() <= strip.width()
    assert strip._image(strip.steps[0]).width() == strip.thumb * strip.devicePixelRatioF()
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=strip.cell(2).center())
    assert tab.current == 2
    strip.setMinimumSize(0, 0)
    strip.resize(200, 60)
    assert strip.thumb == small, "never smaller: the strip scrolls"


def test_only_the_models_of_the_slots_stay_loaded(tab, backend, settle):
    tab.button.click()
    settle()
    context = backend.worker._runner._context
    assert set(context.models) <= {("demo", "auto")}
