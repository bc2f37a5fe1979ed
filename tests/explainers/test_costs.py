"""The costs of methods: passes from parameters and model, seconds from measurements."""

from __future__ import annotations

import pytest

from vitinspect.explainers.costs import _COUNTED, COST_ORDER, ModelSize, Passes, expected_seconds, passes
from vitinspect.explainers.methods.perturbation import hiding_windows
from vitinspect.explainers.registry import make_method, methods

DEMO = ModelSize((14, 14), 6, 192)


def test_every_cost_has_its_place_and_every_costly_method_its_count() -> None:
    assert {info.cost for info in methods()} <= set(COST_ORDER)
    costly = {info.id for info in methods() if info.cost in ("several passes", "many passes")}
    assert costly == set(_COUNTED)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("random", "no pass"),
        ("rollout", "1 forward"),
        ("lrp", "1 fwd + 1 bwd"),
        ("integrated_gradients", "50 fwd + bwd"),
        ("integrated_gradients(steps=20)", "20 fwd + bwd"),
        ("scorecam", "192 forward"),
        ("multiplex", "54 forward"),
        ("reciprocam", "196 partial"),
        ("rise(masks=300)", "300 forward"),
    ],
)
def test_passes_follow_the_parameters(spec, words) -> None:
    assert passes(make_method(spec), DEMO).words == words


@pytest.mark.parametrize(("size", "stride"), [(2, 1), (3, 2), (4, 4), (20, 1), (5, 7)])
def test_occlusion_hides_as_many_windows_as_it_makes(size, stride) -> None:
    counted = passes(make_method(f"occlusion(size={size}, stride={stride})"), DEMO)
    assert counted.forward == len(hiding_windows(14, 14, size, stride))


def test_part_of_the_blocks_costs_part_of_a_pass() -> None:
    last_two = passes(make_method("reciprocam(block=-2)"), DEMO)
    assert last_two.weight == pytest.approx(196 * 2 / 6)


def test_expected_seconds_come_from_what_was_measured() -> None:
    measured = [(Passes(1), 0.02), (Passes(1, 1), 0.06), (Passes(1, 1), 10.0)]
    assert expected_seconds(Passes(54), measured) == pytest.approx(54 * 0.02)
    assert expected_seconds(Passes(54), []) is None
    assert expected_seconds(Passes(), []) is not None
    assert expected_seconds(Passes(1), [(Passes(), 0.5)]) is None
