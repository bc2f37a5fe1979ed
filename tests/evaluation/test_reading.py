"""A picture and its masks as an evaluation reads them: what the model did not see is ignored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vitinspect as vi
from tests.evaluation.small import mask, picture, small_model
from vitinspect.evaluation.datasets import open_dataset
from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.reading import read_picture
from vitinspect.evaluation.runner import run
from vitinspect.evaluation.store import FILE, Store


def one_wide_picture(root: Path) -> Path:
    picture(root / "images" / "wide.png", 1, size=(96, 32))
    mask(root / "masks" / "wide.png", 1, size=(96, 32))
    return root


@pytest.mark.parametrize("mode", ["crop", "squash", "pad"])
def test_padding_is_ignored_and_everything_else_is_the_mask(tmp_path: Path, mode: str) -> None:
    root = one_wide_picture(tmp_path / "set")
    dataset, model = open_dataset(root), small_model()
    plan = Plan(data=str(root), mode=mode, scores=("overlap",))
    read = read_picture(dataset, dataset.items[0], 0, model, plan)
    assert read.problem == ""
    assert read.placement is not None
    (found,) = read.masks.values()
    seen = read.placement.valid_mask()
    assert seen.all() == (mode != "pad")
    assert (found[~seen] == 255).all()
    truth = read.placement.mask_to_input(dataset.read_mask(dataset.items[0], ""))
    np.testing.assert_array_equal(found[seen], truth[seen])
    assert 0 < (found == 1).sum() < seen.sum()


def test_scores_of_a_padded_picture_are_those_of_the_part_that_shows_it(tmp_path: Path) -> None:
    root = one_wide_picture(tmp_path / "set")
    plan = Plan(data=str(root), model="small", methods=("rollout",), scores=("overlap",), mode="pad")
    run(plan, small_model(), tmp_path / "run")
    with Store(tmp_path / "run" / FILE) as store:
        found = {score: value for _, _, _, score, value in store.scores()}
    dataset, model = open_dataset(root), small_model()
    prepared = model.preprocess(vi.open_image(dataset.items[0].path), "pad")
    seen = prepared.placement.valid_mask()
    truth = prepared.placement.mask_to_input(dataset.read_mask(dataset.items[0], "")) > 0
    cut = vi.threshold(vi.explain(model, prepared.tensor, "rollout")["rollout"], "otsu", size=truth.shape).mask
    right = int((cut == truth)[seen].sum())
    assert found["pixel_accuracy"] == pytest.approx(right / seen.sum())
    both, either = int((cut & truth)[seen].sum()), int((cut | truth)[seen].sum())
    assert found["iou"] == pytest.approx(both / either)
    assert found["precision"] == pytest.approx(both / cut[seen].sum())
