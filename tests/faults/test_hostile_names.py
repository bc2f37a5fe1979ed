"""Whatever the name of a picture, every command works on it, and on the pictures after it."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.evaluation.small import mask, small_model
from tests.faults.hostile import NAMES, hostile_folder, write_picture
from vitinspect.cli import main
from vitinspect.evaluation.datasets import open_dataset
from vitinspect.evaluation.lookup import open_run, values_of
from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.report import write_report
from vitinspect.evaluation.runner import run as evaluate
from vitinspect.evaluation.store import FILE, Store
from vitinspect.files import made_from
from vitinspect.names import csv_value, restored, stored

Say = pytest.CaptureFixture[str]

pytestmark = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are no free rows of bytes")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = hostile_folder(tmp_path / "in")
    assert len(made) == len(NAMES), "this file system refuses some of the names"
    return tmp_path / "in"


def names_in(folder: Path) -> set[bytes]:
    return {os.fsencode(path.name) for path in folder.iterdir()}


def test_explain_writes_an_overlay_and_a_map_of_each_and_knows_them_again(folder: Path, capsys: Say) -> None:
    out = folder.parent / "out"
    assert main(["explain", str(folder), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "unexpected" not in said.err
    assert all(c == "\n" or c.isprintable() for c in said.out)
    for kind in ("*.png", "*.npz"):
        sources = {made_from(path) for path in out.glob(kind)}
        assert sources == {stored(path) for path in folder.iterdir()}
        assert {restored(s or "") for s in sources} == {str(path) for path in folder.iterdir()}
    before = names_in(out)
    assert main(["explain", str(folder), "--out", str(out)]) == 0
    assert names_in(out) == before, "the second time each result is known by its picture and replaced"


def test_explain_keeps_hostile_names_of_folders_below(tmp_path: Path) -> None:
    below = tmp_path / "in" / os.fsdecode(b"sub\xe9\n")
    below.mkdir(parents=True)
    write_picture(below / "a.png")
    assert main(["explain", str(tmp_path / "in"), "--recursive", "--out", str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out" / below.name).iterdir())) == 2


def test_predict_says_one_line_per_name_and_json_that_gives_it_back(folder: Path, capsys: Say) -> None:
    assert main(["predict", str(folder), "--top", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 * len(NAMES)
    assert main(["predict", str(folder), "--top", "1", "--json"]) == 0
    found = {json.loads(line)["image"] for line in capsys.readouterr().out.splitlines()}
    assert {restored(name) for name in found} == {str(path) for path in folder.iterdir()}


def test_graph_reads_each_of_them(folder: Path, capsys: Say) -> None:
    for name in (b"b\xe9.png", b"two\nlines.png", b"x" * 251 + b".png"):
        out = folder.parent / "graph.json"
        out.unlink(missing_ok=True)
        assert main(["graph", str(folder / os.fsdecode(name)), "--layer", "0", "--out", str(out)]) == 0


def evaluate_set(root: Path, run: Path, **changes: object) -> None:
    values = {"methods": ("rollout",), "scores": ("overlap",), "model": "small", "target": "predicted"}
    plan = Plan(data=str(root), **{**values, **changes})  # type: ignore[arg-type]
    summary = evaluate(plan, small_model(), run)
    assert summary.failed == 0
    write_report(run)


def test_evaluate_scores_each_and_its_files_give_the_names_back(tmp_path: Path) -> None:
    """Also the folder above them has a name that is no text."""
    root = tmp_path / os.fsdecode(b"set \xe9")
    for i, path in enumerate(hostile_folder(root / "images")):
        mask(root / "masks" / path.name, i)
    run = tmp_path / "run"
    evaluate_set(root, run)
    wanted = {f"images/{os.fsdecode(name)}" for name in NAMES}

    with Store(run / FILE) as store:
        assert {restored(image.image) for image in store.images()} == wanted
    with (run / "results.csv").open(newline="", encoding="utf-8") as lines:
        assert {restored(csv_value(row["image"])) for row in csv.DictReader(lines)} == wanted

    index = open_run(run)
    value = values_of(index, ("Rollout", "", "iou"))
    assert all(value(str(root / name)) is not None for name in wanted), "the browser finds each one's score"


def test_no_cell_of_the_table_is_a_formula(folder: Path) -> None:
    run = folder.parent / "run"
    evaluate_set(folder, run, layout="plain", scores=("deletion",), steps=2)
    with (run / "results.csv").open(newline="", encoding="utf-8") as lines:
        for row in csv.reader(lines):
            for cell in row:
                assert re.match(r"[=+@\t\r]|-(?![\d.])", cell) is None, cell


def test_a_report_shows_names_reasons_and_annotators_as_text(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for path in hostile_folder(root / "images"):
        path.write_bytes(b"damaged")
    write_picture(root / "images" / "good.png")
    for annotator in ("<i>Ann", "=cmd", os.fsdecode(b"\xe9\n# heading")):
        mask(root / "masks" / annotator / "good.png", 1)
    plan = Plan(data=str(root), methods=("rollout",), scores=("overlap",), model="<b>m</b>")
    summary = evaluate(plan, small_model(), tmp_path / "run")
    assert (summary.done, summary.failed) == (1, len(NAMES))
    write_report(tmp_path / "run")
    text = (tmp_path / "run" / "report.md").read_text("utf-8")
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    assert re.search(r"(?<!\\)<\w", prose) is None, "no HTML"
    assert text.count("\n- ") == len(NAMES), "one line for each picture that failed"
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert not any(line == "# heading" for line in headings)
    for plot in (tmp_path / "run").glob("*.svg"):
        from xml.etree import ElementTree

        ElementTree.parse(plot)


def test_classes_named_by_hostile_folders_are_labels(tmp_path: Path) -> None:
    for label in (b"caf\xe9", b"=1+1", b"<b>x<_b>"):
        folder = tmp_path / "set" / os.fsdecode(label)
        folder.mkdir(parents=True)
        write_picture(folder / "a.png")
    labels = {item.label for item in open_dataset(tmp_path / "set").items}
    assert {restored(label or "") for label in labels} == {"caf\udce9", "=1+1", "<b>x<_b>"}
    evaluate_set(tmp_path / "set", tmp_path / "run", scores=("deletion",), steps=2)


def test_one_picture_that_fails_in_an_unforeseen_way_does_not_end_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Say
) -> None:
    import vitinspect.explainers.engine as engine

    real, calls = engine.explain, []

    def explain(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise ZeroDivisionError("nobody thought of this")
        if len(calls) == 3:
            raise MemoryError
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "explain", explain)
    (tmp_path / "in").mkdir()
    for i in range(4):
        write_picture(tmp_path / "in" / f"p{i}.png", i)
    assert main(["explain", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "p1.png: unexpected ZeroDivisionError" in said
    assert "p2.png: There is not enough memory" in said
    assert "2 of 4 pictures could not be used" in said
    assert len(list((tmp_path / "out").glob("*.png"))) == 2

    calls.clear()
    plan = Plan(data=str(tmp_path / "in"), methods=("rollout",), scores=("deletion",), steps=2)
    summary = evaluate(plan, small_model(), tmp_path / "run")
    assert (summary.done, summary.failed) == (2, 2)
    assert evaluate(plan, small_model(), tmp_path / "run").fresh == 0, "a resumed run goes past them"
    with Store(tmp_path / "run" / FILE) as store:
        reasons = [image.reason for image in store.images() if image.state == "failed"]
    assert reasons[0] == "unexpected ZeroDivisionError: nobody thought of this"
