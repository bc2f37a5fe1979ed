"""Fusion: each mode is what its name says, and ViTmiX's numbers are reproduced."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import vitinspect as vi
from tests.goldens import arrays, assert_close, targets_p
from vitinspect.fusion import MODES

RNG = np.random.default_rng(1)
NAMES = ("LRP", "saliency", "rollout", "CAM")


def some_maps(count: int = 3) -> list[np.ndarray]:
    return [RNG.uniform(0.1, 2, (6, 6)) for _ in range(count)]


@pytest.mark.parametrize("ways", [2, 3])
def test_vitmix_products_and_square_roots_equal_the_goldens(ways):
    golden = arrays("p1_vitmix_f64")
    seen = 0
    for index, target in [(i, t) for i in (0, 1) for t in targets_p("p1", i)]:
        start = f"i{index}_t{target}_"
        singles = {name: golden[f"{start}single_{name}"] for name in NAMES}
        for group in itertools.combinations(NAMES, ways):
            maps = [singles[name] for name in group]
            name = "_".join(group)
            for mode, suffix in (("product", "multiply"), ("sqrt", "sqrt")):
                assert_close(vi.fuse(maps, mode), golden[f"{start}fused_{name}__{suffix}"], 1e-12, name)
                seen += 1
            if f"{start}geomean_{name}" in golden:
                assert_close(vi.fuse(maps, "geometric"), golden[f"{start}geomean_{name}"], 1e-12, name)
    assert seen > 0


@pytest.mark.parametrize("mode", MODES)
def test_a_weight_of_zero_removes_a_map_exactly(mode):
    a, b, c = some_maps()
    np.testing.assert_array_equal(
        vi.fuse([a, b, c], mode, [1, 0, 2], normalisation="minmax"),
        vi.fuse([a, c], mode, [1, 2], normalisation="minmax"),
    )


@pytest.mark.parametrize("mode", ["geometric", "arithmetic", "harmonic", "min", "max"])
def test_means_of_equal_maps_are_that_map(mode):
    a = some_maps(1)[0]
    np.testing.assert_allclose(vi.fuse([a, a, a], mode), a, rtol=1e-12)


def test_means_are_ordered():
    maps = some_maps(3)
    chain = [vi.fuse(maps, mode) for mode in ("min", "harmonic", "geometric", "arithmetic", "max")]
    for smaller, larger in itertools.pairwise(chain):
        assert (smaller <= larger + 1e-12).all()


def test_the_weighted_geometric_mean_is_the_exponential_of_the_weighted_mean_of_logarithms():
    a, b = some_maps(2)
    expected = np.exp((3 * np.log(a) + np.log(b)) / 4)
    np.testing.assert_allclose(vi.fuse([a, b], "geometric", [3, 1]), expected)


def test_a_zero_in_one_map_is_a_zero_in_product_like_fusions_without_a_warning():
    a, b = some_maps(2)
    a[2, 2] = 0
    with np.errstate(all="raise"):
        for mode in ("geometric", "product", "sqrt"):
            assert vi.fuse([a, b], mode)[2, 2] == 0
    assert vi.fuse([a, b], "harmonic")[2, 2] == 0


def test_maps_are_brought_to_the_finer_resolution():
    coarse, fine = RNG.uniform(size=(4, 4)), RNG.uniform(size=(16, 16))
    assert vi.fuse([coarse, fine], "arithmetic").shape == (16, 16)


def test_signed_maps_enter_with_their_positive_part_by_default():
    signed = vi.AttributionMap(np.array([[-2.0, 1.0]]), "input_x_gradient", signed=True)
    plain = vi.AttributionMap(np.array([[1.0, 1.0]]), "rollout")
    np.testing.assert_allclose(vi.fuse([signed, plain], "arithmetic").values, [[0.5, 1.0]])
    np.testing.assert_allclose(vi.fuse([signed, plain], "arithmetic", signed="absolute").values, [[1.5, 1.0]])
    np.testing.assert_allclose(vi.fuse([signed, plain], "arithmetic", signed="negative").values, [[1.5, 0.5]])
    np.testing.assert_allclose(vi.fuse([signed, plain], "arithmetic", signed="as_is").values, [[-0.5, 1.0]])
    with pytest.raises(vi.ParameterError, match="positive part"):
        vi.fuse([signed, plain], "geometric", signed="as_is")


def test_a_fused_map_says_what_it_was_made_of():
    a = vi.AttributionMap(RNG.uniform(size=(2, 2)), "lrp", key="lrp", target=3)
    b = vi.AttributionMap(RNG.uniform(size=(2, 2)), "rollout", key="rollout(start_layer=3)")
    fused = vi.fuse([a, b], "geometric", [2, 1])
    assert fused.key == "lrp + rollout(start_layer=3) [geometric]"
    assert fused.target == 3
    assert fused.params["weights"] == (2.0, 1.0)


def test_an_array_among_the_maps_is_in_the_name_of_the_fused_map():
    known = vi.AttributionMap(np.ones((2, 2)), "lrp")
    assert vi.fuse([known, np.ones((2, 2))]).key == "lrp + array [geometric]"


@pytest.mark.parametrize(
    ("weights", "message"), [([1], "1 weights.*2 maps"), ([0, 0], "All weights are zero"), ([1, -1], "at least zero")]
)
def test_unusable_weights_are_refused(weights, message):
    with pytest.raises(vi.ParameterError, match=message):
        vi.fuse(some_maps(2), weights=weights)


def test_four_methods_have_fourteen_combinations_named_as_in_the_paper():
    found = vi.combinations(["rollout", "attention_gradcam", "gradient_rollout", "raw_attention"])
    assert len(found) == 14
    assert [c.ways for c in found] == [1] * 4 + [2] * 6 + [3] * 4
    assert found[4].name == "Rollout + GradCAM"


def test_a_method_that_occurs_twice_is_distinguished_by_its_parameters():
    (both,) = vi.combinations(["rollout", "rollout(start_layer=3)"], ways=(2,))
    assert both.name == "Rollout (start layer 0) + Rollout (start layer 3)"


def test_versions_of_a_method_are_named_by_their_differences():
    names = [c.name for c in vi.combinations(["gmar", "gmar(norm=l1)", "rollout"], ways=(1,))]
    assert names == ["GMAR (L2)", "GMAR (L1)", "Rollout"]
    assert [c.name for c in vi.combinations(["gmar(norm=l1)"], ways=(1,))] == ["GMAR (L1)"]
