"""On a full disk commands end with a sentence, keep finished results, and can be resumed when there is space."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.small import picture
from vitinspect.cli import main
from vitinspect.evaluation.store import FILE, Store
from vitinspect.output import RECORD

Say = pytest.CaptureFixture[str]
EVALUATE = ("--methods", "rollout", "--scores", "deletion", "--steps", "2")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes, which only root can make; elsewhere these tests are skipped."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("a small disk is mounted by root on Linux")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode(errors='replace').strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Fill the disk but for so many bytes; deleting the file frees the space again."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        file.write(bytes(max(0, shutil.disk_usage(disk).free - leave)))
    return ballast


def pictures(folder: Path, count: int) -> Path:
    for i in range(count):
        picture(folder / f"p{i}.png", i)
    return folder


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.endswith("part")]


@pytest.mark.parametrize("leave", [0, 20_000, 60_000])
def test_evaluate_ends_with_a_sentence_and_is_resumed_when_there_is_space(
    small_disk: Path, tmp_path: Path, capsys: Say, leave: int
) -> None:
    data = pictures(tmp_path / "data", 3)
    out = small_disk / "run"
    command = ["evaluate", str(data), "--out", str(out), *EVALUATE]
    ballast = fill(small_disk, leave)
    code = main(command)
    said = capsys.readouterr().err
    assert code == 2, said
    assert "space" in said.lower(), said
    assert "mistake" not in said
    assert leftovers(small_disk) == []
    ballast.unlink()
    assert main(command) == 0, capsys.readouterr().err
    with Store(out / FILE) as store:
        assert len(store.finished()) == 3
        assert store.damaged() == []


def test_explain_ends_at_a_full_disk_and_leaves_whole_files_only(small_disk: Path, tmp_path: Path, capsys: Say) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for i in range(20):
        noise = np.random.default_rng(i).integers(0, 255, (260, 260, 3), dtype=np.uint8)
        Image.fromarray(noise).save(data / f"p{i}.png")
    fill(small_disk, 1_000_000)
    command = ["explain", str(data), "--out", str(small_disk / "out")]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "No space left" in said
    assert said.count("cannot be written") == 1, "it does not go on for the other pictures"
    assert leftovers(small_disk) == []
    written = list((small_disk / "out").glob("*.png"))
    assert written
    for path in written:
        with Image.open(path) as painted:
            painted.load()


@pytest.mark.parametrize(
    "arguments",
    [
        ("graph", "{data}/p0.png", "--layer", "0", "--out", "{disk}/g.csv"),
        ("gallery", "--count", "2", "--size", "64", "--processes", "1", "--out", "{disk}/gallery"),
    ],
)
def test_other_commands_say_that_the_disk_is_full(
    small_disk: Path, tmp_path: Path, capsys: Say, arguments: tuple[str, ...]
) -> None:
    data = pictures(tmp_path / "data", 1)
    ballast = fill(small_disk, 0)
    command = [part.format(data=data, disk=small_disk) for part in arguments]
    assert main(command) == 2
    assert "No space left" in capsys.readouterr().err
    assert leftovers(small_disk) == []
    ballast.unlink()
    assert main(command) == 0, capsys.readouterr().err


def test_a_file_that_did_not_fit_keeps_the_one_before(small_disk: Path) -> None:
    from vitinspect.errors import StorageFull
    from vitinspect.output import OutputFolder

    folder = OutputFolder(small_disk / "out")
    folder.write("report.md", b"one")
    ballast = fill(small_disk, 8192)
    with pytest.raises(StorageFull):
        folder.write("report.md", bytes(100_000))
    assert (small_disk / "out" / "report.md").read_bytes() == b"one"
    ballast.unlink()
    folder.write("report.md", b"three")
    assert sorted(os.listdir(small_disk / "out")) == [RECORD, "report.md"]


def test_caches_of_the_window_are_lost_without_an_error(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vitinspect.app import logs, thumbnails
    from vitinspect.app.compute import map_cache
    from vitinspect.app.compute.addresses import InputAddress
    from vitinspect.app.compute.explaining import Mapped

    monkeypatch.setenv("VITINSPECT_HOME", str(small_disk / "home"))
    source = picture(small_disk / "p.png", 0)
    fill(small_disk, 0)
    address = InputAddress("content", "model", "float32", "crop").of("rollout")
    map_cache.write(Mapped(address, "rollout", np.zeros((3, 4), np.float32), False, "patch"))
    assert map_cache.read(address.text) is None
    assert not thumbnails.make(str(source)).isNull()
    logs.stop(logs.start())
    assert leftovers(small_disk) == []
