"""Combining several masks: by counting, and by STAPLE compared with an estimate pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

import vitinspect as vi

RNG = np.random.default_rng(9)
TRUTH = np.zeros((40, 50), bool)
TRUTH[10:30, 12:38] = True


def noisy(sensitivity: float, specificity: float) -> np.ndarray:
    draw = RNG.uniform(size=TRUTH.shape)
    return np.where(TRUTH, draw < sensitivity, draw > specificity)


MASKS = {"ann": noisy(0.95, 0.98), "ben": noisy(0.8, 0.99), "cem": noisy(0.9, 0.7), "dia": noisy(0.6, 0.95)}


def test_majority_union_and_intersection_are_counted():
    votes = np.sum(list(MASKS.values()), axis=0)
    majority = vi.consensus(MASKS)
    np.testing.assert_array_equal(majority, votes > 2)
    assert majority.ties == (votes == 2).sum()
    np.testing.assert_array_equal(vi.consensus(MASKS, how="majority", ties="foreground"), votes >= 2)
    np.testing.assert_array_equal(vi.consensus(MASKS, how="union"), votes > 0)
    np.testing.assert_array_equal(vi.consensus(MASKS, how="intersection").mask, votes == 4)


def plain_staple(masks: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Warfield et al. 2004, equations 15, 18 and 19, over all pixels."""
    data = np.stack([m.ravel() for m in masks]).astype(float)
    prior = data.mean()
    p, q = np.full(len(masks), 0.99999), np.full(len(masks), 0.99999)
    for _ in range(2000):
        a = prior * np.prod(np.where(data == 1, p[:, None], 1 - p[:, None]), axis=0)
        b = (1 - prior) * np.prod(np.where(data == 1, 1 - q[:, None], q[:, None]), axis=0)
        w = a / (a + b)
        p, q = (data @ w) / w.sum(), ((1 - data) @ (1 - w)) / (1 - w).sum()
    return w.reshape(masks[0].shape), p, q


@pytest.mark.parametrize("region", ["frame", "box"])
def test_staple_equals_the_estimate_over_single_pixels(region):
    masks = {who: m.copy() for who, m in MASKS.items()}
    for mask in masks.values():
        mask[:5] = mask[35:] = mask[:, :6] = mask[:, 44:] = False
    found = vi.consensus(masks, how="staple", region=region)
    inside = (slice(5, 35), slice(6, 44)) if region == "box" else (slice(None), slice(None))
    w, p, q = plain_staple([m[inside] for m in masks.values()])
    np.testing.assert_allclose(found.probabilities[inside], w, atol=1e-6)
    np.testing.assert_allclose(list(found.sensitivities.values()), p, atol=1e-6)
    np.testing.assert_allclose(list(found.specificities.values()), q, atol=1e-6)
    np.testing.assert_array_equal(found, found.probabilities >= 0.5)
    assert list(found.sensitivities) == list(masks)


def test_staple_finds_who_is_reliable_and_is_better_than_the_worst():
    found = vi.consensus(MASKS, how="staple")
    assert found.sensitivities["ann"] > found.sensitivities["dia"]
    assert found.specificities["ben"] > found.specificities["cem"]
    assert found.sensitivities["ann"] == pytest.approx(0.95, abs=0.04)
    wrong = {who: (m != TRUTH).mean() for who, m in MASKS.items()}
    assert (found.mask.astype(bool) != TRUTH).mean() < min(wrong.values())


@pytest.mark.parametrize(("fill", "probability"), [(False, 0.0), (True, 1.0)])
@pytest.mark.parametrize("region", ["frame", "box"])
def test_staple_of_empty_and_full_masks_is_defined(fill, probability, region):
    masks = {who: np.full((6, 7), fill) for who in "abc"}
    found = vi.consensus(masks, how="staple", region=region)
    assert (found == int(fill)).all()
    assert (found.probabilities == probability).all()
    assert set(found.sensitivities.values()) == set(found.specificities.values()) == {1.0}


def test_equal_masks_are_their_own_consensus():
    for how in ("majority", "union", "intersection", "staple"):
        np.testing.assert_array_equal(vi.consensus({"a": TRUTH, "b": TRUTH}, how=how), TRUTH)
        np.testing.assert_array_equal(vi.consensus({"a": TRUTH}, how=how), TRUTH)


def test_one_against_many_and_masks_that_share_nothing_stay_numbers():
    other = ~TRUTH
    for masks in (
        {"a": TRUTH, "b": other},
        {"a": TRUTH, "b": np.zeros_like(TRUTH)},
        {"a": TRUTH, "b": ~other, "c": other},
    ):
        found = vi.consensus(masks, how="staple")
        assert np.isfinite(found.probabilities).all()
        assert all(0 <= v <= 1 for v in [*found.sensitivities.values(), *found.specificities.values()])


def test_ignored_pixels_count_only_for_those_who_know_them():
    a, b, c = (np.zeros((4, 6), np.uint8) for _ in range(3))
    a[:, :3] = 1
    b[:, 0], b[:, 1:] = 1, 255
    c[:, 5] = 255
    a[:, 5] = 255
    masks = {"a": a, "b": b, "c": c}
    majority = vi.consensus(masks)
    assert majority[0].tolist() == [1, 0, 0, 0, 0, 255]
    assert vi.consensus(masks, how="union")[0].tolist() == [1, 1, 1, 0, 0, 255]
    assert vi.consensus(masks, how="intersection")[0].tolist() == [0, 0, 0, 0, 0, 255]
    assert np.isfinite(vi.consensus(masks, how="staple").probabilities).all()


def test_unknown_kinds_of_consensus_are_refused():
    with pytest.raises(vi.ParameterError, match="majority, union, intersection, staple"):
        vi.consensus(MASKS, how="vote")
    with pytest.raises(vi.ParameterError, match="region"):
        vi.consensus(MASKS, how="staple", region="hull")
    with pytest.raises(vi.DataError, match="no mask"):
        vi.consensus({})
