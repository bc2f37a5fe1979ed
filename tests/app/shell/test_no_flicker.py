"""What is known is shown with the picture; what takes a moment keeps its place and shows no progress."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject

from vitinspect.app.session.results import Progress
from vitinspect.app.widgets.lateness import PATIENCE


class PaintedWith(QObject):
    """The results at each paint of a widget."""

    def __init__(self, widget: Any, results: Any) -> None:
        super().__init__(widget)
        self._results = results
        self.seen: list[tuple[str, int, int]] = []
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        results = self._results
        if event.type() == QEvent.Type.Paint:
            self.seen.append((results.picture_path, len(results.maps), len(results.predictions)))
        return False


@pytest.fixture
def between_two(shown, backend, settle, qtbot) -> Any:
    """The window on the second picture, with the first one's maps in memory."""
    backend.state.set(methods=("rollout", "attention_gradcam"), layout="grid")
    settle()
    shown.actions_["next"].trigger()
    qtbot.waitUntil(lambda: backend.results.picture_path == backend.state.image)
    settle()
    return shown


def test_a_picture_whose_maps_are_in_memory_is_never_seen_without_them(between_two, backend, settle, qtbot) -> None:
    watch = [PaintedWith(part, backend.results) for part in (between_two.canvas, between_two.context.bars)]
    between_two.actions_["previous"].trigger()
    path = backend.state.image
    qtbot.waitUntil(lambda: backend.results.picture_path == path and len(backend.results.maps) == 2)
    settle()
    for part in watch:
        of_it = [seen[1:] for seen in part.seen if seen[0] == path]
        assert of_it
        assert all(maps == 2 and predictions for maps, predictions in of_it)


def test_awaited_predictions_keep_their_places(between_two, backend, qtbot) -> None:
    bars, said = between_two.context.bars, between_two.context.notice
    before = [bars.bar_rect(at) for at in range(bars.count())]
    known = {name: getattr(backend.results, name) for name in ("predictions", "probabilities", "target")}
    backend.results.update(predictions=(), probabilities=None, target=())
    assert said.text() == "Predicted"
    assert bars._awaited == before
    qtbot.waitUntil(lambda: said.text() == "No prediction yet")
    assert bars._awaited == []
    backend.results.update(**known)
    assert said.text().startswith("Predicted <b>")


def test_the_scores_keep_their_rows_while_maps_are_awaited(between_two, backend) -> None:
    backend.state.set(plots=True, plot="scores")
    table = between_two.bottom.tab("scores").table
    maps = backend.results.maps
    names = [row.name for row in table.scores.rows]
    backend.results.update(maps={}, pending=frozenset(maps))
    assert [row.name for row in table.scores.rows] == names
    assert not table.scores.rows[0].values


def test_work_that_takes_only_a_moment_is_not_announced(between_two, backend, qtbot) -> None:
    status = between_two.status
    backend.results.update(progress=Progress("Computing LRP", 1, 4))
    assert not status.work.isVisible()
    backend.results.update(progress=None)
    qtbot.wait(round(1500 * PATIENCE))
    assert not status.work.isVisible()
    backend.results.update(progress=Progress("Computing LRP", 1, 4))
    qtbot.waitUntil(status.work.isVisible)
    assert status.work.name.text() == "Computing LRP"


def test_a_row_says_that_its_map_waits_only_after_a_moment(between_two, backend, qtbot) -> None:
    model = between_two.layers_panel.list.layers
    backend.results.update(pending=frozenset({"rollout"}))
    states = lambda: {row.id: row.state for row in model.rows}  # noqa: E731
    assert states()["rollout"] == "ready"
    qtbot.waitUntil(lambda: states()["rollout"] == "waiting")
