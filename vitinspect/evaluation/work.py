"""Evaluating one image: maps, their combinations, masks, scores.

All methods share one trace, and all curves of the image share one queue of masked pictures.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vitinspect.errors import Cancelled, DataError
from vitinspect.evaluation import authors
from vitinspect.evaluation.items import Dataset
from vitinspect.evaluation.pigeonhole import pair_scores
from vitinspect.evaluation.plan import Plan, ScoredRow
from vitinspect.evaluation.reading import Picture, reason_of
from vitinspect.evaluation.saving import Saver
from vitinspect.evaluation.store import ImageResult, Score, StoredCurve
from vitinspect.fusion import fuse
from vitinspect.maps import AttributionMap, resize
from vitinspect.progress import CancelToken
from vitinspect.scores.masks import overlap
from vitinspect.scores.perturbation import Faithfulness, faithfulness
from vitinspect.thresholds import threshold

if TYPE_CHECKING:
    import torch

    from vitinspect.explainers.targets import TargetLike
    from vitinspect.models.vit import ViT


@dataclass
class Worker:
    """Evaluates pictures by one plan with one model."""

    model: ViT
    plan: Plan
    dataset: Dataset
    cancel: CancelToken | None = None
    saver: Saver | None = None
    rows: list[ScoredRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = self.plan.rows()
        self.singles = tuple(row.name for row in self.rows if row.combination.ways == 1)
        self.working = self.model.at_precision(self.plan.score_precision)

    def evaluate(self, picture: Picture) -> ImageResult:
        """All scores of one picture."""
        start = time.perf_counter()
        result = ImageResult(picture.item.key, picture.position, sources=picture.sources)
        if picture.problem or picture.tensor is None:
            result.state, result.reason = "failed", picture.problem or "it could not be read"
            return result
        try:
            maps = self._evaluate(picture, result)
            if self.saver is not None and maps:
                self.saver.save(picture, maps, result)
        except Cancelled:
            raise
        except Exception as error:
            reason = reason_of(error, picture.item.key)
            result.state, result.reason, result.scores, result.curves = "failed", reason, None, None
        result.seconds = time.perf_counter() - start
        return result

    def _evaluate(self, picture: Picture, result: ImageResult) -> dict[str, AttributionMap]:
        """Score one picture; returns the maps that were scored."""
        from vitinspect.explainers.engine import explain

        assert picture.tensor is not None
        x = picture.tensor[None].to(self.working.device, self.working.dtype)
        logits = self.working.logits(x)[0].double()
        confidence = float(logits.softmax(-1).max())
        if confidence < self.plan.min_confidence:
            result.state = "skipped"
            result.reason = f"confidence {confidence:.3f} below {self.plan.min_confidence:g}"
            return {}
        target = self._target(picture, int(logits.argmax()))
        result.target = self._target_words(target)
        explanation = explain(
            self.model, picture.tensor, self.plan.methods, target, self.plan.precision, cancel=self.cancel
        )
        singles = dict(explanation.items())
        if self.plan.protocol == "vitmix":
            singles = {k: authors.vitmix_single(m) for k, m in singles.items()}
        maps = {row.name: self._fused(row, singles) for row in self.rows}
        result.scores, result.curves = [], []
        if self.plan.protocol is not None:
            assert target is not None
            job = authors.Job(
                plan=self.plan,
                model=self.model,
                working=self.working,
                x=x,
                masks=picture.masks,
                maps=maps,
                singles=self.singles,
                target=target,
                judged=self._judged(picture, int(logits.argmax())),
                result=result,
                cancel=self.cancel,
            )
            authors.MEASURES[self.plan.protocol](job)
            return maps
        if "overlap" in self.plan.scores:
            self._overlap(picture, maps, result)
        self._faithful(x, maps, target, result)
        return maps

    def _target(self, picture: Picture, predicted: int) -> TargetLike | None:
        """None where there is no class and none is needed."""
        from vitinspect.explainers.targets import resolve

        wanted = self.plan.target
        if not self.model.has_classifier and wanted in ("predicted", "label"):
            return None
        if wanted == "predicted":
            return predicted
        if wanted == "label":
            index = self._label(picture)
            if index is None:
                label = picture.item.label
                raise DataError(
                    f"{picture.item.key} has no label; --target predicted explains the predicted class."
                    if label is None
                    else self.model.unknown_label(label)
                )
            return index
        target = resolve(wanted, self.model)
        assert target is not None
        return target

    def _label(self, picture: Picture) -> int | None:
        label = picture.item.label
        if label is None:
            return None
        index = self.model.find_label(label)
        if index is None and label.isdigit() and int(label) < self.model.outputs:
            return int(label)
        return index

    def _judged(self, picture: Picture, predicted: int) -> int:
        label = self._label(picture)
        return predicted if label is None else label

    def _target_words(self, target: TargetLike | None) -> str:
        if target is None:
            return ""
        if isinstance(target, int):
            return self.model.labels[target]
        if isinstance(target, tuple):
            return f"{self.model.labels[target.a]} - {self.model.labels[target.b]}"
        return target.text

    def _fused(self, row: ScoredRow, singles: Mapping[str, AttributionMap]) -> AttributionMap:
        maps = [singles[key] for key in row.combination.keys]
        if len(maps) == 1:
            return maps[0]
        return fuse(maps, row.fuse, normalisation=self.plan.normalisation)

    # --- overlap -------------------------------------------------------------------------------------------------

    def _overlap(self, picture: Picture, maps: Mapping[str, AttributionMap], result: ImageResult) -> None:
        assert result.scores is not None
        if not picture.masks:
            return
        size = next(iter(picture.masks.values())).shape
        options: dict[str, Any] = dict(self.plan.threshold_options)
        cuts = {}
        for name, attribution in maps.items():
            values = resize(attribution.values.astype(np.float64), size)
            cuts[name] = cut = threshold(values, self.plan.threshold, **options)
            for annotator, mask in picture.masks.items():
                scores = overlap(cut.mask, mask, values, ignore=255)
                result.scores += [Score(name, k, v, annotator) for k, v in scores.as_dict().items()]
            result.scores.append(Score(name, "mask_share", cut.share))
            result.scores.append(Score(name, "threshold_level", cut.level_minmax))
        result.pairs = pair_scores(
            {name: maps[name].values for name in self.singles}, {name: cuts[name].mask for name in self.singles}
        )

    # --- faithfulness --------------------------------------------------------------------------------------------

    def _faithful(
        self, x: torch.Tensor, maps: Mapping[str, AttributionMap], target: TargetLike | None, result: ImageResult
    ) -> None:
        chosen = set(self.plan.scores)
        metrics = [m for m in ("deletion", "insertion", "srg", "drop", "adcc") if m in chosen]
        if not metrics:
            return
        assert target is not None
        others = {name: attribution for name, attribution in maps.items() if name not in self.singles}
        if "adcc" in metrics and others:
            # A fusion is not a method that could be run again on the dimmed picture.
            self._ours(x, {name: maps[name] for name in self.singles}, target, metrics, result)
            rest = [m for m in metrics if m != "adcc"]
            if rest:
                self._ours(x, others, target, rest, result)
            return
        self._ours(x, maps, target, metrics, result)

    def _ours(
        self,
        x: torch.Tensor,
        maps: Mapping[str, AttributionMap],
        target: TargetLike,
        metrics: Sequence[str],
        result: ImageResult,
    ) -> None:
        assert result.scores is not None
        assert result.curves is not None
        found: dict[str, Faithfulness] = faithfulness(
            self.working,
            x[0],
            dict(maps),
            target,
            metrics=metrics,
            steps=self.plan.steps,
            percentages=self.plan.percentages,
            fill=self.plan.fill,
            unit=self.plan.unit,
            use=self.plan.use,
            seed=self.plan.seed,
            cancel=self.cancel,
        )
        for name, measured in found.items():
            result.scores += [Score(name, k, v) for k, v in measured.as_dict().items()]
            for kind, curve in (("deletion", measured.deletion_curve), ("insertion", measured.insertion_curve)):
                if curve is not None:
                    result.curves.append(StoredCurve(name, kind, measured.shares, curve))
