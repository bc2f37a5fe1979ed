"""The GPU command runs every step on any machine in its small form, and one failing step never ends the run."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks import gpu
from benchmarks.gpu_tools import Setting


def test_the_command_runs_all_of_its_steps_on_a_cpu(checkout, tmp_path):
    environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    command = ["bash", str(checkout / "benchmarks" / "gpu.sh"), "--device", "cpu", "--quick", "--out", "table.md"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    table = (tmp_path / "table.md").read_text()
    assert table == ended.stdout
    for step in gpu.STEPS.values():
        assert f"## {step.title}\n" in table
    assert table.count("Passed") == len(gpu.STEPS)
    assert "PySide6" not in ended.stderr


def test_it_does_not_import_qt():
    code = "import sys, benchmarks.gpu; sys.exit(any(m.startswith(('PySide6', 'pyqtgraph')) for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_step_that_takes_too_long_is_ended_and_what_it_said_is_kept(capsys):
    report = gpu.Report(None)
    command = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"]
    assert "ended after 2 s" in gpu.run_process(command, 2.0, report)
    assert report.lines == ["begun"]


def test_a_step_that_crashes_is_reported_with_the_end_of_its_errors():
    problem = gpu.run_process([sys.executable, "-c", "raise ValueError('too cold')"], 30.0, gpu.Report(None))
    assert "exit status 1" in problem
    assert "too cold" in problem


def test_after_a_step_that_fails_the_next_one_runs(monkeypatch, capsys):
    def broken(_setting: Setting) -> bool:
        raise RuntimeError("CUDA error: an illegal address")

    steps = {
        "broken": gpu.Step("Broken", 5, broken),
        "false": gpu.Step("False", 5, lambda _: False),
        "good": gpu.Step("Good", 5, lambda _: True),
    }
    monkeypatch.setattr(gpu, "STEPS", steps)
    assert gpu.run_here(list(steps), Setting("cpu", True)) == 1
    said = capsys.readouterr().out
    assert "illegal address" in said
    assert said.count("Did not hold") == 2
    assert said.rstrip().splitlines()[-1].startswith("Passed")


def test_steps_for_which_no_time_is_left_are_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(gpu, "TOTAL", 1.0)
    report = gpu.Report(tmp_path / "table.md")
    assert gpu.run_all(["machine", "cancel"], Setting("cpu", False), report) == 1
    assert (tmp_path / "table.md").read_text().count("**Not run**") == 2
