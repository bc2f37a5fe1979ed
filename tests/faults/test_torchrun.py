"""The recommended command for several ranks imports nothing from the working folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.evaluation.small import picture
from vitinspect.evaluation.store import FILE, Store

ROOT = Path(__file__).resolve().parents[2]


def test_modules_that_lie_in_the_working_folder_are_not_imported(tmp_path: Path) -> None:
    for i in range(3):
        picture(tmp_path / "data" / f"p{i}.png", i)
    for name in ("torch", "numpy", "timm", "json", "vitinspect"):
        (tmp_path / f"{name}.py").write_text("import os; os._exit(66)")
    program = shutil.which("vitinspect", path=os.path.dirname(sys.executable))
    # From a source tree that is not installed, Python's own option does the same.
    start = [program] if program else [sys.executable, "-P", "-m", "vitinspect"]
    command = [
        *(sys.executable, "-P", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python"),
        *(*start, "evaluate", "data", "--out", "run", "--methods", "rollout", "--scores", "deletion", "--steps", "2"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    with Store(tmp_path / "run" / FILE) as store:
        assert len(store.finished()) == 3


def test_the_documents_recommend_that_way() -> None:
    text = (ROOT / "docs" / "evaluation.md").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith("torchrun")]
    assert len(lines) == 2
    assert all("--no-python vitinspect" in line for line in lines)
