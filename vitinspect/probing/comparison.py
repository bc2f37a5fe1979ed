"""Comparing heads on one backbone: their accuracy, and scores of their maps.

Own heads are compared with published ones, and one loss with the other: heads trained with a binary loss for each class
are reported to give maps that differ more between classes than heads trained with softmax.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vitinspect.errors import DataError, MethodNotApplicable
from vitinspect.images import open_image
from vitinspect.progress import CancelToken, Progress, check

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT
    from vitinspect.probing.pictures import Labelled

PICTURES = 20
"""The default number of pictures on which maps are scored."""
METHODS = ("lrp",)
STEPS = 20
BATCH = 32


@dataclass(frozen=True)
class MapScores:
    """The mean scores of one method's maps."""

    pictures: int
    deletion: float
    insertion: float
    between_classes: float
    """The mean Spearman correlation of the maps of the predicted and the second class: 1 if they are the same. Lower is
    more specific."""


@dataclass(frozen=True)
class HeadRow:
    """One head in the table."""

    name: str
    reads: str
    loss: str
    """The loss that it was trained with; empty if not known."""
    classes: int
    pictures: int
    """The number of test pictures with a label among its classes."""
    top1: float | None
    top5: float | None
    maps: dict[str, MapScores]
    """Scores of its maps, by method."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    heads: Sequence[tuple[str, Callable[[], ViT]]],
    test: Labelled,
    *,
    methods: Sequence[str] = METHODS,
    pictures: int = PICTURES,
    mode: str = "crop",
    seed: int = 0,
    loss_of: Callable[[str], str] = lambda name: "",
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> list[HeadRow]:
    """A row for each head, given by a name and a function that loads it. All are tested on the same pictures."""
    if not len(test):
        raise DataError("There is no picture to compare heads on.")
    chosen = np.random.default_rng(seed).permutation(len(test))[:pictures]
    total = len(heads) * (len(test) + len(chosen) * len(methods))
    done = 0

    def step(count: int = 1) -> None:
        nonlocal done
        done += count
        check(cancel)
        if progress is not None:
            progress(done, total)

    rows = []
    for name, load in heads:
        check(cancel)
        model = load()
        right1, right5, known = _accuracy(model, test, mode, step)
        scores = {method: _map_scores(model, test, chosen, method, mode, step, cancel) for method in methods}
        recipe = getattr(model.module, "vitinspect_recipe", None)
        rows.append(
            HeadRow(
                name,
                recipe.words if recipe is not None else model.pooling,
                loss_of(name),
                model.num_classes,
                known,
                right1 / known if known else None,
                right5 / known if known else None,
                {method: found for method, found in scores.items() if found is not None},
            )
        )
    return rows


def _accuracy(model: ViT, test: Labelled, mode: str, step: Callable[[int], None]) -> tuple[int, int, int]:
    """Correct in the first place, correct among five, and the number of pictures whose label the head has."""
    import torch

    right1 = right5 = known = 0
    for start in range(0, len(test), BATCH):
        paths, labels = test.paths[start : start + BATCH], test.labels[start : start + BATCH]
        indices = [model.find_label(label) for label in labels]
        with_label = [(path, index) for path, index in zip(paths, indices, strict=True) if index is not None]
        if with_label:
            tensors = [model.preprocess(open_image(path), mode).tensor for path, _ in with_label]
            logits = model.logits(torch.stack(tensors)).float().cpu()
            own = torch.tensor([index for _, index in with_label])
            better = (logits > logits.gather(1, own[:, None])).sum(1)
            right1 += int((logits.argmax(1) == own).sum())
            right5 += int((better < 5).sum())
            known += len(with_label)
        step(len(paths))
    return right1, right5, known


def _map_scores(
    model: ViT,
    test: Labelled,
    chosen: np.ndarray,
    method: str,
    mode: str,
    step: Callable[[int], None],
    cancel: CancelToken | None,
) -> MapScores | None:
    """The scores of a method's maps; None if the method does not apply to this head."""
    from vitinspect.explainers.engine import explain
    from vitinspect.scores.pairs import spearman
    from vitinspect.scores.perturbation import faithfulness

    found = []
    for row in chosen:
        tensor = model.preprocess(open_image(test.paths[row]), mode).tensor
        order = model.logits(tensor[None])[0].argsort(descending=True).tolist()
        try:
            first, second = (explain(model, tensor, [method], target, cancel=cancel)[method] for target in order[:2])
        except MethodNotApplicable:
            step(len(chosen))
            return None
        faithful = faithfulness(
            model, tensor, first, order[0], metrics=("deletion", "insertion"), steps=STEPS, cancel=cancel
        )
        found.append((faithful.deletion_auc, faithful.insertion_auc, spearman(first.values, second.values)))
        step(1)
    deletion, insertion, between = (float(value) for value in np.mean(found, axis=0))
    return MapScores(len(found), deletion, insertion, between)


def rows_of(rows: Sequence[HeadRow]) -> Iterator[tuple[str, ...]]:
    """The table as text, with a heading."""
    methods = list(dict.fromkeys(method for row in rows for method in row.maps))
    parts = [(m, f"{m} {what}") for m in methods for what in ("deletion", "insertion", "between classes")]
    yield ("head", "loss", "classes", "top-1", "top-5", *(title for _, title in parts))
    for row in rows:
        cells = [row.name, row.loss, str(row.classes)]
        cells += ["" if share is None else f"{share:.2%}" for share in (row.top1, row.top5)]
        for method in methods:
            scores = row.maps.get(method)
            values = (scores.deletion, scores.insertion, scores.between_classes) if scores else ()
            cells += [f"{value:.3f}" for value in values] or [""] * 3
        yield tuple(cells)
