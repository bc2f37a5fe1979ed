"""Shards are independent, one may die, and the merged result equals that of a single run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import vitinspect as vi
from tests.evaluation.small import masked_set, small_model
from tests.evaluation.test_runner import plan_for, rows
from vitinspect.cli import main
from vitinspect.evaluation.report import write_report
from vitinspect.evaluation.runner import run
from vitinspect.evaluation.shards import Shard, merge_run, run_shard
from vitinspect.evaluation.store import FILE, Store

METHODS = ("lrp", "rollout", "legrad", "attention_gradcam", "eigencam")

DYING = """
import os, sys
from pathlib import Path
from tests.evaluation.small import small_model
from tests.evaluation.test_shards import plan_of
from vitinspect.evaluation.shards import Shard, run_shard
from vitinspect.evaluation.store import Store
add = Store.add
def dying(self, result):
    add(self, result)
    os.kill(os.getpid(), 9)
Store.add = dying
run_shard(plan_of(Path(sys.argv[1])), small_model(), Path(sys.argv[2]), Shard.parse("2/3"))
"""


def plan_of(root: Path):
    return plan_for(root, methods=METHODS, ways=(1, 2), scores=("overlap", "deletion", "drop"))


def printed(folder: Path) -> dict[str, str]:
    write_report(folder)
    return {name: (folder / name).read_text() for name in ("report.md", "report.tex", "summary.json")}


def assert_equal_runs(one: Path, other: Path) -> None:
    first, second = rows(one), rows(other)
    assert [row[:4] for row in first] == [row[:4] for row in second]
    np.testing.assert_allclose([r[4] for r in first], [r[4] for r in second], rtol=0, atol=1e-9)
    for text, same in zip(printed(one).values(), printed(other).values(), strict=True):
        # The summary has every digit; what people read is rounded.
        assert re.sub(r"(\d\.\d{9})\d*", r"\1", text) == re.sub(r"(\d\.\d{9})\d*", r"\1", same)


def test_three_shards_of_which_one_was_killed_give_the_run_of_one_process(tmp_path: Path) -> None:
    root = masked_set(tmp_path / "set", 7)
    plan, folder = plan_of(root), tmp_path / "many"
    threads = torch.get_num_threads()
    try:
        # Shards of a busy machine have other numbers of threads than a single process.
        torch.set_num_threads(3)
        run(plan, small_model(), tmp_path / "one")
        torch.set_num_threads(1)
        for text in ("1/3", "3/3"):
            run_shard(plan, small_model(), folder, Shard.parse(text))
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "2"}
        command = [sys.executable, "-c", DYING, str(root), str(folder)]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode == -9, ended.stderr[-2000:]

        merged = merge_run(folder)
        assert (merged.summary.done, merged.summary.total) == (6, 7)
        assert merged.unfinished == ("shard 2 of 3",)
        assert run_shard(plan, small_model(), folder, Shard.parse("2/3")).fresh == 1
        # A shard that is repeated finds nothing to do, before and after the merge.
        assert run_shard(plan, small_model(), folder, Shard.parse("1/3")).fresh == 0
        merged = merge_run(folder)
        assert (merged.summary.done, merged.fresh, merged.unfinished) == (7, 1, ())
        assert merge_run(folder).fresh == 0
        (folder / "results-shard3of3.sqlite").unlink()
        assert run_shard(plan, small_model(), folder, Shard.parse("3/3")).fresh == 0
    finally:
        torch.set_num_threads(threads)
    assert_equal_runs(tmp_path / "one", folder)


def test_shards_may_be_counted_from_one_or_from_zero() -> None:
    for first in (0, 1):
        dealt = [i for k in range(4) for i in range(10)[Shard.parse(f"{k + first}/4").index :: 4]]
        assert sorted(dealt) == list(range(10))
    for wrong in ("4/3", "0/0", "2", "a/b", "-1/3"):
        with pytest.raises(vi.ParameterError, match="I/N"):
            Shard.parse(wrong)


def test_tasks_of_an_srun_step_take_shards_and_never_the_same_file(tmp_path: Path) -> None:
    step = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "3", "SLURM_STEP_NUM_TASKS": "3", "SLURM_STEP_ID": "0"}
    shards = [Shard.of_srun({**step, "SLURM_PROCID": str(i), "SLURM_LOCALID": str(i % 2)}) for i in range(3)]
    assert [shard and (shard.index, shard.count, shard.local) for shard in shards] == [(0, 3, 0), (1, 3, 1), (2, 3, 0)]
    assert len({shard.file(tmp_path) for shard in shards if shard}) == 3
    # The batch script around a step, a step of one task, a task in which torchrun has taken over, no Slurm at all.
    assert Shard.of_srun({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "3", "SLURM_PROCID": "0"}) is None
    assert Shard.of_srun({**step, "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}) is None
    assert Shard.of_srun({**step, "SLURM_PROCID": "1", "RANK": "0", "WORLD_SIZE": "2"}) is None
    assert Shard.of_srun({}) is None


def test_shards_of_another_evaluation_are_refused(tmp_path: Path) -> None:
    root = masked_set(tmp_path / "set", 4)
    run_shard(plan_for(root), small_model(), tmp_path / "run", Shard.parse("1/2"))
    with pytest.raises(vi.DataError, match="threshold was otsu and is now mean"):
        run_shard(plan_for(root, threshold="mean"), small_model(), tmp_path / "run", Shard.parse("1/2"))
    run_shard(plan_for(root, threshold="mean"), small_model(), tmp_path / "run", Shard.parse("2/2"))
    with pytest.raises(vi.DataError, match="belongs to another run"):
        merge_run(tmp_path / "run")


def test_a_run_without_shards_continues_the_results_of_shards(tmp_path: Path) -> None:
    root = masked_set(tmp_path / "set", 4)
    run_shard(plan_for(root), small_model(), tmp_path / "run", Shard.parse("1/2"))
    assert run(plan_for(root), small_model(), tmp_path / "run").fresh == 2


def test_the_command_line_runs_shards_and_merges_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, folder = masked_set(tmp_path / "set", 3), str(tmp_path / "run")
    command = ["evaluate", str(root), "--methods", "rollout", "--scores", "overlap", "--out", folder]
    assert main([*command, "--shard", "1/2"]) == 0
    assert "shard 1 of 2: 1 images" in capsys.readouterr().out
    assert main(["evaluate", "--merge", folder]) == 1
    assert "2 of 3 pictures are not evaluated yet" in capsys.readouterr().err
    assert main([*command, "--shard", "2/2"]) == 0
    assert main(["evaluate", "--merge", folder]) == 0
    with Store(tmp_path / "run" / FILE) as store:
        assert len(store.finished()) == 3
    assert main(["evaluate", "--merge", str(tmp_path / "nothing")]) == 2
    assert main(["evaluate", "--scores", "overlap"]) == 2
    assert "DATA is missing" in capsys.readouterr().err


def test_two_processes_never_work_on_one_shard_nor_on_shards_and_the_whole(tmp_path: Path) -> None:
    root, folder = masked_set(tmp_path / "set", 4), tmp_path / "run"
    plan = plan_for(root)
    first = Shard.parse("1/2")
    seen = []

    def meanwhile(done: int, total: int) -> None:
        if done == 1:
            for work, words in (
                (lambda: run_shard(plan, small_model(), folder, first), "shard 1 of 2"),
                (lambda: run(plan, small_model(), folder), "Another process is working"),
            ):
                with pytest.raises(vi.DataError, match=words):
                    work()
            seen.append(merge_run(folder).summary.done)

    run_shard(plan, small_model(), folder, first, progress=meanwhile)
    assert seen == [1]
