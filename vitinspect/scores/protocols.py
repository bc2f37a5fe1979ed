"""Published protocols, number for number, each under its authors' name and with their quirks.

Our own definitions are in ``perturbation.py``. Arrays are the maps as the authors' scripts hold them at that point;
``x`` is one preprocessed image (1, 3, S, S).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from vitinspect.errors import ParameterError
from vitinspect.maps import resize
from vitinspect.scores.curves import (
    NEVER,
    Curve,
    descending,
    equal_steps,
    score_curves,
    score_pictures,
    trapezoid,
    turns,
)
from vitinspect.scores.fills import blurred_pixels, fill_image

if TYPE_CHECKING:
    import torch

    from vitinspect.explainers.targets import TargetLike
    from vitinspect.models.preprocess import Preprocessing
    from vitinspect.models.vit import ViT

MULTIPLEX_PERCENTAGES = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)


@dataclass(frozen=True)
class CurveResult:
    """A curve and its area by the protocol's definition."""

    scores: np.ndarray
    auc: float


# --- ViTmiX --------------------------------------------------------------------------------------------------


def vitmix_deletion_curve(
    x: torch.Tensor,
    ranked: np.ndarray,
    target: TargetLike,
    steps: int = 100,
    fill: torch.Tensor | None = None,
) -> Curve:
    """Deletion as in the ViTmiX script: in 100 steps the next ``H*W // 100`` pixels become zero (mean colour).

    What is ranked determines what is measured: the upsampled map (the sensible choice), the Otsu mask (their data-set
    evaluation; inside the mask the order is arbitrary, here reading order), or the token grid, whose indices their
    script then takes *as pixel indices* (their evaluation on annotated ImageNet images).
    """
    height, width = x.shape[-2:]
    count = height * width
    turn = turns(descending(ranked), equal_steps(count, steps), count)
    return Curve(x[0], fill_image(x, "black")[0] if fill is None else fill, turn, steps, target)


def vitmix_deletion(model: ViT, x: torch.Tensor, ranked: np.ndarray, target: TargetLike) -> CurveResult:
    """The 101 softmax probabilities, and the trapezoid over them on 0..1."""
    curve = vitmix_deletion_curve(x, ranked, target)
    score_curves(model, [curve])
    return CurveResult(curve.scores, trapezoid(curve.scores))


# --- the multiplex notebook ------------------------------------------------------------------------------------


def multiplex_curves(
    x: torch.Tensor, heatmap: np.ndarray, target: TargetLike, fill: str = "black", *, seed: int = 0
) -> tuple[Curve, Curve]:
    """Insertion and deletion of the multiplex notebook: nearest upsampling, twelve percentages, all ties of a patch
    in reverse reading order (a stable ascending sort of which the last k are taken)."""
    height, width = x.shape[-2:]
    count = height * width
    values = resize(np.asarray(heatmap, dtype=np.float64), (height, width), "nearest")
    order = np.argsort(values.reshape(-1), kind="stable")[::-1]
    kind = {"mean": "mean_scalar"}.get(fill, fill)
    picture = fill_image(x, kind, kernel=15, seed=seed)[0]
    # A share that rounds to zero pixels selects all of them, since their slice starts from -0.
    ends = [int(p / 100 * count) or count for p in MULTIPLEX_PERCENTAGES]
    turn = np.full(count, NEVER, dtype=np.int32)
    for step in reversed(range(len(ends))):
        turn[order[: ends[step]]] = step
    steps = len(ends)
    return (
        Curve(x[0], picture, turn, steps, target, insertion=True, first=1),
        Curve(x[0], picture, turn, steps, target, first=1),
    )


def multiplex_auc(scores: np.ndarray, deletion: bool, start: float | None = None) -> float:
    """Trapezoid over percentages, 0..100. Deletion begins at (0 %, 0) as in theirs, unless the true start is given."""
    places = [float(p) for p in MULTIPLEX_PERCENTAGES]
    values = list(scores)
    if deletion:
        places, values = [0.0, *places], [0.0 if start is None else start, *values]
    return trapezoid(values, places)


def multiplex_insertion_deletion(
    model: ViT, x: torch.Tensor, heatmap: np.ndarray, target: TargetLike, fill: str = "black"
) -> tuple[CurveResult, CurveResult]:
    """Both curves of the notebook, at its twelve percentages, with its areas."""
    insertion, deletion = multiplex_curves(x, heatmap, target, fill)
    score_curves(model, [insertion, deletion])
    return (
        CurveResult(insertion.scores, multiplex_auc(insertion.scores, deletion=False)),
        CurveResult(deletion.scores, multiplex_auc(deletion.scores, deletion=True)),
    )


# --- ReciproCAM ------------------------------------------------------------------------------------------------


def pil_bicubic(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """PIL's bicubic resize of a float image (its kernel and antialiasing; overshoot is not clipped)."""
    picture = Image.fromarray(np.asarray(values, dtype=np.float32))
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BICUBIC))


@dataclass(frozen=True)
class DropResult:
    """Per sample: the label's probability on the image and on the image times its map."""

    full: np.ndarray
    kept: np.ndarray

    @property
    def drop(self) -> np.ndarray:
        """``[Y - O]+ / Y``, a fraction per sample."""
        return np.clip(self.full - self.kept, 0, None) / self.full

    @property
    def average_drop(self) -> float:
        return float(self.drop.mean() * 100)

    @property
    def average_increase(self) -> float:
        return float((self.kept > self.full).mean() * 100)


def product_images(x: torch.Tensor, maps: np.ndarray) -> torch.Tensor:
    """Each normalised image times its upsampled map: where the map is 0 the mean colour of the training data."""
    size = (int(x.shape[-2]), int(x.shape[-1]))
    upsampled = np.stack([pil_bicubic(m, size) for m in maps])
    return x * x.new_tensor(upsampled)[:, None]


def reciprocam_drop(model: ViT, x: torch.Tensor, maps: np.ndarray, labels: Sequence[TargetLike]) -> DropResult:
    """Average drop and increase. x (B, 3, S, S), maps (B, h, w) with values 0..1, one label per sample."""
    masked = product_images(x, maps)
    count = len(labels)

    def both(rows: slice) -> torch.Tensor:
        import torch

        return torch.stack([x[i] if i < count else masked[i - count] for i in range(rows.start, rows.stop)])

    scores, _ = score_pictures(model, 2 * count, both, [*labels, *labels])
    return DropResult(scores[:count], scores[count:])


def reciprocam_curves(x: torch.Tensor, cam: np.ndarray, target: TargetLike) -> tuple[Curve, Curve]:
    """Deletion and insertion over ``int(S/32)`` squared cells, each overlapping its neighbour by one pixel.

    The map's flat indices are read in a grid of that width, whatever the map's own width is: for a 14x14 map at 224
    pixels most of the 49 highest lie outside of the picture and change nothing. The authors' script does the same.
    """
    height, width = (int(n) for n in x.shape[-2:])
    cells = int(height / 32)
    if cells < 1:
        raise ParameterError(f"ReciproCAM's curves need at least 32 pixels; the image has {height}.")
    side = int(height / cells)
    steps = cells * cells
    turn = np.full((height, width), NEVER, dtype=np.int32)
    order = descending(cam)[:steps]
    for step, index in reversed(list(enumerate(order))):
        row, column = divmod(int(index), cells)
        bottom, right = min((row + 1) * side, height - 1), min((column + 1) * side, width - 1)
        turn[row * side : bottom + 1, column * side : right + 1] = step
    return _cell_curves(x, turn, steps, target)


def reciprocam_grid_curves(x: torch.Tensor, cam: np.ndarray, target: TargetLike) -> tuple[Curve, Curve]:
    """The same over every cell of the map's own grid, each once and without overlap."""
    height, width = (int(n) for n in x.shape[-2:])
    rows, columns = cam.shape
    rank = np.empty(cam.size, dtype=np.int32)
    rank[descending(cam)] = np.arange(cam.size, dtype=np.int32)
    down, across = (np.minimum(np.arange(n) * cells // n, cells - 1) for n, cells in ((height, rows), (width, columns)))
    turn = rank.reshape(cam.shape)[np.ix_(down, across)]
    return _cell_curves(x, turn, cam.size, target)


def _cell_curves(x: torch.Tensor, turn: np.ndarray, steps: int, target: TargetLike) -> tuple[Curve, Curve]:
    """Deletion to the mean colour of the training data, insertion into the picture's own mean colour."""
    return (
        Curve(x[0], fill_image(x, "black")[0], turn, steps, target),
        Curve(x[0], fill_image(x, "mean")[0], turn, steps, target, insertion=True, first=1),
    )


def reciprocam_auc(model: ViT, x: torch.Tensor, cam: np.ndarray, target: TargetLike) -> tuple[CurveResult, CurveResult]:
    """Deletion and insertion of one image; areas with unit spacing over ``M + 1``, as fractions."""
    return _cell_areas(model, *reciprocam_curves(x, cam, target))


def reciprocam_grid_auc(
    model: ViT, x: torch.Tensor, cam: np.ndarray, target: TargetLike
) -> tuple[CurveResult, CurveResult]:
    """The same over every cell of the map's grid."""
    return _cell_areas(model, *reciprocam_grid_curves(x, cam, target))


def _cell_areas(model: ViT, deletion: Curve, insertion: Curve) -> tuple[CurveResult, CurveResult]:
    score_curves(model, [deletion, insertion])
    inserted = np.append(insertion.scores, deletion.scores[0])
    places = np.arange(len(inserted))
    share = 1 / (deletion.steps + 1)
    return (
        CurveResult(deletion.scores, trapezoid(deletion.scores, places) * share),
        CurveResult(inserted, trapezoid(inserted, places) * share),
    )


@dataclass(frozen=True)
class Adcc:
    """All in percent, in the authors' order."""

    drop: float
    increase: float
    coherency: float
    complexity: float
    adcc: float
    coherency_per_sample: np.ndarray
    complexity_per_sample: np.ndarray


def adcc_of(drop: DropResult, first: np.ndarray, second: np.ndarray) -> Adcc:
    """From the maps of the images and of the product images, all with values 0..1."""
    coherency = np.array([(1 + _pearson(a, b)) / 2 for a, b in zip(first, second, strict=True)])
    complexity = np.asarray(first, dtype=np.float64).reshape(len(first), -1).mean(1)
    ch, cx, ad = float(coherency.mean()), float(complexity.mean()), float(drop.drop.mean())
    parts = (ch, 1 - cx, 1 - ad)
    # A harmonic mean is 0 if one of its parts is.
    adcc = 3 / sum(1 / p for p in parts) if min(parts) > 0 else 0.0
    return Adcc(ad * 100, drop.average_increase, ch * 100, cx * 100, adcc * 100, coherency, complexity)


def reciprocam_adcc(
    model: ViT,
    x: torch.Tensor,
    labels: Sequence[TargetLike],
    explain: Callable[[torch.Tensor, Sequence[TargetLike]], np.ndarray],
) -> Adcc:
    """ADCC (Poppi et al. 2021, arXiv:2104.10252) as the ReciproCAM authors compute it.

    ``explain(images, labels)`` gives maps with values 0..1; it is called for the images and for the products.
    """
    first = np.asarray(explain(x, labels))
    drop = reciprocam_drop(model, x, first, labels)
    return adcc_of(drop, first, np.asarray(explain(product_images(x, first), labels)))


def _pearson(a: Any, b: Any) -> float:
    x, y = (np.asarray(v, dtype=np.float64).reshape(-1) for v in (a, b))
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum() / scale) if scale > 0 else 0.0


# --- the GMAR and LeGrad comparison ----------------------------------------------------------------------------


def gmar_heat(values: np.ndarray, size: tuple[int, int], patchwise: bool = True) -> np.ndarray:
    """The heat at pixel size: minus its minimum, over its maximum + 1e-8; nearest or bilinear."""
    values = np.asarray(values, dtype=np.float64)
    shifted = values - values.min()
    return resize(shifted / (shifted.max() + 1e-8), size, "nearest" if patchwise else "bilinear")


@dataclass(frozen=True)
class GmarFidelity:
    """Average drop and increase on logits, average gain on probabilities; drops and gains in percent."""

    drop: float
    increase: float
    gain: float
    logit: float
    logit_kept: float
    probability: float
    probability_kept: float


def gmar_fidelity(
    model: ViT,
    x: torch.Tensor,
    values: np.ndarray,
    target: TargetLike,
    preprocessing: Preprocessing | None = None,
    *,
    keep_ratio: float = 0.25,
    patchwise: bool = True,
) -> GmarFidelity:
    """How much the score falls if only the highest quarter of the heat is kept and the rest is blurred."""
    import torch

    preprocessing = preprocessing or model.preprocessing
    size = (int(x.shape[-2]), int(x.shape[-1]))
    heat = gmar_heat(values, size, patchwise)
    keep = torch.from_numpy(heat >= np.quantile(heat, 1 - keep_ratio)).to(x.device)
    masked = torch.where(keep, x, blurred_pixels(x, preprocessing))
    both = torch.cat([x, masked])
    (logit, logit_kept), _ = score_pictures(model, 2, lambda rows: both[rows], [target] * 2, use="logit")
    (p, p_kept), _ = score_pictures(model, 2, lambda rows: both[rows], [target] * 2)
    return GmarFidelity(
        drop=100 * max(0.0, logit - logit_kept) / (abs(logit) + 1e-8),
        increase=float(logit_kept > logit),
        gain=100 * max(0.0, p_kept - p) / max(1e-8, 1 - p),
        logit=float(logit),
        logit_kept=float(logit_kept),
        probability=float(p),
        probability_kept=float(p_kept),
    )


def gmar_insertion_deletion(
    model: ViT,
    x: torch.Tensor,
    values: np.ndarray,
    target: TargetLike,
    preprocessing: Preprocessing | None = None,
    *,
    steps: int = 100,
    patchwise: bool = True,
    order: np.ndarray | None = None,
) -> tuple[CurveResult, CurveResult]:
    """Insertion into, and deletion to, the blurred picture; logits rescaled between the two and clamped to 0..1.

    ``max(1, S*S // steps)`` pixels change per step until all have. Inside a patch all pixels tie, and the authors'
    order among them is that of an unstable sort; here it is reading order, unless an ``order`` is given. Where blurring
    raises the logit, the divisor becomes 1e-8 and the curve is 0 or 1 by sign alone, as in their script.
    """
    preprocessing = preprocessing or model.preprocessing
    height, width = (int(n) for n in x.shape[-2:])
    count = height * width
    if order is None:
        order = descending(gmar_heat(values, (height, width), patchwise))
    portion = max(1, count // steps)
    sizes = [min(portion, count - start) for start in range(0, count, portion)]
    turn = turns(np.asarray(order), sizes, count)
    fill = blurred_pixels(x, preprocessing)[0]
    curves = [Curve(x[0], fill, turn, len(sizes), target, insertion=insertion) for insertion in (True, False)]
    score_curves(model, curves, use="logit")
    base, full = float(curves[0].scores[0]), float(curves[1].scores[0])
    places = np.concatenate(([0], np.cumsum(sizes))) / count
    results = []
    for curve in curves:
        scaled = np.clip((curve.scores - base) / max(1e-8, full - base), 0, 1)
        results.append(CurveResult(curve.scores, trapezoid(scaled, places)))
    return results[0], results[1]


# --- Chefer et al. -----------------------------------------------------------------------------------------------

CHEFER_SHARES = tuple(i / 10 for i in range(1, 10))


def chefer_perturbation_curves(
    x: torch.Tensor, heat: np.ndarray, target: TargetLike, preprocessing: Preprocessing
) -> tuple[Curve, Curve]:
    """Positive and negative perturbation (Chefer, Gur & Wolf, CVPR 2021): 0 to 90 % of the pixels turn black, the
    most relevant first, or the least. ``heat`` has the image's size, ``target`` is the class that should remain the
    most probable."""
    count = int(x.shape[-2] * x.shape[-1])
    fill = fill_image(x, "true_black", preprocessing)[0]
    sizes = np.diff([0, *(int(count * share) for share in CHEFER_SHARES)]).tolist()
    curves = []
    for sign in (1, -1):
        turn = turns(descending(sign * np.asarray(heat, dtype=np.float64)), sizes, count)
        curves.append(Curve(x[0], fill, turn, len(sizes), target))
    return curves[0], curves[1]


@dataclass(frozen=True)
class PerturbationAccuracy:
    """Whether the class is the most probable with 0, 10, ... 90 % of the pixels removed; the area is the trapezoid over
    these shares, in percent: at most 90."""

    positive: np.ndarray
    negative: np.ndarray

    @property
    def positive_auc(self) -> float:
        """Lower is better: removing relevant pixels should change the prediction."""
        return 100 * trapezoid(self.positive, (0.0, *CHEFER_SHARES))

    @property
    def negative_auc(self) -> float:
        """Higher is better: removing irrelevant pixels should not."""
        return 100 * trapezoid(self.negative, (0.0, *CHEFER_SHARES))


def chefer_perturbation(
    model: ViT, x: torch.Tensor, heat: np.ndarray, target: TargetLike, preprocessing: Preprocessing | None = None
) -> PerturbationAccuracy:
    """Both curves of one image; average over images for the paper's table."""
    curves = chefer_perturbation_curves(x, heat, target, preprocessing or model.preprocessing)
    score_curves(model, curves)
    return PerturbationAccuracy(curves[0].hits, curves[1].hits)
