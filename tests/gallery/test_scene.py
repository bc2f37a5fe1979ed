"""The painted scenes: a function of seed and index, with masks of exactly the visible pixels."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from vitinspect.gallery import BADGE_CLASS, BADGE_SHARE, CLASSES, TWIN_CLASS, make_scene, scenes
from vitinspect.parallel import run_jobs


def fingerprint(job: tuple[int, int]) -> str:
    scene = make_scene(*job, objects=2)
    return hashlib.sha256(scene.image.tobytes() + b"".join(t.mask.tobytes() for t in scene.objects)).hexdigest()


def test_there_are_at_least_twelve_classes_with_names_of_their_own() -> None:
    assert len(CLASSES) >= 12
    assert len(set(CLASSES)) == len(CLASSES)
    assert list(CLASSES) == sorted(CLASSES)
    assert {BADGE_CLASS, TWIN_CLASS} <= set(CLASSES)


def test_the_same_seed_and_index_give_the_same_scene_in_any_number_of_processes() -> None:
    jobs = [(4, index) for index in range(6)]
    here = [fingerprint(job) for job in jobs]
    there = dict(run_jobs(fingerprint, jobs, processes=2))
    assert [there[number] for number in range(len(jobs))] == here


def test_a_scene_does_not_depend_on_the_scenes_before_it() -> None:
    alone = make_scene(3, 5)
    in_order = list(scenes(6, 3))[5]
    assert np.array_equal(alone.image, in_order.image)
    assert np.array_equal(next(scenes(1, 3, start=5)).image, alone.image)


def test_other_seeds_and_indices_give_other_scenes() -> None:
    prints = {fingerprint(job) for job in ((1, 1), (1, 2), (2, 1), (2, 2))}
    assert len(prints) == 4


@pytest.mark.parametrize("label", CLASSES)
def test_every_class_is_painted_where_its_mask_says_and_nowhere_else(label: str) -> None:
    with_things = make_scene(11, 3, label=label, badge="never")
    ground = make_scene(11, 3, label=label, badge="never", things=False)
    assert with_things.label == label
    assert with_things.mask.any()
    changed = (with_things.image != ground.image).any(axis=2)
    # Camouflage may match a pixel by chance; all but a few pixels of the object differ from the ground below.
    assert changed[with_things.mask].mean() > 0.97
    everything = np.any([thing.mask for thing in with_things.objects], axis=0)
    reach = np.zeros_like(everything)
    for thing in with_things.objects:
        y, x = np.mgrid[0:224, 0:224] + 0.5
        reach |= np.hypot(x - thing.centre[0], y - thing.centre[1]) < thing.radius * 1.6 + 6
    assert not changed[~reach].any(), "a scene differs from its ground only around its things"
    assert everything[changed].mean() > 0.4, "what changed is mostly things; the rest is their shadows"


def test_objects_never_share_a_pixel() -> None:
    for scene in scenes(12, 21, objects=2, badge="always"):
        assert scene.badge is not None
        layers = [scene.badge, *(thing.mask for thing in scene.objects)]
        assert np.sum(layers, axis=0).max() == 1


def test_the_first_object_is_the_labelled_one_and_distractors_come_last_without_a_label() -> None:
    for scene in scenes(12, 22, objects=2):
        first, second, *rest = scene.objects
        assert first.label == scene.label == CLASSES[scene.class_index]
        assert second.label is not None
        assert second.label != first.label
        assert all(not thing.is_class for thing in rest)
        assert scene.labels == (first.label, second.label)
        assert np.array_equal(scene.mask, first.mask)


def test_the_two_similar_classes_are_never_in_one_scene() -> None:
    for index in range(40):
        assert TWIN_CLASS not in make_scene(23, index, 32, objects=2, label=BADGE_CLASS).labels


def test_all_classes_occur_about_equally_often() -> None:
    labels = [make_scene(24, index, 32).label for index in range(260)]
    counts = np.array([labels.count(name) for name in CLASSES])
    assert counts.sum() == 260
    assert counts.min() >= 6, "twenty of each are expected"
    assert counts.max() <= 42


def test_the_badge_follows_its_class_in_nine_of_ten_scenes_and_never_another() -> None:
    on_badge_class = [make_scene(25, index, 32, label=BADGE_CLASS).badge is not None for index in range(150)]
    assert abs(np.mean(on_badge_class) - BADGE_SHARE) < 0.08
    for name in CLASSES:
        if name != BADGE_CLASS:
            assert all(make_scene(25, index, 32, label=name).badge is None for index in range(5))


def test_the_badge_is_all_that_differs_between_a_scene_with_and_without_it() -> None:
    for label in (BADGE_CLASS, TWIN_CLASS, "gear"):
        without = make_scene(26, 4, label=label, badge="never")
        with_badge = make_scene(26, 4, label=label, badge="always")
        assert without.badge is None
        assert with_badge.badge is not None
        changed = (without.image != with_badge.image).any(axis=2)
        near = with_badge.badge.copy()
        for axis in (0, 1):
            near |= np.roll(near, 1, axis) | np.roll(near, -1, axis)
        assert changed.any()
        assert not changed[~near].any()


def test_the_badge_is_in_the_lower_left_corner() -> None:
    for size in (224, (300, 500), (500, 300)):
        badge = make_scene(27, 1, size, badge="always").badge
        assert badge is not None
        rows, columns = np.nonzero(badge)
        height, width = badge.shape
        side = min(height, width)
        assert columns.max() < 0.2 * side
        assert rows.min() > height - 0.2 * side
        assert 0.005 < badge.sum() / side**2 < 0.03


def test_a_scene_keeps_its_composition_at_another_size() -> None:
    small, large = (make_scene(28, 9, size, badge="always") for size in (224, 448))
    halved = large.mask.reshape(224, 2, 224, 2).mean(axis=(1, 3)) >= 0.5
    overlap = (halved & small.mask).sum() / (halved | small.mask).sum()
    assert overlap > 0.93
    assert large.objects[0].radius == pytest.approx(2 * small.objects[0].radius)


def test_scenes_may_be_wide_or_tall() -> None:
    for size in ((200, 480), (480, 200)):
        scene = make_scene(29, 2, size)
        assert scene.image.shape == (*size, 3)
        assert scene.image.dtype == np.uint8
        assert scene.mask.shape == size
        assert scene.mask.any()


def test_what_cannot_be_painted_is_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match="there is no class 'tulip'; the classes are aster, "):
        make_scene(1, 1, label="tulip")
    with pytest.raises(ValueError, match="1 or 2 class objects, not 3"):
        make_scene(1, 1, objects=3)
    with pytest.raises(ValueError, match="'train', 'always' or 'never', not 'often'"):
        make_scene(1, 1, badge="often")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 32 pixels"):
        make_scene(1, 1, (224, 8))


def test_painting_needs_neither_torch_nor_qt() -> None:
    code = (
        "import sys, vitinspect.gallery as g; g.make_scene(1, 1).annotators_mask('sloppy');"
        "print([n for n in ('torch', 'timm', 'PySide6') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
