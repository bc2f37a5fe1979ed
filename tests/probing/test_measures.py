"""Measures of predictions, on small tables computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, log_loss, top_k_accuracy_score

from vitinspect.probing.measures import measure


def random_answers(rows=400, classes=8):
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.full(classes, 0.4), rows)
    labels = np.array([generator.choice(classes, p=p) for p in probabilities])
    return probabilities, labels


def test_accuracies_losses_and_confusions_are_scikit_learns():
    probabilities, labels = random_answers()
    found = measure(probabilities, labels, [f"c{k}" for k in range(8)])
    answers = probabilities.argmax(1)
    assert found.top1 == pytest.approx((answers == labels).mean())
    assert found.top5 == pytest.approx(top_k_accuracy_score(labels, probabilities, k=5))
    assert found.balanced == pytest.approx(balanced_accuracy_score(labels, answers))
    assert found.loss == pytest.approx(log_loss(labels, probabilities), abs=1e-6)
    assert np.array_equal(found.confusion, confusion_matrix(labels, answers))
    assert found.per_class["c3"] == pytest.approx((answers[labels == 3] == 3).mean())


def test_calibration_is_the_gap_between_confidence_and_share_right():
    # Ten answers at 0.9 of which five are right, ten at 0.6 of which six are.
    probabilities = np.array([[0.9, 0.1]] * 10 + [[0.6, 0.4]] * 10)
    labels = np.array([0] * 5 + [1] * 5 + [0] * 6 + [1] * 4)
    found = measure(probabilities, labels)
    assert found.calibration_error == pytest.approx(0.5 * 0.4)
    assert [(round(c, 6), r, n) for c, r, n in found.reliability] == [(0.6, 0.6, 10), (0.9, 0.5, 10)]


def test_a_class_without_rows_has_no_share_and_imbalance_is_reported():
    found = measure(np.eye(3)[[0, 0, 0, 0, 1]], np.array([0, 0, 0, 0, 1]), ["cat", "dog", "owl"])
    assert np.isnan(found.per_class["owl"])
    assert "cat has 4 pictures and dog 1" in found.imbalance
    assert "80.0 %" in found.imbalance
    assert found.as_dict()["per_class"]["owl"] is None
