"""Mistakes in scores."""

from __future__ import annotations

from scripts.mutants.mutant import Mutant


def _in(name: str, mistake: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(mistake, f"vitinspect/scores/{name}.py", old, new, tests or (f"tests/scores/test_{name}.py",))


_CURVES = ("tests/scores/test_perturbation.py", "tests/scores/test_protocols.py")

MUTANTS = (
    _in("masks", "ignored pixels count as foreground", "real = (truth > 0) & valid", "real = truth > 0"),
    _in("masks", "ignored pixels count as predicted", "predicted = predicted & valid", "predicted = predicted.copy()"),
    _in(
        "masks",
        "the map is ranked with the ignored pixels",
        "_ranked_scores(raw[valid], real[valid])",
        "_ranked_scores(raw.reshape(-1), real.reshape(-1))",
    ),
    _in("masks", "precision divides by the misses", "precision=ratio(tp, tp + fp)", "precision=ratio(tp, tp + fn)"),
    _in(
        "masks",
        "F1 counts the misses twice",
        "f1=ratio(2 * tp, 2 * tp + fp + fn)",
        "f1=ratio(2 * tp, 2 * tp + fp + 2 * fn)",
    ),
    _in("masks", "IoU leaves the misses out", "iou = ratio(tp, tp + fp + fn)", "iou = ratio(tp, tp + fp)"),
    _in(
        "masks",
        "the mean IoU is that of the foreground alone",
        "mean_iou=(iou + ratio(tn, tn + fp + fn)) / 2",
        "mean_iou=(iou + iou) / 2",
    ),
    _in(
        "masks",
        "pixel accuracy leaves true background out",
        "pixel_accuracy=ratio(tp + tn, tp + tn + fp + fn)",
        "pixel_accuracy=ratio(tp, tp + tn + fp + fn)",
    ),
    _in(
        "masks",
        "nothing divided by nothing is one",
        "return part / whole if whole else 0.0",
        "return part / whole if whole else 1.0",
    ),
    _in(
        "masks",
        "tied values are ranked in reading order",
        "np.concatenate((ordered[1:] != ordered[:-1], [True]))",
        "np.ones(len(ordered), dtype=bool)",
    ),
    _in(
        "masks",
        "the highest value of an ignored pixel wins the pointing game",
        "inside = values if valid is None else np.where(valid, values, -np.inf)",
        "inside = values",
    ),
    _in("masks", "negative values are energy too", "positive = np.clip(values, 0, None)", "positive = np.abs(values)"),
    _in(
        "masks",
        "the outline is found on one side only",
        "return _nearest(first, second), _nearest(second, first)",
        "return _nearest(first, second), _nearest(first, second)",
    ),
    _in(
        "masks",
        "the largest distance and not the 95th percentile",
        "np.percentile(np.concatenate(distances), 95)",
        "np.percentile(np.concatenate(distances), 100)",
    ),
    _in(
        "masks",
        "outlines end at the rim of what is ignored",
        "padded = np.pad(mask if valid is None else mask | ~valid, 1)",
        "padded = np.pad(mask, 1)",
    ),
    _in(
        "pairs", "chance adds the shares", "overlap_by_chance=share_a * share_b", "overlap_by_chance=share_a + share_b"
    ),
    _in(
        "pairs",
        "the pigeonhole bound may be negative",
        "overlap_at_least=max(0.0, share_a + share_b - 1)",
        "overlap_at_least=share_a + share_b - 1",
    ),
    _in(
        "pairs",
        "rank correlation of values and not of ranks",
        "x = ranks(values).reshape(-1)",
        "x = np.ravel(values).astype(float)",
    ),
    _in(
        "statistics", "intervals hold 90 percent", "tail = (1 - confidence) / 2 * 100", "tail = (1 - confidence) * 100"
    ),
    _in(
        "statistics",
        "a test is one-sided",
        "np.abs(signs @ differences) >= at_least).mean()",
        "(signs @ differences) >= at_least).mean()",
    ),
    _in(
        "statistics",
        "values of one picture are resampled separately",
        "    sums, sizes = _by_group(data, groups)\n",
        "    sums, sizes = _by_group(data, None)\n",
    ),
    _in(
        "statistics",
        "the signs of one picture's values are changed separately",
        "differences, _ = _by_group(differences, groups)",
        "differences, _ = _by_group(differences, None)",
    ),
    _in(
        "statistics",
        "Holm's correction does not accumulate",
        "np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(p.size, 0, -1)))",
        "np.minimum(1.0, p[order] * np.arange(p.size, 0, -1))",
    ),
    _in(
        "statistics",
        "pairs with a missing value on one side are kept",
        "known = ~(np.isnan(a) | np.isnan(b))",
        "known = ~np.isnan(a)",
    ),
    _in(
        "curves",
        "the least relevant is taken first",
        'np.argsort(-np.asarray(values, dtype=np.float64).reshape(-1), kind="stable")',
        'np.argsort(np.asarray(values, dtype=np.float64).reshape(-1), kind="stable")',
        *_CURVES,
    ),
    _in(
        "curves",
        "deletion and insertion are exchanged",
        "missing = [(turn[c] < k) != curves[c].insertion for c, k in part]",
        "missing = [(turn[c] < k) == curves[c].insertion for c, k in part]",
        *_CURVES,
    ),
    _in(
        "curves",
        "the picture is one step ahead of its point on the curve",
        "missing = [(turn[c] < k) != curves[c].insertion for c, k in part]",
        "missing = [(turn[c] <= k) != curves[c].insertion for c, k in part]",
        *_CURVES,
    ),
    _in(
        "curves",
        "starts are shared between targets",
        "(start.data_ptr(), start.shape, curve.target)",
        "(start.data_ptr(), start.shape)",
        *_CURVES,
    ),
    _in(
        "curves",
        "the area is a sum without its halves",
        "return float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum())",
        "return float((y[1:] * np.diff(x)).sum())",
        *_CURVES,
    ),
    _in(
        "fills",
        "the mean colour is that of the batch",
        "return x.mean((2, 3), keepdim=True).expand_as(x).clone()",
        "return x.mean((0, 2, 3), keepdim=True).expand_as(x).clone()",
        *_CURVES,
    ),
    _in(
        "fills",
        "true black is zero of the normalised values",
        "return (-mean / std).expand_as(x).clone()",
        "return (0 * mean / std).expand_as(x).clone()",
        *_CURVES,
    ),
    _in(
        "fills",
        "noise differs at every call",
        "generator = torch.Generator().manual_seed(seed)\n        noise =",
        "generator = torch.Generator()\n        generator.seed()\n        noise =",
        *_CURVES,
    ),
    _in(
        "fills",
        "diagonal neighbours weigh as much as direct ones",
        "side, diagonal = 2.0, 1.0",
        "side, diagonal = 1.0, 1.0",
        *_CURVES,
    ),
    _in(
        "perturbation",
        "the gain has the opposite sign",
        "result.srg = result.lerf_auc - result.deletion_auc",
        "result.srg = result.deletion_auc - result.lerf_auc",
        *_CURVES,
    ),
    _in(
        "perturbation",
        "LeRF takes the most relevant first",
        'turns(order[::-1] if kind == "lerf" else order, self.sizes, self.count)',
        "turns(order, self.sizes, self.count)",
        *_CURVES,
    ),
    _in(
        "perturbation",
        "the removed share lacks its first step",
        "np.concatenate(([0.0], np.cumsum(self.sizes) / self.count))",
        "np.concatenate((np.cumsum(self.sizes) / self.count, [1.0]))",
        *_CURVES,
    ),
    _in(
        "perturbation",
        "the drop is not relative",
        "result.average_drop = max(0.0, whole - kept) / whole if whole > 0 else 0.0",
        "result.average_drop = max(0.0, whole - kept)",
        *_CURVES,
    ),
    _in(
        "perturbation",
        "dimming keeps what the map does not show",
        "return x * keep + fill * (1 - keep)",
        "return x * (1 - keep) + fill * keep",
        *_CURVES,
    ),
)
