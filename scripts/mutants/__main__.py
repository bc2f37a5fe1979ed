"""Plant each mistake in a copy of the project, run the tests that should notice, and print the survivors.

``make mutants`` for all of them, ``make mutants ARGS="--only scores/"`` for those whose file or sentence contains a
text.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from scripts.mutants.mutant import ROOT, Mutant, mutants

COPIED = (
    "vitinspect",
    "tests",
    "benchmarks",
    "scripts",
    "docs",
    "resources",
    "README.md",
    "pyproject.toml",
    "Makefile",
)
ALLOWED_TO_SURVIVE = 0.05
LONGEST = 600
"""Seconds: a mistake may make a test run forever, and then counts as noticed."""


def copy_of_the_project(folder: Path) -> Path:
    """A copy to plant mistakes in, so that the project itself is never changed."""
    for name in COPIED:
        source, there = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, there, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        elif source.exists():
            shutil.copy2(source, there)
    return folder


def tests_pass(folder: Path, tests: Iterable[str]) -> bool:
    """Whether the tests pass in the copy."""
    variables = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "QT_QPA_PLATFORM": "offscreen",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header", *tests]
    try:
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return False
    if done.returncode not in (0, 1):  # no tests, a wrong name, a crash while collecting
        if "error" in done.stdout.lower() and done.returncode in (2, 3, -6, -11, 134, 139):
            return False
        raise SystemExit(f"pytest could not run {' '.join(tests)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 0


def survivors(chosen: Sequence[Mutant], folder: Path) -> list[Mutant]:
    """The mistakes that no test noticed."""
    found = []
    for number, mutant in enumerate(chosen, 1):
        path = folder / mutant.file
        source = path.read_text("utf-8")
        started = time.monotonic()
        try:
            path.write_text(mutant.planted(source), "utf-8")
            alive = tests_pass(folder, mutant.tests)
        finally:
            path.write_text(source, "utf-8")
        if alive:
            found.append(mutant)
        state = "SURVIVED" if alive else "noticed"
        seconds = time.monotonic() - started
        print(f"[{number:3}/{len(chosen)}] {state:8} {seconds:5.1f} s  {mutant.file}: {mutant.mistake}", flush=True)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description="Plant mistakes and see whether tests notice.")
    parser.add_argument("--only", default="", help="only mistakes whose file or sentence contains this text")
    parser.add_argument("--list", action="store_true", help="print the mistakes and stop")
    options = parser.parse_args(arguments)
    chosen = [m for m in mutants() if options.only in m.file or options.only in m.mistake]
    if options.list or not chosen:
        print("\n".join(f"{m.file}: {m.mistake}" for m in chosen) or "No planted mistake contains this text.")
        return 0 if chosen else 2
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = copy_of_the_project(Path(name))
        tests = sorted({test for mutant in chosen for test in mutant.tests})
        print(f"{len(chosen)} mistakes. First their tests are run without any mistake ...", flush=True)
        if not tests_pass(folder, tests):
            print("These tests fail without any planted mistake; correct that first.")
            return 2
        alive = survivors(chosen, folder)
    print(f"\n{len(chosen) - len(alive)} of {len(chosen)} mistakes were noticed.")
    for mutant in alive:
        print(
            f"  {mutant.file}: {mutant.mistake}\n      {mutant.survives or 'no reason given: write the missing test'}"
        )
    unexplained = [mutant for mutant in alive if not mutant.survives]
    return 1 if unexplained or len(alive) > ALLOWED_TO_SURVIVE * len(chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
