"""The environment of all tests: no screen, no network, few threads, and a separate home folder.

The environment is set here at import, which is before any test module imports Qt or torch.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Nothing may be fetched: a test that tries must fail at once, and not after a time-out.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

_HOME = Path(tempfile.mkdtemp(prefix="vitinspect-tests-"))
os.environ["VITINSPECT_HOME"] = str(_HOME)

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long-walk", action="store_true", help="walk through the window for thousands of steps")


def pytest_unconfigure() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder of vitinspect for this test alone."""
    folder = tmp_path / "home"
    monkeypatch.setenv("VITINSPECT_HOME", str(folder))
    return folder


@pytest.fixture
def plugins_of_this_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """No plug-in of a named file before the test or after it; returns the reports of broken ones."""
    from vitinspect.explainers import registry
    from vitinspect.plugins import plugins

    told: list[str] = []
    for name, value in (("files", []), ("broken", []), ("_from_files", []), ("_loaders", {}), ("report", told.append)):
        monkeypatch.setattr(plugins, name, value)
    monkeypatch.setattr(plugins, "_installed_models", False)
    registry._forget()
    yield told
    registry._forget()


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The top folder of the checkout."""
    return ROOT


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """The output of a test may contain names that are not text; reports are sent between processes as UTF-8."""
    outcome = yield
    report = outcome.get_result()
    report.sections = [
        (title, text.encode("utf-8", "backslashreplace").decode("utf-8")) for title, text in report.sections
    ]
