"""Occlusion and RISE: against captum, against their definitions, and independent of chunks and batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitinspect as vi
from tests.explainers.families import FAMILIES, family, images
from tests.goldens import assert_close
from vitinspect.explainers.methods.perturbation import RandomMasks, hiding_windows
from vitinspect.explainers.passes import chunks
from vitinspect.explainers.targets import Contrast

ALL = ["occlusion", "rise(masks=6)"]


@pytest.mark.parametrize(("size", "stride"), [(1, 1), (2, 1), (3, 2)])
@pytest.mark.parametrize("name", ["class token", "not square", "attention pooling"])
def test_occlusion_is_captums_with_windows_of_whole_patches(name, size, stride):
    from captum.attr import Occlusion

    model, x = family(name), images(name)[0]
    found = vi.explain(model, x, [("occlusion", {"size": size, "stride": stride})], 2, "float64")
    module = model.at_precision("float64").module
    theirs = Occlusion(module).attribute(
        x.double(), (3, 8 * size, 8 * size), strides=(3, 8 * stride, 8 * stride), baselines=0, target=2
    )
    wanted = theirs[0, 0, ::8, ::8].detach().numpy()
    assert_close(next(found.values()).values, wanted, 1e-6)


def test_windows_cover_every_patch_and_are_cut_by_the_border():
    windows = hiding_windows(5, 4, 3, 2)
    assert len(windows) == 2 * 2
    assert windows.any(0).all()
    assert windows[-1].sum() == 3 * 2
    assert hiding_windows(2, 3, 9, 1).all()


def test_a_stride_that_would_leave_patches_out_is_refused():
    with pytest.raises(vi.errors.ParameterError, match="stride must not be larger"):
        vi.explain(family("class token"), images("class token")[0], ["occlusion(size=1, stride=2)"], 0)


@pytest.mark.parametrize("kind", ["black", "grey", "white"])
def test_a_colour_covers_the_window_in_the_values_before_normalisation(kind):
    model = vi.wrap_model(family("class token").module, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
    level = {"black": 0.0, "grey": 0.5, "white": 1.0}[kind]
    plain = (level - torch.tensor([0.4, 0.5, 0.6])) / torch.tensor([0.2, 0.25, 0.3])
    covered = plain.view(1, 3, 1, 1).expand(1, 3, 32, 32)
    result = vi.explain(model, covered, [f"occlusion(baseline={kind})", "occlusion"], 1, "float64")
    same, other = (map_.values for map_ in result.values())
    # Covering a surface with its own colour changes nothing; the mean colour does.
    assert np.abs(same).max() < 1e-5
    assert np.abs(other).max() > 1e-3


def test_the_blurred_filling_keeps_a_plain_surface_and_smooths_all_else():
    from vitinspect.explainers.methods.perturbation import _blurred

    plain = torch.full((1, 3, 20, 30), 0.7)
    assert torch.allclose(_blurred(plain), plain)
    noise = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert _blurred(noise).std() < 0.2 * noise.std()


def test_rise_is_the_score_weighted_mean_of_its_masks():
    model, x = family("class token").at_precision("float64"), images("class token")[0].double()
    found = vi.explain(model, x, ["rise(masks=9, cells=3, p=0.4, seed=2)"], 1, "float64")
    masks = RandomMasks(9, 3, 0.4, 2, (32, 32)).some(list(range(9)), torch.device("cpu"), torch.float64)
    with torch.no_grad():
        scores = model.module(x * masks[:, None]).softmax(-1)[:, 1]
    wanted = (scores[:, None, None] * masks).sum(0) / (9 * 0.4)
    assert_close(next(found.values()).values, wanted.numpy(), 1e-12)


def test_random_masks_are_soft_of_the_right_mean_and_each_a_function_of_its_index():
    masks = RandomMasks(400, 5, 0.3, 7, (30, 44))
    cpu = torch.device("cpu")
    shown = masks.some(list(range(400)), cpu, torch.float32)
    assert shown.shape == (400, 30, 44)
    assert shown.min() >= 0
    assert shown.max() <= 1 + 1e-6
    assert abs(float(shown.mean()) - 0.3) < 0.02
    assert float(((shown > 0.01) & (shown < 0.99)).float().mean()) > 0.3
    assert torch.equal(masks.some([17], cpu, torch.float32)[0], shown[17])
    assert torch.equal(RandomMasks(20, 5, 0.3, 7, (30, 44)).some([17], cpu, torch.float32)[0], shown[17])
    assert not torch.equal(RandomMasks(20, 5, 0.3, 8, (30, 44)).some([17], cpu, torch.float32)[0], shown[17])


def test_rise_follows_its_seed_and_neither_the_chunks_nor_the_batch(monkeypatch):
    model, both = family("class token"), images("class token")
    method = "rise(masks=11)"
    first = vi.explain(model, both[0], [method], 1, "float64")[method].values
    other = vi.explain(model, both[0], ["rise(masks=11, seed=1)"], 1, "float64")["rise"].values
    monkeypatch.setattr(chunks, "CPU_SMALLEST", 3)
    monkeypatch.setattr(chunks, "CPU_LARGEST", 3)
    again = vi.explain_batch(model, both[::-1], [method], 1, precision="float64")[1][method].values
    assert_close(again, first, 1e-10)
    assert not np.allclose(other, first)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_gives_what_single_images_give_on_every_family(name):
    model, both = family(name), images(name)
    together = vi.explain_batch(model, both, ALL, [1, Contrast(3, 0)], precision="float64")
    for image, target, maps in zip(both, [1, Contrast(3, 0)], together, strict=True):
        alone = vi.explain(model, image, ALL, target, "float64")
        for key in ALL:
            assert_close(maps[key].values, alone[key].values, 1e-9, key)
        assert maps["rise"].values.shape == tuple(image.shape[-2:])
        assert maps["occlusion"].values.shape == model.grid_for(*image.shape[-2:])


def test_both_follow_the_target_and_the_chosen_score():
    model, x = family("registers"), images("registers")[0]
    for method in ("occlusion", "rise(masks=6)"):
        a, b = (vi.explain(model, x, [method], target, "float64")[method].values for target in (0, 1))
        assert not np.allclose(a, b)
    result = vi.explain(model, x, ["occlusion(score=logit)", "occlusion(score=probability)"], 0, "float64")
    logit, probability = (map_.values for map_ in result.values())
    assert not np.allclose(logit, probability)
    assert np.abs(probability).max() <= 1


@pytest.mark.parametrize("method", ["occlusion", "rise(masks=300)"])
def test_a_cancel_takes_effect_between_chunks(method):
    token, seen = vi.CancelToken(), []

    def progress(done, total):
        seen.append(done)
        token.cancel()

    with pytest.raises(vi.errors.Cancelled):
        vi.explain(family("registers"), images("registers")[0], [method], 1, progress=progress, cancel=token)
    assert len(seen) == 1
