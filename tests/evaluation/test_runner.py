"""A run can be stopped at any moment and resumed; its numbers do not depend on how it was run."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from timm.models.vision_transformer import VisionTransformer

import vitinspect as vi
from tests.evaluation.small import masked_set, picture, small_model
from vitinspect.evaluation.datasets import open_dataset
from vitinspect.evaluation.plan import Plan, preset
from vitinspect.evaluation.report import write_report
from vitinspect.evaluation.runner import run
from vitinspect.evaluation.store import FILE, ImageResult, Score, Store, rank_file

METHODS = ("rollout", "attention_gradcam", "attention_gradient")


def plan_for(root: Path, **changes) -> Plan:
    values = {"data": str(root), "methods": METHODS, "ways": (1, 2), "scores": ("overlap", "deletion"), "steps": 4}
    return Plan(model="small", **{**values, **changes})


def rows(folder: Path) -> list[tuple]:
    with Store(folder / FILE) as store:
        return list(store.scores())


def test_a_run_scores_every_combination_of_every_image(tmp_path):
    plan = plan_for(masked_set(tmp_path / "set"))
    summary = run(plan, small_model(), tmp_path / "run")
    assert (summary.total, summary.done, summary.failed) == (5, 5, 0)
    found = {(method, score) for _, method, _, score, _ in rows(tmp_path / "run")}
    assert {m for m, _ in found} == {c.name for c in plan.combinations()}
    assert {"iou", "f1", "deletion_auc", "average_precision"} <= {s for _, s in found}


def test_a_model_without_a_classifier_predicts_nothing_that_could_be_measured(tmp_path):
    """Its outputs are features: the largest of them is no answer."""
    module = VisionTransformer(img_size=48, patch_size=16, embed_dim=32, depth=2, num_heads=2, num_classes=0)
    model = vi.wrap_model(module.eval(), name="bare")
    root = masked_set(tmp_path / "set", 2)
    for changes, words in (
        ({"scores": ("overlap", "deletion")}, "deletion"),
        ({"scores": ("overlap",), "methods": ("rollout", "legrad")}, "legrad"),
        ({"scores": ("overlap",), "target": "label", "min_confidence": 0.5}, "least confidence"),
    ):
        plan = plan_for(root, **{"methods": ("rollout",), "ways": (1,), **changes})
        with pytest.raises(vi.TargetError, match=f"bare has no classifier.*{words}"):
            run(plan, model, tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    plan = plan_for(root, methods=("rollout",), ways=(1,), scores=("overlap",))
    assert run(plan, model, tmp_path / "run").done == 2
    with pytest.raises(vi.TargetError, match="bare has no classifier, so it predicts no class"):
        model.predict(root / "images" / "p0.png")


def test_scores_are_those_of_the_pieces(tmp_path):
    """The runner's scores equal those of explain, fuse, threshold and overlap called one by one."""
    root = masked_set(tmp_path / "set", 2)
    plan = plan_for(root, scores=("overlap",), normalisation="minmax", fuse="geometric")
    run(plan, small_model(), tmp_path / "run")
    found = {(i, m, s): v for i, m, _, s, v in rows(tmp_path / "run")}
    dataset = open_dataset(root)
    model = small_model()
    for item in dataset.items:
        prepared = model.preprocess(vi.open_image(item.path))
        maps = vi.explain(model, prepared.tensor, METHODS)
        fused = vi.fuse([maps["rollout"], maps["attention_gradcam"]], "geometric", normalisation="minmax")
        truth = prepared.placement.mask_to_input(dataset.read_mask(item, ""))
        cut = vi.threshold(fused, "otsu", size=truth.shape)
        assert vi.scores.overlap(cut.mask, truth).iou == pytest.approx(found[item.key, "Rollout + GradCAM", "iou"])


def cancel_after_one(plan: Plan, folder: Path) -> None:
    cancel = vi.CancelToken()
    with pytest.raises(vi.Cancelled):
        run(plan, small_model(), folder, progress=lambda *_: cancel.cancel(), cancel=cancel)


def test_a_cancelled_run_is_resumed_and_ends_like_an_uninterrupted_one(tmp_path):
    plan = plan_for(masked_set(tmp_path / "set"))
    run(plan, small_model(), tmp_path / "whole")
    for _ in range(3):
        cancel_after_one(plan, tmp_path / "parts")
    with Store(tmp_path / "parts" / FILE) as store:
        assert len(store.finished()) == 3
    run(plan, small_model(), tmp_path / "parts")
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")


def test_a_finished_run_repeats_nothing(tmp_path):
    plan = plan_for(masked_set(tmp_path / "set"))
    assert run(plan, small_model(), tmp_path / "run").fresh == 5
    assert run(plan, small_model(), tmp_path / "run").fresh == 0


def test_a_longer_limit_resumes_the_run_and_another_plan_is_refused_by_name(tmp_path):
    root = masked_set(tmp_path / "set")
    run(plan_for(root, limit=2), small_model(), tmp_path / "run")
    assert run(plan_for(root, limit=4), small_model(), tmp_path / "run").fresh == 2
    with pytest.raises(vi.DataError, match="threshold was otsu and is now mean"):
        run(plan_for(root, threshold="mean"), small_model(), tmp_path / "run")
    with pytest.raises(vi.DataError, match="methods was"):
        run(plan_for(root, methods=("rollout",)), small_model(), tmp_path / "run")


def test_broken_pictures_are_recorded_with_the_reason_and_the_others_are_scored(tmp_path):
    root = masked_set(tmp_path / "set", 3)
    (root / "images" / "p1.png").write_bytes(b"no picture")
    picture(root / "images" / "p2.png", 2, size=(30, 30))
    summary = run(plan_for(root), small_model(), tmp_path / "run")
    assert (summary.done, summary.failed) == (1, 2)
    with Store(tmp_path / "run" / FILE) as store:
        reasons = {i.image: i.reason for i in store.images() if i.state == "failed"}
    assert "p1.png" in reasons["images/p1.png"]
    assert "60x48" in reasons["images/p2.png"]
    assert "p1.png" in (write_report(tmp_path / "run")[0]).read_text()


def test_unsure_pictures_are_skipped(tmp_path):
    root = masked_set(tmp_path / "set", 3)
    summary = run(plan_for(root, min_confidence=1.0), small_model(), tmp_path / "run")
    assert (summary.done, summary.skipped) == (0, 3)


def test_the_target_can_be_the_label_or_a_class(tmp_path):
    root = masked_set(tmp_path / "set", 4)
    run(plan_for(root, target="label", scores=("overlap",)), small_model(), tmp_path / "label")
    run(plan_for(root, target="cat", scores=("overlap",)), small_model(), tmp_path / "cat")
    targets = []
    for name in ("label", "cat"):
        with Store(tmp_path / name / FILE) as store:
            targets.append([i.target for i in store.images()])
    assert targets == [["ant", "bee", "cat", "dog"], ["cat"] * 4]


@pytest.mark.parametrize("protocol", ["vitmix", "multiplex", "reciprocam", "gmar", "segmentation"])
def test_every_protocol_runs_and_reports(tmp_path, protocol):
    root = masked_set(tmp_path / "set", 3)
    plan = preset(protocol, data=str(root), model="small")
    if protocol == "vitmix":
        plan = preset(protocol, data=str(root), model="small", methods=(*METHODS, "saliency(resolution=grid)"))
    summary = run(plan, small_model(), tmp_path / "run")
    assert summary.done == 3, [i.reason for i in Store(tmp_path / "run" / FILE).images()]
    files = {path.name for path in write_report(tmp_path / "run")}
    assert {"report.md", "report.tex", "summary.json", "results.csv"} <= files
    summary_file = json.loads((tmp_path / "run" / "summary.json").read_text())
    values = [m["mean"] for table in summary_file["tables"].values() for row in table.values() for m in row.values()]
    assert values
    assert np.isfinite(values).all()


def test_the_vitmix_report_has_the_papers_layout(tmp_path):
    root = masked_set(tmp_path / "set", 3)
    methods = (*METHODS, "saliency(resolution=grid)")
    run(preset("vitmix", data=str(root), model="small", methods=methods), small_model(), tmp_path / "run")
    write_report(tmp_path / "run")
    text = (tmp_path / "run" / "report.md").read_text()
    assert text.index("1-way methods") < text.index("2-way methods") < text.index("3-way methods")
    assert "| Method | IoU (%) ↑ | F1 (%) ↑ | Pixel accuracy (recall) (%) ↑ |" in text
    assert "**" in text
    tex = (tmp_path / "run" / "report.tex").read_text()
    assert r"\toprule" in tex
    assert r"\textbf{" in tex
    assert tex.count(r"\begin{tabular}") == 1
    with (tmp_path / "run" / "results.csv").open() as lines:
        table = list(csv.DictReader(lines))
    assert len(table) == 3 * (14 + 10)
    assert (tmp_path / "run" / "bars.png").stat().st_size > 1000
    assert "<svg" in (tmp_path / "run" / "bars.svg").read_text()


def test_an_image_is_stored_with_all_its_scores_or_not_at_all(tmp_path):
    with Store(tmp_path / FILE) as store:
        broken = ImageResult("a", 0, scores=[Score("m", "iou", 0.5), Score("m", "f1", None)])  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            store.add(broken)
        assert store.finished() == set()
        assert list(store.scores()) == []


def test_files_of_ranks_are_merged_once_and_removed(tmp_path):
    plan = plan_for(tmp_path)
    with Store(tmp_path / FILE) as store:
        store.claim(plan)
        store.add(ImageResult("a", 0, scores=[Score("m", "iou", 0.5)]))
    for rank, image in ((0, "a"), (1, "b")):
        with Store(rank_file(tmp_path, rank)) as store:
            store.claim(plan)
            store.add(ImageResult(image, rank, scores=[Score("m", "iou", 0.25)]))
    from vitinspect.evaluation.runner import merge

    assert merge(tmp_path) == 1
    assert [(i, v) for i, *_, v in rows(tmp_path)] == [("a", 0.5), ("b", 0.25)]
    assert not list(tmp_path.glob("results-rank*"))


SCRIPT = """
import os, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.evaluation.small import small_model
from tests.evaluation.test_runner import plan_for
from vitinspect.evaluation.runner import Ranks, run
root, folder, die_after = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
ranks = Ranks.from_environment()
done = 0
marker = folder / "died"
def progress(*_):
    pass
if ranks.rank == 1 and die_after >= 0 and not marker.exists():
    from vitinspect.evaluation.store import Store
    add = Store.add
    def dying(self, result):
        global done
        add(self, result)
        done += 1
        if done > die_after:
            marker.write_text("x")
            os._exit(13)
    Store.add = dying
run(plan_for(root), small_model(), folder, ranks=ranks, progress=progress)
"""


@pytest.mark.parametrize(("ranks", "die_after"), [(2, -1), (3, 0)])
def test_several_ranks_give_the_rows_of_one_also_when_one_dies(tmp_path, ranks, die_after):
    root = masked_set(tmp_path / "set", 6)
    run(plan_for(root), small_model(), tmp_path / "one")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    (tmp_path / "many").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}", "--max-restarts=2",
        str(script), str(root), str(tmp_path / "many"), str(die_after),
    ]  # fmt: skip
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert (tmp_path / "many" / "died").exists() == (die_after >= 0)
    one, many = rows(tmp_path / "one"), rows(tmp_path / "many")
    assert [r[:4] for r in one] == [r[:4] for r in many]
    np.testing.assert_allclose([r[4] for r in one], [r[4] for r in many], atol=1e-9)


def test_a_killed_process_loses_nothing_that_it_reported(tmp_path):
    root = masked_set(tmp_path / "set", 6)
    run(plan_for(root), small_model(), tmp_path / "one")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("ranks.rank == 1 and ", "").replace("os._exit(13)", "os.kill(os.getpid(), 9)"))
    (tmp_path / "killed").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), str(root), str(tmp_path / "killed"), "1"]
    first = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
    assert first.returncode == -9
    with Store(tmp_path / "killed" / FILE) as store:
        assert len(store.finished()) == 2
    second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert second.returncode == 0, second.stderr[-2000:]
    np.testing.assert_allclose(
        [r[4] for r in rows(tmp_path / "killed")], [r[4] for r in rows(tmp_path / "one")], atol=1e-6
    )
