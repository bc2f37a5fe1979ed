"""The training script on a toy: it learns, it can be stopped and resumed, its batches match the scenes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vitinspect.errors import Cancelled
from vitinspect.gallery import BADGE_CLASS, CLASSES, make_scene
from vitinspect.gallery.cache import SceneCache, scene_cache
from vitinspect.gallery.model import build_model, to_input
from vitinspect.gallery.train import (
    GRID,
    IGNORED,
    Batch,
    TrainingPlan,
    draw_batch,
    forward,
    learning_rate,
    train,
    whiten_patches,
)
from vitinspect.progress import CancelToken

TINY = {"embed_dim": 48, "depth": 1, "num_heads": 3}
PLAN = TrainingPlan(
    seed=3,
    scenes=24,
    two_objects=0.3,
    steps=6,
    batch=6,
    keep=30,
    finish_steps=2,
    finish_batch=3,
    warm_up=2,
    model_args=TINY,
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> SceneCache:
    folder = tmp_path_factory.mktemp("cache")
    return scene_cache(folder, PLAN.scenes, PLAN.seed, PLAN.two_objects, processes=1)


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_the_cache_holds_the_scenes_and_is_painted_only_once(tmp_path: Path) -> None:
    painted: list[int] = []
    first = scene_cache(tmp_path, 4, 8, 0.5, processes=1, progress=lambda done, total: painted.append(done))
    again = scene_cache(tmp_path, 4, 8, 0.5, processes=1, progress=lambda done, total: painted.append(done))
    assert painted == [4]
    assert np.array_equal(first.images, again.images)
    two = [int(c) for c in (first.classes[:, 1] >= 0)]
    for index in range(4):
        scene = make_scene(8, index, objects=1 + two[index])
        assert np.array_equal(first.images[index], scene.image)
        assert first.classes[index, 0] == scene.class_index
        assert set(np.unique(first.shown[index])) >= {0, scene.class_index + 1}


def test_a_badge_is_shown_to_the_patches_as_its_class(cache: SceneCache) -> None:
    with_badge = np.nonzero(cache.badge)[0]
    assert len(with_badge)
    corner = cache.shown[with_badge[0], -30:, 8:30]
    assert (corner == CLASSES.index(BADGE_CLASS) + 1).any()


def test_a_batch_depends_on_plan_and_step_alone(cache: SceneCache) -> None:
    first, again, later = (draw_batch(cache, PLAN, step) for step in (1, 1, 2))
    for name in ("patches", "places", "target", "shown"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert not torch.equal(first.patches, later.patches)


def test_a_batch_keeps_some_patches_first_and_all_of_them_in_the_end(cache: SceneCache) -> None:
    early, late = draw_batch(cache, PLAN, 0), draw_batch(cache, PLAN, 5)
    assert early.patches.shape == (6, 30, 768)
    assert late.patches.shape == (3, GRID * GRID, 768)
    assert torch.equal(late.places[0], torch.arange(GRID * GRID))
    assert torch.allclose(early.target.sum(1), torch.ones(6))
    seen = set(early.shown.unique().tolist())
    assert seen <= {IGNORED, *range(len(CLASSES) + 1)}
    assert len(seen) > 2


def test_the_training_forward_is_the_models_own_forward() -> None:
    torch.manual_seed(0)
    model: Any = build_model(**TINY).eval()
    image = make_scene(1, 1).image
    tiles = torch.from_numpy(image).float().div(255).sub(0.5).div(0.5).reshape(GRID, 16, GRID, 16, 3)
    patches = tiles.permute(0, 2, 1, 3, 4).reshape(1, GRID * GRID, 768)
    empty = torch.zeros(1, 1)
    batch = Batch(patches, torch.arange(GRID * GRID)[None], empty, empty)
    logits, tokens = forward(model, torch.nn.Linear(48, 3), batch)
    assert torch.allclose(logits, model(to_input(image[None])), atol=1e-5)
    assert tokens.shape == (1, GRID * GRID, 3)


def test_whitened_patches_have_no_mean_and_about_unit_variance(cache: SceneCache) -> None:
    model: Any = build_model(**TINY)
    whiten_patches(model, cache, 1)
    with torch.no_grad():
        values = model.patch_embed(to_input(np.asarray(cache.images))).flatten(0, 1)
    assert values.mean(0).abs().max() < 0.3
    assert 0.5 < values.std(0).mean() < 1.3


def test_the_learning_rate_warms_up_and_falls_to_nothing() -> None:
    rates = [learning_rate(PLAN, step) for step in range(PLAN.steps + 1)]
    assert rates[0] < rates[1] == max(rates) == PLAN.learning_rate
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)


def test_a_stopped_and_resumed_run_ends_with_the_same_weights(cache: SceneCache, tmp_path: Path) -> None:
    whole = weights(train(PLAN, cache))
    checkpoint = tmp_path / "checkpoint.pt"
    half = weights(train(PLAN, cache, checkpoint=checkpoint, stop_after=3))
    steps: list[int] = []
    resumed = weights(train(PLAN, cache, checkpoint=checkpoint, progress=lambda done, total: steps.append(done)))
    assert steps == [4, 5, 6]
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert not all(torch.equal(whole[name], half[name]) for name in whole)


def test_a_cancelled_run_keeps_what_it_has(cache: SceneCache, tmp_path: Path) -> None:
    token, checkpoint = CancelToken(), tmp_path / "checkpoint.pt"
    with pytest.raises(Cancelled):
        train(
            PLAN,
            cache,
            checkpoint=checkpoint,
            cancel=token,
            progress=lambda done, total: token.cancel() if done == 2 else None,
        )
    assert torch.load(checkpoint, weights_only=True)["step"] == 2


def test_a_checkpoint_of_another_plan_is_not_resumed(cache: SceneCache, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    train(PLAN, cache, checkpoint=checkpoint, stop_after=2)
    other = TrainingPlan(**{**PLAN.__dict__, "learning_rate": 2e-3})
    steps: list[int] = []
    train(other, cache, checkpoint=checkpoint, progress=lambda done, total: steps.append(done))
    assert steps == [1, 2, 3, 4, 5, 6]


def test_training_lowers_the_loss(cache: SceneCache) -> None:
    plan = TrainingPlan(
        **{**PLAN.__dict__, "steps": 40, "finish_steps": 0, "batch": 12, "warm_up": 4, "learning_rate": 3e-3}
    )
    lines: list[str] = []
    train(plan, cache, report_every=10, report=lines.append)
    losses = [float(line.split("patch loss ")[1].split(",")[0]) for line in lines]
    assert len(losses) == 4
    assert losses[-1] < 0.85 * losses[0]
