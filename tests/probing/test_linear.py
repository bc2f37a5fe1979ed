"""Linear probes: scikit-learn's solutions, choice of C, both losses, and memory-mapped data."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import vitinspect as vi
from vitinspect.errors import Cancelled, DataError, ParameterError


def mixture(rows: int, classes: int = 4, width: int = 12, seed: int = 0, apart: float = 1.5):
    """Gaussian classes whose axes have variances from 1 to 10,000, as features of backbones do."""
    centres = np.random.default_rng(99).normal(size=(classes, width)) * apart
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, rows)
    scales = np.logspace(0, 2, width)
    return ((centres[labels] + generator.normal(size=(rows, width))) * scales + 3).astype(np.float32), labels


@pytest.mark.parametrize("C", [0.001, 0.1, 10.0])
def test_the_solution_is_that_of_scikit_learn(C):
    x, y = mixture(300)
    ours = vi.probing.fit(x, y, C=[C], tolerance=1e-12, steps=2000)
    x64 = x.astype(np.float64)
    theirs = LogisticRegression(C=C, max_iter=50000, tol=1e-10, solver="newton-cg").fit(x64, y)
    assert np.allclose(ours.probabilities(x), theirs.predict_proba(x64), atol=2e-4)
    # The rows of a softmax may all be moved together, which the penalty decides.
    assert np.allclose(ours.weight, theirs.coef_, atol=1e-3 * np.abs(theirs.coef_).max())


def test_bce_is_a_logistic_regression_for_each_class():
    x, y = mixture(200, classes=3)
    ours = vi.probing.fit(x, y, loss="bce", C=[0.1], tolerance=1e-12, steps=2000)
    for k in range(3):
        theirs = LogisticRegression(C=0.1, max_iter=50000, tol=1e-10, solver="newton-cg").fit(
            x.astype(np.float64), y == k
        )
        assert np.allclose(ours.weight[k], theirs.coef_[0], atol=1e-3 * np.abs(theirs.coef_).max())
        assert ours.bias[k] == pytest.approx(theirs.intercept_[0], abs=1e-2)
    assert np.allclose(ours.probabilities(x).sum(1), 1, atol=1e-5)


def test_axes_of_very_different_variances_take_few_steps():
    x, y = mixture(2000, classes=6, width=40)
    probe = vi.probing.fit(x, y, C=[1e-3])
    assert probe.grid[0].converged
    assert probe.grid[0].steps <= 40


def test_c_is_chosen_by_the_validation_rows():
    x, y = mixture(80, width=60, apart=0.3)
    more, theirs = mixture(1000, width=60, apart=0.3, seed=5)
    grid = [1e-8, 1e-5, 1e-3, 1e-1]
    probe = vi.probing.fit(x, y, validation=(more, theirs), C=grid)
    assert [one.C for one in probe.grid] == grid
    alone = {C: vi.probing.fit(x, y, C=[C]).score(more, theirs) for C in grid}
    assert {one.C: one.validation for one in probe.grid} == pytest.approx(alone, abs=0.01)
    best = max(probe.grid, key=lambda one: (one.validation, -one.loss))
    assert probe.C == best.C
    assert probe.validation.top1 == best.validation
    assert probe.score(more, theirs) == best.validation


def test_without_validation_rows_some_are_held_out_by_the_seed_and_all_are_trained_on_in_the_end():
    x, y = mixture(200)
    probe = vi.probing.fit(x, y, C=[1e-4, 1.0], seed=3)
    assert probe.validation.count == pytest.approx(40, abs=3)
    assert any("40 held-out rows (seed 3)" in note or "held-out rows (seed 3)" in note for note in probe.notes)
    again = vi.probing.fit(x, y, C=[1e-4, 1.0], seed=3)
    assert np.array_equal(again.weight, probe.weight)
    whole = vi.probing.fit(x, y, C=[probe.C])
    assert np.allclose(whole.probabilities(x), probe.probabilities(x), atol=0.02)
    assert np.array_equal(vi.probing.fit(x, y, validation=0.2, C=[1e-4, 1.0], seed=3).weight, probe.weight)


def test_names_are_classes_and_come_back_as_answers():
    x, y = mixture(150, classes=3)
    names = np.array(["cat", "ant", "bee"])[y]
    probe = vi.probing.fit(x, names, C=[0.1])
    assert probe.classes == ["ant", "bee", "cat"]
    assert (probe.predict(x) == names).mean() > 0.9
    ordered = vi.probing.fit(x, names, C=[0.1], classes=["cat", "ant", "bee"])
    assert np.allclose(ordered.logits(x).argmax(1), np.argmax(probe.logits(x)[:, [2, 0, 1]], 1))


def test_tensors_and_half_precision_files_are_read_as_they_are(tmp_path):
    x, y = mixture(150)
    stored = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float16, x.shape)
    stored[:] = x
    there = vi.probing.fit(np.load(tmp_path / "x.npy", mmap_mode="r"), y, C=[0.01])
    here = vi.probing.fit(torch.from_numpy(x.astype(np.float16)), torch.from_numpy(y), C=[0.01])
    assert np.array_equal(there.weight, here.weight)


def test_mini_batches_come_near_the_exact_solution():
    x, y = mixture(2000, apart=0.5)
    more, theirs = mixture(1000, apart=0.5, seed=4)
    for loss in ("ce", "bce"):
        exact = vi.probing.fit(x, y, validation=(more, theirs), loss=loss, C=[0.01], solver="lbfgs")
        near = vi.probing.fit(x, y, validation=(more, theirs), loss=loss, C=[0.01, 0.001], solver="sgd", epochs=6)
        assert near.solver == "sgd"
        assert near.validation.top1 == pytest.approx(exact.validation.top1, abs=0.01)
        assert near.validation.loss == pytest.approx(exact.validation.loss, abs=0.02)


def test_imbalance_is_stated():
    x, y = mixture(300, classes=2)
    keep = (y == 0) | (np.arange(300) < 60)
    notes = vi.probing.fit(x[keep], y[keep], C=[0.1]).notes
    assert any("imbalanced" in note for note in notes)
    assert not any("imbalanced" in note for note in vi.probing.fit(x, y, C=[0.1]).notes)


def test_a_grid_whose_edge_is_best_is_reported():
    x, y = mixture(300, apart=3)
    probe = vi.probing.fit(x, y, validation=0.3, C=[1e-12, 1e-11])
    assert any("largest of the grid" in note for note in probe.notes)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"labels": [0] * 300}, DataError, "two classes"),
        ({"labels": [0, 1]}, DataError, "as many as the rows"),
        ({"labels": [0.5] * 300}, DataError, "whole numbers or names"),
        ({"features": np.full((300, 12), np.nan)}, DataError, "NaN"),
        ({"features": np.zeros(300)}, DataError, "rows of numbers"),
        ({"C": [0.0]}, ParameterError, "above 0"),
        ({"C": []}, ParameterError, "above 0"),
        ({"loss": "hinge"}, ParameterError, "ce, bce"),
        ({"solver": "adam"}, ParameterError, "auto, lbfgs, sgd"),
        ({"validation": (np.zeros((2, 5)), [0, 1])}, DataError, "5 numbers"),
        ({"validation": (np.zeros((2, 12)), [0, 77])}, DataError, "77"),
        ({"validation": 1.5}, DataError, "between 0 and 1"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_a_reason(changes, error, said):
    x, y = mixture(300)
    with pytest.raises(error, match=said):
        vi.probing.fit(**{"features": x, "labels": y, **changes})


def test_a_fit_can_be_cancelled():
    x, y = mixture(300)
    token = vi.CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        vi.probing.fit(x, y, cancel=token)
