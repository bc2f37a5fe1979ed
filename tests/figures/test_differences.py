"""Hits, misses and false alarms: which pixel is which, and that they can be distinguished without colours."""

from __future__ import annotations

import numpy as np

from vitinspect.figures.differences import COLOURS, FALSE_ALARM, HIT, MISS, Differences, differences, paint


def test_hits_misses_and_false_alarms_are_distinguished_and_ignored_pixels_are_none() -> None:
    mask = np.array([[True, True, False, False, True]])
    truth = np.array([[1, 0, 1, 0, 255]], np.uint8)
    assert differences(mask, truth).tolist() == [[HIT, FALSE_ALARM, MISS, 0, 0]]


def test_hits_are_plain_and_the_others_hatched_in_two_directions() -> None:
    grey = np.full((28, 28, 3), 128, np.uint8)
    hit, miss, alarm = (paint(grey, np.full((28, 28), kind, np.uint8)).astype(int) for kind in COLOURS)
    assert (hit == hit[0, 0]).all()
    for painted, step in ((miss, -1), (alarm, 1)):
        assert len(np.unique(painted.reshape(-1, 3), axis=0)) == 2
        assert (painted[1:, 1:] if step > 0 else painted[1:, :-1]).tolist() == (
            painted[:-1, :-1] if step > 0 else painted[:-1, 1:]
        ).tolist()


def test_other_pixels_show_the_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    assert np.array_equal(Differences(picture, np.zeros((4, 5), np.uint8)).painted(), picture)
    assert Differences(picture, np.zeros((4, 5), np.uint8)).painted(3).shape == (12, 15, 3)
