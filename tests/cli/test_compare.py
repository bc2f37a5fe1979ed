"""``vitinspect compare``: a table of the folder, and resuming a run."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from vitinspect import resources
from vitinspect.cli import main

NAMES = ("01-butterfly.jpg", "22-shell-butterfly.jpg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pictures"
    made.mkdir()
    for name in NAMES:
        shutil.copy(resources.gallery_folder() / "images" / name, made)
    return made


def compare(folder: Path, out: Path, *more: str) -> int:
    return main(["compare", str(folder), "--model-b", "demo --image-size 336", "--out", str(out), *more])


def test_the_table_has_both_models_answers_and_how_far_they_agree(folder, tmp_path, capsys):
    assert compare(folder, tmp_path / "out", "--method", "legrad") == 0
    with (tmp_path / "out" / "pictures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {Path(row["picture"]).name for row in rows} == set(NAMES)
    by_name = {Path(row["picture"]).name: row for row in rows}
    assert by_name["22-shell-butterfly.jpg"]["label_a"] == "butterfly"
    assert float(by_name["22-shell-butterfly.jpg"]["probability_a"]) == pytest.approx(0.583, abs=0.01)
    assert float(by_name["22-shell-butterfly.jpg"]["probability_b"]) == pytest.approx(0.659, abs=0.01)
    assert all(-1 <= float(row["spearman"]) <= 1 for row in rows)
    assert "The same answer in 2 of 2 pictures" in capsys.readouterr().out


def test_a_second_run_computes_nothing_again(folder, tmp_path, monkeypatch):
    from vitinspect.evaluation import two_models

    assert compare(folder, tmp_path / "out") == 0
    monkeypatch.setattr(two_models, "compare_picture", lambda *_: pytest.fail("a picture was asked about again"))
    assert compare(folder, tmp_path / "out") == 0
    (journal,) = (tmp_path / "out").glob("*.jsonl")
    assert len(journal.read_text().splitlines()) == 3
    assert json.loads(journal.read_text().splitlines()[0])["vitinspect"] == "two models"


def test_results_do_not_go_among_the_pictures(folder, capsys):
    assert compare(folder, folder) == 2
    assert "pictures" in capsys.readouterr().err


def test_a_method_that_does_not_exist_is_an_error(folder, tmp_path, capsys):
    assert compare(folder, tmp_path / "out", "--method", "no-such") == 2
    assert not (tmp_path / "out").exists()


def test_a_fusion_is_compared_as_the_window_compares_it(folder, tmp_path):
    import vitinspect as vi
    from vitinspect.evaluation.two_models import Fusion, Journal, Side
    from vitinspect.evaluation.two_models import compare as rows_of
    from vitinspect.explainers.registry import make_method

    assert compare(folder, tmp_path / "out", "--method", "legrad + rollout [harmonic]") == 0
    with (tmp_path / "out" / "pictures.csv").open() as file:
        said = {row["picture"]: float(row["spearman"]) for row in csv.DictReader(file)}
    side = Side((make_method("legrad"), make_method("rollout")), Fusion((1.0, 1.0), "harmonic", "minmax"))
    models = vi.load_model("demo", device="cpu"), vi.load_model("demo", device="cpu", img_size=336)
    for row in rows_of(list(said), models, (side, side), Journal(None, {})):
        assert said[row.picture] == pytest.approx(row.spearman, abs=1e-5)
