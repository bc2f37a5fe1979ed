"""Saved maps of a run against people's masks: the numbers are those of an evaluation, and the report contains them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import vitinspect as vi
from tests.evaluation.small import small_model
from tests.evaluation.test_ranking import METHODS, annotated_set
from tests.evaluation.test_runner import plan_for, rows
from vitinspect.annotation.gather import gather
from vitinspect.cli import main
from vitinspect.errors import DataError
from vitinspect.evaluation.among_people import (
    AmongPeople,
    SavedMaps,
    among_people,
)
from vitinspect.evaluation.runner import run


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    here = tmp_path_factory.mktemp("among")
    root = annotated_set(here / "set")
    plan = plan_for(root, methods=METHODS, ways=(1, 2), scores=("overlap",))
    run(plan, small_model(), here / "run", save=("maps",))
    return here / "run", root


@pytest.fixture(scope="module")
def compared(evaluated: tuple[Path, Path]) -> AmongPeople:
    folder, root = evaluated
    return among_people(SavedMaps(folder, gather([root]).masks))


def test_the_statistics_are_those_that_the_run_has_stored(evaluated, compared: AmongPeople) -> None:
    stored = {(i, m, a, s): v for i, m, a, s, v in rows(evaluated[0])}
    assert len(compared.pictures) == 4
    assert len(compared.maps) == 6
    for one in compared.pictures:
        for name, against in one.maps.items():
            for who in one.annotators:
                for key in set(against[who]) - {"dice"}:
                    assert against[who][key] == pytest.approx(stored[one.image, name, who, key]), (name, who, key)


def test_who_drew_what_and_the_consensus_are_compared(compared: AmongPeople) -> None:
    assert [one.annotators for one in compared.pictures] == [("ann", "bob")] * 3 + [("ann",)]
    assert set(compared.pictures[0].maps["Rollout"]) == {"ann", "bob", "majority"}
    assert compared.means("Rollout")["bob"]["pictures"] == 3
    assert compared.means("Rollout")["ann"]["iou"] == pytest.approx(
        np.mean([one.maps["Rollout"]["ann"]["iou"] for one in compared.pictures])
    )


def test_people_are_compared_where_the_model_looked(evaluated, compared: AmongPeople) -> None:
    root = evaluated[1]
    saved = SavedMaps(evaluated[0], gather([root]).masks)
    _, seen, size = saved.inputs(saved.items[0])
    assert all(mask.shape == size == (48, 48) for mask in seen.values())
    alone = vi.agreement({who: {"p0": mask} for who, mask in seen.items()}).matrix("dice")[0, 1]
    assert compared.pictures[0].people["ann", "bob"] == pytest.approx(alone)


def test_the_curve_passes_through_the_best_threshold(compared: AmongPeople) -> None:
    one = compared.pictures[0]
    best = one.maps["Rollout"]["ann"]["best_iou"]
    highest = float(one.curves["Rollout"]["ann"].max())
    assert highest <= 2 * best / (1 + best) + 1e-6
    assert highest == pytest.approx(2 * best / (1 + best), abs=0.05)


def test_known_pictures_are_not_computed_again(evaluated, compared: AmongPeople) -> None:
    folder, root = evaluated
    known = {one.image: one for one in compared.pictures[:3]}
    again = among_people(SavedMaps(folder, gather([root]).masks), known=known)
    assert all(a is b for a, b in zip(again.pictures[:3], compared.pictures[:3], strict=True))
    assert again.pictures[3].maps == compared.pictures[3].maps


def test_masks_of_other_pictures_are_refused(evaluated) -> None:
    with pytest.raises(DataError, match="None of the masks"):
        SavedMaps(evaluated[0], {"ann": {"elsewhere.png": np.ones((4, 4), np.uint8)}})


def test_a_run_without_maps_says_how_they_are_saved(tmp_path: Path) -> None:
    root = annotated_set(tmp_path / "set")
    run(plan_for(root, scores=("overlap",), ways=(1,)), small_model(), tmp_path / "run")
    with pytest.raises(DataError, match="--save maps"):
        among_people(SavedMaps(tmp_path / "run", gather([root]).masks))


def test_agree_writes_table_and_figure_of_the_maps(evaluated, tmp_path: Path, capsys) -> None:
    folder, root = evaluated
    out = tmp_path / "out"
    assert main(["agree", str(root), "--out", str(out), "--maps", str(folder)]) == 0
    said = capsys.readouterr().out
    found = json.loads((out / "maps.json").read_text())
    assert found["ceiling"]["maps"]["Rollout + LRP"]["sentence"] in said
    with (out / "maps.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == 6 * (3 * 3 + 2)
    text = (out / "maps.md").read_text()
    assert "| majority (consensus) | 4 |" in text
    assert "ceiling.png" in text
    for name in ("ceiling.png", "ceiling.svg", "ceiling.pdf", "thresholds.png"):
        assert (out / name).stat().st_size > 1000
