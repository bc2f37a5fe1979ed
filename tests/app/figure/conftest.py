"""What the tests of the Figure workspace share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

METHODS = ("rollout", "legrad", "attention_gradient")


@pytest.fixture
def composed(backend: Any, qtbot: Any) -> Callable[[], None]:
    """Wait until the page shows what the figure asks for, with every cell."""

    def wait() -> None:
        def done() -> bool:
            figures = backend.figures
            page = figures.page
            return (
                page is not None
                and page.spec == figures.spec
                and not page.waiting
                and not figures.is_due
                and not backend.worker.busy
                and backend.background.idle
            )

        qtbot.waitUntil(done, timeout=60_000)

    return wait


@pytest.fixture
def opened(window: Any, backend: Any, pictures: Any, composed: Any, qtbot: Any) -> Any:
    """The window in the workspace, with three layers, and the figure that it begins with."""
    backend.state.set(folder=str(pictures), methods=METHODS)
    backend.coordinator.start()
    qtbot.waitUntil(lambda: len(backend.results.all_maps) == 3 and not backend.results.pending, timeout=60_000)
    backend.state.set(workspace="figure")
    composed()
    return window
