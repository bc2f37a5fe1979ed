"""What is computed of one image: maps, their combinations, masks, scores.

All methods share one trace, and all curves of the image share one queue of masked pictures.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vitinspect.errors import Cancelled, DataError, VitInspectError
from vitinspect.evaluation.datasets import Dataset, Item
from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.store import ImageResult, Score, StoredCurve
from vitinspect.fusion import Combination, fuse
from vitinspect.maps import AttributionMap, minmax, resize
from vitinspect.names import readable
from vitinspect.progress import CancelToken
from vitinspect.scores import protocols
from vitinspect.scores.curves import Curve, score_curves, trapezoid
from vitinspect.scores.masks import overlap
from vitinspect.scores.perturbation import Faithfulness, faithfulness
from vitinspect.thresholds import threshold

if TYPE_CHECKING:
    import torch

    from vitinspect.explainers.targets import TargetLike
    from vitinspect.models.preprocess import Placement
    from vitinspect.models.vit import ViT


_log = logging.getLogger(__name__)


@dataclass
class Picture:
    """An item that was read and prepared, ahead of the model."""

    item: Item
    position: int
    tensor: torch.Tensor | None = None
    placement: Placement | None = None
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    """Annotator to mask at the model's input size, 255 where it counts for nothing."""
    problem: str = ""


def read_picture(dataset: Dataset, item: Item, position: int, model: ViT, plan: Plan) -> Picture:
    """Decode and prepare one item; one that cannot be used, whatever the reason, says why instead of raising."""
    from vitinspect.images import open_image

    result = Picture(item, position, problem=item.problem)
    if item.problem:
        return result
    try:
        image = open_image(item.path)
        prepared = model.preprocess(image, plan.mode)
        result.tensor, result.placement = prepared.tensor, prepared.placement
        if "overlap" in plan.scores and item.masks:
            shown = prepared.placement.mask_to_input(np.ones((image.height, image.width), dtype=np.uint8))
            for annotator in item.masks:
                mask = dataset.read_mask(item, annotator)
                if mask.shape != (image.height, image.width):
                    raise DataError(
                        f"{item.masks[annotator].name} is {mask.shape[1]}x{mask.shape[0]} pixels, its picture "
                        f"{image.width}x{image.height}."
                    )
                # Padding is no background: nobody said anything of it.
                result.masks[annotator] = np.where(shown, prepared.placement.mask_to_input(mask), 255)
    except Exception as error:
        result.problem = _reason(error, item.key)
    return result


def _reason(error: Exception, key: str) -> str:
    """Why a picture failed, in words that can be stored. What nobody foresaw goes to the log with its place."""
    if isinstance(error, VitInspectError):
        return str(error)
    if isinstance(error, MemoryError):
        return "There was not enough memory for it."
    _log.warning("Evaluating %r failed unexpectedly", key, exc_info=error)
    return readable(f"unexpected {type(error).__name__}: {error}")


@dataclass
class Worker:
    """Evaluates pictures by one plan with one model."""

    model: ViT
    plan: Plan
    dataset: Dataset
    cancel: CancelToken | None = None
    combinations: list[Combination] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.combinations = self.plan.combinations()
        self.working = self.model.at_precision(self.plan.score_precision)

    def evaluate(self, picture: Picture) -> ImageResult:
        """All scores of one picture."""
        start = time.perf_counter()
        result = ImageResult(picture.item.key, picture.position)
        if picture.problem or picture.tensor is None:
            result.state, result.reason = "failed", picture.problem or "it could not be read"
            return result
        try:
            self._evaluate(picture, result)
        except Cancelled:
            raise
        except Exception as error:
            reason = _reason(error, picture.item.key)
            result.state, result.reason, result.scores, result.curves = "failed", reason, None, None
        result.seconds = time.perf_counter() - start
        return result

    def _evaluate(self, picture: Picture, result: ImageResult) -> None:
        from vitinspect.explainers.engine import explain

        assert picture.tensor is not None
        x = picture.tensor[None].to(self.working.device, self.working.dtype)
        logits = self.working.logits(x)[0].double()
        confidence = float(logits.softmax(-1).max())
        if confidence < self.plan.min_confidence:
            result.state = "skipped"
            result.reason = f"confidence {confidence:.3f} below {self.plan.min_confidence:g}"
            return
        target = self._target(picture, int(logits.argmax()))
        result.target = self._target_words(target)
        explanation = explain(
            self.model, picture.tensor, self.plan.methods, target, self.plan.precision, cancel=self.cancel
        )
        singles = dict(explanation.items())
        if self.plan.protocol == "vitmix":
            singles = {k: _vitmix_single(m) for k, m in singles.items()}
        maps = {c.name: self._combined(c, singles) for c in self.combinations}
        result.scores, result.curves = [], []
        if "overlap" in self.plan.scores:
            self._overlap(picture, maps, result)
        self._faithful(x, maps, target, result)

    def _target(self, picture: Picture, predicted: int) -> TargetLike:
        from vitinspect.explainers.targets import resolve

        wanted = self.plan.target
        if wanted == "predicted":
            return predicted
        if wanted == "label":
            label = picture.item.label
            index = None if label is None else self.model.find_label(label)
            if index is None:
                if label is not None and label.isdigit() and int(label) < self.model.outputs:
                    return int(label)
                raise DataError(
                    f"{picture.item.key} has no label." if label is None else self.model.unknown_label(label)
                )
            return index
        target = resolve(wanted, self.model)
        assert target is not None
        return target

    def _target_words(self, target: TargetLike) -> str:
        if isinstance(target, int):
            return self.model.labels[target]
        if isinstance(target, tuple):
            return f"{self.model.labels[target.a]} - {self.model.labels[target.b]}"
        return target.text

    def _combined(self, combination: Combination, singles: Mapping[str, AttributionMap]) -> AttributionMap:
        maps = [singles[key] for key in combination.keys]
        if len(maps) == 1:
            return maps[0]
        return fuse(maps, self.plan.fuse, normalisation=self.plan.normalisation)

    # --- overlap -------------------------------------------------------------------------------------------------

    def _overlap(self, picture: Picture, maps: Mapping[str, AttributionMap], result: ImageResult) -> None:
        assert result.scores is not None
        if not picture.masks:
            return
        if self.plan.protocol == "gmar":
            self._gmar_overlap(picture, maps, result)
            return
        size = next(iter(picture.masks.values())).shape
        for name, attribution in maps.items():
            values = resize(attribution.values.astype(np.float64), size)
            if self.plan.protocol == "segmentation":
                values = minmax(values)
            options: dict[str, Any] = dict(self.plan.threshold_options)
            cut = threshold(values, self.plan.threshold, **options)
            for annotator, mask in picture.masks.items():
                scores = overlap(cut.mask, mask, values, ignore=255)
                result.scores += [Score(name, k, v, annotator) for k, v in scores.as_dict().items()]
                if self.plan.protocol == "segmentation":
                    result.scores += [
                        Score(name, k, v, annotator) for k, v in chefer_counts(cut.mask, mask, values).items()
                    ]
            result.scores.append(Score(name, "mask_share", cut.share))
            result.scores.append(Score(name, "threshold_level", cut.level_minmax))

    def _gmar_overlap(self, picture: Picture, maps: Mapping[str, AttributionMap], result: ImageResult) -> None:
        """At grid resolution: the truth by nearest neighbour, the heat above 0.5 strictly."""
        assert result.scores is not None
        for name, attribution in maps.items():
            heat = minmax(attribution.values.astype(np.float64))
            predicted = heat > 0.5
            for annotator, mask in picture.masks.items():
                truth = resize((mask == 1).astype(np.float64), heat.shape, "nearest") > 0.5
                scores = overlap(predicted, truth, heat, boundaries=False)
                result.scores += [
                    Score(name, key, getattr(scores, key), annotator)
                    for key in ("pixel_accuracy", "iou", "average_precision")
                ]

    # --- faithfulness --------------------------------------------------------------------------------------------

    def _faithful(
        self, x: torch.Tensor, maps: Mapping[str, AttributionMap], target: TargetLike, result: ImageResult
    ) -> None:
        chosen = set(self.plan.scores)
        if self.plan.protocol == "vitmix":
            self._vitmix_deletion(x, maps, target, result)
            return
        if self.plan.protocol == "multiplex" and "curves" in chosen:
            self._multiplex_curves(x, maps, target, result)
            return
        if self.plan.protocol == "reciprocam":
            self._reciprocam(x, maps, target, result)
            return
        if self.plan.protocol == "gmar":
            self._gmar(x, maps, target, result)
            return
        if self.plan.protocol == "segmentation":
            return
        metrics = [m for m in ("deletion", "insertion", "srg", "drop", "adcc") if m in chosen]
        if not metrics:
            return
        if "adcc" in metrics and any(c.ways > 1 for c in self.combinations):
            # A fusion is no method that could be run again on the dimmed picture.
            self._ours(x, {c.name: maps[c.name] for c in self.combinations if c.ways == 1}, target, metrics, result)
            rest = [m for m in metrics if m != "adcc"]
            if rest:
                others = {c.name: maps[c.name] for c in self.combinations if c.ways > 1}
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

    # --- the authors' ----------------------------------------------------------------------------------------------

    def _vitmix_deletion(
        self, x: torch.Tensor, maps: Mapping[str, AttributionMap], target: TargetLike, result: ImageResult
    ) -> None:
        """``curves``: deletion of the Otsu mask, their data-set evaluation. ``deletion``: of the upsampled map, the
        sensible reading, which costs as much again."""
        assert result.scores is not None
        assert result.curves is not None
        size = (int(x.shape[-2]), int(x.shape[-1]))
        curves: list[tuple[str, str, Curve]] = []
        for name, attribution in maps.items():
            up = resize(attribution.values.astype(np.float64), size)
            mask = threshold(up, "otsu").mask
            for asked, kind, ranked in (("curves", "deletion_mask", mask), ("deletion", "deletion", up)):
                if asked not in self.plan.scores:
                    continue
                curves.append((name, kind, protocols.vitmix_deletion_curve(x, ranked, target)))
        score_curves(self.working, [c for *_, c in curves], cancel=self.cancel)
        places = np.linspace(0, 1, 101)
        for name, kind, curve in curves:
            score = "deletion_auc_vitmix" if kind == "deletion_mask" else "deletion_auc"
            result.scores.append(Score(name, score, trapezoid(curve.scores)))
            result.curves.append(StoredCurve(name, kind, places, curve.scores))

    def _multiplex_curves(
        self, x: torch.Tensor, maps: Mapping[str, AttributionMap], target: TargetLike, result: ImageResult
    ) -> None:
        assert result.scores is not None
        assert result.curves is not None
        places = np.array(protocols.MULTIPLEX_PERCENTAGES) / 100
        pairs = [
            (name, fill, protocols.multiplex_curves(x, attribution.values, target, fill))
            for name, attribution in maps.items()
            for fill in ("black", "mean")
        ]
        score_curves(self.working, [c for *_, both in pairs for c in both], cancel=self.cancel)
        for name, fill, (insertion, deletion) in pairs:
            for kind, curve in (("insertion", insertion), ("deletion", deletion)):
                area = protocols.multiplex_auc(curve.scores, deletion=kind == "deletion")
                result.scores.append(Score(name, f"{kind}_auc_{fill}", area))
                result.curves.append(StoredCurve(name, f"{kind}_{fill}", places, curve.scores))

    def _reciprocam(
        self, x: torch.Tensor, maps: Mapping[str, AttributionMap], target: TargetLike, result: ImageResult
    ) -> None:
        from vitinspect.explainers.engine import explain

        assert result.scores is not None
        for name, attribution in maps.items():
            cam = minmax(attribution.values.astype(np.float64))
            deletion, insertion = protocols.reciprocam_auc(self.working, x, cam, target)
            drop = protocols.reciprocam_drop(self.working, x, cam[None], [target])
            result.scores += [
                Score(name, "average_drop", drop.average_drop),
                Score(name, "average_increase", drop.average_increase),
                Score(name, "deletion_auc", deletion.auc * 100),
                Score(name, "insertion_auc", insertion.auc * 100),
            ]
            if attribution.key and attribution.method != "fused" and "adcc" in self.plan.scores:
                product = protocols.product_images(x, cam[None])
                again = explain(self.model, product[0], [attribution.key], target, self.plan.precision)
                second = minmax(again[attribution.key].values.astype(np.float64))
                whole = protocols.adcc_of(drop, cam[None], second[None])
                result.scores += [
                    Score(name, "coherency", whole.coherency),
                    Score(name, "complexity", whole.complexity),
                    Score(name, "adcc_image", whole.adcc),
                ]

    def _gmar(
        self, x: torch.Tensor, maps: Mapping[str, AttributionMap], target: TargetLike, result: ImageResult
    ) -> None:
        assert result.scores is not None
        for name, attribution in maps.items():
            heat = minmax(attribution.values.astype(np.float64))
            fidelity = protocols.gmar_fidelity(self.working, x, heat, target)
            insertion, deletion = protocols.gmar_insertion_deletion(self.working, x, heat, target)
            result.scores += [
                Score(name, "average_drop", fidelity.drop),
                Score(name, "average_increase", fidelity.increase * 100),
                Score(name, "average_gain", fidelity.gain),
                Score(name, "insertion_auc", insertion.auc),
                Score(name, "deletion_auc", deletion.auc),
            ]


def _vitmix_single(attribution: AttributionMap) -> AttributionMap:
    """Only the attention Grad-CAM is normalised before fusion, in the ViTmiX script."""
    if attribution.method == "attention_gradcam":
        return attribution.with_values(minmax(attribution.values))
    return attribution


def chefer_counts(predicted: np.ndarray, labels: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """What Chefer's segmentation test adds up over the data set: it divides sums, and does not average ratios.

    Their average precision is taken over both classes together: the map against the mask and one minus the map
    against the background, in one list.
    """
    from vitinspect.scores.masks import average_precision

    valid = labels != 255
    real, found = (labels > 0) & valid, predicted & valid
    heat = minmax(values)
    both = np.stack([1 - heat, heat]).reshape(2, -1)[:, valid.reshape(-1)]
    truth = np.stack([~real, real]).reshape(2, -1)[:, valid.reshape(-1)]
    return {
        "true_positive": float((found & real).sum()),
        "false_positive": float((found & ~real).sum()),
        "false_negative": float((~found & real).sum()),
        "true_negative": float((~found & ~real & valid).sum()),
        "average_precision_two_classes": average_precision(both, truth),
    }
