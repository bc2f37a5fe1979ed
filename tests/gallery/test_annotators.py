"""The simulated annotators: each outlines the same object with a bias of their own."""

from __future__ import annotations

import numpy as np
import pytest

from vitinspect.gallery import ANNOTATORS, CLASSES, make_scene


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("label", CLASSES)
def test_generous_covers_the_object_and_tight_stays_inside(label: str) -> None:
    scene = make_scene(31, 2, label=label)
    generous, tight = scene.annotators_mask("generous"), scene.annotators_mask("tight")
    assert not (scene.mask & ~generous).any()
    assert not (tight & ~scene.mask).any()
    assert tight.any()
    assert tight.sum() < scene.mask.sum() < generous.sum() < 2.6 * scene.mask.sum()


@pytest.mark.parametrize("label", CLASSES)
def test_sloppy_finds_the_object_but_not_its_outline(label: str) -> None:
    scene = make_scene(32, 2, label=label)
    sloppy = scene.annotators_mask("sloppy")
    assert 0.35 < overlap(sloppy, scene.mask) < 0.99
    assert (sloppy & ~scene.mask).any()


def test_generous_fills_the_hole_of_a_ring_and_tight_does_not() -> None:
    scene = make_scene(33, 1, label="lifebuoy")
    x, y = (int(value) for value in scene.objects[0].centre)
    assert not scene.mask[y, x]
    assert scene.annotators_mask("generous")[y, x]
    assert not scene.annotators_mask("tight")[y, x]


def test_the_same_annotator_draws_the_same_scene_the_same_way_again() -> None:
    scene, again, other = make_scene(34, 1), make_scene(34, 1), make_scene(34, 2)
    for person in ANNOTATORS:
        assert np.array_equal(scene.annotators_mask(person), again.annotators_mask(person))
        assert not np.array_equal(scene.annotators_mask(person), other.annotators_mask(person))


def test_an_unknown_annotator_is_refused_with_the_known_names() -> None:
    with pytest.raises(ValueError, match="'me'; the annotators are generous, tight, sloppy"):
        make_scene(1, 1).annotators_mask("me")
