"""The work of a figure reports how many of its maps are computed."""

from __future__ import annotations

from typing import Any

from vitinspect.app.compute.figure_maps import Ask, FigureWork, Group
from vitinspect.app.compute.worker import Context
from vitinspect.app.session.layers import map_layer
from vitinspect.progress import CancelToken


class Work(FigureWork):
    """Computes nothing, and reports the progress of a computation in a hundred steps."""

    def _explain(self, context: Any, hand_over: Any, cancel: Any, progress: Any, group: Any) -> None:
        for step in range(101):
            progress(step, 100)


def test_progress_counts_maps() -> None:
    methods = tuple(map_layer((), name).as_method() for name in ("rollout", "lrp"))
    asks = [Ask(name, "", "demo", "crop", "float32", "") for name in "ab"]
    reported: list[tuple[int, int]] = []
    work = Work([Group(asks[0], methods), Group(asks[1], methods[:1])], "cpu", lambda *a, **k: None)
    work(Context(), lambda part: None, CancelToken(), lambda done, total: reported.append((done, total)))
    assert sorted(set(reported)) == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert reported == sorted(reported)
