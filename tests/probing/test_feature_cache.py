"""Features are computed once, are found by everything that they depend on, and survive kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi
from tests.zoo import tiny_module
from vitinspect.errors import Cancelled, ParameterError
from vitinspect.probing.feature_cache import features_of

ROOT = Path(__file__).resolve().parent.parent.parent


def small_model(seed: int = 0) -> vi.ViT:
    return vi.wrap_model(tiny_module("plain", seed), name="small")


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    generator = np.random.default_rng(0)
    paths = [tmp_path / f"{i:02}.png" for i in range(11)]
    for path in paths:
        Image.fromarray(generator.integers(0, 255, (40, 40, 3), np.uint8)).save(path)
    return paths


def test_features_are_those_of_the_model_in_half_precision(pictures, tmp_path):
    model = small_model()
    found = features_of(model, pictures, "class+mean", folder=tmp_path / "c", batch=4)
    direct = np.concatenate(
        [model.features(model.preprocess(path).tensor[None], "class+mean") for path in map(vi.open_image, pictures)]
    )
    assert found.values.dtype == np.float16
    assert np.allclose(found.values, direct, atol=1e-3, rtol=2e-3)
    assert found.usable.all()
    assert found.computed == 11


def test_a_second_probe_computes_nothing_and_another_recipe_model_mode_or_picture_is_another_entry(pictures, tmp_path):
    folder = tmp_path / "c"
    model = small_model()
    first = features_of(model, pictures, "class", folder=folder)
    again = features_of(model, pictures, "class", folder=folder)
    assert again.computed == 0
    assert np.array_equal(again.values, first.values)
    assert features_of(model, pictures, "mean", folder=folder).computed == 11
    assert features_of(model, pictures, "class", folder=folder, mode="squash").computed == 11
    assert features_of(small_model(1), pictures, "class", folder=folder).computed == 11
    Image.new("RGB", (40, 40), "red").save(pictures[3])
    changed = features_of(model, pictures, "class", folder=folder)
    assert changed.computed == 11
    assert not np.array_equal(changed.values[3], first.values[3])
    assert np.array_equal(changed.values[4], first.values[4])


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.probing.test_feature_cache import small_model
from vitinspect.probing.feature_cache import features_of

def progress(done, total):
    if done >= 6:
        os.kill(os.getpid(), signal.SIGKILL)

folder = Path(sys.argv[1])
features_of(small_model(), sorted(folder.glob("*.png")), folder=folder / "c", batch=3, progress=progress)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9")
def test_a_killed_run_is_resumed(pictures, tmp_path):
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env=variables, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    rest = features_of(small_model(), pictures, folder=tmp_path / "c", batch=3)
    assert rest.computed == 5
    whole = features_of(small_model(), pictures, folder=tmp_path / "other", batch=3)
    assert np.array_equal(rest.values, whole.values)


def test_cancelling_keeps_what_is_done(pictures, tmp_path):
    token = vi.CancelToken()
    with pytest.raises(Cancelled):
        features_of(
            small_model(), pictures, folder=tmp_path / "c", batch=4, cancel=token, progress=lambda d, t: token.cancel()
        )
    assert features_of(small_model(), pictures, folder=tmp_path / "c", batch=4).computed == 7


def test_a_picture_that_cannot_be_read_is_named_and_tried_again(pictures, tmp_path):
    good = pictures[5].read_bytes()
    pictures[5].write_bytes(good[: len(good) // 2])
    found = features_of(small_model(), pictures, folder=tmp_path / "c", batch=4)
    assert np.flatnonzero(~found.usable).tolist() == [5]
    assert "05.png" in found.problems[0]
    again = features_of(small_model(), pictures, folder=tmp_path / "c", batch=4)
    assert again.computed == 0
    assert len(again.problems) == 1


def test_an_entry_of_the_wrong_size_is_computed_again(pictures, tmp_path):
    found = features_of(small_model(), pictures, folder=tmp_path / "c")
    before = np.array(found.values)
    with open(found.path, "r+b") as file:
        file.truncate(10)
    assert np.array_equal(features_of(small_model(), pictures, folder=tmp_path / "c").values, before)


def test_features_that_the_model_lacks_are_named(pictures, tmp_path):
    with pytest.raises(ParameterError, match="no registers"):
        features_of(small_model(), pictures, "class+registers", folder=tmp_path / "c")
