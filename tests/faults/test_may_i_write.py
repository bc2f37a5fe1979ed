"""No command replaces or adds to files that vitinspect did not write, or follows a link to them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.evaluation.small import picture
from vitinspect.cli import demo, main

Say = pytest.CaptureFixture[str]
EVALUATE = ("--methods", "rollout", "--scores", "deletion", "--steps", "2", "--fill", "black")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for i in range(2):
        picture(tmp_path / "data" / f"p{i}.png", i)
    return tmp_path / "data"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("name", ["report.md", "report.tex", "results.csv", "summary.json", "curve-deletion.svg"])
def test_evaluate_does_not_replace_a_foreign_file_and_says_so_before_the_work(
    data: Path, tmp_path: Path, capsys: Say, name: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_bytes(b"mine")
    assert main(["evaluate", str(data), "--out", str(out), *EVALUATE]) == 2
    assert f"{name} was not written by vitinspect" in capsys.readouterr().err
    assert contents(out) == {name: b"mine"}


def test_evaluate_replaces_its_own_report(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["evaluate", str(data), "--out", str(out), *EVALUATE]) == 0
    assert main(["evaluate", str(data), "--out", str(out), *EVALUATE]) == 0


def test_evaluate_does_not_write_into_the_data(data: Path, tmp_path: Path, capsys: Say) -> None:
    before = contents(data)
    (tmp_path / "link").symlink_to(data)
    for out in (data, data / "runs", tmp_path / "link"):
        assert main(["evaluate", str(data), "--out", str(out), *EVALUATE]) == 2
        assert "data" in capsys.readouterr().err
    assert contents(data) == before


def test_graph_does_not_replace_a_foreign_file_but_its_own(data: Path, tmp_path: Path, capsys: Say) -> None:
    out = tmp_path / "g.csv"
    command = ["graph", str(data / "p0.png"), "--layer", "0", "--out", str(out)]
    out.write_bytes(b"mine")
    assert main(command) == 2
    assert "g.csv was not written by vitinspect" in capsys.readouterr().err
    assert out.read_bytes() == b"mine"
    out.unlink()
    assert main(command) == 0
    assert main(command) == 0


def test_explain_into_its_own_folder_explains_the_pictures_and_not_its_overlays(data: Path, capsys: Say) -> None:
    command = ["explain", str(data), "--out", str(data)]
    assert main(command) == 0
    first = set(contents(data))
    assert len(first) == 2 + 4
    capsys.readouterr()
    assert main(command) == 0
    assert set(contents(data)) == first
    assert "2 of the files in" in capsys.readouterr().err


def test_explain_follows_no_link_out_of_its_folder(data: Path, tmp_path: Path, capsys: Say) -> None:
    picture(data / "sub" / "below.png", 3)
    (tmp_path / "elsewhere").mkdir()
    out = tmp_path / "out"
    out.mkdir()
    (out / "sub").symlink_to(tmp_path / "elsewhere")
    assert main(["explain", str(data), "--recursive", "--out", str(out)]) == 2
    assert "outside of" in capsys.readouterr().err
    assert not os.listdir(tmp_path / "elsewhere")
    assert len(list(out.glob("p*.png"))) == 2, "the other pictures are explained"


def test_demo_refuses_a_foreign_table_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Say
) -> None:
    monkeypatch.setattr(demo, "take_screenshot", lambda path: "not taken")
    (tmp_path / demo.TABLE).write_text(",".join(demo.HEADER) + "\nmy,own,rows\n")
    before = contents(tmp_path)
    assert main(["demo", "--off-screen", "--count", "1", "--out", str(tmp_path)]) == 2
    assert "was not written by vitinspect" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_gallery_follows_no_link_and_replaces_no_changed_table(tmp_path: Path, capsys: Say) -> None:
    out = tmp_path / "out"
    command = ["gallery", "--out", str(out), "--count", "1", "--size", "32", "--processes", "1"]
    assert main(command) == 0
    assert main(command) == 0
    (out / "labels.csv").write_text("my own\n")
    assert main(command) == 2
    assert (out / "labels.csv").read_text() == "my own\n"
    (out / "labels.csv").unlink()
    shutil.rmtree(out / "images")
    (tmp_path / "elsewhere").mkdir()
    (out / "images").symlink_to(tmp_path / "elsewhere")
    assert main(command) == 2
    assert "outside of" in capsys.readouterr().err
    assert not os.listdir(tmp_path / "elsewhere")


def test_evaluate_adds_nothing_to_the_database_of_another_program(data: Path, tmp_path: Path, capsys: Say) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with sqlite3.connect(out / "results.sqlite") as database:
        database.execute("CREATE TABLE photos (name TEXT)")
    database.close()
    before = contents(out)
    assert main(["evaluate", str(data), "--out", str(out), *EVALUATE]) == 2
    assert "was not written by vitinspect" in capsys.readouterr().err
    assert contents(out) == before
