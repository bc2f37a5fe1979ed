"""A resumed run detects changes of its data, names them, and scores changed pictures again on request."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.evaluation.small import mask, masked_set, picture, small_model
from vitinspect.errors import DataError, ParameterError
from vitinspect.evaluation.datasets import open_dataset
from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.runner import LOCK, RunSummary, run
from vitinspect.evaluation.sources import Changes, same, stamp
from vitinspect.evaluation.store import FILE, Store
from vitinspect.locks import held


def plan_for(root: Path, **changes: object) -> Plan:
    values = {"methods": ("rollout",), "scores": ("overlap",), **changes}
    return Plan(data=str(root), model="small", **values)  # type: ignore[arg-type]


def go(root: Path, folder: Path, said: list[str] | None = None, on_change: str = "stop", **plan: object) -> RunSummary:
    tell = (said if said is not None else []).append
    return run(plan_for(root, **plan), small_model(), folder, on_change=on_change, tell=tell)


def rows(folder: Path) -> dict[str, float]:
    with Store(folder / FILE) as store:
        return {image: value for image, _, _, score, value in store.scores() if score == "iou"}


@pytest.fixture
def done(tmp_path: Path) -> tuple[Path, Path]:
    root, folder = masked_set(tmp_path / "set"), tmp_path / "run"
    go(root, folder)
    return root, folder


def test_unchanged_data_is_recognised_also_if_it_was_copied_or_the_clock_went_back(
    done: tuple[Path, Path],
) -> None:
    root, folder = done
    for path in root.rglob("*.png"):
        os.utime(path, (1_000, 1_000))
    assert go(root, folder).fresh == 0


def test_a_replaced_picture_a_deleted_one_and_a_missing_mask_are_named(done: tuple[Path, Path]) -> None:
    root, folder = done
    picture(root / "images" / "p0.png", 77)
    (root / "images" / "p1.png").unlink()
    (root / "masks" / "p2.png").unlink()
    before = rows(folder)
    with pytest.raises(DataError) as caught:
        go(root, folder)
    said = str(caught.value)
    assert "2 have others (images/p0.png, images/p2.png)" in said
    assert "1 is gone (images/p1.png)" in said
    assert "--on-change rescore" in said
    assert rows(folder) == before


def test_rescoring_gives_what_a_fresh_run_on_the_new_data_gives(done: tuple[Path, Path], tmp_path: Path) -> None:
    root, folder = done
    picture(root / "images" / "p0.png", 77)
    (root / "images" / "p1.png").unlink()
    mask(root / "masks" / "p3.png", 78)
    picture(root / "images" / "a new one.png", 79)
    said: list[str] = []
    summary = go(root, folder, said, "rescore")
    assert summary.fresh == 3
    assert "1 is new (images/a new one.png)" in said[0]
    go(root, tmp_path / "fresh")
    assert rows(folder) == rows(tmp_path / "fresh")
    with Store(folder / FILE) as store, Store(tmp_path / "fresh" / FILE) as fresh:
        assert [i.image for i in store.images()] == [i.image for i in fresh.images()]
    assert go(root, folder).fresh == 0


def test_scores_can_be_kept(done: tuple[Path, Path]) -> None:
    root, folder = done
    before = rows(folder)
    picture(root / "images" / "p0.png", 77)
    assert go(root, folder, on_change="keep").fresh == 0
    assert rows(folder) == before


def test_a_picture_that_was_repaired_since_it_failed_is_scored(tmp_path: Path) -> None:
    root = masked_set(tmp_path / "set", 2)
    (root / "images" / "p0.png").write_bytes(b"damaged")
    assert go(root, tmp_path / "run").failed == 1
    picture(root / "images" / "p0.png", 0)
    with pytest.raises(DataError, match="1 has another picture"):
        go(root, tmp_path / "run")
    assert go(root, tmp_path / "run", on_change="rescore").failed == 0


def test_masks_that_are_not_scored_do_not_matter_and_labels_that_are_targets_do(tmp_path: Path) -> None:
    root = masked_set(tmp_path / "set", 2)
    item = open_dataset(root).items[0]
    plan = plan_for(root, scores=("deletion",), steps=2)
    before = stamp(item, plan)
    shutil.rmtree(root / "masks")
    assert same(before, open_dataset(root).items[0], plan)
    labelled = plan_for(root, target="label")
    assert not same(before, item, labelled)


def test_pictures_beyond_a_smaller_limit_are_not_reported_as_missing(done: tuple[Path, Path]) -> None:
    root, folder = done
    said: list[str] = []
    assert go(root, folder, said, limit=2).fresh == 0
    assert go(root, folder, said).fresh == 0
    assert said == []


def test_only_some_names_are_listed() -> None:
    assert Changes(gone=tuple("abcdefgh")).words() == "8 are gone (a, b, c, d, e and 3 more)"


def test_a_choice_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="stop, rescore, keep"):
        go(tmp_path, tmp_path, on_change="guess")


def test_altered_numbers_are_scored_again_and_reported(done: tuple[Path, Path]) -> None:
    root, folder = done
    before = rows(folder)
    with Store(folder / FILE) as store:
        store._db.execute("UPDATE scores SET value = 0.123 WHERE image = 'images/p1.png'")
    said: list[str] = []
    assert go(root, folder, said).fresh == 1
    assert said[0].startswith("1 ")
    assert "damaged" in said[0]
    assert rows(folder) == before


def test_a_second_process_on_the_same_run_is_refused(done: tuple[Path, Path]) -> None:
    root, folder = done
    with held(folder / LOCK, "busy"), pytest.raises(DataError, match="Another process is working on"):
        go(root, folder)
    assert go(root, folder).fresh == 0


def test_the_lock_of_a_killed_run_is_released(tmp_path: Path) -> None:
    root = masked_set(tmp_path / "set", 3)
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom tests.evaluation.test_sources import go\n"
        "from vitinspect.evaluation.store import Store\nadd = Store.add\n"
        "def slow(self, result):\n    add(self, result); print('one', flush=True); time.sleep(60)\n"
        "Store.add = slow\ngo(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", script, str(root), str(tmp_path / "run")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "one\n"
        with pytest.raises(DataError, match=f"process {process.pid}"):
            go(root, tmp_path / "run")
        process.kill()
        process.wait()
    started = time.monotonic()
    assert go(root, tmp_path / "run").fresh == 2
    assert time.monotonic() - started < 60


def test_failed_pictures_are_tried_again_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vitinspect.evaluation import reading

    root = masked_set(tmp_path / "set", 2)

    def exhausted(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(reading, "prepare_picture", exhausted)
        assert go(root, tmp_path / "run").failed == 2
    assert go(root, tmp_path / "run").fresh == 0
    assert go(root, tmp_path / "run", on_change="rescore").done == 2
