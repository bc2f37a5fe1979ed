"""Fused maps obey their weights and name all that they are made of; each layer is cut by its own threshold."""

from __future__ import annotations

import numpy as np
import pytest

from tests.app.services.conftest import PLACED
from vitinspect.app.compute.addresses import FusedAddress, InputAddress
from vitinspect.app.services.derived_maps import DerivedMaps
from vitinspect.app.session.results import ShownMap
from vitinspect.fusion import fuse
from vitinspect.maps import AttributionMap, ranks
from vitinspect.scores import pairs

CROP = InputAddress("content of a", "f1", "float32", "crop")


def shown(layer, seed, *, signed=False, where=CROP):
    values = np.random.default_rng(seed).normal(size=(4, 4)).astype(np.float32)
    values = values if signed else np.abs(values)
    return ShownMap(layer, layer, where.of(layer), values, signed, "patch", PLACED, (4, 4), 1, "a.png", "demo", "")


@pytest.fixture
def derived(bench):
    made = DerivedMaps(bench.state, bench.results)
    bench.state.set(methods=("rollout", "legrad"), fusion=True)
    bench.results.update(maps={"rollout": shown("rollout", 1), "legrad": shown("legrad", 2, signed=True)})
    yield made
    made.close()


def expected(bench, weights, mode="geometric", how="minmax"):
    maps = [AttributionMap(m.values, m.id, signed=m.signed) for m in bench.results.maps.values()]
    return fuse(maps, mode, weights, normalisation=how).values


def test_the_weights_change_the_fused_map(bench, derived):
    assert np.allclose(bench.results.fused.values, expected(bench, [1, 1]))
    bench.state.set(weights={"legrad": 0.25})
    assert np.allclose(bench.results.fused.values, expected(bench, [1, 0.25]))
    assert not np.allclose(bench.results.fused.values, expected(bench, [1, 1]))


def test_mode_and_normalisation_change_the_fused_map(bench, derived):
    bench.state.set(fusion_mode="max", fusion_normalise="rank")
    assert np.allclose(bench.results.fused.values, expected(bench, [1, 1], "max", "rank"))


def test_an_unsigned_map_below_zero_enters_as_in_the_library(bench, derived):
    low = shown("rollout", 3)
    low.values[0, 0] = -1.0
    bench.results.update(maps={})
    bench.results.update(maps={"rollout": low, "legrad": shown("legrad", 2)})
    assert np.allclose(bench.results.fused.values, expected(bench, [1, 1]))


def test_the_address_of_a_fused_map_is_complete(bench, derived):
    bench.state.set(weights={"legrad": 0.25}, fusion_mode="rank")
    fused = bench.results.fused
    assert fused.address == FusedAddress((CROP.of("rollout"), CROP.of("legrad")), (1.0, 0.25), "rank", "minmax")
    for said in ("rollout", "legrad × 0.25", "rank", "minmax", "float32", "crop"):
        assert said in fused.owner


def test_maps_of_different_fits_are_not_fused(bench, derived):
    squash = InputAddress("content of a", "f1", "float32", "squash")
    bench.results.update(maps={"rollout": shown("rollout", 1), "legrad": shown("legrad", 2, where=squash)})
    assert bench.results.fused is None


def test_several_fused_maps_are_shown_side_by_side(bench, derived):
    second = bench.state.add_fused(["rollout", "legrad"])
    bench.state.edit_layer(second, fusion_mode="max")
    assert np.allclose(bench.results.fused_maps[second].values, expected(bench, [1, 1], "max"))
    assert list(bench.results.all_maps) == ["rollout", "legrad", "fused", "fused 2"]


def test_each_layer_is_cut_by_its_own_threshold(bench, derived):
    bench.state.edit_layer("rollout", threshold_mode="mean")
    bench.state.edit_layer("legrad", threshold_mode="fixed", threshold_value=0.9)
    rollout = bench.results.maps["rollout"].heat.fine
    assert bench.results.cuts["rollout"].level == pytest.approx(float(rollout.mean()), rel=1e-5)
    assert bench.results.cuts["legrad"].share < 0.2


def test_a_hidden_layer_shows_no_map_and_still_enters_a_fusion(bench, derived):
    before = bench.results.fused.values
    bench.state.edit_layer("rollout", visible=False)
    assert list(bench.results.all_maps) == ["legrad", "fused"]
    assert np.array_equal(bench.results.fused.values, before)


def test_a_threshold_that_moves_sorts_no_map_again(bench, derived, monkeypatch):
    bench.results.update(placed=PLACED)
    sorted_maps = []
    monkeypatch.setattr(pairs, "ranks", lambda values: sorted_maps.append(values.shape) or ranks(values))
    derived._agree()
    before = bench.results.agreements
    assert len(sorted_maps) == 2
    bench.state.edit_layer("rollout", threshold_mode="mean")
    derived._agree()
    (after,) = bench.results.agreements
    assert len(sorted_maps) == 2
    assert after.spearman == before[0].spearman
    assert after.share_first != before[0].share_first
    bench.results.update(maps={"rollout": shown("rollout", 3), "legrad": bench.results.maps["legrad"]})
    derived._agree()
    assert len(sorted_maps) == 3
    assert bench.results.agreements[0].spearman != before[0].spearman
