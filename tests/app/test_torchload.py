"""Torch is imported while the window keeps responding."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from vitinspect.app import torchload
from vitinspect.errors import Cancelled
from vitinspect.progress import CancelToken


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done, in its order, as if nothing of torch were imported yet."""
    done: list[str] = []
    monkeypatch.delitem(sys.modules, "vitinspect.explainers.engine", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(torchload, "_open_libraries", lambda cancel: done.append("open libraries"))
    monkeypatch.setattr(torchload.importlib, "import_module", done.append)
    return done


def test_numpy_learns_its_callers_in_every_thread_before_the_libraries_are_opened(steps: list[str]) -> None:
    asked: list[Any] = []

    def everywhere(call: Any) -> None:
        steps.append("in every thread")
        asked.append(call)

    torchload.import_torch(everywhere=everywhere)
    assert asked == [torchload.know_callers]
    assert steps.index("numpy") < steps.index("in every thread") < steps.index("open libraries") < steps.index("torch")


def test_loading_can_be_cancelled_between_two_steps(steps: list[str]) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        torchload.import_torch(cancel=cancel)
    assert "torch" not in steps


def test_the_callers_are_found_with_results_that_are_large_enough() -> None:
    torchload.know_callers()  # every operation of it works on any thread


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the libraries are opened by the import")
def test_the_libraries_that_are_opened_are_those_that_torch_would_open() -> None:
    import torch  # noqa: F401

    loaded = Path("/proc/self/maps").read_text()
    own = [pattern for package, pattern in torchload._LIBRARIES if package == "torch" and "cuda" not in pattern]
    assert len(own) >= 4
    for pattern in own:
        assert pattern.rpartition("/")[2] in loaded
