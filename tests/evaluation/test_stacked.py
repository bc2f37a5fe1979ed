"""Runs are stacked into one table as papers print it, and the table is the same in every format."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import vitinspect as vi
from vitinspect.cli import main
from vitinspect.evaluation.plan import Plan, preset
from vitinspect.evaluation.stacked import read_runs, stack
from vitinspect.evaluation.store import FILE, ImageResult, Score, Store
from vitinspect.evaluation.table_formats import FORMATS, tex


def stored(folder: Path, plan: Plan, values, annotators=("",), images=4, drawn=None) -> Path:
    """A run whose scores are ``values(method's place, annotator's place, image)``."""
    with Store(folder / FILE) as store:
        store.claim(plan)
        for i in range(images):
            scores = []
            for m, combination in enumerate(plan.combinations()):
                for a, who in enumerate(annotators):
                    if drawn is None or i < drawn.get(who, images):
                        value = values(m, a, i)
                        names = ("iou", "f1", "pixel_accuracy_vitmix")
                        scores += [Score(combination.name, name, value, who) for name in names]
                scores.append(Score(combination.name, "deletion_auc_vitmix", 0.5 + m / 100))
            store.add(ImageResult(f"images/{i}.png", i, scores=scores))
    return folder


def vitmix(data: str, model: str = "vit_base", fingerprint: str = "abcdef0123456789") -> Plan:
    return preset("vitmix", data=f"/data/{data}", model=model, fingerprint=fingerprint)


@pytest.fixture
def two(tmp_path):
    """The ViTmiX table: students with two annotators, one of whom drew on 3 of 4 images, and Pascal VOC."""
    students = stored(
        tmp_path / "a", vitmix("students"), lambda m, a, i: (m + a + i) / 40, ("ann_1", "ben"), drawn={"ben": 3}
    )
    voc = stored(tmp_path / "b", vitmix("VOC2012"), lambda m, a, i: (20 - m + i) / 40)
    return students, voc


def cells(line):
    return [cell.text for cell in line.cells]


def test_data_sets_and_annotators_are_rows_under_each_of_the_fourteen_methods(two):
    table = stack(read_runs(two))
    assert table.heads == ("Method", "Data set", "Masks")
    assert [title for title, _ in table.blocks] == ["1-way methods", "2-way methods", "3-way methods"]
    assert [len(lines) for _, lines in table.blocks] == [4 * 4, 6 * 4, 4 * 4]
    first = table.lines[:4]
    assert [line.heads[1:] for line in first] == [
        ("students", "ann_1"), ("students", "ben"), ("students", "all annotators"), ("VOC2012", ""),
    ]  # fmt: skip
    assert [line.first for line in first] == [True, False, False, False]
    # ann_1: mean of 0, 1, 2, 3 over 40; ben: of 1, 2, 3; both: of all seven.
    assert [line.cells[0].text for line in first[:3]] == ["3.75", "5.00", "4.29"]


def test_the_best_is_bold_within_its_data_set_and_annotator_and_the_second_underlined(two):
    table = stack(read_runs(two), columns=["iou", "deletion_auc_vitmix"], second=True)
    for where in {line.heads[1:] for line in table.lines}:
        lines = [line for line in table.lines if line.heads[1:] == where]
        highest = max(lines, key=lambda line: line.cells[0].mean.value)
        lowest = min(lines, key=lambda line: line.cells[1].mean.value)
        assert [line for line in lines if line.cells[0].best] == [highest]
        assert [line for line in lines if line.cells[1].best] == [lowest]
        assert sum(line.cells[0].second for line in lines) == 1


def test_numbers_that_are_printed_alike_are_marked_alike(tmp_path):
    run = stored(tmp_path / "a", vitmix("x"), lambda m, a, i: 0.5 + (m < 2) * 0.2 + m / 1e6)
    best = [line.heads[0] for line in stack(read_runs([run]), decimals=1).lines if line.cells[0].best]
    assert len(best) == 2


def test_models_are_groups_of_columns_and_weights_distinguish_equal_names(tmp_path):
    one = stored(tmp_path / "a", vitmix("x", fingerprint="1" * 16), lambda m, a, i: 0.1)
    two = stored(tmp_path / "b", vitmix("x", fingerprint="2" * 16), lambda m, a, i: 0.2)
    table = stack(read_runs([one, two]), columns=["iou", "f1"])
    assert table.groups == (("vit_base (11111111)", 2), ("vit_base (22222222)", 2))
    assert cells(table.lines[0]) == ["10.00", "10.00", "20.00", "20.00"]
    assert r"\cmidrule(lr){2-3} \cmidrule(lr){4-5}" in FORMATS[".tex"](table)


def test_the_caption_says_where_the_numbers_come_from(two):
    caption = stack(read_runs(two)).caption
    for part in ("vit_base (weights abcdef0123456789)", "protocol: vitmix", "fit: ", "threshold: otsu", "fill: "):
        assert part.casefold() in caption.casefold()
    assert "students: masks by ann_1, 4 images; masks by ben, 3 of 4 images (2 annotators)" in caption
    assert "VOC2012: 4 images" in caption


def test_differences_of_two_runs_are_in_their_rows_and_in_the_caption(tmp_path):
    def run(name, **changes):
        plan = preset("vitmix", data="/data/x", model="m", **changes)
        return stored(tmp_path / name, plan, lambda m, a, i: 0.1)

    table = stack(read_runs([run("a", mode="squash"), run("b", mode="crop")]))
    assert {line.heads[1] for line in table.lines} == {"x (mode squash)", "x (mode crop)"}
    assert "fit: squashed" in table.caption
    assert "fit: centre crop" in table.caption
    with pytest.raises(vi.DataError, match="the same evaluation"):
        stack(read_runs([tmp_path / "a", tmp_path / "a"]))


def test_methods_are_named_by_what_they_differ_in_over_all_runs(tmp_path):
    def run(name, data, method):
        plan = Plan(data=data, model="m", methods=(method,))
        return stored(tmp_path / name, plan, lambda m, a, i: 0.1)

    runs = [run("a", "x", "rollout"), run("b", "y", "rollout(start_layer=3)")]
    assert [line.heads[0] for line in stack(read_runs(runs)).lines] == [
        "Rollout (start layer 0)",
        "Rollout (start layer 3)",
    ]
    both = [run("c", "x", "gmar"), run("d", "x", "gmar(norm=l1)")]
    assert [line.heads[0] for line in stack(read_runs(both)).lines] == ["GMAR (L2)", "GMAR (L1)"]


def test_rows_columns_decimals_and_names_are_chosen(two):
    table = stack(
        read_runs(two),
        rows=["LRP + *", "1"],
        columns=["f1", "iou"],
        decimals=1,
        annotators="pooled",
        rename={"students": "ImageNet", "LRP": "Relevance"},
    )
    assert [c.score for c in table.columns] == ["f1", "iou"]
    assert {line.heads[0] for line in table.lines} >= {"LRP + Rollout", "Relevance"}
    assert {line.heads[1] for line in table.lines} == {"ImageNet", "VOC2012"}
    assert all(re.fullmatch(r"\d+\.\d", text) for line in table.lines for text in cells(line))
    for wrong, what in (
        ({"rows": ["nothing"]}, "row"),
        ({"columns": ["ioo"]}, "column"),
        ({"rename": {"q": "r"}}, "q"),
    ):
        with pytest.raises(vi.DataError, match=what):
            stack(read_runs(two), **wrong)


def test_every_format_holds_the_same_numbers(two, tmp_path):
    out = [tmp_path / f"t{suffix}" for suffix in FORMATS]
    arguments = [f"--out={path}" for path in out]
    assert main(["table", *map(str, two), "--intervals", "--second", "--columns", "iou,f1", *arguments]) == 0
    table = stack(read_runs(two), columns=["iou", "f1"], intervals=True)
    for path in out:
        text = path.read_text()
        for line in table.lines:
            for cell in line.cells:
                assert cell.text in text
                assert not cell.interval or cell.interval.strip("[]").split(", ")[0] in text
    with (tmp_path / "t.csv").open() as lines:
        rows = list(csv.reader(lines))
    assert rows[0] == [
        "Method", "Data set", "Masks", "IoU (%)", "IoU (%) low", "IoU (%) high", "F1 (%)", "F1 (%) low", "F1 (%) high",
    ]  # fmt: skip
    assert len(rows) == 1 + 14 * 4
    assert all(len(row) == 9 for row in rows)


def test_the_long_layout_has_a_line_for_everything(two):
    table = stack(read_runs(two), layout="long", columns=["iou"])
    assert table.heads == ("Method", "Data set", "Model", "Masks", "Images")
    assert ("GradCAM", "students", "vit_base", "ben", "3") in [line.heads for line in table.lines]


def test_an_empty_table_is_an_error(tmp_path, capsys):
    plan = vitmix("x")
    with Store(tmp_path / FILE) as store:
        store.claim(plan)
        store.add(ImageResult("images/a.png", 0, "failed", "it is broken"))
    assert main(["table", str(tmp_path), "--out", str(tmp_path / "t.tex")]) == 2
    assert "a.png: it is broken" in capsys.readouterr().err
    assert not (tmp_path / "t.tex").exists()


def test_foreign_files_are_not_overwritten_and_unknown_endings_are_refused(two, tmp_path, capsys):
    (tmp_path / "t.tex").write_text("my thesis")
    assert main(["table", str(two[0]), "--out", str(tmp_path / "t.tex")]) == 2
    assert (tmp_path / "t.tex").read_text() == "my thesis"
    assert main(["table", str(two[0]), "--out", str(tmp_path / "t.pdf")]) == 2
    assert ".tex, .md, .html, .csv" in capsys.readouterr().err
    for _ in range(2):
        assert main(["table", str(two[0]), "--out", str(tmp_path / "u.csv")]) == 0


NASTY = r"50%_of {a}#&$^~\x <|> é × – ß"


def test_names_with_latex_characters_are_printed_as_they_are():
    escaped = tex(NASTY)
    bare = re.sub(r"\\[&%_#${}]|\\text\w+\{\}|\$[<>|]\$|\$\\times\$", "", escaped)
    assert not re.search(r"[&%_#${}^~\\<>|]", bare)
    assert tex("--steps") == "-{}-steps"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs LaTeX")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rename": {"students": "50%_of #1", "ann_1": NASTY}},
        {"intervals": True, "second": True},
        {"annotators": "pooled", "rows": ["1"]},
    ],
)
def test_latex_compiles(two, tmp_path, options):
    table = stack(read_runs(two), **options)
    (tmp_path / "t.tex").write_text(FORMATS[".tex"](table))
    document = (
        r"\documentclass{article}\usepackage{booktabs,longtable,graphicx}\begin{document}\input{t.tex}\end{document}"
    )
    (tmp_path / "d.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "d.tex"]
    # A longtable learns its columns' widths from the run before.
    for _ in range(3):
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        assert ended.returncode == 0, ended.stdout[-2000:]
    assert "Overfull" not in ended.stdout
