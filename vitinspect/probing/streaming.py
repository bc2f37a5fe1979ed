"""Linear heads on features that do not fit into memory: AdamW over mini-batches, all values of C in one pass."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from vitinspect.progress import CancelToken, check

EPOCHS = 20
BATCH = 1024
RATE = 0.01
_ROWS = 16384


def solve(
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    grid: Sequence[float],
    *,
    loss: str,
    seed: int,
    epochs: int,
    cancel: CancelToken | None = None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weight (K, D) and bias (K,) for each C. Each row is read once an epoch, in blocks in a random order.

    The objective is that of ``lbfgs``; for the steps only, features are divided by their deviations, and the learning
    rate decays along a cosine.
    """
    mean, deviation = _moments(features)
    width, count = features.shape[1], len(features)
    ridge = torch.tensor([1.0 / (C * count) for C in grid])
    shares = torch.bincount(torch.from_numpy(labels), minlength=classes).float() / count
    shares = shares.clamp(0.5 / count, 1 - 0.5 / count)
    first = shares.log() if loss == "ce" else torch.logit(shares)
    weights = torch.zeros(len(grid), width, classes, requires_grad=True)
    biases = first.expand(len(grid), 1, classes).clone().requires_grad_()
    optimiser = torch.optim.AdamW([weights, biases], lr=RATE, weight_decay=0.0)
    generator = np.random.default_rng(seed)
    batch = min(BATCH, max(32, count // 50))
    total, step = epochs * math.ceil(count / batch), 0
    truth = torch.from_numpy(labels)
    for _ in range(epochs):
        for rows in _batches(count, batch, generator):
            check(cancel)
            for group in optimiser.param_groups:
                group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / total))
            x = (torch.from_numpy(np.array(features[rows], np.float32)) - mean) / deviation
            logits = torch.matmul(x, weights) + biases
            own = truth[torch.from_numpy(rows)]
            if loss == "ce":
                fits = F.cross_entropy(logits.flatten(0, 1), own.repeat(len(grid)), reduction="sum")
            else:
                fits = F.binary_cross_entropy_with_logits(
                    logits, F.one_hot(own, classes).float().expand_as(logits), reduction="sum"
                )
            penalty = 0.5 * (ridge[:, None, None] * (weights / deviation[:, None]).square()).sum()
            optimiser.zero_grad()
            (fits / len(rows) + penalty).backward()
            optimiser.step()
            step += 1
    with torch.no_grad():
        plain = (weights / deviation[:, None]).transpose(1, 2)
        found = [(w, b[0] - w @ mean) for w, b in zip(plain, biases, strict=True)]
        return [(w.contiguous().numpy(), b.numpy()) for w, b in found]


def _batches(count: int, batch: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Indices in blocks that are contiguous in the file; blocks, and rows within some of them, in a random order."""
    blocks = generator.permutation(math.ceil(count / batch))
    together = 16
    for start in range(0, len(blocks), together):
        some = [np.arange(b * batch, min((b + 1) * batch, count)) for b in blocks[start : start + together]]
        rows = generator.permutation(np.concatenate(some))
        for first in range(0, len(rows), batch):
            yield np.sort(rows[first : first + batch])


def _moments(features: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    sums = np.zeros(features.shape[1])
    squares = np.zeros(features.shape[1])
    for start in range(0, len(features), _ROWS):
        chunk = np.array(features[start : start + _ROWS], np.float64)
        sums += chunk.sum(0)
        squares += (chunk**2).sum(0)
    mean = sums / len(features)
    deviation = np.sqrt(np.maximum(squares / len(features) - mean**2, 0))
    deviation[deviation < 1e-6 * max(float(deviation.max()), 1e-30)] = 1.0
    return torch.from_numpy(mean).float(), torch.from_numpy(deviation).float()
