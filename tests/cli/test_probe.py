"""``vitinspect probe``: from folders of pictures to a head that every other command takes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi
from vitinspect.cli import main
from vitinspect.gallery.fresh import Wanted, paint_batch
from vitinspect.gallery.shapes import CLASSES


def scenes(folder, first: int, count: int):
    """Fresh scenes with one object, in a folder for each class."""
    pictures, labels = paint_batch((11, [Wanted(first + i, label=CLASSES[i % len(CLASSES)]) for i in range(count)]))
    for i, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        place = folder / CLASSES[label[0]]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{i}.png", compress_level=1)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A head trained on a few scenes, with what the command said."""
    folder = tmp_path_factory.mktemp("probe")
    scenes(folder / "train", 3_000_000, 208)
    scenes(folder / "test", 4_000_000, 104)
    command = ["probe", "--train", folder / "train", "--test", folder / "test", "--out", folder / "head.safetensors"]
    options = ["--C", "0.01,0.1,1", "--cache", folder / "cache", "--knn", "--device", "cpu"]
    assert main([str(word) for word in (*command, *options)]) == 0
    return folder


def test_a_probe_on_scenes_comes_within_two_points_of_the_bundled_head(trained):
    """On scenes that neither has seen."""
    measured = json.loads((trained / "head.json").read_text())["measured"]["test"]
    model = vi.load_model("demo", device="cpu")
    paths = sorted((trained / "test").rglob("*.png"))
    bundled = np.mean([model.predict(path, top=1)[0].label == path.parent.name for path in paths])
    assert measured["count"] == len(paths) == 104
    assert measured["top1"] >= bundled - 0.02


def test_the_head_is_a_model_like_any_other(trained, capsys):
    picture = next((trained / "test").rglob("*.png"))
    model = vi.load_model("demo", head=trained / "head.safetensors", device="cpu")
    assert model.labels == sorted(CLASSES)
    arguments = ["predict", picture, "--head", trained / "head.safetensors", "--device", "cpu", "--json"]
    assert main([str(word) for word in arguments]) == 0
    said = json.loads(capsys.readouterr().out)["predictions"][0]["label"]
    assert said == model.predict(picture)[0].label


def test_report_and_confusion_picture_lie_beside_the_head(trained):
    about = json.loads((trained / "head.json").read_text())
    assert [one["C"] for one in about["grid"]] == [0.01, 0.1, 1]
    assert set(about["knn"]) == {"10", "20", "100", "200"}
    assert set(about["measured"]) == {"held out", "test"}
    assert np.sum(about["measured"]["test"]["confusion"]) == 104
    with Image.open(trained / "head.confusion.png") as picture:
        assert min(picture.size) > 300
    assert (trained / "head.confusion.svg").read_text().count(CLASSES[0]) == 1


def test_a_second_probe_shares_the_features_and_does_not_replace_a_foreign_file(trained, capsys):
    again = ["probe", "--train", trained / "train", "--out", trained / "bce.safetensors", "--loss", "bce", "--C", "0.1"]
    assert main([str(word) for word in (*again, "--cache", trained / "cache", "--device", "cpu")]) == 0
    assert len(list((trained / "cache").glob("*.f16"))) == 2
    (trained / "mine.safetensors").write_text("mine")
    refused = ["probe", "--train", trained / "train", "--out", trained / "mine.safetensors"]
    assert main([str(word) for word in refused]) != 0
    assert "not written by vitinspect" in capsys.readouterr().err
    assert (trained / "mine.safetensors").read_text() == "mine"


def test_both_losses_and_a_published_head_are_in_one_table(trained, capsys):
    """Two heads, their accuracy and the scores of their maps; a published file is a row like any other."""
    import torch
    from safetensors.torch import load_file

    own = load_file(trained / "head.safetensors")
    other = trained / "other_head.pth"
    torch.save({"linear.weight": own["weight"][:, :], "linear.bias": own["bias"]}, other)
    command = ["probe", "--train", trained / "train", "--test", trained / "test", "--out", trained / "two.safetensors"]
    options = ["--loss", "both", "--C", "0.1", "--cache", trained / "cache", "--device", "cpu"]
    beside = ["--compare", f"{other}=class", "--map-pictures", "2", "--maps", "input_x_gradient"]
    assert main([str(word) for word in (*command, *options, *beside)]) == 0
    rows = json.loads((trained / "two.compared.json").read_text())
    assert [(row["name"], row["loss"]) for row in rows] == [
        ("two.ce.safetensors", "ce"),
        ("two.bce.safetensors", "bce"),
        ("other_head.pth class", ""),
    ]
    measured = json.loads((trained / "two.ce.json").read_text())["measured"]["test"]
    assert rows[0]["top1"] == pytest.approx(measured["top1"], abs=0.011), "features are kept in float16"
    for row in rows:
        scores = row["maps"]["input_x_gradient"]
        assert scores["pictures"] == 2
        assert 0 <= scores["deletion"] <= 1
        assert -1 <= scores["between_classes"] <= 1
    assert rows[2]["top1"] is None, "nobody knows the names of its classes"
    assert "two.bce.safetensors" in capsys.readouterr().out
    assert vi.load_model("demo", head=trained / "two.bce.safetensors", device="cpu").labels == sorted(CLASSES)


def test_another_ending_is_refused_before_any_work(tmp_path, capsys):
    assert main(["probe", "--train", str(tmp_path), "--out", str(tmp_path / "head.pth")]) != 0
    assert ".safetensors" in capsys.readouterr().err


def test_a_figure_of_a_model_with_a_head_is_replayed(trained, tmp_path):
    picture = next((trained / "test").rglob("*.png"))
    figure = [
        "explain",
        picture,
        "--head",
        trained / "head.safetensors",
        "--figure",
        tmp_path / "f.png",
        "--width",
        "40mm",
    ]
    assert main([str(word) for word in (*figure, "--dpi", "60", "--device", "cpu")]) == 0
    assert main(["replay", str(tmp_path / "f.png"), "--out", str(tmp_path / "again.png"), "--device", "cpu"]) == 0


def test_a_figure_of_texts_is_refused(tmp_path, capsys):
    assert main(["explain", "p.png", "--text", "a cat", "--figure", str(tmp_path / "f.png")]) != 0
    assert "without --figure" in capsys.readouterr().err
