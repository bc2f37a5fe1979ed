"""``vitinspect masks`` and ``vitinspect study`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi
from vitinspect.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data" / "images").mkdir(parents=True)
    for name in ("cat_1.jpg", "dog.png"):
        Image.new("RGB", (12, 10)).save(tmp_path / "data" / "images" / name)
    return tmp_path / "data"


def mask(seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random((10, 12)) > 0.5).astype(np.uint8)


def test_a_coco_file_becomes_the_masks_of_an_annotator(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    coco = tmp_path / "instances.json"
    vi.masks.save(mask(1), coco, image=data / "images" / "cat_1.jpg", label="cat", format="coco")
    vi.masks.save(mask(2), coco, image=data / "images" / "dog.png", label="dog")
    assert main(["masks", "import", str(coco), str(data), "--annotator", "ben"]) == 0
    assert "2 files" in capsys.readouterr().out
    assert np.array_equal(vi.masks.load(data / "masks" / "ben" / "cat_1.png"), mask(1))
    assert main(["masks", "import", str(coco), str(data), "--annotator", "ben"]) == 2
    assert "is not changed" in capsys.readouterr().err


def test_a_folder_of_students_masks_is_imported_by_its_names(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    source = tmp_path / "drawn"
    source.mkdir()
    for name, seed in {"cat_1_student_3.png": 1, "dog_student_3.png": 2, "cow_student_3.png": 3}.items():
        vi.masks.save(mask(seed), source / name)
    assert main(["masks", "import", str(source), str(data)]) == 2
    said = capsys.readouterr()
    assert "2 files" in said.out
    assert "cow_student_3.png matches no picture" in said.err
    assert np.array_equal(vi.masks.load(data / "masks" / "student_3" / "dog.png"), mask(2))


@pytest.mark.parametrize("kind", ["png", "npy", "labelme", "coco", "cvat"])
def test_exported_masks_are_the_same_when_imported_again(data: Path, tmp_path: Path, kind: str) -> None:
    for name, seed in {"cat_1": 1, "dog": 2}.items():
        vi.masks.save(mask(seed), data / "masks" / "ben" / f"{name}.png")
    out = tmp_path / "out"
    assert main(["masks", "export", str(data), "--out", str(out), "--format", kind]) == 0
    assert main(["masks", "export", str(data), "--out", str(out), "--format", kind]) == 0  # ours: written again
    source = out if kind in ("png", "npy", "labelme") else next(p for p in out.iterdir() if p.name.startswith("ben."))
    again = tmp_path / "again"
    (again / "images").mkdir(parents=True)
    for path in (data / "images").iterdir():
        (again / "images" / path.name).write_bytes(path.read_bytes())
    assert main(["masks", "import", str(source), str(again), "--annotator", "ben"]) == 0
    for name, seed in {"cat_1": 1, "dog": 2}.items():
        assert np.array_equal(vi.masks.load(again / "masks" / "ben" / f"{name}.png"), mask(seed))


def test_an_export_does_not_replace_what_others_wrote(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    vi.masks.save(mask(1), data / "masks" / "dog.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "dog.json").write_text("{}")
    assert main(["masks", "export", str(data), "--out", str(tmp_path / "out"), "--format", "labelme"]) == 2
    assert (tmp_path / "out" / "dog.json").read_text() == "{}"


def test_a_study_is_planned_and_watched(data: Path, capsys: Capture) -> None:
    assert main(["study", "init", str(data), "--annotators", "ben", "anna", "--seed", "3", "--repeat", "1"]) == 0
    assert json.loads((data / "study.json").read_text())["blind"] is True
    assert main(["study", "show", str(data)]) == 0
    assert "anna" in capsys.readouterr().out
    assert main(["study", "show", str(data), "--order", "ben"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main(["study", "init", str(data), "--annotators", "zoe"]) == 2
