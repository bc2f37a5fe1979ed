"""Running the real program in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``run("explain", path)`` runs the program in an empty folder and returns its output."""

    def program(*arguments: str | Path, **environment: str | None) -> subprocess.CompletedProcess[str]:
        variables = dict(os.environ)
        variables.pop("PYTHONWARNINGS", None)
        # The suite may run from a source tree that is not installed.
        variables["PYTHONPATH"] = str(ROOT)
        for name, value in environment.items():
            variables.pop(name, None)
            if value is not None:
                variables[name] = value
        return subprocess.run(
            [sys.executable, "-m", "vitinspect", *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=tmp_path,
            env=variables,
            timeout=240,
        )

    return program
