"""A killed process leaves complete files; a picture that does not fit into memory fails alone."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.small import masked_set, picture, small_model
from vitinspect.cli import main
from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.runner import run
from vitinspect.evaluation.store import FILE, Store

ROOT = Path(__file__).resolve().parents[2]
Say = pytest.CaptureFixture[str]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "vitinspect", *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def killed(arguments: list[str], out: Path, pattern: str, after: int, delay: float) -> None:
    """Kill the program some time after this many files exist."""
    process = subprocess.Popen(
        arguments, env=environment(), cwd=out.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < end and len(list(out.rglob(pattern))) < after:
        time.sleep(0.005)
    time.sleep(delay)
    process.kill()
    process.wait()


def unfinished(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.name.endswith("part")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
@pytest.mark.parametrize("seed", [1, 2])
def test_explain_killed_at_any_moment_leaves_whole_files_and_can_be_repeated(tmp_path: Path, seed: int) -> None:
    for i in range(12):
        picture(tmp_path / "in" / f"p{i}.png", i, size=(220, 180))
    rng = random.Random(seed)
    out = tmp_path / "out"
    killed(command("explain", tmp_path / "in", "--out", out), out, "*.png", 2, rng.uniform(0, 0.3))
    for path in out.glob("*.png"):
        if path.name[0] != ".":
            with Image.open(path) as painted:
                painted.load()
    for path in out.glob("*.npz"):
        with np.load(path) as arrays:
            assert np.isfinite(arrays["values"]).all()
    assert len(unfinished(out)) <= 1
    assert main(["explain", str(tmp_path / "in"), "--out", str(out)]) == 0
    assert len([path for path in out.iterdir() if path.name[0] != "."]) == 24


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_gallery_killed_in_the_middle_is_finished_by_the_same_command(tmp_path: Path) -> None:
    out = tmp_path / "gallery"
    arguments = ("gallery", "--count", "30", "--size", "96", "--processes", "1", "--out", out)
    killed(command(*arguments), out, "images/*.png", 3, 0.05)
    assert not (out / "labels.csv").exists() or len(list((out / "images").glob("*.png"))) == 30
    assert main([str(one) for one in arguments]) == 0
    assert len((out / "labels.csv").read_text().splitlines()) == 31


# --- memory --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    [
        "vitinspect.evaluation.reading.prepare_picture",
        "vitinspect.evaluation.items.Dataset.read_mask",
        "vitinspect.evaluation.work.threshold",
        "vitinspect.evaluation.work.overlap",
    ],
)
def test_running_out_of_memory_anywhere_fails_one_picture_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    root = masked_set(tmp_path / "set", 3)
    module, _, name = place.rpartition(".")
    owner = sys.modules.get(module)
    if owner is None:
        above, _, kind = module.rpartition(".")
        owner = getattr(sys.modules[above], kind)
    real, calls = getattr(owner, name), []

    def exhausted(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, exhausted)
    plan = Plan(data=str(root), methods=("rollout",), scores=("overlap",), model="small")
    summary = run(plan, small_model(), tmp_path / "run")
    assert (summary.done, summary.failed) == (2, 1)
    with Store(tmp_path / "run" / FILE) as store:
        (reason,) = [image.reason for image in store.images() if image.state == "failed"]
    assert "memory" in reason


LIMITED = """
import resource, sys
import vitinspect as vi
from vitinspect.cli import main
vi.load_model("demo"); vi.explain(vi.load_model("demo"), sys.argv[2], ["rollout"])
with open("/proc/self/statm") as f:
    used = int(f.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (400 << 20),) * 2)
sys.exit(main(["explain", sys.argv[1], "--out", sys.argv[3], "--max-pixels", "2000000000"]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have no such limit")
def test_a_picture_that_does_not_fit_under_a_real_limit_fails_alone(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for i in (1, 3):
        picture(folder / f"p{i}.png", i)
    huge_png(folder / "p2.png", 30_000)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(folder), str(folder / "p1.png"), str(tmp_path / "out")],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 2, done.stderr[-2000:]
    assert "p2.png does not fit into the memory" in done.stderr
    assert len(list((tmp_path / "out").glob("*.png"))) == 2


def huge_png(path: Path, side: int) -> None:
    """A black picture of 3 bytes by ``side`` by ``side``, in a few megabytes."""
    import struct

    packer = zlib.compressobj(1)
    row = bytes(1 + 3 * side)
    data = b"".join([*(packer.compress(row) for _ in range(side)), packer.flush()])
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, body in (
            (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
            (b"IDAT", data),
            (b"IEND", b""),
        ):
            file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
