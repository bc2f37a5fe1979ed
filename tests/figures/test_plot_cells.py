"""Plot cells from the command line: text, curves, agreement, networks, tables, the human ceiling."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from vitinspect.annotation.figure_cells import CEILING
from vitinspect.cli import main
from vitinspect.errors import DataError, ParameterError
from vitinspect.figures.captions import caption
from vitinspect.figures.cells import Sources, finish_cells
from vitinspect.figures.drawings import Matrix
from vitinspect.figures.layout import lay_out
from vitinspect.figures.plot_cells import ARCS, KINDS
from vitinspect.figures.scene import Path as ScenePath
from vitinspect.figures.scene import Picture
from vitinspect.figures.specification import SHOWS, from_dict
from vitinspect.resources import gallery_folder

IMAGE = "24-gem-leaf.png"
TWO = "rollout, attention_gradient"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(gallery_folder() / "images" / IMAGE, tmp_path / IMAGE)
    (tmp_path / "scores.csv").write_text("method,IoU,F1\nrollout,0.123456789,0.2\nlrp,0.4,-0.5\n")
    numbers = {"dice": 0.7, "low": 0.6, "high": 0.8, "pictures": 5}
    ceiling = {
        "annotators": {"ann": numbers, "ben": {**numbers, "dice": 0.8}, "nobody": {"dice": None}},
        "maps": {"rollout": {**numbers, "dice": 0.5, "sentence": "The map rollout lies below all people."}},
    }
    (tmp_path / "maps.json").write_text(json.dumps({"ceiling": ceiling}))
    return tmp_path


def composed(folder: Path, **cell):  # type: ignore[no-untyped-def]
    spec = from_dict({"rows": [{"image": IMAGE, "target": "leaf"}], "columns": [cell], "width": "80mm"})
    cells = finish_cells(spec, Sources(folder, plots={CEILING.id: CEILING}))
    return cells["a1"], lay_out(spec, cells).scene, caption(spec, cells)


def inside(scene) -> None:  # type: ignore[no-untyped-def]
    for text in scene.texts:
        assert -1 <= text.at[0] <= scene.width + 1
        assert -1 <= text.at[1] <= scene.height + 1
        assert text.size >= 4.9


def test_every_kind_of_cell_can_be_made() -> None:
    assert set(SHOWS) == {"overlay", "map", "picture", "empty", CEILING.id, *KINDS}


def test_words_are_broken_into_lines(folder: Path) -> None:
    _, scene, _ = composed(folder, show="text", text="one two three " * 10 + "\nlast")
    assert len(scene.texts) > 3
    assert scene.texts[-1].text == "last"
    inside(scene)


def test_curves_are_those_of_the_scores(folder: Path) -> None:
    from vitinspect.models.sources import load_model
    from vitinspect.scores.perturbation import faithfulness

    cell, scene, words = composed(folder, show="curves", method="rollout", curve="deletion")
    (curve,) = cell.drawing.curves
    model = load_model("demo", device="cpu")
    values = __import__("vitinspect").explain(model, cell.pixels, ["rollout"], target="leaf")["rollout"]
    again = faithfulness(model, cell.pixels, values, "leaf", metrics=("deletion",), steps=50, fill="mean")
    assert curve.area == pytest.approx(again.deletion_auc, abs=1e-6)
    assert np.allclose(curve.up, again.deletion_curve, atol=1e-6)
    assert "Deletion curves" in words
    assert any(f"{curve.area:.3f}" in text.text for text in scene.texts)
    inside(scene)


def test_agreement_is_symmetric_and_one_with_itself(folder: Path) -> None:
    cell, scene, _ = composed(folder, show="agreement", method=TWO)
    matrix = cell.drawing
    assert isinstance(matrix, Matrix)
    assert np.array_equal(matrix.values, matrix.values.T)
    assert np.array_equal(np.diag(matrix.values), [1.0, 1.0])
    assert [text.text for text in scene.texts].count("1.00") == 2
    inside(scene)
    with pytest.raises(ParameterError):
        composed(folder, show="agreement", method="rollout")


def test_the_network_of_a_block_has_its_strongest_arcs_on_the_picture(folder: Path) -> None:
    cell, scene, _ = composed(folder, show="network", block=2)
    network = cell.drawing
    assert len(network.weights) == ARCS
    assert (np.diff(network.weights) >= 0).all()
    picture = next(element for element in scene.elements if isinstance(element, Picture))
    left, top, wide, high = picture.box
    for path in (element for element in scene.elements if isinstance(element, ScenePath)):
        for line in path.lines:
            for x, y in line:
                assert left - 1e-6 <= x <= left + wide + 1e-6
                assert top - 1e-6 <= y <= top + high + 1e-6
    with pytest.raises(ParameterError, match="blocks 1 to 6, not 99"):
        composed(folder, show="network", block=99)


def test_a_table_has_its_numbers_in_three_digits(folder: Path) -> None:
    _, scene, _ = composed(folder, show="table", file="scores.csv")
    assert {"method", "IoU", "0.123", "lrp", "-0.5"} <= {text.text for text in scene.texts}
    inside(scene)
    for file in ("", "missing.csv"):
        with pytest.raises((DataError, ParameterError)):
            composed(folder, show="table", file=file)


def test_a_cell_can_show_the_human_ceiling(folder: Path) -> None:
    _, scene, words = composed(folder, show="ceiling", file="maps.json")
    assert {"ann", "ben", "rollout", "0.80"} <= {text.text for text in scene.texts}
    assert "nobody" not in {text.text for text in scene.texts}
    assert "Human ceiling" in words
    (folder / "other.json").write_text('{"ceiling": 3}')
    with pytest.raises(DataError):
        composed(folder, show="ceiling", file="other.json")


def test_the_command_line_makes_them_and_replays_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = {
        "rows": [{"image": IMAGE, "target": "leaf"}],
        "columns": [{"method": "rollout"}, {"show": "network", "block": 3}, {"show": "text", "text": "words"}],
    }
    (folder / "f.json").write_text(json.dumps(spec))
    assert main(["figure", str(folder / "f.json"), "--out", str(folder / "f.pdf"), "--device", "cpu"]) == 0
    assert main(["replay", str(folder / "f.pdf"), "--out", str(folder / "again.pdf"), "--device", "cpu"]) == 0
    assert "The pixels are the same." in capsys.readouterr().out


def test_replay_reads_no_file_that_a_recipe_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = {"rows": [{"image": IMAGE}], "columns": [{"show": "picture"}, {"show": "table", "file": "scores.csv"}]}
    (folder / "f.json").write_text(json.dumps(spec))
    assert main(["figure", str(folder / "f.json"), "--out", str(folder / "f.svg")]) == 0
    assert main(["replay", str(folder / "f.svg"), "--out", str(folder / "again.svg")]) == 2
    assert "scores.csv" in capsys.readouterr().err
    assert not (folder / "again.svg").exists()


def test_an_anonymous_figure_names_no_file(folder: Path) -> None:
    spec = {"rows": [{"image": IMAGE}], "columns": [{"show": "picture"}, {"show": "table", "file": "scores.csv"}]}
    (folder / "f.json").write_text(json.dumps(spec))
    assert main(["figure", str(folder / "f.json"), "--out", str(folder / "f.svg"), "--anonymous"]) == 0
    assert b"scores.csv" not in (folder / "f.svg").read_bytes()
