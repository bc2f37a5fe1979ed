"""A lock excludes others exactly as long as its process lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vitinspect.errors import DataError
from vitinspect.locks import held

HOLDER = """
import sys, time
from pathlib import Path
from vitinspect.locks import held
with held(Path(sys.argv[1]), "busy", shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(path: Path, how: str = "alone") -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path), how], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_another_process_learns_who_holds_it(tmp_path: Path) -> None:
    process = holder(tmp_path / "lock")
    try:
        with (
            pytest.raises(DataError, match=f"It is taken.*process {process.pid} on"),
            held(tmp_path / "lock", "It is taken"),
        ):
            pass
    finally:
        end(process)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    process = holder(tmp_path / "lock")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with held(tmp_path / "lock", "busy"):
        pass
    end(process)


def test_within_one_process_the_second_is_refused_too(tmp_path: Path) -> None:
    with held(tmp_path / "lock", "busy"), pytest.raises(DataError, match="busy"), held(tmp_path / "lock", "busy"):
        pass
    with held(tmp_path / "lock", "busy"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no shared locks")
def test_shared_locks_exclude_only_an_exclusive_one(tmp_path: Path) -> None:
    process = holder(tmp_path / "lock", "shared")
    try:
        with held(tmp_path / "lock", "busy", shared=True):
            pass
        with pytest.raises(DataError, match="busy"), held(tmp_path / "lock", "busy"):
            pass
    finally:
        end(process)


def test_a_file_left_by_a_process_that_ended_locks_nothing(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("process 1 on somewhere")
    with held(tmp_path / "lock", "busy"):
        pass
