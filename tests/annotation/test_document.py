"""The mask document: strokes, labels, undo and redo, origin."""

from __future__ import annotations

import numpy as np
import pytest

from vitinspect.annotation import operations
from vitinspect.annotation.document import IGNORE, MaskDocument, labels_from_names
from vitinspect.annotation.history import History
from vitinspect.annotation.strokes import Rectangle
from vitinspect.annotation.tiles import Patch, pack, unpack
from vitinspect.errors import DataError


def scribble(document: MaskDocument, rng: np.random.Generator, value: int) -> None:
    document.begin(tuple(rng.uniform(0, document.size[1], 2)), rng.uniform(1, 60), value)
    for _ in range(4):
        document.move_to(tuple(rng.uniform(0, document.size[1], 2)))
    document.end()


def test_undo_and_redo_give_back_every_state_exactly() -> None:
    rng = np.random.default_rng(1)
    document = MaskDocument((300, 520))
    states = [document.values.copy()]
    for _ in range(12):
        scribble(document, rng, int(rng.integers(0, 4)))
        if not np.array_equal(document.values, states[-1]):
            states.append(document.values.copy())
    for state in states[-2::-1]:
        document.undo()
        assert np.array_equal(document.values, state)
    assert document.undo() is None
    for state in states[1:]:
        document.redo()
        assert np.array_equal(document.values, state)
    assert document.redo() is None


def test_a_new_stroke_ends_what_could_be_redone() -> None:
    rng = np.random.default_rng(2)
    document = MaskDocument((100, 100))
    scribble(document, rng, 1)
    document.undo()
    scribble(document, rng, 2)
    assert document.redo() is None


def test_a_hundred_large_strokes_can_be_undone_in_little_memory() -> None:
    rng = np.random.default_rng(3)
    document = MaskDocument((2000, 3000))
    states = []
    for index in range(104):
        states.append(document.values[::50, ::50].copy())
        document.begin(tuple(rng.uniform(0, 2000, 2)), 700, 1 + index % 3)
        document.move_to(tuple(rng.uniform(0, 2000, 2)))
        document.end()
    assert document.history.nbytes < 60e6
    for state in states[:3:-1]:
        document.undo()
        assert np.array_equal(document.values[::50, ::50], state)


def test_the_oldest_steps_go_when_memory_is_full_but_a_hundred_stay() -> None:
    values = np.zeros((256, 256), np.uint8)
    history = History(values, most_bytes=1)
    for index in range(130):
        history.before(Rectangle(0, 0, 1, 1))
        values[0, 0] = index % 2 + 1
        history.commit("dot")
    assert history.steps == 100


def test_a_stroke_that_changes_nothing_is_not_a_step() -> None:
    document = MaskDocument((50, 50))
    document.begin((20, 20), 10, 0)
    document.end()
    assert document.history.steps == 0
    assert document.changes == 0
    assert document.status == "none"


def test_an_unfinished_stroke_can_be_undone() -> None:
    document = MaskDocument((50, 50))
    document.begin((20, 20), 10, 1)
    document.move_to((30, 30))
    document.abandon()
    assert not document.values.any()
    assert document.history.steps == 0


def test_every_step_marks_the_mask_as_changed_undo_too() -> None:
    rng = np.random.default_rng(4)
    steps: list[str] = []
    document = MaskDocument((80, 80))
    document.on_step = lambda name, patch: steps.append(name)
    scribble(document, rng, 1)
    document.set_status("done")
    document.undo()
    assert steps == ["stroke", "status done", "undo"]
    assert document.changes == 3
    assert document.status == "begun"


def test_nothing_here_is_said_of_an_empty_mask_only() -> None:
    document = MaskDocument((50, 50))
    document.set_status("nothing")
    assert document.status == "nothing"
    document.begin((20, 20), 10, 1)
    document.end()
    assert document.status == "begun"
    with pytest.raises(DataError, match="clear it before"):
        document.set_status("nothing")


def test_labels_are_apart_and_growing_takes_only_background() -> None:
    document = MaskDocument((20, 20), labels_from_names(["flower", "badge"]))
    document.fill(np.eye(20, dtype=bool)[:, ::-1], 2, "diagonal")
    square = np.zeros((20, 20), bool)
    square[5:9, 5:9] = True
    document.fill(square, 1, "square")
    document.apply(1, operations.grow(document.values == 1, 8), "grow")
    assert np.array_equal(document.values == 2, np.eye(20, dtype=bool)[:, ::-1])
    assert document.area(1) > 100
    document.apply(1, operations.clear(document.values == 1), "clear")
    assert document.area(1) == 0
    assert document.area(2) == 20


def test_ignored_pixels_are_ignored_in_every_label() -> None:
    document = MaskDocument((4, 4), labels_from_names(["a", "b"]))
    document.values[0], document.values[1], document.values[2] = 1, 2, IGNORE
    assert document.mask(1)[:, 0].tolist() == [1, 0, 255, 0]
    assert document.mask()[:, 0].tolist() == [1, 1, 255, 0]


def test_a_mask_that_began_with_a_map_is_not_independent() -> None:
    document = MaskDocument((10, 10))
    assert document.origin.independent
    document.start_from("mask ben", np.ones((10, 10), bool), 1)
    assert document.origin.independent
    document.start_from("map rollout", np.zeros((10, 10), bool), 1)
    assert not document.origin.independent


def test_the_time_spent_adds_up() -> None:
    document = MaskDocument((10, 10))
    document.resume_clock(100.0)
    document.resume_clock(120.0)
    assert document.seconds_spent(125.0) == 25.0
    document.pause_clock(130.0)
    document.pause_clock(999.0)
    document.resume_clock(1000.0)
    document.pause_clock(1005.0)
    assert document.origin.seconds == 35.0


@pytest.mark.parametrize("names", [[], ["a", "a"], ["ignore"], [str(i) for i in range(10)]])
def test_a_list_of_labels_has_one_to_nine_different_names(names: list[str]) -> None:
    with pytest.raises(DataError):
        labels_from_names(names)


@pytest.mark.parametrize("kinds", [1, 2, 5])
def test_tiles_and_patches_survive_packing(kinds: int) -> None:
    rng = np.random.default_rng(kinds)
    values = rng.choice([0, 1, 7, 9, 255][:kinds], (300, 290)).astype(np.uint8)
    assert np.array_equal(unpack(pack(values), values.shape), values)
    patch = Patch.from_bytes(Patch.of_whole(values).to_bytes(), values.shape)
    again = np.zeros_like(values)
    patch.put(again)
    assert np.array_equal(again, values)


def test_damaged_patches_are_refused() -> None:
    data = Patch.of_whole(np.random.default_rng(0).integers(0, 5, (300, 300)).astype(np.uint8)).to_bytes()
    with pytest.raises(DataError):
        Patch.from_bytes(data[:-5], (300, 300))
    with pytest.raises(DataError):
        Patch.from_bytes(data, (100, 100))
