"""A range that is shared among pictures grows with what is seen, and starts again with another method."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.app.canvas import scenes
from vitinspect.app.services.shared_ranges import SharedRanges


@pytest.fixture
def canvas(qapp, tmp_path: Path):
    made = scenes.canvas_of(tmp_path, 1)
    made.ranges = SharedRanges(made.state, made.results)
    made.state.edit_layer("rollout", range_mode="pictures", low=0.1, high=0.2)
    return made


def show(canvas, factor: float, method: str = "rollout") -> None:
    shown = scenes.shown_map(canvas.results.picture, factor * scenes.bump(2, 2))
    canvas.results.update(maps={"rollout": replace(shown, address=replace(shown.address, method=method))})


def ends(canvas) -> tuple[float, float]:
    return canvas.range_of(canvas.results.maps["rollout"])


def test_the_widest_range_stays_on_the_next_picture(canvas) -> None:
    show(canvas, 3.0)
    assert ends(canvas)[1] == pytest.approx(3.0)
    show(canvas, 1.0)
    assert ends(canvas)[1] == pytest.approx(3.0)
    assert canvas.state.layer("rollout").high == pytest.approx(3.0)


def test_other_parameters_begin_a_range_of_their_own(canvas) -> None:
    show(canvas, 3.0)
    show(canvas, 1.0, "rollout(start_layer=1)")
    assert ends(canvas)[1] == pytest.approx(1.0)


def test_a_range_that_grows_is_not_a_step_of_undo(canvas) -> None:
    before = canvas.state.edits.undo_text
    show(canvas, 3.0)
    assert canvas.state.edits.undo_text == before
