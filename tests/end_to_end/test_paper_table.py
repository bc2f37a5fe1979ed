"""A paper's table from three commands: students' masks and Pascal VOC, evaluated by ViTmiX's protocol and stacked."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitinspect.cli import main
from vitinspect.evaluation.store import FILE, Store
from vitinspect.resources import gallery_folder

FOURTEEN = [
    "LRP", "Saliency", "Rollout", "GradCAM",
    "LRP + Saliency", "LRP + Rollout", "LRP + GradCAM", "Saliency + Rollout", "Saliency + GradCAM", "Rollout + GradCAM",
    "LRP + Saliency + Rollout", "LRP + Saliency + GradCAM", "LRP + Rollout + GradCAM", "Saliency + Rollout + GradCAM",
]  # fmt: skip


def object_of(name: str) -> np.ndarray:
    with Image.open(gallery_folder() / "masks" / f"{name}.png") as mask:
        return np.asarray(mask.convert("L")) > 127


def students(root: Path) -> Path:
    """Two pictures; the first student drew on both, the second on one."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for path in sorted((gallery_folder() / "images").iterdir())[:2]:
        shutil.copy(path, root / "images")
        Image.fromarray(object_of(path.stem)).save(root / "masks" / f"{path.stem}_student_1.png")
    Image.fromarray(np.roll(object_of(path.stem), 20, axis=0)).save(root / "masks" / f"{path.stem}_student_2.png")
    return root


def voc(root: Path) -> Path:
    """Two pictures with palette masks: one object, and a void border."""
    (root / "JPEGImages").mkdir(parents=True)
    (root / "SegmentationClass").mkdir()
    for path in sorted((gallery_folder() / "images").glob("*.jpg"))[2:4]:
        shutil.copy(path, root / "JPEGImages")
        drawn = object_of(path.stem)
        border = np.roll(drawn, 3, axis=1) & ~drawn
        labels = np.where(drawn, 8, np.where(border, 255, 0)).astype(np.uint8)
        mask = Image.fromarray(labels)
        mask = Image.frombytes("P", mask.size, mask.tobytes())
        mask.putpalette([v for k in range(256) for v in ((k * 37) % 256, (k * 91) % 256, (k * 53) % 256)])
        mask.save(root / "SegmentationClass" / f"{path.stem}.png")
    return root


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("paper")
    quick = ["--protocol", "vitmix", "--steps", "4"]
    assert main(["evaluate", str(students(here / "students")), *quick, "--out", str(here / "a")]) == 0
    assert main(["evaluate", str(voc(here / "VOC2012")), *quick, "--out", str(here / "b")]) == 0
    return here


def test_fourteen_methods_two_data_sets_and_two_annotators(runs: Path) -> None:
    names = ["--rename", "students=ImageNet", "--rename", "VOC2012=Pascal VOC"]
    out = [f"--out={runs / f't.{kind}'}" for kind in ("tex", "md", "csv", "html")]
    assert main(["table", str(runs / "a"), str(runs / "b"), *names, "--decimals", "2", *out]) == 0

    with (runs / "t.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert list(dict.fromkeys(row["Method"] for row in rows)) == FOURTEEN
    places = [("ImageNet", "student_1"), ("ImageNet", "student_2"), ("ImageNet", "all annotators"), ("Pascal VOC", "")]
    assert [(row["Data set"], row["Masks"]) for row in rows] == places * 14
    columns = ["IoU (%)", "F1 (%)", "Pixel accuracy (recall) (%)", "Deletion AUC"]
    assert list(rows[0])[3:] == columns
    assert all(re.fullmatch(r"\d+\.\d\d", row[column]) for row in rows for column in columns)

    # The numbers are means of what is stored, and a pooled row is one of all masks.
    with Store(runs / "a" / FILE) as store:
        found = [(who, value) for _, method, who, score, value in store.scores() if (method, score) == ("LRP", "iou")]
    assert len(found) == 3
    for who in ("student_1", "student_2", "all annotators"):
        values = [value for whose, value in found if who in (whose, "all annotators")]
        (row,) = (r for r in rows if r["Method"] == "LRP" and r["Masks"] == who)
        assert row["IoU (%)"] == f"{100 * np.mean(values):.2f}"

    tex = (runs / "t.tex").read_text()
    for words in (
        "student\\_2, 1 of 2 images",
        "(2 annotators)",
        "protocol: vitmix (voc)",
        "threshold: otsu",
        "Fit: squashed",
    ):
        assert words in tex
    body = [line for line in tex.splitlines() if line.endswith(r"\\") and "&" in line and "Method" not in line]
    assert len(body) == 14 * 4
    # In each column, each data set and annotator has a best method.
    for place in range(4):
        for cell in range(3, 7):
            assert any(r"\textbf" in line.split("&")[cell] for line in body[place::4])


def test_the_tables_of_one_run_and_of_both_agree(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", str(runs / "b"), "--rows", "LRP + Rollout", "--columns", "iou"]) == 0
    (alone,) = re.findall(r"\| LRP \+ Rollout \| ([\d.]+) \|", capsys.readouterr().out)
    assert main(["table", str(runs / "a"), str(runs / "b"), "--rows", "LRP + *", "--columns", "iou"]) == 0
    assert f"| VOC2012 |  | {alone} |" in capsys.readouterr().out.replace("**", "")
