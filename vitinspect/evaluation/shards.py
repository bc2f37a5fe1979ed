"""A run in independent parts: the jobs of an array, or the tasks of an srun step.

Each shard takes every N-th picture and writes a file of its own into the run folder, so no two processes ever write
the same file and none waits for another. ``merge_run`` merges the existing files without changing them, so it may be
called while some shards still run, and again after one was repeated.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vitinspect.errors import DataError, ParameterError
from vitinspect.evaluation.runner import (
    LOCK,
    RunSummary,
    begin_file,
    check_stored,
    evaluate_positions,
    finished_with_files,
    merge,
    open_plan_dataset,
    summarise,
)
from vitinspect.evaluation.saving import saver_for
from vitinspect.evaluation.store import FILE, Store, shard_files
from vitinspect.locks import held
from vitinspect.progress import CancelToken, Progress

if TYPE_CHECKING:
    from vitinspect.evaluation.items import Dataset
    from vitinspect.evaluation.plan import Plan
    from vitinspect.models.vit import ViT


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shard:
    """One of ``count`` parts of a run: the pictures whose position modulo ``count`` is ``index``."""

    index: int
    count: int
    local: int = 0
    """Its number among the tasks on its machine, and so of its GPU."""

    @classmethod
    def parse(cls, text: str) -> Shard:
        """``I/N``, with I from 1 to N or from 0 to N - 1, as the array counts: both cover all pictures."""
        found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        if found is None or not 0 <= int(found[1]) <= int(found[2]) or int(found[2]) < 1:
            raise ParameterError(f"A shard must be I/N, the I-th of N parts, as in 2/3; not {text!r}.")
        return cls(int(found[1]) % int(found[2]), int(found[2]))

    @classmethod
    def of_srun(cls, environment: Mapping[str, str] | None = None) -> Shard | None:
        """This task of an srun step with several; None elsewhere, also in the batch script around the step."""
        env = os.environ if environment is None else environment
        count = env.get("SLURM_STEP_NUM_TASKS") or (
            env.get("SLURM_NTASKS") if "SLURM_STEP_ID" in env or int(env.get("SLURM_PROCID") or 0) > 0 else None
        )
        if "RANK" in env or not count or int(count) < 2 or "SLURM_PROCID" not in env:
            return None
        return cls(int(env["SLURM_PROCID"]), int(count), int(env.get("SLURM_LOCALID") or 0))

    def __str__(self) -> str:
        return f"shard {self.index or self.count} of {self.count}"

    def file(self, folder: Path) -> Path:
        """The file that it alone writes."""
        return folder / f"results-shard{self.index or self.count}of{self.count}.sqlite"


def run_shard(
    plan: Plan,
    model: ViT,
    folder: Path,
    shard: Shard,
    *,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
    on_change: str = "stop",
    tell: Callable[[str], None] = _log.warning,
    save: Sequence[str] = (),
) -> RunSummary:
    """Evaluate this shard's pictures that are neither in its file nor in the run's.

    Other shards may use the folder at the same time, but not a process without a shard or one with the same shard.
    """
    dataset = open_plan_dataset(plan) if dataset is None else dataset
    path = shard.file(folder)
    saver = saver_for(folder, save, plan, dataset)
    with ExitStack() as stack:
        stack.enter_context(held(folder / LOCK, f"A process without a shard is working on {folder}", shared=True))
        stack.enter_context(held(path.with_suffix(".lock"), f"Another process is working on {shard} of {folder}"))
        done = set()
        if (folder / FILE).is_file():
            with Store(folder / FILE) as store:
                store.check(plan)
                done = finished_with_files(store, dataset, saver)
        store = stack.enter_context(Store(path))
        begin_file(store, plan, dataset)
        check_stored(store, plan, dataset, on_change, tell)
        done |= finished_with_files(store, dataset, saver)
        mine = range(shard.index, len(dataset), shard.count)
        todo = [i for i in mine if dataset.items[i].key not in done]
        fresh = evaluate_positions(plan, model, dataset, todo, store, progress, cancel, saver)
        return summarise(store, folder, len(mine), fresh)


@dataclass(frozen=True)
class Merged:
    """The content of a run folder after its parts were merged."""

    summary: RunSummary
    fresh: int
    """Pictures that this merge added."""
    unfinished: tuple[str, ...]
    """Shards with missing pictures."""


def merge_run(folder: Path) -> Merged:
    """Merge the files of all shards and ranks into the run's file."""
    with ExitStack() as stack:
        if folder.is_dir():
            stack.enter_context(held(folder / LOCK, f"A process without a shard is working on {folder}", shared=True))
            stack.enter_context(held(folder / "results-merge.lock", f"Another process is merging {folder}"))
        return _merged(folder)


def _merged(folder: Path) -> Merged:
    parts = shard_files(folder)
    if not parts and not (folder / FILE).is_file() and not list(folder.glob("results-rank*.sqlite")):
        raise DataError(f"{folder} is not a run folder: there is neither a {FILE} nor a part of one in it.")
    _claim_from_a_part(folder, parts)
    fresh = merge(folder)
    with Store(folder / FILE) as store:
        total = int(store.fact("data_images") or 0)
        here = {image.position for image in store.images()}
        summary = summarise(store, folder, max(total, len(here)), fresh)
    unfinished = []
    for part in parts:
        found = re.search(r"shard(\d+)of(\d+)", part.name)
        assert found is not None
        index, count = int(found[1]) % int(found[2]), int(found[2])
        if any(i not in here for i in range(index, total, count)):
            unfinished.append(f"shard {found[1]} of {found[2]}")
    return Merged(summary, fresh, tuple(unfinished))


def _claim_from_a_part(folder: Path, parts: list[Path]) -> None:
    """Give the run's file the plan and the notes on the data of the first shard."""
    with Store(folder / FILE) as store:
        if store.fact("plan") is not None:
            return
        for part in parts:
            with Store(part) as source:
                if source.fact("plan") is None:
                    continue
                store.claim(source.plan)
                for name in ("data_notes", "data_images", "items"):
                    value = source.fact(name)
                    if value is not None:
                        store.set_fact(name, value)
                return
