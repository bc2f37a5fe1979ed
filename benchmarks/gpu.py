"""One command for a machine with a GPU: are the numbers right, what happens when memory is exhausted, how fast is it?

``benchmarks/gpu.sh --out gpu.md`` runs each step in its own process with its own time limit; a failed step is
recorded, and the next step runs. Each section is printed and written as it completes. ``--device cpu --quick`` runs
small forms of the same steps anywhere.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from benchmarks import gpu_behaviour, gpu_parity, gpu_speed
from benchmarks.gpu_tools import Setting

TOTAL = 460.0
"""Seconds for all steps together; a step that no longer fits is recorded as not run."""
LEAST = 15.0
"""A step is not started with less time than this."""


@dataclass(frozen=True)
class Step:
    """A section of the table."""

    title: str
    seconds: float
    """After this many seconds the step is ended."""
    work: Callable[[Setting], bool]
    """Prints the step's section; returns false if a required property does not hold."""


STEPS = {
    "machine": Step("Machine", 60, gpu_speed.machine),
    "goldens": Step("Authors' numbers, float32", 75, gpu_parity.goldens),
    "methods": Step("All methods against float64 on the CPU", 90, gpu_parity.all_methods),
    "bfloat16": Step("bfloat16 against float32", 60, gpu_parity.bfloat16),
    "memory-limit": Step("When memory is exhausted", 60, gpu_behaviour.out_of_memory),
    "cancel": Step("Cancel", 45, gpu_behaviour.cancel),
    "two-models": Step("Two models on one device", 45, gpu_behaviour.two_models),
    "engine": Step("Engine", 90, gpu_speed.engine),
    "evaluation": Step("Evaluation", 100, gpu_speed.evaluation),
    "memory": Step("Memory", 60, gpu_speed.memory),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, cpu (default: cuda)")
    parser.add_argument("--quick", action="store_true", help="small forms of all steps, in one process")
    parser.add_argument("--out", help="also write the table to this file")
    parser.add_argument("--only", help=f"steps, with commas between them: {', '.join(STEPS)}")
    parser.add_argument("--folder", default=".", help=argparse.SUPPRESS)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    device = "cuda:0" if chosen.device == "cuda" else chosen.device
    setting = Setting(device, chosen.quick)
    if chosen.child:
        return run_here(chosen.child.split(","), setting)
    names = chosen.only.split(",") if chosen.only else list(STEPS)
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        parser.error(f"there is no step {unknown[0]}; there are {', '.join(STEPS)}")
    report = Report(Path(chosen.folder, chosen.out) if chosen.out else None)
    return run_all(names, setting, report)


class Report:
    """The table, on the screen and in a file, line by line."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)

    def save(self) -> None:
        if self.path is not None:
            self.path.write_text("\n".join(self.lines) + "\n", encoding="utf-8")


def run_all(names: Sequence[str], setting: Setting, report: Report) -> int:
    """Run every step in its own process (all in one when quick). Returns 1 if a step failed."""
    start = time.monotonic()
    groups = [list(names)] if setting.quick else [[name] for name in names]
    failed = 0
    report.add(f"# vitinspect on {setting.device}\n")
    for group in groups:
        left = TOTAL - (time.monotonic() - start)
        limit = min(sum(STEPS[name].seconds for name in group), left)
        if left < LEAST:
            report.add(f"\n## {STEPS[group[0]].title}\n\n**Not run**: no time was left.")
            failed += 1
        else:
            command = [sys.executable, "-m", "benchmarks.gpu", "--device", setting.device, "--child", ",".join(group)]
            problem = run_process(command + ["--quick"] * setting.quick, limit, report)
            if problem:
                report.add(f"\n**Failed**: {problem}")
                failed += 1
        report.save()
    report.add(f"\n{len(groups) - failed} of {len(groups)} steps passed in {time.monotonic() - start:.0f} s.")
    report.save()
    return 1 if failed else 0


def run_process(command: Sequence[str], limit: float, report: Report) -> str:
    """Run ``command`` and pass its output on, line by line. Returns why it failed, or an empty text."""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8", errors="replace"
        ) as process,
    ):
        too_long = threading.Event()

        def end() -> None:
            too_long.set()
            process.kill()

        timer = threading.Timer(limit, end)
        timer.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                report.add(line.rstrip("\n"))
            code = process.wait()
        finally:
            timer.cancel()
        if code == 0:
            return ""
        if too_long.is_set():
            return f"it was ended after {limit:.0f} s."
        return f"exit status {code}.{_end_of(errors)}"


def _end_of(errors: TextIO) -> str:
    errors.seek(0)
    lines = [line.rstrip() for line in errors if line.strip()][-12:]
    return "\n\n```\n" + "\n".join(lines) + "\n```" if lines else ""


def run_here(names: Sequence[str], setting: Setting) -> int:
    """Run the steps of one process. Returns 1 if one failed, after printing why."""
    failed = False
    with tempfile.TemporaryDirectory(prefix="vitinspect-gpu-") as home:
        os.environ["VITINSPECT_HOME"] = home
        for name in names:
            print(f"\n## {STEPS[name].title}\n", flush=True)
            start = time.monotonic()
            try:
                good = STEPS[name].work(setting)
            except Exception:
                print("\n```\n" + "\n".join(traceback.format_exc().strip().splitlines()[-12:]) + "\n```", flush=True)
                good = False
            failed = failed or not good
            print(f"\n{'Passed' if good else '**Did not hold**'}, {time.monotonic() - start:.1f} s.", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
