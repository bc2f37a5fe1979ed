"""Pipes in place of files never make a command wait; a clock that goes back changes nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evaluation.small import masked_set, picture, small_model
from vitinspect.cli import main
from vitinspect.errors import VitInspectError
from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.runner import LOCK, run
from vitinspect.evaluation.store import FILE, Store
from vitinspect.output import RECORD, write_result

Say = pytest.CaptureFixture[str]

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """A test that waits for a pipe's writer fails after 20 seconds instead of standing still."""
    main_thread = threading.main_thread()
    timer = threading.Timer(20, lambda: os.kill(os.getpid(), 2))
    timer.start()
    yield
    timer.cancel()
    assert main_thread.is_alive()


def plan_for(root: Path) -> Plan:
    return Plan(data=str(root), methods=("rollout",), scores=("overlap",), model="small")


def test_pipes_among_pictures_and_masks_fail_alone(tmp_path: Path, capsys: Say) -> None:
    root = masked_set(tmp_path / "set", 3)
    os.mkfifo(root / "images" / "pipe.png")
    (root / "masks" / "p1.png").unlink()
    os.mkfifo(root / "masks" / "p1.png")
    summary = run(plan_for(root), small_model(), tmp_path / "run")
    assert (summary.done, summary.failed) == (2, 2)
    assert run(plan_for(root), small_model(), tmp_path / "run").fresh == 0
    for command in ("explain", "predict"):
        out = ("--out", str(tmp_path / "out")) if command == "explain" else ()
        assert main([command, str(root / "images"), *out]) == 2
        assert "1 of 4 pictures could not be used" in capsys.readouterr().err


@pytest.mark.parametrize("name", [FILE, LOCK, RECORD, "report.md"])
def test_pipes_where_results_go_are_refused(tmp_path: Path, capsys: Say, name: str) -> None:
    data = picture(tmp_path / "data" / "p.png", 0).parent
    out = tmp_path / "out"
    out.mkdir()
    os.mkfifo(out / name)
    options = ("--methods", "rollout", "--scores", "deletion", "--steps", "2")
    assert main(["evaluate", str(data), "--out", str(out), *options]) == 2
    assert "mistake" not in capsys.readouterr().err


def test_a_pipe_named_as_a_result_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "g.csv")
    with pytest.raises(VitInspectError, match="not a file"):
        write_result(tmp_path / "g.csv", b"")


def test_pipes_among_files_of_the_window_are_ignored(home: Path, tmp_path: Path) -> None:
    from vitinspect.app import logs, thumbnails
    from vitinspect.app.compute import map_cache
    from vitinspect.app.settings import Settings

    source = picture(tmp_path / "p.png", 0)
    thumbnails.make(str(source))
    (kept,) = [path for path in thumbnails.folder().rglob("*") if path.is_file()]
    kept.unlink()
    os.mkfifo(kept)
    assert not thumbnails.make(str(source)).isNull()

    place = map_cache._file_for("address")
    place.parent.mkdir(parents=True)
    os.mkfifo(place)
    assert map_cache.read("address") is None

    (home / "config").mkdir(parents=True)
    os.mkfifo(home / "config" / "settings.json")
    assert Settings()["theme"] == "system"

    logs.log_file().parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(logs.log_file())
    logs.stop(logs.start())


@pytest.mark.parametrize("name", ["mask.json", "mask.npy", "mask.xml", "mask.png"])
def test_pipes_as_files_of_masks_are_refused(tmp_path: Path, name: str) -> None:
    import vitinspect as vi

    os.mkfifo(tmp_path / name)
    with pytest.raises(VitInspectError):
        vi.masks.load(tmp_path / name)


@pytest.mark.parametrize("option", ["--indices", "--labels"])
def test_pipes_as_lists_are_refused(tmp_path: Path, option: str, capsys: Say) -> None:
    data = picture(tmp_path / "data" / "p.png", 0).parent
    os.mkfifo(tmp_path / "list.txt")
    command = ["evaluate", str(data), "--out", str(tmp_path / "out"), option, str(tmp_path / "list.txt")]
    assert main(command) == 2
    assert "mistake" not in capsys.readouterr().err


# --- clocks ------------------------------------------------------------------------------------------------------


def backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the wall clock loses an hour with each look at it."""
    now = [time.time()]

    def earlier() -> float:
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", earlier)


def test_a_run_whose_clock_goes_back_gives_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = masked_set(tmp_path / "set", 3)
    run(plan_for(root), small_model(), tmp_path / "right")
    backwards(monkeypatch)
    run(plan_for(root), small_model(), tmp_path / "run")
    assert run(plan_for(root), small_model(), tmp_path / "run").fresh == 0
    with Store(tmp_path / "right" / FILE) as right, Store(tmp_path / "run" / FILE) as found:
        assert list(right.scores()) == list(found.scores())


def test_progress_is_valid_when_the_clock_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Say
) -> None:
    backwards(monkeypatch)
    for i in range(2):
        picture(tmp_path / "in" / f"p{i}.png", i)
    assert main(["explain", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 0
    assert "-" not in capsys.readouterr().err.replace(str(tmp_path), "")


def test_files_from_the_future_and_from_1970_are_ordinary_files(home: Path, tmp_path: Path) -> None:
    from vitinspect.app import thumbnails

    for when in (0, 2**33, -86_400):
        source = picture(tmp_path / "p.png", when & 7)
        os.utime(source, (when, when))
        assert not thumbnails.make(str(source)).isNull()
    assert thumbnails.prune(thumbnails.folder(), 0) == 0


def test_a_cache_is_found_after_the_clock_went_back(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vitinspect.app import thumbnails

    source = str(picture(tmp_path / "p.png", 0))
    thumbnails.make(source)
    backwards(monkeypatch)
    monkeypatch.setattr("vitinspect.images.thumbnail", lambda *_: pytest.fail("made again"))
    thumbnails.make(source)
