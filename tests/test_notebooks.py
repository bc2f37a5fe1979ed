"""The notebooks run from top to bottom, in IPython's own shell and without a kernel, and show their maps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))

RUN = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shown = []
for source in json.load(open(sys.argv[1]))["cells"]:
    if source["cell_type"] != "code":
        continue
    done = shell.run_cell("".join(source["source"]), store_history=False)
    done.raise_error()
    kinds = list(shell.display_formatter.format(done.result)[0]) if done.result is not None else []
    shown.append(kinds)
print(json.dumps(shown))
"""


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text("utf-8"))["cells"]


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["first-steps", "fusions-and-people", "own-model-and-probe"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_results(path: Path) -> None:
    found = json.loads(path.read_text("utf-8"))
    assert (found["nbformat"], found["nbformat_minor"]) == (4, 5)
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells(path) if "outputs" in cell)
    assert len({cell["id"] for cell in cells(path)}) == len(cells(path))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_shows_maps(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("IPython", reason="IPython is not installed")
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path / "ipython")}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(path)], cwd=tmp_path, env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    shown = json.loads(done.stdout.splitlines()[-1])
    assert sum({"text/html", "image/png"} <= set(kinds) for kinds in shown) >= 2
