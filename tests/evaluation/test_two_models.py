"""Two models on a folder: rows, their order, their journal."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitinspect.errors import Cancelled, DataError
from vitinspect.evaluation import two_models
from vitinspect.evaluation.two_models import (
    Fusion,
    Journal,
    Row,
    Side,
    as_csv,
    compare,
    ordered,
    settings_of,
    summary,
)
from vitinspect.explainers.registry import make_method
from vitinspect.progress import CancelToken


@pytest.fixture(scope="module")
def models():
    """Two untrained models; the second has other patches and two of the first one's classes."""
    import timm
    import torch

    import vitinspect as vi

    found = []
    for seed, patch, labels in ((0, 8, ["ant", "bee", "cat"]), (1, 16, ["cat", "dog", "bee"])):
        torch.manual_seed(seed)
        module = timm.create_model(
            "vit_tiny_patch16_224", img_size=32, patch_size=patch, embed_dim=24, depth=2, num_heads=2, num_classes=3
        )
        found.append(vi.wrap_model(module.eval(), labels=labels, name=f"model {seed}"))
    return tuple(found)


def names(models):
    return tuple(model.fingerprint for model in models)


SIDES = Side((make_method("legrad"),)), Side((make_method("legrad"),))


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    chance = np.random.default_rng(0)
    paths = []
    for name in "abc":
        path = tmp_path / f"{name}.png"
        small = chance.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((48, 40), Image.Resampling.BICUBIC).save(path)
        paths.append(str(path))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG and nothing more")
    return [*paths, str(tmp_path / "broken.png")]


def test_a_row_says_what_the_library_says(models, pictures):
    from scipy import stats

    import vitinspect as vi
    from vitinspect.maps import resize

    row = two_models.compare_picture(pictures[0], models, SIDES)
    for model, label, probability in (
        (models[0], row.label_a, row.probability_a),
        (models[1], row.label_b, row.probability_b),
    ):
        best = model.predict(pictures[0], top=1)[0]
        assert (label, probability) == (best.label, pytest.approx(best.probability))
    fine, coarse = (vi.explain(model, pictures[0], "legrad")["legrad"].values for model in models)
    expected = stats.spearmanr(fine.ravel(), resize(coarse, fine.shape).ravel()).statistic
    assert row.spearman == pytest.approx(expected, abs=1e-4)
    assert 0 <= row.iou <= 1


def test_a_model_agrees_with_itself(models, pictures):
    row = two_models.compare_picture(pictures[0], (models[0], models[0]), SIDES)
    assert row.same_answer
    assert (row.spearman, row.pearson, row.iou, row.says) == pytest.approx((1, 1, 1, 1))


def test_another_class_or_input_is_another_row(models, pictures):
    pair = models[0], models[0]
    fitted = SIDES[0], Side((make_method("legrad"),), fit="squash")
    aimed = Side((make_method("legrad"),), target=0), Side((make_method("legrad"),), target=1)
    assert two_models.compare_picture(pictures[0], pair, fitted).pearson < 1
    row = two_models.compare_picture(pictures[0], pair, aimed)
    assert row.same_answer
    assert row.spearman < 1


def test_an_error_of_a_picture_is_the_problem_of_its_row(models, pictures):
    rows = compare(pictures, models, SIDES, Journal(None, {}))
    assert [bool(row.problem) for row in rows] == [False, False, False, True]
    assert "broken.png" in rows[3].problem
    assert math.isnan(rows[3].spearman)


def test_shared_probability_goes_by_the_classes_names():
    first, second = np.array([0.7, 0.2, 0.1]), np.array([0.5, 0.3, 0.2])
    labels = ["ant", "bee", "cat"]
    assert two_models.shared_probability(first, labels, second, labels) == pytest.approx(0.8)
    assert two_models.shared_probability(first, labels, second, ["cat", "ant", "yak"]) == pytest.approx(0.1 + 0.3)
    assert math.isnan(two_models.shared_probability(first, labels, second, ["x", "y", "z"]))


def test_the_same_prediction_with_another_map_comes_first():
    rows = [
        Row("near", "ant", "ant", spearman=0.9),
        Row("broken", problem="It is broken."),
        Row("other", "ant", "bee", spearman=-1.0),
        Row("far", "ant", "ant", spearman=-0.5),
    ]
    assert [row.picture for row in ordered(rows)] == ["far", "near", "other", "broken"]
    found = summary(rows)
    assert (found.pictures, found.failed, found.same_answer) == (4, 1, 2)
    assert found.means_same["spearman"] == pytest.approx(0.2)
    assert "2 of 3 pictures" in found.sentence()


def test_the_table_can_be_read_again():
    rows = [Row("/set/a.png", "ant", "bee", 0.5, 0.25, 0.4, 0.1, 0.2, 0.3), Row("/set/b.png", problem="No.")]
    read = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert read[0]["label_b"] == "bee"
    assert float(read[0]["spearman"]) == 0.1
    assert (read[0]["same_answer"], read[1]["iou"], read[1]["problem"]) == ("no", "", "No.")


# --- the journal -------------------------------------------------------------------------------------------------


def asked(monkeypatch):
    """The pictures on which the models are run from now on."""
    paths, ask = [], two_models.compare_picture

    def noted(path, models, sides):
        paths.append(path)
        return ask(path, models, sides)

    monkeypatch.setattr(two_models, "compare_picture", noted)
    return paths


def test_a_run_that_was_stopped_goes_on_where_it_was(models, pictures, tmp_path, monkeypatch):
    settings, place = settings_of(names(models), SIDES), tmp_path / "out" / "rows.jsonl"
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        compare(
            pictures, models, SIDES, Journal(place, settings), cancel=cancel,
            progress=lambda done, total: cancel.cancel() if done == 2 else None,
        )  # fmt: skip
    paths = asked(monkeypatch)
    rows = compare(pictures, models, SIDES, Journal(place, settings))
    assert paths == pictures[3:]
    assert [row.picture for row in rows] == pictures


def test_a_line_that_a_crash_cut_off_is_computed_again(models, pictures, tmp_path, monkeypatch):
    settings, place = settings_of(names(models), SIDES), tmp_path / "rows.jsonl"
    first = Journal(place, settings)
    compare(pictures, models, SIDES, first)
    place.write_bytes(place.read_bytes()[:-20])
    paths = asked(monkeypatch)
    compare(pictures, models, SIDES, Journal(place, settings))
    assert paths == pictures[3:]
    assert asked(monkeypatch) == []
    compare(pictures, models, SIDES, Journal(place, settings))
    assert paths == pictures[3:]


def test_a_picture_that_changed_is_computed_again(models, pictures, tmp_path, monkeypatch):
    settings, place = settings_of(names(models), SIDES), tmp_path / "rows.jsonl"
    compare(pictures, models, SIDES, Journal(place, settings))
    Image.new("RGB", (40, 40), "red").save(pictures[1])
    paths = asked(monkeypatch)
    compare(pictures, models, SIDES, Journal(place, settings))
    assert paths == [pictures[1]]


def test_other_settings_have_another_journal_and_a_foreign_file_is_kept(models, tmp_path):
    settings = settings_of(names(models), SIDES)
    other = settings_of(names(models), (SIDES[0], Side((make_method("legrad"),), target=1)))
    assert two_models.journal_name(settings) != two_models.journal_name(other)
    place = tmp_path / "mine.jsonl"
    place.write_text("my notes\n")
    with pytest.raises(DataError, match="is not changed"):
        Journal(place, settings)
    assert place.read_text() == "my notes\n"


def test_a_side_of_several_methods_is_compared_by_their_fusion(models, pictures):
    import vitinspect as vi
    from vitinspect.scores.two_maps import agreement, on_common_grid

    methods = make_method("legrad"), make_method("rollout")
    side = Side(methods, Fusion((1.0, 0.5), "arithmetic", "minmax"))
    (row,) = compare(pictures[:1], models, (side, side), Journal(None, {}))
    places = []
    for model in models:
        maps = vi.explain(model, pictures[0], ["legrad", "rollout"])
        fused = vi.fuse(list(maps.values()), "arithmetic", (1.0, 0.5), normalisation="minmax")
        asked = two_models._ask(model, SIDES[0], Image.open(pictures[0]))
        places.append(two_models.Placement(fused.values, asked.map.box, asked.map.visible, False))
    expected = agreement(on_common_grid(*places), (0.0, 0.0))
    assert row.spearman == pytest.approx(expected.spearman, abs=1e-6)
    alone = compare(pictures[:1], models, SIDES, Journal(None, {}))[0]
    assert row.spearman != alone.spearman


def test_other_weights_or_another_way_to_fuse_have_another_journal(models):
    methods = make_method("legrad"), make_method("rollout")
    ways = [
        Fusion((1.0, 1.0)),
        Fusion((1.0, 0.5)),
        Fusion((1.0, 1.0), "max"),
        Fusion((1.0, 1.0), "geometric", "rank"),
    ]
    told = {str(settings_of(names(models), (Side(methods, way), SIDES[1]))) for way in ways}
    assert len(told) == len(ways)
