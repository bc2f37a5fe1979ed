"""Fusions are ranked from saved maps, and the report scores the choice on other pictures."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import vitinspect as vi
from tests.evaluation.small import mask, picture, small_model
from tests.evaluation.test_runner import plan_for, rows
from vitinspect.cli import main
from vitinspect.evaluation.datasets import open_dataset
from vitinspect.evaluation.ranking import as_json, candidates, rank, sentences, table_of
from vitinspect.evaluation.runner import run
from vitinspect.evaluation.table_formats import FORMATS
from vitinspect.explainers.registry import make_method
from vitinspect.parallel import run_jobs
from vitinspect.scores.choosing import Lead
from vitinspect.scores.statistics import Mean

METHODS = ("rollout", "legrad", "lrp")


def annotated_set(root: Path) -> Path:
    """Four pictures; ann drew on all, bob on three; one more picture has no mask."""
    for i in range(5):
        picture(root / "images" / f"p{i}.png", i)
    for i in range(4):
        mask(root / "masks" / "ann" / f"p{i}.png", i)
    for i in range(3):
        mask(root / "masks" / "bob" / f"p{i}.png", i + 10)
    return root


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    here = tmp_path_factory.mktemp("ranking")
    root = annotated_set(here / "set")
    plan = plan_for(root, methods=METHODS, ways=(1,), scores=("overlap",))
    run(plan, small_model(), here / "run", save=("maps",))
    run(plan_for(root, methods=METHODS, ways=(1, 2, 3), scores=("overlap",)), small_model(), here / "all")
    return here / "run", root


def ranked(evaluated: tuple[Path, Path], score: str = "iou", **options):
    folder, root = evaluated
    chosen = candidates([make_method(m) for m in METHODS], **options)
    return rank(folder, open_dataset(root), chosen, score=score)


@pytest.mark.parametrize(
    ("score", "stored"),
    [("iou", "iou"), ("f1", "f1"), ("precision", "precision"), ("recall", "recall"),
     ("pixel_accuracy", "pixel_accuracy"), ("average_precision", "average_precision")],
)  # fmt: skip
def test_scores_from_saved_maps_are_those_of_an_evaluation(evaluated, score, stored):
    found = ranked(evaluated, score)
    expected = {(i, m, a): v for i, m, a, s, v in rows(evaluated[0].parent / "all") if s == stored}
    assert [c.name for c in found.candidates] == list(dict.fromkeys(c.name for c in found.candidates))
    assert len(found.candidates) == 7
    for c, candidate in enumerate(found.candidates):
        for p, image in enumerate(found.pictures):
            for a, who in enumerate(found.annotators):
                value = found.scores[c, p, a]
                if (image, candidate.name, who) in expected:
                    assert value == pytest.approx(expected[image, candidate.name, who], abs=1e-6)
                else:
                    assert np.isnan(value)
    assert found.pictures == [f"images/p{i}.png" for i in range(4)]
    assert int(np.isnan(found.scores[0]).sum()) == 1


def test_the_grid_has_modes_weights_and_thresholds(evaluated):
    found = ranked(
        evaluated, modes=("geometric", "product"), cuttings=(("otsu", ()), ("fixed", (("level", 0.5),))), weighted=True
    )
    # Singles: 3 x 2 thresholds; pairs: 3 x 2 modes x 3 weights x 2; the triple: 2 modes x 4 weights x 2.
    assert len(found.candidates) == 6 + 36 + 16
    names = [c.name for c in found.candidates]
    assert "Rollout (fixed 0.5)" in names
    assert "Rollout + LRP (product, 2:1, otsu)" in names
    root = evaluated[1]
    (number,) = (i for i, n in enumerate(names) if n == "Rollout + LRP (product, 2:1, otsu)")
    item = open_dataset(root).items[0]
    prepared = small_model().preprocess(vi.open_image(item.path))
    maps = vi.explain(small_model(), prepared.tensor, ["rollout", "lrp"])
    fused = vi.fuse(list(maps.values()), "product", (2, 1), normalisation="minmax")
    truth = prepared.placement.mask_to_input(open_dataset(root).read_mask(item, "ann"))
    by_hand = vi.scores.overlap(vi.threshold(fused, size=truth.shape).mask, truth).iou
    assert found.scores[number, 0, 0] == pytest.approx(by_hand, abs=1e-6)


def test_the_sentences_name_the_winner_and_the_number_to_quote(evaluated):
    found = ranked(evaluated)
    text = " ".join(sentences(found))
    winner = found.candidates[found.winner].name
    assert text.startswith(f"{winner} is the best of 7 candidates on these 4 pictures: IoU ")
    assert f"best on all others: {100 * found.left_out.mean.value:.2f}" in text
    assert f"(nested): {100 * found.nested.mean.value:.2f}" in text
    table = table_of(found)
    assert [line.heads[0] for line in table.lines][-2:] == ["Best on the other pictures", "... by the other people"]
    means = [line.cells[0].mean.value for line in table.lines[:-2]]
    assert means == sorted(means, reverse=True)
    for write in FORMATS.values():
        assert winner in write(table)
    document = json.loads(as_json(found))
    assert document["winner"]["name"] == winner
    assert document["lead"]["own"] == pytest.approx(document["lead"]["honest"]["mean"] + document["lead"]["by_choice"])


@pytest.mark.parametrize("gain", [0.0, -0.02])
def test_a_lead_that_the_choice_did_not_increase_is_not_attributed_to_it(evaluated, gain):
    found = ranked(evaluated)
    honest = Mean(0.1, 0.05, 0.15, 4)
    found.lead = Lead(honest.value + gain - 1e-17, honest)
    assert "None of the lead is due to choosing the best; the interval is above zero." in sentences(found)[-1]


def test_missing_maps_are_reported(evaluated, tmp_path):
    folder, root = evaluated
    with pytest.raises(vi.DataError, match="no maps of saliency"):
        rank(folder, open_dataset(root), candidates([make_method("saliency"), make_method("rollout")]))
    with pytest.raises(vi.DataError, match="--save maps"):
        rank(folder.parent / "all", open_dataset(root), candidates([make_method(m) for m in METHODS]))
    with pytest.raises(vi.ParameterError, match="two methods"):
        candidates([make_method("rollout")])


def test_the_command_computes_maps_once_and_ranks_again_without_a_model(tmp_path, capsys, monkeypatch):
    root = annotated_set(tmp_path / "set")
    command = ["rank", str(root), "--methods", "rollout,attention_gradcam", "--out", str(tmp_path / "r")]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "The number to quote" in out
    for name in ("rank.md", "rank.tex", "rank.html", "rank.csv", "rank.json"):
        assert (tmp_path / "r" / name).stat().st_size > 100
    monkeypatch.setattr("vitinspect.models.sources.load_model", None)
    assert main(["rank", str(tmp_path / "r"), "--weights", "--thresholds", "otsu,top_fraction=0.2"]) == 0
    assert len(json.loads((tmp_path / "r" / "rank.json").read_text())["candidates"]) == 4 + 6
    assert main(["rank", str(tmp_path / "r"), "--thresholds", "otzu"]) == 2
    assert main(["rank", str(tmp_path / "r"), "--methods", "lrp"]) == 2


def test_several_processes_score_as_one(evaluated, monkeypatch):
    monkeypatch.setattr("vitinspect.evaluation.ranking.CHUNK", 1)
    folder, root = evaluated
    chosen = candidates([make_method(m) for m in METHODS])
    done: list[tuple[int, int]] = []
    several = rank(folder, open_dataset(root), chosen, processes=2, progress=lambda *counts: done.append(counts))
    np.testing.assert_array_equal(several.scores, ranked(evaluated).scores)
    assert done[-1] == (4, 4)


def test_masks_that_started_from_a_map_are_left_out_and_counted(evaluated, tmp_path):
    """They fit the map that they started from."""
    folder, root = evaluated
    copied = tmp_path / "set"
    shutil.copytree(root, copied)
    facts = {"vitinspect": "mask", "status": "done", "origin": {"blind": True, "started_from": "map lrp"}}
    for name in ("p0", "p1"):
        (copied / "masks" / "bob" / f"{name}.mask.json").write_text(json.dumps(facts))
    chosen = candidates([make_method(m) for m in METHODS])
    found = rank(folder, open_dataset(copied), chosen)
    whole = rank(folder, open_dataset(copied), chosen, everything=True)
    bob = found.annotators.index("bob")
    assert np.isnan(found.scores[:, :2, bob]).all()
    np.testing.assert_array_equal(found.scores[:, 2:], whole.scores[:, 2:])
    assert not np.isnan(whole.scores[:, :2, bob]).any()
    assert "2 masks were left out: they started from a map." in sentences(found)
    assert json.loads(as_json(found))["masks_left_out"] == {"they started from a map": 2}
    assert not whole.left_out_masks


def _threads(job: int) -> tuple[str | None, str | None]:
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("OPENBLAS_NUM_THREADS")


def test_processes_that_share_the_cores_take_as_many_threads_as_there_are_cores_for_each(monkeypatch):
    """Two processes of two threads on two cores took ten times as long as two of one."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert {found for _, found in run_jobs(_threads, [1, 2], processes=2)} == {("1", "1")}
    assert os.environ["OMP_NUM_THREADS"] == "7"
