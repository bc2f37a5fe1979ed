"""Weighted neighbours against DINO's formula written out, and scikit-learn where the weights agree."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

import vitinspect as vi
from tests.probing.test_linear import mixture
from vitinspect.errors import ParameterError


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def by_hand(x, y, asked, k, temperature):
    cosines = unit(asked.astype(np.float64)) @ unit(x.astype(np.float64)).T
    votes = np.zeros((len(asked), y.max() + 1))
    for i, row in enumerate(cosines):
        for j in np.argsort(-row)[:k]:
            votes[i, y[j]] += np.exp(row[j] / temperature)
    return votes / votes.sum(1, keepdims=True)


def test_votes_are_weighted_as_dino_weighs_them():
    x, y = mixture(120)
    asked, wanted = mixture(50, seed=8)
    found = vi.probing.knn(x, y, validation=(asked, wanted), k=[5, 20], temperature=0.07)
    for k in (5, 20):
        votes = by_hand(x, y, asked, k, 0.07)
        assert np.allclose(found.probabilities[k], votes, atol=1e-4)
        assert found.accuracy[k] == (votes.argmax(1) == wanted).mean()


def test_a_high_temperature_counts_every_neighbour_alike_as_scikit_learn_does():
    x, y = mixture(200)
    asked, _ = mixture(60, seed=8)
    theirs = KNeighborsClassifier(7).fit(unit(x), y).predict_proba(unit(asked))
    assert np.allclose(vi.probing.knn(x, y, queries=asked, k=7, temperature=1e6).probabilities[7], theirs, atol=1e-4)


def test_the_four_usual_numbers_of_neighbours_are_the_default_and_too_many_take_all_rows():
    x, y = mixture(90)
    found = vi.probing.knn(x, y, validation=mixture(30, seed=2))
    assert list(found.accuracy) == [10, 20, 100, 200]
    assert np.allclose(found.probabilities[100], found.probabilities[200])


def test_without_other_rows_each_is_predicted_from_the_rest():
    x, y = mixture(60)
    found = vi.probing.knn(x, y, k=1)
    nearest = unit(x) @ unit(x).T
    np.fill_diagonal(nearest, -np.inf)
    assert np.array_equal(found.predict(1), y[nearest.argmax(1)])


def test_impossible_numbers_are_refused():
    x, y = mixture(20)
    for wrong in ({"k": 0}, {"k": []}, {"temperature": 0}, {"queries": x[:, :3]}):
        with pytest.raises(ParameterError):
            vi.probing.knn(x, y, **wrong)
