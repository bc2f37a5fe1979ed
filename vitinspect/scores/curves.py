"""Deletion and insertion: how the score changes as pixels are removed, or inserted, in the order of the map.

All curves share one queue of masked pictures. A curve is a picture, a fill, and for each pixel the step at which it
changes; the masked picture of step k is then one comparison, and one batch can hold pictures of different curves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vitinspect.errors import ParameterError
from vitinspect.progress import CancelToken, Progress
from vitinspect.scores.fills import impute

if TYPE_CHECKING:
    import torch

    from vitinspect.explainers.targets import TargetLike
    from vitinspect.models.vit import ViT

NEVER = np.iinfo(np.int32).max
"""The step of a pixel that never changes."""


# --- orders --------------------------------------------------------------------------------------------------


def descending(values: np.ndarray) -> np.ndarray:
    """Flat indices from the highest value to the lowest; ties in reading order."""
    # Masks come as booleans or bytes, whose negation wraps around.
    return np.argsort(-np.asarray(values, dtype=np.float64).reshape(-1), kind="stable")


def turns(order: np.ndarray, sizes: Sequence[int], count: int) -> np.ndarray:
    """For each of ``count`` places the step at which it is taken: the first ``sizes[0]`` of the order at step 0, and
    so on; the remainder is never taken."""
    result = np.full(count, NEVER, dtype=np.int32)
    ends = np.cumsum(sizes)
    start = 0
    for step, end in enumerate(ends):
        result[order[start : int(end)]] = step
        start = int(end)
    return result


def equal_steps(count: int, steps: int) -> list[int]:
    """``steps`` portions of ``count // steps`` places each; the remainder is never taken (ViTmiX)."""
    return [count // steps] * steps


def all_in_steps(count: int, steps: int) -> list[int]:
    """``steps`` portions that differ by at most one and together take everything."""
    edges = np.linspace(0, count, steps + 1).round().astype(int)
    return np.diff(edges).tolist()


def shares_to_sizes(shares: Sequence[float], count: int) -> list[int]:
    """Portions that end at the given shares of the places, each rounded down."""
    ends = [int(share * count) for share in shares]
    return np.diff([0, *ends]).tolist()


# --- curves --------------------------------------------------------------------------------------------------


@dataclass
class Curve:
    """One curve to be scored."""

    image: torch.Tensor
    """(3, H, W), normalised."""
    fill: torch.Tensor | None
    """(3, H, W): what replaces the pixels that are taken; None: imputed from those that are left (ROAD)."""
    turn: np.ndarray
    """(H, W) or flat: the step at which each pixel changes; ``NEVER`` for those that stay."""
    steps: int
    target: TargetLike
    insertion: bool = False
    """Whether to start from the fill and insert the picture, instead of removing it."""
    first: int = 0
    """0 also scores the unchanged start; 1 begins after the first step."""
    scores: np.ndarray = field(default_factory=lambda: np.empty(0))
    """Filled by ``score_curves``: one score per step, ``first`` to ``steps``."""
    hits: np.ndarray = field(default_factory=lambda: np.empty(0))
    """Whether the target (a class) was the most probable one, as 0 or 1."""


def score_curves(
    model: ViT,
    curves: Sequence[Curve],
    *,
    use: str = "probability",
    batch_size: int | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> None:
    """Score all steps of all curves, in batches that run across curves, and fill in their ``scores``.

    No picture is scored twice: equal curves share their scores, as do steps at which no pixel changes.

    ``use``: "probability" (softmax), "logit", or "score" (the target's own: a cosine for a text).
    """
    import torch

    jobs: list[tuple[int, int]] = []
    place: list[list[int]] = []
    starts: dict[tuple[Any, ...], int] = {}
    same: dict[tuple[Any, ...], list[int]] = {}
    for c, curve in enumerate(curves):
        key = _content(curve)
        if key in same:
            place.append(same[key])
            continue
        mine: list[int] = []
        changing = set(np.unique(curve.turn).tolist())
        for k in range(curve.first, curve.steps + 1):
            if mine and k - 1 not in changing:
                mine.append(mine[-1])
            elif k == 0 and curve.fill is not None:
                # All deletions of a picture start from the same one, and all insertions from the same fill.
                start = curve.fill if curve.insertion else curve.image
                known = starts.setdefault((start.data_ptr(), start.shape, curve.target), len(jobs))
                mine.append(known)
                if known == len(jobs):
                    jobs.append((c, k))
            else:
                mine.append(len(jobs))
                jobs.append((c, k))
        place.append(mine)
        same[key] = mine
    turn = [
        torch.from_numpy(np.ascontiguousarray(curve.turn.reshape(curve.image.shape[-2:]))).to(model.device)
        for curve in curves
    ]
    pictures = [curve.image.to(model.device, model.dtype) for curve in curves]
    fills = [None if c.fill is None else c.fill.to(model.device, model.dtype) for c in curves]

    def batch(rows: slice) -> torch.Tensor:
        part = jobs[rows]
        missing = [(turn[c] < k) != curves[c].insertion for c, k in part]
        made = torch.stack([pictures[c] for c, _ in part])
        imputed = [i for i, (c, _) in enumerate(part) if fills[c] is None]
        if imputed:
            gaps = torch.stack([missing[i] for i in imputed])
            # The solver's sums need more digits than bfloat16 has.
            exact = made[imputed] if made.dtype == torch.float64 else made[imputed].float()
            made[imputed] = impute(exact, gaps).to(made.dtype)
        for i, (c, _) in enumerate(part):
            fill = fills[c]
            if fill is not None:
                made[i] = torch.where(missing[i], fill, pictures[c])
        return made

    results, hits = score_pictures(
        model,
        len(jobs),
        batch,
        [curves[c].target for c, _ in jobs],
        use=use,
        batch_size=batch_size,
        progress=progress,
        cancel=cancel,
    )
    for curve, mine in zip(curves, place, strict=True):
        curve.scores, curve.hits = results[mine], hits[mine]


def _content(curve: Curve) -> tuple[Any, ...]:
    """What a curve's scores depend on; its pictures by identity, its order by content."""
    fill = None if curve.fill is None else (curve.fill.data_ptr(), curve.fill.shape)
    image = (curve.image.data_ptr(), curve.image.shape)
    order = np.ascontiguousarray(curve.turn).tobytes()
    return image, fill, order, curve.steps, curve.first, curve.insertion, curve.target


def score_pictures(
    model: ViT,
    count: int,
    pictures: Callable[[slice], torch.Tensor],
    targets: Sequence[TargetLike],
    *,
    use: str = "probability",
    batch_size: int | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The target's score in each of ``count`` pictures, and whether the target was the most probable class.

    ``pictures(rows)`` makes a batch of them when it is needed, so that thousands are never in memory together.
    """
    import torch

    from vitinspect.explainers.passes.chunks import run_chunks
    from vitinspect.explainers.passes.forward import Passes
    from vitinspect.explainers.targets import Targets

    if use not in ("probability", "logit", "score"):
        raise ParameterError(f"A curve uses the probability, the logit or the score, not {use!r}.")
    scores = np.zeros(count)
    hits = np.zeros(count)

    def work(rows: slice) -> None:
        batch = pictures(rows).to(model.device, model.dtype)
        wanted = Targets(targets[rows])
        logits = passes(batch)
        logits = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
        found = wanted.probability(logits) if use == "probability" else wanted.score(logits)
        scores[rows] = found.double().cpu().numpy()
        best = logits.argmax(-1).tolist()
        hits[rows] = [float(b == t) for b, t in zip(best, targets[rows], strict=True)]

    with Passes(model, cancel).held() as passes, torch.no_grad():
        run_chunks(count, batch_size or default_batch(model), work, report=progress, cancel=cancel)
    return scores, hits


def default_batch(model: ViT) -> int:
    """The pictures in a batch: enough to use the device fully, few enough to cancel promptly."""
    return 64 if model.device.type == "cuda" else 16


def trapezoid(scores: Any, places: Any | None = None) -> float:
    """The area under the curve; over 0..1 in equal steps if no places are given."""
    y = np.asarray(scores, dtype=np.float64)
    x = np.linspace(0, 1, len(y)) if places is None else np.asarray(places, dtype=np.float64)
    return float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum())
