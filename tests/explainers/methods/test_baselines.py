"""The baselines are as defined, and do not depend on the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitinspect as vi
from tests.explainers.families import FAMILIES, family, images
from vitinspect.explainers.methods.baselines import sobel

ALL = ["random", "centre", "edges", "edges(resolution=pixel)"]


def test_random_has_its_own_noise_for_each_image_and_repeats_it():
    model, (a, b) = family("class token"), images("class token")
    first, second = (m["random"].values for m in vi.explain_batch(model, [a, b], ["random"]))
    assert np.array_equal(vi.explain(model, b, ["random"])["random"].values, second)
    assert not np.allclose(first, second)
    assert not np.allclose(vi.explain(model, a, ["random(seed=1)"])["random"].values, first)
    for precision in ("float64", "bfloat16"):
        assert np.allclose(vi.explain(model, a, ["random"], precision=precision)["random"].values, first, atol=1e-6)
    assert first.min() >= 0
    assert first.max() <= 1


def test_the_centre_is_brightest_in_the_middle_and_symmetric():
    values = vi.explain(family("not square"), images("not square")[0], ["centre"])["centre"].values
    assert values.shape == (3, 5)
    assert values[1, 2] == values.max() == 1
    assert np.allclose(values, values[::-1])
    assert np.allclose(values, values[:, ::-1])
    # One standard deviation from the middle: a quarter of the side.
    wide = vi.explain(family("class token"), images("class token")[0], ["centre(sigma=0.125)"])["centre"].values
    assert np.isclose(wide[1, 1], np.exp(-1))


def test_edges_are_the_sobel_length_of_luminance():
    from scipy.ndimage import sobel as reference

    image = torch.rand(1, 3, 12, 15, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    grey = np.tensordot([0.299, 0.587, 0.114], image[0].numpy(), 1)
    wanted = np.hypot(reference(grey, 0, mode="mirror"), reference(grey, 1, mode="mirror")) / 4
    assert np.allclose(sobel(image)[0].numpy(), wanted)


def test_edges_undo_the_normalisation_and_average_over_patches():
    model = vi.wrap_model(family("class token").module, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
    picture = torch.zeros(1, 3, 32, 32)
    picture[..., 16:] = 1
    x = (picture - torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)) / torch.tensor([0.2, 0.25, 0.3]).view(3, 1, 1)
    grid, pixels = (m.values for m in vi.explain(model, x, ["edges", "edges(resolution=pixel)"]).values())
    assert np.allclose(pixels[:, 15:17], 1, atol=1e-5)
    assert np.allclose(np.delete(pixels, (15, 16), axis=1), 0, atol=1e-5)
    assert np.allclose(grid, np.array([0, 1 / 8, 1 / 8, 0]), atol=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_baselines_work_everywhere_and_do_not_depend_on_a_target(name):
    model, both = family(name), images(name)
    together = vi.explain_batch(model, both, ALL, [1, 2])
    for image, maps in zip(both, together, strict=True):
        alone = vi.explain(model, image, ALL, 0)
        for key in ALL:
            assert np.allclose(maps[key].values, alone[key].values, atol=1e-6)
            assert maps[key].target is None
