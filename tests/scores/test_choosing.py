"""The best of many, scored on pictures that were not used for the choice."""

from __future__ import annotations

import numpy as np
import pytest

import vitinspect as vi
from vitinspect.scores.choosing import by_other_people, lead, on_other_pictures, own_means, winner


def brute_force(scores, nested, sign=1):
    """The definition, written out."""
    found = np.full(scores.shape[1:], np.nan)
    for i in range(scores.shape[1]):
        for a in range(scores.shape[2]):
            if np.isnan(scores[0, i, a]):
                continue
            seen = np.delete(scores, i, axis=1)
            seen = np.delete(seen, a, axis=2) if nested else seen
            found[i, a] = scores[np.argmax([sign * np.nanmean(s) for s in seen]), i, a]
    return found


@pytest.mark.parametrize("higher", [True, False])
@pytest.mark.parametrize("nested", [False, True])
def test_choices_are_those_of_the_definition(higher, nested):
    rng = np.random.default_rng(4)
    scores = rng.random((9, 12, 3))
    scores[:, [1, 5, 7], [0, 2, 2]] = np.nan
    choose = by_other_people if nested else on_other_pictures
    found = choose(scores, higher_is_better=higher)
    np.testing.assert_allclose(found.values, brute_force(scores, nested, 1 if higher else -1))
    assert found.mean.value == pytest.approx(np.nanmean(found.values))
    assert found.picks.sum() == pytest.approx(1)


def test_among_candidates_that_differ_by_chance_alone_the_lead_is_due_to_choice():
    scores = np.random.default_rng(0).normal(0.5, 0.2, (40, 20, 1))
    best = max(mean.value for mean in own_means(scores))
    assert best > 0.56
    assert on_other_pictures(scores).mean.value == pytest.approx(0.5, abs=0.06)
    found = lead(scores, [0, 1])
    assert found.own > 0
    assert found.by_choice > 0.5 * found.own


def test_a_candidate_that_is_always_better_keeps_its_lead():
    scores = np.random.default_rng(0).random((4, 10, 2)) * 0.1
    scores[2] += 0.5
    assert winner(scores) == 2
    assert on_other_pictures(scores).picks[2] == 1
    assert on_other_pictures(scores).mean.value == pytest.approx(own_means(scores)[2].value)
    found = lead(scores, [0, 1])
    assert found.honest.value == pytest.approx(found.own, abs=0.02)
    assert found.honest.low > 0.4


def test_of_equals_the_first_is_taken():
    assert winner(np.full((3, 4, 1), 0.3)) == 0
    assert on_other_pictures(np.full((3, 4, 1), 0.3)).picks.tolist() == [1, 0, 0]


def test_without_others_there_is_no_choice_to_score():
    assert on_other_pictures(np.ones((3, 1, 2))) is None
    assert by_other_people(np.ones((3, 5, 1))) is None
    for wrong in (np.ones((3, 4)), np.full((2, 3, 1), np.nan)):
        with pytest.raises(vi.DataError):
            winner(wrong)
    uneven = np.ones((2, 3, 1))
    uneven[0, 0, 0] = np.nan
    with pytest.raises(vi.DataError, match="same masks"):
        winner(uneven)
