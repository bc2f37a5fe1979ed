"""Distances between outlines equal those of all pairs of points, whatever the masks' shapes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from vitinspect.annotation.outline_distances import pair_distances
from vitinspect.scores.masks import outline


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (200, 1), (3, 150), (40, 57)])
@pytest.mark.parametrize("ignored", ["nothing", "the same", "each their own"])
def test_every_pair_equals_all_pairs_of_points(size: tuple[int, int], ignored: str) -> None:
    rng = np.random.default_rng(size[1])
    for share in (0.003, 0.02, 0.3, 0.97):
        masks = [(rng.random(size) < share).astype(np.uint8) for _ in range(4)]
        masks[3][:] = 0
        masks[3][-1, -1] = 1
        band = rng.random(size) < 0.2
        for mask in masks:
            if ignored != "nothing":
                mask[band if ignored == "the same" else rng.random(size) < 0.2] = 255
        found = pair_distances(masks)
        for a, b in itertools.combinations(range(4), 2):
            known = (masks[a] != 255) & (masks[b] != 255)
            first, second = (np.argwhere(outline(masks[k] == 1, known)) for k in (a, b))
            assert len(found[a, b].there) == (len(first) if len(second) else 0)
            if not len(first) or not len(second):
                continue
            apart = cdist(first, second)
            np.testing.assert_allclose(np.sqrt(found[a, b].there), np.sort(apart.min(1)))
            np.testing.assert_allclose(np.sqrt(found[a, b].back), np.sort(apart.min(0)))
            both = np.concatenate((apart.min(0), apart.min(1)))
            directed = max(np.percentile(apart.min(0), 95), np.percentile(apart.min(1), 95))
            assert found[a, b].hd95 == pytest.approx((np.percentile(both, 95), directed))


def test_masks_far_apart_in_a_large_picture_are_measured_too() -> None:
    """Sides beyond what short numbers hold."""
    masks = [np.zeros((2, 40_000), np.uint8) for _ in range(2)]
    masks[0][0, 0] = 1
    masks[1][1, -1] = 1
    assert pair_distances(masks)[0, 1].hd95 == pytest.approx((np.hypot(1, 39_999),) * 2)
