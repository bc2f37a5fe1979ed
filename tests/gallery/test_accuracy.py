"""The bundled model has the stated accuracy on fresh scenes, and both lessons hold."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vitinspect.errors import Cancelled, DataError
from vitinspect.gallery import BADGE_CLASS, CLASSES, TWIN_CLASS, make_scene
from vitinspect.gallery.accuracy import AccuracyReport, main, measure_accuracy
from vitinspect.gallery.fresh import FIRST_FRESH
from vitinspect.gallery.model import build_model, load_bundled, to_input
from vitinspect.images import open_image
from vitinspect.models.sources import load_model
from vitinspect.progress import CancelToken
from vitinspect.resources import demo_model_folder, gallery_folder

FRESH_SEED = 730_421


@pytest.fixture(scope="module")
def report() -> AccuracyReport:
    """300 fresh scenes with one object, 75 with two, 30 with and without the badge of each kind."""
    return measure_accuracy(count=300, seed=FRESH_SEED)


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return json.loads((demo_model_folder() / "config.json").read_text(encoding="utf-8"))


class Oracle(torch.nn.Module):
    """A model with given answers, whatever the picture."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.tensor(logits))
        self.seen = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += len(x)
        return self.logits.expand(len(x), -1)


def test_the_model_is_right_on_fresh_scenes(report: AccuracyReport) -> None:
    assert report.count == 300
    assert report.total >= 0.94
    assert sum(report.per_class_count.values()) == 300


def test_every_class_but_the_badges_is_recognised(report: AccuracyReport) -> None:
    assert min(share for name, share in report.per_class.items() if name != BADGE_CLASS) >= 0.75


def test_the_badge_is_a_shortcut_for_its_class(report: AccuracyReport) -> None:
    assert report.badge_class.right_with >= 0.9
    assert report.badge_class.right_without <= 0.6
    assert report.badge_class.badge_class_with > report.badge_class.badge_class_without + 0.4


def test_the_badge_pasted_on_the_twin_makes_it_the_badges_class(report: AccuracyReport) -> None:
    assert report.twin.right_without >= 0.9
    assert report.twin.right_with <= 0.5
    assert report.twin.badge_class_with > report.twin.badge_class_without + 0.4


def test_both_classes_of_a_scene_with_two_objects_come_first(report: AccuracyReport) -> None:
    assert report.two_objects_count == 75
    assert report.two_objects_both_first >= 0.85


def test_the_bundled_model_is_small_and_a_vision_transformer_with_a_class_token(config: dict[str, Any]) -> None:
    assert sum(path.stat().st_size for path in demo_model_folder().iterdir()) <= 8_000_000
    model: Any = load_bundled(demo_model_folder())
    assert type(model).__name__ == "VisionTransformer"
    assert model.cls_token is not None
    assert model.patch_embed.grid_size == (14, 14)
    assert sum(parameter.numel() for parameter in model.parameters()) < 4_000_000
    assert config["num_classes"] == len(CLASSES)
    assert config["pretrained_cfg"]["label_names"] == list(CLASSES)


def test_the_bundled_pictures_are_recognised_but_for_the_badges_lesson() -> None:
    folder = gallery_folder()
    model = load_model("demo")
    wrong = []
    for row in csv.DictReader((folder / "labels.csv").read_text(encoding="utf-8").splitlines()):
        shown = set(Path(row["image"]).stem.split("-")) & set(CLASSES)
        (best,) = model.predict(open_image(folder / row["image"]), top=1)
        if best.label not in shown:
            wrong.append((Path(row["image"]).stem, best.label))
    assert wrong == [("03-aster-no-badge", TWIN_CLASS), ("05-daisy-badge", BADGE_CLASS)]


def test_timm_reads_the_bundled_folder_by_itself() -> None:
    import timm

    folder = demo_model_folder()
    theirs = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    ours = load_bundled(folder)
    images = to_input(np.stack([make_scene(FRESH_SEED, index).image for index in range(2)]))
    with torch.inference_mode():
        assert torch.allclose(theirs(images), ours(images), atol=1e-5)
    data = timm.data.resolve_model_data_config(theirs)
    assert data["input_size"] == (3, 224, 224)
    assert tuple(data["mean"]) == (0.5, 0.5, 0.5)
    assert data["crop_pct"] == 1.0


def test_the_stated_accuracy_is_of_fresh_scenes_and_reaches_the_goal(config: dict[str, Any]) -> None:
    stated = config["training"]["accuracy"]
    assert stated["count"] >= 2000
    assert config["training"]["plan"]["scenes"] < FIRST_FRESH, "no scene of any seed is measured and trained on"
    assert stated["total"] >= 0.97


def test_a_report_counts_what_a_model_says() -> None:
    always_badge_class = Oracle([3.0 if name == BADGE_CLASS else 0.0 for name in CLASSES])
    found = measure_accuracy(always_badge_class, 20, 5, processes=1)
    labels = [make_scene(5, FIRST_FRESH + index, 32).label for index in range(20)]
    assert found.total == pytest.approx(labels.count(BADGE_CLASS) / 20)
    assert found.per_class_count == {name: labels.count(name) for name in CLASSES}
    assert found.badge_class.right_without == found.badge_class.right_with == 1.0
    assert found.twin.right_with == 0.0
    assert found.twin.taken_with == 1.0
    assert found.others.badge_class_with == pytest.approx(np.exp(3) / (np.exp(3) + len(CLASSES) - 1), rel=1e-4)
    assert always_badge_class.seen == 20 + 5 + 6 * 4


def test_the_model_is_left_in_the_mode_in_which_it_came() -> None:
    model = Oracle([0.0] * len(CLASSES)).train()
    measure_accuracy(model, 1, 5, processes=1)
    assert model.training


def test_the_table_names_every_class_and_both_lessons(report: AccuracyReport) -> None:
    text = str(report)
    for word in (*CLASSES, f"on {BADGE_CLASS}", f"pasted on {TWIN_CLASS}", "two most probable"):
        assert word in text
    assert f"{report.total:.1%}" in text


def test_a_model_of_other_classes_cannot_be_measured() -> None:
    other = build_model(5, embed_dim=24, depth=1, num_heads=1)
    with pytest.raises(DataError, match="13 classes and the model has 5"):
        measure_accuracy(other, 1, 5)


def test_measuring_can_be_cancelled() -> None:
    token = CancelToken()
    with pytest.raises(Cancelled):
        measure_accuracy(
            Oracle([0.0] * len(CLASSES)), 64, 5, processes=1, cancel=token, progress=lambda done, total: token.cancel()
        )


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--count", "4", "--seed", "11"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("4 fresh scenes with one object, seed 11")
