"""The measurements on one picture under a published protocol. The picture and its masks are read by ``reading.py``.

Each function takes a ``Job`` and adds scores and curves to its result, under the names that ``tables.py`` shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vitinspect.evaluation.pigeonhole import pair_scores
from vitinspect.evaluation.store import ImageResult, Score, StoredCurve
from vitinspect.maps import AttributionMap, minmax, resize
from vitinspect.scores import protocols
from vitinspect.scores.curves import Curve, score_curves, trapezoid
from vitinspect.scores.fills import fill_image
from vitinspect.scores.masks import average_precision, overlap, ratio
from vitinspect.thresholds import ThresholdedMap, threshold

if TYPE_CHECKING:
    import torch

    from vitinspect.evaluation.plan import Plan
    from vitinspect.explainers.targets import TargetLike
    from vitinspect.models.vit import ViT
    from vitinspect.progress import CancelToken


@dataclass
class Job:
    """One picture with its maps."""

    plan: Plan
    model: ViT
    """The model that explains."""
    working: ViT
    """The same model in the precision in which masked pictures are scored."""
    x: torch.Tensor
    """(1, 3, H, W), normalised."""
    masks: Mapping[str, np.ndarray]
    maps: Mapping[str, AttributionMap]
    """Row to map, single methods and fusions."""
    singles: tuple[str, ...]
    """The rows of one method alone."""
    target: TargetLike
    judged: int | None
    """The class that must remain the most probable, where a protocol counts hits: the label, or else the prediction."""
    result: ImageResult
    cancel: CancelToken | None = None

    @property
    def size(self) -> tuple[int, int]:
        return int(self.x.shape[-2]), int(self.x.shape[-1])

    def score(self, row: str, name: str, value: float, annotator: str = "") -> None:
        assert self.result.scores is not None
        self.result.scores.append(Score(row, name, float(value), annotator))

    def curve(self, row: str, kind: str, places: np.ndarray, points: np.ndarray) -> None:
        assert self.result.curves is not None
        self.result.curves.append(StoredCurve(row, kind, places, points))

    def cut(self, values: np.ndarray) -> ThresholdedMap:
        options: dict[str, Any] = dict(self.plan.threshold_options)
        return threshold(values, self.plan.threshold, **options)

    def run(self, curves: list[Curve], use: str = "probability") -> None:
        score_curves(self.working, curves, use=use, cancel=self.cancel)

    def pigeonhole(self, values: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray]) -> None:
        """How much the methods' masks overlap, and how much they must."""
        chosen = [row for row in self.singles if row in masks]
        self.result.pairs = pair_scores({r: values[r] for r in chosen}, {r: masks[r] for r in chosen})


def enlarged(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The map at the input's size as the scripts enlarge it: by torch, in float32, to the last bit. Which pixels tie,
    and which 8-bit value a pixel gets, depends on it."""
    import torch
    import torch.nn.functional as F

    if values.shape == size:
        return values.astype(np.float32)
    grid = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None, None]
    return F.interpolate(grid, size=size, mode="bilinear", align_corners=False)[0, 0].numpy()


# --- ViTmiX ------------------------------------------------------------------------------------------------------


def vitmix(job: Job) -> None:
    """Overlap of the Otsu mask; deletion of what the variant ranks. In float32, as the script: Otsu's 8 bits depend on
    whether 1e-8 is lost in rounding against the map's range."""
    ups = {row: enlarged(m.values, job.size) for row, m in job.maps.items()}
    cuts = {row: job.cut(up) for row, up in ups.items()}
    if "overlap" in job.plan.scores:
        for row, cut in cuts.items():
            _overlap(job, row, cut, ups[row])
        job.pigeonhole({r: job.maps[r].values for r in job.singles}, {r: c.mask for r, c in cuts.items()})
    tokens = job.plan.variant == "imagenet"
    fill, steps = (
        fill_image(job.x, job.plan.fill, job.model.preprocessing, seed=job.plan.seed)[0],
        job.plan.steps or 100,
    )
    curves: list[tuple[str, str, Curve]] = []
    for row, attribution in job.maps.items():
        ranked = {
            "deletion_tokens": attribution.values if "curves" in job.plan.scores and tokens else None,
            "deletion_mask": cuts[row].mask if "curves" in job.plan.scores and not tokens else None,
            "deletion": ups[row] if "deletion" in job.plan.scores else None,
        }
        curves += [
            (row, kind, protocols.vitmix_deletion_curve(job.x, values, job.target, steps, fill))
            for kind, values in ranked.items()
            if values is not None
        ]
    job.run([curve for *_, curve in curves])
    for row, kind, curve in curves:
        job.score(row, "deletion_auc" if kind == "deletion" else "deletion_auc_vitmix", trapezoid(curve.scores))
        job.curve(row, kind, np.linspace(0, 1, curve.steps + 1), curve.scores)


def vitmix_single(attribution: AttributionMap) -> AttributionMap:
    """Only the attention Grad-CAM is normalised before fusion, in the ViTmiX script."""
    if attribution.method == "attention_gradcam":
        return attribution.with_values(minmax(attribution.values))
    return attribution


def _overlap(job: Job, row: str, cut: ThresholdedMap, values: np.ndarray) -> None:
    for annotator, mask in job.masks.items():
        for name, value in overlap(cut.mask, mask, values, ignore=255).as_dict().items():
            job.score(row, name, value, annotator)
        job.score(row, "truth_share", float((mask == 1).mean()), annotator)
    job.score(row, "mask_share", cut.share)
    job.score(row, "threshold_level", cut.level_minmax)


# --- the multiplex notebook ----------------------------------------------------------------------------------------


def multiplex(job: Job) -> None:
    """Insertion and deletion at twelve percentages, for each fill."""
    places = np.array(protocols.MULTIPLEX_PERCENTAGES) / 100
    pairs = [
        (row, fill, protocols.multiplex_curves(job.x, m.values, job.target, fill, seed=job.plan.seed))
        for row, m in job.maps.items()
        for fill in job.plan.fill.split("+")
    ]
    job.run([curve for *_, both in pairs for curve in both])
    for row, fill, (insertion, deletion) in pairs:
        for kind, curve in (("insertion", insertion), ("deletion", deletion)):
            job.score(row, f"{kind}_auc_{fill}", protocols.multiplex_auc(curve.scores, deletion=kind == "deletion"))
            job.curve(row, f"{kind}_{fill}", places, curve.scores)


# --- ReciproCAM ---------------------------------------------------------------------------------------------------


def reciprocam(job: Job) -> None:
    """Drop, increase and ADCC of the picture times its map; deletion and insertion over cells. All in percent."""
    from vitinspect.explainers.engine import explain

    for row, attribution in job.maps.items():
        cam = minmax(attribution.values.astype(np.float64))
        if "curves" in job.plan.scores:
            deletion, insertion = protocols.reciprocam_auc(job.working, job.x, cam, job.target)
            job.score(row, "deletion_auc", deletion.auc * 100)
            job.score(row, "insertion_auc", insertion.auc * 100)
        if "grid_curves" in job.plan.scores:
            grid = job.working.grid_for(*job.size)
            cells = cam if cam.shape == grid else resize(cam, grid)
            deletion, insertion = protocols.reciprocam_grid_auc(job.working, job.x, cells, job.target)
            job.score(row, "deletion_auc_all_cells", deletion.auc * 100)
            job.score(row, "insertion_auc_all_cells", insertion.auc * 100)
        if "adcc" not in job.plan.scores:
            continue
        drop = protocols.reciprocam_drop(job.working, job.x, cam[None], [job.target])
        job.score(row, "average_drop", drop.average_drop)
        job.score(row, "average_increase", drop.average_increase)
        if attribution.method != "fused" and attribution.key:
            product = protocols.product_images(job.x, cam[None])
            again = explain(job.model, product[0], [attribution.key], job.target, job.plan.precision)
            second = minmax(again[attribution.key].values.astype(np.float64))
            whole = protocols.adcc_of(drop, cam[None], second[None])
            job.score(row, "coherency", whole.coherency)
            job.score(row, "complexity", whole.complexity)
            job.score(row, "adcc_image", whole.adcc)


# --- GMAR-Plus and the comparison before it ---------------------------------------------------------------------


def gmar(job: Job) -> None:
    """Mask metrics on the grid, above 0.5 strictly; in GMAR-Plus also fidelity against the blurred picture."""
    heats = {}
    for row, attribution in job.maps.items():
        heat = _heat(attribution.values.astype(np.float32))
        # GMAR-Plus scales the finished map to 0..1 once more before it cuts.
        heats[row] = _heat(heat) if job.plan.variant == "gmar-plus" else heat
    for row, heat in heats.items():
        for annotator, truth in job.masks.items():
            values = heat if heat.shape == truth.shape else resize(heat, truth.shape)
            scores = overlap(values > 0.5, truth, values, ignore=255, boundaries=False)
            for name in ("pixel_accuracy", "iou", "average_precision"):
                job.score(row, name, getattr(scores, name), annotator)
            job.score(row, "truth_share", float((truth == 1).mean()), annotator)
    if "overlap" in job.plan.scores:
        job.pigeonhole(heats, {row: heat > 0.5 for row, heat in heats.items()})
    if "curves" not in job.plan.scores:
        return
    for row, heat in heats.items():
        fidelity = protocols.gmar_fidelity(job.working, job.x, heat, job.target)
        insertion, deletion = protocols.gmar_insertion_deletion(
            job.working, job.x, heat, job.target, steps=job.plan.steps or 100
        )
        job.score(row, "average_drop", fidelity.drop)
        job.score(row, "average_increase", fidelity.increase * 100)
        job.score(row, "average_gain", fidelity.gain)
        job.score(row, "insertion_auc", insertion.auc)
        job.score(row, "deletion_auc", deletion.auc)


def _heat(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    return (values - low) / (high - low + np.float32(1e-8))


# --- Chefer, Gur & Wolf -----------------------------------------------------------------------------------------


def segmentation(job: Job) -> None:
    """Counts for sums over the data set, and the positive and negative perturbation test."""
    # In float32 as theirs: which values tie decides the average precision's third digit.
    heats = {row: minmax(enlarged(m.values, job.size)) for row, m in job.maps.items()}
    if "overlap" in job.plan.scores and job.masks:
        cuts = {row: job.cut(heat) for row, heat in heats.items()}
        for row, cut in cuts.items():
            _overlap(job, row, cut, heats[row])
            for annotator, mask in job.masks.items():
                for name, value in chefer_counts(cut.mask, mask, heats[row]).items():
                    job.score(row, name, value, annotator)
        job.pigeonhole(heats, {row: cut.mask for row, cut in cuts.items()})
    if "perturbation" in job.plan.scores and job.judged is not None:
        _perturbation(job, heats)


def _perturbation(job: Job, heats: Mapping[str, np.ndarray]) -> None:
    assert job.judged is not None
    both = {
        row: protocols.chefer_perturbation_curves(job.x, heat, job.judged, job.model.preprocessing)
        for row, heat in heats.items()
    }
    job.run([curve for curves in both.values() for curve in curves])
    for row, (positive, negative) in both.items():
        found = protocols.PerturbationAccuracy(positive.hits, negative.hits)
        job.score(row, "positive_perturbation_auc", found.positive_auc)
        job.score(row, "negative_perturbation_auc", found.negative_auc)
        shares = np.array((0.0, *protocols.CHEFER_SHARES))
        job.curve(row, "positive_perturbation", shares, found.positive)
        job.curve(row, "negative_perturbation", shares, found.negative)


def chefer_counts(predicted: np.ndarray, labels: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """The counts that Chefer's segmentation test sums over the data set: it divides sums, and does not average ratios.

    Their average precision is taken over both classes together: the map against the mask and one minus the map
    against the background, in one list. Their F1 treats the picture's rows as a batch: it is the mean over rows of each
    row's F1, 0 for a row without foreground on either side.
    """
    valid = labels != 255
    real, found = (labels > 0) & valid, predicted & valid
    heat = minmax(values)
    both = np.stack([1 - heat, heat]).reshape(2, -1)[:, valid.reshape(-1)]
    truth = np.stack([~real, real]).reshape(2, -1)[:, valid.reshape(-1)]
    hits, marked = (real & found).sum(1), real.sum(1) + found.sum(1)
    rows = [ratio(2 * float(tp), float(both_marked)) for tp, both_marked in zip(hits, marked, strict=True)]
    return {
        "true_positive": float((found & real).sum()),
        "false_positive": float((found & ~real).sum()),
        "false_negative": float((~found & real).sum()),
        "true_negative": float((~found & ~real & valid).sum()),
        "average_precision_two_classes": average_precision(both, truth),
        "f1_over_rows": float(np.mean(rows)),
    }


MEASURES: dict[str, Callable[[Job], None]] = {
    "vitmix": vitmix,
    "multiplex": multiplex,
    "reciprocam": reciprocam,
    "gmar": gmar,
    "segmentation": segmentation,
}
