"""Further work for the worker's thread, each asked for by the person: curves, painted-out regions, attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitinspect.app.compute.explaining import HandOver, Report, as_engine_target
from vitinspect.app.compute.worker import Context
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    import numpy as np

FILLS = {"mean": "mean", "blur": "blur", "black": "true_black"}
"""The window's words for what stands in, and those of ``vitinspect.scores.fills``."""


@dataclass(frozen=True)
class Curves:
    """Deletion and insertion of one map."""

    id: str
    shares: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    deletion_auc: float
    insertion_auc: float


@dataclass(frozen=True)
class Probed:
    """What the model says of a picture with a region painted out."""

    probabilities: np.ndarray
    picture: np.ndarray
    """(height, width, 3): the model's input, painted."""
    mask: np.ndarray


@dataclass(frozen=True)
class Attention:
    """The attention of one token in every block and head."""

    token: int
    values: np.ndarray
    """(blocks, heads, rows, columns)"""
    prefix: np.ndarray
    """(blocks, heads): how much goes to the tokens before the patches."""
    content: str
    model: str


def prepared(context: Context, pixels: np.ndarray, content: str, fit: str) -> Any:
    """The picture as the model gets it, kept for the next stroke: a large one takes longer than the model."""
    key = (content, fit, id(context.model))
    if context.prepared is None or context.prepared[0] != key:
        context.prepared = (key, context.model.preprocess(pixels, fit))
    return context.prepared[1]


def scores(
    context: Context,
    hand_over: HandOver,
    cancel: CancelToken,
    progress: Report,
    *,
    pixels: np.ndarray,
    content: str,
    fit: str,
    precision: str,
    target: tuple[int, ...],
    maps: Mapping[str, np.ndarray],
    fill: str,
    steps: int,
) -> None:
    """The curves of one map after the other."""
    from vitinspect.scores.perturbation import faithfulness

    model = context.model.at_precision(precision)
    tensor = prepared(context, pixels, content, fit).tensor
    for done, (name, values) in enumerate(maps.items()):

        def within(part: int, whole: int, done: int = done) -> None:
            progress(done * 1000 + round(1000 * part / max(1, whole)), len(maps) * 1000)

        found = faithfulness(
            model,
            tensor,
            values,
            as_engine_target(target),
            metrics=("deletion", "insertion"),
            steps=steps,
            fill=FILLS[fill],
            progress=within,
            cancel=cancel,
        )
        hand_over(
            Curves(
                name,
                found.shares,
                found.deletion_curve,
                found.insertion_curve,
                found.deletion_auc,
                found.insertion_auc,
            )
        )


def probe(
    context: Context,
    hand_over: HandOver,
    cancel: CancelToken,
    progress: Report,
    *,
    pixels: np.ndarray,
    content: str,
    fit: str,
    precision: str,
    mask: np.ndarray,
    fill: str,
) -> Probed:
    """The probabilities of the picture without what ``mask`` (over the model's input) covers."""
    import torch

    from vitinspect.models.preprocess import to_pixels
    from vitinspect.scores.fills import fill_image

    model = context.model
    tensor = prepared(context, pixels, content, fit).tensor[None]
    cancel.check()
    instead = fill_image(tensor, FILLS[fill], model.preprocessing)
    painted = torch.where(torch.from_numpy(mask)[None, None], instead, tensor)
    logits = model.at_precision(precision).logits(painted)[0].double().cpu()
    return Probed(logits.softmax(-1).numpy().copy(), to_pixels(painted[0], model.preprocessing), mask)


def attention(
    context: Context,
    hand_over: HandOver,
    cancel: CancelToken,
    progress: Report,
    *,
    pixels: np.ndarray,
    content: str,
    fit: str,
    precision: str,
    token: int,
    fingerprint: str,
) -> Attention:
    """The attention row of ``token`` in each block and head."""
    import numpy as np
    import torch

    from vitinspect.explainers.base import Needs
    from vitinspect.explainers.trace import record

    model = context.model.at_precision(precision)
    tensor = prepared(context, pixels, content, fit).tensor[None].to(model.device, model.dtype)
    with torch.no_grad():
        trace, _ = record(model, tensor, lambda logits: None, Needs(attention=True), cancel=cancel)
        grid = model.grid_for(*tensor.shape[-2:])
        before = model.prefix_tokens
        values, prefix = [], []
        for block in range(trace.depth):
            cancel.check()
            progress(block, trace.depth)
            for chunk in trace.attention_rows(block):
                if chunk.rows.start <= token < chunk.rows.stop:
                    row = chunk.attention[0, :, token - chunk.rows.start].float().cpu()
                    values.append(row[:, before:].reshape(-1, *grid).numpy().copy())
                    prefix.append(row[:, :before].sum(-1).numpy().copy())
                    break
    return Attention(token, np.stack(values), np.stack(prefix), content, fingerprint)
