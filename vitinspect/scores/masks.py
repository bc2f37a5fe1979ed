"""How well a mask, or a map, fits a mask drawn by people. Pure numpy.

Edge cases are defined, so that a table has no unexpected NaN: a ratio whose denominator is zero is 0, as in the scripts
of ViTmiX and GMAR-Plus and by default in scikit-learn. So the IoU of two empty masks is 0.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from vitinspect.errors import DataError
from vitinspect.maps import AttributionMap, values_of

BOUNDARY_TOLERANCE = 0.0075
"""As a fraction of the picture's diagonal, as in Csurka et al. (BMVC 2013)."""


@dataclass(frozen=True)
class Overlap:
    """All overlap scores of one map on one picture. Scores that need the raw map are None without one."""

    iou: float
    f1: float
    """The Dice coefficient; the two are the same number."""
    precision: float
    recall: float
    pixel_accuracy: float
    """The share of all pixels that are classified correctly."""
    pixel_accuracy_vitmix: float
    """What the ViTmiX script calls pixel accuracy: the recall."""
    mean_iou: float
    """Mean of the IoU of the foreground and of the background."""
    hausdorff95: float
    """In pixels. The picture's diagonal if one of the masks is empty, 0 if both are."""
    boundary_f1: float
    average_precision: float | None = None
    best_iou: float | None = None
    """The highest IoU that any threshold of the map reaches."""
    best_level: float | None = None
    """The lowest value inside the mask of that IoU."""
    pointing_game: float | None = None
    """1 if the map's highest value lies in the mask; if several pixels share it, the fraction of them that do."""
    energy_inside: float | None = None
    """The share of the map's positive mass that lies in the mask (the energy-based pointing game)."""

    def as_dict(self) -> dict[str, float]:
        """Name to value, without those that are None."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def overlap(
    prediction: np.ndarray | None,
    truth: np.ndarray,
    values: AttributionMap | np.ndarray | None = None,
    *,
    ignore: int | None = None,
    boundaries: bool = True,
) -> Overlap:
    """Compare a predicted mask, and optionally the raw map behind it, with a mask.

    ``truth`` is a mask of booleans or of labels, where everything above zero is foreground. Pixels with the label
    ``ignore`` (255 in Pascal VOC) are left out of every score. All arrays have one size; bring the map there first
    (``vitinspect.maps.resize``). Without a ``prediction`` the map's own best threshold is scored.
    """
    truth = np.asarray(truth)
    if truth.ndim != 2:
        raise DataError(f"A mask must have rows and columns; this one has the shape {truth.shape}.")
    valid = np.ones(truth.shape, dtype=bool) if ignore is None else truth != ignore
    real = (truth > 0) & valid
    raw = None if values is None else values_of(values)
    if raw is not None and raw.shape != truth.shape:
        raise DataError(f"The map is {_size(raw)}, the mask {_size(truth)}; resize the map to the mask first.")
    ranked = None if raw is None else _ranked_scores(raw[valid], real[valid])
    if prediction is None:
        if raw is None or ranked is None:
            raise DataError("There is neither a predicted mask nor a map to score.")
        predicted = (raw >= ranked[2]) & valid
    else:
        predicted = np.asarray(prediction).astype(bool)
        if predicted.shape != truth.shape:
            raise DataError(f"The masks differ in size: {_size(predicted)} and {_size(truth)}.")
        predicted = predicted & valid
    tp = int((predicted & real).sum())
    fp = int((predicted & ~real).sum())
    fn = int((~predicted & real & valid).sum())
    tn = int(valid.sum()) - tp - fp - fn
    iou = ratio(tp, tp + fp + fn)
    recall = ratio(tp, tp + fn)
    return Overlap(
        iou=iou,
        f1=ratio(2 * tp, 2 * tp + fp + fn),
        precision=ratio(tp, tp + fp),
        recall=recall,
        pixel_accuracy=ratio(tp + tn, tp + tn + fp + fn),
        pixel_accuracy_vitmix=recall,
        mean_iou=(iou + ratio(tn, tn + fp + fn)) / 2,
        hausdorff95=hausdorff95(predicted, real, valid) if boundaries else 0.0,
        boundary_f1=boundary_f1(predicted, real, valid=valid) if boundaries else 0.0,
        average_precision=None if ranked is None else ranked[0],
        best_iou=None if ranked is None else ranked[1],
        best_level=None if ranked is None else ranked[2],
        pointing_game=None if raw is None else pointing_game(raw, real, valid),
        energy_inside=None if raw is None else energy_inside(raw, real, valid),
    )


def _size(array: np.ndarray) -> str:
    return "x".join(str(n) for n in array.shape)


def ratio(part: float, whole: float) -> float:
    """0 if the denominator is 0."""
    return part / whole if whole else 0.0


# --- of the raw map ------------------------------------------------------------------------------------------


def _ranked_scores(values: np.ndarray, real: np.ndarray) -> tuple[float, float, float]:
    """Average precision, best IoU and the level of the latter, from one sort; tied values are one threshold."""
    positives = int(real.sum())
    if values.size == 0:
        return 0.0, 0.0, 0.0
    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    last_of_tie = np.flatnonzero(np.concatenate((ordered[1:] != ordered[:-1], [True])))
    hits = np.cumsum(real[order])[last_of_tie]
    taken = last_of_tie + 1
    best = int(np.argmax(hits / (taken + positives - hits))) if positives else 0
    if not positives:
        return 0.0, 0.0, float(ordered[0])
    precision = hits / taken
    steps = np.diff(hits / positives, prepend=0.0)
    return (
        float((steps * precision).sum()),
        float(hits[best] / (taken[best] + positives - hits[best])),
        float(ordered[last_of_tie[best]]),
    )


def average_precision(values: np.ndarray, truth: np.ndarray, ignore: int | None = None) -> float:
    """Recall steps times precision, summed over all thresholds of the map; equal to scikit-learn's. 0 for an empty
    mask."""
    valid = np.ones(np.shape(truth), dtype=bool) if ignore is None else np.asarray(truth) != ignore
    return _ranked_scores(values_of(values)[valid], (np.asarray(truth) > 0)[valid])[0]


def pointing_game(values: np.ndarray, real: np.ndarray, valid: np.ndarray | None = None) -> float:
    """Whether the highest value lies in the mask (Zhang et al. 2018, without a margin)."""
    inside = values if valid is None else np.where(valid, values, -np.inf)
    peaks = inside == inside.max()
    if valid is not None:
        peaks &= valid
    return ratio(float((peaks & real).sum()), float(peaks.sum()))


def energy_inside(values: np.ndarray, real: np.ndarray, valid: np.ndarray | None = None) -> float:
    """The share of positive mass in the mask (Wang et al., Score-CAM, 2020). 0 for a map without any."""
    positive = np.clip(values, 0, None)
    if valid is not None:
        positive = positive * valid
    return ratio(float(positive[real].sum()), float(positive.sum()))


# --- of the outlines -----------------------------------------------------------------------------------------


def boundary(mask: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """The pixels of the mask that have a neighbour (of four) outside of it or of the picture.

    ``valid``: pixels that are not ignored. A border to ignored pixels is not an outline, since the object need not end
    there.
    """
    padded = np.pad(mask if valid is None else mask | ~valid, 1)
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~core


def _nearest(of: np.ndarray, to: np.ndarray, chunk: int = 1 << 22) -> np.ndarray:
    """For each point the distance to the nearest of the others; both (n, 2).

    Outlines are thin: comparing all pairs costs less than a distance transform of the whole picture in numpy.
    """
    result = np.empty(len(of))
    step = max(1, chunk // max(1, len(to)))
    for start in range(0, len(of), step):
        part = of[start : start + step]
        squared = (part[:, None, 0] - to[None, :, 0]) ** 2
        squared += (part[:, None, 1] - to[None, :, 1]) ** 2
        result[start : start + step] = np.sqrt(squared.min(axis=1))
    return result


def _grown(mask: np.ndarray, valid: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """The mask, grown over neighbouring ignored pixels, and the pixels that are no longer ignored then.

    Thereby a narrow ignored band between object and background (the void of Pascal VOC) gets the outline in its middle,
    while the rim of a wide ignored region, or of one that lies entirely in the background, gets none.
    """
    # With a rim, in one row: each pixel's neighbours are at four distances that are always the same.
    height, width = mask.shape[0] + 2, mask.shape[1] + 2
    state = np.full((height, width), _RIM, dtype=np.uint8)
    core = state[1:-1, 1:-1]
    np.subtract(np.uint8(_OUTSIDE), mask, out=core, dtype=np.uint8, casting="unsafe")
    core *= valid
    flat, beside = state.reshape(-1), (-width, -1, 1, width)
    near = (state[:-2, 1:-1] | state[2:, 1:-1] | state[1:-1, :-2] | state[1:-1, 2:]) & (_INSIDE | _OUTSIDE)
    reached = np.zeros(state.shape, dtype=bool)
    reached[1:-1, 1:-1] = (near > 0) & ~valid
    reached = reached.reshape(-1)
    for _ in range(reach):
        places = np.flatnonzero(reached)
        if not places.size:
            break
        reached[places] = False
        around = flat[places - width] | flat[places - 1] | flat[places + 1] | flat[places + width]
        flat[places] = np.where(around & _OUTSIDE, _OUTSIDE, _INSIDE)
        # Only beside what has just become known can more become known.
        for distance in beside:
            further = places + distance
            reached[further[flat[further] == _UNKNOWN]] = True
    return core == _INSIDE, core != _UNKNOWN


_UNKNOWN, _INSIDE, _OUTSIDE, _RIM = 0, 1, 2, 4


def reach_across_ignored(size: tuple[int, ...]) -> int:
    """The width of ignored bands that an outline crosses: the tolerance of ``boundary_f1``, and at least 3 pixels."""
    return max(3, round(BOUNDARY_TOLERANCE * float(np.hypot(size[0], size[1]))))


def outline(mask: np.ndarray, valid: np.ndarray | None = None, reach: int | None = None) -> np.ndarray:
    """``boundary``, across ignored bands up to ``reach_across_ignored``; ``reach`` is that of the whole picture if the
    mask is a part of one."""
    if valid is None or valid.all():
        return boundary(mask)
    reach = reach_across_ignored(mask.shape) if reach is None else reach
    found = np.zeros(mask.shape, dtype=bool)
    # The mask grows by the reach, and what it meets there has grown towards it by as much.
    place = tuple(_extent(mask & valid, axis, 2 * reach + 2) for axis in (0, 1))
    found[place] = boundary(*_grown(mask[place] & valid[place], valid[place], reach))
    return found


def _extent(mask: np.ndarray, axis: int, more: int) -> slice:
    """Where there are marks along an axis, and so much more on both sides; from nowhere to nowhere without any."""
    there = np.flatnonzero(mask.any(1 - axis))
    return slice(max(0, int(there[0]) - more), int(there[-1]) + 1 + more) if there.size else slice(0, 0)


def _outline_distances(a: np.ndarray, b: np.ndarray, valid: np.ndarray | None) -> tuple[np.ndarray, np.ndarray] | None:
    first, second = (np.argwhere(outline(mask, valid)).astype(np.float32) for mask in (a, b))
    if len(first) == 0 or len(second) == 0:
        return None
    return _nearest(first, second), _nearest(second, first)


def hausdorff95(a: np.ndarray, b: np.ndarray, valid: np.ndarray | None = None) -> float:
    """The 95th percentile of the distances between the outlines, in both directions together, in pixels.

    0 for equal masks, also if neither has an outline; the picture's diagonal if only one of them has.
    """
    distances = _outline_distances(a, b, valid)
    if distances is None:
        return 0.0 if np.array_equal(a, b) else float(np.hypot(*a.shape))
    return float(np.percentile(np.concatenate(distances), 95))


def boundary_f1(
    predicted: np.ndarray,
    real: np.ndarray,
    tolerance: float = BOUNDARY_TOLERANCE,
    valid: np.ndarray | None = None,
) -> float:
    """F1 of the outlines: a pixel of one is found if the other outline lies within the tolerance of it.

    0 if there is no outline on either side.
    """
    distances = _outline_distances(predicted, real, valid)
    if distances is None:
        return 0.0
    reach = tolerance * float(np.hypot(*predicted.shape))
    precision, recall = (float((d <= reach).mean()) for d in distances)
    return ratio(2 * precision * recall, precision + recall)
