"""Training linear heads on given features: ``fit``."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vitinspect.errors import DataError, ParameterError
from vitinspect.probing import lbfgs, streaming
from vitinspect.probing.arrays import Pair, as_features, as_indices, as_labels, classes_of, split
from vitinspect.probing.measures import Measures, imbalance, measure
from vitinspect.progress import CancelToken, Progress

LOSSES = ("ce", "bce")
SOLVERS = ("auto", "lbfgs", "sgd")
GRID = tuple(10.0**power for power in range(-4, 4))
"""The default values of C."""
HELD_OUT = 0.2
STEPS = 200
TOLERANCE = 1e-6
_ROWS = 16384
_SHARE_OF_MEMORY = 0.4
"""The fraction of the machine's memory above which features are read in parts."""


@dataclass(frozen=True)
class Tried:
    """The result of one value of C of the grid."""

    C: float
    validation: float | None
    """Top-1 on the rows by which C is chosen; None if there is nothing to choose."""
    loss: float | None
    """The mean of -log p(label) on these rows."""
    steps: int
    converged: bool


@dataclass
class LinearProbe:
    """A linear head and how it was found. ``logits = features @ weight.T + bias``."""

    weight: np.ndarray
    """(K, D) float32"""
    bias: np.ndarray
    """(K,) float32"""
    classes: list[Any]
    loss: str
    C: float
    """The chosen value."""
    grid: list[Tried]
    solver: str
    seed: int
    validation: Measures | None
    """Measured on the rows by which C was chosen, and therefore slightly too optimistic."""
    notes: list[str]
    """Notes on the data and the fit, in sentences."""

    def logits(self, features: Any) -> np.ndarray:
        """(N, K) float32."""
        given = as_features(features)
        if given.shape[1] != self.weight.shape[1]:
            raise DataError(f"The features have {given.shape[1]} numbers, the probe reads {self.weight.shape[1]}.")
        weight, bias = torch.from_numpy(self.weight.T.copy()), torch.from_numpy(self.bias)
        found = np.empty((len(given), len(self.bias)), np.float32)
        for start in range(0, len(given), _ROWS):
            chunk = torch.from_numpy(np.array(given[start : start + _ROWS], np.float32))
            found[start : start + _ROWS] = torch.addmm(bias, chunk, weight).numpy()
        return found

    def probabilities(self, features: Any) -> np.ndarray:
        """(N, K): the softmax of the logits; with ``bce`` the sigmoid of each, divided by their sum."""
        logits = torch.from_numpy(self.logits(features))
        if self.loss == "ce":
            return logits.softmax(1).numpy()
        # By logarithms: the sigmoids of a row may all be too small for float32.
        return torch.nn.functional.logsigmoid(logits).softmax(1).numpy()

    def predict(self, features: Any) -> np.ndarray:
        """The class of each row."""
        return np.array(self.classes)[self.logits(features).argmax(1)]

    def measure(self, features: Any, labels: Any) -> Measures:
        """Accuracy, confusions and calibration on labelled rows."""
        given = as_features(features)
        indices = as_indices(as_labels(labels, len(given)), self.classes)
        return measure(self.probabilities(given), indices, self.classes)

    def score(self, features: Any, labels: Any) -> float:
        """The share of rows that are classified correctly."""
        return self.measure(features, labels).top1


def fit(
    features: Any,
    labels: Any,
    validation: Pair | float | None = None,
    loss: str = "ce",
    C: float | Iterable[float] = GRID,
    *,
    seed: int = 0,
    classes: Sequence[Any] | None = None,
    solver: str = "auto",
    steps: int = STEPS,
    tolerance: float = TOLERANCE,
    epochs: int = streaming.EPOCHS,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> LinearProbe:
    """Train a linear head: multinomial logistic regression (``ce``), or a binary one for each class (``bce``).

    ``C`` weighs the sum of the losses against half the squared weights, as in scikit-learn and in CLIP's and DINOv2's
    evaluations. Of several values the one with the best top-1 on ``validation`` is chosen (of equals the lower loss):
    features and labels, or a share of the rows, drawn with ``seed`` from each class. By default a fifth of the rows is
    held out; after a choice by held-out rows the head is trained again on all rows.

    ``solver``: ``lbfgs`` holds all features in memory; ``sgd`` (AdamW in mini-batches) reads them in parts; ``auto``
    uses ``lbfgs`` if they fit.
    """
    if loss not in LOSSES:
        raise ParameterError(f"The loss must be one of {', '.join(LOSSES)}, not {loss!r}.")
    if solver not in SOLVERS:
        raise ParameterError(f"The solver must be one of {', '.join(SOLVERS)}, not {solver!r}.")
    if steps < 1 or epochs < 1 or not tolerance > 0:
        raise ParameterError("steps and epochs must be 1 or more, and the tolerance above 0.")
    grid = _grid(C)
    given = as_features(features)
    truth = as_labels(labels, len(given))
    names = classes_of(truth, classes)
    indices = as_indices(truth, names)
    if len(np.unique(indices)) < 2:
        raise DataError("A head needs rows of at least two classes; there is one class.")
    counts = dict(zip(map(str, names), np.bincount(indices, minlength=len(names)).tolist(), strict=True))
    notes = [note for note in [imbalance(counts)] if note]
    empty = [name for name, n in counts.items() if not n]
    if empty:
        notes.append(f"{len(empty)} classes have no training rows: {', '.join(empty[:5])}.")

    held_out = validation is None and len(grid) > 1
    if isinstance(validation, int | float) or held_out:
        share = float(validation) if isinstance(validation, int | float) else HELD_OUT
        train, chosen_by = split(indices, share, seed)
        x, y, check_x, check_y = given[train], indices[train], given[chosen_by], indices[chosen_by]
        held_out = True
        notes.append(
            f"C is chosen by {len(chosen_by)} held-out rows (seed {seed}); the head is trained on all {len(given)}."
        )
    elif validation is not None:
        x, y = given, indices
        check_x = as_features(validation[0], "The validation features")
        check_y = as_indices(
            as_labels(validation[1], len(check_x), "The validation labels"),
            names,
            "The validation labels",
        )
        if check_x.shape[1] != x.shape[1]:
            raise DataError(f"The validation features have {check_x.shape[1]} numbers, the others {x.shape[1]}.")
    else:
        x, y, check_x, check_y = given, indices, None, None

    chosen_solver = _solver(solver, x)
    total = len(grid) + held_out
    fits = _lbfgs_fits if chosen_solver == "lbfgs" else _streamed_fits
    settings = _Settings(loss, len(names), seed, steps, tolerance, epochs, cancel)
    best: tuple[tuple[float, float], LinearProbe] | None = None
    tried: list[Tried] = []
    for done, (value, weight, bias, taken, converged) in enumerate(fits(x, y, grid, settings), 1):
        probe = LinearProbe(weight, bias, names, loss, value, tried, chosen_solver, seed, None, notes)
        if check_x is not None:
            probe.validation = measure(probe.probabilities(check_x), check_y, names)
        found = probe.validation
        tried.append(Tried(value, found.top1 if found else None, found.loss if found else None, taken, converged))
        rank = (found.top1, -found.loss) if found else (0.0, 0.0)
        if best is None or rank > best[0]:
            best = (rank, probe)
        if progress is not None:
            progress(done, total)
    assert best is not None
    probe = best[1]
    if held_out:
        for _, weight, bias, taken, converged in fits(given, indices, [probe.C], settings):
            probe.weight, probe.bias = weight, bias
            if not converged:
                notes.append(f"The last fit had not converged after {taken} steps.")
        if progress is not None:
            progress(total, total)
    if len(grid) > 1 and probe.C in (grid[0], grid[-1]):
        edge = "smallest" if grid[0] == probe.C else "largest"
        notes.append(f"The chosen C = {probe.C:g} is the {edge} of the grid; another grid may do better.")
    slow = [f"{one.C:g}" for one in tried if not one.converged]
    if slow and chosen_solver == "lbfgs":
        notes.append(f"Not converged after {steps} steps: C = {', '.join(slow)}.")
    return probe


@dataclass(frozen=True)
class _Settings:
    loss: str
    classes: int
    seed: int
    steps: int
    tolerance: float
    epochs: int
    cancel: CancelToken | None


def _lbfgs_fits(x: np.ndarray, y: np.ndarray, grid: Sequence[float], settings: _Settings) -> Iterable[tuple]:
    """Fits from the smallest C on, each starting from the previous solution."""
    rows = lbfgs.Rows.of(x, y, settings.classes)
    solution = rows.start(settings.loss)
    for value in grid:
        solution, taken, converged = lbfgs.solve(
            rows,
            settings.loss,
            value,
            solution,
            steps=settings.steps,
            tolerance=settings.tolerance,
            cancel=settings.cancel,
        )
        weight, bias = rows.out(solution)
        yield value, weight.float().numpy(), bias.float().numpy(), taken, converged


def _streamed_fits(x: np.ndarray, y: np.ndarray, grid: Sequence[float], settings: _Settings) -> Iterable[tuple]:
    found = streaming.solve(
        x,
        y,
        settings.classes,
        grid,
        loss=settings.loss,
        seed=settings.seed,
        epochs=settings.epochs,
        cancel=settings.cancel,
    )
    for value, (weight, bias) in zip(grid, found, strict=True):
        yield value, weight, bias, settings.epochs, True


def _grid(C: float | Iterable[float]) -> list[float]:
    given = [C] if isinstance(C, int | float) else list(C)
    try:
        values = sorted({float(value) for value in given})
    except (TypeError, ValueError):
        raise ParameterError(f"C must be numbers above 0, not {given!r}.") from None
    if not values or not all(value > 0 and math.isfinite(value) for value in values):
        raise ParameterError(f"C must be numbers above 0, not {given!r}.")
    return values


def _solver(asked: str, x: np.ndarray) -> str:
    if asked != "auto":
        return asked
    return "lbfgs" if 4 * x.size <= _SHARE_OF_MEMORY * _memory() else "sgd"


def _memory() -> float:
    """The memory of this machine in bytes; infinite if not known."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return math.inf
