"""Running a plan: reading pictures in advance, resuming, and sharing the work between processes.

Pictures are decoded and prepared in threads while the model works on the previous one. Each picture is committed when
it is done, so a run that ends at any moment can be resumed with the next missing one.

Several processes, started by torch's own launcher (``torchrun --nproc-per-node 4 --no-python vitinspect ...``), each
write a file of their own. What remains to be done is determined once per start, by the first rank, from all files in
the run folder, and then distributed in turn. So it does not matter whether the number of processes has changed or one
of them died; the first rank merges at the end. Processes that cannot communicate use shards instead (``shards.py``).
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitinspect.errors import Cancelled, DataError, ParameterError, TargetError
from vitinspect.evaluation.database import refuse_foreign
from vitinspect.evaluation.datasets import open_dataset
from vitinspect.evaluation.items import Dataset, Item
from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.protocol_truth import READINGS
from vitinspect.evaluation.reading import Picture, read_picture
from vitinspect.evaluation.saving import Saver, saver_for
from vitinspect.evaluation.sources import compare
from vitinspect.evaluation.store import FILE, Store, rank_file, shard_files
from vitinspect.evaluation.work import Worker
from vitinspect.locks import held
from vitinspect.progress import CancelToken, Progress

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT

_log = logging.getLogger(__name__)

ON_CHANGE = ("stop", "rescore", "keep")
LOCK = "results.lock"
READ_AHEAD = 8
"""The number of prepared pictures that wait for the model. They are small: tensors of the input's size."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that share the work."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @classmethod
    def from_environment(cls) -> Ranks:
        """The values set by torchrun; a single process otherwise."""
        env = os.environ
        if "RANK" not in env or "WORLD_SIZE" not in env:
            return cls()
        return cls(int(env["RANK"]), int(env["WORLD_SIZE"]), int(env.get("LOCAL_RANK", env["RANK"])))

    @property
    def first(self) -> bool:
        return self.rank == 0


@contextmanager
def joined(ranks: Ranks) -> Iterator[None]:
    """A process group for the few values that ranks exchange. gloo works over the CPU on every machine."""
    if ranks.world == 1:
        yield
        return
    import torch.distributed as dist
    from torch.distributed.rendezvous import rendezvous

    limit = timedelta(minutes=10)
    store, rank, world = next(rendezvous("env://", timeout=limit))
    # torchrun keeps its store over restarts, where the addresses of the previous ranks would be found.
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    own = dist.PrefixStore(f"vitinspect-{attempt}", store)
    dist.init_process_group("gloo", store=own, rank=rank, world_size=world, timeout=limit)
    try:
        yield
    finally:
        dist.destroy_process_group()


def _agree(ranks: Ranks, value: Any) -> Any:
    """The first rank's value, for all."""
    if ranks.world == 1:
        return value
    import torch.distributed as dist

    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def _meet(ranks: Ranks) -> None:
    if ranks.world > 1:
        import torch.distributed as dist

        # A rank may wait for the slowest until its last pictures are done; a rank that died is noticed at once.
        dist.monitored_barrier(timeout=timedelta(hours=12))


@dataclass(frozen=True)
class RunSummary:
    """How a run ended."""

    folder: Path
    total: int
    done: int
    skipped: int
    failed: int
    fresh: int
    """Pictures that this call evaluated."""

    @property
    def complete(self) -> bool:
        return self.done + self.skipped + self.failed >= self.total


def run(
    plan: Plan,
    model: ViT,
    folder: Path,
    *,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
    ranks: Ranks | None = None,
    on_change: str = "stop",
    tell: Callable[[str], None] = _log.warning,
    save: Sequence[str] = (),
) -> RunSummary:
    """Evaluate the pictures of the plan that are not in the run folder yet. ``save``: kinds of files to write too, of
    ``saving.KINDS``.

    A cancel finishes the current picture and raises ``Cancelled``; the run can be resumed. ``on_change`` says what is
    done with scores whose picture, mask or label has changed: one of ``ON_CHANGE``; ``rescore`` also tries failed
    pictures again. ``tell`` is called with sentences for the user. Only one process, or the ranks of one, can use a run
    folder at a time; others are refused.
    """
    if on_change not in ON_CHANGE:
        raise ParameterError(f"on_change must be one of {', '.join(ON_CHANGE)}, not {on_change!r}.")
    _refuse_without_classes(plan, model)
    ranks = ranks or Ranks()
    if dataset is None:
        dataset = open_plan_dataset(plan)
    with joined(ranks), ExitStack() as stack:
        saver = saver_for(folder, save, plan, dataset)
        todo = _agree(ranks, _begin(stack, plan, dataset, folder, on_change, tell, saver) if ranks.first else None)
        if isinstance(todo, str):
            raise DataError(todo)
        mine = todo[ranks.rank :: ranks.world]
        path = folder / FILE if ranks.world == 1 else rank_file(folder, ranks.rank)
        already = len(dataset) - len(todo)
        with Store(path) as store:
            if ranks.world > 1:
                store.claim(plan)
            fresh = evaluate_positions(
                plan, model, dataset, mine, store, _progress_of(ranks, already, len(todo), progress), cancel, saver
            )
        _meet(ranks)
        if ranks.first and ranks.world > 1:
            merge(folder)
        _meet(ranks)
    with Store(folder / FILE) as store:
        return summarise(store, folder, len(dataset), fresh)


def _refuse_without_classes(plan: Plan, model: ViT) -> None:
    """Of a model without a classifier, whose outputs are features, no predicted class is explained or measured."""
    if model.has_classifier or plan.target not in ("predicted", "label"):
        return
    from vitinspect.explainers.registry import make_method

    following = [key for key in plan.methods if make_method(key).info.class_specific]
    measured = [score for score in plan.scores if score != "overlap"]
    measured += [plan.protocol] if plan.protocol else []
    what = [*following, *measured, *(["a least confidence"] if plan.min_confidence else [])]
    if what:
        raise TargetError(
            f"{model.name} has no classifier, so it predicts no class, which {', '.join(what)} would need. Give it a "
            "head or texts, name a target, or score only the overlap of methods that follow no target, such as rollout."
        )


def open_plan_dataset(plan: Plan) -> Dataset:
    """The data set that a plan names."""
    return open_dataset(
        plan.data,
        plan.layout,
        indices=plan.indices,
        limit=plan.limit,
        split=plan.split,
        voc_void_is_foreground=plan.voc_void_is_foreground,
        index_base=plan.index_base,
        mask_coding=plan.mask_coding,
        labels=plan.labels,
        # A protocol that reads masks as its authors' script does leaves the user no choice.
        check_masks=(plan.protocol, plan.variant) not in READINGS,
    )


def _begin(
    stack: ExitStack,
    plan: Plan,
    dataset: Dataset,
    folder: Path,
    on_change: str,
    tell: Callable[[str], None],
    saver: Saver | None,
) -> list[int] | str:
    """Lock the folder, and return the positions that no file of the run has yet; or the reason why the run is not
    possible, for all ranks to report."""
    try:
        refuse_foreign(folder / FILE)
        stack.enter_context(held(folder / LOCK, f"Another process is working on {folder}"))
        with Store(folder / FILE) as store:
            begin_file(store, plan, dataset)
        merge(folder)
        with Store(folder / FILE) as store:
            check_stored(store, plan, dataset, on_change, tell)
            finished = finished_with_files(store, dataset, saver)
    except DataError as error:
        return str(error)
    return [i for i, item in enumerate(dataset.items) if item.key not in finished]


def check_stored(store: Store, plan: Plan, dataset: Dataset, on_change: str, tell: Callable[[str], None]) -> None:
    """Compare what is stored with its digests and with the data as it is now, and remove what is to be scored again."""
    damaged = store.damaged()
    if damaged:
        tell(f"{len(damaged)} pictures have damaged results in {store.path} and are scored again.")
        store.remove(damaged)
    whole = plan.limit is None
    known = store.fact("items") if whole else None
    changes = compare(store.sources(), None if known is None else json.loads(known), dataset, plan)
    if changes.invalid and on_change == "stop":
        raise DataError(
            f"The data has changed since {store.path.parent} was computed: {changes.words()}. `--on-change rescore` "
            "scores these again, `--on-change keep` keeps their scores."
        )
    if changes.invalid or changes.new:
        tell(f"The data has changed: {changes.words()}.")
    if on_change == "rescore":
        failed = [image.image for image in store.images() if image.state == "failed"]
        store.remove([*changes.invalid, *failed])
    store.place({item.key: position for position, item in enumerate(dataset.items)})
    if whole:
        store.set_fact("items", json.dumps([item.key for item in dataset.items]))


def finished_with_files(store: Store, dataset: Dataset, saver: Saver | None) -> set[str]:
    """The images that need not be evaluated again; those with a missing file are done once more."""
    finished = store.finished()
    if saver is None:
        return finished
    done = {image.image for image in store.images() if image.state == "done"}
    return finished - {item.key for item in dataset.items if item.key in done and not saver.complete(item)}


def begin_file(store: Store, plan: Plan, dataset: Dataset) -> None:
    """Start a file of this run, with the notes on the data."""
    store.claim(plan)
    store.set_fact("data_notes", json.dumps(dataset.notes))
    store.set_fact("data_images", str(len(dataset)))


def merge(folder: Path) -> int:
    """Merge the files of all ranks and shards into the run's file. Those of ranks are removed; shards may still be
    writing theirs."""
    added = 0
    parts = sorted(folder.glob("results-rank*.sqlite"))
    shards = shard_files(folder)
    if not parts and not shards:
        return 0
    with Store(folder / FILE) as store:
        for part in [*parts, *shards]:
            with Store(part) as other:
                if other.fact("plan") is None:
                    stored = None
                else:
                    stored = other.plan
            if stored is not None:
                differing = stored.differences(store.plan)
                if differing:
                    raise DataError(f"{part} belongs to another run: {'; '.join(differing)}.")
                added += store.merge(part)
    for part in parts:
        for leftover in (part, Path(f"{part}-wal"), Path(f"{part}-shm")):
            leftover.unlink(missing_ok=True)
    return added


def _progress_of(ranks: Ranks, already: int, todo: int, progress: Progress | None) -> Progress | None:
    """The first rank shows the whole run's progress, estimated from its own share."""
    if progress is None or not ranks.first:
        return None

    def report(done: int, total: int) -> None:
        progress(already + min(todo, done * ranks.world), already + todo)

    return report


MOST_THREADS = 8


@contextmanager
def threads_of(plan: Plan) -> Iterator[None]:
    """Use the plan's number of threads, also in a process that torchrun has limited to one."""
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    before = torch.get_num_threads()
    torch.set_num_threads(plan.threads or min(usable, MOST_THREADS))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def evaluate_positions(
    plan: Plan,
    model: ViT,
    dataset: Dataset,
    positions: Sequence[int],
    store: Store,
    progress: Progress | None,
    cancel: CancelToken | None,
    saver: Saver | None = None,
) -> int:
    done = 0
    with threads_of(plan):
        worker = Worker(model, plan, dataset, saver=saver)
        if progress is not None:
            progress(0, len(positions))
        for picture in read_ahead(dataset, positions, model, plan):
            store.add(worker.evaluate(picture))
            done += 1
            if progress is not None:
                progress(done, len(positions))
            if cancel is not None and cancel.cancelled:
                raise Cancelled
    return done


def read_ahead(dataset: Dataset, positions: Sequence[int], model: ViT, plan: Plan) -> Iterator[Picture]:
    """The pictures in order, decoded in advance by threads; Pillow releases the interpreter's lock while it decodes."""
    items: list[tuple[int, Item]] = [(i, dataset.items[i]) for i in positions]
    with ThreadPoolExecutor(max_workers=max(2, min(8, os.cpu_count() or 2)), thread_name_prefix="read-ahead") as pool:
        waiting: list[Future[Picture]] = []
        upcoming = iter(items)
        try:
            for position, item in upcoming:
                waiting.append(pool.submit(read_picture, dataset, item, position, model, plan))
                if len(waiting) > READ_AHEAD:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()


def summarise(store: Store, folder: Path, total: int, fresh: int = 0) -> RunSummary:
    """Count the results in the run folder."""
    states = [image.state for image in store.images()]
    return RunSummary(folder, total, states.count("done"), states.count("skipped"), states.count("failed"), fresh)


@contextmanager
def stopping_on_interrupt(cancel: CancelToken) -> Iterator[None]:
    """Ctrl-C stops after the current picture; a second one stops at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(number: int, frame: Any) -> None:
        if cancel.cancelled:
            raise KeyboardInterrupt
        cancel.cancel()

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
