"""A run writes its maps, masks, overlays and sheets on request, and a resumed one those that are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi
from tests.evaluation.small import mask, masked_set, picture, small_model
from tests.evaluation.test_runner import plan_for, rows
from vitinspect.evaluation.datasets import open_dataset
from vitinspect.evaluation.plan import preset
from vitinspect.evaluation.runner import run
from vitinspect.evaluation.saving import KINDS, parse_kinds
from vitinspect.evaluation.shards import Shard, merge_run, run_shard
from vitinspect.files import made_from, read_metadata


def plan_of(root: Path, **changes):
    return plan_for(root, methods=("rollout", "attention_gradcam"), scores=("overlap",), **changes)


def written(folder: Path) -> list[str]:
    return sorted(
        p.relative_to(folder).as_posix() for kind in (*KINDS, "results") for p in folder.glob(f"{kind}/**/*.*")
    )


def test_every_kind_of_file_is_written_for_every_image_and_row(tmp_path):
    root = masked_set(tmp_path / "set", 2)
    run(plan_of(root), small_model(), tmp_path / "run", save=KINDS)
    rows_of = ("GradCAM", "Rollout", "Rollout+GradCAM")
    expected = [f"maps/{row}/p{i}.npz" for row in rows_of for i in range(2)]
    expected += [f"{kind}/{row}/p{i}.png" for kind in ("masks", "overlays") for row in rows_of for i in range(2)]
    expected += [f"sheets/p{i}.png" for i in range(2)]
    assert written(tmp_path / "run") == sorted(expected)


def test_the_files_hold_what_was_scored(tmp_path):
    root = masked_set(tmp_path / "set", 1)
    plan = plan_of(root, mode="squash")
    run(plan, small_model(), tmp_path / "run", save=KINDS)
    prepared = small_model().preprocess(vi.open_image(root / "images" / "p0.png"), "squash")
    maps = vi.explain(small_model(), prepared.tensor, ["rollout", "attention_gradcam"])
    fused = vi.fuse(list(maps.values()), "geometric", normalisation="minmax")
    path = tmp_path / "run" / "maps" / "Rollout+GradCAM" / "p0.npz"
    with np.load(path) as archive:
        np.testing.assert_allclose(archive["values"], fused.values, rtol=1e-5, atol=1e-7)
    about = read_metadata(path)
    assert about["method"] == "Rollout + GradCAM"
    assert made_from(path) == str(root / "images" / "p0.png")
    with Image.open(tmp_path / "run" / "masks" / "Rollout" / "p0.png") as saved:
        cut = np.asarray(saved)
    assert cut.shape == (48, 60)
    assert set(np.unique(cut)) == {0, 255}
    scored = vi.threshold(maps["rollout"], "otsu", size=(48, 48)).share
    assert (cut > 0).mean() == pytest.approx(scored, abs=0.03)
    with Image.open(tmp_path / "run" / "sheets" / "p0.png") as sheet:
        assert sheet.width > 4 * 240


def test_a_resumed_run_writes_missing_files(tmp_path):
    root = masked_set(tmp_path / "set", 3)
    assert run(plan_of(root), small_model(), tmp_path / "run").fresh == 3
    before = rows(tmp_path / "run")
    assert run(plan_of(root), small_model(), tmp_path / "run", save=("overlays",)).fresh == 3
    assert run(plan_of(root), small_model(), tmp_path / "run", save=("overlays",)).fresh == 0
    (tmp_path / "run" / "overlays" / "Rollout" / "p1.png").unlink()
    assert run(plan_of(root), small_model(), tmp_path / "run", save=("overlays",)).fresh == 1
    assert rows(tmp_path / "run") == before
    assert len(written(tmp_path / "run")) == 9


def test_shards_write_their_files_too(tmp_path):
    root = masked_set(tmp_path / "set", 3)
    for text in ("1/2", "2/2"):
        run_shard(plan_of(root), small_model(), tmp_path / "run", Shard.parse(text), save=("maps",))
    assert merge_run(tmp_path / "run").summary.done == 3
    assert len(written(tmp_path / "run")) == 9


def test_a_file_of_another_program_is_kept_and_its_image_fails_with_the_reason(tmp_path):
    root = masked_set(tmp_path / "set", 2)
    foreign = tmp_path / "run" / "sheets" / "p0.png"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"my drawing")
    summary = run(plan_of(root), small_model(), tmp_path / "run", save=("sheets",))
    assert (summary.done, summary.failed) == (1, 1)
    assert foreign.read_bytes() == b"my drawing"


def test_images_of_one_name_do_not_share_a_file(tmp_path):
    for name in ("a.png", "a.jpg", "deep/a.png"):
        picture(tmp_path / "set" / "images" / name, 1)
    mask(tmp_path / "set" / "masks" / "a.png", 1)
    run(plan_of(tmp_path / "set"), small_model(), tmp_path / "run", save=("maps",))
    assert len(written(tmp_path / "run")) == 9
    assert len(open_dataset(tmp_path / "set")) == 3


def test_the_gmar_protocol_names_overlays_as_the_comparison_project_does(tmp_path):
    root = masked_set(tmp_path / "set", 1)
    run(preset("gmar", data=str(root), model="small"), small_model(), tmp_path / "run", save=("overlays",))
    assert written(tmp_path / "run") == [
        "results/gmar_l1/p0_gmar.png", "results/gmar_l2/p0_gmar.png", "results/legrad/p0_legrad.png",
        "results/rollout/p0_rollout.png",
    ]  # fmt: skip


def test_kinds_are_named(tmp_path):
    assert parse_kinds("sheets, maps") == ("maps", "sheets")
    for wrong in ("", "pictures"):
        with pytest.raises(vi.ParameterError, match="overlays"):
            parse_kinds(wrong)
