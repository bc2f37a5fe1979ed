"""Brushes, polygons and fills, against plain distances and other packages."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as ndimage

from vitinspect.annotation import strokes


def reached(start: tuple[float, float], stop: tuple[float, float], radius: float, size: tuple[int, int]) -> np.ndarray:
    """The pixels whose centre lies within a radius of a line, by the distance itself."""
    down, right = np.mgrid[: size[0], : size[1]] + 0.5
    way = np.subtract(stop, start)
    length = float(way @ way)
    share = np.clip(((right - start[0]) * way[0] + (down - start[1]) * way[1]) / length, 0, 1) if length else 0.0
    return np.hypot(right - start[0] - share * way[0], down - start[1] - share * way[1]) <= radius


def test_a_brush_takes_all_pixels_within_its_radius() -> None:
    rng = np.random.default_rng(0)
    for _ in range(150):
        size = tuple(rng.integers(5, 60, 2))
        start, stop = (tuple(rng.uniform(-10, 70, 2)) for _ in range(2))
        diameter = rng.uniform(2, 30)
        values = np.zeros(size, np.uint8)
        touched = strokes.paint_line(values, start, stop, diameter, 3)
        expected = reached(start, stop, diameter / 2, size)
        assert np.count_nonzero((values == 3) != expected) <= 1  # a centre at just the radius, by rounding
        if touched is not None:
            values[touched.slices] = 0
        assert not values.any()


@pytest.mark.parametrize("diameter", [1, 1.4, 2, 7])
def test_a_fast_thin_stroke_has_no_gaps(diameter: float) -> None:
    values = np.zeros((80, 90), np.uint8)
    path = strokes.SmoothPath()
    last = None
    rng = np.random.default_rng(3)
    for point in rng.uniform(5, 75, (9, 2)):
        for to in path.add(tuple(point)):
            strokes.paint_line(values, last or to, to, diameter, 1)
            last = to
    for to in path.finish():
        strokes.paint_line(values, last, to, diameter, 1)
    assert ndimage.label(values, np.ones((3, 3)))[1] == 1


def test_a_smooth_path_begins_and_ends_where_the_mouse_did() -> None:
    points = [(0.0, 0.0), (30.0, 0.0), (30.0, 40.0), (80.0, 40.0)]
    path = strokes.SmoothPath()
    line = [to for point in points for to in path.add(point)] + path.finish()
    assert line[0] == points[0]
    assert line[-1] == points[-1]
    steps = np.diff(line, axis=0)
    turns = np.abs(np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))))
    assert turns.max() < np.pi / 4  # the corners of 90 degrees are rounded
    assert strokes.SmoothPath(smooth=False).add((1.0, 2.0)) == [(1.0, 2.0)]


def test_a_rectangle_includes_both_corners_and_is_cut_at_the_picture() -> None:
    mask = strokes.rectangle_mask((7.9, 3.2), (2.1, 1.0), (6, 10))
    assert np.array_equal(np.argwhere(mask)[[0, -1]], [[1, 2], [3, 7]])
    assert mask.sum() == 18
    assert strokes.rectangle_mask((-5, -5), (100, 100), (6, 10)).all()
    assert not strokes.rectangle_mask((-5, -5), (-2, -2), (6, 10)).any()


def test_a_polygon_covers_the_pixels_of_its_corners() -> None:
    mask = strokes.polygon_mask([(1.2, 1.7), (8.9, 1.1), (5.0, 6.4)], (9, 12))
    assert mask[1, 1]
    assert mask[1, 8]
    assert mask[6, 5]
    assert not mask[6, 1]
    assert strokes.polygon_mask([(3.5, 2.5)], (9, 12)).sum() == 1
    assert not strokes.polygon_mask([], (9, 12)).any()


def test_similar_colours_are_those_within_the_tolerance_and_connected() -> None:
    picture = np.zeros((6, 9, 3), np.uint8)
    picture[:, :3], picture[:, 3:6], picture[:, 6:] = (100, 50, 20), (110, 55, 20), (100, 50, 20)
    assert strokes.similar_colour(picture, 2, 1, 5).sum() == 18
    assert strokes.similar_colour(picture, 2, 1, 5, connected=False).sum() == 36
    assert strokes.similar_colour(picture, 2, 1, 10).sum() == 54
    assert not strokes.similar_colour(picture, 99, 1, 10).any()


def test_shift_keeps_a_line_to_eight_directions() -> None:
    assert strokes.constrained((0, 0), (10, 1)) == pytest.approx((10, 0))
    assert strokes.constrained((0, 0), (10, 9)) == pytest.approx((9.5, 9.5))
    assert strokes.constrained((5, 5), (4, -5)) == pytest.approx((5, -5))
