"""Weighted nearest neighbours, as DINO's ``eval_knn.py`` defines them (Caron et al. 2021, after Wu et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vitinspect.errors import ParameterError
from vitinspect.probing.arrays import Pair, as_features, as_indices, as_labels, classes_of
from vitinspect.probing.measures import Measures, measure

K = (10, 20, 100, 200)
TEMPERATURE = 0.07
_ROWS = 256


@dataclass
class Neighbours:
    """The predictions for a set of rows with each number of neighbours."""

    classes: list[Any]
    probabilities: dict[int, np.ndarray]
    """(N, K) for each number of neighbours: the shares of the weighted votes."""
    measures: dict[int, Measures]
    """Empty if the rows have no labels."""

    @property
    def accuracy(self) -> dict[int, float]:
        """The accuracy for each number of neighbours."""
        return {k: found.top1 for k, found in self.measures.items()}

    def predict(self, k: int) -> np.ndarray:
        """The classes predicted by ``k`` neighbours."""
        return np.array(self.classes)[self.probabilities[k].argmax(1)]


def knn(
    features: Any,
    labels: Any,
    validation: Pair | None = None,
    *,
    queries: Any = None,
    k: int | Sequence[int] = K,
    temperature: float = TEMPERATURE,
    classes: Sequence[Any] | None = None,
) -> Neighbours:
    """Predict each row by the ``k`` rows whose cosine with it is highest, weighted with exp(cosine / temperature).

    The rows are ``validation`` (features and labels) or ``queries`` (features alone). With neither, each row of
    ``features`` is predicted from the others. A ``k`` larger than the number of rows uses all of them.
    """
    known = as_features(features)
    truth = as_labels(labels, len(known))
    names = classes_of(truth, classes)
    indices = as_indices(truth, names)
    counts = [int(k)] if isinstance(k, int | np.integer) else [int(one) for one in k]
    if not counts or min(counts) < 1:
        raise ParameterError(f"The number of neighbours must be 1 or more, not {k}.")
    if not temperature > 0:
        raise ParameterError(f"The temperature must be above 0, not {temperature}.")
    if validation is not None and queries is not None:
        raise ParameterError("validation and queries both give the rows to predict; give one of them.")
    leave_out = validation is None and queries is None
    if leave_out and len(known) < 2:
        raise ParameterError("A single row has no neighbours.")
    asked = known if leave_out else as_features(queries if validation is None else validation[0], "The rows to predict")
    if asked.shape[1] != known.shape[1]:
        raise ParameterError(f"The rows to predict have {asked.shape[1]} numbers, the known ones {known.shape[1]}.")
    wanted: np.ndarray | None = None
    if leave_out:
        wanted = indices
    elif validation is not None:
        wanted = as_indices(as_labels(validation[1], len(asked), "Their labels"), names, "Their labels")
    votes = _votes(_unit(known), indices, _unit(asked), counts, temperature, len(names), leave_out)
    measures = {} if wanted is None else {n: measure(found, wanted, names) for n, found in votes.items()}
    return Neighbours(names, votes, measures)


def _unit(features: np.ndarray) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.from_numpy(np.array(features, np.float32)), dim=1)


def _votes(
    known: torch.Tensor,
    indices: np.ndarray,
    asked: torch.Tensor,
    counts: Sequence[int],
    temperature: float,
    classes: int,
    leave_out: bool,
) -> dict[int, np.ndarray]:
    labels = torch.from_numpy(indices)
    most = min(max(counts), len(known) - leave_out)
    found = {k: np.empty((len(asked), classes), np.float32) for k in counts}
    for start in range(0, len(asked), _ROWS):
        cosines = asked[start : start + _ROWS] @ known.T
        if leave_out:
            own = torch.arange(start, start + len(cosines))
            cosines[own - start, own] = -torch.inf
        best, places = cosines.topk(most, dim=1)
        # The highest cosine is subtracted before the exponential: the shares are the same, and nothing overflows.
        weights, voted = ((best - best[:, :1]) / temperature).exp(), labels[places]
        for k in counts:
            votes = torch.zeros(len(cosines), classes)
            votes.scatter_add_(1, voted[:, :k], weights[:, :k])
            found[k][start : start + len(cosines)] = (votes / votes.sum(1, keepdim=True)).numpy()
    return found
