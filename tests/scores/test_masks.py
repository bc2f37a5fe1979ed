"""Overlap scores equal scikit-learn's and SciPy's, and are defined where those are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import cdist
from sklearn import metrics

import vitinspect as vi
from tests.goldens import arrays
from vitinspect.scores.masks import average_precision, boundary, hausdorff95, outline

RNG = np.random.default_rng(3)


def random_pair(size=(17, 23)) -> tuple[np.ndarray, np.ndarray]:
    return RNG.uniform(size=size) > RNG.uniform(), RNG.uniform(size=size) > RNG.uniform()


def blobs(size=(40, 50)) -> np.ndarray:
    return ndimage.gaussian_filter(RNG.normal(size=size), 4) > 0.02


def test_ratios_equal_scikit_learn():
    for _ in range(50):
        predicted, truth = random_pair()
        scores = vi.scores.overlap(predicted, truth)
        p, t = predicted.ravel(), truth.ravel()
        assert scores.iou == pytest.approx(metrics.jaccard_score(t, p, zero_division=0))
        assert scores.f1 == pytest.approx(metrics.f1_score(t, p, zero_division=0))
        assert scores.precision == pytest.approx(metrics.precision_score(t, p, zero_division=0))
        assert scores.recall == pytest.approx(metrics.recall_score(t, p, zero_division=0))
        assert scores.pixel_accuracy == pytest.approx(metrics.accuracy_score(t, p))
        assert scores.mean_iou == pytest.approx(
            np.mean([metrics.jaccard_score(t, p, pos_label=k, zero_division=0) for k in (False, True)])
        )


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_average_precision_equals_scikit_learn_also_with_ties(levels):
    for _ in range(20):
        values = RNG.integers(0, levels, (11, 13)).astype(float)
        truth = RNG.uniform(size=(11, 13)) > 0.7
        if truth.any():
            expected = metrics.average_precision_score(truth.ravel(), values.ravel())
            assert average_precision(values, truth) == pytest.approx(expected)


def test_the_best_iou_is_that_of_the_best_threshold():
    for _ in range(20):
        values, truth = RNG.integers(0, 9, (8, 8)).astype(float), RNG.uniform(size=(8, 8)) > 0.6
        scores = vi.scores.overlap(values > 4, truth, values)
        tried = [vi.scores.overlap(values >= level, truth, boundaries=False).iou for level in np.unique(values)]
        assert scores.best_iou == pytest.approx(max(tried))
        at_level = vi.scores.overlap(values >= scores.best_level, truth, boundaries=False).iou
        assert at_level == pytest.approx(max(tried))


def test_outlines_equal_scipy():
    for _ in range(10):
        a, b = blobs(), blobs()
        outlines = [m & ~ndimage.binary_erosion(m) for m in (a, b)]
        np.testing.assert_array_equal(boundary(a), outlines[0])
        distances = cdist(np.argwhere(outlines[0]), np.argwhere(outlines[1]))
        both = np.concatenate((distances.min(1), distances.min(0)))
        assert hausdorff95(a, b) == pytest.approx(np.percentile(both, 95), rel=1e-5)


def test_boundary_f1_allows_a_shift_within_the_tolerance():
    square = np.zeros((200, 200), bool)
    square[50:120, 50:120] = True
    near, far = np.roll(square, 2, axis=1), np.roll(square, 9, axis=1)
    assert vi.scores.overlap(square, square).boundary_f1 == 1
    assert vi.scores.overlap(near, square).boundary_f1 == 1
    assert vi.scores.overlap(far, square).boundary_f1 < 0.7


@pytest.mark.parametrize("truth_kind", ["empty", "full", "pixel"])
@pytest.mark.parametrize("predicted_kind", ["empty", "full", "pixel"])
def test_degenerate_masks_have_defined_values(truth_kind, predicted_kind):
    def make(kind):
        mask = np.full((6, 6), kind == "full")
        if kind == "pixel":
            mask[2, 3] = True
        return mask

    predicted, truth = make(predicted_kind), make(truth_kind)
    scores = vi.scores.overlap(predicted, truth, predicted.astype(float)).as_dict()
    assert all(np.isfinite(v) for v in scores.values())
    if truth_kind == predicted_kind == "empty":
        assert scores["iou"] == scores["f1"] == scores["recall"] == 0
        assert scores["pixel_accuracy"] == 1
        assert scores["hausdorff95"] == 0
    elif truth_kind == predicted_kind:
        assert scores["iou"] == scores["f1"] == scores["boundary_f1"] == 1
    if (truth_kind == "empty") != (predicted_kind == "empty"):
        assert scores["hausdorff95"] == pytest.approx(np.hypot(6, 6))


def test_ignored_pixels_are_not_scored():
    predicted, truth = random_pair((20, 20))
    values = RNG.uniform(size=(20, 20))
    labels = truth.astype(np.uint8)
    labels[:, 15:] = 255
    cut = vi.scores.overlap(predicted, labels, values, ignore=255, boundaries=False)
    small = vi.scores.overlap(predicted[:, :15], truth[:, :15], values[:, :15], boundaries=False)
    assert cut.as_dict() == pytest.approx(small.as_dict(), rel=1e-12)


def test_the_rim_of_an_ignored_region_is_not_an_outline():
    """With a padded picture, predicting everything must not find an outline where the padding begins."""
    labels = np.zeros((60, 60), np.uint8)
    labels[12:48, 12:48] = 1
    labels[:10], labels[50:], labels[:, :10], labels[:, 50:] = 255, 255, 255, 255
    everything = np.ones((60, 60), bool)
    scores = vi.scores.overlap(everything, labels, ignore=255)
    assert scores.boundary_f1 == 0
    assert scores.hausdorff95 == pytest.approx(np.hypot(60, 60))
    assert vi.scores.overlap(labels == 1, labels, ignore=255).boundary_f1 == 1


def test_an_object_in_a_band_of_void_has_its_outline_in_the_band():
    """Pascal VOC draws void around each object: its outline is somewhere in there, and predicting all has none."""
    labels = np.zeros((80, 80), np.uint8)
    labels[18:62, 18:62] = 255
    labels[22:58, 22:58] = 1
    found = vi.scores.overlap(labels == 1, labels, ignore=255)
    assert (found.iou, found.boundary_f1, found.hausdorff95) == (1, 1, 0)
    assert outline(labels == 1, labels != 255)[19:21, 40].any()
    everything = vi.scores.overlap(np.ones((80, 80), bool), labels, ignore=255)
    assert everything.boundary_f1 == 0
    shifted = vi.scores.overlap(np.roll(labels == 1, 12, axis=1), labels, ignore=255)
    assert 0 < shifted.boundary_f1 < 0.8


def test_vitmix_metrics_equal_the_goldens_and_their_accuracy_is_recall():
    golden = arrays("p1_vitmix")
    truth = arrays("p1_inputs")["i0_gt_mask"]
    checked = 0
    for key, expected in golden.items():
        if key.startswith("i0_t") and "_metrics_" in key:
            mask = golden.get(key.replace("_metrics_", "_mask_"))
            if mask is None:
                continue
            scores = vi.scores.overlap(mask.astype(bool), truth)
            np.testing.assert_allclose([scores.iou, scores.f1, scores.pixel_accuracy_vitmix], expected, atol=1e-6)
            assert scores.pixel_accuracy_vitmix == scores.recall
            checked += 1
    assert checked


def test_mask_metrics_of_the_gmar_comparison_equal_the_goldens():
    golden = arrays("q1_seed_metrics")
    truth, expected = golden["gt_mask"], golden["mask_metrics_f64"]
    for index in (0, 1):
        heat = golden["heatmap"][index].astype(np.float64)
        mask = vi.threshold(heat, "fixed", level=0.5).mask
        scores = vi.scores.overlap(mask, truth[index], heat)
        np.testing.assert_allclose(
            [scores.pixel_accuracy, scores.iou, scores.average_precision], expected[index], atol=1e-6
        )
        tied = golden["tied_heatmap"][index].astype(np.float64)
        assert average_precision(tied, truth[index]) == pytest.approx(float(golden["tied_ap_f64"][index]), abs=1e-9)
    empty = np.zeros((8, 8), bool)
    assert vi.scores.overlap(empty, empty).iou == float(np.ravel(golden["empty_iou_f64"])[0])


def test_pointing_game_and_energy():
    values = np.array([[0.0, 3.0], [3.0, -1.0]])
    truth = np.array([[0, 1], [0, 0]], np.uint8)
    scores = vi.scores.overlap(values > 1, truth, values)
    assert scores.pointing_game == 0.5
    assert scores.energy_inside == 0.5


def test_a_missing_prediction_scores_the_best_threshold():
    values, truth = RNG.uniform(size=(9, 9)), RNG.uniform(size=(9, 9)) > 0.5
    scores = vi.scores.overlap(None, truth, values)
    assert scores.iou == pytest.approx(scores.best_iou)


def test_sizes_that_differ_are_refused():
    with pytest.raises(vi.DataError, match="3x3.*4x4|4x4.*3x3"):
        vi.scores.overlap(np.zeros((3, 3), bool), np.zeros((4, 4), bool))


def test_where_only_ignored_pixels_are_foreground_there_is_nothing_to_find():
    truth = np.zeros((8, 8), np.uint8)
    truth[:3] = 255
    scores = vi.scores.overlap(np.zeros((8, 8), bool), truth, np.ones((8, 8)), ignore=255)
    assert (scores.hausdorff95, scores.iou, scores.recall, scores.pixel_accuracy) == (0.0, 0.0, 0.0, 1.0)


def test_a_peak_on_an_ignored_pixel_is_not_used_in_the_pointing_game():
    values = np.array([[9.0, 3.0], [2.0, 1.0]])
    truth = np.array([[255, 1], [0, 0]], np.uint8)
    scores = vi.scores.overlap(values > 1, truth, values, ignore=255)
    assert scores.pointing_game == 1.0
    assert scores.energy_inside == 0.5


def grown_by_steps(mask, valid, reach):
    """In each step what is known grows over ignored pixels beside it; what lies between both becomes background."""
    mask, known = mask & valid, valid.copy()

    def beside(these):
        padded = np.pad(these, 1)
        return padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]

    for _ in range(reach):
        inside, outside = beside(mask), beside(known & ~mask)
        new = ~known & (inside | outside)
        mask, known = mask | (new & inside & ~outside), known | new
    return mask, known


@pytest.mark.parametrize("seed", range(12))
def test_outlines_across_ignored_pixels_are_those_of_growing_step_by_step(seed):
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(20, 70, 2))
    smooth = np.cumsum(np.cumsum(rng.normal(size=size), 0), 1)
    mask = smooth > np.quantile(smooth, rng.uniform(0.3, 0.97))
    ignored = np.abs(smooth - np.quantile(smooth, rng.uniform(0.1, 0.9))) < rng.uniform(0.2, 6)
    ignored |= rng.random(size) < rng.choice([0.0, 0.02])
    for reach in (0, 1, 3, 11):
        wanted = boundary(*grown_by_steps(mask, ~ignored, reach))
        np.testing.assert_array_equal(outline(mask, ~ignored, reach), wanted)
