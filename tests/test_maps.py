"""Maps are normalised and resized as in the papers' code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

import vitinspect as vi
from vitinspect.maps import minmax, normalise, ranks, resize

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("how", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize(("source", "target"), [((14, 14), (224, 224)), ((5, 9), (33, 20)), ((8, 8), (5, 3))])
def test_resizing_equals_torch(how, source, target):
    values = RNG.normal(size=source)
    corners = {} if how == "nearest" else {"align_corners": False}
    expected = F.interpolate(torch.from_numpy(values)[None, None], target, mode=how, **corners)[0, 0].numpy()
    np.testing.assert_allclose(resize(values, target, how), expected, atol=1e-12)


def test_resizing_to_the_same_size_is_a_copy():
    values = RNG.normal(size=(4, 4))
    same = resize(values, (4, 4))
    same[0, 0] = 9
    assert values[0, 0] != 9


def test_ranks_share_the_mean_of_ties_as_scipy_does():
    values = RNG.integers(0, 5, (6, 7)).astype(float)
    np.testing.assert_array_equal(ranks(values).ravel(), stats.rankdata(values.ravel()) - 1)


def test_a_constant_map_normalises_to_zeros():
    constant = np.full((3, 4), 7.0)
    for how in ("minmax", "percentile", "rank"):
        assert not normalise(constant, how).any()
    assert (normalise(constant, "none") == 7).all()


def test_percentile_normalisation_is_not_darkened_by_an_outlier():
    values = RNG.uniform(size=(20, 20))
    values[3, 3] = 1000
    assert minmax(values).mean() < 0.01
    assert normalise(values, "percentile").mean() > 0.3


def test_a_map_is_an_array_to_numpy():
    attribution = vi.AttributionMap(RNG.normal(size=(3, 3)), "rollout")
    assert np.asarray(attribution).shape == attribution.shape == (3, 3)
    np.testing.assert_array_equal(np.sqrt(np.abs(attribution)), np.sqrt(np.abs(attribution.values)))


@pytest.mark.parametrize("how", ["bilinear", "bicubic"])
def test_float32_maps_are_resized_in_float64_whose_last_digits_no_thread_moves(how):
    values = np.random.default_rng(0).random((14, 14)).astype(np.float32)
    exact = resize(values.astype(np.float64), (224, 224), how)
    found = resize(values, (224, 224), how)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, exact.astype(np.float32))
