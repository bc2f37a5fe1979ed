"""Connected parts, holes, outlines, growing: against scipy, and by properties."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import scipy.ndimage as ndimage

from vitinspect.annotation import raster, regions


def masks(count: int = 60) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for _ in range(count):
        noise = ndimage.gaussian_filter(rng.normal(size=rng.integers(1, 40, 2)), rng.uniform(0, 2.5))
        yield noise > 0.02 * rng.integers(-3, 3)


@pytest.mark.parametrize("diagonal", [True, False])
def test_the_connected_parts_are_those_of_scipy(diagonal: bool) -> None:
    for mask in masks():
        labels, count = ndimage.label(mask, np.ones((3, 3)) if diagonal else None)
        found = regions.parts(mask, diagonal=diagonal)
        assert len(found) == count
        for part in found:
            assert np.array_equal(part, labels == labels[part][0])


def test_holes_are_filled_as_scipy_fills_them() -> None:
    for mask in masks():
        assert np.array_equal(regions.fill_holes(mask), ndimage.binary_fill_holes(mask))
        assert regions.has_holes(mask) == bool((ndimage.binary_fill_holes(mask) != mask).any())


@pytest.mark.parametrize("radius", [1, 2, 5])
def test_growing_and_shrinking_go_by_a_disc(radius: int) -> None:
    down, right = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = down**2 + right**2 <= radius**2
    for mask in masks(30):
        assert np.array_equal(regions.grow(mask, radius), ndimage.binary_dilation(mask, disc))
        assert np.array_equal(regions.shrink(mask, radius), ndimage.binary_erosion(mask, disc, border_value=1))
        assert np.array_equal(regions.grow(mask, -radius), regions.shrink(mask, radius))


def test_the_largest_part_is_kept_and_the_first_of_equal_ones() -> None:
    mask = np.zeros((5, 9), bool)
    mask[0, 0:2] = mask[4, 5:7] = True
    assert np.array_equal(np.argwhere(regions.keep_largest(mask)), [[0, 0], [0, 1]])
    mask[4, 7] = True
    assert regions.keep_largest(mask).sum() == 3
    assert not regions.keep_largest(np.zeros((3, 3), bool)).any()


def test_the_part_at_a_pixel_does_not_go_over_corners() -> None:
    mask = np.eye(4, dtype=bool)
    assert np.array_equal(np.argwhere(regions.connected_to(mask, 2, 2)), [[2, 2]])
    assert not regions.connected_to(mask, 0, 1).any()


def test_an_outline_filled_by_pillow_gives_the_part_with_its_holes_filled() -> None:
    tried = 0
    for mask in masks():
        for part in regions.parts(mask):
            points = regions.outline(part)
            if len(points) >= 3:
                tried += 1
                assert np.array_equal(raster.pillow_polygon(points, part.shape), regions.fill_holes(part))
    assert tried > 100


def test_the_outline_of_one_pixel_is_that_pixel() -> None:
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    assert regions.outline(mask) == [(2, 1)]
    assert regions.outline(np.zeros((2, 2), bool)) == []
