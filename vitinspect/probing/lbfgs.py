"""L-BFGS for linear heads, in coordinates in which few steps suffice.

The objective is scikit-learn's, divided by C N: mean loss + ||W||² / (2 C N), the bias not penalised. Features are
centred and rotated into their principal axes first, which changes neither the objective nor the solution, but makes the
curvature nearly diagonal. L-BFGS starts from that diagonal, the mean of p_k (1 - p_k) x_j² plus 1 / (C N) for axis j of
class k, which is recomputed at some steps as the probabilities p become more certain. Features whose variances differ
by orders of magnitude take tens of steps this way instead of hundreds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from vitinspect.progress import CancelToken, check

MEMORY = 10
"""The number of pairs of steps and gradient changes that are kept."""
_REFRESHED = frozenset({0, 3, 10, 30, 100, 300})
"""The steps at which the diagonal is computed again."""
_ROWS = 8192
_EXACT = 4e8
"""Problems of up to this many products are solved in float64."""


@dataclass
class Rows:
    """Training rows in their principal axes."""

    x: torch.Tensor
    """(N, D), centred and rotated."""
    labels: torch.Tensor
    """(N,) indices of classes."""
    shares: torch.Tensor
    """(K,) rows of each class."""
    mean: torch.Tensor
    axes: torch.Tensor
    """(D, D): one axis in each column."""

    @classmethod
    def of(cls, features: np.ndarray, labels: np.ndarray, classes: int) -> Rows:
        """The rows; small problems in float64, large ones in float32."""
        exact = features.size * classes <= _EXACT
        x = torch.from_numpy(np.array(features, np.float64 if exact else np.float32))
        mean = x.mean(0, dtype=torch.float64)
        x -= mean.to(x.dtype)
        covariance = (x.T @ x).double() / len(x)
        _, axes = torch.linalg.eigh(covariance)
        for start in range(0, len(x), _ROWS):
            x[start : start + _ROWS] = x[start : start + _ROWS] @ axes.to(x.dtype)
        counts = torch.bincount(torch.from_numpy(labels), minlength=classes).double()
        return cls(x, torch.from_numpy(labels), counts / counts.sum(), mean, axes)

    def out(self, solution: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight (K, D) and bias (K,) for the original features."""
        found = solution.double()
        weight = (self.axes @ found[:-1]).T
        return weight, found[-1] - weight @ self.mean

    def start(self, loss: str) -> torch.Tensor:
        """(D + 1, K): zero weights, and the bias that predicts each class with its frequency."""
        solution = torch.zeros(self.x.shape[1] + 1, len(self.shares), dtype=self.x.dtype)
        shares = self.shares.clamp(0.5 / len(self.x), 1 - 0.5 / len(self.x))
        solution[-1] = (shares.log() if loss == "ce" else torch.logit(shares)).to(self.x.dtype)
        return solution


def value_and_gradient(rows: Rows, solution: torch.Tensor, loss: str, ridge: float) -> tuple[float, torch.Tensor]:
    """The objective and its gradient, (D + 1, K); the last row is the bias."""
    weight, bias = solution[:-1], solution[-1]
    gradient = torch.zeros_like(solution)
    total = torch.zeros((), dtype=torch.float64)
    for start in range(0, len(rows.x), _ROWS):
        x, labels = rows.x[start : start + _ROWS], rows.labels[start : start + _ROWS]
        logits = torch.addmm(bias, x, weight)
        own = logits.gather(1, labels[:, None])[:, 0]
        if loss == "ce":
            peak = logits.amax(1, keepdim=True)
            logits.sub_(peak).exp_()
            sums = logits.sum(1, keepdim=True)
            total += (sums.log()[:, 0] + peak[:, 0] - own).sum(dtype=torch.float64)
            logits.div_(sums)
        else:
            total += F.softplus(logits).sum(dtype=torch.float64) - own.sum(dtype=torch.float64)
            logits.sigmoid_()
        logits[torch.arange(len(labels)), labels] -= 1
        gradient[:-1].addmm_(x.T, logits)
        gradient[-1] += logits.sum(0)
    gradient /= len(rows.x)
    gradient[:-1].add_(weight, alpha=ridge)
    return float(total) / len(rows.x) + 0.5 * ridge * float(weight.double().square().sum()), gradient


def solve(
    rows: Rows,
    loss: str,
    C: float,
    start: torch.Tensor,
    *,
    steps: int,
    tolerance: float,
    cancel: CancelToken | None = None,
) -> tuple[torch.Tensor, int, bool]:
    """The solution for one C, the number of steps, and whether it converged.

    It has converged when a Newton step would lower the mean loss by less than ``tolerance`` (times the loss, if that is
    above 1), estimated by the curvature of L-BFGS.
    """
    ridge = 1.0 / (C * len(rows.x))

    def evaluate(at: torch.Tensor) -> tuple[float, torch.Tensor]:
        check(cancel)
        return value_and_gradient(rows, at, loss, ridge)

    return _minimise(evaluate, lambda at: 1.0 / curvature(rows, at, loss, ridge), start.clone(), steps, tolerance)


def curvature(rows: Rows, solution: torch.Tensor, loss: str, ridge: float) -> torch.Tensor:
    """The diagonal of the objective's second derivative, (D + 1, K), kept above zero."""
    found = torch.zeros_like(solution)
    for start in range(0, len(rows.x), _ROWS):
        x = rows.x[start : start + _ROWS]
        logits = torch.addmm(solution[-1], x, solution[:-1])
        p = logits.softmax(1) if loss == "ce" else logits.sigmoid()
        p.mul_(1 - p)
        found[:-1].addmm_(x.square().T, p)
        found[-1] += p.sum(0)
    found /= len(rows.x)
    found[:-1] += ridge
    return found.clamp_min_(1e-6 / len(rows.x))


def _minimise(
    evaluate: Callable[[torch.Tensor], tuple[float, torch.Tensor]],
    inverse_diagonal: Callable[[torch.Tensor], torch.Tensor],
    at: torch.Tensor,
    steps: int,
    tolerance: float,
) -> tuple[torch.Tensor, int, bool]:
    pairs: deque[tuple[torch.Tensor, torch.Tensor, float]] = deque(maxlen=MEMORY)
    value, gradient = evaluate(at)
    for step in range(steps):
        if step in _REFRESHED:
            diagonal = inverse_diagonal(at)
        direction = -_inverse_hessian(gradient, pairs, diagonal)
        slope = _dot(gradient, direction)
        if -0.5 * slope <= tolerance * max(1.0, abs(value)):
            return at, step, True
        length = 1.0
        for _ in range(20):
            there = torch.add(at, direction, alpha=length)
            new_value, new_gradient = evaluate(there)
            # The last term is the resolution of float32.
            if new_value <= value + 1e-4 * length * slope + 1e-9 * abs(value):
                break
            fitted = -0.5 * slope * length**2 / max(new_value - value - slope * length, 1e-30)
            length = min(max(fitted, 0.1 * length), 0.5 * length)
        else:
            return at, step, False  # no descent within the precision of the numbers
        moved, changed = torch.mul(direction, length), new_gradient - gradient
        product = _dot(moved, changed)
        if product > 1e-12 * _dot(moved, moved) ** 0.5 * _dot(changed, changed) ** 0.5:
            pairs.append((moved, changed, product))
        at, value, gradient = there, new_value, new_gradient
    return at, steps, False


def _inverse_hessian(
    gradient: torch.Tensor, pairs: deque[tuple[torch.Tensor, torch.Tensor, float]], diagonal: torch.Tensor
) -> torch.Tensor:
    """The two loops of Nocedal (1980), from the scaled diagonal."""
    found = gradient.clone()
    shares = []
    for moved, changed, product in reversed(pairs):
        share = _dot(moved, found) / product
        shares.append(share)
        found.sub_(changed, alpha=share)
    found.mul_(diagonal)
    if pairs:
        _, changed, product = pairs[-1]
        found.mul_(product / _dot(changed, changed * diagonal))
    for (moved, changed, product), share in zip(pairs, reversed(shares), strict=True):
        found.add_(moved, alpha=share - _dot(changed, found) / product)
    return found


def _dot(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.dot(a.reshape(-1), b.reshape(-1)))
