"""``vitinspect demo`` without a display."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vitinspect.cli import demo, main
from vitinspect.errors import DataError

Run = Callable[..., "subprocess.CompletedProcess[str]"]
ROW = demo.Row("a.png", "fish", "fish", 0.9, "rollout", 0.5, 1.0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there always is a display")
def test_without_a_display_it_writes_overlays_and_scores_and_succeeds(run: Run, tmp_path: Path) -> None:
    done = run("demo", "--count", "1", DISPLAY=None, WAYLAND_DISPLAY=None, QT_QPA_PLATFORM=None)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    out = tmp_path / "vitinspect-output" / "demo"
    assert str(out) in done.stdout
    overlays = list((out / "overlays").glob("*.png"))
    with (out / demo.TABLE).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len({row["image"] for row in rows}) == 1
    assert len(overlays) == len(rows) == len({row["method"] for row in rows})
    for row in rows:
        assert 0 <= float(row["energy_inside"]) <= 1
        assert row["method"] in done.stdout


def test_a_second_run_replaces_what_the_first_one_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "take_screenshot", lambda path: "not taken")
    files = []
    for _ in range(2):
        assert main(["demo", "--off-screen", "--count", "1", "--out", str(tmp_path)]) == 0
        files.append(sorted(tmp_path.rglob("*")))
    assert files[0] == files[1]


def test_a_table_that_was_changed_since_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / demo.TABLE
    demo.write_table(path, [ROW])
    demo.write_table(path, [ROW, ROW])
    assert path.read_text().count("\n") == 3
    path.write_text("my,own,table\n")
    with pytest.raises(DataError, match="was changed since vitinspect wrote it and is not replaced"):
        demo.write_table(path, [ROW])
    assert path.read_text() == "my,own,table\n"


def test_the_share_inside_and_the_peak_are_those_of_positive_values_that_the_model_saw() -> None:
    mask = np.array([[True, False], [False, False]])
    assert demo.overlap(np.array([[3.0, 1.0], [0.0, -5.0]]), mask) == (0.75, 1.0)
    assert demo.overlap(np.array([[1.0, 3.0], [np.nan, np.nan]]), mask) == (0.25, 0.0)
    assert demo.overlap(np.zeros((2, 2)), mask)[0] == 0.0


def test_the_pictures_are_spread_over_the_gallery() -> None:
    paths = [Path(str(i)) for i in range(30)]
    assert demo.spread(paths, 6) == paths[::5]
    assert demo.spread(paths, 50) == paths


def test_a_screenshot_that_cannot_be_taken_does_not_fail_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "liblost.so.1: cannot open", "a library's last words")

    monkeypatch.setattr(demo.subprocess, "run", broken)
    said = demo.take_screenshot(tmp_path / "window.png")
    assert said.startswith("none: ")
    assert "liblost.so.1" in said
    assert "\n" not in said
